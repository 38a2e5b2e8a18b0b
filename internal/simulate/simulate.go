// Package simulate is a synthetic day in a contact centre: callers who dial
// over SIP with audio, press keys, wait with limited patience and talk; agents
// at desk phones and at browsers who work through the same API, WebSocket and
// WebRTC as real ones. It runs against a running installation, is bounded in
// time and number, and ends with a report that compares what it saw with what
// the installation says.
package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// ErrConfig wraps every complaint about a Config.
var ErrConfig = errors.New("simulate: invalid configuration")

// Mix is a share of the calls and what these callers do.
type Mix struct {
	Number string  // dialled
	Keys   string  // pressed once the menu speaks; empty: none
	Weight float64 // share among all
}

// Config says what to simulate. Target and Password are required.
type Config struct {
	Target   string // base address of the installation: http://127.0.0.1:8080
	SIP      string // host:port of its SIP; default: the target's host, port 5060
	Email    string // an administrator's log-in; default admin@demo
	Password string

	WebAgents, SIPAgents int
	Queue                string        // that the agents serve; default qu_sales
	Rate                 float64       // calls per second; default 1
	Duration             time.Duration // how long calls are begun; default 1 min
	MaxCalls             int           // at once; default 250
	Talk                 time.Duration // mean talk time; default 20 s
	Patience             time.Duration // mean time a caller waits; default 2 min
	PickUp               time.Duration // mean time until an agent answers; default 2 s
	WrapUp               time.Duration // mean wrap-up; default 2 s
	TCP                  float64       // share of the calls over TCP
	Mix                  []Mix         // default: all to 9002
	Seed                 uint64        // of everything random; 0: by the clock
	Bind                 netip.Addr    // own address; default 127.0.0.1
	AllowRemote          bool          // targets that are not this machine
	Keep                 bool          // leave the simulated people set up at the end
	Log                  *slog.Logger
}

// The bounds of a simulation.
const (
	maxDuration = 24 * time.Hour
	maxAgents   = 2000
	maxCalls    = 5000
	maxRate     = 200
)

func (c Config) withDefaults() (Config, error) {
	c.Email = cmp.Or(c.Email, "admin@demo")
	c.Queue = cmp.Or(c.Queue, "qu_sales")
	c.Rate = cmp.Or(c.Rate, 1)
	c.Duration = cmp.Or(c.Duration, time.Minute)
	c.MaxCalls = cmp.Or(c.MaxCalls, 250)
	c.Talk = cmp.Or(c.Talk, 20*time.Second)
	c.Patience = cmp.Or(c.Patience, 2*time.Minute)
	c.PickUp = cmp.Or(c.PickUp, 2*time.Second)
	c.WrapUp = cmp.Or(c.WrapUp, 2*time.Second)
	c.Seed = cmp.Or(c.Seed, uint64(time.Now().UnixNano()))
	if !c.Bind.IsValid() {
		c.Bind = netip.MustParseAddr("127.0.0.1")
	}
	if len(c.Mix) == 0 {
		c.Mix = []Mix{{Number: "9002", Weight: 1}}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	u, err := url.Parse(c.Target)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return c, fmt.Errorf("%w: target must be an address such as http://127.0.0.1:8080", ErrConfig)
	}
	c.SIP = cmp.Or(c.SIP, net.JoinHostPort(u.Hostname(), "5060"))
	return c, c.validate(u.Hostname())
}

func (c Config) validate(host string) error {
	sipHost, _, err := net.SplitHostPort(c.SIP)
	if err != nil {
		return fmt.Errorf("%w: sip must be host:port", ErrConfig)
	}
	for _, h := range []string{host, sipHost} {
		if !c.AllowRemote && !isLoopback(h) {
			return fmt.Errorf("%w: %s is not this machine; a load on another one wants --allow-remote", ErrConfig, h)
		}
	}
	switch {
	case c.Password == "":
		return fmt.Errorf("%w: password is missing", ErrConfig)
	case c.Duration <= 0 || c.Duration > maxDuration:
		return fmt.Errorf("%w: duration must be within 0 and %s", ErrConfig, maxDuration)
	case c.WebAgents < 0 || c.SIPAgents < 0 || c.WebAgents+c.SIPAgents > maxAgents:
		return fmt.Errorf("%w: at most %d agents", ErrConfig, maxAgents)
	case c.MaxCalls < 1 || c.MaxCalls > maxCalls:
		return fmt.Errorf("%w: max-calls must be within 1 and %d", ErrConfig, maxCalls)
	case c.Rate <= 0 || c.Rate > maxRate:
		return fmt.Errorf("%w: rate must be within 0 and %d calls per second", ErrConfig, maxRate)
	case c.TCP < 0 || c.TCP > 1:
		return fmt.Errorf("%w: tcp is a share of 0 to 1", ErrConfig)
	}
	for _, m := range c.Mix {
		if m.Number == "" || m.Weight <= 0 || strings.Trim(m.Keys, "0123456789*#,") != "" {
			return fmt.Errorf("%w: mix wants NUMBER[/KEYS]=WEIGHT", ErrConfig)
		}
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Run simulates until the duration is over and every call has ended, and
// reports. Progress is told about once a second when it is not nil.
func Run(ctx context.Context, cfg Config, progress func(Progress)) (Report, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return Report{}, err
	}
	s := &simulation{cfg: cfg, rnd: rand.New(rand.NewPCG(cfg.Seed, 1)), log: cfg.Log}
	s.api = newClient(cfg.Target)
	if err := s.api.login(ctx, cfg.Email, cfg.Password); err != nil {
		return Report{}, fmt.Errorf("log in as %s: %w", cfg.Email, err)
	}
	if err := s.permit(ctx); err != nil {
		return Report{}, fmt.Errorf("permission to make simulated calls: %w", err)
	}
	s.report = newCollector()
	return s.run(ctx, progress)
}
