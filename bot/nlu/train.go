package nlu

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

var inf = math.Inf(1)

const (
	// folds is into how many parts the examples are divided to see how a model
	// does on texts it was not trained on.
	folds = 4
	// manyExamples is from where one part held out of five says enough.
	manyExamples = 6000
	// manyLabels is from where a wider network pays for itself.
	manyLabels = 48
	// seeds is how many networks are averaged.
	seeds = 2
)

// Train makes a model from examples. Examples of one text under two labels are
// both kept; empty texts are skipped. The order of examples does not matter.
func Train(ctx context.Context, examples []Example, cfg Config) (*Model, error) {
	m, _, err := TrainHeld(ctx, examples, cfg)
	return m, err
}

// Held is what a model that was trained without an example says of it.
type Held struct {
	Example
	P []float64 // as Scores, in the order of the model's labels
}

// TrainHeld makes a model as Train does and also returns what the
// cross-validation saw: all examples where there are few, otherwise a fifth.
func TrainHeld(ctx context.Context, examples []Example, cfg Config) (*Model, []Held, error) {
	cfg = cfg.withDefaults()
	examples = tidy(examples)
	labels := labelsOf(examples, cfg.OutOfScope)
	if len(labels) < 2 {
		return nil, nil, fmt.Errorf("%w: %d labels, at least two are needed", ErrTooFew, len(labels))
	}
	id := keyOf(examples, cfg)
	examples = repeated(examples)
	w := newWorkshop(ctx, examples, labels, cfg)
	final := w.fit(examples, cfg.Networks)
	outcomes := func() []outcome { return nil }
	if !cfg.Unjudged {
		outcomes = w.holdOut()
	}
	if err := w.group.Wait(); err != nil {
		return nil, nil, fmt.Errorf("train: %w", err)
	}
	m := final()
	m.id = id
	m.judge = judge{temperature: 1}
	seen := outcomes()
	if len(seen) > 0 {
		m.judge = fitJudge(seen, cfg)
	}
	held := make([]Held, len(seen))
	for i, o := range seen {
		held[i] = Held{examples[o.example], o.scores}
		softmax(held[i].P, m.judge.temperature)
	}
	return m, held, nil
}

// tidy returns the examples that say something, sorted, without repetitions.
func tidy(examples []Example) []Example {
	kept := make([]Example, 0, len(examples))
	for _, e := range examples {
		if strings.TrimSpace(e.Text) != "" && e.Label != "" {
			kept = append(kept, Example{Text: e.Text, Label: e.Label, Times: max(e.Times, 1)})
		}
	}
	slices.SortFunc(kept, func(a, b Example) int { // what counts most is kept
		return cmp.Or(strings.Compare(a.Label, b.Label), strings.Compare(a.Text, b.Text), cmp.Compare(b.Times, a.Times))
	})
	return slices.CompactFunc(kept, func(a, b Example) bool { return a.Label == b.Label && a.Text == b.Text })
}

// repeated returns tidy examples, each as often as it counts.
func repeated(examples []Example) []Example {
	out := make([]Example, 0, len(examples))
	for _, e := range examples {
		for range e.Times {
			out = append(out, e)
		}
	}
	return out
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

// workshop trains the parts of models beside one another.
type workshop struct {
	cfg      Config
	examples []Example
	labels   []string
	shape    shape
	group    *errgroup.Group
	ctx      context.Context // of the group: ends when a part fails

	mu          sync.Mutex
	done, total int // steps of work
}

func newWorkshop(ctx context.Context, examples []Example, labels []string, cfg Config) *workshop {
	w := &workshop{cfg: cfg, examples: examples, labels: labels, shape: shapeFor(len(examples), len(labels))}
	w.group, w.ctx = errgroup.WithContext(ctx)
	w.group.SetLimit(cfg.Workers)
	w.total = cfg.Networks*w.shape.epochs + 1
	if !cfg.Unjudged {
		w.total += w.parts() * (w.shape.epochs + 1)
	}
	return w
}

// shapeFor chooses the network for the size of the task (docs/nlu.md).
func shapeFor(examples, labels int) shape {
	s := shape{hidden: 128, epochs: 8, dropInput: 0.3, dropHidden: 0.6}
	if examples > manyExamples {
		s.epochs, s.dropInput = 15, 0.5
		if labels > manyLabels {
			s.hidden = 512
		}
	}
	return s
}

// linearShareFor is the weight of the linear model in the average.
func linearShareFor(examples, labels int) float64 {
	if examples > manyExamples && labels > manyLabels {
		return 0.15
	}
	return 0.35
}

// parts is how many times a part of the examples is held out.
func (w *workshop) parts() int {
	if len(w.examples) > manyExamples {
		return 1
	}
	return folds
}

func (w *workshop) step() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done++
	w.cfg.Progress(min(float64(w.done)/float64(w.total), 1))
}

// fit begins the training of a model on examples. The returned function gives
// it, without its judge, once the group has finished.
func (w *workshop) fit(examples []Example, nets int) func() *Model {
	m := &Model{labels: w.labels, outOfScope: w.cfg.OutOfScope, concepts: w.cfg.Concepts, linearShare: linearShareFor(len(w.examples), len(w.labels)), nets: make([]*net, nets)}
	data := m.learn(examples)
	w.group.Go(func() (err error) {
		m.linear, err = trainSVM(w.ctx, data, w.cfg.Cost, w.step)
		return err
	})
	for i := range nets {
		w.group.Go(func() (err error) {
			m.nets[i], err = trainNet(w.ctx, data, w.shape, uint64(i+1), w.step)
			return err
		})
	}
	return func() *Model { return m }
}

// learn fills the vocabulary and returns the examples as vectors.
func (m *Model) learn(examples []Example) rows {
	rd := &reader{concepts: m.concepts}
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
		m.vocab[v] = newVocabulary(seen[v], len(examples), minTexts(len(examples), len(m.labels)))
	}
	data := rows{labels: len(m.labels), dims: m.dims()}
	var known [numViews]float64
	for _, e := range examples {
		rd.read(e.Text)
		data.x = append(data.x, m.vector(vector{}, rd, &known))
		data.y = append(data.y, m.labelOf(e))
	}
	return data
}

// minTexts is in how many examples a feature must occur to be kept: few where
// each example counts, more where that only costs memory.
func minTexts(examples, labels int) int {
	switch {
	case examples < 200:
		return 1
	case examples < 2000 || labels > manyLabels:
		return 2
	}
	return 3
}

// labelOf returns the number of an example's label, -1 for out of scope.
func (m *Model) labelOf(e Example) int {
	if l, ok := slices.BinarySearch(m.labels, e.Label); ok {
		return l
	}
	return -1
}

// holdOut begins to train on all parts of the examples but one, in turn. The
// returned function gives what those models say of the part that was held out,
// once the group has finished.
func (w *workshop) holdOut() func() []outcome {
	k, parts := folds, w.parts()
	if parts == 1 {
		k = 5
	}
	fold := spread(w.examples, k)
	models := make([]func() *Model, parts)
	for f := range parts {
		var rest []Example
		for i, e := range w.examples {
			if fold[i] != f {
				rest = append(rest, e)
			}
		}
		models[f] = w.fit(rest, 1)
	}
	return func() []outcome {
		var out []outcome
		for f, model := range models {
			m := model()
			q := m.query()
			for i, e := range w.examples {
				if fold[i] == f {
					m.evaluate(q, e.Text)
					out = append(out, outcome{i, slices.Clone(q.score), slices.Clone(q.net), q.signs(), m.labelOf(e)})
				}
			}
		}
		return out
	}
}

// spread divides examples, sorted by label, so that each label is spread evenly.
func spread(examples []Example, k int) []int {
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
