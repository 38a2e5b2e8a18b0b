package faq

import (
	"cmp"
	"slices"

	"github.com/openhotline/hotline/bot/nlu"
)

// judged is a question that was left out: how sure the index was of its best
// article, and whether that was right.
type judged struct {
	p     float64
	right bool
}

// calibrate chooses the thresholds by asking for wordings that are left out,
// and for texts that no article answers. held is what classifiers that did not
// know a wording say of it.
func (ix *Index) calibrate(cfg Config, held []nlu.Held) {
	scores := make(map[nlu.Example][]float64, len(held))
	for _, h := range held {
		scores[h.Example] = h.P
	}
	var seen []judged
	ask := func(text, label string, skip int) {
		p, ok := scores[nlu.Example{Text: text, Label: label}]
		if ix.classifier != nil && !ok {
			return // it was not left out: there are many
		}
		if hits := ix.rank(text, skip, p); len(hits) > 0 {
			seen = append(seen, judged{hits[0].P, hits[0].Article.ID == label})
		}
	}
	for i, w := range ix.wordings {
		if !ix.alone(w.article) {
			ask(w.text, ix.articles[w.article].ID, i)
		}
	}
	asked := len(seen) // wordings that were left out
	for _, t := range cfg.Outside {
		ask(t, outside, -1)
	}
	ix.lower, ix.upper = defaultLower, defaultUpper
	if asked >= enough {
		ix.lower, ix.upper = limits(seen, cfg.Precision)
	}
}

// alone tells that an article has a single wording: nothing can be left out.
func (ix *Index) alone(article int) bool {
	n := 0
	for _, w := range ix.wordings {
		if w.article == article {
			n++
		}
	}
	return n < 2
}

// Limits where fewer than enough wordings could be left out, as with one wording
// per article: chosen on the shipped packs, where right articles have 0.65 and
// more in three of four cases and texts that no article answers 0.43 and less
// in nineteen of twenty.
const (
	enough       = 30
	defaultLower = 0.35
	defaultUpper = 0.6
)

// limits finds the lowest probability from which on the wanted share of answers
// is right, and the one below which an article is right less than one time in
// five.
func limits(seen []judged, precision float64) (lower, upper float64) {
	slices.SortFunc(seen, func(a, b judged) int { return cmp.Compare(b.p, a.p) })
	lower, upper = seen[0].p, seen[0].p
	right := 0
	for i, j := range seen {
		if j.right {
			right++
		}
		if float64(right) >= precision*float64(i+1) {
			upper = j.p
		}
	}
	const window = 20
	inWindow := 0
	for i, j := range seen {
		if j.right {
			inWindow++
		}
		if i >= window {
			if seen[i-window].right {
				inWindow--
			}
			if inWindow*5 < window {
				break
			}
		}
		lower = j.p
	}
	return min(lower, upper), upper
}
