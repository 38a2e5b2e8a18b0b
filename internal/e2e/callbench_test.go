package e2e

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/omni"
)

// benchPorts are enough for the calls of a benchmark: a port rests for 5 s.
const benchPorts = "12000-27999"

// load runs SIPp in a process of its own until all its calls are over, and
// returns the CPU that the service used and the calls that failed.
func (s *server) load(args ...string) (used time.Duration, failed int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	dir := s.t.TempDir()
	stats, errors := filepath.Join(dir, "stats.csv"), filepath.Join(dir, "errors.log")
	cmd := exec.CommandContext(ctx, need(s.t, "sipp"), append([]string{s.sip, "-i", "127.0.0.1", "-nostdin", "-timeout", "100s",
		"-trace_stat", "-stf", stats, "-trace_err", "-error_file", errors}, args...)...)
	cmd.Dir = dir
	before := s.cpu()
	out, err := cmd.CombinedOutput()
	used = s.cpu() - before
	raw, fail := os.Open(stats)
	if fail != nil {
		s.t.Fatalf("sipp %s: %v %v\n%.2000s", strings.Join(args, " "), err, fail, out)
	}
	defer raw.Close()
	r := csv.NewReader(raw)
	r.Comma, r.FieldsPerRecord = ';', -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 2 {
		s.t.Fatalf("figures of sipp: %d lines, %v", len(rows), err)
	}
	column, last := slices.Index(rows[0], "FailedCall(C)"), rows[len(rows)-1]
	if column < 0 || column >= len(last) {
		s.t.Fatalf("sipp does not tell failed calls: %v", rows[0])
	}
	if failed, err = strconv.Atoi(last[column]); err != nil {
		s.t.Fatal(err)
	}
	if failed > 0 {
		why, _ := os.ReadFile(errors)
		s.t.Logf("%d calls failed, the first: %.600s", failed, why)
	}
	return used, failed
}

// settled waits until the prompts are made and the service rests.
func (s *server) settled() {
	s.t.Helper()
	quiet, last := 0, s.cpu()
	s.eventually(2*time.Minute, "the service rests", func() bool {
		time.Sleep(480 * time.Millisecond)
		now := s.cpu()
		children, _ := exec.Command("ps", "-o", "pid=", "--ppid", strconv.Itoa(s.cmd.Process.Pid)).Output() // none: exit status 1
		if now-last > 20*time.Millisecond || len(children) > 0 {
			quiet = 0
		} else {
			quiet++
		}
		last = now
		return quiet >= 4
	})
}

// Calls that are answered by a flow with a prompt and an echo. The same calls
// with one and with three seconds of talk tell the CPU of the set-up, which is
// what the budget is about, from that of the sound; beside them the time to the
// answer that a further caller meets meanwhile.
func BenchmarkSetUpThroughFlow(b *testing.B) {
	for _, rate := range []int{50, 150} {
		b.Run(fmt.Sprintf("%d-per-second", rate), func(b *testing.B) {
			s := start(b, "--rtp-ports", benchPorts)
			phone := newTelephone(b)
			s.settled()
			for b.Loop() {
				calls := rate * 10
				stop := make(chan struct{})
				answers := make(chan []float64)
				go func() { answers <- phone.probe(s, stop) }()
				perCall := func(talk string, more func() int) float64 {
					used, failed := s.load("-sn", "uac", "-s", "9001", "-m", strconv.Itoa(calls), "-r", strconv.Itoa(rate), "-d", talk)
					if failed > 0 {
						b.Errorf("%d calls failed", failed)
					}
					return float64(used.Microseconds()) / 1000 / float64(calls+more())
				}
				var waits []float64
				short := perCall("1000", func() int { close(stop); waits = <-answers; return len(waits) })
				long := perCall("3000", func() int { return 0 })
				slices.Sort(waits)
				talk := (long - short) / 2
				b.ReportMetric(short-talk, "ms-CPU/set-up")
				b.ReportMetric(talk, "ms-CPU/talk-second")
				b.ReportMetric(short, "ms-CPU/call-of-1s")
				b.ReportMetric(waits[len(waits)/2], "ms-p50")
				b.ReportMetric(waits[len(waits)*99/100], "ms-p99")
			}
		})
	}
}

// Calls to the main menu, 3.8 seconds each: they hear it, choose another
// language with key 9 and English with key 2, and hear it again. Keys come by
// INFO. A call is lost when it fails or when a key had no effect.
func BenchmarkMenu(b *testing.B) {
	scenario, err := filepath.Abs("testdata/menu.xml")
	if err != nil {
		b.Fatal(err)
	}
	for _, rate := range []int{100, 200, 300} {
		b.Run(fmt.Sprintf("%d-per-second", rate), func(b *testing.B) {
			s := start(b, "--rtp-ports", benchPorts)
			s.settled()
			for b.Loop() {
				calls := rate * 10
				began := time.Now()
				used, failed := s.load("-sf", scenario, "-s", "9000", "-m", strconv.Itoa(calls), "-r", strconv.Itoa(rate))
				took := time.Since(began)
				chosen := s.chose(2, began)
				b.ReportMetric(float64(used.Microseconds())/1000/float64(calls), "ms-CPU/call")
				b.ReportMetric(float64(calls)/(took.Seconds()-3.8), "calls/s")
				b.ReportMetric(float64(failed), "failed")
				b.ReportMetric(float64(calls-failed-chosen), "without-keys")
			}
		})
	}
}

// chose counts the conversations since a time that made n choices in menus.
func (s *server) chose(n int, since time.Time) (count int) {
	s.t.Helper()
	for end := time.Now().Add(5 * time.Second); len(s.conversations("state=in_flow")) > 0 && time.Now().Before(end); {
		time.Sleep(100 * time.Millisecond) // one whose SIPp gave up stays until it is missed
	}
	cursor := ""
	for {
		var page struct {
			Items []omni.Conversation `json:"items"`
			Next  string              `json:"next"`
		}
		s.call(http.MethodGet, "/conversations?limit=500&caller=sipp&from="+url.QueryEscape(since.UTC().Format(time.RFC3339))+
			"&cursor="+url.QueryEscape(cursor), s.token, nil, &page)
		for _, c := range page.Items {
			if len(c.FlowPath) >= n {
				count++
			}
		}
		if cursor = page.Next; cursor == "" {
			return count
		}
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
