package bot

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openhotline/hotline/bot/entity"
	"github.com/openhotline/hotline/bot/pack"
)

// ciphers are the kinds of values whose letters and digits say nothing of what
// is wanted. The words before them may, and stay where they are not all that is
// said between two signs.
var ciphers = []entity.Kind{entity.OrderNumber, entity.TrackingNumber, entity.Phone, entity.Email, entity.CardTail, entity.Address}

// cut stands for a value that was cut out of a text; cleaned texts hold no such
// character.
const cut = '\x00'

// withoutValues cuts such values out of a text, and with them the parts between
// signs that only say what the value is ("…, order 40986"), unless nothing else
// is in the text.
func withoutValues(text string, given []entity.Entity) string {
	var b strings.Builder
	at := 0
	for _, e := range given {
		if e.Start < at || !slices.Contains(ciphers, e.Kind) {
			continue
		}
		b.WriteString(text[at:e.Start])
		b.WriteRune(cut)
		at = e.End
	}
	if at == 0 {
		return text
	}
	b.WriteString(text[at:])
	gone := func(plain string) string { return strings.ReplaceAll(plain, string(cut), " ") }
	for _, plain := range []string{gone(withoutNames(b.String())), gone(b.String())} {
		if strings.ContainsFunc(plain, unicode.IsLetter) {
			return plain
		}
	}
	return text
}

// withoutNames drops the parts of a text, between signs, that hold a cut and
// otherwise only what names the value.
func withoutNames(text string) string {
	var b strings.Builder
	for text != "" {
		n := strings.IndexFunc(text, sign)
		if n < 0 {
			n = len(text)
		}
		part := text[:n]
		for _, r := range text[n:] { // and the signs behind it
			if !sign(r) {
				break
			}
			n += utf8.RuneLen(r)
		}
		if !strings.ContainsRune(part, cut) || !entity.OnlyNames(part) {
			b.WriteString(text[:n])
		}
		text = text[n:]
	}
	return b.String()
}

func sign(r rune) bool { return strings.ContainsRune(".,;:!?。，、；：！？…()（）", r) }

// leanOn are the kinds of values whose naming alone says something of what a
// text is about, and how many times likelier an intent is then that needs such
// a value or names it first, or that can use it: who gives a tracking number asks after a parcel, who
// gives an order's number means an order that there is.
var leanOn = []struct {
	kind               entity.Kind
	required, optional float64
}{
	{entity.TrackingNumber, 10, 10},
	{entity.CardTail, 3, 2},
	{entity.OrderNumber, 3, 1.5},
	{entity.Amount, 2, 2},
	{entity.Address, 2, 1.5},
}

// leaning is what the values of a text make of an intent's probability.
func leaning(in pack.Intent, given []entity.Entity) float64 {
	weight := 1.0
	for _, w := range leanOn {
		switch {
		case !slices.ContainsFunc(given, func(e entity.Entity) bool { return e.Kind == w.kind }):
		case slices.Contains(in.Required, string(w.kind)) || len(wanted(in)) > 0 && wanted(in)[0] == w.kind:
			weight *= w.required
		case slices.Contains(in.Optional, string(w.kind)):
			weight *= w.optional
		}
	}
	return weight
}
