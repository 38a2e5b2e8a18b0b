package nlu

import (
	"math"
	"slices"
	"sync"
)

// Model is a trained classifier. It does not change after training: any number
// of goroutines may use it.
type Model struct {
	labels     []string
	outOfScope string
	vocab      [numViews]*vocabulary
	weights    []float32 // one row of len(labels) per feature; the last is the bias
	// temperature divides the scores before the softmax.
	temperature float64
	lower       float64
	upper       float64

	scratch sync.Pool // *query
}

// query holds the buffers of one classification.
type query struct {
	rd     reader
	x      vector
	scores []float64
}

// Labels returns the in-scope labels in the order of Scores. The caller must
// not change it.
func (m *Model) Labels() []string { return m.labels }

// Thresholds returns the two thresholds on P: below the lower one a text is
// rejected, from the upper one on its best label is taken.
func (m *Model) Thresholds() (lower, upper float64) { return m.lower, m.upper }

func (m *Model) dims() int {
	n := 0
	for _, v := range m.vocab {
		n += len(v.hashes)
	}
	return n
}

// vector appends the features of what rd has read.
func (m *Model) vector(dst vector, rd *reader) vector {
	base := int32(0)
	for v := range m.vocab {
		dst, _ = m.vocab[v].appendView(dst, rd.names[v], base, 1)
		base += int32(len(m.vocab[v].hashes))
	}
	return dst
}

// setWeights turns one row per label into one row per feature.
func (m *Model) setWeights(perLabel [][]float32) {
	n, k := m.dims()+1, len(m.labels)
	m.weights = make([]float32, n*k)
	for label, w := range perLabel {
		for i, v := range w {
			m.weights[i*k+label] = v
		}
	}
}

func (m *Model) query() *query {
	if q, ok := m.scratch.Get().(*query); ok {
		return q
	}
	return &query{scores: make([]float64, len(m.labels))}
}

// margins fills q.scores with the raw score of each label.
func (m *Model) margins(q *query, text string) {
	q.rd.read(text)
	q.x = m.vector(vector{q.x.idx[:0], q.x.val[:0]}, &q.rd)
	k := len(m.labels)
	scores := q.scores[:k]
	for l, b := range m.weights[len(m.weights)-k:] {
		scores[l] = float64(b)
	}
	for n, i := range q.x.idx {
		v := float64(q.x.val[n])
		for l, w := range m.weights[int(i)*k : int(i)*k+k] {
			scores[l] += v * float64(w)
		}
	}
}

func (m *Model) raw(text string) []float64 {
	q := m.query()
	defer m.scratch.Put(q)
	m.margins(q, text)
	return slices.Clone(q.scores)
}

// softmax turns scores into probabilities in place.
func softmax(scores []float64, temperature float64) {
	best := slices.Max(scores)
	sum := 0.0
	for i, s := range scores {
		scores[i] = math.Exp((s - best) / temperature)
		sum += scores[i]
	}
	for i := range scores {
		scores[i] /= sum
	}
}

// Scores appends the calibrated probability of each label, in the order of
// Labels, to dst.
func (m *Model) Scores(text string, dst []float64) []float64 {
	q := m.query()
	defer m.scratch.Put(q)
	m.margins(q, text)
	softmax(q.scores, m.temperature)
	return append(dst, q.scores...)
}

// Classify says what a text means. It does not allocate.
func (m *Model) Classify(text string) Result {
	q := m.query()
	defer m.scratch.Put(q)
	m.margins(q, text)
	softmax(q.scores, m.temperature)
	return m.result(q.scores)
}

// result ranks probabilities and decides.
func (m *Model) result(p []float64) Result {
	var r Result
	n := 0
	for l, v := range p {
		at := n
		for at > 0 && r.Top[at-1].P < v {
			at--
		}
		if at == TopN {
			continue
		}
		n = min(n+1, TopN)
		copy(r.Top[at+1:n], r.Top[at:])
		r.Top[at] = Ranked{m.labels[l], v}
	}
	r.Label, r.P = r.Top[0].Label, r.Top[0].P
	r.Decision = m.decide(r.P)
	return r
}

func (m *Model) decide(p float64) Decision {
	switch {
	case p < m.lower:
		return Reject
	case p < m.upper:
		return Choose
	}
	return Accept
}
