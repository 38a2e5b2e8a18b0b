package call

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/webrtc"
	"github.com/openhotline/hotline/sip"
)

// Control makes legs and calls. It is the sip.Handler of the endpoint.
type Control struct {
	cfg     Config
	engine  *media.Engine
	rtc     *webrtc.API
	log     *slog.Logger
	prompts *library

	ctx    context.Context // ends when Close gives up waiting for peers
	cancel context.CancelFunc
	group  sync.WaitGroup // every goroutine of a leg

	mu       sync.Mutex // guards what follows; nothing is called while it is held
	endpoint *sip.Endpoint
	inbound  func(*Leg)
	sounds   map[string]LineSound
	legs     map[string]*Leg
	calls    map[*Call]struct{}
	closed   bool
}

var _ sip.Handler = (*Control)(nil)

// New makes a Control. The endpoint may be nil and set later, since the
// endpoint wants its handler first; rtc may be nil where no browsers are
// served. Close it before the endpoint and the engine stop.
func New(cfg Config, endpoint *sip.Endpoint, engine *media.Engine, rtc *webrtc.API, log *slog.Logger) *Control {
	cfg = cfg.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	return &Control{
		cfg: cfg, endpoint: endpoint, engine: engine, rtc: rtc, log: log,
		prompts: newLibrary(cfg.PromptBytes), ctx: ctx, cancel: cancel,
		legs: make(map[string]*Leg), calls: make(map[*Call]struct{}),
	}
}

// SetEndpoint sets the endpoint that dials. Call it before the endpoint runs.
func (c *Control) SetEndpoint(e *sip.Endpoint) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endpoint = e
}

// OnInbound sets who takes inbound legs. f gets every INVITE whose session
// description was acceptable, in a goroutine of its own, and must in the end
// answer, reject or hang up. Without it calls are refused with 480.
func (c *Control) OnInbound(f func(leg *Leg)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inbound = f
}

// Legs is the number of live legs.
func (c *Control) Legs() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.legs)
}

// Calls is the number of open calls.
func (c *Control) Calls() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}

// EndOrphan ends the dialog of a process that has died, by its persisted form.
func (c *Control) EndOrphan(ctx context.Context, dialog []byte) error {
	e := c.sip()
	if e == nil {
		return ErrNoSIP
	}
	return e.EndOrphan(ctx, dialog)
}

// Registered tells whether a desk phone can be rung.
func (c *Control) Registered(deviceID string) bool {
	e := c.sip()
	return e != nil && e.Registered(deviceID)
}

// Close hangs up every leg, closes every call and waits for all of them.
func (c *Control) Close() {
	c.mu.Lock()
	c.closed = true
	calls, legs := make([]*Call, 0, len(c.calls)), make([]*Leg, 0, len(c.legs))
	for call := range c.calls {
		calls = append(calls, call)
	}
	for _, leg := range c.legs {
		legs = append(legs, leg)
	}
	c.mu.Unlock()
	for _, call := range calls {
		call.Close()
	}
	for _, leg := range legs {
		leg.Hangup(FlowDisconnect)
	}
	c.group.Wait()
	c.cancel()
}

func (c *Control) sip() *sip.Endpoint {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.endpoint
}

// start runs f in a goroutine that Close waits for; false after Close.
func (c *Control) start(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.group.Go(f)
	return true
}

// adopt registers a leg that has its link and gives it its goroutine.
func (c *Control) adopt(l *Leg) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrEnded
	case c.legs[l.ID()] != nil:
		return fmt.Errorf("%w: a leg %s exists already", ErrState, l.ID())
	}
	c.legs[l.ID()] = l
	c.group.Go(l.live)
	return nil
}

func (c *Control) forget(l *Leg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.legs[l.ID()] == l {
		delete(c.legs, l.ID())
	}
}

// BrowserRequest describes a browser's leg.
type BrowserRequest struct {
	// ID names the leg. Required, unique among the live ones.
	ID string
	// Party defaults to Agent.
	Party Party
	// Offer is the browser's SDP.
	Offer string
	// Codec is preferred both ways, so that packets can be relayed: the name in
	// the Info of the leg it will talk to (PCMA, PCMU). Defaults to PCMA.
	Codec string
	// Transcribe asks the browser for Opus, whose audio is wideband.
	Transcribe bool
	// Dialled, Caller and CallerName are repeated in Info.
	Dialled, Caller, CallerName string
	// OnCandidate is given candidates of ours that came after the answer, as
	// the JSON of RTCIceCandidateInit. May be nil. It must not block.
	OnCandidate func(candidate []byte)
}

// NewBrowserLeg answers a browser's offer. The leg lives until it is hung up;
// ctx bounds only the making of the answer.
func (c *Control) NewBrowserLeg(ctx context.Context, r BrowserRequest) (leg *Leg, answer string, err error) {
	if c.rtc == nil {
		return nil, "", ErrNoBrowser
	}
	leg = newLeg(c, Info{
		ID: r.ID, Kind: Browser, Party: cmp.Or(r.Party, Agent), Transport: "webrtc",
		Dialled: r.Dialled, Caller: r.Caller, CallerName: r.CallerName,
	})
	link, answer, err := newWebLink(ctx, leg, r)
	if err != nil {
		return nil, "", err
	}
	leg.link = link
	if err := c.adopt(leg); err != nil {
		link.end(End{}, false)
		return nil, "", err
	}
	return leg, answer, nil
}
