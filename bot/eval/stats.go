package eval

import (
	"math"
	"slices"
	"time"
)

// Rate is a share of rows with its 95 % interval (Wilson's score interval:
// it stays inside 0 to 1 and holds for small numbers).
type Rate struct {
	Share float64 `json:"share"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	Right int     `json:"right"`
	Of    int     `json:"of"`
}

// rate makes a Rate; of nothing it is 0 with the interval 0 to 1.
func rate(right, of int) Rate {
	r := Rate{Right: right, Of: of, High: 1}
	if of == 0 {
		return r
	}
	const z = 1.959964
	n, p := float64(of), float64(right)/float64(of)
	mid := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	r.Share, r.Low, r.High = p, max(mid-half, 0), min(mid+half, 1)
	return r
}

// Durations sums up how long queries took.
type Durations struct {
	MeanMicros float64 `json:"mean_us"`
	P50Micros  float64 `json:"p50_us"`
	P99Micros  float64 `json:"p99_us"`
}

func durations(took []time.Duration) Durations {
	if len(took) == 0 {
		return Durations{}
	}
	slices.Sort(took)
	var sum time.Duration
	for _, t := range took {
		sum += t
	}
	micros := func(t time.Duration) float64 { return float64(t.Nanoseconds()) / 1000 }
	return Durations{
		MeanMicros: micros(sum) / float64(len(took)),
		P50Micros:  micros(took[len(took)/2]),
		P99Micros:  micros(took[min(len(took)*99/100, len(took)-1)]),
	}
}

// areaUnderCurve is the chance that a positive has a higher score than a
// negative (AUROC); ties count half. It is 0 without one of the two.
func areaUnderCurve(positive, negative []float64) float64 {
	if len(positive) == 0 || len(negative) == 0 {
		return 0
	}
	slices.Sort(negative)
	sum := 0.0
	for _, p := range positive {
		below, _ := slices.BinarySearch(negative, p)
		above, _ := slices.BinarySearchFunc(negative, p, func(n, p float64) int {
			if n <= p {
				return -1
			}
			return 1
		})
		sum += float64(below) + float64(above-below)/2
	}
	return sum / float64(len(positive)) / float64(len(negative))
}
