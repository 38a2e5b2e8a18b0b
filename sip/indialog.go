package sip

import (
	"errors"
	"strconv"

	sipgo "github.com/emiago/sipgo/sip"
)

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// theirOffer is a re-INVITE, UPDATE or PRACK of the other side whose offer the
// application is answering.
type theirOffer struct {
	req *sipgo.Request
	tx  *serverTx
}

// request takes a request within the dialog. tx is nil for ACK.
func (d *Dialog) request(req *sipgo.Request, tx *serverTx, from hop) {
	if req.Method == sipgo.ACK {
		if d.phase != phaseOver {
			d.ack(req)
		}
		return
	}
	if d.phase == phaseOver || !d.sameRemote(req) {
		d.e.respondTx(tx, 481, "")
		return
	}
	seq := req.CSeq().SeqNo
	if d.leg.remoteSeq > 0 && seq <= d.leg.remoteSeq { // RFC 3261 §12.2.2
		d.e.respondTx(tx, 500, "CSeq out of order", Header{"Retry-After", "1"})
		return
	}
	d.leg.remoteSeq = seq
	if from.reliable() && d.leg.flow.network == from.network {
		d.leg.flow = from // the other side may have reconnected
	}
	switch req.Method {
	case sipgo.BYE:
		d.takeBye(req, tx)
	case sipgo.INVITE, sipgo.UPDATE, sipgo.PRACK, sipgo.INFO:
		if d.phase == phaseLeaving {
			d.e.respondTx(tx, 481, "") // our BYE is under way
			return
		}
		d.takeSession(req, tx)
	case sipgo.OPTIONS:
		res := d.response(req, 200, "", nil)
		res.AppendHeader(sipgo.NewHeader("Allow", allowed))
		res.AppendHeader(sipgo.NewHeader("Supported", supported))
		res.AppendHeader(sipgo.NewHeader("Accept", sdpType))
		_ = tx.respond(res)
	case sipgo.REGISTER, sipgo.MESSAGE, sipgo.SUBSCRIBE, sipgo.NOTIFY, sipgo.REFER, sipgo.PUBLISH:
		d.e.respondTx(tx, 405, "", Header{"Allow", allowed})
	default:
		d.e.respondTx(tx, 501, "", Header{"Allow", allowed})
	}
}

// sameRemote tells whether a request comes from the other end of this dialog,
// or, while our INVITE is unanswered, from one of the branches of its fork.
func (d *Dialog) sameRemote(req *sipgo.Request) bool {
	tag := tagOf(req.From())
	if d.outbound && d.phase == phaseEarly {
		l := d.out.legs[tag]
		if l != nil {
			d.leg = l
		}
		return l != nil
	}
	return tag == d.leg.remoteTag
}

func (d *Dialog) takeSession(req *sipgo.Request, tx *serverTx) {
	switch req.Method {
	case sipgo.INVITE:
		d.takeReinvite(req, tx)
	case sipgo.UPDATE:
		d.takeUpdate(req, tx)
	case sipgo.PRACK:
		if d.outbound {
			d.e.respondTx(tx, 481, "")
			return
		}
		d.prack(req, tx)
	case sipgo.INFO:
		d.takeInfo(req, tx)
	}
}

// takeBye ends the dialog by the other side's BYE. A request of theirs that is
// not answered yet ends with 487 (RFC 3261 §15.1.2).
func (d *Dialog) takeBye(req *sipgo.Request, tx *serverTx) {
	_ = tx.respond(d.response(req, 200, "", nil))
	if t := d.theirs; t != nil {
		d.theirs = nil
		_ = t.tx.respond(d.response(t.req, 487, "", nil))
	}
	if d.phase == phaseLeaving {
		return // glare of two BYEs: ours is answered as well
	}
	end := End{Cause: CauseNormal, Status: 200, Reason: headerValue(req, "Reason"), ByRemote: true}
	if d.phase == phaseEarly {
		if d.outbound { // a branch of the fork that is gone; the INVITE goes on
			return
		}
		end.Cause, end.Status = CauseCancelled, 487
		d.refuseAs(487, "", end)
		return
	}
	if u := d.unacked; u != nil {
		d.unacked = nil
		if u.reply != nil {
			u.reply <- ErrEnded
		}
	}
	d.leave(end)
}

// takeInfo turns INFO into a digit.
func (d *Dialog) takeInfo(req *sipgo.Request, tx *serverTx) {
	kind := ""
	if c := req.ContentType(); c != nil {
		kind = c.Value()
	}
	if len(req.Body()) == 0 {
		_ = tx.respond(d.response(req, 200, "", nil)) // used as a keep-alive
		return
	}
	digit, duration, err := parseInfoDigit(kind, req.Body())
	switch {
	case errors.Is(err, errInfoType):
		d.e.respondTx(tx, 415, "", Header{"Accept", "application/dtmf-relay, application/dtmf"})
		return
	case err != nil:
		d.e.respondTx(tx, 400, "Bad Request: INFO body")
		return
	}
	_ = tx.respond(d.response(req, 200, "", nil))
	d.mu.Lock()
	f := d.onDigit
	d.mu.Unlock()
	if f != nil {
		f(digit, duration)
	}
}

// takeReinvite takes the other side's re-INVITE (RFC 3261 §14.2).
func (d *Dialog) takeReinvite(req *sipgo.Request, tx *serverTx) {
	switch {
	case d.ours != nil:
		d.e.respondTx(tx, 491, "")
		return
	case d.theirs != nil || d.unacked != nil || d.phase != phaseTalking:
		d.e.respondTx(tx, 500, "", Header{"Retry-After", strconv.Itoa(randomBelow(10))})
		return
	}
	if r := d.e.checkTimer(req); r != nil {
		d.e.respondTx(tx, r.code, r.reason, r.headers...)
		return
	}
	tx.notifyCancel(func() {
		d.post(func() {
			if d.theirs != nil && d.theirs.tx == tx {
				d.theirs = nil
				_ = tx.respond(d.response(req, 487, "", nil))
				d.nextOffer()
			}
		})
	})
	d.leg.learnTarget(req)
	d.learnPeer(req)
	d.takeOffer(req, tx, bodySDP(req))
}

// takeUpdate takes an UPDATE (RFC 3311 §5.2).
func (d *Dialog) takeUpdate(req *sipgo.Request, tx *serverTx) {
	if r := d.e.checkTimer(req); r != nil {
		d.e.respondTx(tx, r.code, r.reason, r.headers...)
		return
	}
	sdp := bodySDP(req)
	if sdp == nil { // session refresh
		d.leg.learnTarget(req)
		d.learnPeer(req)
		res := d.response(req, 200, "", nil)
		d.agreeTimer(req, res)
		_ = tx.respond(res)
		return
	}
	switch {
	case d.ours != nil || (d.outbound && d.phase == phaseEarly && d.RemoteAnswer() == nil):
		d.e.respondTx(tx, 491, "")
		return
	case d.theirs != nil || d.unacked != nil || (d.phase == phaseEarly && !d.outbound && !d.in.sdpSent):
		d.e.respondTx(tx, 500, "", Header{"Retry-After", strconv.Itoa(randomBelow(10))})
		return
	}
	d.leg.learnTarget(req)
	d.learnPeer(req)
	d.takeOffer(req, tx, sdp)
}

// takeOffer has the application answer an offer, in a goroutine of its own.
func (d *Dialog) takeOffer(req *sipgo.Request, tx *serverTx, offer []byte) {
	d.mu.Lock()
	f := d.onReoffer
	d.mu.Unlock()
	if f == nil {
		_ = tx.respond(d.response(req, 488, "", nil))
		return
	}
	t := &theirOffer{req: req, tx: tx}
	d.theirs = t
	if req.Method == sipgo.INVITE {
		_ = tx.respond(newResponse(req, 100, "", ""))
	}
	ok := d.e.group.spawn(func() {
		answer, code, settled := f(offer)
		if settled == nil {
			settled = func(bool) {}
		}
		d.post(func() { d.answerOffer(t, offer == nil, answer, code, settled) })
	})
	if !ok {
		d.theirs = nil
		_ = tx.respond(d.response(req, 503, "", nil))
	}
}

// answerOffer sends what the application said to the other side's offer.
func (d *Dialog) answerOffer(t *theirOffer, late bool, answer []byte, code int, settled func(sent bool)) {
	if d.theirs != t {
		settled(false)
		return
	}
	d.theirs = nil
	if d.isOver() {
		settled(false)
		_ = t.tx.respond(d.response(t.req, 487, "", nil))
		return
	}
	if code != 0 && code != 200 || answer == nil {
		if code < 300 || code > 699 {
			code = 488
		}
		settled(false)
		_ = t.tx.respond(d.response(t.req, code, "", nil))
		d.nextOffer()
		return
	}
	settled(true)
	d.localSDP = answer
	res := d.response(t.req, 200, "", answer)
	if t.req.Method != sipgo.PRACK {
		d.agreeTimer(t.req, res)
	}
	if t.req.Method == sipgo.INVITE {
		d.accepted(t.req, t.tx, res, late, nil)
		return
	}
	_ = t.tx.respond(res)
	d.nextOffer()
}
