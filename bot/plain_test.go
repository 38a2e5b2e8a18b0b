package bot

import (
	"testing"

	"github.com/openhotline/hotline/bot/entity"
	"github.com/openhotline/hotline/bot/pack"
)

func TestCodesAndNumbersAreNotClassified(t *testing.T) {
	tests := []struct{ lang, text, plain string }{
		{"zh", "查下运单YT8830021456617,手机号13800138000", "查下运单 ,"},
		{"zh", "箱子一拆开就裂了，订单号是 4471302", "箱子一拆开就裂了，"},
		{"en", "Order 45512, make it two", " make it two"},
		{"en", "where is order 45512?", "where is order  ?"},
		{"en", "someone spent $2300 with my card ending 1880", "someone spent $2300 with my card ending  "},
		{"ja", "下4桁7719の限度額を教えて", "下4桁 の限度額を教えて"},
		{"ja", "箱がつぶれていました。注文番号は4471302です", "箱がつぶれていました。"},
		{"en", "my order number is 45512", "my order number is  "},
		{"en", "4711-2", "4711-2"},
		{"en", "where is it", "where is it"},
	}
	for _, tt := range tests {
		given := entity.Extract(tt.text, entity.Options{Language: tt.lang})
		if got := withoutValues(tt.text, given); got != tt.plain {
			t.Errorf("%q without values is %q, want %q", tt.text, got, tt.plain)
		}
	}
}

func TestValuesTellOfIntents(t *testing.T) {
	damaged := pack.Intent{Required: []string{"order_number"}, Optional: []string{"product"}}
	repair := pack.Intent{Optional: []string{"product", "order_number", "date"}}
	advice := pack.Intent{Optional: []string{"product"}}
	order := entity.Extract("it leaks, order 45512", entity.Options{Language: "en"})
	if a, b, c := leaning(damaged, order), leaning(repair, order), leaning(advice, order); a <= b || b <= c || c != 1 {
		t.Errorf("an order's number weighs %v where it is needed, %v where it may be used, %v elsewhere", a, b, c)
	}
	if w := leaning(damaged, nil); w != 1 {
		t.Errorf("nothing weighs %v", w)
	}
}
