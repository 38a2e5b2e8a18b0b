package faq

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// folds is how often the wordings are divided to see how the index does on
// wordings it does not know.
const folds = 4

// judged is a question that was left out: how sure the index was of its best
// article, and whether that was right.
type judged struct {
	p     float64
	right bool
}

// calibrate chooses the thresholds by asking for wordings that are left out,
// and for texts that no article answers.
func (ix *Index) calibrate(ctx context.Context, cfg Config) error {
	var seen []judged
	asked := 0 // wordings that were left out
	whole := ix.classifier
	for fold := range folds {
		if whole != nil {
			m, err := cfg.Train(ctx, ix.examples(cfg, fold, folds))
			if err != nil {
				return fmt.Errorf("faq: classifier: %w", err)
			}
			ix.setClassifier(m)
		}
		for i, w := range ix.wordings {
			if i%folds != fold || ix.alone(w.article) {
				continue
			}
			asked++
			if hits := ix.rank(w.text, i); len(hits) > 0 {
				seen = append(seen, judged{hits[0].P, hits[0].Article.ID == ix.articles[w.article].ID})
			}
		}
		for i, t := range cfg.Outside {
			if i%folds == fold {
				seen = append(seen, judged{ix.rank(t, -1)[0].P, false})
			}
		}
	}
	if whole != nil {
		ix.setClassifier(whole)
	}
	ix.lower, ix.upper = defaultLower, defaultUpper
	if asked >= enough {
		ix.lower, ix.upper = limits(seen, cfg.Precision)
	}
	return nil
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
