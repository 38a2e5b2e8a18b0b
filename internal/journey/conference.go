package journey

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/omni"
)

// members lists the agents who talk with the customer, who came first first.
func (v *conversation) members() []*side {
	var list []*side
	for _, s := range v.sides {
		if (s.state == talking || s.state == lost) && s.stay != nil {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *side) int {
		return compareTimes(a.stay.StartedAt, b.stay.StartedAt, a.offer.ID, b.offer.ID)
	})
	return list
}

func compareTimes(a, b time.Time, aID, bID string) int {
	if c := a.Compare(b); c != 0 {
		return c
	}
	return strings.Compare(aID, bID)
}

// outside lists the outside numbers in the call, who came first first.
func (v *conversation) outside() []*outsider {
	list := make([]*outsider, 0, len(v.outsiders))
	for _, x := range v.outsiders {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b *outsider) int {
		return compareTimes(a.row.StartedAt, b.row.StartedAt, a.row.ID, b.row.ID)
	})
	return list
}

// others names the legs that talk with the customer beside an agent's.
func (v *conversation) others(s *side) []string {
	var ids []string
	for _, m := range v.members() {
		if m != s {
			ids = append(ids, m.row.ID)
		}
	}
	for _, x := range v.outside() {
		if x.joined {
			ids = append(ids, x.row.ID)
		}
	}
	return ids
}

// people counts who is in the call or on the way there.
func (v *conversation) people() int {
	n := 1 + len(v.members()) + len(v.outsiders)
	if c := v.consult; c != nil && c.out == nil {
		n++
	}
	return n
}

// talks tells whether an agent is in the call or being asked.
func (v *conversation) talks(agentID string) bool {
	s := v.sideOf(agentID)
	return s != nil && s.state != wrapping
}

// member finds an agent's part in the talk with the customer.
func (v *conversation) member(agentID string) *side {
	for _, s := range v.members() {
		if s.offer.AgentID == agentID {
			return s
		}
	}
	return nil
}

// rearrange brings the room, the segments, the router's view and the pages to
// what the parties of the call want.
func (v *conversation) rearrange() {
	if v.gone || v.call == nil {
		return
	}
	v.settleComfort()
	v.must(v.seat())
	if v.hearOutsider() {
		v.must(v.seat())
	}
	v.settleHold()
	v.tellParties()
}

// seat parts the call for a consultation or a flow, or joins it.
func (v *conversation) seat() error {
	s := call.Seating{Served: v.errand != nil}
	queueID := v.book.conv.QueueID
	if v.talking != nil && v.talking.leg != nil {
		s.Lead, queueID = v.talking.leg.ID(), v.talking.offer.QueueID
	}
	if c := v.consult; c != nil && !c.joins {
		if c.apart() && c.by.leg != nil {
			s.Aside = append(s.Aside, c.by.leg.ID())
		}
		switch {
		case c.side != nil && c.side.leg != nil:
			s.Aside = append(s.Aside, c.side.leg.ID())
		case c.out != nil && (c.answered() || c.out.early):
			s.Aside = append(s.Aside, c.out.row.ID)
		}
	}
	if v.awaited() && s.Lead != "" {
		s.Aside = append(s.Aside, s.Lead)
	}
	rings := v.consultRings()
	key := fmt.Sprint(s.Aside, s.Lead, s.Served, rings)
	if key == v.seated {
		return nil
	}
	s.Music = v.center.music(v.musicOf(queueID))
	switch {
	case s.Served:
		s.LeadHears = s.Music
	case rings:
		s.LeadHears = []call.Prompt{call.RingingTone(v.center.cfg.Country)}
	}
	if err := v.call.Arrange(s); err != nil {
		return err // it is tried with the next change
	}
	v.seated = key
	return nil
}

// leave lets an agent go while the customer and somebody else remain.
func (v *conversation) leave(agentID string) error {
	if c := v.consult; c != nil && c.side != nil && c.side.offer.AgentID == agentID {
		v.endConsult(consultLeft, omni.AgentDisconnect)
		return nil
	}
	s := v.member(agentID)
	if v.awaited() && v.errand.by == s {
		v.leaveErrand(omni.Transferred)
		return nil
	}
	switch {
	case s == nil:
		return fmt.Errorf("%w: not in this agent's hands", account.ErrState)
	case len(v.others(s)) == 0:
		return fmt.Errorf("%w: nobody else is with the customer", account.ErrState)
	}
	why := omni.AgentDisconnect
	if s == v.talking {
		why = omni.Transferred
	}
	v.depart(s, why)
	return nil
}

// hangsUp follows an agent who hangs up: the call goes on while the customer and
// somebody else remain.
func (v *conversation) hangsUp(s *side) {
	if c := v.consult; c != nil && c.by == s && c.answered() {
		v.mergeConsult()
	}
	if s.stay == nil || len(v.others(s)) > 0 || v.awaited() {
		_ = v.leave(s.offer.AgentID)
		return
	}
	v.hangUp(omni.AgentDisconnect)
}

// depart takes an agent out of a call that goes on with the others.
func (v *conversation) depart(s *side, why omni.EndReason) {
	if c := v.consult; c != nil && c.by == s {
		v.endConsult(consultOver, omni.NextStep)
	}
	led := s == v.talking
	if led && v.holding {
		v.endHold()
	}
	v.book.event(omni.ConversationPartyLeft, map[string]any{"party": omni.PartyAgent}, of(s.offer.AgentID, s.offer.QueueID))
	v.partAgent(s, why, true)
	if led {
		v.passOn(s)
	}
	v.rearrange()
}

// passOn gives the customer into the hands of the agent who came next, or of
// outside numbers alone.
func (v *conversation) passOn(from *side) {
	v.must(v.book.move(omni.Connected)) // nobody waits any longer
	to, before := map[string]any{"kind": "number", "target": ""}, v.book.conv.QueueID
	if m := v.members(); len(m) > 0 {
		next := m[max(0, slices.IndexFunc(m, func(s *side) bool { return s.state == talking }))] // rather who is heard
		v.talking = next
		if next.offer.Direct {
			v.direct = next.offer.AgentID
		}
		v.book.update(func(c *omni.Conversation) {
			c.AgentID = next.offer.AgentID
			if next.offer.QueueID != "" {
				c.QueueID = next.offer.QueueID
			}
		})
		to = map[string]any{"kind": "agent", "target": next.offer.AgentID}
	} else {
		v.must(v.book.move(omni.InFlow))
		v.stay = v.book.begin(omni.SegmentFlow, func(s *omni.Segment) { s.FlowID = v.book.conv.FlowID })
	}
	v.book.event(omni.ConversationTransferred, to, of(from.offer.AgentID, from.offer.QueueID))
	if q := v.book.conv.QueueID; q != before {
		v.startRecording(q) // its rule holds from here on
	} else {
		v.tellRecording()
	}
	if len(v.supervisors) > 0 {
		v.tellSupervised()
	}
	v.handsChanged()
}

// removeParty takes somebody out of the call: a colleague by the agent's id, an
// outside number by its leg's.
func (v *conversation) removeParty(agentID, partyID string) error {
	s, err := v.own(agentID)
	if err != nil {
		return err
	}
	c, m, x := v.consult, v.member(partyID), v.outsiders[partyID]
	switch {
	case partyID == agentID, partyID == customerParty:
		return fmt.Errorf("%w: neither the customer nor oneself", account.ErrState)
	case c != nil && (c.out != nil && c.out == x || c.side != nil && c.side.offer.AgentID == partyID):
		v.endConsult(consultCanceled, omni.NextStep)
	case m != nil && m != s:
		v.depart(m, omni.NextStep)
	case x != nil:
		v.dropOutsider(x, omni.NextStep)
		v.book.event(omni.ConversationPartyLeft, map[string]any{"party": omni.PartyExternal, "leg_id": x.row.ID}, of("", v.book.conv.QueueID))
		v.rearrange()
	default:
		return fmt.Errorf("%w: no such party in the call", account.ErrNotFound)
	}
	return nil
}

// ---- what agents do

// StartConsult implements httpapi.Desk.
func (c *Center) StartConsult(ctx context.Context, agentID, conversationID, kind, target string, joins bool, ring time.Duration) error {
	return c.act(ctx, action{Do: actConsult, ConversationID: conversationID, AgentID: agentID, Kind: kind, Target: target, Joins: joins, Ring: ring})
}

// ChangeConsult implements httpapi.Desk.
func (c *Center) ChangeConsult(ctx context.Context, agentID, conversationID, step string) error {
	return c.act(ctx, action{Do: actConsultStep, ConversationID: conversationID, AgentID: agentID, Kind: step})
}

// Leave implements httpapi.Desk.
func (c *Center) Leave(ctx context.Context, agentID, conversationID string) error {
	return c.act(ctx, action{Do: actLeave, ConversationID: conversationID, AgentID: agentID})
}

// RemoveParty implements httpapi.Desk.
func (c *Center) RemoveParty(ctx context.Context, agentID, conversationID, partyID string) error {
	return c.act(ctx, action{Do: actRemove, ConversationID: conversationID, AgentID: agentID, Target: partyID})
}

// The steps of a consultation (ChangeConsult).
const (
	ConsultComplete, ConsultCancel = "complete", "cancel"
	ConsultSwap, ConsultMerge      = "swap", "merge"
)

// consultStep is one step of a consultation.
func (v *conversation) consultStep(agentID, step string) error {
	switch step {
	case ConsultComplete:
		return v.completeConsult(agentID)
	case ConsultCancel:
		return v.cancelConsult(agentID)
	case ConsultSwap:
		return v.swap(agentID)
	case ConsultMerge:
		return v.merge(agentID)
	}
	return fmt.Errorf("%w: unknown step %q", account.ErrState, step)
}

// endPart ends an agent's part: the call of who has it, otherwise only their own.
func (v *conversation) endPart(agentID string) error {
	if _, err := v.own(agentID); err != nil || v.awaited() {
		return v.leave(agentID)
	}
	v.hangUp(omni.AgentDisconnect)
	return nil
}
