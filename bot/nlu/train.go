package nlu

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

var inf = math.Inf(1)

// calibrationFolds is how often the examples are divided to see how a model
// does on texts it was not trained on.
const calibrationFolds = 4

// minTexts is in how many texts a feature must occur to be kept.
const minTexts = 2

// Train makes a model from examples. Examples of one text under two labels are
// both kept; empty texts are skipped. The order of examples does not matter.
func Train(ctx context.Context, examples []Example, cfg Config) (*Model, error) {
	cfg = cfg.withDefaults()
	examples = tidy(examples)
	labels := labelsOf(examples, cfg.OutOfScope)
	if len(labels) < 2 {
		return nil, fmt.Errorf("%w: %d labels, at least two are needed", ErrTooFew, len(labels))
	}
	total := float64(len(labels) * (calibrationFolds + 1))
	done := 0.0
	work := newCounter(func() { done++; cfg.Progress(done / total) })
	held, err := crossValidate(ctx, examples, labels, cfg, work)
	if err != nil {
		return nil, err
	}
	m, err := fit(ctx, examples, labels, cfg, work)
	if err != nil {
		return nil, err
	}
	m.calibrate(held, cfg)
	return m, nil
}

// tidy returns the examples that say something, sorted, without repetitions.
func tidy(examples []Example) []Example {
	kept := make([]Example, 0, len(examples))
	for _, e := range examples {
		if strings.TrimSpace(e.Text) != "" && e.Label != "" {
			kept = append(kept, Example{Text: e.Text, Label: e.Label})
		}
	}
	slices.SortFunc(kept, func(a, b Example) int {
		if c := strings.Compare(a.Label, b.Label); c != 0 {
			return c
		}
		return strings.Compare(a.Text, b.Text)
	})
	return slices.Compact(kept)
}

// labelsOf returns the in-scope labels, sorted.
func labelsOf(examples []Example, outOfScope string) []string {
	seen := map[string]bool{}
	for _, e := range examples {
		if e.Label != outOfScope {
			seen[e.Label] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// fit trains without looking at anything held out.
func fit(ctx context.Context, examples []Example, labels []string, cfg Config, work *counter) (*Model, error) {
	m := &Model{labels: labels, outOfScope: cfg.OutOfScope, temperature: 1}
	m.learnVocabulary(examples)
	data := rows{labels: len(labels), dims: m.dims()}
	rd := &reader{}
	for _, e := range examples {
		y, ok := slices.BinarySearch(labels, e.Label)
		if !ok {
			y = -1
		}
		rd.read(e.Text)
		data.x = append(data.x, m.vector(vector{}, rd))
		data.y = append(data.y, y)
	}
	weights, err := trainSVM(ctx, data, cfg.Cost, cfg.Workers, work.step)
	if err != nil {
		return nil, fmt.Errorf("train linear model: %w", err)
	}
	m.setWeights(weights)
	return m, nil
}

func (m *Model) learnVocabulary(examples []Example) {
	rd := &reader{}
	var seen [numViews]map[hash]int
	for v := range seen {
		seen[v] = map[hash]int{}
	}
	for _, e := range examples {
		rd.read(e.Text)
		for v, names := range rd.names {
			slices.Sort(names)
			for _, h := range slices.Compact(names) {
				seen[v][h]++
			}
		}
	}
	for v := range seen {
		m.vocab[v] = newVocabulary(seen[v], len(examples), minTexts)
	}
}

// outcome is what a model says about a text that it was not trained on.
type outcome struct {
	scores []float64 // raw, per label
	y      int       // the right label, -1 for out of scope
}

// crossValidate trains on all folds but one and scores that one, in turn.
func crossValidate(ctx context.Context, examples []Example, labels []string, cfg Config, work *counter) ([]outcome, error) {
	fold := folds(examples, calibrationFolds)
	out := make([]outcome, len(examples))
	for f := range calibrationFolds {
		var rest []Example
		for i, e := range examples {
			if fold[i] != f {
				rest = append(rest, e)
			}
		}
		m, err := fit(ctx, rest, labels, cfg, work)
		if err != nil {
			return nil, err
		}
		for i, e := range examples {
			if fold[i] == f {
				y, ok := slices.BinarySearch(labels, e.Label)
				if !ok {
					y = -1
				}
				out[i] = outcome{m.raw(e.Text), y}
			}
		}
	}
	return out, nil
}

// folds divides examples, sorted by label, so that each label is spread evenly.
func folds(examples []Example, k int) []int {
	rng := rand.New(rand.NewPCG(11, 0))
	fold := make([]int, len(examples))
	for from := 0; from < len(examples); {
		to := from
		for to < len(examples) && examples[to].Label == examples[from].Label {
			to++
		}
		for n, i := range rng.Perm(to - from) {
			fold[from+i] = n % k
		}
		from = to
	}
	return fold
}
