package agent

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"
)

// centre is a big centre for measuring: agents in three of fifty queues each,
// conversations that need a language and some of them a level of a skill.
type centre struct {
	r      *Router
	now    time.Time
	rng    *rand.Rand
	next   int
	agents []string
	busy   []Work // connected
	took   []time.Duration
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
	c.took = make([]time.Duration, 0, 1<<21)
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
	start := time.Now()
	outs := c.r.Apply(in)
	d := time.Since(start)
	for _, o := range outs {
		if _, ok := o.(OfferCreated); ok {
			c.took = append(c.took, d)
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

// cpu returns the processor time that the process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report adds to the benchmark's line: decisions per second of deciding, their
// percentiles, and the processor time of a whole turn with the collector's.
func (c *centre) report(b *testing.B, used time.Duration) {
	b.ReportMetric(float64(used.Nanoseconds())/1e3/float64(b.N), "cpu-µs/turn")
	var sum time.Duration
	for _, d := range c.took {
		sum += d
	}
	b.ReportMetric(float64(len(c.took))/sum.Seconds(), "decisions/s")
	slices.Sort(c.took)
	if n := len(c.took); n > 0 {
		b.ReportMetric(float64(c.took[n/2].Nanoseconds())/1e3, "p50-µs")
		b.ReportMetric(float64(c.took[n*99/100].Nanoseconds())/1e3, "p99-µs")
		b.ReportMetric(float64(c.took[n-1].Nanoseconds())/1e3, "max-µs")
	}
}

// An agent becomes free and 100,000 wait: who is next? Each iteration is a
// whole turn: hang-up and decision, accept, connect, and a new arrival.
func BenchmarkAgentBecomesFree(b *testing.B) {
	c := newCentre(b, 10_000, 100_000)
	used := cpu()
	for b.Loop() {
		c.talk(c.hangUp())
		c.talk(c.arrive())
	}
	c.report(b, cpu()-used)
	if len(c.r.entries) < 90_000 {
		b.Fatalf("%d wait at the end", len(c.r.entries))
	}
}

// A conversation arrives and 10,000 agents are idle: who gets it? Each
// iteration is a whole turn: arrival and decision, accept, connect, hang-up.
func BenchmarkConversationArrives(b *testing.B) {
	c := newCentre(b, 10_000, 0)
	used := cpu()
	for b.Loop() {
		c.talk(c.arrive())
		if len(c.busy) > 100 {
			c.hangUp()
		}
	}
	c.report(b, cpu()-used)
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
