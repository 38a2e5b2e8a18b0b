package journey

import (
	"context"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/omni"
)

// standingBatch bounds the conversations that are asked about at once: each may
// come back with explanations of some kilobytes.
const standingBatch = 20

// standingQuestion asks where conversations stand with the router. The answers
// are letters, so that they come in their order among what the router does.
type standingQuestion struct {
	From string `json:"from"`
	Of   []wish `json:"of"`
}

// wish is a conversation and its last wish for an agent, a colleague's too, that the router is known
// to have applied: a later one may be on its way.
type wish struct {
	ConversationID string `json:"conversation_id"`
	Number         uint64 `json:"number"`
}

// outOfStep has the conversations of this node compared with the router.
func (c *Center) outOfStep() {
	select {
	case c.compare <- struct{}{}:
	default:
	}
}

// keepInStep compares conversations with the router when something may have been
// lost on the way, until ctx ends.
func (c *Center) keepInStep(ctx context.Context) {
	for {
		select {
		case <-c.compare:
		case <-ctx.Done():
			return
		}
		if t := c.term.Load(); t != nil {
			c.reconcile(ctx, *t)
		}
	}
}

// reconcile brings the conversations of this node and the router of a term into
// step: what was decided and did not arrive is said, and who waited and is not
// known to it is queued again. Open pages are greeted anew.
func (c *Center) reconcile(ctx context.Context, t Term) {
	select {
	case <-time.After(2 * sendEvery): // what was kept for a new leader goes first
	case <-ctx.Done():
		return
	}
	var all []wish
	c.each(func(v *conversation) { all = append(all, wish{v.id, v.granted.Load()}) })
	for len(all) > 0 {
		n := min(len(all), standingBatch)
		err := c.askStanding(ctx, t, all[:n])
		switch {
		case ctx.Err() != nil, c.fleet.newest() != t.Epoch:
			return
		case err != nil:
			c.log.Warn("conversations are not in step with the router yet", "err", err)
			select {
			case <-time.After(standEvery):
			case <-ctx.Done():
			}
			continue
		}
		all = all[n:]
	}
	c.greetAll(ctx)
}

// askStanding has conversations told where they stand.
func (c *Center) askStanding(ctx context.Context, t Term, of []wish) error {
	within, cancel := context.WithTimeout(ctx, commandWithin)
	defer cancel()
	q := standingQuestion{From: c.cfg.NodeID, Of: of}
	if t.Node == c.cfg.NodeID {
		return c.tellStanding(within, q)
	}
	_, err := request[struct{}](within, c, id.New("cm"), t.Node, commandStanding, q)
	return err
}

// tellStanding tells conversations where they stand with the router here: in its
// goroutine, behind what it did before and ahead of what it does next.
func (c *Center) tellStanding(ctx context.Context, q standingQuestion) error {
	ids := make([]string, 0, len(q.Of))
	for _, w := range q.Of {
		ids = append(ids, w.ConversationID)
	}
	return c.floor.look(ctx, func(r *agent.Router, _ time.Time) {
		epoch, standing := c.floor.present.Load().Epoch, r.StandingOf(ids)
		for _, w := range q.Of {
			s := standing[w.ConversationID]
			if q.From == c.cfg.NodeID {
				c.to(w.ConversationID, func(v *conversation) { v.stand(s, w.Number) })
				continue
			}
			c.mail.to(q.From, letter{Do: letterStands, Epoch: epoch, Conversation: w.ConversationID, Wish: w.Number, Data: mustJSON(s)})
		}
	})
}

// greetAll tells the pages that are open here what the new router knows of their
// agents.
func (c *Center) greetAll(ctx context.Context) {
	c.mu.Lock()
	open := make([]*desk, 0, len(c.desks))
	for _, d := range c.desks {
		if !d.empty() {
			open = append(open, d)
		}
	}
	c.mu.Unlock()
	for _, d := range open {
		c.greet(ctx, d.agentID, func(kind string, data any) bool { d.send(kind, data); return true })
	}
}

// stand compares what a conversation knows of its offers, agents and place in a
// queue with where it stands with the router, which has applied the wish of that
// number.
func (v *conversation) stand(s agent.Standing, wish uint64) {
	busy := v.talking != nil
	for _, side := range v.sides {
		if v.standSide(side, s) {
			busy = true
		}
	}
	if v.gone {
		if s.Entry != nil || waitsForAudio(s) {
			v.leaveQueue(string(v.book.conv.EndReason)) // the router did not hear of it
		}
		return
	}
	for _, o := range s.Offers {
		if v.sides[o.ID] == nil {
			v.offered(agent.OfferCreated{Offer: o})
		}
	}
	v.askedAnew(s, wish)
	if v.inQueue && !busy && s.Entry == nil && v.asked != nil && wish == v.wish {
		v.log.Warn("the router did not know a waiting caller; queued again")
		v.must(v.wantAgent(v.asked))
	}
}

// waitsForAudio tells whether an agent has accepted and is not connected yet.
func waitsForAudio(s agent.Standing) bool {
	for _, w := range s.Works {
		if w.State == agent.Alerting && s.Accepted(w.ID) {
			return true
		}
	}
	return false
}

// standSide compares an agent's part with where it stands with the router, and
// tells whether the agent is with the customer or about to be.
func (v *conversation) standSide(side *side, s agent.Standing) (busy bool) {
	o := side.offer
	work, known := s.Work(o.ID)
	switch {
	case side.state == wrapping:
		v.standWrapUp(side, work, known)
		return false
	case side.state != ringing:
		if v.gone && !known {
			v.dropSide(side)
		}
		return true
	case s.Pending(o.ID):
		return false
	case !known:
		o.State = agent.OfferRescinded
		if v.gone {
			o.State = agent.OfferCanceled
		}
		v.offerOver(o)
		return false
	}
	o.State = agent.OfferAccepted
	v.accepted(o)
	return true
}

// standWrapUp compares a part that is over for the customer: its wrap-up goes on
// with the router, or is over there too, or the router did not hear of it.
func (v *conversation) standWrapUp(side *side, work agent.Work, known bool) {
	switch {
	case !known:
		reason := agent.WrapUpExpired
		if side.finished {
			reason = agent.WrappedUp
		}
		now := v.center.now()
		v.workMoved(agent.WorkStateChanged{From: agent.WrapUp, Work: agent.Work{
			ID: side.offer.ID, AgentID: side.offer.AgentID, ConversationID: v.id, QueueID: side.offer.QueueID, Channel: side.offer.Channel,
			State: agent.Idle, Since: now, StartedAt: side.offer.CreatedAt, EndedAt: now, EndReason: reason,
		}})
	case work.State != agent.WrapUp:
		why := omni.EndReason("")
		if side.stay != nil {
			why = side.stay.EndReason
		}
		v.endWork(side, why)
		if side.finished {
			v.must(v.finishWrapUp(side))
		}
	case side.finished:
		v.must(v.finishWrapUp(side))
	case side.wrap == nil:
		v.workMoved(agent.WorkStateChanged{From: agent.Connected, Work: work})
	}
}
