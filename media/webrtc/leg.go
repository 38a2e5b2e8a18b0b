package webrtc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/udp"
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
	port   *port // the one of all browsers, or a client's own
	client bool  // the browser's side of a leg
	choice choice
	rate   media.Rate

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	agent  *ice.Agent
	cert   *certificate // whose fingerprint we have told
	offer  *description // the browser's; nil for a client
	remote *description // the other side's

	connected chan struct{}
	isUp      atomic.Bool
	lost      atomic.Bool
	dead      atomic.Bool  // the connection failed or was closed: it cannot come back
	heard     atomic.Int64 // when RTP or RTCP came last, Unix nanoseconds

	way     atomic.Pointer[ice.Conn]   // through pion
	target  atomic.Pointer[udp.Target] // past it
	session atomic.Pointer[session]

	up   receiver
	down sender

	mu     sync.Mutex
	secure *dtls.Conn
	peer   netip.AddrPort // that the port knows us by
	ufrag  string         // … and its checks before that
	told   int            // candidates of the other side
	closed bool
	loops  sync.WaitGroup
	done   chan struct{} // closed when Close has finished
}

var _ media.Relayer = (*Leg)(nil)

// newLeg makes a leg and its ICE agent; Close ends it.
func (a *API) newLeg(cfg LegConfig, client bool) (l *Leg, err error) {
	l = &Leg{api: a, cfg: cfg, port: a.port, client: client, connected: make(chan struct{}), done: make(chan struct{})}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.down.identify()
	if client {
		if l.port, err = a.port.openClient(a.loggers.NewLogger("mux")); err != nil {
			return nil, fmt.Errorf("webrtc: client's port: %w", err)
		}
	}
	if l.agent, err = a.newAgent(l.port, client); err != nil {
		return nil, errors.Join(err, l.release())
	}
	l.follow()
	if err := a.add(l); err != nil {
		return nil, errors.Join(err, l.agent.Close(), l.release())
	}
	return l, nil
}

// release ends what is the leg's own beside its agent.
func (l *Leg) release() error {
	l.cancel()
	if l.client {
		return l.port.shut()
	}
	return nil
}

// NewLeg answers a browser's offer. The leg exists until Close; ctx bounds the
// wait for our own candidates.
func (a *API) NewLeg(ctx context.Context, cfg LegConfig, offer string) (leg *Leg, answer string, err error) {
	d, err := parseDescription(offer)
	if err != nil {
		return nil, "", err
	}
	chosen, err := choose(d.formats, cfg.Prefs)
	if err != nil {
		return nil, "", err
	}
	if err := d.check(); err != nil {
		return nil, "", err
	}
	l, err := a.newLeg(cfg, false)
	if err != nil {
		return nil, "", err
	}
	l.choice = chosen
	if err = l.prepare(); err == nil {
		answer, err = l.negotiate(ctx, d)
	}
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

// follow connects the agent's events with the leg. Setting them cannot fail.
func (l *Leg) follow() {
	_ = l.agent.OnConnectionStateChange(func(s ice.ConnectionState) {
		if s == ice.ConnectionStateFailed {
			l.die()
		}
	})
	_ = l.agent.OnSelectedCandidatePairChange(l.route)
}

// negotiate makes the answer and starts the connection.
func (l *Leg) negotiate(ctx context.Context, d *description) (string, error) {
	answer := ours{to: d, formats: l.choice.formats(), setup: "active", direction: d.answerDirection()}
	if !d.answersActive() {
		answer.setup = "passive"
	}
	l.offer = d
	if err := l.describe(ctx, &answer); err != nil {
		return "", err
	}
	l.down.muted = answer.direction == "recvonly" || answer.direction == "inactive"
	l.start(d, false)
	return answer.String(), nil
}

// describe fills in what is ours alone.
func (l *Leg) describe(ctx context.Context, o *ours) (err error) {
	if l.cert, err = l.api.certificate(); err != nil {
		return err
	}
	if o.ufrag, o.pwd, err = l.agent.GetLocalUserCredentials(); err != nil {
		return fmt.Errorf("webrtc: ICE credentials: %w", err)
	}
	if err := l.invite(o.ufrag); err != nil {
		return err
	}
	o.fingerprint, o.ssrc = l.cert.fingerprint, l.down.ssrc
	o.candidates, o.complete, err = l.gather(ctx)
	return err
}

// invite lets the checks of the other side in.
func (l *Leg) invite(ufrag string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.ufrag = ufrag
	l.port.guests.invite(ufrag)
	return nil
}

// start begins to connect with the side that has given d.
func (l *Leg) start(d *description, offered bool) {
	l.mu.Lock()
	l.remote = d
	l.mu.Unlock()
	for _, c := range d.candidates {
		if err := l.addCandidate(c); err != nil {
			l.api.log.Debug("candidate of the description not used", "leg", l.cfg.ID, "err", err)
		}
	}
	l.run(func() { l.connect(d, offered) })
}

// tellCandidate hands out a candidate of ours as RTCIceCandidateInit.
func (l *Leg) tellCandidate(c ice.Candidate) {
	if l.cfg.OnCandidate == nil {
		return
	}
	told := candidateInit{Candidate: "candidate:" + c.Marshal(), SDPMid: clientMid}
	if l.offer != nil {
		told.SDPMid, told.SDPMLineIndex = l.offer.mid(), l.offer.index
	}
	if text, err := json.Marshal(told); err == nil {
		l.cfg.OnCandidate(text)
	}
}

// candidateInit is RTCIceCandidateInit of the WebRTC API.
type candidateInit struct {
	Candidate     string `json:"candidate"`
	SDPMid        string `json:"sdpMid"`
	SDPMLineIndex int    `json:"sdpMLineIndex"`
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
	var c *struct {
		Candidate string `json:"candidate"`
	}
	if err := json.Unmarshal(candidate, &c); err != nil {
		return fmt.Errorf("%w: %w", ErrCandidate, err)
	}
	if c == nil || c.Candidate == "" {
		return nil
	}
	return l.addCandidate(c.Candidate)
}

// addCandidate adds a candidate of the other side by its candidate attribute.
func (l *Leg) addCandidate(text string) error {
	text = strings.TrimPrefix(text, "candidate:")
	if strings.Contains(text, ".local ") {
		return nil
	}
	l.mu.Lock()
	remote := l.remote
	l.mu.Unlock()
	if remote == nil {
		return fmt.Errorf("%w: no description yet", ErrState)
	}
	c, err := ice.UnmarshalCandidate(text)
	switch {
	case errors.Is(err, ice.ErrUnknownCandidateTyp), errors.Is(err, ice.ErrDetermineNetworkType):
		return nil // of a kind that we do not have
	case err != nil:
		return fmt.Errorf("%w: %w", ErrCandidate, err)
	case c.Component() != ice.ComponentRTP:
		return nil // RTCP shares the way
	case !l.reachable(c):
		return nil
	}
	if of, ok := c.GetExtension("ufrag"); ok && of.Value != remote.ufrag {
		return nil // of an earlier generation
	}
	l.mu.Lock()
	l.told++
	told := l.told
	l.mu.Unlock()
	if told > maxCandidates {
		return fmt.Errorf("%w: more than %d of them", ErrCandidate, maxCandidates)
	}
	if err := l.agent.AddRemoteCandidate(c); err != nil {
		return fmt.Errorf("%w: %w", ErrCandidate, err)
	}
	return nil
}

// maxCandidates bounds the addresses that one browser can make us send checks to
// (RFC 8445 §19.5.1). A machine with many interfaces has a dozen.
const maxCandidates = 32

// reachable reports whether a candidate is an address that a browser can have
// and that our port can send to.
func (l *Leg) reachable(c ice.Candidate) bool {
	ip, err := netip.ParseAddr(c.Address())
	if err != nil || c.Port() <= 0 || c.NetworkType().IsTCP() {
		return false
	}
	ip = ip.Unmap()
	if ip.IsUnspecified() || ip.IsMulticast() || ip == broadcast || ip.IsLoopback() && !l.api.cfg.IncludeLoopback {
		return false
	}
	return ip.Is4() == (l.port.network() == ice.NetworkTypeUDP4)
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// datagram takes SRTP or SRTCP (RFC 5761 §4 tells them apart). It overwrites b.
func (l *Leg) datagram(b []byte, now time.Time) {
	s := l.session.Load()
	if s == nil || len(b) < 2 {
		return
	}
	if b[1] >= 192 && b[1] <= 223 {
		if b, ok := s.openRTCP(b); ok {
			l.hear(now)
			l.up.rtcp(b, l.down.ssrc, now)
		}
		return
	}
	b, ok := s.openRTP(b)
	if !ok {
		return
	}
	l.hear(now)
	if p, ok := parse(b); ok && len(p.payload) > 0 {
		l.up.packet(p, now)
	}
}

// sendRTP encrypts a packet in its place and sends it; b has tagRoom behind it.
func (l *Leg) sendRTP(b []byte) bool {
	s := l.session.Load()
	if s == nil {
		return false
	}
	b, ok := s.sealRTP(b)
	return ok && l.transmit(b)
}

// rise tells that media can flow.
func (l *Leg) rise() {
	l.hear(time.Now())
	if l.isUp.CompareAndSwap(false, true) {
		close(l.connected)
		if l.cfg.OnConnected != nil {
			l.cfg.OnConnected()
		}
	}
}

// die notes that the connection is over for good: nothing is sent any more,
// since the other side has not agreed to it for long (RFC 7675 §5.1).
func (l *Leg) die() {
	l.mu.Lock()
	l.dead.Store(true)
	l.part()
	l.mu.Unlock()
	l.check(time.Now())
}

// part forgets the peer and the keys. Called with mu held.
func (l *Leg) part() {
	l.session.Store(nil)
	l.target.Store(nil)
	if l.peer.IsValid() {
		l.port.forget(l.peer, l)
		l.peer = netip.AddrPort{}
	}
}

// adopt takes the keys of a connection; false when it is over already.
func (l *Leg) adopt(s *session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.dead.Load() {
		return false
	}
	l.session.Store(s)
	return true
}

// hear notes a sign of life.
func (l *Leg) hear(now time.Time) { l.heard.Store(now.UnixNano()) }

// check looks for silence and its end, and for digits whose end was lost; the
// API calls it from time to time.
func (l *Leg) check(now time.Time) {
	if l.isClosed() {
		return
	}
	l.up.expire(now)
	up, dead := l.isUp.Load(), l.dead.Load()
	if !up && !dead {
		return
	}
	silent := dead || now.UnixNano()-l.heard.Load() > int64(l.api.cfg.LostAfter)
	if l.lost.CompareAndSwap(!silent, silent) && l.cfg.OnLost != nil {
		l.cfg.OnLost(silent)
	}
	if up && !dead {
		l.report(now)
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
	secure := l.secure
	l.part()
	l.port.guests.dismiss(l.ufrag)
	l.mu.Unlock()
	defer close(l.done)
	l.cancel()
	if secure != nil {
		_ = secure.Close() // tells the browser, if it still listens
	}
	err := l.agent.GracefulClose()
	l.loops.Wait()
	l.api.remove(l)
	return errors.Join(err, l.release())
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
