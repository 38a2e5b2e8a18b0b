package eval

import (
	"context"
	"fmt"
	"io/fs"
	"slices"

	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/bot/pack"
)

// RowSet is training rows with how a model is made of them, to be measured
// against themselves.
type RowSet struct {
	examples []nlu.Example
	cfg      nlu.Config
	pack     *pack.Pack // or nil
}

// OfRows makes a set of rows, whatever their pack and language.
func OfRows(rows []Row) *RowSet {
	s := &RowSet{cfg: nlu.Config{OutOfScope: outOfScope[0]}}
	for i, r := range rows {
		e := nlu.Example{Text: r.Text, Label: r.Intent, Origin: fmt.Sprintf("row %d", i+1)}
		if r.foreign() {
			e.Label = s.cfg.OutOfScope
		}
		s.examples = append(s.examples, e)
	}
	return s
}

// OfPack makes a set of the training rows of a pack in a language.
func OfPack(name, language string, overlays []fs.FS) (*RowSet, error) {
	p, err := pack.Load(name, language, overlays...)
	if err != nil {
		return nil, err
	}
	return &RowSet{examples: p.Examples(), cfg: p.Training(), pack: p}, nil
}

// CrossValidate measures each part of the rows with a model of the others;
// near-identical wordings stay in one part.
func (s *RowSet) CrossValidate(ctx context.Context, k int, progress func(done float64)) (Classification, error) {
	f := folded{set: s, fold: map[Row]int{}}
	fold := foldsOf(s.examples, k)
	rows := make([]Row, len(s.examples))
	for i, e := range s.examples {
		rows[i] = Row{Text: e.Text, Intent: e.Label}
		f.fold[rows[i]] = fold[i]
	}
	for part := range k {
		m, err := s.without(ctx, fold, part, s.cfg, within(progress, part, k))
		if err != nil {
			return Classification{}, err
		}
		f.models = append(f.models, m)
	}
	return Classify(rows, f, func(float64) {}), nil
}

// without trains on all rows but those of one part.
func (s *RowSet) without(ctx context.Context, fold []int, part int, cfg nlu.Config, progress func(done float64)) (*nlu.Model, error) {
	var rest []nlu.Example
	for i, e := range s.examples {
		if fold[i] != part {
			rest = append(rest, e)
		}
	}
	cfg.Progress = progress
	m, err := nlu.Train(ctx, rest, cfg)
	if err != nil {
		return nil, fmt.Errorf("without part %d: %w", part+1, err)
	}
	return m, nil
}

// within makes the progress of one of k pieces of work that of the whole.
func within(progress func(done float64), piece, k int) func(done float64) {
	return func(done float64) { progress((float64(piece) + done) / float64(k)) }
}

// folded judges each row with the model that does not know it.
type folded struct {
	set    *RowSet
	models []*nlu.Model
	fold   map[Row]int
}

// Judge classifies the row's text.
func (f folded) Judge(row Row) (nlu.Result, bool) {
	return f.models[f.fold[row]].Classify(row.Text), true
}

// Group is the skill group of an intent; "" where rows have none.
func (f folded) Group(_ Row, intent string) string {
	if f.set.pack == nil {
		return ""
	}
	in, _ := f.set.pack.Intent(intent)
	return in.Group
}

// labelled returns the number of a label in a model, -1 for none.
func labelled(m *nlu.Model, label string) int {
	if i, ok := slices.BinarySearch(m.Labels(), label); ok {
		return i
	}
	return -1
}
