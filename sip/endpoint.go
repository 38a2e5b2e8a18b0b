package sip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// Endpoint is one SIP user agent: listeners, transactions, registrar, lines and
// dialogs.
//
// Lock order: Endpoint.mu, then registrar.mu, then a transaction's or stream's.
type Endpoint struct {
	cfg     Config
	handler Handler
	log     *slog.Logger
	token   string // in every tag and branch of ours, new for each process

	net       *network
	txs       *transactions
	sources   *sources
	names     *names
	registrar *registrar
	trunks    *trunks
	admission *admission

	group group           // dialogs, line registrations, handlers
	life  context.Context // ends with Run
	end   context.CancelFunc
	ready chan struct{}
	once  sync.Once // Run

	mu      sync.Mutex
	lines   map[string]*Line
	dialogs map[string]*Dialog // by Call-ID and our tag
	merged  map[string]*Dialog // incoming ones by Call-ID and remote tag
	closed  bool
}

// New makes an endpoint. Nothing is started or bound before Run.
func New(cfg Config, h Handler, log *slog.Logger) (*Endpoint, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if h == nil {
		return nil, fmt.Errorf("%w: no handler", ErrConfig)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if cfg.resolver == nil {
		cfg.resolver = net.DefaultResolver
	}
	e := &Endpoint{
		cfg: cfg, handler: h, log: log, token: randomText(12),
		txs: newTransactions(), ready: make(chan struct{}),
		names:     &names{resolver: cfg.resolver, kept: map[string]lookup{}},
		admission: newAdmission(cfg),
		lines:     map[string]*Line{},
		dialogs:   map[string]*Dialog{},
		merged:    map[string]*Dialog{},
	}
	e.life, e.end = context.WithCancel(context.Background())
	e.sources = newSources(cfg, e.token)
	e.net = newNetwork(e.life, cfg, e.sources, log)
	e.net.receive, e.net.broken = e.receive, e.broken
	e.registrar = newRegistrar(e)
	e.trunks = newTrunks(e)
	e.net.lost = func(s *stream) {
		e.registrar.lost(s)
		e.trunks.lost(s)
	}
	return e, nil
}

// Run binds the listeners, serves until ctx ends and waits for everything it
// started. It may be called once.
func (e *Endpoint) Run(ctx context.Context) error {
	first := false
	e.once.Do(func() { first = true })
	if !first {
		return fmt.Errorf("%w: Run called twice", ErrState)
	}
	if err := e.net.listen(); err != nil {
		e.shutdown()
		return err
	}
	e.net.serve()
	a := e.net.addrs()
	e.log.Info("SIP listens", "udp", a.UDP, "tcp", a.TCP, "tls", a.TLS)
	close(e.ready)
	e.trunks.start()
	err := e.housekeeping(ctx)
	e.shutdown()
	return err
}

// housekeeping expires registrations and reports what was dropped, until ctx
// ends or nothing can be received any more.
func (e *Endpoint) housekeeping(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var reported uint64
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-e.net.deaf:
			return err
		case now := <-tick.C:
			e.registrar.expire(now)
			for err, n := range e.admission.refusals() {
				e.log.Warn("calls refused", "count", n, "error", err)
			}
			if n := e.sources.dropped.Load(); n != reported {
				e.log.Debug("packets of unknown or too busy sources dropped", "count", n-reported)
				reported = n
			}
		}
	}
}

// shutdown ends dialogs and registrations of ours, closes the sockets and waits.
func (e *Endpoint) shutdown() {
	e.admission.drain()
	e.mu.Lock()
	e.closed = true
	live := make([]*Dialog, 0, len(e.dialogs))
	for _, d := range e.dialogs {
		live = append(live, d)
	}
	e.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	if e.cfg.ByeOnShutdown {
		for _, d := range live {
			wg.Go(func() { _ = d.Hangup(ctx, CauseShutdown) })
		}
	}
	wg.Go(func() { e.trunks.stop(ctx) })
	wg.Wait()
	for _, d := range live {
		d.kill()
	}
	e.end()
	e.group.wait()
	e.txs.stopAll()
	e.net.close()
	e.net.wait()
}

// running tells whether the listeners are bound.
func (e *Endpoint) running() bool {
	select {
	case <-e.ready:
		return true
	default:
		return false
	}
}

// Ready is closed when the listeners are bound.
func (e *Endpoint) Ready() <-chan struct{} { return e.ready }

// Addrs are the bound addresses, once Ready is closed.
func (e *Endpoint) Addrs() Addrs { return e.net.addrs() }

// Drain refuses new INVITEs with 503 and Retry-After from now on.
func (e *Endpoint) Drain() { e.admission.drain() }

// Calls is the number of live dialogs.
func (e *Endpoint) Calls() int { return e.admission.calls() }

// Dropped is how many packets of unknown or too busy sources were dropped.
func (e *Endpoint) Dropped() uint64 { return e.sources.dropped.Load() }

// SetLines replaces the lines. Calls on removed lines go on. Host names are
// looked up in the background, and again every minute.
func (e *Endpoint) SetLines(lines []Line) error {
	m := make(map[string]*Line, len(lines))
	for _, l := range lines {
		l, err := l.checked()
		if err != nil {
			return err
		}
		if m[l.ID] != nil {
			return fmt.Errorf("%w: line %q twice", ErrConfig, l.ID)
		}
		m[l.ID] = &l
	}
	e.mu.Lock()
	e.lines = m
	e.mu.Unlock()
	e.trunks.set(m)
	e.admission.keepRates(m)
	return nil
}

// SetDevices replaces the desk phones. Registrations of removed ones end.
func (e *Endpoint) SetDevices(devices []Device) error { return e.registrar.set(devices) }

// LineState tells whether a registered line is registered.
func (e *Endpoint) LineState(id string) (LineState, bool) { return e.trunks.state(id) }

// Registered tells whether a device has a contact that has not expired.
func (e *Endpoint) Registered(deviceID string) bool { return e.registrar.registered(deviceID) }

// OnRegistration sets what is told when a device comes online or goes offline.
// It must be set before Run and must not block.
func (e *Endpoint) OnRegistration(f func(deviceID string, online bool)) { e.registrar.notify = f }

func (e *Endpoint) line(id string) *Line {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lines[id]
}

// checked completes a line and refuses an unusable one.
func (l Line) checked() (Line, error) {
	if l.ID == "" {
		return l, fmt.Errorf("%w: line without id", ErrConfig)
	}
	switch l.Mode {
	case "":
		l.Mode = ModeIP
	case ModeIP, ModeRegister:
	default:
		return l, fmt.Errorf("%w: line %s: mode %q", ErrConfig, l.ID, l.Mode)
	}
	switch l.Transport = strings.ToLower(l.Transport); l.Transport {
	case "":
		l.Transport = "udp"
	case "udp", "tcp", "tls":
	default:
		return l, fmt.Errorf("%w: line %s: transport %q", ErrConfig, l.ID, l.Transport)
	}
	for _, h := range l.Hosts {
		if strings.Contains(h, "/") {
			if _, err := netip.ParsePrefix(h); err != nil {
				return l, fmt.Errorf("%w: line %s: host %q", ErrConfig, l.ID, h)
			}
		} else if l.Server == "" {
			l.Server = h
		}
	}
	if l.Mode == ModeRegister && (l.Server == "" || l.Username == "") {
		return l, fmt.Errorf("%w: line %s: registration needs server and user name", ErrConfig, l.ID)
	}
	if l.Server != "" {
		host, _, err := splitHostPort(l.Server)
		if err != nil {
			return l, fmt.Errorf("%w: line %s: server %q", ErrConfig, l.ID, l.Server)
		}
		if l.Domain == "" {
			l.Domain = host
		}
	}
	if l.Expires <= 0 {
		l.Expires = 5 * time.Minute
	}
	return l, nil
}

// uri is where requests for a user go on this line.
func (l *Line) uri(user string) (sipgo.Uri, error) {
	if l.Server == "" {
		return sipgo.Uri{}, fmt.Errorf("line %s: %w: no server", l.ID, ErrAddress)
	}
	host, port, err := splitHostPort(l.Server)
	if err != nil {
		return sipgo.Uri{}, err
	}
	u := sipgo.Uri{Scheme: "sip", User: escapeUser(user), Host: host, Port: port}
	if l.Transport != "udp" {
		u.UriParams = sipgo.HeaderParams{{K: "transport", V: l.Transport}}
	}
	return u, nil
}

// contact is our Contact for messages to a remote.
func (e *Endpoint) contact(network string, remote netip.Addr, user string, secure bool) *sipgo.ContactHeader {
	by := e.net.sentBy(network, remote)
	u := sipgo.Uri{Scheme: "sip", User: user, Host: by.Addr().String(), Port: int(by.Port())}
	switch {
	case secure:
		u.Scheme = "sips"
	case network == viaTCP:
		u.UriParams = sipgo.HeaderParams{{K: "transport", V: "tcp"}}
	case network == viaTLS:
		u.UriParams = sipgo.HeaderParams{{K: "transport", V: "tls"}}
	}
	return &sipgo.ContactHeader{Address: u}
}

// errKind turns an error of a transaction into a cause.
func causeOf(err error) Cause {
	if errors.Is(err, ErrTimeout) {
		return CauseTimeout
	}
	return CauseTransport
}
