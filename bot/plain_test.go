package bot

import (
	"testing"

	"github.com/openhotline/hotline/bot/entity"
)

func TestCodesAndNumbersAreNotClassified(t *testing.T) {
	tests := []struct{ lang, text, plain, telling string }{
		{"zh", "查下运单YT8830021456617,手机号13800138000", "查下运单 ,手机号 ", "tracking_number"},
		{"en", "Order 45512, make it two", "Order  , make it two", ""},
		{"en", "someone spent $2300 with my card ending 1880", "someone spent $2300 with my card ending  ", "card_tail"},
		{"ja", "下4桁7719の限度額を教えて", "下4桁 の限度額を教えて", "card_tail"},
		{"en", "4711-2", "4711-2", ""},
		{"en", "where is it", "where is it", ""},
	}
	for _, tt := range tests {
		given := entity.Extract(tt.text, entity.Options{Language: tt.lang})
		if got := withoutValues(tt.text, given); got != tt.plain {
			t.Errorf("%q without values is %q, want %q", tt.text, got, tt.plain)
		}
		if got := telling(given); string(got) != tt.telling {
			t.Errorf("%q tells by %q, want %q", tt.text, got, tt.telling)
		}
	}
}
