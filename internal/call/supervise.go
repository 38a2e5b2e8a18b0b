package call

import (
	"fmt"
	"slices"
)

// Supervision is how a supervisor takes part.
type Supervision string

// The kinds of supervision. Talk is everybody else's way to take part.
const (
	Talk    Supervision = ""
	Monitor Supervision = "monitor" // hears all, heard by none
	Whisper Supervision = "whisper" // hears all, heard by agents alone
	Barge   Supervision = "barge"   // talks with all
)

// Supervisions lists the ways in which a supervisor may take part.
var Supervisions = []Supervision{Monitor, Whisper, Barge}

// Supervise adds a supervisor's leg, or changes how it takes part: at one frame
// boundary, without touching anybody's connection.
func (c *Call) Supervise(leg *Leg, how Supervision) error {
	if !slices.Contains(Supervisions, how) {
		return fmt.Errorf("%w: supervision %q", ErrState, how)
	}
	return c.do(func() error {
		if err := c.add(leg, how, false); err != nil {
			return err
		}
		c.apply()
		return nil
	})
}

// TakeOver puts a supervisor who is in the call into the place of an agent's
// leg, which leaves it, at one frame boundary. Hold and Comfort end. An agent's
// leg that is not in the call any more is no error.
func (c *Call) TakeOver(supervisorID, agentID string) error {
	return c.do(func() error {
		m := c.members[supervisorID]
		if m == nil || m.role == Talk || supervisorID == agentID {
			return fmt.Errorf("%w: %s", ErrUnknownLeg, supervisorID)
		}
		m.role = Talk
		c.takeSeat(agentID, supervisorID)
		if c.held || c.comfort {
			c.held, c.comfort = false, false
			c.background(nil)
		}
		old := c.members[agentID]
		delete(c.members, agentID)
		c.apply()
		if old != nil {
			c.drop(agentID)
			old.leg.leave(c)
		}
		return nil
	})
}

// hasRoom tells whether one more may take part in this way.
func (c *Call) hasRoom(role Supervision) bool {
	talking, supervising := 1, 0 // the customer
	for _, m := range c.members {
		if m.role == Talk {
			talking++
		} else {
			supervising++
		}
	}
	if role == Talk {
		return talking < MaxParties
	}
	return supervising < MaxSupervisors
}

// hears tells whether what from says is for m. Who took a call over is its agent.
func (c *Call) hears(m, from *member) bool {
	switch from.role {
	case Monitor:
		return false
	case Whisper:
		return c.whispersTo(m)
	}
	return true
}
