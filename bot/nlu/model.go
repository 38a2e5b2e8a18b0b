package nlu

import (
	"math"
	"sync"

	"github.com/openhotline/hotline/bot/cache"
)

// Model is a trained classifier. It does not change after training: any number
// of goroutines may use it.
type Model struct {
	id         cache.Key // hash of what it was trained from
	labels     []string
	outOfScope string
	concepts   *Concepts // or nil
	vocab      [numViews]*vocabulary
	linear     *linear
	nets       []*net
	judge      judge
	// linearShare is the weight of the linear model in the average.
	linearShare float64

	scratch sync.Pool // *query
}

// marginScale turns margins of the linear model into scores of a softmax.
const marginScale = 6

// query holds the buffers of one classification.
type query struct {
	rd    reader
	x     vector
	known [numViews]float64 // share of the features that the vocabulary has
	hid   []float32
	out   []float32
	net   []float64 // average log probability per label over the networks
	score []float64 // the same with the linear model; after softmax the probability
}

// ID is the hash of all that the model was trained from.
func (m *Model) ID() cache.Key { return m.id }

// Labels returns the in-scope labels in the order of Scores. The caller must
// not change it.
func (m *Model) Labels() []string { return m.labels }

// Thresholds returns the lower one, on Scope, below which a text is rejected,
// and the upper one, on P, from which its best label is taken.
func (m *Model) Thresholds() (lower, upper float64) { return m.judge.lower, m.judge.upper }

func (m *Model) dims() int {
	n := 0
	for _, v := range m.vocab {
		n += len(v.hashes)
	}
	return n
}

// vector appends the features of what rd has read and fills known.
func (m *Model) vector(dst vector, rd *reader, known *[numViews]float64) vector {
	base := int32(0)
	for v := range m.vocab {
		dst, known[v] = m.vocab[v].appendView(dst, rd.names[v], base, viewWeight[v])
		base += int32(len(m.vocab[v].hashes))
	}
	return dst
}

func (m *Model) query() *query {
	if q, ok := m.scratch.Get().(*query); ok {
		return q
	}
	hidden := 0
	for _, n := range m.nets {
		hidden = max(hidden, n.hidden)
	}
	return &query{
		rd: reader{concepts: m.concepts}, hid: make([]float32, hidden),
		out: make([]float32, len(m.labels)), net: make([]float64, len(m.labels)), score: make([]float64, len(m.labels)),
	}
}

// leastP keeps one model that is sure of an error from outvoting the others.
const leastP = 1e-4

// evaluate fills q.net and q.score.
func (m *Model) evaluate(q *query, text string) {
	q.rd.read(text)
	q.x = m.vector(vector{q.x.idx[:0], q.x.val[:0]}, &q.rd, &q.known)
	clear(q.net)
	for _, n := range m.nets {
		n.forward(q.x, q.hid, q.out)
		softmax32(q.out)
		for l, p := range q.out {
			q.net[l] += math.Log(float64(p)+leastP) / float64(len(m.nets))
		}
	}
	m.linear.forward(q.x, q.out)
	for l := range q.out {
		q.out[l] *= marginScale
	}
	softmax32(q.out)
	for l, p := range q.out {
		q.score[l] = m.linearShare*math.Log(float64(p)+leastP) + (1-m.linearShare)*q.net[l]
	}
}

// softmax turns scores into probabilities in place.
func softmax(scores []float64, temperature float64) {
	best := scores[0]
	for _, s := range scores {
		best = max(best, s)
	}
	sum := 0.0
	for i, s := range scores {
		scores[i] = math.Exp((s - best) / temperature)
		sum += scores[i]
	}
	for i := range scores {
		scores[i] /= sum
	}
}

// Scores appends the probability of each label, given that the text is in
// scope, to dst in the order of Labels.
func (m *Model) Scores(text string, dst []float64) []float64 {
	q := m.query()
	defer m.scratch.Put(q)
	m.evaluate(q, text)
	softmax(q.score, m.judge.temperature)
	return append(dst, q.score...)
}

// Classify says what a text means. It does not allocate.
func (m *Model) Classify(text string) Result {
	q := m.query()
	defer m.scratch.Put(q)
	return m.classify(q, text)
}

func (m *Model) classify(q *query, text string) Result {
	m.evaluate(q, text)
	softmax(q.score, m.judge.temperature)
	return m.judge.result(m.labels, q.score, q.net, q.signs())
}

// signs are what besides the best labels tells how far to trust them.
func (q *query) signs() signs {
	return signs{known: q.known, tokens: len(q.rd.tokens), concepts: len(q.rd.names[viewConcepts])}
}
