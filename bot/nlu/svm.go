package nlu

import (
	"context"
	"math/rand/v2"
	"sync"
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

// trainSVM returns the weights, one row of dims+1 per label; the last weight is
// the bias. Labels are trained in parallel, each from its own seed.
func trainSVM(ctx context.Context, data rows, cost float64, workers int, step func()) ([][]float32, error) {
	norms := make([]float64, len(data.x))
	for i, x := range data.x {
		norms[i] = 1 // the bias
		for _, v := range x.val {
			norms[i] += float64(v) * float64(v)
		}
	}
	weights := make([][]float32, data.labels)
	jobs := make(chan int)
	var wg sync.WaitGroup
	for range min(workers, data.labels) {
		wg.Go(func() {
			for label := range jobs {
				weights[label] = trainLabel(data, norms, label, cost)
				step()
			}
		})
	}
	for label := range data.labels {
		if ctx.Err() != nil {
			break
		}
		jobs <- label
	}
	close(jobs)
	wg.Wait()
	return weights, ctx.Err()
}

// trainLabel separates one label from the rest.
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
func (x vector) dot(w []float32) float64 {
	sum := w[len(w)-1]
	val := x.val[:len(x.idx)]
	for k, i := range x.idx {
		sum += w[i] * val[k]
	}
	return float64(sum)
}

// addTo adds scale·x to weights whose last one is the bias.
func (x vector) addTo(w []float32, scale float32) {
	val := x.val[:len(x.idx)]
	for k, i := range x.idx {
		w[i] += scale * val[k]
	}
	w[len(w)-1] += scale
}
