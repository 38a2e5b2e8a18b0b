package journey

import (
	"fmt"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

// own checks that the conversation is in the agent's hands.
func (v *conversation) own(agentID string) (*side, error) {
	if v.talking == nil || v.talking.offer.AgentID != agentID {
		return nil, fmt.Errorf("%w: not in this agent's hands", account.ErrState)
	}
	return v.talking, nil
}

// free is own for what can begin only while the customer is with no flow and
// nobody is being asked.
func (v *conversation) free(agentID string) (*side, error) {
	s, err := v.own(agentID)
	switch {
	case err != nil:
		return nil, err
	case v.errand != nil:
		return nil, errWithFlow
	case v.consult != nil:
		return nil, fmt.Errorf("%w: somebody is being asked already", account.ErrState)
	}
	return s, nil
}

// aloneWith is free for what can begin only while nobody else is in the call.
func (v *conversation) aloneWith(agentID string) (*side, error) {
	s, err := v.free(agentID)
	if err == nil && len(v.others(s)) > 0 {
		return nil, fmt.Errorf("%w: others are in the call", account.ErrState)
	}
	return s, err
}

// holdCall and resumeCall part the customer from everybody else and join them
// again.
func (v *conversation) holdCall(agentID string) error {
	s, err := v.own(agentID)
	if err != nil || v.holding {
		return err
	}
	if v.errand != nil {
		return errWithFlow
	}
	if v.consult != nil && !v.consult.joins {
		return fmt.Errorf("%w: the customer waits for the end of a consultation", account.ErrState)
	}
	if err := v.call.Hold(v.center.music(v.musicOf(s.offer.QueueID))...); err != nil {
		return err
	}
	v.holding = true
	v.settleHold()
	v.tellParties()
	return nil
}

func (v *conversation) resumeCall(agentID string) error {
	if _, err := v.own(agentID); err != nil || !v.holding {
		return err
	}
	v.endHold()
	v.rearrange()
	return nil
}

// endHold ends a hold in the room; the rest follows with rearrange.
func (v *conversation) endHold() {
	if v.holding {
		v.release()
	}
}

// settleHold writes down whether the customer waits, and tells the router what
// the agent does meanwhile.
func (v *conversation) settleHold() {
	s := v.talking
	if s == nil {
		return
	}
	consults := v.consult != nil && v.consult.apart()
	waits := v.holding || v.awaited() || consults && len(v.others(s)) == 0
	switch {
	case waits && s.hold == nil:
		v.must(v.book.move(omni.OnHold))
		s.hold = v.book.begin(omni.SegmentHold, func(seg *omni.Segment) {
			seg.AgentID, seg.QueueID, seg.ParentID = s.offer.AgentID, s.offer.QueueID, s.stay.ID
		})
		v.book.event(omni.ConversationHeld, nil, of(s.offer.AgentID, s.offer.QueueID))
	case !waits && s.hold != nil:
		v.must(v.book.move(omni.Connected))
		v.book.end(s.hold, omni.Resumed)
		s.hold = nil
		v.book.event(omni.ConversationResumed, nil, of(s.offer.AgentID, s.offer.QueueID))
	}
	work := agent.Connected
	switch {
	case consults:
		work = agent.Consulting
	case v.holding || v.awaited():
		work = agent.OnHold
	}
	if work == s.work {
		return
	}
	s.work = work
	agentID := s.offer.AgentID
	v.must(v.center.floor.tell(func(at agent.At) agent.Input {
		switch work {
		case agent.Consulting:
			return agent.Consult{At: at, ConversationID: v.id, AgentID: agentID}
		case agent.OnHold:
			return agent.Hold{At: at, ConversationID: v.id, AgentID: agentID}
		}
		return agent.Resume{At: at, ConversationID: v.id, AgentID: agentID}
	}))
}
