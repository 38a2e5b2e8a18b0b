package phone

import (
	"strings"
	"testing"
)

func TestNormalise(t *testing.T) {
	tests := []struct {
		raw, country, want string
		kind               Kind
	}{
		{"13912345678", "CN", "+8613912345678", E164},
		{"013912345678", "CN", "+8613912345678", E164},
		{"8613912345678", "CN", "+8613912345678", E164},
		{"0086 139 1234 5678", "CN", "+8613912345678", E164},
		{"+86 (139) 1234-5678", "JP", "+8613912345678", E164},
		{"010-6655 1234", "CN", "+861066551234", E164},
		{"tel:+8613912345678", "", "+8613912345678", E164},
		{"sip:1001", "CN", "1001", Short},
		{"１３９１２３４５６７８", "CN", "+8613912345678", E164},
		{"090-1234-5678", "JP", "+819012345678", E164},
		{"0120-123-456", "JP", "+81120123456", E164},
		{"(415) 555-2671", "US", "+14155552671", E164},
		{"14155552671", "CN", "+14155552671", E164},
		{"400-820-8820", "CN", "4008208820", Service},
		{"95588", "CN", "95588", Short},
		{"95013123", "CN", "95013123", Short},
		{"12345", "CN", "12345", Short},
		{"9000", "CN", "9000", Short},
		{"*55", "CN", "*55", Short},
		{"anonymous", "CN", "", Withheld},
		{"", "CN", "", Withheld},
		{"alice", "CN", "alice", Address},
		{"+8613912345678,1234", "CN", "+8613912345678,1234", Extension},
		{"13912345678转1234", "CN", "+8613912345678,1234", Extension},
		{"+8613912345678;ext=12", "CN", "+8613912345678,12", Extension},
		{"+8613912345678;cpc=ordinary", "CN", "+8613912345678", E164},
	}
	for _, tt := range tests {
		got, err := Normalise(tt.raw, tt.country)
		if err != nil || got.String() != tt.want || got.Kind != tt.kind {
			t.Errorf("%q in %s: %+v, %v, want %s, %s", tt.raw, tt.country, got, err, tt.want, tt.kind)
		}
	}
	for _, raw := range []string{"1\x00 2", string(make([]byte, 100))} {
		if _, err := Normalise(raw, "CN"); err == nil {
			t.Errorf("%q is taken", raw)
		}
	}
}

func TestDisplay(t *testing.T) {
	for _, c := range [][3]string{
		{"+8613912345678", "CN", "139 1234 5678"}, {"+8613912345678", "JP", "+86 139 1234 5678"},
		{"+819012345678", "JP", "090-1234-5678"}, {"9000", "CN", "9000"}, {"", "CN", ""}, {"+8613912345678,12", "CN", "139 1234 5678 x12"},
	} {
		if got := Display(c[0], c[1]); got != c[2] {
			t.Errorf("%s in %s: %q, want %q", c[0], c[1], got, c[2])
		}
	}
}

func TestTail(t *testing.T) {
	for dialled, want := range map[string]string{
		"": "", "9000": "9000", "95588": "********5588", "+8613912345678": "********5678",
		"+8675512345678,6222021234567890": "********7890", "9002*16#6222021234567890#": "********890#",
		"转1234": "********1234", "转接分机": "转接分机", "请转接分机": "********转接分机",
		strings.Repeat("7", 5000): "********7777", "1\xff\xff\xff\xff": "********\xff\xff\xff\xff",
	} {
		if got := Tail(dialled); got != want {
			t.Errorf("%q: %q, want %q", dialled, got, want)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	for _, s := range []string{"13912345678", "+86 139", "sip:alice", "95588", "12转34", "+,x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		n, err := Normalise(raw, "CN")
		if err != nil {
			return
		}
		again, err := Normalise(n.String(), "CN")
		if err != nil || n.Kind == E164 && again != n {
			t.Fatalf("%q gives %+v, which gives %+v, %v", raw, n, again, err)
		}
	})
}
