package agent

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestOrderedAgainstASortedSlice(t *testing.T) {
	for _, shape := range []struct {
		name      string
		keys      int64 // how many different ones
		growing   bool  // new keys come at the end, the first are taken
		operation int
	}{
		{"few", 300, false, 30_000},
		{"many", 5000, false, 60_000},
		{"queue", 0, true, 60_000},
	} {
		t.Run(shape.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			var o ordered[int]
			var want []key
			next := int64(0)
			for n := range shape.operation {
				k := key{a: rng.Int64N(max(1, shape.keys)), b: rng.Int64N(2)}
				if shape.growing {
					next++
					k = key{c: next}
					if len(want) > 0 && rng.IntN(100) < 20+n*60/shape.operation {
						k = want[rng.IntN(min(len(want), 1+rng.IntN(400)))]
					}
				}
				i, there := slices.BinarySearchFunc(want, k, key.compare)
				if there {
					want = slices.Delete(want, i, i+1)
				} else {
					want = slices.Insert(want, i, k)
					o.insert(k, new(int))
				}
				if there != o.remove(k) && there {
					t.Fatalf("operation %d: %v was not there", n, k)
				}
				if !there {
					o.insert(k, new(int))
				}
				if o.n != len(want) || o.rank(k) != i {
					t.Fatalf("operation %d: %d items, rank %d, want %d, %d", n, o.n, o.rank(k), len(want), i)
				}
				if n%500 == 0 {
					sameOrder(t, &o, want)
				}
			}
			sameOrder(t, &o, want)
			if len(o.chunks) > 2+4*len(want)/chunkMax*2 {
				t.Errorf("%d chunks for %d items", len(o.chunks), len(want))
			}
		})
	}
}

func sameOrder(t *testing.T, o *ordered[int], want []key) {
	t.Helper()
	i := 0
	for it := range o.all {
		if it.key != want[i] || o.at(i) != it {
			t.Fatalf("item %d is %v, want %v", i, it.key, want[i])
		}
		i++
	}
	if first, ok := o.first(); ok != (len(want) > 0) || ok && first.key != want[0] || i != len(want) {
		t.Fatalf("first %v %v of %d, want %d items", first.key, ok, i, len(want))
	}
}

func TestRoutineOperationsDoNotAllocate(t *testing.T) {
	var o ordered[int]
	v := new(int)
	for i := range int64(1000) {
		o.insert(key{a: i * 2}, v)
	}
	n := testing.AllocsPerRun(1000, func() {
		o.remove(key{a: 1000})
		o.insert(key{a: 1000}, v)
		o.rank(key{a: 700})
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
