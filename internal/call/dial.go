package call

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/sdp"
	"github.com/openhotline/hotline/sip"
)

// Invite implements sip.Handler.
func (c *Control) Invite(d *sip.Dialog) {
	if !c.start(func() { c.receive(d) }) {
		// Closed: the endpoint, which outlives us, ends this goroutine.
		go func() { _ = d.Reject(503, "Service Unavailable") }()
	}
}

// receive makes a leg of an INVITE, or refuses it.
func (c *Control) receive(d *sip.Dialog) {
	c.mu.Lock()
	inbound := c.inbound
	c.mu.Unlock()
	if inbound == nil {
		c.refuse(d, 480, "Temporarily Unavailable", nil)
		return
	}
	leg := newLeg(c, Info{
		ID: id.New(id.Leg), Kind: SIP, Party: Customer,
		Dialled: d.Dialled(), Caller: d.Caller(), CallerName: d.CallerName(),
	})
	link, err := c.newSIPLink(leg, d)
	switch {
	case errors.Is(err, ErrNoPort):
		c.refuse(d, 503, "Service Unavailable", err)
		return
	case errors.Is(err, sdp.ErrMalformed):
		c.refuse(d, 400, "Bad Session Description", err)
		return
	case errors.Is(err, ErrNotAcceptable):
		c.refuse(d, 488, "Not Acceptable Here", err)
		return
	case err != nil:
		c.refuse(d, 500, "Server Internal Error", err)
		return
	}
	leg.link = link
	link.listen()
	if err := c.adopt(leg); err != nil {
		c.refuse(d, 503, "Service Unavailable", err)
		_ = link.rtp.Close()
		return
	}
	inbound(leg)
}

// newSIPLink takes a port and, with an early offer, negotiates.
func (c *Control) newSIPLink(leg *Leg, d *sip.Dialog) (*sipLink, error) {
	m, err := c.openRTP(leg, d.LineID())
	if err != nil {
		return nil, err
	}
	s := &sipLink{leg: leg, sip: d, rtp: m, session: sdp.NewSession(c.local(m, d.Source().Addr(), d.LineID()))}
	if offer := d.Offer(); offer != nil {
		if s.reply, err = s.answerTo(offer); err != nil {
			_ = m.Close()
			if !errors.Is(err, sdp.ErrMalformed) {
				err = fmt.Errorf("%w: %w", ErrNotAcceptable, err)
			}
			return nil, err
		}
	}
	return s, nil
}

func (c *Control) refuse(d *sip.Dialog, code int, phrase string, cause error) {
	c.log.Warn("call refused", "call_id", d.CallID(), "line", d.LineID(), "status", code, "err", cause)
	if err := d.Reject(code, phrase); err != nil && !errors.Is(err, sip.ErrEnded) {
		c.log.Warn("refusal not sent", "call_id", d.CallID(), "err", err)
	}
}

// DialRequest describes a leg that we call.
type DialRequest struct {
	// ID names the leg. Required, unique among the live ones.
	ID string
	// Party is the role of who is called. Defaults to Agent for a device and to
	// External for a number.
	Party Party
	// DeviceID rings a registered desk phone.
	DeviceID string
	// LineID and To dial a number on a line. URI is called as it is.
	LineID, To, URI string
	// From is the number shown, DisplayName the name.
	From, DisplayName string
	// RingTimeout ends an unanswered call. Defaults to the endpoint's.
	RingTimeout time.Duration
	// Codec is offered first, so that packets can be relayed: the name in the
	// Info of the leg it will talk to. Defaults to the configured order.
	Codec string
	// LateOffer sends the INVITE without a session description.
	LateOffer bool
	// Headers are added to the INVITE.
	Headers []sip.Header
}

// DialDevice rings a desk phone and returns at once: wait for Answered or Done,
// whose End says why not. ctx ends the ringing.
func (c *Control) DialDevice(ctx context.Context, r DialRequest) (*Leg, error) {
	if r.DeviceID == "" {
		return nil, fmt.Errorf("%w: no device to dial", ErrState)
	}
	r.LineID, r.URI, r.Party = "", "", cmp.Or(r.Party, Agent)
	return c.dial(ctx, r)
}

// DialNumber calls a number on a line, or a URI, as DialDevice does.
func (c *Control) DialNumber(ctx context.Context, r DialRequest) (*Leg, error) {
	if (r.LineID == "") == (r.URI == "") {
		return nil, fmt.Errorf("%w: either a line or a URI to dial", ErrState)
	}
	r.DeviceID, r.Party = "", cmp.Or(r.Party, External)
	return c.dial(ctx, r)
}

func (c *Control) dial(ctx context.Context, r DialRequest) (*Leg, error) {
	endpoint := c.sip()
	if endpoint == nil {
		return nil, ErrNoSIP
	}
	leg := newLeg(c, Info{
		ID: r.ID, Kind: SIP, Party: r.Party, Outbound: true,
		Dialled: cmp.Or(r.To, r.DeviceID, r.URI), Caller: r.From, CallerName: r.DisplayName,
	})
	m, err := c.openRTP(leg, r.LineID)
	if err != nil {
		return nil, err
	}
	local := c.local(m, endpoint.Addrs().UDP.Addr(), r.LineID)
	local.Codecs = preferring(local.Codecs, r.Codec)
	s := &sipLink{leg: leg, rtp: m, session: sdp.NewSession(local)}
	request := sip.DialRequest{
		ID: r.ID, LineID: r.LineID, DeviceID: r.DeviceID, URI: r.URI, To: r.To,
		From: r.From, DisplayName: r.DisplayName, Headers: r.Headers, RingTimeout: r.RingTimeout,
	}
	if r.LateOffer {
		request.AnswerOffer = s.lateOffer
	} else {
		request.Offer = s.session.Offer(sdp.SendRecv)
	}
	if s.sip, err = endpoint.Dial(ctx, request); err != nil {
		_ = m.Close()
		return nil, fmt.Errorf("dial leg %s: %w", r.ID, err)
	}
	leg.link = s
	s.listen()
	if err := c.adopt(leg); err != nil {
		s.discard(ctx)
		return nil, err
	}
	if !c.start(func() { s.await(r.LateOffer) }) {
		leg.Hangup(FlowDisconnect)
	}
	return leg, nil
}

// preferring puts the named codec in front, if it is one of the list.
func preferring(list []codec.Kind, name string) []codec.Kind {
	wanted, _ := codec.Parse(name)
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b codec.Kind) int {
		switch wanted {
		case a:
			return -1
		case b:
			return 1
		}
		return 0
	})
	return sorted
}

// await follows a call of ours until it is answered or over.
func (s *sipLink) await(late bool) {
	var told []byte         // what ends the call, as its owner was told last
	var announced time.Time // when sound was, first
	var sound earlySound
	look := time.NewTicker(earlyCheck)
	look.Stop()
	defer look.Stop()
	for {
		select {
		case p := <-s.sip.Progressed():
			if p.SDP != nil && announced.IsZero() {
				announced = time.Now()
				look.Reset(earlyCheck)
			}
			s.progressed(p, late)
			if form := s.dialog(); !bytes.Equal(form, told) {
				told = form
				s.leg.changed()
			}
		case <-look.C:
			sounds := sound.comes(s.rtp.Stats(), time.Now())
			s.leg.sounds(sounds)
			if sounds || time.Since(announced) > earlyPatience {
				s.leg.rings()
			}
		case <-s.sip.Answered():
			s.connected(late)
			return
		case <-s.sip.Done():
			return
		case <-s.leg.Done():
			return
		}
	}
}

// progressed follows a provisional response. Its description is that of early
// media; the 200 may bring another one. That of a late offer was answered already.
func (s *sipLink) progressed(p sip.Progress, late bool) {
	if p.SDP != nil && !late {
		if err := s.accept(p.SDP); err != nil {
			s.leg.ctl.log.Warn("early media not usable", "leg", s.leg.ID(), "err", err)
		}
	}
	if p.Code == 180 || p.Code == 183 && p.SDP == nil {
		s.leg.rings()
	}
}

// connected applies the answer of a call of ours.
func (s *sipLink) connected(late bool) {
	if !late {
		if err := s.accept(s.sip.RemoteAnswer()); err != nil {
			s.leg.ctl.log.Warn("answer not usable", "leg", s.leg.ID(), "err", err)
			s.leg.finish(End{Reason: TelecomProblem, Status: 200})
			return
		}
	}
	s.begun()
	s.leg.rings()
	s.leg.up()
}
