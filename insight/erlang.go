package insight

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/openhotline/hotline/agent"
)

// ErrOverload says that more work comes than the agents can do: the queue
// grows without end and has no mean wait.
var ErrOverload = errors.New("insight: more work than agents")

// Staffing is what Erlang C says of a number of agents.
type Staffing struct {
	Agents          int
	Load            float64       // erlangs: calls × handle time / interval
	WaitProbability float64       // Pw: share of callers who wait
	ASA             time.Duration // mean wait of all callers
	ServiceLevel    float64       // share answered within the threshold
	Occupancy       float64
}

// ErlangC computes waiting in a queue with Poisson arrivals, exponential handle
// times and patient callers (M/M/n). The probability comes from the recursion
// of Erlang B, which does not overflow. It returns ErrOverload when the load is
// not below the number of agents.
func ErlangC(calls float64, interval, handleTime, threshold time.Duration, agents int) (Staffing, error) {
	if calls < 0 || interval <= 0 || handleTime <= 0 || threshold < 0 || agents < 1 {
		return Staffing{}, fmt.Errorf("%w: Erlang C of %v calls in %v, %v each, %d agents", ErrQuery, calls, interval, handleTime, agents)
	}
	load := calls * handleTime.Seconds() / interval.Seconds()
	s := Staffing{Agents: agents, Load: load, Occupancy: load / float64(agents)}
	if load >= float64(agents) {
		s.WaitProbability, s.Occupancy = 1, 1
		return s, ErrOverload
	}
	b := 1.0
	for n := 1; n <= agents; n++ {
		b = load * b / (float64(n) + load*b)
	}
	s.WaitProbability = b / (1 - s.Occupancy*(1-b))
	free := float64(agents) - load
	s.ASA = time.Duration(s.WaitProbability * handleTime.Seconds() / free * float64(time.Second))
	s.ServiceLevel = 1 - s.WaitProbability*math.Exp(-free*threshold.Seconds()/handleTime.Seconds())
	return s, nil
}

// StaffingLevel is the share of callers that the figure Needed has answered
// within the queue's threshold: the usual one of planning, four in five.
const StaffingLevel = 0.8

// needed is how many agents a half hour's calls and handle time asked for. It is
// not defined without calls or without a handled one, whose time it would take.
func (c *counts) needed(target agent.ServiceLevel) Figure {
	f := Figure{Name: "agents_needed", Code: Needed, Unit: Count}
	calls := c.queue.offered - c.queue.short
	if calls <= 0 || c.handled == 0 {
		return f
	}
	aht := (c.talk + c.hold + c.wrap) / time.Duration(c.handled)
	threshold := time.Duration(target.Threshold) * time.Second
	if s, err := AgentsFor(float64(calls), 30*time.Minute, aht, threshold, StaffingLevel); err == nil {
		f.Value, f.Defined = float64(s.Agents), true
	}
	return f
}

// maxAgents bounds the search of AgentsFor.
const maxAgents = 100_000

// AgentsFor returns the fewest agents who reach a service level (0 to below 1).
func AgentsFor(calls float64, interval, handleTime, threshold time.Duration, target float64) (Staffing, error) {
	if target < 0 || target >= 1 {
		return Staffing{}, fmt.Errorf("%w: service level %v is not within 0 and 1", ErrQuery, target)
	}
	first, err := ErlangC(calls, interval, handleTime, threshold, 1)
	if err != nil && !errors.Is(err, ErrOverload) {
		return Staffing{}, err
	}
	for n := max(1, int(first.Load)); n < maxAgents; n++ {
		if s, err := ErlangC(calls, interval, handleTime, threshold, n); err == nil && s.ServiceLevel >= target {
			return s, nil
		}
	}
	return Staffing{}, ErrOverload
}
