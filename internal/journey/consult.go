package journey

import (
	"fmt"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/omni"
)

// consultation is what the agent of a call asks of somebody else: a colleague,
// somebody of a queue, or an outside number.
type consultation struct {
	by           *side
	kind, target string // agent, queue or number; an id, or the number
	joins        bool   // who comes talks with the customer at once
	side         *side  // the colleague who came
	out          *outsider
	stay         *omni.Segment // while they talk in private
	swapped      bool          // the agent is with the customer meanwhile
}

// answered tells whether who was asked came.
func (c *consultation) answered() bool { return c.stay != nil }

// apart tells whether the agent is out of the customer's hearing.
func (c *consultation) apart() bool { return !c.joins && !c.swapped }

// consultRings tells whether who is asked in private rings: the agent hears so.
func (v *conversation) consultRings() bool {
	c := v.consult
	switch {
	case c == nil || c.answered() || !c.apart():
		return false
	case c.out != nil:
		return c.out.rings()
	}
	for _, s := range v.sides {
		if s.offer.ConsultBy != "" && (s.state == ringing || s.state == accepted) {
			return true
		}
	}
	return false
}

// asks tells whether an offer or an entry of the router is about this consultation
// and not about one that is over.
func (c *consultation) asks(by, agentID, queueID string) bool {
	switch {
	case c == nil || c.answered() || by != c.by.offer.AgentID:
		return false
	case c.kind == "agent":
		return agentID == c.target
	}
	return c.kind == "queue" && queueID == c.target
}

// Why a consultation ended without more people in the call, beside the reasons
// of the router.
const (
	consultCanceled = "canceled" // as the agent wished
	consultLeft     = "left"     // the colleague or the outside number hung up
	consultLost     = "lost"     // the colleague's sound is gone
	consultFailed   = "failed"   // something is broken
	consultUnknown  = "unknown"  // there is no such number
	consultOver     = "over"     // the agent's part is over
)

// startConsult asks somebody. In private the customer hears music from now on;
// with joins the agent stays with the customer until who comes joins them.
func (v *conversation) startConsult(agentID, kind, target string, joins bool, ring time.Duration) error {
	s, err := v.free(agentID)
	if err != nil {
		return err
	}
	if v.people() >= call.MaxParties {
		return fmt.Errorf("%w: %w", account.ErrState, call.ErrFull)
	}
	c := &consultation{by: s, kind: kind, target: target, joins: joins}
	in, bad := v.center.setup(), fmt.Errorf("%w: %s %q", account.ErrNotFound, kind, target)
	ask := agent.ConsultWith{ConversationID: v.id, AgentID: agentID}
	switch kind {
	case "agent":
		to, ok := in.agentRef(target)
		switch {
		case !ok:
			return bad
		case v.talks(to.ID):
			return fmt.Errorf("%w: that agent is in the call", account.ErrState)
		}
		c.target, ask.With = to.ID, to.ID
		if _, known := in.queues[s.offer.QueueID]; known {
			ask.QueueID = s.offer.QueueID
		}
	case "queue":
		q, ok := in.queueRef(target)
		if !ok {
			return bad
		}
		c.target, ask.QueueID = q.ID, q.ID
	case "number":
		leg, err := v.dialOut(target, ring)
		if err != nil {
			return err
		}
		c.out = v.follow(leg, target)
	default:
		return fmt.Errorf("%w: kind must be agent, queue or number", account.ErrState)
	}
	v.consult = c
	v.book.event(omni.ConversationConsultStarted, map[string]any{"kind": kind, "target": c.publicTarget(), "joins": joins}, of(agentID, s.offer.QueueID))
	if c.out == nil {
		v.wish++
		wish := v.wish
		v.must(v.center.floor.tell(func(at agent.At) agent.Input { ask.At = at; return ask }, func(err error) {
			if err != nil {
				v.log.Warn("nobody can be asked", "err", err)
				v.later(func() { v.notConsulted(c, consultFailed) })()
				return
			}
			v.granted.Store(wish)
		}))
	}
	v.rearrange()
	return nil
}

// publicTarget is whom the journal names: ids, no numbers.
func (c *consultation) publicTarget() string {
	if c.kind == "number" {
		return ""
	}
	return c.target
}

// colleagueCame lets a colleague whose sound is there talk with who asked, or
// join the call.
func (v *conversation) colleagueCame(s *side) {
	s.stopTimer()
	c := v.consult
	if !c.asks(s.offer.ConsultBy, s.offer.AgentID, s.offer.QueueID) {
		v.dropColleague(s, omni.NextStep) // who asked asks no longer
		return
	}
	join := v.call.JoinAside
	if c.joins {
		join = v.call.Bridge
	}
	if err := join(s.leg); err != nil {
		v.log.Error("colleague not in the call", "err", err)
		v.endConsult(consultFailed, omni.SystemError)
		return
	}
	s.state, s.work, c.side = talking, agent.Connected, s
	s.row.AnsweredAt = v.center.now()
	v.agentLegChanged(s, s.leg)
	v.book.end(s.ring, omni.Answered)
	v.must(v.center.floor.tell(func(at agent.At) agent.Input {
		return agent.Connect{At: at, ConversationID: v.id, AgentID: s.offer.AgentID}
	}))
	v.consultAnswered(c, s.offer.AgentID, s.offer.QueueID, s.offer.ID)
}

// consultAnswered begins the talk in private, or joins who came.
func (v *conversation) consultAnswered(c *consultation, agentID, queueID, offerID string) {
	if c.joins {
		v.mergeConsult()
		v.rearrange()
		return
	}
	c.stay = v.book.begin(omni.SegmentConsult, func(seg *omni.Segment) {
		seg.AgentID, seg.QueueID, seg.OfferID, seg.ParentID = agentID, queueID, offerID, c.by.stay.ID
	})
	v.rearrange()
}

// notConsulted follows that nobody comes.
func (v *conversation) notConsulted(c *consultation, reason string) {
	if v.consult == c && c != nil && !c.answered() && !v.gone {
		v.endConsult(reason, omni.NextStep)
	}
}

// endConsult ends a consultation for who came or might come, and brings the
// agent back to the customer.
func (v *conversation) endConsult(reason string, why omni.EndReason) {
	c := v.consult
	v.consult = nil
	v.book.end(c.stay, why)
	for _, s := range v.sides {
		if s.offer.ConsultBy != "" && s.stay == nil && s.state != ringing && s.state != wrapping {
			v.dropColleague(s, why)
		}
	}
	if c.out != nil {
		v.dropOutsider(c.out, why)
	}
	agentID := c.by.offer.AgentID
	if c.kind != "number" {
		v.must(v.center.floor.tell(func(at agent.At) agent.Input {
			return agent.EndConsult{At: at, ConversationID: v.id, AgentID: agentID, Reason: reason}
		}))
	}
	v.book.event(omni.ConversationConsultEnded, map[string]any{"kind": c.kind, "target": c.publicTarget(), "reason": reason}, of(agentID, c.by.offer.QueueID))
	v.center.page(agentID, "consult.ended", map[string]any{
		"conversation_id": v.id, "kind": c.kind, "name": v.nameOf(c.kind, c.target), "reason": reason,
	})
	if !c.joins {
		v.endHold()
	}
	v.rearrange()
}

// dropColleague ends the part of somebody who only consulted; the router ends
// their work with the consultation.
func (v *conversation) dropColleague(s *side, why omni.EndReason) {
	v.partAgent(s, why, false)
	delete(v.sides, s.offer.ID)
}

// mergeConsult lets who was consulted talk with the customer; the room follows
// with rearrange.
func (v *conversation) mergeConsult() {
	c := v.consult
	v.consult = nil
	v.book.end(c.stay, omni.NextStep)
	switch {
	case c.side != nil:
		s := c.side
		s.stay = v.book.begin(omni.SegmentAgent, func(seg *omni.Segment) {
			seg.AgentID, seg.QueueID, seg.OfferID = s.offer.AgentID, s.offer.QueueID, s.offer.ID
		})
		v.must(v.center.floor.tell(func(at agent.At) agent.Input {
			return agent.JoinCall{At: at, ConversationID: v.id, AgentID: s.offer.AgentID}
		}))
		v.book.event(omni.ConversationPartyJoined, map[string]any{"party": omni.PartyAgent}, of(s.offer.AgentID, s.offer.QueueID), inSegment(s.stay.ID))
	case c.out != nil:
		c.out.joined = true
		v.book.event(omni.ConversationPartyJoined, map[string]any{"party": omni.PartyExternal, "leg_id": c.out.row.ID}, of("", c.by.offer.QueueID))
	}
	if !c.joins {
		v.endHold()
	}
}

// consulting checks that the agent consults somebody who has come.
func (v *conversation) consulting(agentID string) (*consultation, error) {
	if _, err := v.own(agentID); err != nil {
		return nil, err
	}
	if v.consult == nil || !v.consult.answered() {
		return nil, fmt.Errorf("%w: nobody is being consulted", account.ErrState)
	}
	return v.consult, nil
}

// swap has the agent talk with the customer while the colleague waits, and the
// other way round.
func (v *conversation) swap(agentID string) error {
	c, err := v.consulting(agentID)
	if err != nil {
		return err
	}
	c.swapped = !c.swapped
	v.endHold()
	v.rearrange()
	return nil
}

// merge makes a conference of a consultation.
func (v *conversation) merge(agentID string) error {
	if _, err := v.consulting(agentID); err != nil {
		return err
	}
	v.mergeConsult()
	v.rearrange()
	return nil
}

// completeConsult hands the customer over to who was consulted.
func (v *conversation) completeConsult(agentID string) error {
	c, err := v.consulting(agentID)
	if err != nil {
		return err
	}
	v.mergeConsult()
	v.depart(c.by, omni.Transferred)
	return nil
}

// cancelConsult brings the agent back to the customer.
func (v *conversation) cancelConsult(agentID string) error {
	if _, err := v.own(agentID); err != nil {
		return err
	}
	if v.consult == nil {
		return fmt.Errorf("%w: nobody is being asked", account.ErrState)
	}
	v.endConsult(consultCanceled, omni.NextStep)
	return nil
}

// goesOnWithout follows the loss of an agent where the call goes on: with who was
// consulted, or with the others in the call. False: the customer is alone.
func (v *conversation) goesOnWithout(s *side) bool {
	if v.awaited() && v.errand.by == s {
		v.leaveErrand(omni.AgentLost)
		return true
	}
	c := v.consult
	if s.offer.ConsultBy != "" && s.stay == nil { // only consults
		if c != nil && (c.side == s || c.asks(s.offer.ConsultBy, s.offer.AgentID, s.offer.QueueID)) {
			v.endConsult(consultLost, omni.AgentLost)
		} else {
			v.dropColleague(s, omni.AgentLost)
		}
		return true
	}
	if c != nil && c.by == s && c.answered() {
		v.mergeConsult()
	}
	if len(v.others(s)) > 0 {
		v.depart(s, omni.AgentLost)
		return true
	}
	if v.consult != nil && v.consult.by == s {
		v.endConsult(consultOver, omni.AgentLost)
	}
	return false
}

// dropParties ends everybody's part with the call.
func (v *conversation) dropParties(why omni.EndReason) {
	if c := v.consult; c != nil {
		v.consult = nil
		v.book.end(c.stay, why)
		v.book.event(omni.ConversationConsultEnded, map[string]any{"kind": c.kind, "target": c.publicTarget(), "reason": consultOver}, of(c.by.offer.AgentID, c.by.offer.QueueID))
	}
	for _, x := range v.outside() {
		v.dropOutsider(x, why)
	}
	for _, s := range v.sides {
		if s.state == talking || s.state == lost {
			v.partAgent(s, why, true)
		}
	}
}

// askedAnew ends a consultation that a new router does not know, though it has
// applied the wish for it.
func (v *conversation) askedAnew(st agent.Standing, wish uint64) {
	c := v.consult
	if c == nil || c.out != nil || c.answered() || st.Entry != nil || wish != v.wish {
		return
	}
	for _, s := range v.sides {
		if s.offer.ConsultBy != "" && s.state == accepted {
			return
		}
	}
	v.notConsulted(c, consultFailed)
}
