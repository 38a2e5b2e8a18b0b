package eval

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/openhotline/hotline/bot/nlu"
)

// shares are how much of each intent's rows the points of a curve have.
var shares = []float64{0.125, 0.25, 0.5, 0.75, 1}

// LearningCurve tells what more rows would bring: how right models are that
// were trained on a share of the rows of each intent.
type LearningCurve struct {
	Points []LearningPoint `json:"points"`
	// Accuracy is that of the last point.
	Accuracy float64 `json:"accuracy"`
}

// LearningPoint is one training set size.
type LearningPoint struct {
	Share     float64 `json:"share"`
	Rows      int     `json:"rows"`            // trained on, out-of-scope ones included
	PerIntent float64 `json:"rows_per_intent"` // mean over in-scope intents
	Accuracy  Rate    `json:"accuracy"`        // of in-scope rows, nothing rejected
}

// Curve trains on growing shares of the rows and measures on test; where that is
// nil, on each of four parts with models of the others. Each share holds the one
// before.
func (s *RowSet) Curve(ctx context.Context, test []Row, progress func(done float64)) (LearningCurve, error) {
	const k = 4
	parts := []part{{train: s.examples, test: test}}
	if test == nil {
		parts = s.parts(k)
	}
	var c LearningCurve
	for n, share := range shares {
		p := LearningPoint{Share: share}
		right, of, intents := 0, 0, 0
		for i, part := range parts {
			examples := thinned(part.train, share)
			cfg := s.cfg
			cfg.Unjudged, cfg.Progress = true, within(within(progress, n, len(shares)), i, len(parts))
			m, err := nlu.Train(ctx, examples, cfg)
			if err != nil {
				return c, fmt.Errorf("with a share of %v: %w", share, err)
			}
			for _, row := range part.test {
				if !row.foreign() {
					of++
					right += one(m.Classify(row.Text).Label == row.Intent)
				}
			}
			p.Rows += len(examples)
			for _, e := range examples {
				p.PerIntent += float64(one(e.Label != cfg.OutOfScope))
			}
			intents += len(m.Labels())
		}
		p.Rows /= len(parts)
		p.PerIntent /= float64(intents)
		p.Accuracy = rate(right, of)
		c.Points, c.Accuracy = append(c.Points, p), p.Accuracy.Share
	}
	return c, nil
}

// part is rows to train on and others to measure with.
type part struct {
	train []nlu.Example
	test  []Row
}

// parts holds out each of k parts in turn.
func (s *RowSet) parts(k int) []part {
	fold := foldsOf(s.examples, k)
	out := make([]part, k)
	for i, e := range s.examples {
		for f := range out {
			if fold[i] == f {
				out[f].test = append(out[f].test, Row{Text: e.Text, Intent: e.Label})
			} else {
				out[f].train = append(out[f].train, e)
			}
		}
	}
	return out
}

// thinned returns a share of the examples of each label, at least two, in an
// order that a hash of the text gives.
func thinned(examples []nlu.Example, share float64) []nlu.Example {
	byLabel := map[string][]nlu.Example{}
	var labels []string
	for _, e := range examples {
		if byLabel[e.Label] == nil {
			labels = append(labels, e.Label)
		}
		byLabel[e.Label] = append(byLabel[e.Label], e)
	}
	var out []nlu.Example
	for _, l := range labels {
		list := byLabel[l]
		slices.SortStableFunc(list, func(a, b nlu.Example) int { return cmp.Compare(shuffled(a.Text), shuffled(b.Text)) })
		n := min(max(int(share*float64(len(list))+0.5), 2), len(list))
		out = append(out, list[:n]...)
	}
	return out
}

// Print writes the curve for reading.
func (c LearningCurve) Print(w io.Writer, _ int) {
	p := printer{w}
	for _, x := range c.Points {
		p.line(fmt.Sprintf("%.1f rows per intent", x.PerIntent), "%5.1f %%  (%.1f to %.1f), %d rows", 100*x.Accuracy.Share, 100*x.Accuracy.Low, 100*x.Accuracy.High, x.Rows)
	}
}
