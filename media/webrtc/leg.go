package webrtc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	pion "github.com/pion/webrtc/v4"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// Prefs says what a leg should speak.
type Prefs struct {
	// Codecs are the codecs towards the browser, best first. Defaults to PCMA,
	// PCMU. Only PCMA, PCMU and G722 count.
	Codecs []codec.Kind
	// OpusUp asks the browser to send Opus, when it offers that.
	OpusUp bool
}

func (p Prefs) codecs() []codec.Kind {
	if len(p.Codecs) == 0 {
		return []codec.Kind{codec.PCMA, codec.PCMU}
	}
	return p.Codecs
}

// LegConfig configures a leg. The callbacks must not block and must not call
// Close; each of them may be nil.
type LegConfig struct {
	ID    string
	Prefs Prefs
	// OnCandidate is given our candidates that were found after the answer, as
	// the JSON of RTCIceCandidateInit.
	OnCandidate func(candidate []byte)
	// OnConnected is told once that media can flow.
	OnConnected func()
	// OnDigit is told every digit once (0-9 * # A-D).
	OnDigit func(digit byte, d time.Duration)
	// OnLost is told that a connected leg gave neither RTP nor RTCP for
	// Config.LostAfter, or was closed by the browser; then that it is back.
	OnLost func(lost bool)
}

// Leg is one browser. It implements media.Relayer.
type Leg struct {
	api    *API
	cfg    LegConfig
	pc     *pion.PeerConnection
	choice choice
	rate   media.Rate

	connected chan struct{}
	isUp      atomic.Bool
	lost      atomic.Bool
	dead      atomic.Bool  // the connection failed or was closed: it cannot come back
	heard     atomic.Int64 // when RTP or RTCP came last, Unix nanoseconds
	trickle   atomic.Bool  // the answer was given: further candidates are sent on

	up      receiver
	down    sender
	reports reports

	mu     sync.Mutex
	closed bool
	loops  sync.WaitGroup // readers of RTP and RTCP
	done   chan struct{}  // closed when Close has finished
}

var _ media.Relayer = (*Leg)(nil)

// NewLeg answers a browser's offer. The leg exists until Close; ctx bounds the
// wait for our own candidates.
func (a *API) NewLeg(ctx context.Context, cfg LegConfig, offer string) (leg *Leg, answer string, err error) {
	list, err := parseOffer(offer)
	if err != nil {
		return nil, "", err
	}
	chosen, err := choose(list, cfg.Prefs)
	if err != nil {
		return nil, "", err
	}
	l := &Leg{api: a, cfg: cfg, choice: chosen, connected: make(chan struct{}), done: make(chan struct{})}
	if err := l.prepare(); err != nil {
		return nil, "", err
	}
	if l.pc, err = a.connection(a.settings, chosen.parameters()); err != nil {
		return nil, "", err
	}
	if err := a.add(l); err != nil {
		return nil, "", errors.Join(err, l.pc.Close())
	}
	answer, err = l.negotiate(ctx, offer)
	if err != nil {
		_ = l.Close()
		return nil, "", err
	}
	return l, answer, nil
}

// prepare makes what the chosen codecs need.
func (l *Leg) prepare() error {
	kind, err := l.choice.kind()
	if err != nil {
		return err
	}
	up := kind
	if l.choice.up != nil {
		up = codec.Opus
	}
	l.rate = up.Rate()
	if up == codec.Opus {
		l.rate = media.Rate16k
	}
	if err := l.up.init(l, up, l.rate); err != nil {
		return err
	}
	return l.down.init(l, kind, l.rate)
}

// handle connects the peer connection's events with the leg.
func (l *Leg) handle() {
	l.pc.OnConnectionStateChange(l.stateChanged)
	l.pc.OnTrack(func(t *pion.TrackRemote, r *pion.RTPReceiver) {
		l.run(func() { l.up.readRTP(t) })
		l.run(func() { l.readReports(r.Read) })
	})
	l.pc.OnICECandidate(func(c *pion.ICECandidate) {
		if c == nil || !l.trickle.Load() || l.cfg.OnCandidate == nil {
			return
		}
		if text, err := json.Marshal(c.ToJSON()); err == nil {
			l.cfg.OnCandidate(text)
		}
	})
}

// negotiate makes the answer and starts the connection.
func (l *Leg) negotiate(ctx context.Context, offer string) (string, error) {
	l.handle()
	rtpSender, err := l.pc.AddTrack(&l.down)
	if err != nil {
		return "", fmt.Errorf("webrtc: add track: %w", err)
	}
	if err := l.pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	for _, t := range l.pc.GetTransceivers() {
		if t.Kind() == pion.RTPCodecTypeAudio && t.Sender() == rtpSender {
			if err := t.SetCodecPreferences(l.choice.parameters()); err != nil {
				return "", fmt.Errorf("%w: %w", ErrCodec, err)
			}
		}
	}
	description, err := l.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	if err := l.gather(ctx, description); err != nil {
		return "", err
	}
	l.run(func() { l.readReports(rtpSender.Read) })
	return l.choice.tune(l.pc.LocalDescription().SDP), nil
}

// gather applies our description and waits, within bounds, for our candidates.
func (l *Leg) gather(ctx context.Context, d pion.SessionDescription) error {
	gathered := pion.GatheringCompletePromise(l.pc)
	if err := l.pc.SetLocalDescription(d); err != nil {
		return fmt.Errorf("%w: %w", ErrOffer, err)
	}
	wait := time.NewTimer(l.api.cfg.GatherTimeout)
	defer wait.Stop()
	select {
	case <-gathered:
	case <-wait.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	l.trickle.Store(true)
	return nil
}

// run starts a loop that Close waits for.
func (l *Leg) run(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.loops.Go(f)
	}
}

// AddCandidate adds a trickled candidate of the browser, the JSON of
// RTCIceCandidateInit. The end of candidates and names of mDNS, which we do not
// resolve, are accepted and ignored: the browser reaches us anyway.
func (l *Leg) AddCandidate(candidate []byte) error {
	var c *pion.ICECandidateInit
	if err := json.Unmarshal(candidate, &c); err != nil {
		return fmt.Errorf("%w: %w", ErrCandidate, err)
	}
	if c == nil || c.Candidate == "" || strings.Contains(c.Candidate, ".local ") {
		return nil
	}
	if err := l.pc.AddICECandidate(*c); err != nil {
		return fmt.Errorf("%w: %w", ErrCandidate, err)
	}
	return nil
}

// stateChanged follows ICE and DTLS.
func (l *Leg) stateChanged(s pion.PeerConnectionState) {
	switch s {
	case pion.PeerConnectionStateConnected:
		l.hear()
		if l.isUp.CompareAndSwap(false, true) {
			close(l.connected)
			if l.cfg.OnConnected != nil {
				l.cfg.OnConnected()
			}
		}
	case pion.PeerConnectionStateFailed, pion.PeerConnectionStateClosed:
		l.dead.Store(true)
		l.check(time.Now())
	}
}

// hear notes a sign of life.
func (l *Leg) hear() {
	l.heard.Store(time.Now().UnixNano())
	if !l.lost.Load() || l.dead.Load() {
		return
	}
	if l.lost.CompareAndSwap(true, false) && l.cfg.OnLost != nil {
		l.cfg.OnLost(false)
	}
}

// check looks for silence and for digits whose end was lost; the API calls it
// from time to time.
func (l *Leg) check(now time.Time) {
	l.up.expire(now)
	if !l.isUp.Load() && !l.dead.Load() {
		return
	}
	silent := now.UnixNano()-l.heard.Load() > int64(l.api.cfg.LostAfter)
	if !silent && !l.dead.Load() {
		return
	}
	if l.isClosed() {
		return
	}
	if l.lost.CompareAndSwap(false, true) && l.cfg.OnLost != nil {
		l.cfg.OnLost(true)
	}
}

func (l *Leg) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// Connected is closed when media can flow.
func (l *Leg) Connected() <-chan struct{} { return l.connected }

// Lost tells whether the browser is silent now.
func (l *Leg) Lost() bool { return l.lost.Load() }

// Codec is what we send to the browser.
func (l *Leg) Codec() codec.Kind { return l.down.kind }

// UpCodec is what the browser sends: Codec, or Opus.
func (l *Leg) UpCodec() codec.Kind { return l.up.kind }

// Close ends the connection and waits for everything that it started. No
// callback comes afterwards but one that is running already.
func (l *Leg) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		<-l.done
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	defer close(l.done)
	l.down.stop()
	err := l.pc.GracefulClose()
	l.loops.Wait()
	l.api.remove(l)
	return err
}

// ID implements media.Party.
func (l *Leg) ID() string { return l.cfg.ID }

// Rate implements media.Party: 16 kHz when the browser sends Opus or G.722, once
// it is connected.
func (l *Leg) Rate() media.Rate {
	if !l.isUp.Load() {
		return media.Rate8k
	}
	return l.rate
}

// ReadFrame implements media.Party: what the browser says.
func (l *Leg) ReadFrame(dst []int16) (speaking bool) { return l.isUp.Load() && l.up.readFrame(dst) }

// WriteFrame implements media.Party: what the browser hears.
func (l *Leg) WriteFrame(src []int16) { l.down.writeFrame(src) }

// Format implements media.Relayer: none when the browser sends Opus.
func (l *Leg) Format() media.Format {
	if l.choice.up != nil || !l.isUp.Load() {
		return media.FormatNone
	}
	return l.down.kind.Format()
}

// RelayTo implements media.Relayer.
func (l *Leg) RelayTo(sink media.PacketSink) {
	if l.isUp.Load() {
		l.up.relayTo(sink)
	}
}

// RelayPacket implements media.PacketSink: a packet of the other leg goes to
// the browser.
func (l *Leg) RelayPacket(p *media.Packet) { l.down.relay(p) }

// ReadPayload implements media.Relayer.
func (l *Leg) ReadPayload(dst []byte) int {
	if !l.isUp.Load() {
		return -1
	}
	l.down.tick()
	return l.up.readPayload(dst)
}

// Buffered implements media.Relayer.
func (l *Leg) Buffered() time.Duration {
	if !l.isUp.Load() {
		return 0
	}
	return l.up.buffered()
}
