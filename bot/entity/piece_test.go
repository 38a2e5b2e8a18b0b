package entity

import "testing"

func TestPieces(t *testing.T) {
	t.Parallel()
	tests := []struct {
		lang, text, value string
		goesOn            bool
	}{
		{"en", "and then 9042", "9042", true},
		{"en", "no, then 88", "88", true},
		{"en", "then it's nine oh four two", "9042", true},
		{"en", "followed by ab 12", "AB12", true},
		{"en", "9042", "9042", false},
		{"en", "it's 3381...", "3381", false},
		{"en", "then I ordered 2 more", "", false},
		{"en", "and then what", "", false},
		{"zh", "然后是9042", "9042", true},
		{"zh", "后面是九零四二", "9042", true},
		{"zh", "接着88。", "88", true},
		{"zh", "后面还有两天", "", false},
		{"ja", "次は9042です", "9042", true},
		{"ja", "それから88", "88", true},
		{"ja", "続きは 88 になります", "88", true},
		{"ja", "次はいつですか", "", false},
	}
	for _, tt := range tests {
		p, ok := ReadPiece(tt.text, tt.lang)
		if ok != (tt.value != "") || p.Value != tt.value || ok && p.GoesOn != tt.goesOn {
			t.Errorf("%q is %+v, %v; want %q", tt.text, p, ok, tt.value)
		}
		if ok && tt.text[p.Start:p.End] != p.Text {
			t.Errorf("%q: %q is not at %d to %d", tt.text, p.Text, p.Start, p.End)
		}
	}
}

func TestUnfinishedCodes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"4712…": true, "it's 4712...": true, "the order number starts 3381": true, "first four are 3381": true,
		"开头是3381": true, "3381开头": true, "前四位是三三八一": true, "最初は3381です": true, "3381から始まります": true,
		"4712": false, "4712.": false, "when does it start": false, "I want to start again with another of your offers, 2 of them": false,
	} {
		lang := languageOf("", text)
		if got := Unfinished(text, lang); got != want {
			t.Errorf("%q: unfinished %v, want %v", text, got, want)
		}
	}
}

func TestJoinedCodes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind               Kind
		head, piece, whole string
	}{
		{OrderNumber, "4712", "88", "471288"},
		{OrderNumber, "4712", "471288", ""}, // said from its beginning
		{OrderNumber, "41111111", "11111111", ""},
		{OrderNumber, "", "88", ""},
		{Phone, "138001", "38001", "13800138001"},
		{Phone, "138", "12", ""},
		{Phone, "A138", "00138001", ""},
		{CardTail, "47", "12", ""},
	}
	for _, tt := range tests {
		got, ok := Join(tt.kind, tt.head, Piece{Value: tt.piece})
		if ok != (tt.whole != "") || ok && got != tt.whole {
			t.Errorf("%s %s and %s are %q, %v; want %q", tt.kind, tt.head, tt.piece, got, ok, tt.whole)
		}
	}
}

// FuzzReadPiece holds that the piece is where it is said to be.
func FuzzReadPiece(f *testing.F) {
	for _, text := range []string{"and then 9042", "然后是九零四二", "次は9042です", "no, then 88…", "then \xff 1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, lang := range []string{"zh", "en", "ja"} {
			p, ok := ReadPiece(text, lang)
			if ok && (p.Value == "" || p.Start < 0 || p.End > len(text) || text[p.Start:p.End] != p.Text) {
				t.Fatalf("%q: %+v", text, p)
			}
			_ = Unfinished(text, lang)
		}
	})
}
