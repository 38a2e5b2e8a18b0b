package call

import (
	"fmt"
	"slices"

	"github.com/openhotline/hotline/media"
)

// Seating says who sits aside: out of the customer's hearing, to consult in
// private. Everybody who is not named is with the customer.
type Seating struct {
	// Aside names legs that are in the call or about to join it by JoinAside.
	Aside []string
	// Lead is the leg whose company supervisors keep, the one they whisper to.
	// Empty, or gone: they whisper to every agent, and are with the customer, unless
	// that one is with a flow (Served): they stay where the lead was then.
	Lead string
	// Music is what those hear who are left alone: the customer, and somebody
	// aside other than the lead. None is silence; what plays already goes on.
	Music []Prompt
	// Served tells that the customer is with a flow, which plays what they hear:
	// Music is not for them then.
	Served bool
	// LeadHears is what the lead hears in a loop while alone aside, or beside a leg
	// that we called and that is not answered: the tone of a telephone that rings, or
	// music. None is silence.
	LeadHears []Prompt
}

// Arrange parts a call in two, or joins it again, at one frame boundary. The
// recording hears only who is with the customer. It does not touch Hold.
func (c *Call) Arrange(s Seating) error {
	p, err := c.loop("consult", s.Music)
	if err != nil {
		return err
	}
	tone, err := c.loop("lead", s.LeadHears)
	if err != nil {
		return err
	}
	return c.do(func() error {
		begun := s.Served && !c.served // with a flow, whose sounds stay as they are afterwards
		keep := s.Served && c.served
		c.served = s.Served
		c.aside, c.lead = slices.Clone(s.Aside), s.Lead
		if s.Lead != "" || !s.Served {
			c.leadAside = slices.Contains(s.Aside, s.Lead)
		}
		for id, m := range c.members {
			m.aside = slices.Contains(s.Aside, id)
		}
		if !c.parted() || begun {
			p = nil
		}
		if !c.held && !c.comfort && !keep && !c.plays(p, s.Music) {
			c.background(p)
			c.seatBack, c.seatMusic = c.back, s.Music
		}
		c.place(&c.leadSound, tone)
		c.apply()
		return nil
	})
}

// plays tells whether p, made of music, would take the place of the same music: that
// goes on, so that it does not begin anew each time that somebody's seat changes.
func (c *Call) plays(p media.Party, music []Prompt) bool {
	return p != nil && c.back != nil && c.back == c.seatBack && slices.EqualFunc(c.seatMusic, music, func(a, b Prompt) bool {
		return a.Path == b.Path && a.Rate == b.Rate && len(a.Samples) == len(b.Samples) &&
			(len(a.Samples) == 0 || &a.Samples[0] == &b.Samples[0])
	})
}

// JoinAside brings a leg into the call out of the customer's hearing: it talks
// with those whom Arrange seats aside, or hears their music while it is alone. A
// leg that is there stays.
func (c *Call) JoinAside(leg *Leg) error {
	return c.do(func() error {
		if !c.parted() {
			return fmt.Errorf("%w: nobody sits aside", ErrState)
		}
		if err := c.add(leg, Talk, false); err != nil {
			return err
		}
		c.members[leg.ID()].aside = true
		if !slices.Contains(c.aside, leg.ID()) {
			c.aside = append(c.aside, leg.ID())
		}
		c.apply()
		return nil
	})
}

// parted tells whether somebody sits aside.
func (c *Call) parted() bool { return len(c.aside) > 0 }

// takeSeat seats a leg where another one sat, or sits still.
func (c *Call) takeSeat(oldID, newID string) {
	if i := slices.Index(c.aside, oldID); i >= 0 {
		c.aside[i] = newID
		c.members[newID].aside = true
	}
	if oldID != "" && c.lead == oldID {
		c.lead = newID
	}
}

// isAside tells where a member sits: supervisors are where the lead is.
func (c *Call) isAside(m *member) bool {
	if m.role != Talk {
		return c.leadAside
	}
	return m.aside
}

// whispersTo tells whether a whisper is for other: for the lead, or without one
// in the call for every agent.
func (c *Call) whispersTo(other *member) bool {
	if other.role != Talk {
		return false
	}
	if c.members[c.lead] != nil {
		return other.leg.ID() == c.lead
	}
	return other.leg.Party() == Agent || other.leg.Party() == Supervisor
}

// alone tells whether nobody talks with a party that sits on a side. A leg that
// is not answered does not, whatever its network says.
func (c *Call) alone(id string, aside bool) bool {
	for other, m := range c.members {
		if other != id && m.role == Talk && m.aside == aside && !m.leg.calling() {
			return false
		}
	}
	return true
}

// waiting lets those aside hear who were left alone there: the lead what is meant
// for them, others the music.
func (c *Call) waiting(hear func(to, from string)) {
	for id, m := range c.members {
		if m.role != Talk || !m.aside || !c.alone(id, true) {
			continue
		}
		switch {
		case id == c.lead && c.leadSound != nil:
			hear(id, c.leadSound.ID())
		case id != c.lead && c.back != nil && !c.served:
			hear(id, c.back.ID())
		}
	}
}

// customerWaits tells whether the background is for the customer: in a parted
// call only while nobody is with them, or a flow is.
func (c *Call) customerWaits() bool {
	return c.served || !c.parted() || c.held || c.comfort || c.alone(c.customer.ID(), false)
}
