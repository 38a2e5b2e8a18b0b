package journey

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/omni"
)

// mailbox bounds what waits for a conversation's goroutine.
const mailbox = 256

// conversation is one call from first ring to wrap-up. Its goroutine (run) owns
// every field below the line; others post functions.
type conversation struct {
	center *Center
	id     string
	log    *slog.Logger
	ops    chan func()
	done   chan struct{}
	sound  sound // what the flow may play; guarded by its own mutex
	typed  <-chan byte
	ears   atomic.Pointer[voice] // whom the customer's keys reach; nil: nobody
	trails atomic.Bool           // something sensitive was typed, and keys may still follow

	// ---- owned by run
	ctx       context.Context
	book      *ledger
	call      *call.Call
	leg       *call.Leg // the customer's
	legRow    omni.Leg
	number    setup.Number
	stay      *omni.Segment // flow or queue
	flow      *flowRun
	next      *flowStart // starts when the present flow has stopped
	errand    *errand    // a flow beside it, for whose end an agent waits or waited
	waits     chan waitEvent
	sides     map[string]*side // by offer
	talking   *side            // the agent who has the customer
	holding   bool             // the customer is on hold, as that agent wished
	comforted bool             // the room was told to comfort the customer
	consult   *consultation    // what that agent asks of somebody else
	seated    string           // how the call was parted last, see seat
	external  *externalLeg
	// outsiders are the outside numbers beside agents, by leg.
	outsiders map[string]*outsider
	// supervisors are those who listen, or are about to, by user.
	supervisors map[string]*supervisor
	// direct is the agent to whom a colleague is handing the customer, past the
	// queue; empty: nobody.
	direct string

	recorded *omni.Recording
	pause    recordingPause
	consent  recordingConsent
	message  *message            // the voicemail that is being recorded
	back     place               // in the queue that an outage took
	again    *agent.Enqueue      // how the next queue is joined, if it is this one
	inQueue  bool                // the router has, or is told, an entry of ours
	asked    input               // the last wish for an agent
	wish     uint64              // its number
	granted  atomic.Uint64       // number of the last wish that the router has applied
	wrapped  time.Time           // when the agent began to talk whose wrap-up the conversation shows
	replies  []func(saved error) // to those who asked, once what they did is saved
	unsaved  error               // of the end
	gone     bool                // the customer has left
	closing  omni.EndReason
}

// post hands f to the conversation's goroutine; false means that it has ended.
func (v *conversation) post(f func()) bool {
	select {
	case <-v.done:
		return false
	default:
	}
	select {
	case v.ops <- f:
		return true
	case <-v.done:
		return false
	case <-time.After(mailboxWait):
		v.log.Error("conversation does not take messages")
		return false
	}
}

// mailboxWait bounds how long a sender waits for room in a mailbox.
const mailboxWait = 2 * time.Second

// later returns a function that posts f without ever blocking its caller.
func (v *conversation) later(f func()) func() {
	return func() { v.center.work.Go(func() { v.post(f) }) }
}

// ask runs f in the conversation's goroutine and returns its error.
func (v *conversation) ask(ctx context.Context, f func() error) error {
	reply := make(chan error, 1)
	if !v.post(func() {
		err := f()
		v.replies = append(v.replies, func(saved error) { reply <- cmp.Or(err, saved) })
	}) {
		return ErrEnded
	}
	select {
	case err := <-reply:
		return err
	case <-v.done:
		select {
		case err := <-reply:
			return err
		default:
			return ErrEnded
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run is the conversation's goroutine.
func (v *conversation) run(ctx context.Context) {
	defer v.center.forget(v)
	defer close(v.done)
	defer func() { v.answerAll(v.unsaved) }()
	v.ctx = ctx
	if v.begin() {
		v.carryOn(ctx)
	}
}

// carryOn does what is posted, writing each step, until nothing is left to do or
// the process stops, and writes the end.
func (v *conversation) carryOn(ctx context.Context) {
	for !v.finished() {
		var left <-chan struct{}
		if !v.gone {
			left = v.leg.Done()
		}
		select {
		case op := <-v.ops:
			op()
		case <-left:
			v.customerGone()
		case <-ctx.Done():
			v.shutDown()
			return
		}
		v.settle()
		if !v.finished() { // the last step is saved with the end
			v.answerAll(v.save())
		}
	}
	v.complete()
}

// settle waits a moment for the flow of a customer who has left, so that the
// end is one write and not two.
func (v *conversation) settle() {
	if !v.gone || v.flow == nil || len(v.replies) > 0 {
		return
	}
	soon := time.NewTimer(flowStops)
	defer soon.Stop()
	select {
	case <-v.flow.done:
		v.flow = nil
	case <-soon.C:
	}
}

// flowStops is how long a cancelled flow usually needs at most.
const flowStops = 50 * time.Millisecond

// answerAll replies to those who asked: what they did is written by now, or
// could be kept nowhere.
func (v *conversation) answerAll(saved error) {
	for _, reply := range v.replies {
		reply(saved)
	}
	v.replies = nil
}

// finished tells whether nothing is left to do: the customer is gone, the flow
// has stopped and nobody wraps up.
func (v *conversation) finished() bool {
	return v.gone && v.flow == nil && len(v.sides) == 0 && v.external == nil && len(v.outsiders) == 0
}

// save commits what has changed. What cannot be committed now is kept on disk
// by the store, so that nothing is lost; where not even that is possible, the
// next save has it too.
func (v *conversation) save() error {
	c := v.book.take()
	if isEmpty(c) && len(v.book.audit) == 0 {
		return nil
	}
	w := Write{Omni: c, Audit: v.book.audit}
	v.book.audit = nil
	if len(v.replies) == 0 {
		w.Patience = patience
	}
	if err := v.center.store.Keep(context.WithoutCancel(v.ctx), w); err != nil {
		v.log.Error("conversation not saved", "err", err)
		if errors.Is(err, account.ErrUnavailable) { // and not refused for good
			v.book.putBack(c)
			v.book.audit = w.Audit
		}
		return err
	}
	return nil
}

// finalSaves is how often the end of a conversation is tried to be kept, a
// second apart.
const finalSaves = 5

// saveEnd is save for a conversation that will not be saved again.
func (v *conversation) saveEnd() {
	for try := 1; ; try++ {
		v.unsaved = v.save()
		if v.unsaved == nil || try == finalSaves || !errors.Is(v.unsaved, account.ErrUnavailable) {
			return
		}
		time.Sleep(time.Second)
	}
}

// How long a write may wait for those of other conversations: one that nobody
// waits for, and the first, for which a caller rings. Both are far below what
// people notice; under load they save most of the flushes.
const (
	patience      = 20 * time.Millisecond
	beginPatience = 20 * time.Millisecond
)

func isEmpty(c omni.Change) bool {
	return len(c.Customers)+len(c.Identities)+len(c.Conversations)+len(c.Segments)+len(c.Legs)+
		len(c.Recordings)+len(c.Messages)+len(c.Consents)+len(c.Events) == 0
}

// begin recognises the customer, writes the conversation and its way into the
// flow, answers, and starts the flow. False means that the call did not come
// about.
func (v *conversation) begin() bool {
	now := v.center.now()
	ctx, cancel := context.WithTimeout(v.ctx, beginWithin)
	defer cancel()
	who, err := v.recognise(ctx, now)
	var first Write
	var run func()
	if err == nil {
		v.open(who, now, v.center.simulated(ctx, v.leg))
		run = v.enter(v.number.FlowID)
		first.Omni, first.Patience = v.book.take(), beginPatience
		err = v.center.store.Commit(ctx, first)
	}
	if err != nil {
		v.log.Error("conversation not begun", "err", err)
		v.turnAway()
		if v.book != nil && (ctx.Err() != nil || errors.Is(err, ErrUncertain)) {
			v.disown(first)
		}
		return false
	}
	v.lookBack(ctx, now)
	if err := v.pickUp(); err != nil {
		v.log.Info("call not answered", "err", err)
		v.customerGone()
		v.complete()
		return false
	}
	run()
	v.center.work.Go(v.listen)
	_ = v.save() // logged; the next save has it
	return true
}

// beginWithin bounds how long a caller rings while the database is slow.
const beginWithin = 3 * time.Second

// disown completes a conversation whose first write timed out or broke off: the
// database may or may not have it, and must not keep it as a live one.
func (v *conversation) disown(first Write) {
	if err := v.center.store.Keep(context.WithoutCancel(v.ctx), first); err != nil {
		v.log.Error("conversation not saved", "err", err)
		return
	}
	v.gone = true
	v.endLegRow(&v.legRow, v.leg)
	v.book.update(func(c *omni.Conversation) { c.EndedAt, c.EndReason = v.center.now(), omni.SystemError })
	v.complete()
}

// turnAway answers a call that cannot be written down: with the emergency
// prompt where one is configured, otherwise with 503.
func (v *conversation) turnAway() {
	path := v.center.cfg.EmergencyPrompt
	if path == "" {
		_ = v.leg.Reject(503, "Service Unavailable")
		v.leg.Hangup(call.SystemError)
		return
	}
	ctx, cancel := context.WithTimeout(v.ctx, time.Minute)
	defer cancel()
	defer v.leg.Hangup(call.SystemError)
	c, err := v.center.calls.NewCall(v.id, v.leg)
	if err != nil {
		return
	}
	defer c.Close()
	if err := v.leg.Answer(ctx); err != nil {
		return
	}
	if err := c.Play(ctx, call.Prompt{Path: path}); err != nil {
		v.log.Warn("emergency prompt not played", "err", err)
	}
}

// open makes the first rows.
func (v *conversation) open(who omni.Recognition, now time.Time, simulated bool) {
	info := v.leg.Info()
	c := omni.Conversation{
		ID: v.id, CustomerID: who.Customer.ID, Channel: omni.Voice, Direction: omni.Inbound, InitiationMethod: omni.ByInbound,
		State: omni.Initiated, Language: v.language(who.Customer), LineID: info.LineID, NumberID: v.number.ID,
		DialledNumber: info.Dialled, CallerNumber: info.Caller, NodeID: v.center.cfg.NodeID, CreatedAt: now, FlowPath: []string{},
		Simulated: simulated,
	}
	if c.Simulated {
		c.InitiationMethod = omni.BySimulated
	}
	v.book = newLedger(c, v.center.now)
	v.book.change = who.Change()
	v.legRow = omni.Leg{
		ID: info.ID, ConversationID: v.id, Party: omni.PartyCustomer, LineID: info.LineID, DeviceID: info.DeviceID,
		Transport: info.Transport, Codec: info.Codec, SIPCallID: info.CallID, Dialog: v.leg.Dialog(), StartedAt: now,
	}
	v.book.leg(v.legRow)
	v.book.event(omni.ConversationInitiated, map[string]any{
		"channel": c.Channel, "direction": c.Direction, "number_id": c.NumberID, "line_id": c.LineID, "customer_match": who.Strength, "simulated": c.Simulated,
	})
}

func (v *conversation) recognise(ctx context.Context, now time.Time) (omni.Recognition, error) {
	info := v.leg.Info()
	return omni.Recognise(ctx, v.center.store, omni.Presented{
		Kind: omni.IdentityPhone, Value: v.center.normalise(info.Caller, info.LineID), VerifiedBy: omni.VerifiedByCallerID, Name: info.CallerName,
	}, now)
}

// language is the number's, the customer's or the installation's, in this order.
func (v *conversation) language(c omni.Customer) string {
	for _, l := range []string{v.number.Language, c.Language} {
		if l != "" {
			return l
		}
	}
	return v.center.cfg.Language
}

// place is where a caller stood in a queue.
type place struct {
	queueID string
	since   time.Time
}

// lookBack finds the place in a queue that the caller lost in an outage. Callers
// without a number share a name, not a place.
func (v *conversation) lookBack(ctx context.Context, now time.Time) {
	caller := v.book.conv.CallerNumber
	if v.center.normalise(caller, v.leg.Info().LineID) == "" {
		return
	}
	old, seg, err := v.center.store.LostInQueue(ctx, caller, v.book.conv.DialledNumber, now.Add(-v.center.cfg.Rejoin))
	if err == nil && old.ID != v.id {
		v.back = place{seg.QueueID, seg.StartedAt}
		v.log.Info("caller returns to the old place", "was", old.ID)
	} else if err != nil && !errors.Is(err, omni.ErrNotFound) {
		v.log.Warn("old places not read", "err", err)
	}
}

// pickUp answers the call and opens its room. A flow answers at once: nothing
// rings before.
func (v *conversation) pickUp() error {
	c, err := v.center.calls.NewCall(v.id, v.leg)
	if err != nil {
		_ = v.leg.Reject(503, "Service Unavailable")
		return err
	}
	v.call = c
	ctx, cancel := context.WithTimeout(v.ctx, 40*time.Second)
	defer cancel()
	if err := v.leg.Answer(ctx); err != nil {
		return err
	}
	v.legRow.AnsweredAt, v.legRow.Dialog, v.legRow.Codec = v.center.now(), v.leg.Dialog(), v.leg.Info().Codec
	v.book.leg(v.legRow)
	v.leg.OnChange(v.later(v.legChanged))
	return nil
}

// legChanged keeps what a restarted process needs to end the dialog.
func (v *conversation) legChanged() {
	if v.gone {
		return
	}
	v.legRow.Dialog, v.legRow.Codec = v.leg.Dialog(), v.leg.Info().Codec
	v.book.leg(v.legRow)
}

// customerGone closes everything that needs the customer.
func (v *conversation) customerGone() {
	if v.gone {
		return
	}
	v.gone = true
	now := v.center.now()
	why := v.closing
	if why == "" {
		why = omni.CustomerDisconnect
		select {
		case <-v.leg.Done():
			why = omni.EndReason(v.leg.End().Reason)
		default:
			v.leg.Hangup(call.SystemError)
		}
	}
	if e := v.errand; e != nil {
		if e.by != nil {
			v.leftFlow(e, errandOver)
		}
		v.dismiss(e)
	}
	v.stopFlow()
	v.stopExternal(why)
	v.dropSupervisors(why)
	v.dropParties(why)
	if v.inQueue {
		v.leaveQueue(string(why))
	}
	v.book.end(v.stay, why)
	v.stay = nil
	v.finishRecording()
	v.endLegRow(&v.legRow, v.leg)
	v.book.update(func(c *omni.Conversation) { c.EndedAt, c.EndReason = now, why })
	if v.call != nil {
		v.call.Close()
	}
	v.toWrapUp()
}

// toWrapUp moves a conversation whose agent works on after it.
func (v *conversation) toWrapUp() {
	if s := v.book.conv.State; s != omni.Connected && s != omni.OnHold {
		return
	}
	v.must(v.book.move(omni.WrapUp))
	v.book.event(omni.ConversationWrapUpStarted, map[string]any{"end_reason": v.book.conv.EndReason}, of(v.book.conv.AgentID, v.book.conv.QueueID))
}

// leaveQueue takes the conversation out of its queue.
func (v *conversation) leaveQueue(why string) {
	v.inQueue = false
	if v.book.conv.State == omni.Offered {
		v.must(v.book.move(omni.Queued))
	}
	v.must(v.center.floor.tell(func(at agent.At) agent.Input {
		return agent.Leave{At: at, ConversationID: v.id, Reason: why}
	}))
}

// complete writes the end.
func (v *conversation) complete() {
	from := v.book.conv.State
	switch from {
	case omni.Connected, omni.OnHold:
		v.must(v.book.move(omni.WrapUp))
	}
	v.must(v.book.move(omni.Completed))
	v.book.update(func(c *omni.Conversation) { c.CompletedAt = v.center.now() })
	c := v.book.conv
	v.book.event(omni.ConversationCompleted, map[string]any{
		"end_reason": c.EndReason, "answered": !c.AnsweredAt.IsZero(), "wrap_up_code": c.WrapUpCode, "from": from,
		"duration_ms": c.EndedAt.Sub(c.CreatedAt).Milliseconds(),
	}, of(c.AgentID, c.QueueID))
	v.saveEnd()
}

// shutDown ends a conversation because the process stops.
func (v *conversation) shutDown() {
	v.closing = omni.SystemError
	v.leg.Hangup(call.SystemError)
	v.customerGone()
	if v.flow != nil {
		<-v.flow.done
		v.flow = nil
	}
	for _, s := range v.sides {
		v.book.end(s.ring, omni.SystemError)
		v.book.end(s.wrap, omni.SystemError)
		s.stopTimer()
		if s.leg != nil {
			s.leg.Hangup(call.SystemError)
			v.endLegRow(&s.row, s.leg)
		}
	}
	v.endExternal()
	v.complete()
}

// endLegRow writes what became of a leg.
func (v *conversation) endLegRow(row *omni.Leg, leg *call.Leg) {
	if leg == nil || !row.EndedAt.IsZero() {
		return
	}
	row.EndedAt, row.Stats = v.center.now(), legStats(leg.Stats())
	row.EndReason, row.Dialog = v.closing, nil
	select {
	case <-leg.Done():
		end := leg.End()
		row.EndReason, row.SIPStatus = omni.EndReason(end.Reason), end.Status
	default:
	}
	v.book.leg(*row)
}

func legStats(s call.Stats) omni.LegStats {
	return omni.LegStats{
		PacketsReceived: s.PacketsReceived, PacketsSent: s.PacketsSent, PacketsLost: s.PacketsLost, PacketsLate: s.PacketsLate,
		JitterMS: s.JitterMS, RoundTripMS: s.RoundTripMS, MOS: s.MOS,
	}
}

// must logs what the tables say cannot happen.
func (v *conversation) must(err error) {
	if err != nil {
		v.log.Error("conversation out of step", "state", v.book.conv.State, "err", err)
	}
}
