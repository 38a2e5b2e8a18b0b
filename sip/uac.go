package sip

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

const (
	maxForks   = 16 // branches of a fork that are followed
	maxTargets = 8  // addresses tried for one call
)

// uacCall is the client side of an initial INVITE. It belongs to Dialog.run.
type uacCall struct {
	req      DialRequest
	line     *Line
	fromHost string
	targets  []target
	at       int
	tx       *clientTx
	seq      uint32          // of the INVITE under way
	legs     map[string]*leg // early dialogs by remote tag
	lost     map[string]sent // ACKs of branches that answered too late
	heard    bool            // a provisional response came
	won      bool
	cancel   Cause // set when we gave the call up
	asked    bool  // CANCEL was sent
	tries    int   // repetitions for challenges and 422
	minSE    time.Duration
	ring     *alarm
	// stopWatch stops watching the caller's context.
	stopWatch func() bool
}

// target is one place to try.
type target struct {
	uri   sipgo.Uri
	to    hop // invalid: resolve uri
	path  []sipgo.Uri
	phone bool
}

type sent struct {
	data []byte
	to   hop
}

// Dial starts a call and returns at once. The call is cancelled when ctx ends
// before it is answered.
func (e *Endpoint) Dial(ctx context.Context, r DialRequest) (*Dialog, error) {
	if !e.running() {
		return nil, fmt.Errorf("dial %s: %w", r.To, ErrClosed)
	}
	d := newDialog(e)
	d.outbound = true
	d.out = uacCall{req: r, fromHost: e.cfg.Domain, legs: map[string]*leg{}, lost: map[string]sent{}}
	if err := d.aim(r); err != nil {
		return nil, fmt.Errorf("dial %s: %w", r.To, err)
	}
	if err := e.admission.take(d.out.line, false); err != nil {
		return nil, fmt.Errorf("dial %s: %w", r.To, err)
	}
	d.localTag = e.token + randomText(10)
	d.callID = e.token + "-" + randomText(20)
	d.id = r.ID
	if d.id == "" {
		d.id = d.callID
	}
	d.callerUser, d.callerName = cmp.Or(r.From, "anonymous"), r.DisplayName
	d.log = e.log.With("call", d.callID, "dialog", d.id)
	d.leg = &leg{
		callID: d.callID, localTag: d.localTag,
		localURI:  sipgo.Uri{Scheme: "sip", User: escapeUser(d.callerUser), Host: d.out.fromHost},
		localName: r.DisplayName, localSeq: uint32(1 + randomBelow(1<<20)),
	}
	d.aimAt(0)
	if !d.post(d.resolve) || !e.add(d) {
		e.admission.release(d.lineID)
		return nil, ErrClosed
	}
	stop := context.AfterFunc(ctx, func() {
		d.post(func() {
			if d.phase == phaseEarly {
				d.cancelOut(CauseCancelled)
			}
		})
	})
	d.post(func() { d.out.stopWatch = stop })
	return d, nil
}

// aim finds where the call goes.
func (d *Dialog) aim(r DialRequest) error {
	e := d.e
	switch {
	case r.LineID != "":
		l := e.line(r.LineID)
		if l == nil {
			return ErrUnknownLine
		}
		u, err := l.uri(r.To)
		if err != nil {
			return err
		}
		d.out.line, d.lineID, d.dialled = l, l.ID, r.To
		d.out.fromHost = l.Domain
		d.out.targets = []target{{uri: u}}
		d.auth = newDigestState(l.Username, l.Password)
	case r.DeviceID != "":
		targets, err := e.registrar.targets(r.DeviceID)
		if err != nil {
			return err
		}
		d.deviceID, d.dialled, d.out.targets = r.DeviceID, r.To, targets
	default:
		u, err := parseSIPURI(r.URI)
		if err != nil {
			return err
		}
		d.dialled, d.out.targets = userOf(&u), []target{{uri: u}}
	}
	return nil
}

// aimAt points the leg at a target.
func (d *Dialog) aimAt(i int) {
	t := d.out.targets[i]
	d.out.at = i
	d.leg.target, d.leg.routes, d.leg.keepFlow = *t.uri.Clone(), t.path, t.phone
	d.leg.secure = t.uri.Scheme == "sips"
	d.leg.remoteURI = *t.uri.Clone()
	d.leg.remoteURI.UriParams, d.leg.remoteURI.Headers = nil, nil
	d.leg.flow = t.to
}

// resolve turns names into addresses and sends the INVITE.
func (d *Dialog) resolve() {
	d.out.ring = d.alarms.after(d.ringTimeout(), func() {
		if d.phase == phaseEarly {
			d.cancelOut(CauseNoAnswer)
		}
	})
	t := d.out.targets[0]
	if t.to.addr.IsValid() {
		d.sendInvite()
		return
	}
	otherwise := viaUDP
	if d.e.net.udp == nil && d.e.net.tcp != nil {
		otherwise = viaTCP
	}
	ok := d.e.net.group.spawn(func() {
		hops, err := d.e.names.hops(d.e.life, &t.uri, otherwise)
		d.post(func() {
			if d.isOver() {
				d.left()
				return
			}
			if err != nil {
				d.leave(End{Cause: CauseTransport})
				return
			}
			d.out.targets = nil
			for _, h := range hops[:min(len(hops), maxTargets)] {
				c := t
				c.to = h
				d.out.targets = append(d.out.targets, c)
			}
			d.aimAt(0)
			d.sendInvite()
			d.tell(Progress{}) // who dialled could not write down what ends the call
		})
	})
	if !ok {
		d.leave(End{Cause: CauseShutdown})
	}
}

func (d *Dialog) ringTimeout() time.Duration {
	if d.out.req.RingTimeout > 0 {
		return d.out.req.RingTimeout
	}
	return d.e.cfg.RingTimeout
}

func (d *Dialog) sendInvite() {
	t := d.out.targets[d.out.at]
	clear(d.out.legs)
	d.out.heard = false
	d.mu.Lock()
	d.source, d.transport = t.to.addr, t.to.network
	d.mu.Unlock()
	d.leg.remoteTag = ""
	d.leg.flow = t.to
	req := d.leg.request(sipgo.INVITE, 0)
	d.out.seq = req.CSeq().SeqNo
	req.AppendHeader(d.contact())
	req.AppendHeader(sipgo.NewHeader("Allow", allowed))
	req.AppendHeader(sipgo.NewHeader("Supported", supported))
	req.AppendHeader(sipgo.NewHeader("User-Agent", d.e.cfg.UserAgent))
	d.offerTimer(req)
	d.auth.apply(req)
	for _, h := range d.out.req.Headers {
		req.AppendHeader(sipgo.NewHeader(oneLine(h.Name), oneLine(h.Value)))
	}
	setSDP(req, d.out.req.Offer)
	d.localSDP = d.out.req.Offer
	d.out.tx = d.e.request(req, t.to, func(res *sipgo.Response, err error) {
		d.postResponse(res, func() {
			if err != nil {
				d.inviteFailed(err)
				return
			}
			d.invited(res)
		})
	})
}

// inviteAgain sends another INVITE in place of one that has failed, and says so at
// once: the identity of the old one cancels nothing any more.
func (d *Dialog) inviteAgain() {
	d.sendInvite()
	d.tell(Progress{})
}

// inviteFailed tries the next address, or gives the call up.
func (d *Dialog) inviteFailed(err error) {
	switch {
	case d.isOver():
		d.left()
	case d.phase == phaseEarly && !d.nextTarget():
		d.leave(End{Cause: causeOf(err)})
	}
}

func (d *Dialog) nextTarget() bool {
	if d.out.at+1 >= len(d.out.targets) {
		return false
	}
	d.aimAt(d.out.at + 1)
	d.inviteAgain()
	return true
}

// invited takes a response to our INVITE.
func (d *Dialog) invited(res *sipgo.Response) {
	if res.CSeq().SeqNo != d.out.seq && !d.out.won {
		return // of an attempt before
	}
	switch {
	case res.StatusCode < 200:
		d.ringing(res)
	case res.StatusCode < 300:
		d.accepted2xx(res)
	default:
		d.refused(res)
	}
}

// ringing takes a provisional response.
func (d *Dialog) ringing(res *sipgo.Response) {
	d.out.heard = true
	if d.out.cancel != "" {
		d.askCancel()
		return
	}
	if d.phase != phaseEarly {
		return
	}
	if res.StatusCode == 100 {
		d.tell(Progress{Code: 100})
		return
	}
	tag := tagOf(res.To())
	if h := d.out.tx.hop(); h.network == d.leg.flow.network {
		d.leg.flow.conn = h.conn
	}
	l := d.out.legs[tag]
	if l == nil && tag != "" && len(d.out.legs) < maxForks {
		l = d.leg.clone()
		l.localSeq = d.out.seq
		l.confirmUAC(res)
		d.out.legs[tag] = l
	}
	sdp := bodySDP(res)
	if l != nil {
		l.learnTarget(res)
		d.leg = l // an offer before the answer goes to the branch heard last
		if !d.acknowledgeProgress(l, res, sdp) {
			return
		}
	}
	d.learnPeer(res)
	if sdp != nil && d.out.req.Offer != nil {
		if l != nil {
			l.answer = sdp
		}
		d.setRemoteAnswer(sdp)
	}
	d.tell(Progress{Code: res.StatusCode, SDP: sdp})
}

// tell passes progress on; the oldest is dropped when nobody reads.
func (d *Dialog) tell(p Progress) {
	for {
		select {
		case d.progressed <- p:
			return
		default:
		}
		select {
		case <-d.progressed:
		default:
		}
	}
}

// acknowledgeProgress sends PRACK for a reliable provisional response
// (RFC 3262 §4). False: it is a repetition, or out of order, and is dropped.
func (d *Dialog) acknowledgeProgress(l *leg, res *sipgo.Response, sdp []byte) bool {
	rseq, ok := parseSeq(headerValue(res, "RSeq"))
	if !ok || !hasOption(res, "Require", "100rel") {
		return true
	}
	if l.provisionalSeen && rseq != l.lastProvisional+1 {
		return false
	}
	l.provisionalSeen, l.lastProvisional = true, rseq
	var answer []byte
	if sdp != nil {
		l.reliableAnswerSeen = true
		if d.out.req.Offer == nil && !l.offerAnswered {
			l.offerAnswered = true
			answer = d.answerLate(sdp)
		}
	}
	cseq := res.CSeq()
	d.send(l, sipgo.PRACK, func(req *sipgo.Request) {
		req.AppendHeader(sipgo.NewHeader("RAck", itoa(rseq)+" "+itoa(cseq.SeqNo)+" "+string(cseq.MethodName)))
		setSDP(req, answer)
	}, func(*sipgo.Response, error) {}) // refused or lost: the 2xx decides
	return true
}

// answerLate has the application answer the other side's offer; nil: it cannot.
func (d *Dialog) answerLate(offer []byte) []byte {
	f := d.out.req.AnswerOffer
	if f == nil {
		return nil
	}
	answer, code := f(offer)
	if code != 0 && code != 200 {
		return nil
	}
	d.localSDP = answer
	return answer
}

// accepted2xx takes a 2xx: the first one wins, its repetitions are acknowledged
// again, and those of other branches are acknowledged and ended (RFC 3261 §13.2.2.4).
func (d *Dialog) accepted2xx(res *sipgo.Response) {
	tag := tagOf(res.To())
	switch {
	case d.out.won && tag == d.leg.remoteTag:
		d.repeatAck(res.CSeq().SeqNo)
	case d.out.won || d.out.cancel != "" || d.isOver():
		d.drop2xx(tag, res)
	default:
		d.win(tag, res)
	}
}

func (d *Dialog) win(tag string, res *sipgo.Response) {
	l := d.out.legs[tag]
	if l == nil {
		l = d.leg.clone()
		l.localSeq = d.out.seq
	}
	l.confirmUAC(res)
	l.flow = d.flowAfter(l)
	d.leg = l
	d.out.won = true
	d.phase = phaseTalking
	d.alarms.cancel(d.out.ring)
	d.learnPeer(res)
	sdp := bodySDP(res)
	var answer []byte
	ok := true
	switch {
	case d.out.req.Offer != nil:
		if sdp == nil {
			sdp = l.answer // it came before, in a provisional response
		}
		ok = sdp != nil
		d.setRemoteAnswer(sdp)
	case !l.offerAnswered:
		ok = sdp != nil
		if ok {
			answer = d.answerLate(sdp)
			ok = answer != nil
		}
	}
	d.sendAck(l, d.out.seq, answer)
	if !ok {
		d.bye(End{Cause: CauseFailed, Status: 200})
		return
	}
	d.learnTimer(res)
	if d.out.stopWatch != nil {
		d.out.stopWatch()
	}
	close(d.answered)
}

// flowAfter is the way the INVITE went, in the end.
func (d *Dialog) flowAfter(l *leg) hop {
	h := d.out.tx.hop()
	if l.keepFlow && l.flow.addr.IsValid() {
		return l.flow
	}
	return h
}

// drop2xx acknowledges a 2xx nobody wants and ends its dialog.
func (d *Dialog) drop2xx(tag string, res *sipgo.Response) {
	if s, ok := d.out.lost[tag]; ok {
		if s.data != nil {
			_ = d.e.net.send(s.to, s.data, nil)
		}
		return
	}
	if len(d.out.lost) >= maxForks {
		return
	}
	l := d.leg.clone()
	l.localSeq = d.out.seq
	l.confirmUAC(res)
	d.out.lost[tag] = sent{}
	d.ackVia(l, d.out.seq, nil, func(s sent) { d.out.lost[tag] = s })
	cause := CauseNormal
	if d.out.cancel != "" {
		cause = CauseCancelled
	}
	d.sendBye(l, cause, func(error) {
		if d.out.cancel != "" {
			d.left()
		}
	})
}

// sendAck acknowledges a 2xx and keeps the ACK for its repetitions.
func (d *Dialog) sendAck(l *leg, seq uint32, sdp []byte) {
	d.ackVia(l, seq, sdp, func(s sent) {
		if d.acks == nil {
			d.acks = map[uint32]sent{}
		}
		for old := range d.acks {
			if len(d.acks) >= 4 && old < seq {
				delete(d.acks, old)
			}
		}
		d.acks[seq] = s
	})
}

// ackVia builds the ACK of a 2xx (RFC 3261 §13.2.2.4), sends it and hands it to keep.
func (d *Dialog) ackVia(l *leg, seq uint32, sdp []byte, keep func(sent)) {
	req := l.request(sipgo.ACK, seq)
	d.auth.apply(req)
	setSDP(req, sdp)
	d.route(l, func(hops []hop, err error) {
		if err != nil {
			return
		}
		h := hops[0] // nothing tells that an ACK was lost but the 2xx repeated
		req.PrependHeader(d.e.via(h, magicCookie+d.e.token+randomText(16)))
		s := sent{wire(req), h}
		keep(s)
		_ = d.e.net.send(s.to, s.data, nil)
	})
}

func (d *Dialog) repeatAck(seq uint32) {
	if s, ok := d.acks[seq]; ok {
		_ = d.e.net.send(s.to, s.data, nil)
	}
}

// lateResponse takes a 2xx whose transaction is over.
func (d *Dialog) lateResponse(res *sipgo.Response) {
	if d.outbound && res.CSeq().SeqNo == d.out.seq {
		d.accepted2xx(res)
		return
	}
	d.repeatAck(res.CSeq().SeqNo)
}

// refused takes a final response of 300 or more.
func (d *Dialog) refused(res *sipgo.Response) {
	code := res.StatusCode
	switch {
	case d.isOver():
		if !d.out.won {
			d.left()
		}
		return
	case d.phase != phaseEarly:
		return
	case (code == 401 || code == 407) && d.out.tries < 3 && d.auth.learn(res),
		code == 422 && d.out.tries < 3 && d.raiseMinSE(res):
		d.out.tries++
		d.inviteAgain()
		return
	case (code == 503 || code == 408 || code == 430) && d.nextTarget():
		return
	}
	reason := headerValue(res, "Reason")
	if reason == "" {
		reason = oneLine(res.Reason)
	}
	d.leave(End{Cause: CauseRejected, Status: code, Reason: reason, ByRemote: true})
}

// cancelOut gives an unanswered call up. Until a provisional response has come
// CANCEL must wait (RFC 3261 §9.1); a 2xx that crosses it is ended by BYE.
func (d *Dialog) cancelOut(cause Cause) {
	if d.out.cancel != "" || d.out.won {
		return
	}
	d.out.cancel = cause
	end := End{Cause: cause, Status: 487}
	if cause == CauseNormal {
		end.Cause = CauseCancelled
	}
	d.over(end)
	if d.out.tx == nil {
		d.left()
		return
	}
	if d.out.heard {
		d.askCancel()
	}
	d.alarms.after(128*d.e.cfg.T1, d.left) // whatever the other side does
}

func (d *Dialog) askCancel() {
	if d.out.asked {
		return
	}
	d.out.asked = true
	d.out.tx.cancel(reasonHeader(d.out.cancel).Value, func(error) {})
}

// parseSeq reads a sequence number of RSeq.
func parseSeq(v string) (uint32, bool) {
	t, ok := parseSeconds(strings.TrimSpace(v))
	return uint32(t / time.Second), ok && t > 0
}
