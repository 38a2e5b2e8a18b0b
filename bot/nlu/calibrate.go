package nlu

import (
	"math"
	"slices"
	"sync"
)

// calibrate chooses the temperature and the thresholds from what models said
// about texts they had not seen.
func (m *Model) calibrate(held []outcome, cfg Config) {
	m.temperature = fitTemperature(held)
	var seen []judged
	for _, o := range held {
		p := slices.Clone(o.scores)
		softmax(p, m.temperature)
		best := 0
		for l := range p {
			if p[l] > p[best] {
				best = l
			}
		}
		seen = append(seen, judged{p[best], o.y >= 0, best == o.y})
	}
	m.lower = lowerThreshold(seen, cfg.FalseReject)
	m.upper = max(upperThreshold(seen, cfg.WrongAnswer), m.lower)
}

// judged is a held-out text: how sure the model was and whether it was right.
type judged struct {
	p              float64
	inScope, right bool
}

// fitTemperature minimises the negative log likelihood of the in-scope rows by
// golden-section search over the logarithm.
func fitTemperature(held []outcome) float64 {
	loss := func(lt float64) float64 {
		t, sum := math.Exp(lt), 0.0
		for _, o := range held {
			if o.y < 0 {
				continue
			}
			best, z := slices.Max(o.scores), 0.0
			for _, s := range o.scores {
				z += math.Exp((s - best) / t)
			}
			sum += math.Log(z) - (o.scores[o.y]-best)/t
		}
		return sum
	}
	const ratio = 0.6180339887498949
	lo, hi := math.Log(0.01), math.Log(10)
	a, b := hi-ratio*(hi-lo), lo+ratio*(hi-lo)
	fa, fb := loss(a), loss(b)
	for range 40 {
		if fa < fb {
			hi, b, fb = b, a, fa
			a = hi - ratio*(hi-lo)
			fa = loss(a)
		} else {
			lo, a, fa = a, b, fb
			b = lo + ratio*(hi-lo)
			fb = loss(b)
		}
	}
	return math.Exp((lo + hi) / 2)
}

// lowerThreshold rejects at most the given share of in-scope texts.
func lowerThreshold(seen []judged, falseReject float64) float64 {
	var p []float64
	for _, s := range seen {
		if s.inScope {
			p = append(p, s.p)
		}
	}
	slices.Sort(p)
	return p[min(int(falseReject*float64(len(p))), len(p)-1)]
}

// upperThreshold is the lowest one above which at most the given share of texts
// is labelled wrongly, out-of-scope texts included.
func upperThreshold(seen []judged, wrong float64) float64 {
	slices.SortFunc(seen, func(a, b judged) int { return -cmpFloat(a.p, b.p) })
	best, bad := 1.0, 0
	for i, s := range seen {
		if !s.right {
			bad++
		}
		if float64(bad) <= wrong*float64(i+1) {
			best = s.p
		}
	}
	return best
}

func cmpFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// counter counts steps done by several goroutines.
type counter struct {
	mu sync.Mutex
	f  func()
}

func newCounter(f func()) *counter { return &counter{f: f} }

func (c *counter) step() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.f()
}
