package journey

import (
	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

// deliver passes what the router did on to those whom it concerns, on whichever
// node they are.
func (c *Center) deliver(t Term, outs []agent.Output) {
	for _, o := range outs {
		if p, ok := o.(agent.PresenceChanged); ok {
			c.page(p.Presence.AgentID, "presence", p.Presence)
			continue
		}
		conversationID := conversationOf(o)
		if conversationID == "" || c.handleHere(o) {
			continue
		}
		if node := c.fleet.owner(conversationID); node != "" && c.mail != nil {
			it := encodeItem(o)
			c.mail.to(node, letter{Do: letterOutput, Epoch: t.Epoch, Kind: it.Kind, Data: it.Data})
			continue
		}
		c.overHere(o)
	}
}

// handleHere passes what the router did on to a conversation of this process;
// false means that it is not here, or over.
func (c *Center) handleHere(o agent.Output) bool {
	switch o := o.(type) {
	case agent.OfferCreated:
		return c.to(o.Offer.ConversationID, func(v *conversation) { v.offered(o) })
	case agent.OfferEnded:
		switch o.Offer.State {
		case agent.OfferAccepted:
			return c.to(o.Offer.ConversationID, func(v *conversation) { v.accepted(o.Offer) })
		case agent.OfferWrapping, agent.OfferCompleted: // the work tells
			return true
		}
		return c.to(o.Offer.ConversationID, func(v *conversation) { v.offerOver(o.Offer) })
	case agent.TakenOver:
		return c.to(o.Offer.ConversationID, func(v *conversation) { v.takenOver(o) })
	case agent.WorkStateChanged:
		return c.to(o.Work.ConversationID, func(v *conversation) { v.workMoved(o) })
	case agent.EntryQueued:
		return c.to(o.Entry.ConversationID, func(v *conversation) {
			if o.Entry.ConsultBy == "" {
				v.wait(waitEvent{kind: waitEntered, queueID: o.Entry.QueueID, position: o.Position, expected: o.ExpectedWait})
			}
		})
	case agent.PositionChanged:
		return c.to(o.ConversationID, func(v *conversation) {
			if v.consult != nil {
				return // an agent waits, not the customer
			}
			v.wait(waitEvent{kind: waitPosition, queueID: o.QueueID, position: o.Position, expected: o.ExpectedWait})
		})
	case agent.Overflowed:
		return c.to(o.Entry.ConversationID, func(v *conversation) { v.overflowed(o) })
	}
	return true
}

// overHere follows what the router did to a conversation that is over: it must
// not take agents, and their pages must not show it any more.
func (c *Center) overHere(o agent.Output) {
	switch o := o.(type) {
	case agent.OfferCreated:
		c.takeOut(o.Offer.ConversationID)
	case agent.EntryQueued:
		c.takeOut(o.Entry.ConversationID)
	case agent.TakenOver:
		c.floor.tellLater(giveBack(o.Offer))
	case agent.OfferEnded:
		if _, told := offerEnd[o.Offer.State]; told {
			c.page(o.Offer.AgentID, "offer.ended", map[string]any{"offer_id": o.Offer.ID, "conversation_id": o.Offer.ConversationID, "state": o.Offer.State})
		}
	case agent.WorkStateChanged:
		c.page(o.Work.AgentID, "work", o.Work)
		if o.Work.State == agent.Idle {
			c.page(o.Work.AgentID, "rtc.closed", map[string]any{"conversation_id": o.Work.ConversationID, "reason": o.Work.EndReason})
		}
	}
}

// page tells every open page of an agent, on whichever node it is.
func (c *Center) page(agentID, kind string, data any) {
	c.desk(agentID).send(kind, data)
	if c.mail == nil {
		return
	}
	l := letter{Do: letterPage, Agent: agentID, Kind: kind}
	for i, node := range c.fleet.list() {
		if i == 0 {
			l.Data = mustJSON(data)
		}
		c.mail.to(node, l)
	}
}

// to posts f to a conversation of this process; false means that it is over. One
// that lives and takes no messages now is compared with the router later.
func (c *Center) to(conversationID string, f func(*conversation)) bool {
	v := c.find(conversationID)
	if v == nil || v.post(func() { f(v) }) {
		return v != nil
	}
	select {
	case <-v.done:
		return false
	default:
		c.outOfStep()
		return true
	}
}

// takeOut takes a conversation that is over out of its queue.
func (c *Center) takeOut(conversationID string) {
	c.log.Warn("a conversation that is over was still waiting", "conversation", conversationID)
	c.floor.tellLater(func(at agent.At) agent.Input {
		return agent.Leave{At: at, ConversationID: conversationID, Reason: string(omni.SystemError)}
	})
}
