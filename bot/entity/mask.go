package entity

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openhotline/hotline/internal/redact"
)

// Masked is a text without personal data, and what stood there.
type Masked struct {
	Text   string
	pairs  []string // placeholder, what it stands for
	counts map[string]int
}

// More masks a further text of the same conversation, with placeholders that
// Restore knows as well.
func (m *Masked) More(text, language string) string {
	w := &masking{language: language, counts: m.counts, pairs: m.pairs}
	masked := w.all(text)
	m.pairs = w.pairs
	return masked
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
	return Masked{m.all(text), m.pairs, m.counts}
}

// Anonymous is a text without what names a person or a case, in a form that a
// model can be trained with: digits of numbers become 0, their letters X, and
// names and addresses go.
func Anonymous(text, language string) string {
	m := Mask(text, language)
	out := Placeholder.ReplaceAllStringFunc(m.Text, func(place string) string {
		was := m.Restore(place)
		if was == place {
			return place // the customer wrote it
		}
		for _, kind := range []string{"<NAME_", "<ADDRESS_", "<EMAIL_"} {
			if strings.HasPrefix(place, kind) {
				return " "
			}
		}
		return strings.Map(func(r rune) rune {
			switch {
			case unicode.IsDigit(r):
				return '0'
			case unicode.Is(unicode.Latin, r):
				return 'X'
			case unicode.IsLetter(r):
				return '零' // a numeral that was spoken
			}
			return r
		}, was)
	})
	return strings.Join(strings.Fields(out), " ")
}

// Figures is a text with the numbers that it says in words as figures.
func Figures(text, language string) string {
	v := fold(text)
	lang := languageOf(language, text)
	out := spoken(v, lang).s
	return single(out, lang)
}

// single reads single Han digits before what they count, which texts that name
// codes must leave alone: 三天 is 3天.
func single(text, lang string) string {
	if lang == "en" {
		return countedWord.ReplaceAllStringFunc(text, func(s string) string {
			word, rest, _ := strings.Cut(s, " ")
			return englishWords[word].text + " " + rest
		})
	}
	return countedHan.ReplaceAllStringFunc(text, func(s string) string {
		r, n := utf8.DecodeRuneInString(s)
		return strconv.Itoa(hanDigits[r]) + s[n:]
	})
}

var countedWord = regexp.MustCompile(`\b(?:one|two|three|four|five|six|seven|eight|nine) (?:working |business |calendar )?(?:days?|weeks?|months?|years?|hours?|minutes?|times|items?|percent|people|instal)`)

var countedHan = regexp.MustCompile(`[一二两三四五六七八九](?:天|日|个|個|次|年|周|週|小时|時間|分|件|期|折|倍|名|人|元|块|か月|ヶ月|営業日|工作日|回)`)

func (m *masking) all(text string) string {
	for text != "" {
		n := pieceEnd(text)
		m.piece(text[:n])
		text = text[n:]
	}
	return m.out.String()
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
