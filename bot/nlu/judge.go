package nlu

import (
	"math"
	"slices"
)

// judge turns the probabilities of the labels into how far to trust the best
// one. It is fitted on texts that the models had not seen.
type judge struct {
	temperature float64
	right       logistic // the text is in scope and the best label right
	scope       logistic // the text is in scope
	lower       float64  // on scope
	upper       float64  // on right
}

// signs are what besides the probabilities tells how far to trust a label.
type signs struct {
	known    [numViews]float64 // share of the text's features that examples had
	tokens   int
	concepts int // and their pairs
}

// numSigns is how many numbers a text's signs are.
const numSigns = 10

// numbers returns the signs of a text. p are its label probabilities, net the
// average log probabilities of the networks alone: trained to be even where a
// text is out of scope, they know more of that.
func (s signs) numbers(p, net []float64) [numSigns]float64 {
	const tiny = 1e-4
	first, second, entropy := 0.0, 0.0, 0.0
	for _, v := range p {
		if v > first {
			first, second = v, first
		} else if v > second {
			second = v
		}
		entropy -= v * math.Log(v+1e-12)
	}
	best, even := net[0], 0.0
	for _, l := range net {
		best = max(best, l)
		even -= math.Exp(l) * l
	}
	return [numSigns]float64{
		math.Log(first + tiny), math.Log((first + tiny) / (second + tiny)), math.Log(1 - first + tiny), entropy, best, even,
		s.known[viewWords], s.known[viewChars],
		math.Log(float64(1 + s.tokens)), math.Log(float64(1+s.concepts)) - math.Log(float64(1+s.tokens)),
	}
}

// result ranks probabilities and decides.
func (j *judge) result(labels []string, p, net []float64, s signs) Result {
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
		r.Top[at] = Ranked{labels[l], v}
	}
	x := s.numbers(p, net)
	r.Label, r.P, r.Scope = r.Top[0].Label, j.right.p(x), j.scope.p(x)
	rest := min(r.P/r.Top[0].P, (1-r.P)/(1-r.Top[0].P+1e-12)) // together they stay below 1
	for i := range r.Top[1:] {
		r.Top[i+1].P *= rest
	}
	r.Top[0].P = r.P
	switch {
	case s.tokens == 0 || r.Scope < j.lower:
		r.Decision = Reject
	case r.P < j.upper:
		r.Decision = Choose
	default:
		r.Decision = Accept
	}
	return r
}

// logistic is a logistic regression over signs.
type logistic struct {
	bias   float64
	weight [numSigns]float64
}

func (l *logistic) p(x [numSigns]float64) float64 {
	z := l.bias
	for i, w := range l.weight {
		z += w * x[i]
	}
	return 1 / (1 + math.Exp(-z))
}

// fitLogistic minimises the log loss with a little ridge by Newton's method.
func fitLogistic(x [][numSigns]float64, y []bool) logistic {
	const n, ridge = numSigns + 1, 1.0
	mean, spread := moments(x)
	var w [n]float64
	for range 12 {
		var grad [n]float64
		var hess [n][n]float64
		for i := range x {
			var z [n]float64
			z[0] = 1
			sum := w[0]
			for k := range numSigns {
				z[k+1] = (x[i][k] - mean[k]) / spread[k]
				sum += w[k+1] * z[k+1]
			}
			p := 1 / (1 + math.Exp(-sum))
			err := p
			if y[i] {
				err = p - 1
			}
			for a := range n {
				grad[a] += err * z[a]
				for b := range a + 1 {
					hess[a][b] += p * (1 - p) * z[a] * z[b]
				}
			}
		}
		for a := range n {
			hess[a][a] += ridge
			grad[a] += ridge * w[a]
		}
		step := solve(hess, grad)
		for a := range n {
			w[a] -= step[a]
		}
	}
	l := logistic{bias: w[0]}
	for k := range numSigns {
		l.weight[k] = w[k+1] / spread[k]
		l.bias -= l.weight[k] * mean[k]
	}
	return l
}

func moments(x [][numSigns]float64) (mean, spread [numSigns]float64) {
	for k := range numSigns {
		for i := range x {
			mean[k] += x[i][k] / float64(len(x))
		}
		for i := range x {
			d := x[i][k] - mean[k]
			spread[k] += d * d / float64(len(x))
		}
		spread[k] = math.Sqrt(spread[k]) + 1e-9
	}
	return mean, spread
}

// solve returns h⁻¹g for a positive definite h, of which the lower half is
// given, by Cholesky's decomposition.
func solve(h [numSigns + 1][numSigns + 1]float64, g [numSigns + 1]float64) [numSigns + 1]float64 {
	n := len(g)
	for i := range n {
		for j := range i + 1 {
			sum := h[i][j]
			for k := range j {
				sum -= h[i][k] * h[j][k]
			}
			if i == j {
				h[i][i] = math.Sqrt(max(sum, 1e-12))
			} else {
				h[i][j] = sum / h[j][j]
			}
		}
	}
	for i := range n {
		for k := range i {
			g[i] -= h[i][k] * g[k]
		}
		g[i] /= h[i][i]
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			g[i] -= h[k][i] * g[k]
		}
		g[i] /= h[i][i]
	}
	return g
}

// outcome is what a model says about a text that it was not trained on.
type outcome struct {
	example int       // its number
	scores  []float64 // average log probability per label
	net     []float64 // of the networks alone
	signs   signs
	y       int // the right label, -1 for out of scope
}

// fewForeign is how many out-of-scope texts are needed to learn what they look
// like; with fewer, what is likely wrong is rejected.
const fewForeign = 20

// fitJudge chooses temperature, trust and thresholds.
func fitJudge(held []outcome, cfg Config) judge {
	j := judge{temperature: fitTemperature(held)}
	var x [][numSigns]float64
	var right, scope []bool
	foreign := 0
	for _, o := range held {
		p := slices.Clone(o.scores)
		softmax(p, j.temperature)
		best := 0
		for l := range p {
			if p[l] > p[best] {
				best = l
			}
		}
		x = append(x, o.signs.numbers(p, o.net))
		right, scope = append(right, best == o.y), append(scope, o.y >= 0)
		if o.y < 0 {
			foreign++
		}
	}
	j.right = fitLogistic(x, right)
	j.scope = j.right
	if foreign >= fewForeign {
		j.scope = fitLogistic(x, scope)
	}
	j.lower = lowerThreshold(j.scope, x, scope, cfg.FalseReject)
	j.upper = upperThreshold(j.right, x, right, cfg.WrongAnswer)
	return j
}

// lowerThreshold rejects at most the given share of in-scope texts.
func lowerThreshold(l logistic, x [][numSigns]float64, scope []bool, falseReject float64) float64 {
	var p []float64
	for i := range x {
		if scope[i] {
			p = append(p, l.p(x[i]))
		}
	}
	if len(p) == 0 {
		return 0
	}
	slices.Sort(p)
	return p[min(int(falseReject*float64(len(p))), len(p)-1)]
}

// upperThreshold is the lowest one above which at most the given share of texts
// is labelled wrongly, out-of-scope texts included.
func upperThreshold(l logistic, x [][numSigns]float64, right []bool, wrong float64) float64 {
	order := make([]int, len(x))
	p := make([]float64, len(x))
	for i := range x {
		order[i], p[i] = i, l.p(x[i])
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] > p[b]:
			return -1
		case p[a] < p[b]:
			return 1
		}
		return 0
	})
	best, bad := 1.0, 0
	for n, i := range order {
		if !right[i] {
			bad++
		}
		if float64(bad) <= wrong*float64(n+1) {
			best = p[i]
		}
	}
	return best
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
	lo, hi := math.Log(0.05), math.Log(10)
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
