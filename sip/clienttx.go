package sip

import (
	"fmt"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// clientTx is a client transaction (RFC 3261 §17.1, RFC 6026 §7.2). It tells
// every response to on, also each 2xx of an INVITE that is repeated or comes
// from another branch of a fork, and one error when nothing came in time or
// nothing could be sent. on must not block.
type clientTx struct {
	e   *Endpoint
	key string
	req *sipgo.Request
	on  func(*sipgo.Response, error)

	mu       sync.Mutex
	state    txState
	to       hop
	fallback bool // sent by TCP only for its size: may go back to UDP
	data     []byte
	ack      []byte // ACK of a refusal, to repeat
	interval time.Duration
	repeat   *time.Timer // A or E
	end      *time.Timer // B, D, F, K or M
}

func clientKey(branch string, method sipgo.RequestMethod) string {
	return branch + "\x00" + string(method)
}

// request sends a request in a client transaction. Via is added here; a request
// too large for a datagram goes by TCP where the other side accepts that, else
// by UDP after all (RFC 3261 §18.1.1).
func (e *Endpoint) request(req *sipgo.Request, to hop, on func(*sipgo.Response, error)) *clientTx {
	branch := magicCookie + e.token + randomText(16)
	via := e.via(to, branch)
	req.PrependHeader(via)
	return e.start(req, to, branch, on)
}

func (e *Endpoint) via(to hop, branch string) *sipgo.ViaHeader {
	by := e.net.sentBy(to.network, to.addr.Addr())
	via := &sipgo.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: to.network,
		Host: by.Addr().String(), Port: int(by.Port()),
	}
	via.Params.Add("branch", branch)
	via.Params.Add("rport", "")
	return via
}

// start runs a transaction for a request that has its Via.
func (e *Endpoint) start(req *sipgo.Request, to hop, branch string, on func(*sipgo.Response, error)) *clientTx {
	t := &clientTx{e: e, key: clientKey(branch, req.Method), req: req, on: on, to: to, data: wire(req)}
	if to.network == viaUDP && len(t.data) > maxUnreliable && req.Method != sipgo.CANCEL {
		t.fallback = true
		t.move(viaTCP)
	}
	e.txs.addClient(t)
	t.mu.Lock()
	t.armCalling()
	data, h := t.data, t.to
	t.mu.Unlock()
	if err := e.net.send(h, data, t.sendFailed); err != nil {
		// The caller may hold locks that on needs.
		if !e.net.group.spawn(func() { t.sendFailed(err) }) {
			t.terminate()
		}
	}
	return t
}

// move changes the transport of the request. Needs t.mu or sole ownership.
func (t *clientTx) move(network string) {
	t.to = hop{network: network, addr: t.to.addr, host: t.to.host}
	by := t.e.net.sentBy(network, t.to.addr.Addr())
	via := t.req.Via()
	via.Transport, via.Host, via.Port = network, by.Addr().String(), int(by.Port())
	t.data = wire(t.req)
}

// armCalling starts A or E, and B or F. Needs t.mu.
func (t *clientTx) armCalling() {
	if t.repeat != nil {
		t.repeat.Stop()
	}
	if !t.to.reliable() {
		t.interval = t.e.cfg.T1
		t.repeat = time.AfterFunc(t.interval, t.retransmit)
	}
	t.endAfter(64*t.e.cfg.T1, t.timeout)
}

func (t *clientTx) endAfter(d time.Duration, f func()) {
	if t.end != nil {
		t.end.Stop()
	}
	t.end = time.AfterFunc(d, f)
}

func (t *clientTx) retransmit() {
	t.mu.Lock()
	invite := t.req.Method == sipgo.INVITE
	if t.state > txProceeding || (invite && t.state == txProceeding) {
		t.mu.Unlock()
		return
	}
	t.interval *= 2
	if !invite && (t.interval > t.e.cfg.T2 || t.state == txProceeding) {
		t.interval = t.e.cfg.T2
	}
	t.repeat.Reset(t.interval)
	data, to := t.data, t.to
	t.mu.Unlock()
	if err := t.e.net.send(to, data, nil); err != nil {
		t.sendFailed(err)
	}
}

// sendFailed ends the transaction, or sends the request by UDP after all.
func (t *clientTx) sendFailed(err error) {
	t.mu.Lock()
	if t.state != txTrying {
		t.mu.Unlock()
		return
	}
	if t.fallback && t.to.network == viaTCP {
		t.fallback = false
		t.move(viaUDP)
		t.armCalling()
		data, to := t.data, t.to
		t.mu.Unlock()
		if err := t.e.net.send(to, data, nil); err != nil {
			t.sendFailed(err)
		}
		return
	}
	t.mu.Unlock()
	t.terminate()
	t.on(nil, err)
}

func (t *clientTx) timeout() {
	t.mu.Lock()
	if t.state > txProceeding {
		t.mu.Unlock()
		return
	}
	t.mu.Unlock()
	t.terminate()
	t.on(nil, fmt.Errorf("%s: %w", t.req.Method, ErrTimeout))
}

// receive takes a response that belongs to the transaction.
func (t *clientTx) receive(res *sipgo.Response, from hop) {
	invite := t.req.Method == sipgo.INVITE
	t.mu.Lock()
	if t.to.reliable() && from.network == t.to.network {
		t.to.conn = from.conn
	}
	switch {
	case res.StatusCode < 200:
		if t.state > txProceeding {
			t.mu.Unlock()
			return
		}
		t.state = txProceeding
		if invite {
			t.stopTimers() // from here on the dialog's ring timeout counts
		}
	case invite && res.StatusCode < 300:
		if t.state == txCompleted || t.state == txTerminated {
			t.mu.Unlock()
			return
		}
		if t.state != txAccepted {
			t.state = txAccepted
			t.stopTimers()
			t.endAfter(64*t.e.cfg.T1, t.terminate) // M
		}
	case invite:
		if t.state == txCompleted {
			ack, to := t.ack, t.to
			t.mu.Unlock()
			_ = t.e.net.send(to, ack, nil)
			return
		}
		if t.state > txProceeding {
			t.mu.Unlock()
			return
		}
		t.complete(res)
	default:
		if t.state > txProceeding {
			t.mu.Unlock()
			return
		}
		t.state = txCompleted
		t.stopTimers()
		if t.to.reliable() {
			t.endAfter(0, t.terminate)
		} else {
			t.endAfter(t.e.cfg.T4, t.terminate) // K
		}
	}
	ack, to := t.ack, t.to
	t.mu.Unlock()
	if ack != nil {
		_ = t.e.net.send(to, ack, nil)
	}
	t.on(res, nil)
}

// complete acknowledges a refused INVITE. Needs t.mu.
func (t *clientTx) complete(res *sipgo.Response) {
	t.state = txCompleted
	t.stopTimers()
	ack := sipgo.NewRequest(sipgo.ACK, t.req.Recipient) // RFC 3261 §17.1.1.3
	ack.AppendHeader(t.req.Via())
	for _, h := range t.req.GetHeaders("Route") {
		ack.AppendHeader(h)
	}
	maxForwards := sipgo.MaxForwardsHeader(70)
	ack.AppendHeader(&maxForwards)
	ack.AppendHeader(t.req.From())
	if to := res.To(); to != nil {
		ack.AppendHeader(to)
	} else {
		ack.AppendHeader(t.req.To())
	}
	ack.AppendHeader(t.req.CallID())
	ack.AppendHeader(&sipgo.CSeqHeader{SeqNo: t.req.CSeq().SeqNo, MethodName: sipgo.ACK})
	t.ack = wire(ack)
	if t.to.reliable() {
		t.endAfter(0, t.terminate)
	} else {
		t.endAfter(max(32*time.Second, 64*t.e.cfg.T1), t.terminate) // D
	}
}

func (t *clientTx) stopTimers() {
	if t.repeat != nil {
		t.repeat.Stop()
	}
	if t.end != nil {
		t.end.Stop()
	}
}

func (t *clientTx) terminate() {
	t.mu.Lock()
	t.state = txTerminated
	t.stopTimers()
	t.mu.Unlock()
	t.e.txs.removeClient(t.key, t)
}

// hop is where the request went at last.
func (t *clientTx) hop() hop {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.to
}

// outline is what cancels the request later, without its body, and where it went.
func (t *clientTx) outline() ([]byte, hop) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return wire(t.twin(t.req.Method)), t.to
}

// twin is a request with the identity of this one (RFC 3261 §9.1). Needs t.mu where
// the request may still move to another transport.
func (t *clientTx) twin(method sipgo.RequestMethod) *sipgo.Request {
	req := sipgo.NewRequest(method, t.req.Recipient)
	req.AppendHeader(t.req.Via().Clone())
	for _, h := range t.req.GetHeaders("Route") {
		req.AppendHeader(h)
	}
	maxForwards := sipgo.MaxForwardsHeader(70)
	req.AppendHeader(&maxForwards)
	req.AppendHeader(t.req.From())
	req.AppendHeader(t.req.To())
	req.AppendHeader(t.req.CallID())
	req.AppendHeader(&sipgo.CSeqHeader{SeqNo: t.req.CSeq().SeqNo, MethodName: method})
	return req
}

// resume takes up the transaction of an INVITE that a former process sent, so that
// it can be cancelled and its answer is understood.
func (e *Endpoint) resume(invite *sipgo.Request, to hop, on func(*sipgo.Response, error)) *clientTx {
	t := &clientTx{e: e, key: clientKey(invite.Via().Params.GetOr("branch", ""), sipgo.INVITE), req: invite, on: on, to: to, state: txProceeding}
	e.txs.addClient(t)
	t.mu.Lock()
	t.endAfter(64*e.cfg.T1, t.terminate)
	t.mu.Unlock()
	return t
}

// cancel sends CANCEL for an INVITE that has had a provisional response
// (RFC 3261 §9.1). done is told when it was answered or given up; an answer that
// refuses it is a StatusError.
func (t *clientTx) cancel(reason string, done func(error)) {
	req := t.twin(sipgo.CANCEL)
	if reason != "" {
		req.AppendHeader(sipgo.NewHeader("Reason", reason))
	}
	t.e.start(req, t.hop(), req.Via().Params.GetOr("branch", ""), func(res *sipgo.Response, err error) {
		switch {
		case err != nil:
			done(err)
		case res.StatusCode >= 300:
			done(statusError(res))
		case res.StatusCode >= 200:
			done(nil)
		}
	})
}
