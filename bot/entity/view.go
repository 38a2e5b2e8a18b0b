package entity

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// view is a text as patterns read it: half width, lower case, spoken numbers
// as digits. Each of its bytes knows which bytes of the text it stands for.
type view struct {
	text string // the text as it came
	s    string
	from []int // per byte of s
	to   []int
}

// place tells which bytes of the text the view's bytes from to to stand for.
func (v view) place(from, to int) (start, end int) { return v.from[from], v.to[to-1] }

// said is the text behind the view's bytes from to to.
func (v view) said(from, to int) string { return v.text[v.from[from]:v.to[to-1]] }

// fold makes the view without numbers.
func fold(text string) view {
	v := view{text: text, from: make([]int, 0, len(text)), to: make([]int, 0, len(text))}
	var b strings.Builder
	b.Grow(len(text))
	for i, r := range text {
		n := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, n = utf8.DecodeRuneInString(text[i:])
		}
		if f := width.LookupRune(r).Folded(); f != 0 {
			r = f
		}
		switch r {
		case '–', '—', '−', '‐', '‑', '‒', '－':
			r = '-'
		case '\t', '\n', '\r', '\u00a0', '\u3000':
			r = ' '
		case '’':
			r = '\''
		}
		r = unicode.ToLower(r)
		before := b.Len()
		b.WriteRune(r)
		for range b.Len() - before {
			v.from, v.to = append(v.from, i), append(v.to, i+n)
		}
	}
	v.s = b.String()
	return v
}

// change is one piece of a view that is read as something else.
type change struct {
	from, to int
	text     string
}

// with returns the view with pieces replaced; they come in order and do not
// overlap.
func (v view) with(changes []change) view {
	if len(changes) == 0 {
		return v
	}
	out := view{text: v.text, from: make([]int, 0, len(v.s)), to: make([]int, 0, len(v.s))}
	var b strings.Builder
	at := 0
	keep := func(to int) {
		b.WriteString(v.s[at:to])
		out.from, out.to = append(out.from, v.from[at:to]...), append(out.to, v.to[at:to]...)
	}
	for _, c := range changes {
		keep(c.from)
		at = c.to
		b.WriteString(c.text)
		for range len(c.text) {
			out.from, out.to = append(out.from, v.from[c.from]), append(out.to, v.to[c.to-1])
		}
	}
	keep(len(v.s))
	out.s = b.String()
	return out
}

// languageOf is the two-letter language of a text: the one that is told, or that
// of its script.
func languageOf(tag, text string) string {
	if len(tag) >= 2 {
		return strings.ToLower(tag[:2])
	}
	han := false
	for _, r := range text {
		if unicode.In(r, unicode.Hiragana, unicode.Katakana) {
			return "ja"
		}
		han = han || unicode.Is(unicode.Han, r)
	}
	if han {
		return "zh"
	}
	return "en"
}

// spoken reads numbers in words as digits. English words are read in every
// language, since product codes and names come in them.
func spoken(v view, lang string) view {
	switch lang {
	case "zh":
		v = hanNumbers(v, false)
	case "ja":
		v = kanaNumbers(v)
		v = hanNumbers(v, true)
	}
	return englishNumbers(v)
}
