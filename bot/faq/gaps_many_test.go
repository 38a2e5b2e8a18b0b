//go:build unix && !race

package faq

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// manyQuestions are n questions of a hundred things in words that vary.
func manyQuestions(n int) []string {
	r := rand.New(rand.NewPCG(3, 4))
	things := make([]string, 100)
	for i := range things {
		things[i] = fmt.Sprintf("%c%c%c%c thing", 'a'+i%26, 'a'+r.IntN(26), 'a'+r.IntN(26), 'a'+i/26)
	}
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s %s the %s %d", []string{"please", "hi", "so", "well", "ah"}[r.IntN(5)], []string{"how much is", "where is", "can you mend"}[r.IntN(3)], things[r.IntN(100)], i)
	}
	return out
}

// Ten thousand different questions are grouped in not much more than the memory
// and processor time that grow with their number and with how many are like
// each. It runs alone: what others do would count.
func TestTenThousandGaps(t *testing.T) {
	measure := func(n int) (groups []Gap, bytes uint64, cpu time.Duration) {
		questions := manyQuestions(n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := processorTime(t)
		groups, err := Gaps(t.Context(), questions, GapsConfig{})
		if err != nil {
			t.Fatal(err)
		}
		cpu = processorTime(t) - begun
		runtime.ReadMemStats(&after)
		return groups, after.TotalAlloc - before.TotalAlloc, cpu
	}
	_, few, quick := measure(MostGaps / 4)
	groups, many, slow := measure(MostGaps)
	t.Logf("%d groups; %d and %d MB, %v and %v", len(groups), few>>20, many>>20, quick, slow)
	count := 0
	for _, g := range groups {
		count += g.Count
		if g.Label == "" || !slices.Contains(g.Questions, g.Label) {
			t.Errorf("label %q is not one of %d questions", g.Label, len(g.Questions))
		}
	}
	if count != MostGaps {
		t.Errorf("%d of %d questions are in groups", count, MostGaps)
	}
	if many > 6*few {
		t.Errorf("four times the questions take %.1f times the memory", float64(many)/float64(few))
	}
	if slow > 24*quick {
		t.Errorf("four times the questions take %.1f times the processor time", float64(slow)/float64(quick))
	}
}
