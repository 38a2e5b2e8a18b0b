package eval

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
)

// A row is suspicious when a model that does not know it gives another label at
// least sureOfOther, and its own at most littleOfOwn. Out-of-scope rows have no
// probability of their own: they must look like an intent very much.
const (
	sureOfOther = 0.6
	littleOfOwn = 0.1
	sureOfScope = 0.9
)

// Noise is what is suspicious in training rows: for people to read, who know
// better than a model.
type Noise struct {
	Rows int `json:"rows"`
	// Accuracy is that of the cross-validation, over in-scope rows.
	Accuracy     float64 `json:"accuracy"`
	AccuracyRate Rate    `json:"accuracy_rate"`
	// Suspects are the rows that cross-validation labels otherwise, the surest
	// first.
	Suspects []Suspect `json:"suspects"`
	// Conflicts are near-identical wordings under different labels.
	Conflicts []Conflict `json:"conflicts"`
}

// Suspect is a row whose label others of its kind do not have.
type Suspect struct {
	Text  string  `json:"text"`
	At    string  `json:"at"` // where it stands
	Label string  `json:"label"`
	Taken string  `json:"taken"` // what it looks like
	P     float64 `json:"p"`     // of Taken
	Own   float64 `json:"own_p"` // of Label; 0 for out-of-scope rows
}

// Conflict is a cluster of wordings with more than one label.
type Conflict struct {
	Rows []ConflictRow `json:"rows"`
}

// ConflictRow is one wording of a Conflict.
type ConflictRow struct {
	Text  string `json:"text"`
	At    string `json:"at"`
	Label string `json:"label"`
}

// Noise looks for suspicious rows by k-fold cross-validation with near-identical
// wordings in one part, so that no copy vouches for a wrong label.
func (s *RowSet) Noise(ctx context.Context, k int, progress func(done float64)) (Noise, error) {
	fold := foldsOf(s.examples, k)
	cfg := s.cfg
	cfg.Unjudged = true
	n := Noise{Rows: len(s.examples), Conflicts: s.conflicts()}
	right, of := 0, 0
	var p []float64
	for part := range k {
		m, err := s.without(ctx, fold, part, cfg, within(progress, part, k))
		if err != nil {
			return n, err
		}
		for i, e := range s.examples {
			if fold[i] != part {
				continue
			}
			p = m.Scores(e.Text, p[:0])
			best := 0
			for l := range p {
				if p[l] > p[best] {
					best = l
				}
			}
			x := Suspect{Text: e.Text, At: e.Origin, Label: e.Label, Taken: m.Labels()[best], P: p[best]}
			if own := labelled(m, e.Label); own >= 0 {
				x.Own = p[own]
			}
			foreign := e.Label == cfg.OutOfScope
			if !foreign {
				of, right = of+1, right+one(x.Taken == e.Label)
			}
			if x.Taken != e.Label && (foreign && x.P >= sureOfScope || !foreign && x.P >= sureOfOther && x.Own <= littleOfOwn) {
				n.Suspects = append(n.Suspects, x)
			}
		}
	}
	n.AccuracyRate = rate(right, of)
	n.Accuracy = n.AccuracyRate.Share
	slices.SortStableFunc(n.Suspects, func(a, b Suspect) int {
		return cmp.Or(cmp.Compare(b.P-b.Own, a.P-a.Own), cmp.Compare(a.Text, b.Text))
	})
	return n, nil
}

// conflicts returns the clusters with more than one label, in the order of rows.
func (s *RowSet) conflicts() []Conflict {
	texts := make([]string, len(s.examples))
	for i, e := range s.examples {
		texts[i] = e.Text
	}
	var order []int
	members, mixed := map[int][]ConflictRow{}, map[int]bool{}
	for i, c := range clusters(texts) {
		e := s.examples[i]
		if len(members[c]) > 0 && !mixed[c] && members[c][0].Label != e.Label {
			mixed[c] = true
			order = append(order, c)
		}
		members[c] = append(members[c], ConflictRow{e.Text, e.Origin, e.Label})
	}
	out := make([]Conflict, 0, len(order))
	for _, c := range order {
		out = append(out, Conflict{members[c]})
	}
	return out
}

// Print writes what is suspicious for reading.
func (n Noise) Print(w io.Writer, limit int) {
	p := printer{w}
	p.line("rows", "%d", n.Rows)
	p.rate("right in cross-validation", n.AccuracyRate)
	p.line("suspicious", "%d", len(n.Suspects))
	p.line("conflicts", "%d", len(n.Conflicts))
	p.head("look otherwise")
	for _, x := range first(n.Suspects, limit) {
		p.line(fmt.Sprintf("%.2f, own %.2f", x.P, x.Own), "%s → %s: %s (%s)", x.Label, x.Taken, x.Text, x.At)
	}
	p.head("near-identical under different labels")
	for _, c := range first(n.Conflicts, limit) {
		for i, r := range c.Rows {
			p.line(fmt.Sprintf("%*s", i+1, "·"), "%s: %s (%s)", r.Label, r.Text, r.At)
		}
	}
}
