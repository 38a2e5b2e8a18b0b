package call_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/rtp"
	"github.com/openhotline/hotline/media/sdp"
	"github.com/openhotline/hotline/media/udp"
	"github.com/openhotline/hotline/media/webrtc"
	"github.com/openhotline/hotline/sip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// ranges counts the port ranges given out in this process.
var ranges atomic.Uint32

// portRange picks 200 ports below those that the kernel gives out by itself;
// ports that somebody else has are passed over by the pool.
func portRange() rtp.PoolConfig {
	first := uint16(20000 + (uint32(os.Getpid())*1700+200*ranges.Add(1))%12000)
	return rtp.PoolConfig{IP: loopback, First: first, Last: first + 199, Quarantine: 10 * time.Millisecond}
}

// hub is the installation under test: an endpoint, an engine and a Control.
type hub struct {
	t        testing.TB
	endpoint *sip.Endpoint
	engine   *media.Engine
	ports    *rtp.PortPool
	web      *webrtc.API
	ctl      *call.Control
	inbound  chan *call.Leg
	online   chan string // devices that registered
}

// relayed passes INVITEs on to a Control that is made after its endpoint.
type relayed struct{ to func(*sip.Dialog) }

func (r *relayed) Invite(d *sip.Dialog) { r.to(d) }

// hubOptions change a hub. The zero value is the usual one.
type hubOptions struct {
	ports rtp.PoolConfig
	cfg   call.Config
	sip   sip.Config // its address is the hub's own
}

func newHub(t testing.TB, o hubOptions) *hub {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	if o.ports.First == 0 {
		o.ports = portRange()
	}
	o.ports.IP = loopback
	h := &hub{t: t, inbound: make(chan *call.Leg, 300), online: make(chan string, 8)}
	readers, err := udp.NewGroup(udp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	o.ports.Readers = readers
	if h.ports, err = rtp.NewPortPool(o.ports); err != nil {
		t.Fatal(err)
	}
	h.engine = media.NewEngine(media.EngineConfig{Shards: 1})
	if h.web, err = webrtc.NewAPI(webrtc.Config{Address: "127.0.0.1:0", IncludeLoopback: true, Readers: readers}, log); err != nil {
		t.Fatal(err)
	}
	o.cfg.Ports = h.ports
	h.ctl = call.New(o.cfg, nil, h.engine, h.web, log)
	h.ctl.OnInbound(func(l *call.Leg) { h.inbound <- l })
	o.sip.UDP = "127.0.0.1:0"
	if h.endpoint, err = sip.New(o.sip, h.ctl, log); err != nil {
		t.Fatal(err)
	}
	h.endpoint.OnRegistration(func(device string, online bool) {
		if online {
			h.online <- device
		}
	})
	h.ctl.SetEndpoint(h.endpoint)
	if err := h.endpoint.SetLines([]sip.Line{{ID: "ln_trunk", Mode: sip.ModeIP, Hosts: []string{"127.0.0.1"}, Server: "127.0.0.1:9"}}); err != nil {
		t.Fatal(err)
	}
	stopEngine, stopSIP := background(h.engine.Run), background(h.endpoint.Run)
	<-h.endpoint.Ready()
	t.Cleanup(func() {
		h.ctl.Close()
		stopSIP()
		stopEngine()
		if err := h.web.Close(); err != nil {
			t.Errorf("browser media: %v", err)
		}
		h.ports.Close()
		readers.Close()
	})
	return h
}

// newPair makes a hub and a phone; the hub is closed first, while the phone can
// still acknowledge.
func newPair(t testing.TB, o hubOptions) (*hub, *phone) {
	t.Helper()
	p := newPhone(t)
	return newHub(t, o), p
}

// background runs a service until the returned function is called, which waits.
func background(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = run(ctx)
	}()
	return func() { cancel(); <-done }
}

func (h *hub) addr() string { return h.endpoint.Addrs().UDP.String() }

// next gives the leg of the next call that comes in.
func (h *hub) next() *call.Leg {
	h.t.Helper()
	select {
	case l := <-h.inbound:
		return l
	case <-time.After(patience):
		h.t.Fatal("no call came in")
		return nil
	}
}

// phone is a telephone somewhere else: its own endpoint, ports and engine.
type phone struct {
	t        testing.TB
	endpoint *sip.Endpoint
	engine   *media.Engine
	ports    *rtp.PortPool
	calls    chan *sip.Dialog
	talks    []*talk
	stopSIP  func()
}

func newPhone(t testing.TB) *phone {
	t.Helper()
	p := &phone{t: t, calls: make(chan *sip.Dialog, 16), engine: media.NewEngine(media.EngineConfig{Shards: 1})}
	var err error
	if p.ports, err = rtp.NewPortPool(portRange()); err != nil {
		t.Fatal(err)
	}
	handler := &relayed{to: func(d *sip.Dialog) { p.calls <- d }}
	if p.endpoint, err = sip.New(sip.Config{UDP: "127.0.0.1:0"}, handler, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if err := p.endpoint.SetLines([]sip.Line{{ID: "ln_hub", Mode: sip.ModeIP, Hosts: []string{"127.0.0.1"}, Server: "127.0.0.1:9"}}); err != nil {
		t.Fatal(err)
	}
	stopEngine := background(p.engine.Run)
	p.stopSIP = sync.OnceFunc(background(p.endpoint.Run))
	<-p.endpoint.Ready()
	t.Cleanup(func() {
		p.stopSIP()
		for _, k := range p.talks {
			k.close()
		}
		stopEngine()
		p.ports.Close()
	})
	return p
}

// vanish takes the phone off the network: it says nothing any more, and its ports
// refuse what comes.
func (p *phone) vanish() {
	p.stopSIP()
	for _, k := range p.talks {
		k.close()
	}
}

// talk is one call of a phone: a tone goes out, what comes in is kept.
type talk struct {
	t       testing.TB
	dialog  *sip.Dialog
	leg     *rtp.Leg
	session *sdp.Session
	room    *media.Room
	ear     *ear
	digits  chan byte
}

// ear keeps what a party hears.
type ear struct {
	mu      sync.Mutex
	samples []int16
	more    chan struct{}
}

func newEar() *ear { return &ear{more: make(chan struct{}, 1)} }

func (e *ear) hear(frame []int16) {
	e.mu.Lock()
	e.samples = append(e.samples, frame...)
	e.mu.Unlock()
	select {
	case e.more <- struct{}{}:
	default:
	}
}

// forget starts afresh and returns what was heard before.
func (e *ear) forget() []int16 {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.samples
	e.samples = nil
	return old
}

// talkOptions change how a phone speaks. The zero value is PCMA and 440 Hz.
type talkOptions struct {
	codecs []codec.Kind
	tone   float64
	late   bool
}

// open prepares the media of a call.
func (p *phone) open(o talkOptions) *talk {
	p.t.Helper()
	leg, err := rtp.OpenLeg(rtp.LegConfig{ID: "phone", Pool: p.ports, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		p.t.Fatal(err)
	}
	if o.codecs == nil {
		o.codecs = []codec.Kind{codec.PCMA}
	}
	if o.tone == 0 {
		o.tone = 440
	}
	k := &talk{
		t: p.t, leg: leg, ear: newEar(), digits: make(chan byte, 64),
		session: sdp.NewSession(sdp.Local{Addr: loopback, Port: leg.LocalPort(), Codecs: o.codecs}),
	}
	leg.OnDigit(func(d byte, _ time.Duration) { k.digits <- d })
	k.room = p.engine.NewRoom("phone")
	for _, party := range []media.Party{leg, media.NewTone("mouth", o.tone, -10, media.Rate8k), media.NewListener("ear", media.Rate8k, k.ear.hear)} {
		if err := k.room.Join(party); err != nil {
			p.t.Fatal(err)
		}
	}
	k.speak(true)
	if err := k.room.SetGain("phone", "ear", media.Unity); err != nil {
		p.t.Fatal(err)
	}
	p.talks = append(p.talks, k)
	return k
}

// speak switches the phone's tone on or off.
func (k *talk) speak(on bool) {
	k.t.Helper()
	gain := media.Silent
	if on {
		gain = media.Unity
	}
	if err := k.room.SetGain("mouth", "phone", gain); err != nil {
		k.t.Fatal(err)
	}
}

func (k *talk) close() {
	k.room.Close()
	_ = k.leg.Close()
}

// configure applies what was negotiated.
func (k *talk) configure(n sdp.Negotiated, err error) {
	k.t.Helper()
	if err == nil {
		err = k.leg.Configure(n.Params)
	}
	if err != nil {
		k.t.Errorf("phone: %v", err)
	}
}

// dial calls the hub and returns at once.
func (p *phone) dial(h *hub, o talkOptions) *talk {
	p.t.Helper()
	return p.dialWith(context.Background(), h, o, nil)
}

// dialWith calls with an offer of the test's own making.
func (p *phone) dialWith(ctx context.Context, h *hub, o talkOptions, offer []byte) *talk {
	p.t.Helper()
	k := p.open(o)
	request := sip.DialRequest{URI: "sip:9000@" + h.addr(), From: "13800000001", DisplayName: "Caller", Offer: offer}
	switch {
	case o.late:
		request.AnswerOffer = func(offer []byte) ([]byte, int) {
			answer, n, err := k.session.Answer(offer)
			k.configure(n, err)
			return answer, 0
		}
	case offer == nil:
		request.Offer = k.session.Offer(sdp.SendRecv)
	}
	var err error
	if k.dialog, err = p.endpoint.Dial(ctx, request); err != nil {
		p.t.Fatal(err)
	}
	k.dialog.OnReoffer(func(offer []byte) ([]byte, int) {
		answer, n, err := k.session.Answer(offer)
		k.configure(n, err)
		return answer, 0
	})
	return k
}

// answered waits for the hub's answer and applies it.
func (k *talk) answered(o talkOptions) {
	k.t.Helper()
	await(k.t, "the hub answers", k.dialog.Answered())
	if !o.late {
		k.configure(k.session.Accept(k.dialog.RemoteAnswer()))
	}
}

// pickUp answers a call of the hub.
func (p *phone) pickUp(d *sip.Dialog, o talkOptions) *talk {
	p.t.Helper()
	k := p.open(o)
	k.dialog = d
	answer, n, err := k.session.Answer(d.Offer())
	k.configure(n, err)
	d.OnReoffer(func(offer []byte) ([]byte, int) {
		answer, n, err := k.session.Answer(offer)
		k.configure(n, err)
		return answer, 0
	})
	if err := d.Answer(p.t.Context(), answer); err != nil {
		p.t.Fatal(err)
	}
	return k
}

// uri is the phone's address.
func (p *phone) uri() string { return "sip:agent@" + p.endpoint.Addrs().UDP.String() }

// hangup ends the call from the phone's side.
func (k *talk) hangup() {
	k.t.Helper()
	if err := k.dialog.Hangup(k.t.Context(), sip.CauseNormal); err != nil {
		k.t.Errorf("phone hangs up: %v", err)
	}
}

// reoffer sends a re-INVITE of a direction.
func (k *talk) reoffer(d sdp.Direction) []byte {
	k.t.Helper()
	answer, err := reoffer(k.t.Context(), k.dialog, k.session.Offer(d))
	if err != nil {
		k.t.Fatal(err)
	}
	k.configure(k.session.Accept(answer))
	return answer
}

// reoffer offers a description within a dialog and returns the answer.
func reoffer(ctx context.Context, d *sip.Dialog, offer []byte) (answer []byte, err error) {
	answers := make(chan []byte, 1)
	err = d.Reoffer(ctx, sip.Offer{
		Describe: func() []byte { return offer },
		Settle:   func(a []byte, err error) error { answers <- a; return err },
	})
	if err != nil {
		return nil, err
	}
	return <-answers, nil
}

// connect dials the hub, answers there and opens a call.
func connect(t testing.TB, h *hub, p *phone, o talkOptions) (*talk, *call.Leg, *call.Call) {
	t.Helper()
	k := p.dial(h, o)
	leg := h.next()
	if err := leg.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.answered(o)
	c, err := h.ctl.NewCall("cv_1", leg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return k, leg, c
}

// await fails the test when c is not closed in time.
func await(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s: not in %s", what, patience)
	}
}

// hears waits until the ear has 200 ms in which exactly the wanted tones are
// heard, of those in question.
func (e *ear) hears(t testing.TB, who string, want ...float64) {
	t.Helper()
	deadline := time.After(patience)
	var window []int16
	for {
		e.mu.Lock()
		if n := len(e.samples); n >= 1600 {
			window = append(window[:0], e.samples[n-1600:]...)
		}
		e.mu.Unlock()
		if len(window) == 1600 && onlyTones(window, want) {
			return
		}
		select {
		case <-e.more:
		case <-deadline:
			t.Fatalf("%s does not hear %v Hz alone: %s", who, want, spectrum(window))
		}
	}
}

// tones are the frequencies that tests use.
var tones = []float64{440, 620, 950, 1004, 1300}

// level is how much of a tone there is, in dBFS.
func level(samples []int16, hz float64) float64 {
	var re, im float64
	for i, s := range samples {
		w := 2 * math.Pi * hz * float64(i) / 8000
		re += float64(s) * math.Cos(w)
		im -= float64(s) * math.Sin(w)
	}
	return 20 * math.Log10(2*math.Hypot(re, im)/float64(max(len(samples), 1))/32768+1e-9)
}

// onlyTones tells whether the wanted tones are at -10 dBFS, within 3 dB, and
// the others at least 25 dB below.
func onlyTones(samples []int16, want []float64) bool {
	for _, hz := range tones {
		l := level(samples, hz)
		wanted := false
		for _, w := range want {
			wanted = wanted || w == hz
		}
		if wanted && (l < -13 || l > -7) || !wanted && l > -35 {
			return false
		}
	}
	return true
}

func spectrum(samples []int16) string {
	text := ""
	for _, hz := range tones {
		text += fmt.Sprintf(" %.0f Hz %.1f dBFS;", hz, level(samples, hz))
	}
	return text
}
