package call

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/rtp"
	"github.com/openhotline/hotline/media/sdp"
	"github.com/openhotline/hotline/sip"
)

// sipLink is a SIP dialog and its RTP.
type sipLink struct {
	leg *Leg
	sip *sip.Dialog
	rtp *rtp.Leg

	mu      sync.Mutex // guards the negotiation
	session *sdp.Session
	reply   []byte // our answer to the INVITE's offer
	agreed  sdp.Negotiated
}

var _ link = (*sipLink)(nil)

// openRTP takes a port for a SIP leg of a line; lineID is empty for none.
func (c *Control) openRTP(l *Leg, lineID string) (*rtp.Leg, error) {
	if c.cfg.Ports == nil {
		return nil, ErrNoSIP
	}
	m, err := rtp.OpenLeg(rtp.LegConfig{
		ID: l.ID(), Pool: c.cfg.Ports, RTPTimeout: c.cfg.RTPTimeout, InbandDigits: c.soundOf(lineID).InbandDigits,
		Log: c.log.With("leg", l.ID()),
	})
	if errors.Is(err, rtp.ErrNoPort) {
		return nil, fmt.Errorf("%w: %w", ErrNoPort, err)
	}
	return m, err
}

// local is our side of a session description towards a peer.
func (c *Control) local(m *rtp.Leg, peer netip.Addr, lineID string) sdp.Local {
	return sdp.Local{Addr: c.announced(m.LocalAddr().Addr(), peer), Port: m.LocalPort(), Codecs: c.soundOf(lineID).Codecs}
}

// announced finds the address that a peer can send to: the configured external
// one, the socket's, or that of the interface towards the peer.
func (c *Control) announced(socket, peer netip.Addr) netip.Addr {
	if c.cfg.ExternalIP.IsValid() {
		return c.cfg.ExternalIP
	}
	if socket.IsValid() && !socket.IsUnspecified() {
		return socket
	}
	if !peer.IsValid() || peer.IsUnspecified() {
		peer = netip.AddrFrom4([4]byte{192, 0, 2, 1}) // documentation range: the default route's interface
	}
	// Connecting a UDP socket sends nothing; the kernel chooses the source.
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(peer, 9)))
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	defer func() { _ = conn.Close() }()
	addr, _ := conn.LocalAddr().(*net.UDPAddr)
	return addr.AddrPort().Addr().Unmap()
}

// listen connects the dialog's and the RTP leg's events with the leg.
func (s *sipLink) listen() {
	l := s.leg
	s.rtp.OnDigit(func(key byte, d time.Duration) { l.keypad.press(key, d, byMedia, time.Now()) })
	s.rtp.OnSilence(func(silent time.Duration) {
		if !l.isAnswered() || s.held() {
			return
		}
		l.ctl.log.Warn("no media from the peer", "leg", l.ID(), "silent_s", silent.Seconds())
		l.finish(End{Reason: TelecomProblem, Status: 200})
	})
	s.sip.OnInfoDigit(func(key byte, d time.Duration) { l.keypad.press(key, d, byInfo, time.Now()) })
	s.sip.OnReofferSettled(s.reoffered)
	s.sip.OnRefresh(func() []byte {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.session.Offer(s.session.Direction())
	})
	s.sip.OnRemoteAnswer(func(answer []byte) {
		if err := s.accept(answer); err != nil {
			l.ctl.log.Warn("peer's answer not usable", "leg", l.ID(), "err", err)
		}
	})
}

// held tells whether the peer wants nothing from us, or sends nothing: silence
// is then no sign of death.
func (s *sipLink) held() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.agreed.Held || !s.agreed.Params.Receiving
}

// reoffered answers the peer's re-INVITE or UPDATE: hold, resume, another codec
// or address. A nil offer asks for ours. What was agreed on counts when the
// answer goes out: until then the peer may still cancel.
func (s *sipLink) reoffered(offer []byte) (answer []byte, code int, settled func(sent bool)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if offer == nil {
		return s.session.Offer(s.session.Direction()), 0, func(sent bool) {
			if !sent {
				s.withdraw()
			}
		}
	}
	answer, agreed, err := s.session.Answer(offer)
	switch {
	case errors.Is(err, sdp.ErrMalformed):
		return nil, 400, nil
	case err != nil:
		return nil, 488, nil
	}
	return answer, 0, func(sent bool) {
		if !sent {
			s.withdraw()
			return
		}
		s.mu.Lock()
		err := s.apply(agreed)
		s.mu.Unlock()
		if err != nil {
			s.leg.ctl.log.Warn("media not as answered", "leg", s.leg.ID(), "err", err)
		}
		s.leg.changed()
	}
}

// lateOffer answers the offer that the 200 to our INVITE without one has.
func (s *sipLink) lateOffer(offer []byte) (answer []byte, code int) {
	answer, code, settled := s.reoffered(offer)
	if settled != nil {
		settled(true)
	}
	return answer, code
}

// withdraw leaves the session as it was before an offer or answer that came to
// nothing.
func (s *sipLink) withdraw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session.Withdraw()
}

// answerTo negotiates an offer of the peer and applies it.
func (s *sipLink) answerTo(offer []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer, agreed, err := s.session.Answer(offer)
	if err != nil {
		return nil, err
	}
	if err := s.apply(agreed); err != nil {
		return nil, err
	}
	return answer, nil
}

// apply gives the RTP leg what was agreed on. Called with mu held.
func (s *sipLink) apply(agreed sdp.Negotiated) error {
	if s.agreed.Held && !agreed.Held {
		s.rearm(agreed.Params)
	}
	if err := s.rtp.Configure(agreed.Params); err != nil {
		return fmt.Errorf("%w: %w", ErrNotAcceptable, err)
	}
	s.agreed = agreed
	return nil
}

// rearm makes the RTP leg's wait for packets begin anew with the next
// configuration: silence before the answer or during hold was of no account,
// and is told only once.
func (s *sipLink) rearm(p rtp.Params) {
	p.Receiving = false
	_ = s.rtp.Configure(p) // what is wrong with p, the next Configure tells
}

// begun is called when the leg is answered.
func (s *sipLink) begun() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.agreed.Params.Receiving {
		s.rearm(s.agreed.Params)
		_ = s.rtp.Configure(s.agreed.Params) // was accepted before
	}
}

// accept applies the peer's answer to an offer of ours.
func (s *sipLink) accept(answer []byte) error {
	s.mu.Lock()
	agreed, err := s.session.Accept(answer)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrNotAcceptable, err)
	} else {
		err = s.apply(agreed)
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.leg.changed()
	return nil
}

func (s *sipLink) party() media.Party { return s.rtp }

func (s *sipLink) describe(i *Info) {
	d := s.sip
	i.Kind, i.Outbound, i.CallID, i.Transport, i.Source = SIP, d.Outbound(), d.CallID(), d.Transport(), d.Source()
	i.LineID, i.DeviceID = d.LineID(), d.DeviceID()
	s.mu.Lock()
	defer s.mu.Unlock()
	i.PeerHolds = s.agreed.Held
	if k := s.agreed.Params.Send.Codec; k != 0 {
		i.Codec = k.String()
	}
}

func (s *sipLink) dialog() []byte { return s.sip.Persist() }

func (s *sipLink) ring() error {
	if s.sip.Outbound() {
		return nil
	}
	return s.sip.Ring()
}

func (s *sipLink) progress(ctx context.Context) error {
	if s.sip.Outbound() || s.reply == nil {
		return ErrState
	}
	return s.sip.Progress(ctx, s.reply)
}

func (s *sipLink) answer(ctx context.Context) error {
	if s.sip.Outbound() {
		return nil
	}
	if s.reply != nil {
		err := s.settled(s.sip.Answer(ctx, s.reply))
		if err == nil {
			s.begun()
		}
		return err
	}
	// Late offer: ours goes into the 200, the answer comes in the ACK.
	s.mu.Lock()
	offer := s.session.Offer(sdp.SendRecv)
	s.mu.Unlock()
	if err := s.settled(s.sip.Answer(ctx, offer)); err != nil {
		return err
	}
	if err := s.accept(s.sip.RemoteAnswer()); err != nil {
		s.leg.finish(End{Reason: TelecomProblem, Status: 200})
		return err
	}
	return nil
}

// settled ends the leg when an answer failed.
func (s *sipLink) settled(err error) error {
	if err == nil {
		return nil
	}
	s.leg.finish(s.failure())
	return err
}

// failure is the end of a leg whose answer failed: the dialog's own end where
// it has one.
func (s *sipLink) failure() End {
	select {
	case <-s.sip.Done():
		return s.why(s.leg.Party())
	default:
		return End{Reason: TelecomProblem}
	}
}

func (s *sipLink) reject(code int, phrase string) error {
	if s.sip.Outbound() {
		return ErrState
	}
	return s.sip.Reject(code, phrase)
}

func (s *sipLink) sendDigits(digits string) error { return s.rtp.SendDigits(digits) }

func (s *sipLink) addCandidate([]byte) error { return ErrState }

// hold offers a direction to the peer by re-INVITE.
func (s *sipLink) hold(ctx context.Context, hold bool) error {
	direction := sdp.SendRecv
	if hold {
		direction = sdp.SendOnly
	}
	ctx, cancel := context.WithTimeout(ctx, s.leg.ctl.cfg.SignalTimeout)
	defer cancel()
	return s.sip.Reoffer(ctx, sip.Offer{
		Describe: func() []byte {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.session.Offer(direction)
		},
		Settle: func(answer []byte, err error) error {
			if err != nil {
				s.withdraw()
				return err
			}
			return s.accept(answer)
		},
	})
}

func (s *sipLink) gone() <-chan struct{} { return s.sip.Done() }

func (s *sipLink) why(p Party) End {
	e := s.sip.End()
	return End{Reason: reasonOf(e, p), Status: e.Status, Text: e.Reason, ByRemote: e.ByRemote}
}

func (s *sipLink) end(e End, answered bool) {
	select {
	case <-s.sip.Done():
	default:
		s.hangup(e, answered)
	}
	if err := s.rtp.Close(); err != nil {
		s.leg.ctl.log.Warn("media of leg not closed", "leg", s.leg.ID(), "err", err)
	}
}

// discard ends a call of ours that no leg came to own.
func (s *sipLink) discard(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.leg.ctl.cfg.SignalTimeout)
	defer cancel()
	_ = s.sip.Hangup(ctx, sip.CauseNormal)
	_ = s.rtp.Close()
}

// hangup ends the dialog and waits, within bounds, for the other side.
func (s *sipLink) hangup(e End, answered bool) {
	ctl := s.leg.ctl
	ctx, cancel := context.WithTimeout(ctl.ctx, ctl.cfg.SignalTimeout)
	defer cancel()
	var err error
	if !answered && !s.sip.Outbound() && e.Status >= 300 {
		err = s.sip.Reject(e.Status, e.Text)
	} else {
		err = s.sip.Hangup(ctx, sip.CauseNormal)
	}
	if err != nil && !errors.Is(err, sip.ErrEnded) {
		ctl.log.Warn("dialog not ended properly", "leg", s.leg.ID(), "err", err)
	}
}

func (s *sipLink) stats() Stats {
	r := s.rtp.Stats()
	return Stats{
		Codec: r.Codec, PacketsReceived: r.PacketsReceived, PacketsSent: r.PacketsSent,
		PacketsLost: uint64(max(r.PacketsLost, 0)), PacketsLate: r.PacketsLate, FramesConcealed: r.FramesConcealed,
		JitterMS: milliseconds(r.Jitter), JitterBufferMS: milliseconds(r.JitterBuffer),
		RoundTripMS: milliseconds(r.RoundTrip), MOS: r.MOS,
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
