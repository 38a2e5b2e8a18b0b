package nlu

import (
	"context"
	"math"
	"math/rand/v2"
)

// shape is how a network is built and trained.
type shape struct {
	hidden     int
	epochs     int
	dropInput  float64 // share of the features of a text that are left out
	dropHidden float64
}

const (
	smoothing = 0.05 // share of the target that goes to all labels
	netRate   = 0.05 // AdaGrad's first step; it falls to a twentieth
	netTiny   = 1e-6
)

// net is a network with one hidden layer: sparse features → ReLU → softmax. The
// first layer is stored in 8 bits a weight with a scale per feature, for a quarter
// of the memory; what that costs in accuracy was not measured.
type net struct {
	hidden, labels int
	first          []byte    // a row of hidden weights per feature, each an int8
	scale          []float32 // of each row
	firstBias      []float32
	second         []float32 // a row of label weights per hidden unit
	secondBias     []float32
}

// forward fills out with the raw score of each label; hid is a buffer.
func (n *net) forward(x vector, hid, out []float32) {
	copy(hid, n.firstBias)
	for i, f := range x.idx {
		axpySmall(hid[:n.hidden], n.first[int(f)*n.hidden:int(f)*n.hidden+n.hidden], x.val[i]*n.scale[f])
	}
	copy(out, n.secondBias)
	for j, a := range hid[:n.hidden] {
		if a > 0 {
			axpy(out, n.second[j*n.labels:j*n.labels+n.labels], a)
		}
	}
}

// trainer holds a network in training. Steps are those of AdaGrad with one
// accumulator per row of weights: as good as one per weight and much cheaper.
type trainer struct {
	shape
	data   rows
	rng    *rand.Rand
	first  []float32
	grad1  []float32 // per feature
	bias1  []float32
	gradB1 []float32
	second []float32
	grad2  []float32 // per hidden unit
	bias2  []float32
	gradB2 []float32

	x      vector // the text at hand, thinned
	hid    []float32
	delta  []float32 // of the hidden units
	out    []float32
	bits   uint64
	bitsOf int
}

func newTrainer(data rows, s shape, seed uint64) *trainer {
	t := &trainer{
		shape: s, data: data, rng: rand.New(rand.NewPCG(seed, 99)),
		first: make([]float32, data.dims*s.hidden), grad1: make([]float32, data.dims),
		bias1: make([]float32, s.hidden), gradB1: make([]float32, s.hidden),
		second: make([]float32, s.hidden*data.labels), grad2: make([]float32, s.hidden),
		bias2: make([]float32, data.labels), gradB2: make([]float32, data.labels),
		hid: make([]float32, s.hidden), delta: make([]float32, s.hidden), out: make([]float32, data.labels),
	}
	for i := range t.first {
		t.first[i] = float32(t.rng.NormFloat64() * 0.05)
	}
	spread := math.Sqrt(0.5 / float64(s.hidden))
	for i := range t.second {
		t.second[i] = float32(t.rng.NormFloat64() * spread)
	}
	return t
}

// trainNet trains a network; the same data, shape and seed give the same one.
func trainNet(ctx context.Context, data rows, s shape, seed uint64, step func()) (*net, error) {
	t := newTrainer(data, s, seed)
	order := t.rng.Perm(len(data.x))
	done, total := 0, s.epochs*len(order)
	for range s.epochs {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		t.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			t.learn(data.x[i], data.y[i], float32(netRate*(1-0.95*float64(done)/float64(total))))
			done++
		}
		step()
	}
	return t.pack(), nil
}

// dropped reports true with the probability limit/65536.
//
//go:norace
func (t *trainer) dropped(limit uint64) bool {
	if t.bitsOf == 0 {
		t.bits, t.bitsOf = t.rng.Uint64(), 4
	}
	low := t.bits & 0xffff
	t.bits >>= 16
	t.bitsOf--
	return low < limit
}

// learn takes one step towards the label y of x, -1 for out of scope.
func (t *trainer) learn(x vector, y int, rate float32) {
	t.thin(x)
	t.forward()
	softmax32(t.out)
	even := float32(smoothing) / float32(t.data.labels)
	if y < 0 {
		even = 1 / float32(t.data.labels) // out of scope: no label more than another
	}
	for l := range t.out {
		t.out[l] -= even
	}
	if y >= 0 {
		t.out[y] -= 1 - smoothing
	}
	t.backSecond(rate)
	t.backFirst(rate)
}

// thin copies x without the features that are left out this time.
//
//go:norace
func (t *trainer) thin(x vector) {
	t.x.idx, t.x.val = t.x.idx[:0], t.x.val[:0]
	limit, scale := uint64(t.dropInput*65536), float32(1/(1-t.dropInput))
	for i, f := range x.idx {
		if !t.dropped(limit) {
			t.x.idx = append(t.x.idx, f)
			t.x.val = append(t.x.val, x.val[i]*scale)
		}
	}
}

//go:norace
func (t *trainer) forward() {
	copy(t.hid, t.bias1)
	for i, f := range t.x.idx {
		axpy(t.hid, t.first[int(f)*t.hidden:int(f)*t.hidden+t.hidden], t.x.val[i])
	}
	copy(t.out, t.bias2)
	limit, scale := uint64(t.dropHidden*65536), float32(1/(1-t.dropHidden))
	k := t.data.labels
	for j := range t.hid {
		if t.dropped(limit) || t.hid[j] <= 0 {
			t.hid[j] = 0
			continue
		}
		t.hid[j] *= scale
		axpy(t.out, t.second[j*k:j*k+k], t.hid[j])
	}
}

// backSecond corrects the second layer and leaves the error of the hidden units
// in delta. t.out holds the error of the labels.
//
//go:norace
func (t *trainer) backSecond(rate float32) {
	var square float32
	for _, e := range t.out {
		square += e * e
	}
	k, scale := t.data.labels, float32(1/(1-t.dropHidden))
	for j, a := range t.hid {
		t.delta[j] = 0
		if a == 0 {
			continue
		}
		row := t.second[j*k : j*k+k]
		t.delta[j] = dot(row, t.out) * scale
		t.grad2[j] += square * a * a / float32(k)
		axpy(row, t.out, -rate*a/(root(t.grad2[j])+netTiny))
	}
	for l, e := range t.out {
		t.gradB2[l] += e * e
		t.bias2[l] -= rate * e / (root(t.gradB2[l]) + netTiny)
	}
}

//go:norace
func (t *trainer) backFirst(rate float32) {
	var square float32
	for j, d := range t.delta {
		if d != 0 {
			square += d * d
			t.gradB1[j] += d * d
			t.bias1[j] -= rate * d / (root(t.gradB1[j]) + netTiny)
		}
	}
	square /= float32(t.hidden)
	for i, f := range t.x.idx {
		v := t.x.val[i]
		t.grad1[f] += square * v * v
		axpy(t.first[int(f)*t.hidden:int(f)*t.hidden+t.hidden], t.delta, -rate*v/(root(t.grad1[f])+netTiny))
	}
}

// pack makes the network small.
func (t *trainer) pack() *net {
	n := &net{
		hidden: t.hidden, labels: t.data.labels, first: make([]byte, len(t.first)), scale: make([]float32, t.data.dims),
		firstBias: t.bias1, second: t.second, secondBias: t.bias2,
	}
	for f := range n.scale {
		n.scale[f] = quantise(n.first[f*t.hidden:f*t.hidden+t.hidden], t.first[f*t.hidden:f*t.hidden+t.hidden])
	}
	return n
}

// quantise rounds weights to 8 bits (int8 in a byte) and returns what one step is worth.
//
//go:norace
func quantise(dst []byte, src []float32) float32 {
	var most float32
	for _, w := range src {
		most = max(most, w, -w)
	}
	if most == 0 {
		return 0
	}
	step := most / 127
	for i, w := range src {
		dst[i] = byte(int8(math.RoundToEven(float64(w / step))))
	}
	return step
}

func root(v float32) float32 { return float32(math.Sqrt(float64(v))) }

// softmax32 turns scores into probabilities in place.
//
//go:norace
func softmax32(s []float32) {
	most := s[0]
	for _, v := range s {
		most = max(most, v)
	}
	var sum float32
	for i, v := range s {
		s[i] = float32(math.Exp(float64(v - most)))
		sum += s[i]
	}
	for i := range s {
		s[i] /= sum
	}
}
