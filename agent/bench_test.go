package agent

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// centre is a big centre for measuring: agents in three of fifty queues each,
// conversations that need a language and some of them a level of a skill.
type centre struct {
	r      *Router
	now    time.Time
	rng    *rand.Rand
	next   int
	agents []string
	busy   []Work          // connected
	took   []time.Duration // of each decision, by the clock
	cpu    []time.Duration // and in processor time
}

func newCentre(b *testing.B, agents, waiting int) *centre {
	c := &centre{r: NewRouter(RouterConfig{Seed: 1}), now: day, rng: rand.New(rand.NewPCG(1, 1))}
	strategies := []Strategy{LeastOccupied, LeastOccupied, LongestIdle, BestSkill, RoundRobin}
	for i := range 50 {
		q := DefaultQueue(fmt.Sprintf("qu_%02d", i), "")
		q.Strategy = strategies[i%len(strategies)]
		q.MaxWait, q.WrapUpTime = 24*3600, 0
		q.Relaxation = []RelaxStep{{After: 30, Level: 2}, {After: 60, Level: 1}}
		c.r.Apply(PutQueue{At(c.now), q})
	}
	for i := range agents {
		a := Agent{ID: fmt.Sprintf("ag_%05d", i), Skills: map[string]int{"en": 1 + c.rng.IntN(5), "tech": 1 + c.rng.IntN(5)}}
		for range 3 {
			a.Queues = append(a.Queues, fmt.Sprintf("qu_%02d", c.rng.IntN(50)))
		}
		c.agents = append(c.agents, a.ID)
		c.r.Apply(PutAgent{At(c.now), a})
		c.r.Apply(DeviceUp{At(c.now), a.ID})
	}
	if waiting > 0 { // everybody is busy at first
		for range agents + agents/2 {
			c.arrive()
		}
	}
	for _, id := range c.agents {
		c.talk(c.r.Apply(SetPresence{At: At(c.now), AgentID: id, State: Available, By: ByAgent}))
	}
	for len(c.r.entries) < waiting {
		c.talk(c.arrive())
	}
	if waiting > 0 && len(c.busy) < agents*9/10 {
		b.Fatalf("%d of %d agents are busy", len(c.busy), agents)
	}
	for range 5000 { // every class of skills has been met once
		c.talk(c.arrive())
		if len(c.busy) > 100 {
			c.talk(c.hangUp())
		}
	}
	c.took, c.cpu = make([]time.Duration, 0, 1<<21), make([]time.Duration, 0, 1<<21)
	runtime.LockOSThread()
	b.Cleanup(runtime.UnlockOSThread)
	b.ReportAllocs()
	return c
}

// arrive queues a new conversation.
func (c *centre) arrive() []Output {
	c.next++
	c.now = c.now.Add(50 * time.Microsecond)
	in := Enqueue{At: At(c.now), ConversationID: fmt.Sprintf("cv_%07d", c.next), QueueID: fmt.Sprintf("qu_%02d", c.rng.IntN(50))}
	switch c.rng.IntN(3) {
	case 0:
		in.Skills = []SkillNeed{{"en", 1 + c.rng.IntN(3)}}
	case 1:
		in.Skills = []SkillNeed{{"en", 2}, {"tech", 1 + c.rng.IntN(3)}}
	}
	return c.timed(in)
}

func (c *centre) timed(in Input) []Output {
	start, used := time.Now(), threadTime()
	outs := c.r.Apply(in)
	used, d := threadTime()-used, time.Since(start)
	for _, o := range outs {
		if _, ok := o.(OfferCreated); ok {
			c.took = append(c.took, d)
			c.cpu = append(c.cpu, used)
			break
		}
	}
	return outs
}

// talk accepts and connects every offer among the outputs.
func (c *centre) talk(outs []Output) {
	for _, o := range outs {
		if o, ok := o.(OfferCreated); ok {
			c.r.Apply(Accept{At(c.now), o.Offer.ID, o.Offer.AgentID})
			c.r.Apply(Connect{At(c.now), o.Offer.ConversationID, o.Offer.AgentID})
			c.busy = append(c.busy, o.Work)
		}
	}
}

// hangUp ends a random conversation, which frees an agent.
func (c *centre) hangUp() []Output {
	i := c.rng.IntN(len(c.busy))
	w := c.busy[i]
	c.busy[i] = c.busy[len(c.busy)-1]
	c.busy = c.busy[:len(c.busy)-1]
	c.now = c.now.Add(50 * time.Microsecond)
	return c.timed(EndWork{At(c.now), w.ConversationID, w.AgentID, "customer_disconnect"})
}

// threadTime returns the processor time of this thread: how long a decision
// takes however busy the machine is.
func threadTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// report adds to the benchmark's line: how many decisions a second of one
// processor gives, their percentiles in processor time, and by the clock, which
// counts whatever else the machine does.
func (c *centre) report(b *testing.B) {
	n := len(c.cpu)
	if n == 0 {
		b.Fatal("no decision")
	}
	var sum time.Duration
	for _, d := range c.cpu {
		sum += d
	}
	slices.Sort(c.cpu)
	slices.Sort(c.took)
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	b.ReportMetric(float64(n)/sum.Seconds(), "decisions/s")
	b.ReportMetric(us(c.cpu[n/2]), "p50-µs")
	b.ReportMetric(us(c.cpu[n*99/100]), "p99-µs")
	b.ReportMetric(us(c.took[n*99/100]), "p99-clock-µs")
}

// An agent becomes free and 100,000 wait: who is next? Each iteration is a
// whole turn: hang-up and decision, accept, connect, and a new arrival.
func BenchmarkAgentBecomesFree(b *testing.B) {
	c := newCentre(b, 10_000, 100_000)
	for b.Loop() {
		c.talk(c.hangUp())
		c.talk(c.arrive())
	}
	c.report(b)
	if len(c.r.entries) < 90_000 {
		b.Fatalf("%d wait at the end", len(c.r.entries))
	}
}

// A conversation arrives and 10,000 agents are idle: who gets it? Each
// iteration is a whole turn: arrival and decision, accept, connect, hang-up.
func BenchmarkConversationArrives(b *testing.B) {
	c := newCentre(b, 10_000, 0)
	for b.Loop() {
		c.talk(c.arrive())
		if len(c.busy) > 100 {
			c.hangUp()
		}
	}
	c.report(b)
}

// Where does a conversation stand among 100,000?
func BenchmarkPosition(b *testing.B) {
	c := newCentre(b, 10_000, 100_000)
	ids := make([]string, 0, len(c.r.entries))
	for id := range c.r.entries {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	i := 0
	for b.Loop() {
		c.r.Position(ids[i%len(ids)])
		i++
	}
}
