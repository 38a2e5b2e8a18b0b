package journey

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/omni"
)

// sound guards what a flow may play: once an agent is bridged the flow is
// hushed, and a prompt that was on its way is not heard any more.
type sound struct {
	mu     sync.Mutex
	call   *call.Call
	on     bool
	cancel context.CancelFunc
}

var errHushed = errors.New("journey: the flow may not play now")

func (s *sound) play(ctx context.Context, prompts ...call.Prompt) error {
	s.mu.Lock()
	if !s.on {
		s.mu.Unlock()
		return errHushed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.cancel = cancel
	c := s.call
	s.mu.Unlock()
	return c.Play(ctx, prompts...)
}

// background runs f, which starts music, echo or tone, unless hushed.
func (s *sound) background(f func(*call.Call) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.on {
		return errHushed
	}
	return f(s.call)
}

func (s *sound) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on {
		s.call.StopMusic()
	}
}

func (s *sound) allow(c *call.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.call, s.on = c, true
}

func (s *sound) hush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.on = false
	if s.cancel != nil {
		s.cancel()
	}
}

// flowRun is a flow that answers the customer, in a goroutine of its own.
type flowRun struct {
	id     string
	voice  *voice
	cancel context.CancelCauseFunc
	done   chan struct{}
}

// flowStart is a flow that begins when the present one has stopped.
type flowStart struct{ ref string }

// errReplaced stops a flow because another one takes over.
var errReplaced = errors.New("journey: another flow takes over")

// enterFlow starts the published flow, now or when the present one has stopped.
func (v *conversation) enterFlow(ref string) {
	if v.flow != nil {
		v.next = &flowStart{ref}
		v.flow.cancel(errReplaced)
		return
	}
	v.enter(ref)()
}

// enter notes the way into the published flow; what it returns starts the flow
// once the customer is on the phone.
func (v *conversation) enter(ref string) (run func()) {
	in := v.center.setup()
	flowID, flow, ok := in.flowRef(ref)
	v.must(v.book.move(omni.InFlow))
	if !ok {
		v.log.Error("number without a usable flow", "flow", ref)
		return v.apologise
	}
	v.book.update(func(c *omni.Conversation) { c.FlowID, c.FlowVersion = flowID, in.version[flowID] })
	v.book.end(v.stay, omni.NextStep)
	v.stay = v.book.begin(omni.SegmentFlow, func(s *omni.Segment) { s.FlowID = flowID })
	v.book.event(omni.ConversationFlowEntered, map[string]any{"flow_id": flowID, "version": in.version[flowID]}, inSegment(v.stay.ID))
	return func() { v.runFlow(flowID, flow) }
}

// runFlow lets a flow answer the customer.
func (v *conversation) runFlow(flowID string, flow *ivr.Flow) {
	v.flow = v.start(flowID, flow)
}

// start runs a flow that hears the customer's keys from now on.
func (v *conversation) start(flowID string, flow *ivr.Flow) *flowRun {
	v.sound.allow(v.call)
	ctx, cancel := context.WithCancelCause(v.ctx)
	run := &flowRun{id: flowID, voice: newVoice(v), cancel: cancel, done: make(chan struct{})}
	v.ears.Store(run.voice)
	v.center.work.Go(func() {
		res, err := v.center.runner.Run(ctx, flow, run.voice, nil)
		cancel(nil)
		close(run.done)
		v.post(func() {
			if v.errand != nil && v.errand.run == run {
				v.errandStopped(v.errand, res, err)
				return
			}
			v.flowStopped(run, res, err)
		})
	})
	return run
}

// apologise tells the caller that something is wrong and ends the call.
func (v *conversation) apologise() {
	lang := v.book.conv.Language
	v.sound.allow(v.call)
	v.center.work.Go(func() {
		ctx, cancel := context.WithTimeout(v.ctx, 20*time.Second)
		defer cancel()
		if prompts := v.center.speak(ctx, ivr.System(lang, "technical", nil)); len(prompts) > 0 {
			_ = v.sound.play(ctx, prompts...)
		}
		v.post(func() { v.hangUp(omni.SystemError) })
	})
}

// flowStopped follows the end of a flow.
func (v *conversation) flowStopped(run *flowRun, res ivr.Result, err error) {
	if v.flow != run {
		return
	}
	v.flow = nil
	if v.gone {
		return
	}
	if v.next != nil {
		ref := v.next.ref
		v.next = nil
		v.drain()
		v.enterFlow(ref)
		return
	}
	failed := err != nil || res.End == ivr.EndLimit || res.End == ivr.EndError
	if failed {
		v.log.Error("flow failed", "flow", res.Flow, "node", res.Node, "end", res.End, "err", err)
	}
	switch {
	case v.errand != nil:
		// another flow has the customer; its end leads on
	case failed:
		v.apologise()
	case v.talking != nil || v.external != nil || len(v.outsiders) > 0:
		// an agent or an outside party has the customer; their end ends the call
	default:
		v.hangUp(v.flowReason(res))
	}
}

// flowReason says why a conversation ended that its flow ended.
func (v *conversation) flowReason(res ivr.Result) omni.EndReason {
	switch {
	case v.closing != "":
		return v.closing
	case res.End != ivr.EndOverflow:
		return omni.FlowDisconnect
	case res.Reason == reasonMaxWait:
		return omni.MaxWait
	case res.Reason == reasonNoAgent:
		return omni.NoAgent
	}
	return omni.OverflowEnd
}

// Why a queue gave a caller up, in the words of flows (ivr.Overflow).
const (
	reasonMaxWait = "max_wait"
	reasonFull    = "full"
	reasonNoAgent = "no_agent"
)

// overflowReason translates the router's reason for flows.
func overflowReason(reason string) string {
	switch reason {
	case agent.OverflowMaxWait:
		return reasonMaxWait
	case agent.OverflowMaxLength:
		return reasonFull
	}
	return reasonNoAgent
}

// stopFlow cancels the flow because the customer is gone.
func (v *conversation) stopFlow() {
	v.next = nil
	v.sound.hush()
	if v.flow != nil {
		v.flow.cancel(ivr.ErrHangup)
	}
}

// ---- waiting

type waitKind int

const (
	waitConnected waitKind = iota
	waitAgain              // back in a queue
	waitEntered
	waitPosition
	waitOverflow
	waitFailed // a transfer did not come about
	waitDone
)

// waitEvent tells the flow's goroutine, which stands in Session.Queue or
// Session.Transfer, what became of its customer.
type waitEvent struct {
	kind     waitKind
	queueID  string
	position int
	expected time.Duration
	overflow ivr.Overflow
	reason   string
}

// wait passes an event on; announcements are dropped when the flow is behind.
func (v *conversation) wait(ev waitEvent) {
	select {
	case v.waits <- ev:
	default:
		if ev.kind != waitPosition && ev.kind != waitEntered {
			v.log.Error("waiting flow does not follow")
		}
	}
}

// drain forgets events meant for a flow that has stopped.
func (v *conversation) drain() {
	for {
		select {
		case <-v.waits:
		default:
			return
		}
	}
}

// joinQueue puts the customer into a queue for a flow.
func (v *conversation) joinQueue(req ivr.QueueRequest) error {
	q, ok := v.center.setup().queueRef(req.Queue)
	if !ok {
		return fmt.Errorf("%w: queue %q", ivr.ErrNotFound, req.Queue)
	}
	if v.gone {
		return ivr.ErrHangup
	}
	v.drain()
	v.enterQueue(q.ID, omni.NextStep)
	entered := v.stay.StartedAt
	if v.back.queueID == q.ID {
		entered = v.back.since
	}
	again := v.again
	v.back, v.again = place{}, nil
	if again != nil && again.QueueID == q.ID {
		return v.wantAgent(func(at agent.At) agent.Input { as := *again; as.At = at; return as })
	}
	preferred := req.Agent
	var every agent.Seconds
	if req.Announce != nil {
		every = agent.Seconds(req.Announce.Repeat / time.Second)
	}
	return v.wantAgent(func(at agent.At) agent.Input {
		return agent.Enqueue{At: at, ConversationID: v.id, QueueID: q.ID, Channel: agent.Voice, Priority: req.Priority,
			Skills: needs(req.Skills), PreferredAgent: preferred, EnteredAt: entered, AnnounceEvery: every}
	})
}

// wantAgent tells the router that the customer waits. A refusal (the queue or
// the agent was removed in the meantime) gives the customer back to the flow.
func (v *conversation) wantAgent(in input) error {
	v.asked = in
	v.wish++
	wish := v.wish
	return v.center.floor.tell(in, func(err error) {
		if err != nil {
			v.later(func() { v.notQueued(err) })()
			return
		}
		v.granted.Store(wish)
	})
}

// notQueued follows a refusal of wantAgent.
func (v *conversation) notQueued(err error) {
	v.log.Warn("customer cannot wait there", "queue", v.book.conv.QueueID, "err", err)
	if !v.inQueue || v.gone {
		return
	}
	v.inQueue = false
	v.leaveForFlow(agent.Overflowed{Reason: agent.OverflowQueueRemoved}, ivr.Overflow{Kind: "end", Reason: reasonNoAgent})
}

// enterQueue moves the conversation into a queue; the router is told apart.
func (v *conversation) enterQueue(queueID string, why omni.EndReason) {
	v.inQueue, v.direct = true, ""
	v.must(v.book.move(omni.Queued))
	v.book.end(v.stay, why)
	v.stay = v.book.begin(omni.SegmentQueue, func(s *omni.Segment) { s.QueueID = queueID })
	v.book.update(func(c *omni.Conversation) { c.QueueID = queueID })
	v.book.event(omni.ConversationQueued, nil, of("", queueID), inSegment(v.stay.ID))
	if why == omni.AgentLost || why == omni.Transferred {
		v.wait(waitEvent{kind: waitAgain, queueID: queueID})
	}
	v.handsChanged()
}

// overflowed follows a queue that gave the customer up: the first action that
// can be done here is done.
func (v *conversation) overflowed(o agent.Overflowed) {
	if o.Entry.ConsultBy != "" {
		if v.consult.asks(o.Entry.ConsultBy, o.Entry.DirectAgent, o.Entry.QueueID) {
			v.notConsulted(v.consult, o.Reason)
		}
		return
	}
	if v.gone {
		return
	}
	for _, a := range o.Actions {
		switch a.Kind {
		case agent.OverflowQueue:
			q, ok := v.center.setup().queueRef(a.Target)
			if !ok {
				continue
			}
			v.enterQueue(q.ID, omni.OverflowTransfer)
			v.must(v.wantAgent(func(at agent.At) agent.Input {
				return agent.Enqueue{At: at, ConversationID: v.id, QueueID: q.ID, Channel: agent.Voice, Priority: o.Entry.Priority,
					Skills: o.Entry.Skills, EnteredAt: o.Entry.EnteredAt, Hops: o.Entry.Hops + 1, AnnounceEvery: o.Entry.AnnounceEvery}
			}))
			return
		case agent.OverflowNumber, agent.OverflowVoicemail, agent.OverflowKind("flow"):
			v.leaveForFlow(o, ivr.Overflow{Kind: string(a.Kind), Target: a.Target, Reason: overflowReason(o.Reason)})
			return
		case agent.OverflowEnd:
			v.leaveForFlow(o, ivr.Overflow{Kind: "end", Reason: overflowReason(o.Reason)})
			return
		case agent.OverflowCallback, agent.OverflowTicket:
			v.book.event(omni.QueueOverflowSkipped, map[string]any{"action": a.Kind, "reason": "not_available"}, of("", o.Entry.QueueID))
		}
	}
	v.leaveForFlow(o, ivr.Overflow{Kind: "end", Reason: overflowReason(o.Reason)})
}

// leaveForFlow gives the customer back to the flow.
func (v *conversation) leaveForFlow(o agent.Overflowed, next ivr.Overflow) {
	v.inQueue = false
	why := omni.NextStep
	switch o.Reason {
	case agent.OverflowMaxWait:
		why = omni.MaxWait
	case agent.OverflowJoinEmpty, agent.OverflowLeaveEmpty, agent.OverflowNoAnswer, agent.OverflowQueueRemoved:
		why = omni.NoAgent
	}
	v.must(v.book.move(omni.InFlow))
	v.book.end(v.stay, why)
	v.stay = v.book.begin(omni.SegmentFlow, func(s *omni.Segment) { s.FlowID = v.book.conv.FlowID })
	v.wait(waitEvent{kind: waitOverflow, overflow: next})
}

// stepped keeps the way through the flow for the agent's screen and the journal.
func (v *conversation) stepped(st ivr.Step) {
	words := st.Label
	if words == "" {
		words = st.Node
	}
	if st.Choice != "" {
		words += " › " + st.Choice
		v.book.update(func(c *omni.Conversation) {
			if len(c.FlowPath) < maxPath {
				c.FlowPath = append(c.FlowPath, words)
			}
		})
	}
}

// maxPath bounds the flow path that is kept.
const maxPath = 50
