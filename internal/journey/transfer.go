package journey

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/omni"
)

// directWait is how long a transfer waits for a busy colleague.
const directWait = 20

// ringOut is how long an outside number rings before the customer is given back,
// where neither the agent nor the flow says otherwise.
const ringOut = 30 * time.Second

// externalLeg is an outside number that the customer was transferred to.
type externalLeg struct {
	leg    *call.Leg
	row    omni.Leg
	stay   *omni.Segment
	joined bool
	// back is the side that transferred, to which an unanswered transfer returns.
	queueID, agentID string
}

// transfer hands the customer over for an agent, who leaves the call.
// ring bounds how long an outside number rings.
func (v *conversation) transfer(agentID, kind, target string, ring time.Duration) error {
	s, err := v.aloneWith(agentID)
	if err != nil {
		return err
	}
	in := v.center.setup()
	bad := func() error { return fmt.Errorf("%w: %s %q", account.ErrNotFound, kind, target) }
	switch kind {
	case "queue":
		q, ok := in.queueRef(target)
		if !ok {
			return bad()
		}
		v.handOver(s, kind, q.ID)
		v.enterQueue(q.ID, omni.Transferred)
		return v.wantAgent(func(at agent.At) agent.Input {
			return agent.Enqueue{At: at, ConversationID: v.id, QueueID: q.ID, Channel: agent.Voice}
		})
	case "agent":
		to, ok := in.agentRef(target)
		if !ok {
			return bad()
		}
		if to.ID == agentID {
			return fmt.Errorf("%w: that is the agent who transfers", account.ErrState)
		}
		queueID := s.offer.QueueID
		v.handOver(s, kind, to.ID)
		v.enterQueue(queueID, omni.Transferred)
		v.direct = to.ID
		return v.wantAgent(func(at agent.At) agent.Input {
			return agent.OfferTo{At: at, ConversationID: v.id, AgentID: to.ID, QueueID: queueID, Channel: agent.Voice,
				Wait: directWait, FallbackAgent: agentID, FallbackQueue: queueID}
		})
	case "flow":
		flowID, _, ok := in.flowRef(target)
		if !ok {
			return bad()
		}
		v.handOver(s, kind, flowID)
		v.enterFlow(flowID)
		return nil
	case "number":
		return v.transferOut(s, target, ring)
	}
	return fmt.Errorf("%w: kind must be agent, queue, flow or number", account.ErrState)
}

// handOver ends the agent's part; the wrap-up follows from the router.
func (v *conversation) handOver(s *side, kind, target string) {
	if s.hold != nil {
		v.must(v.book.move(omni.Connected))
	}
	v.partAgent(s, omni.Transferred, true)
	v.release()
	v.book.event(omni.ConversationTransferred, map[string]any{"kind": kind, "target": target}, of(s.offer.AgentID, s.offer.QueueID))
}

// transferOut calls an outside number for the customer, who comes back to the
// agent when nobody answers.
func (v *conversation) transferOut(s *side, number string, ring time.Duration) error {
	leg, err := v.dialOut(number, ring)
	if err != nil {
		return err
	}
	agentID, queueID := s.offer.AgentID, s.offer.QueueID
	v.handOver(s, "number", "")
	v.await(leg, queueID, agentID)
	return nil
}

// dialOut calls a number on the first line that can.
func (v *conversation) dialOut(number string, ring time.Duration) (*call.Leg, error) {
	err := fmt.Errorf("%w: no line to call out on", account.ErrState)
	for _, l := range v.center.setup().Lines {
		if !l.Enabled {
			continue
		}
		leg, why := v.center.calls.DialNumber(v.ctx, call.DialRequest{
			ID: id.New(id.Leg), LineID: l.ID, To: number, From: cmp.Or(l.CallerID, v.book.conv.DialledNumber), RingTimeout: cmp.Or(ring, ringOut),
		})
		if why == nil {
			return leg, nil
		}
		v.log.Info("line cannot be called out on", "line", l.ID, "err", why)
		err = errors.Join(err, why)
	}
	return nil, err
}

// await follows an outside leg: bridged when answered, given back otherwise.
func (v *conversation) await(leg *call.Leg, queueID, agentID string) {
	info := leg.Info()
	x := &externalLeg{leg: leg, queueID: queueID, agentID: agentID}
	x.row = omni.Leg{ID: info.ID, ConversationID: v.id, Party: omni.PartyExternal, LineID: info.LineID, Transport: info.Transport,
		SIPCallID: info.CallID, StartedAt: v.center.now()}
	v.external = x
	v.must(v.book.move(omni.InFlow))
	v.book.end(v.stay, omni.NextStep)
	v.stay = v.book.begin(omni.SegmentFlow, func(s *omni.Segment) { s.FlowID = v.book.conv.FlowID })
	leg.OnChange(v.later(func() { v.externalChanged(x) }))
	x.row.Dialog = leg.Dialog()
	v.book.leg(x.row)
	v.wait(waitEvent{kind: waitAgain})
	v.center.work.Go(func() {
		select {
		case <-leg.Answered():
			v.post(func() { v.joinExternal(x) })
			<-leg.Done()
		case <-leg.Done():
		}
		v.post(func() { v.externalDone(x) })
	})
}

func (v *conversation) joinExternal(x *externalLeg) {
	if v.gone || v.external != x {
		return
	}
	v.sound.hush()
	if err := v.call.Bridge(x.leg); err != nil {
		v.log.Error("outside number not bridged", "err", err)
		x.leg.Hangup(call.SystemError)
		return
	}
	x.joined = true
	x.row.AnsweredAt, x.row.Codec, x.row.Dialog = v.center.now(), x.leg.Info().Codec, x.leg.Dialog()
	v.book.leg(x.row)
	v.wait(waitEvent{kind: waitConnected})
}

// externalChanged keeps what a restarted process needs to end the dialog.
func (v *conversation) externalChanged(x *externalLeg) {
	if v.external == x {
		x.row.Dialog, x.row.Codec = x.leg.Dialog(), x.leg.Info().Codec
		v.book.leg(x.row)
	}
}

// externalDone follows the end of an outside leg.
func (v *conversation) externalDone(x *externalLeg) {
	if v.external != x {
		return
	}
	v.external = nil
	v.endLegRow(&x.row, x.leg)
	if v.gone {
		return
	}
	if x.joined {
		v.hangUp(omni.ThirdPartyDisconnect)
		return
	}
	if x.agentID == "" { // a flow wanted it
		v.wait(waitEvent{kind: waitFailed, reason: string(x.leg.End().Reason)})
		return
	}
	v.enterQueue(x.queueID, omni.Transferred)
	v.must(v.wantAgent(func(at agent.At) agent.Input {
		return agent.OfferTo{At: at, ConversationID: v.id, AgentID: x.agentID, QueueID: x.queueID, Channel: agent.Voice,
			Wait: directWait, FallbackQueue: x.queueID}
	}))
}

func (v *conversation) stopExternal(why omni.EndReason) {
	if v.external != nil {
		v.external.leg.Hangup(call.Reason(why))
	}
}

// endExternal ends an outside leg for good, its row with it.
func (v *conversation) endExternal() {
	if x := v.external; x != nil {
		v.external = nil
		x.leg.Hangup(call.SystemError)
		v.endLegRow(&x.row, x.leg)
	}
}

// transferForFlow starts the transfer that a flow wants.
func (v *conversation) transferForFlow(req ivr.TransferRequest) error {
	if v.gone {
		return ivr.ErrHangup
	}
	v.drain()
	switch req.Kind {
	case "agent":
		to, ok := v.center.setup().agentRef(req.Target)
		if !ok {
			return fmt.Errorf("%w: agent %q", ivr.ErrNotFound, req.Target)
		}
		queueID := ""
		if len(to.Queues) > 0 {
			queueID = to.Queues[0]
		}
		v.enterQueue(queueID, omni.NextStep)
		return v.wantAgent(func(at agent.At) agent.Input {
			return agent.OfferTo{At: at, ConversationID: v.id, AgentID: to.ID, QueueID: queueID, Channel: agent.Voice,
				Wait: agent.Seconds(req.Timeout / time.Second)}
		})
	case "number":
		leg, err := v.dialOut(req.Target, req.Timeout)
		if err != nil {
			return fmt.Errorf("%w: %w", ivr.ErrUnsupported, err)
		}
		v.await(leg, "", "")
		return nil
	}
	return fmt.Errorf("%w: transfer to %s", ivr.ErrUnsupported, req.Kind)
}

// giveUp takes the customer out of the queue because the flow's own limit is
// reached.
func (v *conversation) giveUp(reason string) {
	if s := v.book.conv.State; s != omni.Queued && s != omni.Offered {
		return
	}
	v.leaveQueue(reason)
	v.leaveForFlow(agent.Overflowed{Reason: reason}, ivr.Overflow{Kind: "end", Reason: reason})
}
