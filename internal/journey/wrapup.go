package journey

import (
	"fmt"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/omni"
)

// wrapUp takes the agent's code and note for their part and ends the wrap-up.
func (v *conversation) wrapUp(agentID, code, note string) error {
	s := v.wrappingSide(agentID)
	if s == nil {
		return fmt.Errorf("%w: no wrap-up runs", account.ErrState)
	}
	if err := setup.CheckWrapUp(v.center.setup().WrapUpCodes, s.offer.QueueID, code); err != nil {
		return err
	}
	s.stay.WrapUpCode, s.stay.WrapUpNote = code, note
	v.book.put(s.stay)
	v.book.event(omni.ConversationWrappedUp, map[string]any{"wrap_up_code": code}, of(agentID, s.offer.QueueID), inSegment(s.stay.ID))
	if !s.stay.StartedAt.Before(v.wrapped) { // an earlier agent who is slower does not replace a later one's
		v.wrapped = s.stay.StartedAt
		v.book.update(func(c *omni.Conversation) { c.WrapUpCode, c.WrapUpNote = code, note })
	}
	return v.center.floor.tell(func(at agent.At) agent.Input {
		return agent.FinishWrapUp{At: at, ConversationID: v.id, AgentID: agentID}
	})
}

// wrappingSide finds the part that an agent wraps up: the last one, should the
// same agent have talked twice.
func (v *conversation) wrappingSide(agentID string) *side {
	var last *side
	for _, s := range v.sides {
		if s.offer.AgentID == agentID && s.state == wrapping && s.stay != nil && (last == nil || s.stay.StartedAt.After(last.stay.StartedAt)) {
			last = s
		}
	}
	return last
}

// wrapUpEnd says why a wrap-up ended.
func wrapUpEnd(reason string) omni.EndReason {
	switch reason {
	case agent.WrapUpExpired:
		return omni.Expired
	case agent.WrapUpReturned:
		return omni.Resumed
	}
	return omni.WrappedUp
}
