package sip

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// persisted is a dialog as it outlives its process. Version 1.
type persisted struct {
	Version    int      `json:"v"`
	CallID     string   `json:"call_id"`
	LocalTag   string   `json:"local_tag"`
	RemoteTag  string   `json:"remote_tag"`
	LocalURI   string   `json:"local_uri"`
	LocalName  string   `json:"local_name,omitempty"`
	RemoteURI  string   `json:"remote_uri"`
	RemoteName string   `json:"remote_name,omitempty"`
	LocalSeq   uint32   `json:"local_seq"`
	RemoteSeq  uint32   `json:"remote_seq"`
	Target     string   `json:"target"`
	Routes     []string `json:"routes,omitempty"`
	Secure     bool     `json:"secure,omitempty"`
	Network    string   `json:"network"`
	Address    string   `json:"address"`
	KeepFlow   bool     `json:"keep_flow,omitempty"`
	Outbound   bool     `json:"outbound,omitempty"`
	LineID     string   `json:"line_id,omitempty"`
	DeviceID   string   `json:"device_id,omitempty"`
	LocalSDP   []byte   `json:"local_sdp,omitempty"`
	// Invite is the identity of an INVITE of ours that is not answered: what CANCEL
	// repeats of it. RemoteTag is empty then.
	Invite []byte `json:"invite,omitempty"`
}

const persistVersion = 1

// orphanSeqGap is added to the last number we know: requests may have been sent
// after the dialog was persisted.
const orphanSeqGap = 1000

// persistWithin bounds how long Persist waits for the dialog's goroutine, which
// never blocks.
const persistWithin = time.Second

// Persist is everything needed to send BYE or a re-INVITE after a restart, or
// CANCEL for a call of ours that is not answered. It changes with the description
// and the route: persist it again after Answer, Reoffer and each Progress. An
// incoming call has it before the answer, so that it can be written down first;
// what we dial has it once the INVITE was sent. A dialog that cannot be asked within
// a second gives the form it had before.
func (d *Dialog) Persist() []byte {
	ctx, cancel := context.WithTimeout(context.Background(), persistWithin)
	defer cancel()
	_ = d.await(ctx, func(reply chan<- error) {
		d.persist()
		reply <- nil
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.persisted
}

// persist refreshes the persisted form.
func (d *Dialog) persist() {
	l, ringing := d.leg, d.phase == phaseEarly && d.outbound && d.out.tx != nil
	early := d.phase == phaseEarly && !d.outbound
	if l == nil || !ringing && (l.remoteTag == "" || !early && d.phase != phaseAnswered && d.phase != phaseTalking) {
		return
	}
	p := persisted{
		Version: persistVersion, CallID: l.callID, LocalTag: l.localTag, RemoteTag: l.remoteTag,
		LocalURI: l.localURI.String(), LocalName: l.localName, RemoteURI: l.remoteURI.String(), RemoteName: l.remoteName,
		LocalSeq: l.localSeq, RemoteSeq: l.remoteSeq, Target: l.target.String(), Secure: l.secure,
		Network: l.flow.network, Address: l.flow.addr.String(), KeepFlow: l.keepFlow,
		Outbound: d.outbound, LineID: d.lineID, DeviceID: d.deviceID, LocalSDP: d.localSDP,
	}
	for _, r := range l.routes {
		p.Routes = append(p.Routes, r.String())
	}
	if ringing {
		text, to := d.out.tx.outline()
		p.RemoteTag, p.Invite, p.LocalSDP = "", text, nil
		p.Network, p.Address = to.network, to.addr.String()
	}
	b, err := json.Marshal(p)
	if err != nil {
		return
	}
	d.mu.Lock()
	d.persisted = b
	d.mu.Unlock()
}

// parsePersisted reads a persisted dialog back.
func parsePersisted(b []byte) (*leg, persisted, error) {
	var p persisted
	if err := json.Unmarshal(b, &p); err != nil {
		return nil, p, fmt.Errorf("%w: %w", ErrPersisted, err)
	}
	if p.Version != persistVersion || p.CallID == "" || p.LocalTag == "" || (p.RemoteTag == "") == (p.Invite == nil) {
		return nil, p, fmt.Errorf("%w: version %d", ErrPersisted, p.Version)
	}
	for _, s := range []string{p.CallID, p.LocalTag, p.RemoteTag, p.LocalURI, p.RemoteURI, p.Target, p.LocalName, p.RemoteName} {
		if oneLine(s) != s {
			return nil, p, fmt.Errorf("%w: control character", ErrPersisted)
		}
	}
	l := &leg{
		callID: p.CallID, localTag: p.LocalTag, remoteTag: p.RemoteTag,
		localName: p.LocalName, remoteName: p.RemoteName,
		localSeq: p.LocalSeq + orphanSeqGap, remoteSeq: p.RemoteSeq, secure: p.Secure, keepFlow: p.KeepFlow,
	}
	if l.localSeq < orphanSeqGap || l.localSeq > 1<<31-1-orphanSeqGap {
		return nil, p, fmt.Errorf("%w: sequence number", ErrPersisted)
	}
	var err error
	for _, u := range []struct {
		text string
		into *sipgo.Uri
	}{{p.LocalURI, &l.localURI}, {p.RemoteURI, &l.remoteURI}} {
		if err = sipgo.ParseUri(u.text, u.into); err != nil {
			return nil, p, fmt.Errorf("%w: %w", ErrPersisted, err)
		}
	}
	if l.target, err = parseSIPURI(p.Target); err != nil {
		return nil, p, fmt.Errorf("%w: %w", ErrPersisted, err)
	}
	for _, r := range p.Routes {
		u, err := parseSIPURI(r)
		if err != nil {
			return nil, p, fmt.Errorf("%w: %w", ErrPersisted, err)
		}
		l.routes = append(l.routes, u)
	}
	switch p.Network {
	case viaUDP, viaTCP, viaTLS:
	default:
		return nil, p, fmt.Errorf("%w: network %q", ErrPersisted, p.Network)
	}
	l.flow.network = p.Network
	if l.flow.addr, err = netip.ParseAddrPort(p.Address); err != nil {
		return nil, p, fmt.Errorf("%w: %w", ErrPersisted, err)
	}
	return l, p, nil
}

// EndOrphan sends BYE for a dialog persisted by a process that has died and
// waits for the answer; for a call of ours that was not answered yet, CANCEL, and
// BYE when it is answered all the same. An answered dialog the other side no longer
// knows is a success. An INVITE it does not know is a StatusError (481): it may ring
// for another one that nobody wrote down any more.
func (e *Endpoint) EndOrphan(ctx context.Context, b []byte) error {
	l, p, err := parsePersisted(b)
	if err != nil {
		return err
	}
	var invite *sipgo.Request
	if p.Invite != nil {
		if invite, err = e.parseInvite(p); err != nil {
			return err
		}
	}
	if !e.running() {
		return fmt.Errorf("end orphan %s: %w", p.CallID, ErrClosed)
	}
	d := newDialog(e)
	d.outbound = true
	d.callID, d.localTag, d.id = p.CallID, p.LocalTag, p.CallID
	d.lineID, d.deviceID = p.LineID, p.DeviceID
	d.leg, d.phase = l, phaseTalking
	d.out.won = true
	d.log = e.log.With("call", d.callID)
	if line := e.line(p.LineID); line != nil {
		d.auth = newDigestState(line.Username, line.Password)
	}
	if invite != nil {
		d.phase, l.localSeq = phaseEarly, invite.CSeq().SeqNo
		d.out = uacCall{seq: l.localSeq, legs: map[string]*leg{}, lost: map[string]sent{}}
	}
	if e.admission.takeOrphan(d.lineID); !e.add(d) {
		e.admission.release(d.lineID)
		return ErrClosed
	}
	if invite != nil {
		err = d.cancelOrphan(ctx, invite)
	} else {
		err = d.endOrphan(ctx)
	}
	if err != nil {
		return fmt.Errorf("end orphan %s: %w", p.CallID, err)
	}
	return nil
}

// endOrphan sends BYE.
func (d *Dialog) endOrphan(ctx context.Context) error {
	var status int
	err := d.await(ctx, func(reply chan<- error) {
		d.over(End{Cause: CauseShutdown, Status: 200})
		d.send(d.leg, sipgo.BYE, func(req *sipgo.Request) {
			h := reasonHeader(CauseShutdown)
			req.AppendHeader(sipgo.NewHeader(h.Name, h.Value))
		}, func(res *sipgo.Response, err error) {
			if err == nil && res.StatusCode < 200 {
				return
			}
			if res != nil {
				status = res.StatusCode
			}
			reply <- err
			d.left()
		})
	})
	if err != nil {
		d.kill()
		return err
	}
	if status >= 300 && status != 481 && status != 404 && status != 410 && status != 408 {
		return &StatusError{Code: status}
	}
	return nil
}

// cancelOrphan sends CANCEL for an INVITE of a process that has died. The dialog
// stays for a while behind it: an answer that crosses it is ended by BYE.
func (d *Dialog) cancelOrphan(ctx context.Context, invite *sipgo.Request) error {
	err := d.await(ctx, func(reply chan<- error) {
		d.out.tx = d.e.resume(invite, d.leg.flow, func(res *sipgo.Response, err error) {
			d.postResponse(res, func() {
				if err == nil {
					d.invited(res)
				}
			})
		})
		d.out.cancel, d.out.asked = CauseShutdown, true
		d.over(End{Cause: CauseShutdown, Status: 487})
		d.alarms.after(64*d.e.cfg.T1, d.left)
		d.out.tx.cancel(reasonHeader(CauseShutdown).Value, func(err error) {
			if !errors.Is(err, ErrRefused) {
				reply <- err
				return
			}
			d.post(func() { d.cancelRefused(err, reply) })
		})
	})
	if errors.Is(err, ErrEnded) { // the INVITE was refused before CANCEL was answered
		return nil
	}
	return err
}

// cancelRefused takes the refusal of an orphan's CANCEL. It comes too late for an
// INVITE that was answered (RFC 3261 §9.2): a 2xx is repeated every T2 at least, and
// gets its BYE. Where none comes nothing was ended.
func (d *Dialog) cancelRefused(refusal error, reply chan<- error) {
	if len(d.out.lost) > 0 {
		reply <- nil
		return
	}
	d.alarms.after(d.e.cfg.T1+d.e.cfg.T2, func() {
		if len(d.out.lost) > 0 {
			refusal = nil
		}
		reply <- refusal
	})
}

// parseInvite reads the INVITE of a persisted call of ours.
func (e *Endpoint) parseInvite(p persisted) (*sipgo.Request, error) {
	m, err := e.net.parser.ParseSIP(p.Invite)
	if err != nil {
		return nil, fmt.Errorf("%w: INVITE: %w", ErrPersisted, err)
	}
	req, ok := m.(*sipgo.Request)
	if !ok || req.Method != sipgo.INVITE || req.Via() == nil || req.CSeq() == nil || req.From() == nil || req.To() == nil || req.CallID() == nil ||
		req.CallID().Value() != p.CallID || tagOf(req.From()) != p.LocalTag || req.Via().Params.GetOr("branch", "") == "" {
		return nil, fmt.Errorf("%w: INVITE of another call", ErrPersisted)
	}
	return req, nil
}

// takeOrphan takes a place without a limit.
func (a *admission) takeOrphan(line string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total++
	if line != "" {
		a.lines[line]++
	}
}
