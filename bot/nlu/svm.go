package nlu

import (
	"context"
	"math/rand/v2"
)

// The linear model: one L2-regularised, L2-loss support vector machine per
// label against all others, solved in the dual by coordinate descent with
// shrinking (Hsieh, Chang, Lin, Keerthi, Sundararajan: A Dual Coordinate
// Descent Method for Large-scale Linear SVM, ICML 2008, algorithm 3).

const (
	svmEpochs = 20
	svmStop   = 0.05 // largest minus smallest projected gradient
)

// rows are training vectors with their labels, -1 for out of scope.
type rows struct {
	x      []vector
	y      []int
	labels int
	dims   int
}

// trainSVM separates each label from the rest, each from its own seed.
func trainSVM(ctx context.Context, data rows, cost float64, step func()) (*linear, error) {
	norms := make([]float64, len(data.x))
	for i, x := range data.x {
		norms[i] = 1 // the bias
		for _, v := range x.val {
			norms[i] += float64(v) * float64(v)
		}
	}
	weights := make([][]float32, data.labels)
	for label := range data.labels {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		weights[label] = trainLabel(data, norms, label, cost)
	}
	step()
	return newLinear(weights, data), nil
}

// linear is the machine in use: a row of label weights per feature in 8 bits
// with a scale of its own.
type linear struct {
	labels int
	weight []byte // int8 each
	scale  []float32
	bias   []float32
}

func newLinear(weights [][]float32, data rows) *linear {
	n := &linear{
		labels: data.labels, weight: make([]byte, data.dims*data.labels),
		scale: make([]float32, data.dims), bias: make([]float32, data.labels),
	}
	row := make([]float32, data.labels)
	for f := range data.dims {
		for l := range row {
			row[l] = weights[l][f]
		}
		n.scale[f] = quantise(n.weight[f*n.labels:f*n.labels+n.labels], row)
	}
	for l := range n.bias {
		n.bias[l] = weights[l][data.dims]
	}
	return n
}

// forward fills out with the margin of each label.
func (n *linear) forward(x vector, out []float32) {
	copy(out, n.bias)
	for i, f := range x.idx {
		axpySmall(out[:n.labels], n.weight[int(f)*n.labels:int(f)*n.labels+n.labels], x.val[i]*n.scale[f])
	}
}

// trainLabel separates one label from the rest. It returns dims weights and the
// bias.
//
//go:norace
func trainLabel(data rows, norms []float64, label int, cost float64) []float32 {
	rng := rand.New(rand.NewPCG(7, uint64(label)))
	w := make([]float32, data.dims+1)
	alpha := make([]float64, len(data.x))
	active := make([]int32, len(data.x))
	for i := range active {
		active[i] = int32(i)
	}
	ridge := 0.5 / cost
	limit := inf // projected gradients above it shrink a row away
	for range svmEpochs {
		most, least := -inf, inf
		for i := len(active) - 1; i > 0; i-- {
			j := rng.IntN(i + 1)
			active[i], active[j] = active[j], active[i]
		}
		for k := 0; k < len(active); k++ {
			i := active[k]
			y := -1.0
			if data.y[i] == label {
				y = 1
			}
			g := y*data.x[i].dot(w) - 1 + ridge*alpha[i]
			if alpha[i] == 0 {
				if g > limit {
					last := len(active) - 1
					active[k], active[last] = active[last], active[k]
					active = active[:last]
					k--
					continue
				}
				if g > 0 { // at its bound: the projected gradient is 0
					most, least = max(most, 0), min(least, 0)
					continue
				}
			}
			most, least = max(most, g), min(least, g)
			if g > -1e-12 && g < 1e-12 {
				continue
			}
			old := alpha[i]
			alpha[i] = max(old-g/(norms[i]+ridge), 0)
			data.x[i].addTo(w, float32((alpha[i]-old)*y))
		}
		if most-least < svmStop {
			if len(active) == len(data.x) {
				break
			}
			active = active[:cap(active)] // look at all rows once more
			limit = inf
			continue
		}
		if limit = most; limit <= 0 {
			limit = inf
		}
	}
	return w
}

// dot is the product with weights whose last one is the bias.
//
//go:norace
func (x vector) dot(w []float32) float64 {
	var s0, s1, s2, s3 float32 // apart, so that no addition waits for the one before
	idx, val := x.idx, x.val
	for len(idx) >= 4 && len(val) >= 4 {
		i, v := (*[4]int32)(idx), (*[4]float32)(val)
		s0 += float32(w[i[0]] * v[0])
		s1 += float32(w[i[1]] * v[1])
		s2 += float32(w[i[2]] * v[2])
		s3 += float32(w[i[3]] * v[3])
		idx, val = idx[4:], val[4:]
	}
	for k, i := range idx {
		s0 += float32(w[i] * val[k])
	}
	return float64((s0 + s1) + (s2 + s3) + w[len(w)-1])
}

// addTo adds scale·x to weights whose last one is the bias.
//
//go:norace
func (x vector) addTo(w []float32, scale float32) {
	val := x.val[:len(x.idx)]
	for k, i := range x.idx {
		w[i] += float32(scale * val[k])
	}
	w[len(w)-1] += scale
}
