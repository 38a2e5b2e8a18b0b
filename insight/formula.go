package insight

import (
	"cmp"
	"slices"
	"time"

	"github.com/openhotline/hotline/agent"
)

// Codes of the formulas, beside those of the service levels in package agent.
const (
	Offered   = "N-OFFERED"   // queue entries with an outcome, or offers to an agent
	Answered  = "N-ANSWERED"  // answered by an agent
	Abandoned = "N-ABANDONED" // the customer hung up while waiting, after more than 5 s
	Short     = "N-SHORT"     // the same within 5 s
	Removed   = "N-REMOVED"   // left the queue in any other way: overflow, back to the flow, callback
	Waiting   = "N-WAITING"   // still in the queue, in no other figure
	Missed    = "N-MISSED"    // offers not answered in time
	Rejected  = "N-REJECTED"  // offers rejected
	Transfers = "N-TRANSFERS"
	ASA       = "ASA"          // mean wait of the answered
	AHT       = "AHT"          // (talk + hold + wrap-up) / handled
	Talk      = "T-TALK"       // total
	Hold      = "T-HOLD"       // total
	WrapUp    = "T-WRAPUP"     // total
	Occupancy = "OCC"          // busy / (busy + idle available)
	Usage     = "UTIL"         // busy / logged in
	Accuracy  = "TRANSFER-ACC" // transfers neither transferred nor queued again / transfers
	Balance   = "BALANCE"      // min / max occupied time, see LoadBalance
	Members   = "N-AGENTS"     // agents whose times are compared there
	Needed    = "ERLANG-C"     // agents for StaffingLevel of the service level, see AgentsFor
)

// ShortAbandon is the longest wait of a short abandon.
const ShortAbandon = 5 * time.Second

// ServiceLevels lists the codes of every service level.
var ServiceLevels = []agent.Formula{agent.SLStrict, agent.SLOffered, agent.SLAnswered, agent.SLRemoved, agent.SLFair}

// outcome is how a stay in a queue ended.
type outcome uint8

const (
	stillWaiting outcome = iota
	answered
	abandoned
	removed
)

// queueCount counts the stays in a queue that began in one interval.
type queueCount struct {
	offered, answered, abandoned, short, removed, waiting int
	answeredIn                                            int // within the threshold
	abandonedLate                                         int // after more than the threshold
	removedIn                                             int // left in whatever way within the threshold
	wait                                                  time.Duration
}

// add counts one stay. A wait of exactly the threshold is within it.
func (c *queueCount) add(o outcome, wait, threshold time.Duration) {
	c.addMany(o, 1, wait, threshold)
	if o == answered {
		c.wait += wait
	}
}

// addMany counts stays whose waits lie on the same side of the threshold and of
// ShortAbandon as wait; the sum of the waits is added apart.
func (c *queueCount) addMany(o outcome, n int, wait, threshold time.Duration) {
	if o == stillWaiting {
		c.waiting += n
		return
	}
	c.offered += n
	if wait <= threshold {
		c.removedIn += n
	}
	switch {
	case o == answered:
		c.answered += n
		if wait <= threshold {
			c.answeredIn += n
		}
	case o == abandoned && wait <= ShortAbandon:
		c.short += n
	case o == abandoned:
		c.abandoned += n
	default:
		c.removed += n
	}
	if o == abandoned && wait > threshold {
		c.abandonedLate += n
	}
}

// serviceLevel returns numerator and denominator of a formula.
func (c *queueCount) serviceLevel(code agent.Formula) (in, of int) {
	switch code {
	case agent.SLStrict:
		return c.answeredIn, c.offered - c.short
	case agent.SLOffered:
		return c.answeredIn, c.offered
	case agent.SLAnswered:
		return c.answeredIn, c.answered
	case agent.SLRemoved:
		return c.removedIn, c.offered
	case agent.SLFair:
		return c.answeredIn, c.answered + c.abandonedLate
	}
	return 0, 0
}

// figures appends the counts, service levels and the ASA; the service level of
// the given formula is marked as the target.
func (c *queueCount) figures(fs []Figure, target agent.Formula) []Figure {
	fs = append(fs,
		count("offered", Offered, c.offered), count("answered", Answered, c.answered),
		count("abandoned", Abandoned, c.abandoned), count("short_abandons", Short, c.short),
		count("removed", Removed, c.removed), count("waiting", Waiting, c.waiting),
	)
	for _, code := range ServiceLevels {
		in, of := c.serviceLevel(code)
		f := ratio("service_level", string(code), float64(in), float64(of))
		f.Target = code == target
		fs = append(fs, f)
	}
	return append(fs, mean("asa", ASA, c.wait, c.answered))
}

func count(name, code string, n int) Figure {
	return Figure{Name: name, Code: code, Unit: Count, Value: float64(n), Defined: true}
}

func total(name, code string, d time.Duration) Figure {
	return Figure{Name: name, Code: code, Unit: Seconds, Value: d.Seconds(), Defined: true}
}

func mean(name, code string, d time.Duration, n int) Figure {
	f := Figure{Name: name, Code: code, Unit: Seconds}
	if n > 0 {
		f.Value, f.Defined = d.Seconds()/float64(n), true
	}
	return f
}

func ratio(name, code string, in, of float64) Figure {
	f := Figure{Name: name, Code: code, Unit: Ratio}
	if of > 0 {
		f.Value, f.Defined = in/of, true
	}
	return f
}

// target returns a queue's service level target with defaults.
func (q Query) target(queueID string) agent.ServiceLevel {
	t := q.Targets[queueID]
	if t.Threshold <= 0 {
		t.Threshold = 20
	}
	if t.Formula == "" {
		t.Formula = agent.SLStrict
	}
	return t
}

// formula returns the target of a row: its queue's; for all queues together,
// the one that they share, if they do.
func (q Query) formula(id string) agent.Formula {
	if id != "" {
		return q.target(id).Formula
	}
	shared := agent.Formula("")
	for queueID := range q.Targets {
		if len(q.IDs) > 0 && !slices.Contains(q.IDs, queueID) {
			continue
		}
		f := q.target(queueID).Formula
		if shared != "" && f != shared {
			return ""
		}
		shared = f
	}
	return cmp.Or(shared, agent.SLStrict)
}
