package journey

import (
	"fmt"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/omni"
)

// mediaWait is how long an accepted offer waits for the agent's audio; the
// router gives up a little later (agent.RouterConfig.ConnectTimeout).
const mediaWait = 12 * time.Second

// sideState is where an agent is with this conversation.
type sideState int

const (
	ringing sideState = iota
	accepted
	talking
	lost
	wrapping
)

// side is an agent's part in a conversation, from the offer to the wrap-up.
type side struct {
	offer agent.Offer
	state sideState
	leg   *call.Leg
	row   omni.Leg
	ring  *omni.Segment
	stay  *omni.Segment
	hold  *omni.Segment
	wrap  *omni.Segment
	timer *time.Timer     // media wait or anchor
	work  agent.WorkState // as the router was told last, once connected
	// finished: the agent's wrap-up was ended here; the router is told.
	finished bool
}

// offered tells an agent's device that the conversation is theirs to take.
func (v *conversation) offered(o agent.OfferCreated) {
	if v.gone || v.sides[o.Offer.ID] != nil {
		return
	}
	s := &side{offer: o.Offer}
	v.sides[o.Offer.ID] = s
	s.ring = v.book.begin(omni.SegmentOffer, func(seg *omni.Segment) {
		seg.AgentID, seg.QueueID, seg.OfferID, seg.Explanation = o.Offer.AgentID, o.Offer.QueueID, o.Offer.ID, mustJSON(o.Offer.Explanation)
		switch {
		case v.stay != nil:
			seg.ParentID = v.stay.ID
		case v.talking != nil: // who asks a colleague
			seg.ParentID = v.talking.stay.ID
		}
	})
	if v.book.conv.State == omni.Queued {
		v.must(v.book.move(omni.Offered))
		v.book.event(omni.ConversationOffered, nil, of(o.Offer.AgentID, o.Offer.QueueID))
	}
	if o.Offer.ConsultBy != "" {
		v.rearrange() // who asks hears that it rings
	}
	if dev := v.center.setup().agents[o.Offer.AgentID].DeviceID; dev != "" {
		v.ringDevice(s, dev)
		return
	}
	v.center.page(o.Offer.AgentID, "offer", v.popUp(s))
	v.alert(o.Offer.ID)
}

func (v *conversation) alert(offerID string) {
	v.must(v.center.floor.tell(func(at agent.At) agent.Input { return agent.Alert{At: at, OfferID: offerID} }))
}

// popUp is what an agent sees of a ringing conversation.
type popUp struct {
	OfferID        string    `json:"offer_id"`
	Kind           string    `json:"kind"`               // conversation or consult
	AskedBy        string    `json:"asked_by,omitempty"` // name of the agent who consults
	ConversationID string    `json:"conversation_id"`
	Caller         string    `json:"caller"`
	Dialled        string    `json:"dialled"`
	CustomerID     string    `json:"customer_id"`
	QueueID        string    `json:"queue_id"`
	Queue          string    `json:"queue"`
	Language       string    `json:"language"`
	FlowPath       []string  `json:"flow_path"`
	WaitedMS       int64     `json:"waited_ms"`
	Device         string    `json:"device"` // browser or phone
	CreatedAt      time.Time `json:"created_at"`
	ExpiresAt      time.Time `json:"expires_at"`
}

func (v *conversation) popUp(s *side) popUp {
	c := v.book.conv
	p := popUp{
		OfferID: s.offer.ID, Kind: "conversation", ConversationID: v.id, Caller: c.CallerNumber, Dialled: c.DialledNumber, CustomerID: c.CustomerID,
		QueueID: s.offer.QueueID, Queue: v.center.setup().queues[s.offer.QueueID].Name, Language: c.Language,
		FlowPath: c.FlowPath, Device: "browser", CreatedAt: s.offer.CreatedAt, ExpiresAt: s.offer.ExpiresAt,
	}
	if by := s.offer.ConsultBy; by != "" {
		p.Kind, p.AskedBy = "consult", v.nameOf("agent", by)
	}
	if v.stay != nil {
		p.WaitedMS = v.center.now().Sub(v.stay.StartedAt).Milliseconds()
	}
	if v.center.setup().agents[s.offer.AgentID].DeviceID != "" {
		p.Device = "phone"
	}
	return p
}

// ringDevice calls the agent's desk phone; its answer accepts the offer.
func (v *conversation) ringDevice(s *side, deviceID string) {
	offerID, agentID := s.offer.ID, s.offer.AgentID
	v.center.page(agentID, "offer", v.popUp(s))
	leg, err := v.center.calls.DialDevice(v.ctx, call.DialRequest{
		ID: id.New(id.Leg), DeviceID: deviceID, From: v.book.conv.CallerNumber, Codec: v.leg.Info().Codec,
		DisplayName: v.center.setup().queues[s.offer.QueueID].Name, RingTimeout: time.Until(s.offer.ExpiresAt) + 2*time.Second,
	})
	if err != nil {
		v.log.Warn("desk phone not rung", "agent", agentID, "err", err)
		v.must(v.center.floor.tell(func(at agent.At) agent.Input { return agent.Reject{At: at, OfferID: offerID, AgentID: agentID} }))
		return
	}
	v.putLeg(s, leg)
	v.center.work.Go(func() {
		rang := leg.Ringing()
		for {
			select {
			case <-rang:
				rang = nil
				v.alert(offerID)
			case <-leg.Answered():
				_, _ = v.center.floor.do(v.ctx, func(at agent.At) agent.Input { return agent.Accept{At: at, OfferID: offerID, AgentID: agentID} })
				return
			case <-leg.Done():
				v.post(func() { v.deviceRefused(offerID) })
				return
			}
		}
	})
}

// deviceRefused rejects the offer of a desk phone that did not answer, unless the
// offer has ended already.
func (v *conversation) deviceRefused(offerID string) {
	s := v.sides[offerID]
	if s == nil || s.state != ringing {
		return
	}
	v.must(v.center.floor.tell(func(at agent.At) agent.Input {
		return agent.Reject{At: at, OfferID: offerID, AgentID: s.offer.AgentID}
	}))
}

// putLeg makes leg the audio of an agent's side and watches its end.
func (v *conversation) putLeg(s *side, leg *call.Leg) {
	info := leg.Info()
	s.row = omni.Leg{
		ID: info.ID, ConversationID: v.id, Party: omni.PartyAgent, AgentID: s.offer.AgentID, DeviceID: info.DeviceID,
		Transport: info.Transport, Codec: info.Codec, SIPCallID: info.CallID, StartedAt: v.center.now(),
	}
	v.watchLeg(s, leg)
}

// watchLeg makes leg, whose row the side has, the side's audio.
func (v *conversation) watchLeg(s *side, leg *call.Leg) {
	s.leg = leg
	leg.OnChange(v.later(func() { v.agentLegChanged(s, leg) }))
	s.row.Dialog = leg.Dialog()
	v.book.leg(s.row)
	offerID := s.offer.ID
	leg.OnMedia(func(gone bool) { v.post(func() { v.agentMedia(offerID, leg, gone) }) })
	v.center.work.Go(func() {
		<-leg.Done()
		v.post(func() { v.agentLegDone(offerID, leg) })
	})
}

// browserLeg takes the leg that an agent's tab opened, while it rings or after
// a reload.
func (v *conversation) browserLeg(agentID string, leg *call.Leg) error {
	s := v.sideOf(agentID)
	if s == nil || s.state == wrapping || v.gone {
		return account.ErrState
	}
	old := s.leg
	if old != nil {
		v.endLegRow(&s.row, old)
	}
	v.putLeg(s, leg)
	switch s.state {
	case accepted:
		v.connect(s)
	case talking, lost:
		v.reattach(s, old, leg)
	default:
		if old != nil {
			old.Hangup(call.AgentLost)
		}
	}
	return nil
}

// reattach puts a reloaded tab's leg into the place of the lost one.
func (v *conversation) reattach(s *side, old, leg *call.Leg) {
	oldID := ""
	if old != nil {
		oldID = old.ID()
	}
	if err := v.call.ReplaceAgent(oldID, leg); err != nil {
		v.log.Error("agent not put back", "err", err)
		return
	}
	s.row.AnsweredAt = v.center.now()
	v.book.leg(s.row)
	if s.state == lost {
		s.state = talking
		s.stopTimer()
		v.book.event(omni.AgentMediaResumed, nil, of(s.offer.AgentID, s.offer.QueueID))
	}
	if v.holding {
		v.must(v.call.Hold(v.center.music(v.musicOf(s.offer.QueueID))...))
	}
	v.rearrange()
}

func (s *side) stopTimer() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

// after runs f in the conversation's goroutine unless the side has moved on.
func (v *conversation) after(s *side, d time.Duration, f func()) {
	s.stopTimer()
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		v.post(func() {
			if s.timer == t {
				f()
			}
		})
	})
	s.timer = t
}

// sideOf finds an agent's side.
func (v *conversation) sideOf(agentID string) *side {
	for _, s := range v.sides {
		if s.offer.AgentID == agentID {
			return s
		}
	}
	return nil
}

// accepted is told once the router has given the conversation to the agent.
func (v *conversation) accepted(o agent.Offer) {
	s := v.sides[o.ID]
	if s == nil || s.state != ringing || v.gone {
		return
	}
	s.offer, s.state = o, accepted
	if s.leg != nil {
		v.connect(s)
		return
	}
	v.after(s, mediaWait, func() { v.loseAgent(s, "no audio from the agent") })
}

// connect lets customer and agent talk.
func (v *conversation) connect(s *side) {
	if s.offer.ConsultBy != "" {
		v.colleagueCame(s)
		return
	}
	s.stopTimer()
	v.sound.hush()
	if err := v.call.Bridge(s.leg); err != nil {
		v.log.Error("agent not bridged", "err", err)
		v.loseAgent(s, "not bridged")
		return
	}
	s.state, s.work, v.talking = talking, agent.Connected, s
	v.inQueue = false
	s.row.AnsweredAt = v.center.now()
	v.agentLegChanged(s, s.leg)
	v.beginTalk(s)
	v.must(v.center.floor.tell(func(at agent.At) agent.Input {
		return agent.Connect{At: at, ConversationID: v.id, AgentID: s.offer.AgentID}
	}))
	v.wait(waitEvent{kind: waitConnected})
	if len(v.supervisors) > 0 {
		v.tellSupervised()
	}
}

// beginTalk writes that the customer is in an agent's hands, and records.
func (v *conversation) beginTalk(s *side) {
	now := v.center.now()
	v.book.end(s.ring, omni.Answered)
	v.book.end(v.stay, omni.Answered)
	v.stay = nil
	v.must(v.book.move(omni.Connected))
	s.stay = v.book.begin(omni.SegmentAgent, func(seg *omni.Segment) {
		seg.AgentID, seg.QueueID, seg.OfferID = s.offer.AgentID, s.offer.QueueID, s.offer.ID
	})
	v.book.update(func(c *omni.Conversation) {
		c.AgentID = s.offer.AgentID
		if s.offer.QueueID != "" {
			c.QueueID = s.offer.QueueID
		}
		if c.AnsweredAt.IsZero() {
			c.AnsweredAt = now
		}
	})
	v.book.event(omni.ConversationConnected, nil, of(s.offer.AgentID, s.offer.QueueID), inSegment(s.stay.ID))
	v.startRecording(s.offer.QueueID)
	v.handsChanged()
}

// agentLegChanged keeps what a restarted process needs to end the dialog.
func (v *conversation) agentLegChanged(s *side, leg *call.Leg) {
	if s.leg != leg || !s.row.EndedAt.IsZero() {
		return
	}
	s.row.Dialog, s.row.Codec = s.leg.Dialog(), s.leg.Info().Codec
	v.book.leg(s.row)
}

// offerOver is told when an offer ended without being accepted.
func (v *conversation) offerOver(o agent.Offer) {
	s := v.sides[o.ID]
	if s == nil || s.state != ringing {
		return
	}
	delete(v.sides, o.ID)
	s.stopTimer()
	why := offerEnd[o.State]
	if o.ConsultBy != "" && o.State == agent.OfferCanceled {
		why = omni.NextStep // who asked asks no longer
	}
	v.book.end(s.ring, why)
	v.center.page(o.AgentID, "offer.ended", map[string]any{"offer_id": o.ID, "conversation_id": v.id, "state": o.State})
	if s.leg != nil {
		s.leg.Hangup(call.Reason(why))
		v.endLegRow(&s.row, s.leg)
	}
	if v.book.conv.State == omni.Offered && !v.anyRinging() {
		v.must(v.book.move(omni.Queued))
	}
	if o.ConsultBy != "" {
		v.rearrange()
	}
}

var offerEnd = map[agent.OfferState]omni.EndReason{
	agent.OfferRejected:  omni.AgentRejected,
	agent.OfferTimedOut:  omni.AgentTimeout,
	agent.OfferCanceled:  omni.CustomerDisconnect,
	agent.OfferRescinded: omni.NextStep,
}

func (v *conversation) anyRinging() bool {
	for _, s := range v.sides {
		if s.state == ringing {
			return true
		}
	}
	return false
}

// agentMedia reacts to a browser that stopped sending, and to its return.
func (v *conversation) agentMedia(offerID string, leg *call.Leg, gone bool) {
	s := v.sides[offerID]
	if s == nil || s.leg != leg || v.gone {
		return
	}
	switch {
	case gone && s.state == talking:
		v.mediaLost(s)
	case !gone && s.state == lost:
		s.state = talking
		s.stopTimer()
		v.book.event(omni.AgentMediaResumed, nil, of(s.offer.AgentID, s.offer.QueueID))
		v.rearrange()
	}
}

// mediaLost comforts the customer and keeps the room for the agent's return.
func (v *conversation) mediaLost(s *side) {
	s.state = lost
	v.book.event(omni.AgentMediaLost, nil, of(s.offer.AgentID, s.offer.QueueID))
	v.settleComfort()
	v.after(s, v.center.cfg.Anchor, func() { v.loseAgent(s, "agent did not return") })
	v.tellParties()
}

// tabsGone is told when the last tab of an agent has gone.
func (v *conversation) tabsGone(agentID string) {
	if s := v.sideOf(agentID); s != nil && s.state == talking && s.leg != nil && s.leg.Info().Kind == call.Browser {
		v.mediaLost(s)
	}
}

// agentLegDone reacts to the end of an agent's leg: a desk phone that hung up
// ends its part of the call, a browser that went away is lost media.
func (v *conversation) agentLegDone(offerID string, leg *call.Leg) {
	s := v.sides[offerID]
	if s == nil || s.leg != leg {
		return
	}
	info, end := leg.Info(), leg.End()
	if !v.gone && s.state == talking {
		if info.Kind == call.SIP && end.Reason == call.AgentDisconnect {
			v.hangsUp(s)
			return
		}
		if info.Kind == call.SIP {
			v.loseAgent(s, string(end.Reason))
			return
		}
		v.mediaLost(s)
	}
}

// loseAgent gives an agent up: the customer goes to the top of the queue.
func (v *conversation) loseAgent(s *side, why string) {
	if v.gone || s.state == ringing || s.state == wrapping {
		return
	}
	v.log.Warn("agent lost", "agent", s.offer.AgentID, "why", why)
	if v.goesOnWithout(s) {
		return
	}
	v.holding = false
	wasTalking := s == v.talking
	v.partAgent(s, omni.AgentLost, false)
	delete(v.sides, s.offer.ID)
	if wasTalking {
		if v.book.conv.State == omni.OnHold {
			v.must(v.book.move(omni.Connected))
		}
		v.release() // neither comfort nor hold outlives the agent
		v.enterQueue(s.offer.QueueID, omni.AgentLost)
	} else if v.book.conv.State == omni.Offered {
		v.must(v.book.move(omni.Queued))
	}
	v.must(v.center.floor.tell(func(at agent.At) agent.Input {
		return agent.LoseAgent{At: at, ConversationID: v.id, AgentID: s.offer.AgentID}
	}))
}

// partAgent ends an agent's talk: segments, leg, and with work the router's
// view, from which the wrap-up follows.
func (v *conversation) partAgent(s *side, why omni.EndReason, work bool) {
	s.stopTimer()
	v.book.end(s.ring, why)
	v.book.end(s.hold, why)
	v.book.end(s.stay, why)
	s.hold = nil
	if s.leg != nil {
		if v.call != nil {
			v.call.Unbridge(s.leg.ID())
		}
		s.leg.Hangup(call.Reason(why))
		v.endLegRow(&s.row, s.leg)
	}
	v.center.page(s.offer.AgentID, "rtc.closed", map[string]any{"conversation_id": v.id, "reason": why})
	if s == v.talking {
		v.must(v.agentPause(false)) // a pause is not left to somebody else
		v.talking = nil
	}
	if !work {
		return
	}
	s.state = wrapping
	v.endWork(s, why)
}

// endWork tells the router that an agent's talk is over.
func (v *conversation) endWork(s *side, why omni.EndReason) {
	agentID := s.offer.AgentID
	v.must(v.center.floor.tell(func(at agent.At) agent.Input {
		return agent.EndWork{At: at, ConversationID: v.id, AgentID: agentID, Reason: string(why)}
	}))
}

// workMoved follows the router's view of an agent's work.
func (v *conversation) workMoved(o agent.WorkStateChanged) {
	s := v.sides[o.Work.ID]
	v.center.page(o.Work.AgentID, "work", o.Work)
	if s == nil {
		return
	}
	switch o.Work.State {
	case agent.WrapUp:
		if s.wrap == nil {
			s.wrap = v.book.begin(omni.SegmentWrapUp, func(seg *omni.Segment) {
				seg.AgentID, seg.QueueID, seg.OfferID = s.offer.AgentID, s.offer.QueueID, s.offer.ID
			})
		}
	case agent.Idle:
		switch {
		case s.state == wrapping:
			v.book.end(s.wrap, wrapUpEnd(o.Work.EndReason))
			delete(v.sides, o.Work.ID)
		case v.gone: // accepted, but the customer was faster
			v.dropSide(s)
		case s.state == ringing: // offerOver follows or went before
		default: // the router gave the agent up (no audio in time)
			v.loseAgent(s, o.Work.EndReason)
		}
	}
}

// dropSide forgets an agent who was never connected.
func (v *conversation) dropSide(s *side) {
	delete(v.sides, s.offer.ID)
	s.stopTimer()
	v.book.end(s.ring, omni.CustomerDisconnect)
	v.center.page(s.offer.AgentID, "offer.ended", map[string]any{"offer_id": s.offer.ID, "conversation_id": v.id, "state": agent.OfferCanceled})
	if s.leg != nil {
		s.leg.Hangup(call.CustomerDisconnect)
		v.endLegRow(&s.row, s.leg)
	}
}

// hangUp ends the call for the customer.
func (v *conversation) hangUp(why omni.EndReason) {
	if v.gone {
		return
	}
	v.closing = why
	v.leg.Hangup(call.Reason(why))
	v.customerGone()
}

// forceClose ends the call for the customer; after it, the wrap-ups that go on.
func (v *conversation) forceClose() error {
	if !v.gone {
		v.hangUp(omni.SupervisorForceClose)
		return nil
	}
	wrapUps := false
	for _, s := range v.sides {
		if s.state != wrapping {
			continue
		}
		wrapUps = true
		v.must(v.finishWrapUp(s))
	}
	if !wrapUps {
		return fmt.Errorf("%w: nothing to close", account.ErrState)
	}
	return nil
}
