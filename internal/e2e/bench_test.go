package e2e

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/simulate"
)

// cpu is the CPU time that the process has used so far.
func (s *server) cpu() time.Duration {
	s.t.Helper()
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/stat")
	if err != nil {
		s.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(raw), ") ")
	f := strings.Fields(rest)
	user, err1 := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	if err1 != nil || err2 != nil {
		s.t.Fatal(err1, err2)
	}
	return time.Duration(user+system) * 10 * time.Millisecond // clock ticks are 1/100 s
}

// The first start seeds the demo shop; the second is what a restart costs.
func BenchmarkStart(b *testing.B) {
	s := start(b)
	first, idle := s.readyIn, s.rss()
	var again []time.Duration
	for b.Loop() {
		s.stop()
		s.launch()
		again = append(again, s.readyIn)
	}
	slices.Sort(again)
	b.ReportMetric(first.Seconds(), "s-first-start")
	b.ReportMetric(again[len(again)/2].Seconds(), "s-restart")
	b.ReportMetric(float64(idle)/(1<<20), "MB-idle")
}

// A busy floor: 100 calls talk, 20 of them to browsers and 80 to desk phones,
// while as many wait with music. HOTLINE_BENCH_FLOOR sets how long (3m).
func BenchmarkBusyFloor(b *testing.B) {
	length := 3 * time.Minute
	if v := os.Getenv("HOTLINE_BENCH_FLOOR"); v != "" {
		var err error
		if length, err = time.ParseDuration(v); err != nil {
			b.Fatal(err)
		}
	}
	s := start(b)
	for b.Loop() {
		r := s.simulated(b.Context(), simulate.Config{
			WebAgents: 20, SIPAgents: 80, Rate: 6, Duration: length, MaxCalls: 200, Talk: 30 * time.Second, Patience: 5 * time.Minute,
			PickUp: time.Second, WrapUp: time.Second, Seed: 100,
		})
		if !r.OK() {
			b.Error("the simulation found faults")
		}
		b.ReportMetric(float64(r.PeakTalking), "talking")
		b.ReportMetric(float64(r.PeakCalls), "calls")
		b.ReportMetric(r.CPUPerCallMS, "ms-CPU/call-second")
		b.ReportMetric(r.SetUpMS.P99, "ms-set-up-p99")
		b.ReportMetric(r.MOS.P50, "MOS-median")
	}
}
