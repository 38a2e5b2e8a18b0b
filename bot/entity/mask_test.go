package entity

import (
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lang, text string
		gone       []string
		kept       []string
	}{
		"taken back":      {"zh", "我的手机号是13800138000，不对，是13900139000", []string{"13800138000", "13900139000"}, nil},
		"far behind":      {"zh", strings.Repeat("我想问一下这个怎么办", 400) + "，手机号13800138000", []string{"13800138000"}, nil},
		"without a break": {"zh", strings.Repeat("啊", 1500) + "13800138000" + strings.Repeat("啊", 1500), []string{"13800138000"}, nil},
		"birthday":        {"en", "I was born on 12 March 1985 and joined yesterday", []string{"1985"}, []string{"yesterday"}},
		"unnamed":         {"en", "it said 84-51-22 77 on the slip", []string{"84-51", "77 "}, nil},
		"account":         {"en", "account number 40012233 please", []string{"40012233"}, nil},
		"full width":      {"ja", "番号は１２３４５６７です", []string{"１２３"}, nil},
		"spoken":          {"zh", "号码幺三八零零幺三八零零零", []string{"零零"}, nil},
		"card":            {"en", "4111 1111 1111 1111", []string{"4111 1111"}, nil},
		"sums stay":       {"en", "you took 12500 dollars for the kettle", nil, []string{"12500", "kettle"}},
		"mail":            {"en", "mail sarah@example.com or sarah dot chen at example dot com", []string{"sarah@", "chen at"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := Mask(c.text, c.lang)
			for _, g := range c.gone {
				if strings.Contains(m.Text, g) {
					t.Errorf("%q is still in %q", g, m.Text)
				}
			}
			for _, k := range c.kept {
				if !strings.Contains(m.Text, k) {
					t.Errorf("%q is not in %q any more", k, m.Text)
				}
			}
			if name != "card" && m.Restore(m.Text) != c.text {
				t.Errorf("%q is not restored: %q", c.text, m.Restore(m.Text))
			}
		})
	}
}

func TestAnonymous(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ language, text, want string }{
		{"en", "where is order HL-20240912138", "where is order XX-00000000000"},
		{"en", "my name is Peter Walsh and I want a refund", "my name is and I want a refund"},
		{"zh", "订单20240912138怎么还没到", "订单00000000000怎么还没到"},
		{"zh", "我的手机是13812345678，帮我查一下", "我的手机是00000000000，帮我查一下"},
		{"ja", "電話は090-1234-5678です", "電話は000-0000-0000です"},
		{"en", "card 4111 1111 1111 1111 was charged", "card 0000 0000 0000 0000 was charged"},
	} {
		if got := Anonymous(c.text, c.language); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.text, got, c.want)
		}
	}
}
