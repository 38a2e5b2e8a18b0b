package simulate

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/openhotline/hotline/internal/call"
)

// Progress is how far a simulation is.
type Progress struct {
	Elapsed                            time.Duration
	Begun, Ringing, Talking, Over, Bad int
}

// Quantiles of a duration in milliseconds.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Level is a service level by one formula, as the figures say it and as it is
// computed again from the journal alone.
type Level struct {
	Code    string  `json:"code"`
	Figures float64 `json:"figures"`
	Journal float64 `json:"journal"`
	Equal   bool    `json:"equal"`
}

// Report is what a simulation saw and what the installation says of it.
type Report struct {
	Seed          uint64    `json:"seed"`
	StartedAt     time.Time `json:"started_at"`
	DurationS     float64   `json:"duration_s"`
	Calls         int       `json:"calls"`
	Answered      int       `json:"answered"`  // an agent talked with the caller
	Abandoned     int       `json:"abandoned"` // the caller hung up before
	Refused       int       `json:"refused"`   // the call was not taken
	Dropped       int       `json:"dropped"`   // the installation hung up on a waiting caller
	PeakCalls     int       `json:"peak_calls"`
	PeakTalking   int       `json:"peak_talking"`
	SetUpMS       Quantiles `json:"set_up_ms"` // INVITE to 200
	OfferMS       Quantiles `json:"offer_ms"`  // offer to accepted audio, browser agents
	MOS           Quantiles `json:"mos"`       // p50: median; p95, p99: of the worst; max: best
	PacketsLost   uint64    `json:"packets_lost"`
	PacketsHeard  uint64    `json:"packets_heard"`
	Levels        []Level   `json:"service_levels"`
	Conversations int       `json:"conversations"` // that the installation has of it
	Lost          int       `json:"lost_conversations"`
	Stuck         []string  `json:"stuck"` // states that did not end
	Recordings    int       `json:"recordings"`
	Complete      int       `json:"complete_talks"` // talks recorded to their last 200 ms
	Talks         int       `json:"talks"`          // that had to be recorded
	MissingMS     Quantiles `json:"missing_ms"`     // of each talk, by its recording's own header
	Incomplete    []string  `json:"incomplete_recordings"`
	ServerCPUS    float64   `json:"server_cpu_s"`
	CPUPerCallMS  float64   `json:"server_cpu_ms_per_call_second"`
	CallSeconds   float64   `json:"call_seconds"`
	AgentErrors   []string  `json:"agent_errors"`
}

// OK reports whether nothing was lost, stuck or incomplete, and the service
// level equals its recomputation.
func (r Report) OK() bool {
	for _, l := range r.Levels {
		if !l.Equal {
			return false
		}
	}
	return len(r.Levels) > 0 && r.Lost == 0 && len(r.Stuck) == 0 && len(r.Incomplete) == 0 && r.Dropped == 0
}

// Print writes the report for people.
func (r Report) Print(w io.Writer) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p("%d calls in %.0f s (seed %d): %d answered, %d abandoned, %d refused, %d dropped", r.Calls, r.DurationS, r.Seed, r.Answered, r.Abandoned, r.Refused, r.Dropped)
	p("at most %d calls at once, %d of them talking", r.PeakCalls, r.PeakTalking)
	p("set-up       p50 %.0f ms, p95 %.0f ms, p99 %.0f ms, max %.0f ms", r.SetUpMS.P50, r.SetUpMS.P95, r.SetUpMS.P99, r.SetUpMS.Max)
	p("agent audio  p50 %.0f ms, p95 %.0f ms, p99 %.0f ms, max %.0f ms", r.OfferMS.P50, r.OfferMS.P95, r.OfferMS.P99, r.OfferMS.Max)
	p("MOS          median %.2f, worst 5 %% below %.2f, worst 1 %% below %.2f", r.MOS.P50, r.MOS.P95, r.MOS.P99)
	p("packets      %d heard, %d lost", r.PacketsHeard, r.PacketsLost)
	for _, l := range r.Levels {
		mark := "equal"
		if !l.Equal {
			mark = "DIFFERENT"
		}
		p("service level %-12s %6.2f %% (figures), %6.2f %% (journal): %s", l.Code, 100*l.Figures, 100*l.Journal, mark)
	}
	p("conversations %d, lost %d; stuck states %d", r.Conversations, r.Lost, len(r.Stuck))
	p("recordings   %d; %d of %d talks complete to the last %d ms, missing p50 %.0f ms, p99 %.0f ms, max %.0f ms",
		r.Recordings, r.Complete, r.Talks, tailTime.Milliseconds(), r.MissingMS.P50, r.MissingMS.P99, r.MissingMS.Max)
	for _, s := range slices.Concat(r.Stuck, r.Incomplete, r.AgentErrors) {
		p("  %s", s)
	}
	p("server CPU   %.1f s, %.2f ms per call-second (%.0f call-seconds)", r.ServerCPUS, r.CPUPerCallMS, r.CallSeconds)
	if r.OK() {
		p("result       ok")
	} else {
		p("result       NOT OK")
	}
}

// collector gathers what callers and agents saw.
type collector struct {
	mu       sync.Mutex
	report   Report
	setUps   []float64
	offers   []float64
	mos      []float64
	missing  []float64
	live     int
	talking  int
	answered map[string]bool // customers' numbers whose agent was heard
}

func newCollector() *collector {
	return &collector{answered: map[string]bool{}}
}

func (c *collector) with(f func(*Report)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.report)
}

func (c *collector) begun() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Calls++
	c.live++
	c.report.PeakCalls = max(c.report.PeakCalls, c.live)
}

func (c *collector) over(st call.Stats, seconds float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live--
	c.report.CallSeconds += seconds
	c.report.PacketsHeard += st.PacketsReceived
	c.report.PacketsLost += st.PacketsLost
	if st.MOS > 0 {
		c.mos = append(c.mos, st.MOS)
	}
}

func (c *collector) setUp(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.setUps = append(c.setUps, float64(d.Microseconds())/1000)
}

func (c *collector) offer(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offers = append(c.offers, float64(d.Microseconds())/1000)
}

// recorded notes how a talk was recorded.
func (c *collector) recorded(recordings int, whole bool, missing time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Recordings += recordings
	c.report.Talks++
	if whole {
		c.report.Complete++
	}
	c.missing = append(c.missing, float64(missing.Microseconds())/1000)
}

func (c *collector) talk(delta int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.talking += delta
	c.report.PeakTalking = max(c.report.PeakTalking, c.talking)
}

func (c *collector) agentError(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.report.AgentErrors) < 50 {
		c.report.AgentErrors = append(c.report.AgentErrors, fmt.Sprintf(format, args...))
	}
}

func (c *collector) progress(elapsed time.Duration) Progress {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Progress{Elapsed: elapsed, Begun: c.report.Calls, Ringing: c.live - c.talking, Talking: c.talking,
		Over: c.report.Calls - c.live, Bad: c.report.Refused + c.report.Dropped}
}

func (c *collector) finish() Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.report
	r.SetUpMS, r.OfferMS, r.MissingMS = quantiles(c.setUps), quantiles(c.offers), quantiles(c.missing)
	slices.Sort(c.mos)
	if n := len(c.mos); n > 0 {
		r.MOS = Quantiles{P50: c.mos[n/2], P95: c.mos[n/20], P99: c.mos[n/100], Max: c.mos[n-1]}
	}
	for _, list := range []*[]string{&r.Stuck, &r.Incomplete, &r.AgentErrors} {
		if *list == nil {
			*list = []string{}
		}
	}
	return r
}

func quantiles(v []float64) Quantiles {
	if len(v) == 0 {
		return Quantiles{}
	}
	slices.Sort(v)
	at := func(q float64) float64 { return v[min(len(v)-1, int(q*float64(len(v))))] }
	return Quantiles{P50: at(.5), P95: at(.95), P99: at(.99), Max: v[len(v)-1]}
}
