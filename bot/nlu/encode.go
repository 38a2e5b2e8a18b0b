package nlu

import (
	"fmt"
	"slices"

	"github.com/openhotline/hotline/bot/cache"
)

// Version is raised by whoever changes what a model is or what training makes
// of the same examples; TestSameExamplesGiveTheSameBytes tells when. Models of
// another version are not read but trained anew.
const Version = 1

// Encode writes a model. The same examples and configuration give the same
// bytes. Concepts are not among them: Decode is given the same ones.
func Encode(m *Model) []byte {
	var w cache.Writer
	w.Int(Version)
	w.Raw(m.id[:])
	w.Text(m.outOfScope)
	w.Texts(m.labels)
	w.Float(m.linearShare)
	for _, v := range m.vocab {
		names := make([]uint64, len(v.hashes))
		for i, h := range v.hashes {
			names[i] = uint64(h)
		}
		w.Words(names)
		w.Floats(v.weight)
	}
	w.Raw(m.linear.weight)
	w.Floats(m.linear.scale)
	w.Floats(m.linear.bias)
	w.Int(len(m.nets))
	for _, n := range m.nets {
		w.Int(n.hidden)
		w.Raw(n.first)
		w.Floats(n.scale)
		w.Floats(n.firstBias)
		w.Floats(n.second)
		w.Floats(n.secondBias)
	}
	j := m.judge
	w.Float(j.temperature)
	for _, l := range []logistic{j.right, j.scope} {
		w.Float(l.bias)
		for _, v := range l.weight {
			w.Float(v)
		}
	}
	w.Float(j.lower)
	w.Float(j.upper)
	return w.Bytes
}

// Decode reads what Encode wrote. concepts are those of the configuration that
// the model was trained with. The model keeps content, which must not be changed
// any more. The error is cache.ErrDamaged for anything that is not a model of
// this version.
func Decode(content []byte, concepts *Concepts) (*Model, error) {
	r := cache.NewReader(content)
	if r.Int() != Version {
		r.Fail()
	}
	m := &Model{concepts: concepts, linear: &linear{}}
	if id := r.Raw(); len(id) == len(m.id) {
		copy(m.id[:], id)
	} else {
		r.Fail()
	}
	m.outOfScope, m.labels, m.linearShare = r.Text(), r.Texts(), r.Float()
	for v := range m.vocab {
		m.vocab[v] = decodeVocabulary(r)
	}
	m.linear.labels = len(m.labels)
	m.linear.weight, m.linear.scale, m.linear.bias = r.Raw(), r.Floats(), r.Floats()
	for range min(r.Int(), maxNets) {
		n := &net{labels: len(m.labels), hidden: r.Int()}
		n.first, n.scale, n.firstBias, n.second, n.secondBias = r.Raw(), r.Floats(), r.Floats(), r.Floats(), r.Floats()
		m.nets = append(m.nets, n)
	}
	j := &m.judge
	j.temperature = r.Float()
	for _, l := range []*logistic{&j.right, &j.scope} {
		l.bias = r.Float()
		for i := range l.weight {
			l.weight[i] = r.Float()
		}
	}
	j.lower, j.upper = r.Float(), r.Float()
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("nlu: %w", err)
	}
	if !m.fits() {
		return nil, fmt.Errorf("nlu: %w", cache.ErrDamaged)
	}
	for _, v := range m.vocab {
		v.index()
	}
	return m, nil
}

// maxNets bounds the networks of a model that is read.
const maxNets = 64

func decodeVocabulary(r *cache.Reader) *vocabulary {
	names := r.Words()
	v := &vocabulary{hashes: make([]hash, len(names)), weight: r.Floats()}
	for i, n := range names {
		v.hashes[i] = hash(n)
	}
	return v
}

// fits tells whether the parts of a model that was read belong together.
func (m *Model) fits() bool {
	k := len(m.labels)
	if k < 2 || !slices.IsSorted(m.labels) || !(m.judge.temperature > 0) || len(m.nets) == 0 {
		return false
	}
	for _, v := range m.vocab {
		if len(v.hashes) != len(v.weight) || !slices.IsSorted(v.hashes) {
			return false
		}
	}
	d := m.dims()
	if l := m.linear; len(l.weight) != d*k || len(l.scale) != d || len(l.bias) != k {
		return false
	}
	for _, n := range m.nets {
		h := n.hidden
		if h < 1 || h > 1<<16 || len(n.first) != d*h || len(n.scale) != d || len(n.firstBias) != h || len(n.second) != h*k || len(n.secondBias) != k {
			return false
		}
	}
	return true
}
