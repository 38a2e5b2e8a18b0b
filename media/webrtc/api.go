package webrtc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/stun/v4"
)

// API makes browser legs. All of them share one UDP socket.
type API struct {
	cfg      Config
	log      *slog.Logger
	loggers  logging.LoggerFactory
	port     *port
	servers  []*stun.URI
	kinds    []ice.CandidateType // that are gathered; nil for all, tests want fewer
	stop     context.CancelFunc
	watching sync.WaitGroup

	mu     sync.Mutex // guards the fields below; never held while a leg's lock is taken
	cert   *certificate
	legs   map[*Leg]struct{}
	closed bool
}

// NewAPI binds the UDP socket and begins to watch over the legs to come, until
// Close.
func NewAPI(cfg Config, log *slog.Logger) (*API, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	servers, err := serverURLs(cfg.ICEServers)
	if err != nil {
		return nil, err
	}
	a := &API{cfg: cfg, log: log, loggers: quiet(log), servers: servers, legs: make(map[*Leg]struct{})}
	if a.port, err = openPort(cfg.Address, cfg.Readers, a.loggers.NewLogger("mux")); err != nil {
		return nil, fmt.Errorf("webrtc: listen on %s: %w", cfg.Address, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.watching.Go(func() { a.watch(ctx) })
	return a, nil
}

// Addr is the bound UDP address.
func (a *API) Addr() netip.AddrPort { return a.port.local.AddrPort() }

// Legs is the number of open legs.
func (a *API) Legs() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.legs)
}

// Close ends all legs and waits for everything the API started.
func (a *API) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	legs := make([]*Leg, 0, len(a.legs))
	for l := range a.legs {
		legs = append(legs, l)
	}
	a.mu.Unlock()
	a.stop()
	a.watching.Wait()
	var all error
	for _, l := range legs {
		all = errors.Join(all, l.Close())
	}
	return errors.Join(all, a.port.shut())
}

// certificate gives the DTLS certificate of all legs, renewed in good time
// before it expires.
func (a *API) certificate() (*certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil, ErrClosed
	}
	now := time.Now()
	if a.cert != nil && a.cert.expires.Sub(now) > 7*24*time.Hour {
		return a.cert, nil
	}
	cert, err := newCertificate(now)
	if err != nil {
		return nil, err
	}
	a.cert = cert
	return cert, nil
}

// watch looks at every leg's silence; one ticker serves all.
func (a *API) watch(ctx context.Context) {
	ticker := time.NewTicker(min(a.cfg.LostAfter/5, 100*time.Millisecond))
	defer ticker.Stop()
	var legs []*Leg
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			legs = legs[:0]
			a.mu.Lock()
			for l := range a.legs {
				legs = append(legs, l)
			}
			a.mu.Unlock()
			for _, l := range legs {
				l.check(now)
			}
		}
	}
}

func (a *API) add(l *Leg) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return ErrClosed
	}
	a.legs[l] = struct{}{}
	return nil
}

func (a *API) remove(l *Leg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.legs, l)
}
