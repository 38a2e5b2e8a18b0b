package entity

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// How people give a code in pieces, in all languages (data/*.txt).
var (
	goesOn     = regexp.MustCompile(`^(?:[\s,.;…，、。]|and\b)*(?:` + alternatives("goes_on") + `)`)
	beginsWith = regexp.MustCompile(`(?:` + alternatives("begins_with") + `)[^\d]{0,12}\d|\d[^\d]{0,4}(?:` + alternatives("begins_with") + `)`)
	// unfinished is how a text ends that breaks off behind a piece of a code.
	unfinished = regexp.MustCompile(`\d\s*(?:…+|\.{2,}|-)\s*$`)
	valueNames = regexp.MustCompile(alternatives("value_names"))
	pieceTail  = regexp.MustCompile(`[\s.…\-]*$`)
)

// Piece is a text that holds nothing but a code or a part of one, with its
// separators taken out and its letters in capitals.
type Piece struct {
	Value      string
	Text       string // what was said, the bytes Start to End of the text
	Start, End int
	// GoesOn tells that it follows what was given before: "and then 9042".
	GoesOn bool
}

// longestPiece bounds the text of a piece, in bytes.
const longestPiece = 120

// ReadPiece reads a text as a piece of a code.
func ReadPiece(text, language string) (Piece, bool) {
	if len(text) > longestPiece {
		return Piece{}, false
	}
	v := spoken(fold(text), languageOf(language, text))
	from, goes := codeLead.FindStringIndex(v.s)[1], false
	if m := goesOn.FindStringIndex(v.s[from:]); m != nil {
		from, goes = from+m[1], true
		from += codeLead.FindStringIndex(v.s[from:])[1]
	}
	to := from + pieceTail.FindStringIndex(v.s[from:])[0]
	to = from + codeTail.FindStringIndex(v.s[from:to])[0]
	if from >= to || !wholeCode.MatchString(v.s[from:to]) {
		return Piece{}, false
	}
	p := Piece{Value: compact(v.s[from:to]), GoesOn: goes}
	p.Start, p.End = v.place(from, to)
	p.Text = v.text[p.Start:p.End]
	return p, true
}

// Unfinished tells that a text breaks off within a code, or says that it gives
// only its beginning: more of it comes in the next turn.
func Unfinished(text, language string) bool {
	if len(text) > maxText {
		return false
	}
	s := spoken(fold(text), languageOf(language, text)).s
	return unfinished.MatchString(s) || beginsWith.MatchString(s)
}

// Join is a code made of the piece that was given before and one more, ok if
// both together can be one of the kind.
func Join(kind Kind, head string, p Piece) (code string, ok bool) {
	code = head + p.Value
	if head == "" || strings.HasPrefix(p.Value, head) || cardNumber(code) {
		return "", false // the whole code, said from its beginning, or a card's
	}
	switch kind {
	case OrderNumber, TrackingNumber:
		return code, len(code) <= 32
	case Phone:
		return code, digitsOf(code) == len(code) && len(code) >= 7 && len(code) <= 15
	}
	return "", false
}

// piece is what continues a code in the same text, behind a break.
var piece = regexp.MustCompile(`^\s*(?:…+|\.{2,})(?:[\s,，、]|no\b|and\b)*(?:` + alternatives("goes_on") + `)[\s,:，、]*(\d[\d\-]*)`)

// pieces joins the parts of a code with a break between them: "4712… then 88".
func (s *search) pieces() {
	for i := 0; i < len(s.found); i++ {
		e, at := s.found[i], s.at[i]
		m := piece.FindStringSubmatchIndex(s.view.s[at.to:])
		if m == nil {
			continue
		}
		from, to := at.to+m[2], at.to+m[3]
		code, ok := Join(e.Kind, e.Value, Piece{Value: compact(s.view.s[from:to])})
		if !ok || s.measured(from, to) {
			continue
		}
		s.found[i].Value, s.at[i].to = code, to
		s.found[i].Start, s.found[i].End = s.view.place(at.from, to)
		s.found[i].Text = s.view.text[s.found[i].Start:s.found[i].End]
		for n := len(s.found) - 1; n >= 0; n-- { // the piece alone is nothing
			if s.at[n] == (span{from, to}) {
				s.found, s.at = slices.Delete(s.found, n, n+1), slices.Delete(s.at, n, n+1)
				if n < i {
					i--
				}
			}
		}
	}
}

// OnlyNames tells that a part of a text, from which the values are taken out,
// says nothing but what the values are: "my order number is".
func OnlyNames(part string) bool {
	return !strings.ContainsFunc(valueNames.ReplaceAllString(fold(part).s, " "), func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}
