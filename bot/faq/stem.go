package faq

import (
	"strings"
	"unicode/utf8"
)

// stem cuts the commonest endings off an English word: plurals, -ing, -ed and a
// last e, so that "cards" and "card" or "charging" and "charge" are one. It is
// coarser than Porter's: what it makes of a word needs to be no word.
func stem(word []rune) []rune {
	if len(word) == 0 || word[0] >= utf8.RuneSelf {
		return word
	}
	w := string(word)
	for _, e := range []struct{ ending, by string }{
		{"ies", "y"}, {"sses", "ss"}, {"shes", "sh"}, {"ches", "ch"}, {"xes", "x"},
		{"ss", "ss"}, {"us", "us"}, {"is", "is"}, {"s", ""}, {"ing", ""}, {"ed", ""},
	} {
		if rest, ok := strings.CutSuffix(w, e.ending); ok && utf8.RuneCountInString(rest) > 2 {
			w = rest + e.by
			break
		}
	}
	out := []rune(w) // letters, not bytes: the last two bytes of one letter may be alike
	n := len(out)
	if n > 3 && out[n-1] == out[n-2] {
		out, n = out[:n-1], n-1
	}
	if n > 3 && out[n-1] == 'e' {
		out = out[:n-1]
	}
	return out
}
