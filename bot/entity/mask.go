package entity

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openhotline/hotline/internal/redact"
)

// Masked is a text without personal data, and what stood there.
type Masked struct {
	Text  string
	pairs []string // placeholder, what it stands for
}

// Restore puts back what was masked, in a text that came of the masked one.
func (m Masked) Restore(text string) string { return strings.NewReplacer(m.pairs...).Replace(text) }

// Placeholder is what stands for a value in a masked text.
var Placeholder = regexp.MustCompile(`<[A-Z_]+_\d+>`)

// longRun is a number that is not told what it is: better masked.
var longRun = regexp.MustCompile(`\d(?:[ \-.]?\d){4,}`)

// Mask replaces everything in a text, however long, that names a person, a case,
// a card or a day with its year: what Extract finds, also where the text takes
// it back, and every other number of five digits or more. Sums of money and
// products stay.
func Mask(text, language string) Masked {
	m := &masking{language: language, counts: map[string]int{}}
	for text != "" {
		n := pieceEnd(text)
		m.piece(text[:n])
		text = text[n:]
	}
	return Masked{m.out.String(), m.pairs}
}

type masking struct {
	language string
	counts   map[string]int
	pairs    []string
	out      strings.Builder
}

// pieceEnd is where a text may be cut: not within a number or a word.
func pieceEnd(text string) int {
	if len(text) <= maxText {
		return len(text)
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	for at := n; at > n/2; {
		r, size := utf8.DecodeLastRuneInString(text[:at])
		if unicode.IsSpace(r) || unicode.IsPunct(r) && r != '-' && r != '.' {
			return at
		}
		at -= size
	}
	return n
}

// hidden is a place that is masked.
type hidden struct {
	from, to int
	name     string
}

func (m *masking) piece(text string) {
	s := extract(text, Options{Language: m.language, Wanted: []Kind{OrderNumber}})
	var hide, keep []hidden
	for _, e := range s.found {
		h := hidden{e.Start, e.End, strings.ToUpper(string(e.Kind))}
		if e.Kind == Amount || e.Kind == Product || e.Kind == Date && !fullDate.MatchString(e.Value) {
			keep = append(keep, h)
		} else {
			hide = append(hide, h)
		}
	}
	for _, at := range longRun.FindAllStringIndex(s.view.s, -1) {
		from, to := s.view.place(at[0], at[1])
		over := func(h hidden) bool { return from < h.to && h.from < to }
		if !slices.ContainsFunc(hide, over) && !slices.ContainsFunc(keep, over) {
			hide = append(hide, hidden{from, to, "NUMBER"})
		}
	}
	slices.SortStableFunc(hide, func(a, b hidden) int { return a.from - b.from })
	at := 0
	for _, h := range hide {
		if h.from < at {
			continue
		}
		m.counts[h.name]++
		name := fmt.Sprintf("<%s_%d>", h.name, m.counts[h.name])
		m.out.WriteString(redact.Cards(text[at:h.from]))
		m.out.WriteString(name)
		m.pairs = append(m.pairs, name, text[h.from:h.to])
		at = h.to
	}
	m.out.WriteString(redact.Cards(text[at:]))
}

// fullDate is a day that may be somebody's birthday.
var fullDate = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
