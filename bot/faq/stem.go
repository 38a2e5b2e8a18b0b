package faq

import "strings"

// stem cuts the commonest endings off an English word: plurals, -ing, -ed and a
// last e, so that "cards" and "card" or "charging" and "charge" are one. It is
// coarser than Porter's: what it makes of a word needs to be no word.
func stem(word []rune) []rune {
	if len(word) == 0 || word[0] >= 0x80 {
		return word
	}
	w := string(word)
	for _, e := range []struct{ ending, by string }{
		{"ies", "y"}, {"sses", "ss"}, {"shes", "sh"}, {"ches", "ch"}, {"xes", "x"},
		{"ss", "ss"}, {"us", "us"}, {"is", "is"}, {"s", ""}, {"ing", ""}, {"ed", ""},
	} {
		if rest, ok := strings.CutSuffix(w, e.ending); ok && len(rest) > 2 {
			w = rest + e.by
			break
		}
	}
	n := len(w)
	if n > 3 && w[n-1] == w[n-2] {
		w, n = w[:n-1], n-1
	}
	if n > 3 && w[n-1] == 'e' {
		w = w[:n-1]
	}
	return []rune(w)
}
