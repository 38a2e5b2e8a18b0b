package nlu

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The loops for eight numbers at once give the bits of the plain ones, at every
// length.
func TestLanesAreTheSameAsLoops(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	numbers := func(n int) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(rng.NormFloat64() * 100)
		}
		return out
	}
	for n := range 100 {
		a, b, v := numbers(n), numbers(n), float32(rng.NormFloat64())
		small := make([]byte, n)
		for i := range small {
			small[i] = byte(rng.IntN(256))
		}
		whole := n &^ (lanes - 1)

		want := slices.Clone(a)
		axpyLoop(want[:whole], b[:whole], v)
		for i := whole; i < n; i++ {
			want[i] += float32(v * b[i])
		}
		got := slices.Clone(a)
		axpy(got, b, v)
		if !slices.Equal(got, want) {
			t.Fatalf("axpy of %d: %v, want %v", n, got, want)
		}

		want = slices.Clone(a)
		axpySmallLoop(want, small, v)
		got = slices.Clone(a)
		axpySmall(got, small, v)
		if !slices.Equal(got, want) {
			t.Fatalf("axpySmall of %d: %v, want %v", n, got, want)
		}

		sum := dotLoop(a[:whole], b[:whole])
		for i := whole; i < n; i++ {
			sum += float32(a[i] * b[i])
		}
		if d := dot(a, b); d != sum {
			t.Fatalf("dot of %d: %v, want %v", n, d, sum)
		}
	}
}
