package journey

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/omni"
)

// How long a supervisor's audio may take to come, and how long it may be lost
// before the supervisor counts as gone. A page without a microphone sends RTCP
// alone, every five seconds (RFC 3550 §6.2).
const (
	supervisorWait  = 20 * time.Second
	supervisorGrace = 8 * time.Second
)

// supervisor is a supervisor in a conversation, from the wish to listen to the end
// of it.
type supervisor struct {
	by              account.Actor // as whom they were allowed to
	userID, agentID string        // agentID is empty for those who do not work as agents
	name            string
	mode            call.Supervision
	socket          string // of the page that has the audio
	send            func(kind string, data any) bool
	leg             *call.Leg
	row             omni.Leg
	stay            *omni.Segment // since audio flows
	timer           *time.Timer   // bounds the wait for audio, first or lost
}

// heard tells whether the supervisor's leg is in the room.
func (o *supervisor) heard() bool { return o.stay != nil && o.leg != nil && !o.row.AnsweredAt.IsZero() }

// Why a supervisor's part is over.
const (
	monitorLeft      = "left"       // as the supervisor wished
	monitorLost      = "lost"       // the page or its audio is gone
	monitorTaken     = "taken_over" // the supervisor has the call now
	monitorElsewhere = "elsewhere"  // the supervisor listens to another call, or in another tab
	monitorOver      = "over"       // the call is over
	monitorRights    = "rights"     // the supervisor may not listen to it any more
)

// supervise lets a supervisor take part, or changes the way. Audio comes by
// superviseAudio.
func (v *conversation) supervise(by account.Actor, mode call.Supervision) error {
	if !slices.Contains(call.Supervisions, mode) {
		return &account.FieldError{Field: "mode", Code: "one_of", Message: "mode must be monitor, whisper or barge"}
	}
	if v.gone || v.call == nil {
		return ErrEnded
	}
	if v.member(by.User.AgentID) != nil {
		return fmt.Errorf("%w: nobody supervises their own call", account.ErrState)
	}
	if o := v.supervisors[by.User.ID]; o != nil {
		o.by = by
		return v.changeMode(o, mode)
	}
	if v.talking == nil {
		return fmt.Errorf("%w: no agent talks in this call", account.ErrState)
	}
	if len(v.supervisors) >= call.MaxSupervisors {
		return fmt.Errorf("%w: %w", account.ErrState, call.ErrFull)
	}
	o := &supervisor{by: by, userID: by.User.ID, agentID: by.User.AgentID, name: by.User.Name, mode: mode}
	v.supervisors[o.userID] = o
	v.supervisorAfter(o, supervisorWait)
	return nil
}

// changeMode switches how a supervisor takes part.
func (v *conversation) changeMode(o *supervisor, mode call.Supervision) error {
	from := o.mode
	if from == mode {
		return nil
	}
	if o.heard() {
		if err := v.call.Supervise(o.leg, mode); err != nil {
			return err
		}
	}
	o.mode = mode
	v.settleComfort()
	if o.stay == nil {
		return nil // nobody heard anything yet
	}
	v.book.event(omni.MonitorModeChanged, v.monitorData(o, map[string]any{"from": from}), v.ofMonitor(o))
	v.tellSupervisor(o)
	v.tellSupervised()
	return nil
}

// monitorData is what events tell of a supervisor: ids, no names.
func (v *conversation) monitorData(o *supervisor, more map[string]any) map[string]any {
	d := map[string]any{"user_id": o.userID, "mode": o.mode}
	if o.leg != nil {
		d["leg_id"] = o.leg.ID()
	}
	for k, x := range more {
		d[k] = x
	}
	return d
}

func (v *conversation) ofMonitor(o *supervisor) func(*omni.Event) {
	return func(e *omni.Event) {
		e.AgentID, e.QueueID = o.agentID, v.book.conv.QueueID
		if o.stay != nil {
			e.SegmentID = o.stay.ID
		}
	}
}

// superviseAudio takes the leg that a supervisor's page opened. What they hear
// begins once its audio is connected.
func (v *conversation) superviseAudio(userID, socket string, leg *call.Leg, send func(string, any) bool) error {
	o := v.supervisors[userID]
	if o == nil || v.gone {
		return fmt.Errorf("%w: not supervised by this user", account.ErrState)
	}
	old, oldSend, oldSocket := o.leg, o.send, o.socket
	if old != nil { // a reload, or another tab: the new page has it
		v.endLegRow(&o.row, old)
		old.Hangup(call.AgentLost)
		if oldSocket != socket {
			oldSend("monitor.closed", v.closedMonitor(monitorElsewhere))
		}
	}
	info := leg.Info()
	o.leg, o.socket, o.send = leg, socket, send
	o.row = omni.Leg{
		ID: info.ID, ConversationID: v.id, Party: omni.PartySupervisor, AgentID: o.agentID, Transport: info.Transport,
		Codec: info.Codec, StartedAt: v.center.now(),
	}
	v.book.leg(o.row)
	v.supervisorAfter(o, supervisorWait)
	leg.OnMedia(func(lost bool) { v.later(func() { v.supervisorMedia(o, leg, lost) })() })
	v.center.work.Go(func() {
		select {
		case <-leg.Answered():
			v.post(func() { v.joinSupervisor(o, leg) })
			<-leg.Done()
		case <-leg.Done():
		}
		v.post(func() { v.supervisorLegDone(o, leg) })
	})
	return nil
}

// joinSupervisor lets the supervisor hear: the relayed call becomes a room.
func (v *conversation) joinSupervisor(o *supervisor, leg *call.Leg) {
	if v.supervisors[o.userID] != o || o.leg != leg || v.gone {
		return
	}
	v.stopSupervisorTimer(o)
	if err := v.call.Supervise(leg, o.mode); err != nil {
		v.log.Warn("supervisor not in the call", "user", o.userID, "err", err)
		v.dropSupervisor(o, omni.SystemError, monitorLost)
		return
	}
	o.row.AnsweredAt = v.center.now()
	v.book.leg(o.row)
	if o.stay == nil {
		o.stay = v.book.begin(omni.SegmentMonitor, func(s *omni.Segment) {
			s.AgentID, s.QueueID = o.agentID, v.book.conv.QueueID
			if v.talking != nil && v.talking.stay != nil {
				s.ParentID = v.talking.stay.ID
			}
		})
		v.book.event(omni.MonitorStarted, v.monitorData(o, nil), v.ofMonitor(o))
	}
	v.settleComfort()
	v.tellSupervisor(o)
	v.tellSupervised()
}

// supervisorMedia reacts to audio that stopped, and to its return.
func (v *conversation) supervisorMedia(o *supervisor, leg *call.Leg, lost bool) {
	if v.supervisors[o.userID] != o || o.leg != leg || o.stay == nil {
		return
	}
	if lost {
		v.supervisorAfter(o, supervisorGrace)
		return
	}
	v.stopSupervisorTimer(o)
}

// supervisorLegDone follows the end of a supervisor's leg, which never ends the
// call. Of a page that is loaded again it ends before the page's socket does.
func (v *conversation) supervisorLegDone(o *supervisor, leg *call.Leg) {
	if v.supervisors[o.userID] == o && o.leg == leg {
		v.silenceSupervisor(o)
	}
}

// supervisorsPageGone follows that the page with a supervisor's sound has closed.
func (v *conversation) supervisorsPageGone(userID, socket string) {
	o := v.supervisors[userID]
	if o == nil || o.socket != socket {
		return
	}
	o.socket, o.send = "", nil
	v.center.watchers.heard(o.userID, v.id, "", nil)
	v.silenceSupervisor(o)
}

// silenceSupervisor takes a supervisor's sound out of the call at once, and keeps
// their part for a moment: a page that is loaded again, or whose socket fell, comes
// back to it.
func (v *conversation) silenceSupervisor(o *supervisor) {
	if o.leg != nil {
		if v.call != nil {
			v.call.Unbridge(o.leg.ID())
		}
		o.leg.Hangup(call.AgentLost)
		v.endLegRow(&o.row, o.leg)
		o.leg = nil
	}
	v.supervisorAfter(o, supervisorGrace)
	v.settleComfort()
}

// resumeSupervisor tells a new page of a supervisor whose sound is gone that it may
// open it again; nobody asks for the right to listen twice (monitor.offer does not).
func (v *conversation) resumeSupervisor(userID string, send func(string, any) bool) {
	if o := v.supervisors[userID]; o != nil && o.leg == nil && o.socket == "" && !v.gone {
		send("monitor.resume", v.monitoring(o))
	}
}

// supervisorAfter drops a supervisor unless audio comes in time.
func (v *conversation) supervisorAfter(o *supervisor, d time.Duration) {
	v.stopSupervisorTimer(o)
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		v.post(func() {
			if o.timer == t && v.supervisors[o.userID] == o {
				v.dropSupervisor(o, omni.AgentLost, monitorLost)
			}
		})
	})
	o.timer = t
}

func (v *conversation) stopSupervisorTimer(o *supervisor) {
	if o.timer != nil {
		o.timer.Stop()
		o.timer = nil
	}
}

// unsupervise ends a supervisor's part.
func (v *conversation) unsupervise(userID string, why omni.EndReason, closed string) error {
	o := v.supervisors[userID]
	if o == nil {
		return fmt.Errorf("%w: not supervised by this user", account.ErrNotFound)
	}
	v.dropSupervisor(o, why, closed)
	return nil
}

// dropSupervisor takes a supervisor out: the call goes back to what it was.
func (v *conversation) dropSupervisor(o *supervisor, why omni.EndReason, closed string) {
	v.forgetSupervisor(o, why, closed)
	if o.leg != nil {
		if v.call != nil {
			v.call.Unbridge(o.leg.ID())
		}
		o.leg.Hangup(call.Reason(why))
		v.endLegRow(&o.row, o.leg)
	}
	v.settleComfort()
	v.tellSupervised()
}

// forgetSupervisor ends a supervisor's stay; their leg is left alone.
func (v *conversation) forgetSupervisor(o *supervisor, why omni.EndReason, closed string) {
	delete(v.supervisors, o.userID)
	v.stopSupervisorTimer(o)
	v.center.watchers.drop(o.userID, v.id)
	if o.stay != nil {
		v.book.event(omni.MonitorEnded, v.monitorData(o, map[string]any{
			"reason": closed, "duration_ms": v.center.now().Sub(o.stay.StartedAt).Milliseconds(),
		}), v.ofMonitor(o))
		v.book.end(o.stay, why)
	}
	if o.send != nil {
		o.send("monitor.closed", v.closedMonitor(closed))
	}
}

// dropSupervisors ends everybody's supervision, with the call.
func (v *conversation) dropSupervisors(why omni.EndReason) {
	for _, o := range v.supervisorsByName() {
		v.dropSupervisor(o, why, monitorOver)
	}
}

// ---- what pages are told

// Monitoring is how somebody supervises a conversation.
type Monitoring struct {
	ConversationID string    `json:"conversation_id"`
	UserID         string    `json:"user_id"`
	Name           string    `json:"name"`
	Mode           string    `json:"mode" enum:"monitor,whisper,barge"`
	Since          time.Time `json:"since,omitzero" doc:"When the sound began; absent before"`
}

func (v *conversation) closedMonitor(reason string) map[string]any {
	return map[string]any{"conversation_id": v.id, "reason": reason}
}

func (v *conversation) monitoring(o *supervisor) Monitoring {
	m := Monitoring{ConversationID: v.id, UserID: o.userID, Name: o.name, Mode: string(o.mode)}
	if o.stay != nil {
		m.Since = o.stay.StartedAt
	}
	return m
}

func (v *conversation) supervisorsByName() []*supervisor {
	list := make([]*supervisor, 0, len(v.supervisors))
	for _, o := range v.supervisors {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b *supervisor) int { return strings.Compare(a.name+a.userID, b.name+b.userID) })
	return list
}

// tellSupervisor tells a supervisor's page how it takes part now.
func (v *conversation) tellSupervisor(o *supervisor) {
	if o.send != nil {
		o.send("monitor", v.monitoring(o))
	}
}

// supervised is who listens, for the agent's page.
type supervised struct {
	ConversationID string         `json:"conversation_id"`
	By             []supervisedBy `json:"by"`
}

type supervisedBy struct {
	Name string `json:"name"`
	Mode string `json:"mode"`
}

// tellSupervised tells the agent who listens, where the installation shows it.
func (v *conversation) tellSupervised() {
	if v.talking != nil && !v.gone && !v.center.cfg.HideSupervision {
		v.center.page(v.talking.offer.AgentID, "supervised", v.supervisedBy())
	}
}

// greetSupervised tells a new page of the agent who listens.
func (v *conversation) greetSupervised(agentID string, send func(string, any) bool) {
	if len(v.supervisors) > 0 && v.talking != nil && v.talking.offer.AgentID == agentID && !v.center.cfg.HideSupervision {
		send("supervised", v.supervisedBy())
	}
}

func (v *conversation) supervisedBy() supervised {
	s := supervised{ConversationID: v.id, By: []supervisedBy{}}
	for _, o := range v.supervisorsByName() {
		if o.stay != nil {
			s.By = append(s.By, supervisedBy{o.name, string(o.mode)})
		}
	}
	return s
}

// ---- taking over

// mayTakeOver checks that a supervisor who listens can have the call, and tells
// who has it now.
func (v *conversation) mayTakeOver(by account.Actor) (from string, err error) {
	o := v.supervisors[by.User.ID]
	switch {
	case by.User.AgentID == "":
		return "", fmt.Errorf("%w: only who works as an agent takes a call over", account.ErrState)
	case v.gone:
		return "", ErrEnded
	case o == nil || !o.heard():
		return "", fmt.Errorf("%w: only who listens takes a call over", account.ErrState)
	case v.talking == nil:
		return "", fmt.Errorf("%w: no agent talks in this call", account.ErrState)
	}
	return v.talking.offer.AgentID, nil
}

// takenOver follows the router: the supervisor is the agent from here on, and
// the agent wraps up.
func (v *conversation) takenOver(t agent.TakenOver) {
	if v.sides[t.Offer.ID] != nil {
		return // told twice
	}
	if v.gone || v.talking == nil || v.talking.offer.AgentID != t.From {
		v.must(v.center.floor.tell(giveBack(t.Offer)))
		return
	}
	if v.consult != nil {
		v.endConsult(consultOver, omni.NextStep)
	}
	if v.errand != nil {
		v.endErrand(errandOver)
	}
	v.holding = false
	old, s := v.talking, &side{offer: t.Offer, state: talking, work: agent.Connected}
	var o *supervisor
	for _, x := range v.supervisors {
		if x.agentID == t.Offer.AgentID && x.heard() {
			o = x
		}
	}
	oldLeg := ""
	if old.leg != nil {
		oldLeg = old.leg.ID()
	}
	var err error
	if o != nil {
		err = v.call.TakeOver(o.leg.ID(), oldLeg)
	}
	if old.hold != nil {
		v.must(v.book.move(omni.Connected))
	}
	v.partAgent(old, omni.Barged, false)
	old.state = wrapping
	v.sides[t.Offer.ID], v.talking = s, s
	v.beginTalk(s)
	if o == nil || err != nil { // left in this very moment
		v.log.Warn("supervisor who takes over is gone", "agent", t.Offer.AgentID, "err", err)
		v.loseAgent(s, "supervisor gone")
		return
	}
	v.forgetSupervisor(o, omni.NextStep, monitorTaken)
	d := v.center.desk(o.agentID)
	d.take(o.socket) // the page that listened is the softphone now
	v.center.keepAudio(d, v.id, o.leg, o.socket)
	o.row.AgentID = o.agentID
	s.row = o.row
	v.watchLeg(s, o.leg)
	v.rearrange()
	v.tellSupervised()
}

// giveBack ends the work of somebody who took over what was over already.
func giveBack(o agent.Offer) input {
	return func(at agent.At) agent.Input {
		return agent.EndWork{At: at, ConversationID: o.ConversationID, AgentID: o.AgentID, Reason: string(omni.CustomerDisconnect)}
	}
}
