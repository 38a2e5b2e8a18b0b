package journey

import (
	"context"
	"fmt"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/id"
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
	if setup.RefusesContact(v.center.setup().WrapUpCodes, code) {
		v.contactRefused(agentID, s.offer.QueueID, code)
	}
	return v.finishWrapUp(s)
}

// finishWrapUp tells the router that an agent's wrap-up is over.
func (v *conversation) finishWrapUp(s *side) error {
	s.finished = true
	agentID := s.offer.AgentID
	return v.center.floor.tell(func(at agent.At) agent.Input {
		return agent.FinishWrapUp{At: at, ConversationID: v.id, AgentID: agentID}
	})
}

// lateNoteFor is how long after a conversation's end its agents may still write
// their note: the wrap-up may run out in the middle of a sentence.
const lateNoteFor = 10 * time.Minute

// errPartOver tells that the agent no longer has a part in the conversation.
var errPartOver = fmt.Errorf("%w: this agent's part is over", account.ErrState)

// keepNote stores what the agent has written so far. It ends nothing and says
// nothing: the journal hears of the note with the wrap-up.
func (v *conversation) keepNote(agentID, note string) error {
	s := v.wrappingSide(agentID)
	if t := v.member(agentID); t != nil {
		s = t
	}
	if s == nil {
		return errPartOver
	}
	s.stay.WrapUpNote = note
	v.book.put(s.stay)
	if !s.stay.StartedAt.Before(v.wrapped) {
		v.wrapped = s.stay.StartedAt
		v.book.update(func(c *omni.Conversation) { c.WrapUpNote = note })
	}
	return nil
}

// lateNote stores a note after the agent's part is over. Nobody else writes the
// row of a part that has ended; the conversation's own row is written only when
// no process has it in hand any more.
func (c *Center) lateNote(ctx context.Context, agentID, conversationID, note string) error {
	d, err := c.store.Detail(ctx, conversationID)
	if err != nil {
		return err
	}
	var part *omni.Segment
	for i, s := range d.Segments {
		if s.Kind == omni.SegmentAgent && s.AgentID == agentID && !s.EndedAt.IsZero() && (part == nil || s.StartedAt.After(part.StartedAt)) {
			part = &d.Segments[i]
		}
	}
	done := d.Conversation.State == omni.Completed
	if part == nil || done && c.now().Sub(d.Conversation.CompletedAt) > lateNoteFor {
		return errPartOver
	}
	part.WrapUpNote = note
	var w Write
	w.Omni.Segments = append(w.Omni.Segments, *part)
	if done && d.Conversation.AgentID == agentID {
		d.Conversation.WrapUpNote = note
		w.Omni.Conversations = append(w.Omni.Conversations, d.Conversation)
	}
	return c.store.Commit(ctx, w)
}

// contactRefused records that the customer does not want to be contacted.
func (v *conversation) contactRefused(agentID, queueID, code string) {
	c := omni.Consent{
		ID: id.New(id.Consent), CustomerID: v.book.conv.CustomerID, Kind: omni.ConsentContact, ConversationID: v.id,
		AgentID: agentID, WrapUpCode: code, CreatedAt: v.center.now(),
	}
	v.book.change.Consents = append(v.book.change.Consents, c)
	v.book.event(omni.CustomerContactRefused, map[string]any{"customer_id": c.CustomerID, "consent_id": c.ID, "wrap_up_code": code}, of(agentID, queueID))
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
