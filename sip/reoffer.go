package sip

import (
	"context"
	"errors"
	"fmt"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

var errRetry = errors.New("sip: to be tried again")

// StatusError is a final response that refused a request of ours.
type StatusError struct {
	Code   int
	Reason string
}

// Error says the status line.
func (e *StatusError) Error() string { return fmt.Sprintf("sip: %d %s", e.Code, e.Reason) }

// Is makes every StatusError an ErrRefused.
func (e *StatusError) Is(target error) bool { return target == ErrRefused }

func statusError(res *sipgo.Response) error {
	return &StatusError{Code: res.StatusCode, Reason: oneLine(res.Reason)}
}

// gone tells whether an error means that the other side has no such dialog any
// more (RFC 5057 §5.1).
func gone(err error) bool {
	var s *StatusError
	if errors.As(err, &s) {
		return s.Code == 481 || s.Code == 408 || s.Code == 410 || s.Code == 404
	}
	return errors.Is(err, ErrTimeout) || errors.Is(err, ErrTransport)
}

// ourOffer is a re-INVITE of ours, or an UPDATE before the call is answered.
type ourOffer struct {
	describe func() []byte // writes sdp when it is this offer's turn
	sdp      []byte
	tries    int
	seq      uint32
	reply    func(answer []byte, err error)
}

// maxGlare bounds the attempts of one offer.
const maxGlare = 8

// Offer is an offer of ours within a dialog. Its functions run in the dialog's
// goroutine, in the order of the exchanges, and must not block.
type Offer struct {
	// Describe writes the offer when no other exchange is under way any more,
	// and anew after glare: what was written before would not know of the
	// exchanges that went first.
	Describe func() []byte
	// Settle takes the answer, or why there is none, before another exchange
	// begins. What it returns, Reoffer returns.
	Settle func(answer []byte, err error) error
}

// Reoffer sends a re-INVITE with an offer and waits until it is settled. Glare
// (491) is retried with the back-off of RFC 3261 §14.1 until ctx ends. Before the
// call is answered it sends UPDATE instead (RFC 3311).
func (d *Dialog) Reoffer(ctx context.Context, offer Offer) error {
	return d.await(ctx, func(reply chan<- error) {
		d.queueOffer(&ourOffer{describe: offer.Describe, tries: maxGlare, reply: func(a []byte, err error) {
			reply <- offer.Settle(a, err)
		}})
	})
}

// queueOffer starts an offer when no other exchange is under way (RFC 3264 §4).
func (d *Dialog) queueOffer(o *ourOffer) {
	switch {
	case d.isOver():
		o.reply(nil, ErrEnded)
	case d.ours != nil || d.theirs != nil || d.unacked != nil:
		d.waiting = append(d.waiting, func() { d.queueOffer(o) })
	case d.phase == phaseTalking:
		d.startOffer(o)
	case d.phase == phaseEarly && d.earlyOfferFits():
		d.ours, o.sdp = o, o.describe()
		d.sendEarlyUpdate(o)
	default:
		o.reply(nil, ErrState)
	}
}

// earlyOfferFits tells whether an UPDATE may carry an offer before the answer:
// the first exchange is over, reliably (RFC 3311 §5.1).
func (d *Dialog) earlyOfferFits() bool {
	if !d.timer.update {
		return false
	}
	if d.outbound {
		return d.leg.reliableAnswerSeen
	}
	return d.in.sdpSent
}

// nextOffer starts the offer that has waited longest.
func (d *Dialog) nextOffer() {
	if len(d.waiting) == 0 || d.ours != nil || d.theirs != nil || d.unacked != nil {
		return
	}
	f := d.waiting[0]
	d.waiting = d.waiting[1:]
	f()
}

func (d *Dialog) startOffer(o *ourOffer) {
	d.ours, o.sdp = o, o.describe()
	d.sendReinvite(o)
}

func (d *Dialog) endOffer(o *ourOffer, answer []byte, err error) {
	if d.ours == o {
		d.ours = nil
	}
	o.reply(answer, err)
	d.nextOffer()
}

func (d *Dialog) sendReinvite(o *ourOffer) {
	d.send(d.leg, sipgo.INVITE, func(req *sipgo.Request) {
		req.AppendHeader(d.contact())
		req.AppendHeader(sipgo.NewHeader("Allow", allowed))
		req.AppendHeader(sipgo.NewHeader("Supported", supported))
		d.offerTimer(req)
		setSDP(req, o.sdp)
		o.seq = req.CSeq().SeqNo
	}, func(res *sipgo.Response, err error) { d.reinvited(o, res, err) })
}

// reinvited takes a response to our re-INVITE.
func (d *Dialog) reinvited(o *ourOffer, res *sipgo.Response, err error) {
	switch {
	case err != nil:
		if d.ours == o {
			d.endOffer(o, nil, err)
			if !d.isOver() && o.tries > 1 { // a refresh ends the call itself
				d.bye(End{Cause: causeOf(err), Status: 200})
			}
		}
	case res.StatusCode < 200:
	case res.StatusCode < 300:
		seq := res.CSeq().SeqNo
		if _, ok := d.acks[seq]; ok {
			d.repeatAck(seq)
			return
		}
		d.leg.learnTarget(res)
		d.sendAck(d.leg, seq, nil)
		if d.ours != o { // it was over already
			return
		}
		d.learnPeer(res)
		d.learnTimer(res)
		d.localSDP = o.sdp
		d.endOffer(o, bodySDP(res), nil)
	case d.ours != o:
	case res.StatusCode == 422 && o.tries > 0 && d.raiseMinSE(res):
		o.tries--
		d.sendReinvite(o)
	default:
		d.retryOffer(o, res)
	}
}

// retryOffer repeats an offer after glare or a busy peer, else gives it up.
func (d *Dialog) retryOffer(o *ourOffer, res *sipgo.Response) {
	wait := d.glareWait()
	after, hasAfter := parseSeconds(headerValue(res, "Retry-After"))
	switch {
	case res.StatusCode == 491 && o.tries > 1:
	case res.StatusCode == 500 && hasAfter && after <= 30*time.Second && o.tries > 1:
		wait = after + 100*time.Millisecond
	default:
		err := statusError(res)
		d.endOffer(o, nil, err)
		if gone(err) && !d.isOver() {
			d.bye(End{Cause: CauseGone, Status: 200})
		}
		return
	}
	o.tries--
	// The other side's own offer may come now, so ours is not under way.
	d.ours = nil
	d.alarms.after(wait, func() { d.queueOffer(o) })
	d.nextOffer()
}

// glareWait is RFC 3261 §14.1: 2.1 to 4 s for the side that chose the Call-ID,
// 0 to 2 s for the other, in steps of 10 ms.
func (d *Dialog) glareWait() time.Duration {
	if d.outbound {
		return 2100*time.Millisecond + time.Duration(randomBelow(191))*10*time.Millisecond
	}
	return time.Duration(randomBelow(201)) * 10 * time.Millisecond
}

func (d *Dialog) sendEarlyUpdate(o *ourOffer) {
	d.send(d.leg, sipgo.UPDATE, func(req *sipgo.Request) {
		req.AppendHeader(d.contact())
		req.AppendHeader(sipgo.NewHeader("Allow", allowed))
		req.AppendHeader(sipgo.NewHeader("Supported", supported))
		setSDP(req, o.sdp)
	}, func(res *sipgo.Response, err error) {
		switch {
		case d.ours != o:
		case err != nil:
			d.endOffer(o, nil, err)
		case res.StatusCode < 200:
		case res.StatusCode < 300:
			d.leg.learnTarget(res)
			d.localSDP = o.sdp
			d.endOffer(o, bodySDP(res), nil)
		default:
			d.retryOffer(o, res)
		}
	})
}

func setSDP(req *sipgo.Request, sdp []byte) {
	if sdp == nil {
		return
	}
	t := sipgo.ContentTypeHeader(sdpType)
	req.AppendHeader(&t)
	req.SetBody(sdp)
}

// send sends a request within a dialog and hands its responses, or the error,
// to on in the dialog's goroutine. One challenge is answered, and where a name
// has several addresses, those behind one that fails are tried (RFC 3263 §4.3).
func (d *Dialog) send(l *leg, method sipgo.RequestMethod, fill func(*sipgo.Request), on func(*sipgo.Response, error)) {
	d.sendTried(l, method, fill, on, tried{})
}

// tried is what was done about a request so far.
type tried struct {
	challenged bool
	hops       int // that failed
}

func (d *Dialog) sendTried(l *leg, method sipgo.RequestMethod, fill func(*sipgo.Request), on func(*sipgo.Response, error), before tried) {
	req := l.request(method, 0)
	req.AppendHeader(sipgo.NewHeader("User-Agent", d.e.cfg.UserAgent))
	d.auth.apply(req)
	fill(req)
	d.route(l, func(hops []hop, err error) {
		if err != nil {
			on(nil, err)
			return
		}
		at := min(before.hops, len(hops)-1)
		d.e.request(req, hops[at], func(res *sipgo.Response, err error) {
			d.postResponse(res, func() {
				again := before
				switch {
				case err != nil && at+1 < len(hops) && (errors.Is(err, ErrTransport) || errors.Is(err, ErrTimeout)):
					again.hops = at + 1
				case err == nil && (res.StatusCode == 401 || res.StatusCode == 407) && !before.challenged && d.auth.learn(res):
					again.challenged = true
				default:
					on(res, err)
					return
				}
				d.sendTried(l, method, fill, on, again)
			})
		})
	})
}

// route finds where a leg's next request goes: the addresses in the order to try
// them. then runs in the dialog's goroutine: at once for addresses, later for
// names.
func (d *Dialog) route(l *leg, then func([]hop, error)) {
	if l.flowFits() {
		then([]hop{l.flow}, nil)
		return
	}
	otherwise := viaUDP
	if d.e.net.udp == nil {
		otherwise = l.flow.network
	}
	next := *l.next().Clone()
	if h, ok := direct(&next, otherwise); ok {
		if h.addr == l.flow.addr && h.network == l.flow.network {
			h = l.flow // the same place, with its name and connection
		}
		then([]hop{h}, nil)
		return
	}
	ok := d.e.net.group.spawn(func() {
		hops, err := d.e.names.hops(d.e.life, &next, otherwise)
		d.post(func() { then(hops, err) })
	})
	if !ok {
		then(nil, ErrClosed)
	}
}
