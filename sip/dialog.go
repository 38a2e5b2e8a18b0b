package sip

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// phase is where a dialog is in its life.
type phase uint8

const (
	phaseEarly    phase = iota // INVITE not answered
	phaseAnswered              // incoming: 2xx sent, ACK awaited
	phaseTalking               // confirmed
	phaseLeaving               // over for the application; BYE or CANCEL unanswered
	phaseOver
)

// Dialog is one call leg.
type Dialog struct {
	e   *Endpoint
	log *slog.Logger

	// Fixed when the dialog is made.
	id, callID, localTag   string
	remoteTag              string // of incoming calls
	outbound               bool
	lineID, deviceID       string
	dialled                string
	callerUser, callerName string
	source                 netip.AddrPort
	transport              string
	offer                  []byte
	invite                 *sipgo.Request // received
	inviteSeq              uint32

	box        mailbox
	progressed chan Progress
	answered   chan struct{}
	done       chan struct{} // over for the application
	gone       chan struct{} // the goroutine has ended

	mu           sync.Mutex
	onReoffer    func([]byte) ([]byte, int, func(bool))
	onAnswer     func([]byte)
	onRefresh    func() []byte
	onDigit      func(byte, time.Duration)
	end          End
	remoteAnswer []byte
	persisted    []byte

	// Everything below belongs to run.
	alarms   alarms
	phase    phase
	finished bool
	leg      *leg
	localSDP []byte // what we said last, for session refreshes
	timer    sessionTimer
	in       uasCall  // server side of the initial INVITE
	out      uacCall  // client side of it
	unacked  *unacked // 2xx sent, ACK awaited
	ours     *ourOffer
	theirs   *theirOffer
	waiting  []func() // our offers waiting for their turn
	leaving  []chan<- error
	auth     *digestState
	acks     map[uint32]sent // ACK by INVITE number, to repeat
}

func newDialog(e *Endpoint) *Dialog {
	return &Dialog{
		e: e, log: e.log, box: newMailbox(),
		progressed: make(chan Progress, 16),
		answered:   make(chan struct{}), done: make(chan struct{}), gone: make(chan struct{}),
	}
}

// ID is DialRequest.ID, or the Call-ID for incoming calls.
func (d *Dialog) ID() string { return d.id }

// CallID is the SIP Call-ID.
func (d *Dialog) CallID() string { return d.callID }

// Outbound tells whether we called.
func (d *Dialog) Outbound() bool { return d.outbound }

// LineID is the line the call is on, empty for devices and plain URIs.
func (d *Dialog) LineID() string { return d.lineID }

// DeviceID is the desk phone at the other end, empty otherwise.
func (d *Dialog) DeviceID() string { return d.deviceID }

// Dialled is the number called.
func (d *Dialog) Dialled() string { return d.dialled }

// Caller is the user part of the caller's From, or of a line's P-Asserted-Identity.
func (d *Dialog) Caller() string { return d.callerUser }

// CallerName is the caller's display name.
func (d *Dialog) CallerName() string { return d.callerName }

// Source is where the INVITE came from or was sent to first.
func (d *Dialog) Source() netip.AddrPort {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.source
}

// Transport is "udp", "tcp" or "tls".
func (d *Dialog) Transport() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.ToLower(d.transport)
}

// Header is the first value of a header of the INVITE received, or empty.
func (d *Dialog) Header(name string) string {
	if d.invite == nil {
		return ""
	}
	return headerValue(d.invite, name)
}

// Offer is the offer of an incoming INVITE, nil when it had none (late offer).
func (d *Dialog) Offer() []byte { return d.offer }

// RemoteAnswer is the other side's latest answer to an offer of ours in the
// initial exchange, nil when there is none yet.
func (d *Dialog) RemoteAnswer() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.remoteAnswer
}

func (d *Dialog) setRemoteAnswer(sdp []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remoteAnswer = sdp
}

// OnReoffer sets who answers the other side's re-INVITE and UPDATE. A nil offer
// asks for ours. A code of 0 or 200 accepts; others refuse (488). Without a
// handler every offer is refused with 488. It runs in a goroutine of its own.
func (d *Dialog) OnReoffer(f func(offer []byte) (answer []byte, code int)) {
	d.OnReofferSettled(func(offer []byte) ([]byte, int, func(bool)) {
		answer, code := f(offer)
		return answer, code, nil
	})
}

// OnReofferSettled is OnReoffer for who must know what becomes of the answer.
// settled, unless nil, is called once: with true right before the answer goes
// out, with false when the request was cancelled or the call has ended meanwhile
// and the session stays as it was (RFC 3261 §14.1). It must not block.
func (d *Dialog) OnReofferSettled(f func(offer []byte) (answer []byte, code int, settled func(sent bool))) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onReoffer = f
}

// OnRemoteAnswer sets who is told the answer to an offer that OnReoffer gave
// for a re-INVITE without one (it comes in the ACK), and to the description that
// a session refresh has repeated (RFC 4028 §7.4). It must not block.
func (d *Dialog) OnRemoteAnswer(f func(answer []byte)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onAnswer = f
}

// OnRefresh sets who describes our side for a session refresh by re-INVITE. It
// must not block. Without it the description that went out last is repeated:
// where that was the answer to a hold, the refresh would not offer what we want
// (RFC 6337 §5.3).
func (d *Dialog) OnRefresh(f func() []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onRefresh = f
}

// OnInfoDigit sets who is told digits sent by INFO. It must not block.
func (d *Dialog) OnInfoDigit(f func(digit byte, duration time.Duration)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onDigit = f
}

// Progressed gives the provisional responses to our INVITE, and tells when it was
// sent anew. The channel is bounded: the oldest is dropped when nobody reads.
func (d *Dialog) Progressed() <-chan Progress { return d.progressed }

// Answered is closed when the call is answered (for incoming calls: ACKed).
func (d *Dialog) Answered() <-chan struct{} { return d.answered }

// Done is closed when the dialog is over.
func (d *Dialog) Done() <-chan struct{} { return d.done }

// End is how it ended, once Done is closed.
func (d *Dialog) End() End {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.end
}

// post hands an event to the dialog's goroutine; false when the dialog is gone.
func (d *Dialog) post(f func()) bool { return d.box.put(0, f) }

// postResponse has a response, or the failure to get one, taken in the dialog's
// goroutine.
func (d *Dialog) postResponse(res *sipgo.Response, f func()) {
	switch {
	case res != nil && res.StatusCode < 200:
		d.box.putResponse(maxProvisional, f)
	case res != nil && res.StatusCode < 300 && res.CSeq().MethodName == sipgo.INVITE:
		d.box.putResponse(maxResponses, f)
	default:
		d.post(f) // one for each request of ours
	}
}

// postRequest hands over a request within the dialog. tx is nil for ACK.
func (d *Dialog) postRequest(req *sipgo.Request, tx *serverTx, from hop) bool {
	return d.box.put(req.CSeq().SeqNo, func() { d.request(req, tx, from) })
}

// await runs f in the dialog's goroutine and waits until it, or something it
// starts, replies.
func (d *Dialog) await(ctx context.Context, f func(reply chan<- error)) error {
	reply := make(chan error, 1)
	if !d.post(func() { f(reply) }) {
		return ErrEnded
	}
	select {
	case err := <-reply:
		return err
	case <-d.gone:
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

// run is the dialog's goroutine.
func (d *Dialog) run() {
	defer d.finish()
	if !d.outbound {
		d.e.handler.Invite(d)
	}
	clock := time.NewTimer(time.Hour)
	defer clock.Stop()
	for !d.finished {
		if f, ok := d.box.take(); ok {
			f()
			continue
		}
		wait := time.Hour
		next := d.alarms.next()
		if next != nil {
			wait = time.Until(next.at)
		}
		if wait <= 0 {
			d.alarms.cancel(next)
			next.ring()
			continue
		}
		clock.Reset(wait)
		select {
		case <-d.box.wake:
		case <-clock.C:
		}
	}
}

// finish removes the dialog and answers requests that nobody took.
func (d *Dialog) finish() {
	d.over(End{Cause: CauseShutdown})
	d.e.remove(d)
	left := d.box.close()
	d.phase = phaseOver
	for _, l := range left {
		l.do() // requests get their 481; the rest finds the phase over
	}
	d.replyLeaving(nil)
	close(d.gone)
}

// over ends the dialog for the application. Only the first call counts.
func (d *Dialog) over(end End) {
	select {
	case <-d.done:
		return
	default:
	}
	d.persist()
	d.mu.Lock()
	d.end = end
	d.mu.Unlock()
	d.phase = phaseLeaving
	if d.ours != nil {
		d.ours.reply(nil, ErrEnded)
		d.ours = nil
	}
	waiting := d.waiting
	d.waiting = nil
	for _, f := range waiting {
		f() // they see that it is over
	}
	d.timer.stop(&d.alarms)
	if d.out.stopWatch != nil {
		d.out.stopWatch()
	}
	d.heard()
	d.e.admission.release(d.lineID)
	close(d.done)
	d.log.Debug("dialog over", "call", d.callID, "cause", string(end.Cause), "status", end.Status, "by_remote", end.ByRemote)
}

// leave ends the dialog altogether.
func (d *Dialog) leave(end End) {
	d.over(end)
	d.finished = true
}

// kill stops the goroutine without a message.
func (d *Dialog) kill() {
	d.post(func() { d.leave(End{Cause: CauseShutdown}) })
}

func (d *Dialog) isOver() bool { return d.phase >= phaseLeaving }

func (d *Dialog) replyLeaving(err error) {
	for _, c := range d.leaving {
		c <- err
	}
	d.leaving = nil
}

// Hangup ends the call as its state wants: BYE, CANCEL, or a refusal. Done is
// closed at once; Hangup itself returns when the other side has confirmed or
// ctx ends. An incoming call whose ACK is still awaited gets its BYE after it.
func (d *Dialog) Hangup(ctx context.Context, cause Cause) error {
	return d.await(ctx, func(reply chan<- error) { d.hangup(cause, reply) })
}

func (d *Dialog) hangup(cause Cause, reply chan<- error) {
	switch {
	case d.finished || d.phase == phaseOver:
		reply <- nil
		return
	case d.phase == phaseLeaving:
		d.leaving = append(d.leaving, reply)
		return
	case d.phase == phaseEarly && !d.outbound:
		code := 603
		switch cause {
		case CauseShutdown:
			code = 503
		case CauseNoAnswer, CauseTimeout:
			code = 480
		case CauseFailed:
			code = 500
		}
		d.refuse(code, "", reasonHeader(cause))
		reply <- nil
		return
	}
	d.leaving = append(d.leaving, reply)
	switch d.phase {
	case phaseEarly:
		d.cancelOut(cause)
	case phaseAnswered:
		d.unacked.bye = cause // RFC 3261 §15: not before the ACK
		d.over(End{Cause: cause, Status: 200})
	default:
		d.bye(End{Cause: cause, Status: 200})
	}
}

// bye ends an answered call from our side.
func (d *Dialog) bye(end End) {
	d.over(end)
	d.sendBye(d.leg, end.Cause, func(error) { d.left() })
}

// left is called when nothing more is expected from the other side.
func (d *Dialog) left() {
	d.replyLeaving(nil)
	d.finished = true
}

// sendBye sends BYE on a leg; done runs in the dialog's goroutine.
func (d *Dialog) sendBye(l *leg, cause Cause, done func(error)) {
	d.send(l, sipgo.BYE, func(req *sipgo.Request) {
		if h := reasonHeader(cause); h.Value != "" {
			req.AppendHeader(sipgo.NewHeader(h.Name, h.Value))
		}
	}, func(res *sipgo.Response, err error) {
		if res == nil || res.StatusCode >= 200 {
			done(err)
		}
	})
}

// reasonHeader is the Reason header (RFC 3326) of a cause.
func reasonHeader(c Cause) Header {
	switch c {
	case CauseNormal, "":
		return Header{"Reason", `Q.850;cause=16;text="Normal call clearing"`}
	case CauseNoAnswer:
		return Header{"Reason", `Q.850;cause=19;text="No answer"`}
	case CauseTimeout, CauseExpired:
		return Header{"Reason", `Q.850;cause=102;text="Timer expired"`}
	case CauseShutdown:
		return Header{"Reason", `Q.850;cause=41;text="Temporary failure"`}
	case CauseCancelled:
		return Header{"Reason", `SIP;cause=487;text="Request Terminated"`}
	}
	return Header{"Reason", `Q.850;cause=31;text="Normal, unspecified"`}
}
