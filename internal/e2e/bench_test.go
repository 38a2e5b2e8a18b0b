package e2e

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/id"
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

// Calls that are answered by a flow and end after a second: CPU of the service
// per call, with the load in a process of its own, and the time to the answer
// that a further caller meets meanwhile.
func BenchmarkSetUpThroughFlow(b *testing.B) {
	for _, rate := range []int{50, 150} {
		b.Run(fmt.Sprintf("%d-per-second", rate), func(b *testing.B) {
			s := start(b, "--rtp-ports", "12000-27999") // a port rests for 5 s
			phone := newTelephone(b)
			for b.Loop() {
				calls := rate * 10
				stop := make(chan struct{})
				answers := make(chan []float64)
				go func() { answers <- phone.probe(s, stop) }()
				before := s.cpu()
				s.sipp("-sn", "uac", "-s", "9001", "-m", strconv.Itoa(calls), "-r", strconv.Itoa(rate), "-d", "1000")
				used := s.cpu() - before
				close(stop)
				waits := <-answers
				slices.Sort(waits)
				b.ReportMetric(float64(used.Microseconds())/1000/float64(calls+len(waits)), "ms-CPU/call")
				b.ReportMetric(waits[len(waits)/2], "ms-p50")
				b.ReportMetric(waits[len(waits)*99/100], "ms-p99")
			}
		})
	}
}

// probe calls again and again and measures the time to the answer in ms.
func (p *telephone) probe(s *server, stop <-chan struct{}) []float64 {
	var out []float64
	for {
		select {
		case <-stop:
			return out
		case <-time.After(50 * time.Millisecond):
		}
		began := time.Now()
		leg, err := p.calls.DialNumber(p.t.Context(), call.DialRequest{ID: id.New(id.Leg), URI: "sip:9001@" + s.sip, To: "9001", From: "probe"})
		if err != nil {
			p.t.Error(err)
			return out
		}
		select {
		case <-leg.Answered():
			out = append(out, float64(time.Since(began).Microseconds())/1000)
		case <-leg.Done():
			p.t.Errorf("probe refused: %+v", leg.End())
		case <-time.After(10 * time.Second):
			p.t.Error("probe not answered")
		}
		leg.Hangup(call.CustomerDisconnect)
		<-leg.Done()
	}
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
