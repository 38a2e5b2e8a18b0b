package sip

import (
	"cmp"
	"hash/maphash"
	"strconv"

	sipgo "github.com/emiago/sipgo/sip"
)

var tagSeed = maphash.MakeSeed()

// statelessTag is the same for every retransmission of a request, as a
// stateless user agent server needs it (RFC 3261 §8.2.7).
func statelessTag(req *sipgo.Request) string {
	via := ""
	if v := req.Via(); v != nil {
		via = v.Params.GetOr("branch", v.Host)
	}
	id := ""
	if c := req.CallID(); c != nil {
		id = c.Value()
	}
	return "s" + strconv.FormatUint(maphash.String(tagSeed, id+"\x00"+via), 36)
}

// refusal is a final response without a transaction.
type refusal struct {
	code    int
	reason  string
	headers []Header
}

func (r *refusal) with(name, value string) *refusal {
	r.headers = append(r.headers, Header{name, value})
	return r
}

// answer sends a stateless response.
func (e *Endpoint) answer(req *sipgo.Request, from hop, r *refusal) {
	if req.Method == sipgo.ACK {
		return
	}
	_ = e.net.send(replyHop(req, from), wire(e.stateless(req, r)), nil)
}

func (e *Endpoint) stateless(req *sipgo.Request, r *refusal) *sipgo.Response {
	res := newResponse(req, r.code, r.reason, statelessTag(req))
	for _, h := range r.headers {
		res.AppendHeader(sipgo.NewHeader(h.Name, oneLine(h.Value)))
	}
	res.AppendHeader(sipgo.NewHeader("Server", e.cfg.UserAgent))
	return res
}

// receive takes every parsed message, in the goroutine that read it.
func (e *Endpoint) receive(m sipgo.Message, from hop) {
	switch m := m.(type) {
	case *sipgo.Request:
		e.receiveRequest(m, from)
	case *sipgo.Response:
		e.receiveResponse(m, from)
	}
}

func (e *Endpoint) receiveResponse(res *sipgo.Response, from hop) {
	via, cseq := res.Via(), res.CSeq()
	if via == nil || cseq == nil || res.From() == nil || res.To() == nil || res.CallID() == nil ||
		res.StatusCode < 100 || res.StatusCode > 699 || len(res.GetHeaders("Via")) > 1 {
		return
	}
	tx := e.txs.client(clientKey(via.Params.GetOr("branch", ""), cseq.MethodName))
	if tx != nil {
		tx.receive(res, from)
		return
	}
	// A 2xx of an INVITE whose transaction is over: the dialog repeats its ACK.
	if cseq.MethodName == sipgo.INVITE && res.StatusCode/100 == 2 {
		if d := e.dialog(res.CallID().Value(), tagOf(res.From())); d != nil {
			d.postResponse(res, func() { d.lateResponse(res) })
		}
	}
}

func (e *Endpoint) receiveRequest(req *sipgo.Request, from hop) {
	if r := e.validate(req); r != nil {
		if req.Via() != nil && req.CSeq() != nil {
			markReceived(req, from.addr)
			e.answer(req, from, r)
		}
		return
	}
	if tx := e.txs.server(serverKey(req, req.Method)); tx != nil && req.Method != sipgo.CANCEL {
		tx.receive(req)
		return
	}
	markReceived(req, from.addr)
	switch {
	case req.Method == sipgo.CANCEL:
		e.receiveCancel(req, from)
	case tagOf(req.To()) != "":
		e.receiveInDialog(req, from)
	default:
		e.receiveNew(req, from)
	}
}

// receiveCancel answers CANCEL and cancels its INVITE (RFC 3261 §9.2).
func (e *Endpoint) receiveCancel(req *sipgo.Request, from hop) {
	tx := e.txs.server(serverKey(req, sipgo.INVITE))
	if tx == nil {
		e.answer(req, from, &refusal{code: 481})
		return
	}
	// The tag is the one that the INVITE's own answers have.
	res := newResponse(req, 200, "", cmp.Or(tx.opened(), statelessTag(req)))
	res.AppendHeader(sipgo.NewHeader("Server", e.cfg.UserAgent))
	_ = e.net.send(replyHop(req, from), wire(res), nil)
	tx.cancel()
}

func (e *Endpoint) receiveInDialog(req *sipgo.Request, from hop) {
	d := e.dialog(req.CallID().Value(), tagOf(req.To()))
	if d == nil {
		if req.Method == sipgo.ACK {
			return
		}
		if req.Method == sipgo.OPTIONS || req.Method == sipgo.REGISTER {
			e.receiveNew(req, from)
			return
		}
		e.answer(req, from, &refusal{code: 481})
		return
	}
	if req.Method == sipgo.ACK {
		d.postRequest(req, nil, from)
		return
	}
	tx := e.newServerTx(req, from)
	if tx == nil {
		return
	}
	if !d.postRequest(req, tx, from) {
		e.respondTx(tx, 481, "")
	}
}

// newServerTx makes a transaction; nil when a retransmission made it first, or
// there are too many.
func (e *Endpoint) newServerTx(req *sipgo.Request, from hop) *serverTx {
	tx := &serverTx{e: e, key: serverKey(req, req.Method), req: req, invite: req.Method == sipgo.INVITE, reply: replyHop(req, from)}
	old, ok := e.txs.addServer(tx)
	switch {
	case ok:
		return tx
	case old != nil:
		old.receive(req)
	default:
		e.answer(req, from, e.unavailable())
	}
	return nil
}

func (e *Endpoint) respondTx(tx *serverTx, code int, reason string, headers ...Header) {
	req := tx.request()
	if req == nil {
		return // answered
	}
	res := newResponse(req, code, reason, statelessTag(req))
	for _, h := range headers {
		res.AppendHeader(sipgo.NewHeader(h.Name, oneLine(h.Value)))
	}
	res.AppendHeader(sipgo.NewHeader("Server", e.cfg.UserAgent))
	_ = tx.respond(res)
}

// receiveNew takes a request outside any dialog.
func (e *Endpoint) receiveNew(req *sipgo.Request, from hop) {
	switch req.Method {
	case sipgo.INVITE:
		e.receiveInvite(req, from)
	case sipgo.REGISTER:
		e.registrar.receive(req, from)
	case sipgo.OPTIONS:
		r := (&refusal{code: 200}).with("Allow", allowed).with("Supported", supported).with("Accept", sdpType)
		if e.admission.isDraining() {
			r = e.unavailable()
		}
		e.answer(req, from, r)
	case sipgo.ACK:
	case sipgo.BYE, sipgo.INFO, sipgo.PRACK, sipgo.UPDATE:
		e.answer(req, from, &refusal{code: 481})
	case sipgo.MESSAGE, sipgo.SUBSCRIBE, sipgo.NOTIFY, sipgo.REFER, sipgo.PUBLISH:
		e.answer(req, from, (&refusal{code: 405}).with("Allow", allowed))
	default:
		e.answer(req, from, (&refusal{code: 501}).with("Allow", allowed))
	}
}

func (e *Endpoint) unavailable() *refusal {
	return (&refusal{code: 503}).with("Retry-After", e.retryAfter())
}

func (e *Endpoint) retryAfter() string { return strconv.Itoa(max(1, int(e.cfg.RetryAfter.Seconds()))) }

// receiveInvite authenticates the caller, takes a place for the call and opens
// the dialog.
func (e *Endpoint) receiveInvite(req *sipgo.Request, from hop) {
	e.mu.Lock()
	other := e.merged[dialogKey(req.CallID().Value(), tagOf(req.From()))]
	e.mu.Unlock()
	if other != nil && other.inviteSeq == req.CSeq().SeqNo {
		e.answer(req, from, &refusal{code: 482}) // RFC 3261 §8.2.2.2
		return
	}
	line, device, r := e.caller(req, from)
	if r != nil {
		e.answer(req, from, r)
		return
	}
	if r := e.checkTimer(req); r != nil {
		e.answer(req, from, r)
		return
	}
	if err := e.admission.take(line, true); err != nil {
		e.answer(req, from, e.unavailable())
		return
	}
	tx := e.newServerTx(req, from)
	if tx == nil {
		e.admission.release(lineID(line))
		return
	}
	d := newIncoming(e, req, tx, from, line, device)
	tx.opens(d.localTag)
	if !e.add(d) {
		e.admission.settled(d.in.setup)
		e.admission.release(lineID(line))
		e.respondTx(tx, 503, "")
		return
	}
	tx.notifyCancel(func() { d.post(d.cancelled) })
}

// caller tells who is calling: a registered phone with a valid digest, or a line.
func (e *Endpoint) caller(req *sipgo.Request, from hop) (*Line, *Device, *refusal) {
	line := e.sources.line(from.addr.Addr(), userOf(&req.Recipient))
	user := userOf(&req.From().Address)
	phone := e.registrar.hasUser(user) && (line == nil || e.registrar.at(from))
	switch {
	case !phone && line == nil:
		return nil, nil, &refusal{code: 403}
	case !phone:
		return line, nil, nil
	}
	device, r := e.registrar.authenticate(req, from)
	if r != nil {
		return nil, nil, r
	}
	if device.Username != user {
		return nil, nil, &refusal{code: 403}
	}
	return nil, device, nil
}

func lineID(l *Line) string {
	if l == nil {
		return ""
	}
	return l.ID
}

func dialogKey(callID, tag string) string { return callID + "\x00" + tag }

func (e *Endpoint) dialog(callID, localTag string) *Dialog {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.dialogs[dialogKey(callID, localTag)]
}

// add registers a dialog and starts its goroutine.
func (e *Endpoint) add(d *Dialog) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || !e.group.spawn(d.run) {
		return false
	}
	e.dialogs[dialogKey(d.callID, d.leg.localTag)] = d
	if !d.outbound {
		e.merged[dialogKey(d.callID, d.leg.remoteTag)] = d
	}
	return true
}

func (e *Endpoint) remove(d *Dialog) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.dialogs, dialogKey(d.callID, d.localTag))
	if !d.outbound {
		if k := dialogKey(d.callID, d.remoteTag); e.merged[k] == d {
			delete(e.merged, k)
		}
	}
}
