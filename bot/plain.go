package bot

import (
	"slices"
	"strings"
	"unicode"

	"github.com/openhotline/hotline/bot/entity"
)

// ciphers are the kinds of values whose letters and digits say nothing of what
// is wanted. The words before them do, and stay: "order", "my number is".
var ciphers = []entity.Kind{entity.OrderNumber, entity.TrackingNumber, entity.Phone, entity.Email, entity.CardTail, entity.Address}

// withoutValues cuts such values out of a text, unless nothing else is in it.
func withoutValues(text string, given []entity.Entity) string {
	var b strings.Builder
	at := 0
	for _, e := range given {
		if e.Start < at || !slices.Contains(ciphers, e.Kind) {
			continue
		}
		b.WriteString(text[at:e.Start])
		b.WriteByte(' ')
		at = e.End
	}
	if at == 0 {
		return text
	}
	b.WriteString(text[at:])
	if plain := b.String(); strings.ContainsFunc(plain, unicode.IsLetter) {
		return plain
	}
	return text
}

// leanOn is how many times likelier an intent is that can use a value of a kind
// when one was given.
var leanOn = map[entity.Kind]float64{entity.TrackingNumber: 10, entity.CardTail: 3}

// telling is the kind of a value whose naming alone says something of what a
// text is about: who gives a tracking number asks after a parcel, who gives the
// end of a card's number means a card. It is empty where there is none.
func telling(given []entity.Entity) entity.Kind {
	for _, kind := range []entity.Kind{entity.TrackingNumber, entity.CardTail} {
		if slices.ContainsFunc(given, func(e entity.Entity) bool { return e.Kind == kind }) {
			return kind
		}
	}
	return ""
}
