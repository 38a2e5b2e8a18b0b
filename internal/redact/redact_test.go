package redact

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	in := `{"name":"x","password":"p1","has_password":true,"nested":[{"client_secret":"s","Password":"p2","password_hash":"$argon2"}],"token":"t","tokens":3,"n":12345678901234567890,"empty":{"password":""}}`
	got := string(JSON([]byte(in)))
	for _, secret := range []string{"p1", "p2", `"s"`, "argon2", `"t"`} {
		if strings.Contains(got, secret) {
			t.Errorf("%s shows %s", got, secret)
		}
	}
	for _, kept := range []string{`"has_password":true`, `"tokens":3`, "12345678901234567890", `"name":"x"`, `"empty":{"password":""}`} {
		if !strings.Contains(got, kept) {
			t.Errorf("%s lacks %s", got, kept)
		}
	}
	if got := string(JSON([]byte("no json"))); got != `"***"` {
		t.Errorf("%s", got)
	}
}

func TestTexts(t *testing.T) {
	for _, c := range []struct{ name, got, want string }{
		{"mobile", Number("+8613800138000"), "+861********00"},
		{"extension", Number("8001"), "**01"},
		{"no number", Number("anonymous"), "anonymous"},
		{"url", URL("postgres://me:pw@host:5432/db?x=1"), "postgres://me:***@host:5432/db?x=1"},
		{"url with odd password", URL("postgres://me:p@w@host/db"), "postgres://me:***@host/db"},
		{"url without password", URL("postgres://host/db"), "postgres://host/db"},
		{"no url", URL("sqlite:x"), "sqlite:x"},
		{"card", Cards("my card 4111 1111 1111 1111 ok"), "my card **** **** **** 1111 ok"},
		{"card in CJK", Cards("卡号4111111111111111。"), "卡号************1111。"},
		{"not a card", Cards("order 4111 1111 1111 1112"), "order 4111 1111 1111 1112"},
		{"phone is kept", Cards("call 13800138000"), "call 13800138000"},
		{"longer than a card", Cards("41111111111111110000000"), "41111111111111110000000"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"password":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out := JSON(b); !json.Valid(out) {
			t.Fatalf("%q became %q", b, out)
		}
	})
}

func FuzzCards(f *testing.F) {
	f.Add("4111-1111-1111-1111")
	f.Fuzz(func(t *testing.T, s string) {
		once := Cards(s)
		if Cards(once) != once {
			t.Fatalf("%q is masked further the second time", s)
		}
	})
}
