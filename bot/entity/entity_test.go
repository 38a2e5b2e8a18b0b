package entity

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// Each case: language, pending slot, wanted slots, text, and what is found, as
// "kind=value" in the order of the places.
var cases = []struct {
	lang, pending, wanted, text, want string
}{
	// English, written
	{"en", "", "", "where is order 4712-3301?", "order_number=47123301"},
	{"en", "", "", "My order number is AB-102938, it hasn't come", "order_number=AB102938"},
	{"en", "", "", "order #A1023849 please", "order_number=A1023849"},
	{"en", "", "", "ref no. RF/2024/0092", "order_number=RF20240092"},
	{"en", "", "", "I ordered 3 items for $45.50 on 12 March and paid with the card ending in 4421", "product= amount=45.5 date=03-12 card_tail=4421"},
	{"en", "", "", "the tracking number says 1Z999AA10123456784", "tracking_number=1Z999AA10123456784"},
	{"en", "", "", "parcel number is RR123456785GB", "tracking_number=RR123456785GB"},
	{"en", "", "", "you can call me on (415) 555-2671", "phone=4155552671"},
	{"en", "", "", "mail me at jane.doe+x@example.co.uk", "email=jane.doe+x@example.co.uk"},
	{"en", "", "", "I have 24/7 trouble with it, 2 days now", ""},
	{"en", "", "", "it was 3 weeks ago", "date=3 weeks ago"},
	{"en", "", "", "charged on 2026-11-03 for £1,299", "date=2026-11-03 amount=1299"},
	{"en", "", "", "My name is Sarah Chen and I want a refund", "name=Sarah Chen"},
	{"en", "", "", "this is really annoying", ""},
	{"en", "", "", "I'm waiting for my parcel", ""},
	{"en", "", "", "I'm Tom Becker, the order is 88123", "name=Tom Becker order_number=88123"},
	{"en", "", "", "send it to 12 Baker Street, London please", "address=12 Baker Street, London"},
	{"en", "", "", "my wireless headphones are broken", "product=wireless headphones"},
	{"en", "", "order_number", "hi, 4712330 still not here", "order_number=4712330"},
	{"en", "", "", "hi, 4712 still not here", ""},
	// English, spoken
	{"en", "", "", "order number four seven one one", "order_number=4711"},
	{"en", "", "", "it's order forty seven double one three", "order_number=47113"},
	{"en", "order_number", "", "k y f one seven six", "order_number=KYF176"},
	{"en", "order_number", "", "kyf 176", "order_number=KYF176"},
	{"en", "order_number", "", "it is A as in apple, B as in boy, 4 4 1 9", "order_number=AB4419"},
	{"en", "order_number", "", "alpha bravo nine nine dash oh seven", "order_number=AB9907"},
	{"en", "phone", "", "oh two oh seven nine four six oh nine five eight", "phone=02079460958"},
	{"en", "amount", "", "three hundred and fifty dollars", "amount=350"},
	{"en", "amount", "", "about two thousand five hundred", "amount=2500"},
	{"en", "", "", "you charged me twenty five bucks too much", "amount=25"},
	{"en", "date", "", "march third", "date=03-03"},
	{"en", "date", "", "the twenty first of november 2025", "date=2025-11-21"},
	{"en", "email", "", "john dot smith at gmail dot com", "email=john.smith@gmail.com"},
	{"en", "card_tail", "", "nine nine one two", "card_tail=9912"},
	// English, corrections and replies
	{"en", "order_number", "", "4711, no sorry, 4712", "order_number=4712"},
	{"en", "", "", "it's not order 4711 but order 4712", "order_number=4712"},
	{"en", "order_number", "", "I don't have it", ""},
	{"en", "name", "", "john smith", "name=john smith"},
	{"en", "name", "", "it's Maria de la Cruz", "name=Maria de la Cruz"},
	{"en", "name", "", "why do you need that?", ""},
	{"en", "address", "", "flat 3, 18 Elm Grove, Leeds LS6 2AB", "address=flat 3, 18 Elm Grove, Leeds LS6 2AB"},
	// Chinese
	{"zh", "", "", "我的订单号是20240912138，到哪了", "order_number=20240912138"},
	{"zh", "", "", "订单幺三八四七一一怎么还没到", "order_number=1384711"},
	{"zh", "", "", "订单号二零二四零九一二幺三八", "order_number=20240912138"},
	{"zh", "", "", "快递单号SF1234567890123", "tracking_number=SF1234567890123"},
	{"zh", "", "", "手机13912345678", "phone=13912345678"},
	{"zh", "phone", "", "幺三九 幺二三四 五六七八", "phone=13912345678"},
	{"zh", "", "", "退了我三百五十块", "amount=350"},
	{"zh", "", "", "扣了我1.2万元", "amount=12000"},
	{"zh", "", "", "多收了三块五", "amount=3.5"},
	{"zh", "amount", "", "一千二", "amount=1200"},
	{"zh", "", "", "十一月三号买的", "date=11-03"},
	{"zh", "", "", "2026年1月5日下的单", "date=2026-01-05"},
	{"zh", "", "", "我上周五买的耳机坏了", "date=上周五 product=耳机"},
	{"zh", "", "", "三天前就发货了", "date=三天前"},
	{"zh", "", "", "尾号4471的卡丢了", "card_tail=4471"},
	{"zh", "", "", "卡的后四位是八八一二", "card_tail=8812"},
	{"zh", "", "", "我叫王小明，订单88213", "name=王小明 order_number=88213"},
	{"zh", "", "", "地址改成杭州市西湖区文三路90号5栋", "address=杭州市西湖区文三路90号5栋"},
	{"zh", "order_number", "", "不对，是4712", "order_number=4712"},
	{"zh", "", "order_number", "不是4711是4712号单 订单47123", "order_number=4712 order_number=47123"},
	{"zh", "", "", "一下子就坏了，两三天都不行，千万别", ""},
	{"zh", "", "", "一个人一百分满意", ""},
	{"zh", "name", "", "李雷", "name=李雷"},
	{"zh", "product", "", "那个电饭煲", "product=电饭煲"},
	// Japanese
	{"ja", "", "", "注文番号は4712-3301です", "order_number=47123301"},
	{"ja", "", "", "注文番号、よんななイチイチです", "order_number=4711"},
	{"ja", "order_number", "", "四七一一です", "order_number=4711"},
	{"ja", "phone", "", "ゼロ九ゼロの一二三四の五六七八です", "phone=09012345678"},
	{"ja", "", "", "電話は090-1234-5678です", "phone=09012345678"},
	{"ja", "", "", "１万５千円引き落とされました", "amount=15000"},
	{"ja", "", "", "三千円の返金", "amount=3000"},
	{"ja", "", "", "11月3日に買いました", "date=11-03"},
	{"ja", "", "", "先週の金曜日に届いたイヤホンが壊れて", "date=先週の金曜日 product=イヤホン"},
	{"ja", "", "", "下4桁は8812です", "card_tail=8812"},
	{"ja", "", "", "田中太郎と申します", "name=田中太郎"},
	{"ja", "", "", "住所は東京都渋谷区神南1-2-3です", "address=東京都渋谷区神南1-2-3"},
	{"ja", "", "", "追跡番号 1234-5678-9012", "tracking_number=123456789012"},
	{"ja", "order_number", "", "すみません、4711ではなく4712です", "order_number=4712"},
	{"ja", "", "", "三日前に頼んだのに", "date=三日前"},
	{"ja", "name", "", "佐藤です", "name=佐藤"},
}

func find(lang, pending, wanted, text string) string {
	opt := Options{Language: lang, Pending: Kind(pending)}
	for w := range strings.FieldsSeq(wanted) {
		opt.Wanted = append(opt.Wanted, Kind(w))
	}
	var out []string
	for _, e := range Extract(text, opt) {
		out = append(out, fmt.Sprintf("%s=%s", e.Kind, e.Value))
	}
	return strings.Join(out, " ")
}

func TestExtract(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		if got := find(c.lang, c.pending, c.wanted, c.text); got != strings.ReplaceAll(c.want, "product= ", "") {
			t.Errorf("%s %q (asked for %q): %q, want %q", c.lang, c.text, c.pending, got, c.want)
		}
	}
}

func TestExtractWide(t *testing.T) {
	t.Parallel()
	for lang, list := range wide {
		if len(list) < 60 {
			t.Errorf("%s has %d cases", lang, len(list))
		}
		for _, c := range list {
			if got := find(lang, c.pending, c.wanted, c.text); got != c.want {
				t.Errorf("%s %q (asked for %q): %q, want %q", lang, c.text, c.pending, got, c.want)
			}
		}
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	opt := Options{Language: "en", Pending: OrderNumber, Checks: map[Kind]*regexp.Regexp{OrderNumber: regexp.MustCompile(`HL\d{6}`)}}
	for text, invalid := range map[string]bool{"HL-123456": false, "hl 123 456": false, "123456": true, "HL1234567": true} {
		got := Extract(text, opt)
		if len(got) != 1 || got[0].Invalid != invalid {
			t.Errorf("%q: %+v, want invalid %v", text, got, invalid)
		}
	}
}

func FuzzExtract(f *testing.F) {
	for _, c := range cases {
		f.Add(c.text, c.lang, c.pending)
	}
	f.Add("\xff\xfe 4711 \x00", "en", "order_number")
	f.Fuzz(func(t *testing.T, text, lang, pending string) {
		if len(lang) > 8 {
			return
		}
		end := 0
		for _, e := range Extract(text, Options{Language: lang, Pending: Kind(pending), Wanted: []Kind{OrderNumber}}) {
			if e.Start < end || e.End <= e.Start || e.End > len(text) || text[e.Start:e.End] != e.Text || e.Value == "" {
				t.Fatalf("%q: %+v after %d", text, e, end)
			}
			if utf8.ValidString(text) && !utf8.ValidString(e.Text) {
				t.Fatalf("%q: %q cuts a character", text, e.Text)
			}
			end = e.End
		}
	})
}

func BenchmarkExtract(b *testing.B) {
	for _, c := range []struct{ lang, text string }{
		{"en", "Hi, my name is Sarah Chen, I ordered wireless headphones last Friday, order number AB-102938, and was charged $45.50"},
		{"zh", "你好我叫王小明，上周五在你们家买的耳机坏了，订单号20240912138，付了三百五十块，麻烦打我手机13912345678"},
		{"ja", "田中と申しますが、先週の金曜日に届いたイヤホンが壊れていて、注文番号は4712-3301、代金は三千円でした"},
	} {
		b.Run(c.lang, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Extract(c.text, Options{Language: c.lang})
			}
		})
	}
}
