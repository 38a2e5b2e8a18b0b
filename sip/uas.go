package sip

import (
	"container/list"
	"context"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// uasCall is the server side of an initial INVITE. It belongs to Dialog.run.
type uasCall struct {
	tx       *serverTx
	trying   *alarm // 100 is due, if nothing else was sent
	setup    *list.Element
	peer100  bool // the caller supports reliable provisional responses
	must100  bool // … and requires them
	rseq     uint32
	reliable *reliable // provisional response without PRACK yet
	queued   []func()  // responses waiting for that PRACK
	sdpSent  bool      // our session description went out reliably
}

// reliable is a provisional response that awaits its PRACK (RFC 3262 §3).
type reliable struct {
	rseq     uint32
	data     []byte
	interval time.Duration
	since    time.Time
	repeat   *alarm
	reply    chan<- error
	isOffer  bool // it carried our offer of a late-offer call
}

// unacked is a 2xx that awaits its ACK (RFC 3261 §13.3.1.4).
type unacked struct {
	seq      uint32
	tx       *serverTx
	data     []byte
	interval time.Duration
	since    time.Time
	repeat   *alarm
	reply    chan<- error
	isOffer  bool  // it carried our offer: the ACK answers it
	bye      Cause // hang up once the ACK is here
	initial  bool
}

// newIncoming makes the dialog of an admitted INVITE.
func newIncoming(e *Endpoint, req *sipgo.Request, tx *serverTx, from hop, line *Line, device *Device) *Dialog {
	d := newDialog(e)
	d.callID = req.CallID().Value()
	d.id = d.callID
	d.localTag = e.token + randomText(10)
	d.remoteTag = tagOf(req.From())
	d.invite, d.inviteSeq = req, req.CSeq().SeqNo
	d.source, d.transport = from.addr, from.network
	d.offer = bodySDP(req)
	d.dialled = userOf(&req.Recipient)
	d.callerUser = userOf(&req.From().Address)
	d.callerName = unquoted(req.From().DisplayName)
	if line != nil {
		d.lineID = line.ID
		if line.Mode == ModeRegister && d.dialled == line.Username {
			if u := userOf(&req.To().Address); u != "" {
				d.dialled = u
			}
		}
		d.asserted(req)
	}
	if device != nil {
		d.deviceID = device.ID
		if d.callerName == "" {
			d.callerName = device.DisplayName
		}
	}
	d.log = e.log.With("call", d.callID)
	d.leg = &leg{
		callID: d.callID, localTag: d.localTag, remoteTag: d.remoteTag,
		localURI: *req.To().Address.Clone(), remoteURI: *req.From().Address.Clone(),
		localName: unquoted(req.To().DisplayName), remoteName: unquoted(req.From().DisplayName),
		localSeq: uint32(1 + randomBelow(1<<20)), remoteSeq: d.inviteSeq,
		target: *req.From().Address.Clone(), routes: recordRoutes(req),
		secure: req.Recipient.Scheme == "sips",
		flow:   from, keepFlow: device != nil,
	}
	d.leg.learnTarget(req)
	d.in = uasCall{
		tx:      tx,
		peer100: hasOption(req, "Supported", "100rel") || hasOption(req, "Require", "100rel"),
		must100: hasOption(req, "Require", "100rel"),
		rseq:    uint32(1 + randomBelow(1<<16)),
	}
	d.learnPeer(req)
	d.in.trying = d.alarms.after(tryingAfter, func() { tx.trying(newResponse(req, 100, "", "")) })
	d.in.setup = e.admission.begun()
	return d
}

// tryingAfter is when 100 is sent to a caller who has heard nothing: it must go
// out within 200 ms unless another response is known to (RFC 3261 §17.2.1), and
// most calls are answered sooner.
const tryingAfter = 100 * time.Millisecond

// heard notes that the caller is about to hear of us.
func (d *Dialog) heard() {
	d.alarms.cancel(d.in.trying)
	d.e.admission.settled(d.in.setup)
	d.in.trying, d.in.setup = nil, nil
}

// asserted takes the identity a line vouches for (RFC 3325 §9.1).
func (d *Dialog) asserted(req *sipgo.Request) {
	for _, v := range headerValues(req, "P-Asserted-Identity", true) {
		var u sipgo.Uri
		name, err := sipgo.ParseAddressValue(v, &u, nil)
		if err != nil || userOf(&u) == "" {
			continue
		}
		d.callerUser = userOf(&u)
		if name != "" {
			d.callerName = unquoted(name)
		}
		return
	}
}

// response answers a request of this dialog, with our Contact where one belongs.
func (d *Dialog) response(req *sipgo.Request, code int, reason string, sdp []byte) *sipgo.Response {
	res := newResponse(req, code, reason, d.localTag)
	if (req.Method == sipgo.INVITE || req.Method == sipgo.UPDATE) && code > 100 && code < 300 {
		res.AppendHeader(d.contact())
		res.AppendHeader(sipgo.NewHeader("Allow", allowed))
		res.AppendHeader(sipgo.NewHeader("Supported", supported))
	}
	res.AppendHeader(sipgo.NewHeader("Server", d.e.cfg.UserAgent))
	if sdp != nil {
		t := sipgo.ContentTypeHeader(sdpType)
		res.AppendHeader(&t)
	}
	res.SetBody(sdp)
	return res
}

// contact is our Contact in this dialog.
func (d *Dialog) contact() *sipgo.ContactHeader {
	h := d.leg.flow
	return d.e.contact(h.network, h.addr.Addr(), d.contactUser(), d.leg.secure)
}

func (d *Dialog) contactUser() string {
	if l := d.e.line(d.lineID); l != nil && l.Mode == ModeRegister {
		return escapeUser(l.Username)
	}
	return "hotline"
}

// Ring sends 180.
func (d *Dialog) Ring() error {
	return d.await(context.Background(), func(reply chan<- error) {
		if d.outbound || d.phase != phaseEarly {
			reply <- stateError(d)
			return
		}
		d.provisional(180, nil, nil)
		reply <- nil
	})
}

// Progress sends 183 with a session description, reliably where the caller
// supports it (RFC 3262); it then waits for the PRACK.
func (d *Dialog) Progress(ctx context.Context, sdp []byte) error {
	return d.await(ctx, func(reply chan<- error) {
		if d.outbound || d.phase != phaseEarly {
			reply <- stateError(d)
			return
		}
		if d.provisional(183, sdp, reply) {
			return
		}
		reply <- nil
	})
}

func stateError(d *Dialog) error {
	if d.isOver() {
		return ErrEnded
	}
	return ErrState
}

// provisional sends a response of 101 to 199; true when it is sent reliably and
// reply hears of its PRACK. A late offer can only be made in a reliable one
// (RFC 3261 §13.2.1), so otherwise its session description is left out.
func (d *Dialog) provisional(code int, sdp []byte, reply chan<- error) bool {
	d.heard()
	rel := d.in.must100 || (d.in.peer100 && sdp != nil)
	if !rel {
		if d.offer == nil {
			sdp = nil
		}
		_ = d.in.tx.respond(d.response(d.invite, code, "", sdp))
		return false
	}
	send := func() {
		if d.phase != phaseEarly {
			if reply != nil {
				reply <- stateError(d)
			}
			return
		}
		d.in.rseq++
		res := d.response(d.invite, code, "", sdp)
		res.AppendHeader(sipgo.NewHeader("Require", "100rel"))
		res.AppendHeader(sipgo.NewHeader("RSeq", itoa(d.in.rseq)))
		if sdp != nil {
			d.localSDP = sdp
		}
		r := &reliable{
			rseq: d.in.rseq, data: wire(res), interval: d.e.cfg.T1, since: time.Now(), reply: reply,
			isOffer: sdp != nil && d.offer == nil,
		}
		d.in.reliable = r
		r.repeat = d.alarms.after(r.interval, d.repeatProvisional)
		_ = d.in.tx.respond(res)
	}
	if d.in.reliable != nil {
		d.in.queued = append(d.in.queued, send) // one at a time until PRACK (RFC 3262 §3)
	} else {
		send()
	}
	return true
}

func (d *Dialog) repeatProvisional() {
	r := d.in.reliable
	if r == nil || d.phase != phaseEarly {
		return
	}
	if time.Since(r.since) >= 64*d.e.cfg.T1 {
		d.log.Warn("no PRACK")
		d.refuseAs(504, "No PRACK", End{Cause: CauseTimeout, Status: 504})
		return
	}
	r.interval *= 2
	r.repeat = d.alarms.after(r.interval, d.repeatProvisional)
	d.in.tx.resend(r.data)
}

// prack takes a PRACK (RFC 3262 §3).
func (d *Dialog) prack(req *sipgo.Request, tx *serverTx) {
	r := d.in.reliable
	rseq, seq, method, err := parseRAck(headerValue(req, "RAck"))
	if err != nil {
		d.e.respondTx(tx, 400, "Bad Request: RAck")
		return
	}
	if r == nil || rseq != r.rseq || seq != d.inviteSeq || method != string(sipgo.INVITE) {
		d.e.respondTx(tx, 481, "")
		return
	}
	sdp := bodySDP(req)
	if r.isOffer && sdp == nil {
		d.e.respondTx(tx, 400, "Bad Request: no answer")
		return
	}
	d.alarms.cancel(r.repeat)
	d.in.reliable = nil
	if d.localSDP != nil {
		d.in.sdpSent = true
	}
	if r.isOffer {
		d.setRemoteAnswer(sdp)
		sdp = nil
	}
	if r.reply != nil {
		r.reply <- nil
	}
	if sdp != nil {
		d.takeOffer(req, tx, sdp) // a new offer in PRACK (RFC 3262 §5)
	} else {
		_ = tx.respond(d.response(req, 200, "", nil))
	}
	queued := d.in.queued
	d.in.queued = nil
	for i, f := range queued {
		f()
		if d.in.reliable != nil {
			d.in.queued = append(d.in.queued, queued[i+1:]...)
			break
		}
	}
}

// Answer sends 200 and waits for the ACK; 2xx is retransmitted by RFC 3261
// §13.3.1.4. Without ACK for 64*T1 the dialog is ended and ErrTimeout returned.
// For a late offer sdp is our offer, and RemoteAnswer has the answer afterwards.
func (d *Dialog) Answer(ctx context.Context, sdp []byte) error {
	return d.await(ctx, func(reply chan<- error) {
		if d.outbound || d.phase != phaseEarly {
			reply <- stateError(d)
			return
		}
		if d.in.reliable != nil {
			d.in.queued = append(d.in.queued, func() { d.accept(sdp, reply) })
			return
		}
		d.accept(sdp, reply)
	})
}

func (d *Dialog) accept(sdp []byte, reply chan<- error) {
	if d.phase != phaseEarly {
		reply <- stateError(d)
		return
	}
	late := d.offer == nil && !d.in.sdpSent
	if sdp != nil {
		d.localSDP = sdp
	}
	res := d.response(d.invite, 200, "", sdp)
	d.agreeTimer(d.invite, res)
	d.heard()
	d.phase = phaseAnswered
	d.accepted(d.invite, d.in.tx, res, late, reply)
	d.unacked.initial = true
}

// accepted sends a 2xx to an INVITE and repeats it until the ACK comes.
func (d *Dialog) accepted(req *sipgo.Request, tx *serverTx, res *sipgo.Response, isOffer bool, reply chan<- error) {
	u := &unacked{
		seq: req.CSeq().SeqNo, tx: tx, data: wire(res), interval: d.e.cfg.T1, since: time.Now(),
		reply: reply, isOffer: isOffer,
	}
	d.unacked = u
	u.repeat = d.alarms.after(u.interval, func() { d.repeatAccepted(u) })
	_ = tx.respond(res)
}

// repeatAccepted follows RFC 3261 §13.3.1.4: T1, doubling up to T2, on every
// transport; after 64*T1 the session is ended by BYE.
func (d *Dialog) repeatAccepted(u *unacked) {
	if d.unacked != u {
		return
	}
	limit := 64 * d.e.cfg.T1
	if passed := time.Since(u.since); passed >= limit {
		d.unacked = nil
		d.log.Warn("no ACK")
		if u.reply != nil {
			u.reply <- ErrTimeout
		}
		end := End{Cause: CauseTimeout, Status: 200}
		if d.isOver() { // hung up before the ACK
			d.sendBye(d.leg, u.bye, func(error) { d.left() })
			return
		}
		d.bye(end)
		return
	}
	u.tx.resend(u.data)
	u.interval = min(2*u.interval, d.e.cfg.T2)
	next := min(u.interval, limit-time.Since(u.since))
	u.repeat = d.alarms.after(next, func() { d.repeatAccepted(u) })
}

// ack takes the ACK of a 2xx.
func (d *Dialog) ack(req *sipgo.Request) {
	u := d.unacked
	if u == nil || req.CSeq().SeqNo != u.seq {
		return
	}
	d.alarms.cancel(u.repeat)
	d.unacked = nil
	if d.phase == phaseAnswered {
		d.phase = phaseTalking
		close(d.answered)
	}
	var err error
	if u.isOffer {
		if sdp := bodySDP(req); sdp == nil {
			err = ErrState
		} else if u.initial {
			d.setRemoteAnswer(sdp)
		} else if f := d.answerHandler(); f != nil {
			f(sdp)
		}
	}
	if u.reply != nil {
		u.reply <- err
	}
	switch {
	case d.isOver():
		d.sendBye(d.leg, u.bye, func(error) { d.left() })
		return
	case err != nil:
		d.log.Warn("ACK without the answer to our offer")
		d.bye(End{Cause: CauseFailed, Status: 200})
		return
	}
	d.nextOffer()
}

func (d *Dialog) answerHandler() func([]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.onAnswer
}

// Reject refuses an incoming call with a final status of 300 to 699; 503 tells
// when to try again.
func (d *Dialog) Reject(code int, reason string, headers ...Header) error {
	if code < 300 || code > 699 {
		return ErrState
	}
	return d.await(context.Background(), func(reply chan<- error) {
		if d.outbound || d.phase != phaseEarly {
			reply <- stateError(d)
			return
		}
		d.refuse(code, reason, headers...)
		reply <- nil
	})
}

func (d *Dialog) refuse(code int, reason string, headers ...Header) {
	d.refuseAs(code, reason, End{Cause: CauseRejected, Status: code}, headers...)
}

// refuseAs sends a final refusal of the initial INVITE and leaves.
func (d *Dialog) refuseAs(code int, reason string, end End, headers ...Header) {
	res := d.response(d.invite, code, reason, nil)
	for _, h := range headers {
		res.AppendHeader(sipgo.NewHeader(oneLine(h.Name), oneLine(h.Value)))
	}
	if code == 503 && len(res.GetHeaders("Retry-After")) == 0 {
		res.AppendHeader(sipgo.NewHeader("Retry-After", d.e.retryAfter()))
	}
	d.heard()
	_ = d.in.tx.respond(res)
	if r := d.in.reliable; r != nil && r.reply != nil {
		r.reply <- ErrEnded
	}
	d.in.reliable = nil
	queued := d.in.queued
	d.in.queued = nil
	d.leave(end)
	for _, f := range queued {
		f()
	}
}

// cancelled takes the caller's CANCEL. After a 2xx it has no effect (RFC 3261 §9.2).
func (d *Dialog) cancelled() {
	if d.phase != phaseEarly || d.outbound {
		return
	}
	d.refuseAs(487, "", End{Cause: CauseCancelled, Status: 487, ByRemote: true})
}

// learnPeer notes what the other side can do.
func (d *Dialog) learnPeer(m sipgo.Message) {
	if len(headerValues(m, "Supported", false)) > 0 {
		d.timer.peer = hasOption(m, "Supported", "timer")
	}
	if allow := headerValues(m, "Allow", true); len(allow) > 0 {
		d.timer.update = false
		for _, a := range allow {
			if strings.EqualFold(a, "UPDATE") {
				d.timer.update = true
			}
		}
	}
}
