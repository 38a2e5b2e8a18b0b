package journey

import (
	"context"
	"fmt"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/omni"
)

// errand is a flow that serves the customer for an agent, who waits on hold and
// has the customer back when it ends: a card payment, an identification, a
// survey. The flow that brought the customer stands still meanwhile. When the
// agent leaves, the errand goes on alone.
type errand struct {
	run    *flowRun
	flowID string
	by     *side         // who waits; nil: has left
	stay   *omni.Segment // while the agent waits
	since  time.Time
	// requeue is how the customer waits afterwards when the agent was lost; without
	// the time of it.
	requeue *agent.Enqueue
}

// How an errand ended for the agent who waited.
const (
	errandDone   = "done"
	errandFailed = "failed"
	errandTaken  = "taken_back"   // by the agent
	errandPerson = "agent_wanted" // by key 0, or the flow would have handed the customer on
	errandOver   = "over"         // the agent's part is over
)

// sendToFlow has a flow serve the customer while the agent waits.
func (v *conversation) sendToFlow(agentID, ref string) error {
	s, err := v.aloneWith(agentID)
	if err != nil {
		return err
	}
	in := v.center.setup()
	flowID, flow, ok := in.flowRef(ref)
	if !ok {
		return fmt.Errorf("%w: flow %q", account.ErrNotFound, ref)
	}
	v.endHold()
	e := &errand{flowID: flowID, by: s, since: v.center.now()}
	v.errand = e
	if err := v.seat(); err != nil { // the agent must not hear what is typed
		v.errand = nil
		v.rearrange() // a hold is over
		return err
	}
	e.stay = v.book.begin(omni.SegmentFlow, func(seg *omni.Segment) { seg.FlowID, seg.ParentID = flowID, s.stay.ID })
	v.book.event(omni.ConversationFlowEntered, map[string]any{"flow_id": flowID, "version": in.version[flowID], "agent_waits": true},
		of(agentID, s.offer.QueueID), inSegment(e.stay.ID))
	e.run = v.start(flowID, flow)
	v.rearrange()
	return nil
}

var errWithFlow = fmt.Errorf("%w: the customer is with a flow", account.ErrState)

// takeBack ends an errand early: the agent has the customer back.
func (v *conversation) takeBack(agentID string) error {
	if _, err := v.own(agentID); err != nil {
		return err
	}
	if v.errand == nil {
		return fmt.Errorf("%w: the customer is with no flow", account.ErrState)
	}
	v.endErrand(errandTaken)
	return nil
}

// awaited tells whether an agent waits for the end of an errand.
func (v *conversation) awaited() bool { return v.errand != nil && v.errand.by != nil }

// endErrand ends the errand of an agent who waits, for both.
func (v *conversation) endErrand(outcome string) {
	e := v.errand
	v.dismiss(e)
	v.leftFlow(e, outcome)
	v.center.page(e.by.offer.AgentID, "flow.ended", map[string]any{
		"conversation_id": v.id, "name": v.nameOf("flow", e.flowID), "outcome": outcome,
	})
	v.rearrange()
}

// leftFlow writes that the customer and the agent who waited are no longer apart.
func (v *conversation) leftFlow(e *errand, outcome string) {
	v.book.end(e.stay, omni.NextStep)
	v.book.event(omni.ConversationFlowLeft, map[string]any{
		"flow_id": e.flowID, "outcome": outcome, "duration_ms": v.center.now().Sub(e.since).Milliseconds(),
	}, of(e.by.offer.AgentID, e.by.offer.QueueID), inSegment(e.stay.ID))
}

// dismiss stops an errand's flow. What its goroutine still wants counts no more:
// a recording that it keeps silent is heard again shortly.
func (v *conversation) dismiss(e *errand) {
	v.errand = nil
	v.sound.hush()
	e.run.voice.dismissed = true
	e.run.cancel(errReplaced)
	v.heed()
	if v.pause.typing && !v.gone {
		v.must(v.sensitiveKeys(false))
	}
}

// errandStopped follows the end of an errand's flow.
func (v *conversation) errandStopped(e *errand, res ivr.Result, err error) {
	failed := err != nil || res.End == ivr.EndLimit || res.End == ivr.EndError
	if failed {
		v.log.Error("flow failed", "flow", res.Flow, "node", res.Node, "end", res.End, "err", err)
	}
	switch {
	case e.by != nil && failed:
		v.endErrand(errandFailed)
	case e.by != nil:
		v.endErrand(errandDone)
	case e.requeue != nil:
		v.dismiss(e)
		v.must(v.seat())
		v.queueAgain(*e.requeue)
	case failed:
		v.dismiss(e)
		v.apologise()
	default:
		v.hangUp(v.flowReason(res))
	}
}

// queueAgain queues a customer who is done with the errand of an agent who was
// lost meanwhile. The flow that stands still waits with the customer; where it is
// gone, one that does nothing else takes its place: music, announcements, and what
// follows when the queue gives up are its work.
func (v *conversation) queueAgain(as agent.Enqueue) {
	if v.flow == nil {
		v.again = &as
		v.runFlow("", waitingFlow(as.QueueID, v.book.conv.Language))
		return
	}
	v.book.end(v.stay, omni.NextStep)
	v.enterQueue(as.QueueID, omni.AgentLost)
	v.must(v.wantAgent(func(now agent.At) agent.Input { as.At = now; return as }))
}

// waitingFlow is a flow whose customer waits in a queue.
func waitingFlow(queueID, language string) *ivr.Flow {
	const node = "queue"
	return &ivr.Flow{
		Languages: []string{language}, Start: node, Order: []string{node},
		Nodes: map[string]*ivr.Node{node: {Name: node, Kind: ivr.KindQueue, Queue: &ivr.Queue{Queue: queueID}}},
	}
}

// asBefore is how the customer waits for an agent again whom s had: with what they
// were queued for then, and with the age of the talk.
func (v *conversation) asBefore(s *side) agent.Enqueue {
	as := agent.Enqueue{ConversationID: v.id, QueueID: s.offer.QueueID, Channel: agent.Voice}
	if v.asked != nil {
		if was, ok := v.asked(agent.At{}).(agent.Enqueue); ok && was.QueueID == as.QueueID {
			as = was
		}
	}
	if as.PreferredAgent == s.offer.AgentID {
		as.PreferredAgent = "" // who was lost
	}
	as.EnteredAt = s.stay.StartedAt
	return as
}

// leaveErrand lets the agent who waits go: the flow goes on with the customer
// alone, who is queued again afterwards when the agent was lost.
func (v *conversation) leaveErrand(why omni.EndReason) {
	e := v.errand
	s := e.by
	v.leftFlow(e, errandOver)
	e.by = nil
	if why == omni.AgentLost {
		as := v.asBefore(s)
		e.requeue = &as
	}
	if s.hold != nil {
		v.must(v.book.move(omni.Connected))
	}
	v.partAgent(s, why, true)
	v.must(v.book.move(omni.InFlow))
	v.book.update(func(c *omni.Conversation) { c.FlowID, c.FlowVersion = e.flowID, v.center.setup().version[e.flowID] })
	v.stay = v.book.begin(omni.SegmentFlow, func(seg *omni.Segment) { seg.FlowID = e.flowID })
	v.book.event(omni.ConversationTransferred, map[string]any{"kind": "flow", "target": e.flowID}, of(s.offer.AgentID, s.offer.QueueID))
	v.must(v.seat())
	v.handsChanged()
}

// handsOn is asked by a node that gives the customer to somebody: an errand whose
// agent waits ends with it, since they have the customer back; one that goes on
// alone takes the place of the flow that stands still, which is told to stop.
func (v *conversation) handsOn(s *voice) (stops <-chan struct{}, err error) {
	e := v.errand
	switch {
	case s.dismissed || v.gone:
		return nil, ErrEnded
	case e == nil || e.run.voice != s:
		return nil, nil
	case e.by != nil:
		v.endErrand(errandPerson)
		return nil, ErrEnded
	}
	old := v.flow
	v.flow, v.errand = e.run, nil
	v.must(v.seat())
	if old == nil {
		return nil, nil
	}
	old.voice.dismissed = true
	old.cancel(errReplaced)
	return old.done, nil
}

// handsOn readies the conversation for a node that gives the customer to
// somebody.
func (s *voice) handsOn(ctx context.Context) error {
	var stops <-chan struct{}
	if err := s.v.ask(ctx, func() (err error) { stops, err = s.v.handsOn(s); return err }); err != nil {
		return ended(err)
	}
	if stops == nil {
		return nil
	}
	select {
	case <-stops:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ---- keys

// heed has the keys of the customer reach the flow that serves them.
func (v *conversation) heed() {
	switch {
	case v.errand != nil && v.errand.run != nil:
		v.ears.Store(v.errand.run.voice)
	case v.flow != nil:
		v.ears.Store(v.flow.voice)
	default:
		v.ears.Store(nil)
	}
}

// listen passes the customer's keys on until the call is over.
func (v *conversation) listen() {
	for {
		var key byte
		select {
		case d := <-v.leg.Digits():
			key = d.Key
		case key = <-v.typed:
		case <-v.leg.Done():
			return
		case <-v.done:
			return
		}
		if s := v.ears.Load(); s != nil {
			s.keys.Press(key)
		}
		if v.trails.Load() { // whoever hears it: what was sensitive is typed on
			v.post(v.keyTrails)
		}
	}
}

// ---- what agents do

// SendToFlow implements httpapi.Desk.
func (c *Center) SendToFlow(ctx context.Context, agentID, conversationID, flow string) error {
	return c.act(ctx, action{Do: actFlow, ConversationID: conversationID, AgentID: agentID, Target: flow})
}

// TakeBack implements httpapi.Desk.
func (c *Center) TakeBack(ctx context.Context, agentID, conversationID string) error {
	return c.act(ctx, action{Do: actTakeBack, ConversationID: conversationID, AgentID: agentID})
}
