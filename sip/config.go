package sip

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Config configures an Endpoint. The zero value listens nowhere; every other
// field has a working default.
type Config struct {
	// UDP, TCP and TLS are listen addresses ("127.0.0.1:5060", ":0"). An empty
	// one is not listened on.
	UDP, TCP, TLS string
	// TLSConfig is used by the TLS listener and, with the server's name, by
	// outgoing TLS connections. It needs a certificate when TLS is set.
	TLSConfig *tls.Config
	// ExternalIP is put into Via and Contact instead of the local address, for
	// an endpoint behind one-to-one NAT. Zero: the address of the interface.
	ExternalIP netip.Addr
	// Domain is the SIP domain and digest realm. Defaults to "hotline.local".
	Domain string
	// UserAgent is the value of Server and User-Agent. Defaults to "Hotline".
	UserAgent string

	// T1, T2 and T4 are the timers of RFC 3261 §17.1.1.1. Defaults 500ms, 4s, 5s.
	T1, T2, T4 time.Duration
	// RingTimeout ends an outgoing call that is neither answered nor refused
	// (timer C, RFC 3261 §16.6). Defaults to 3min.
	RingTimeout time.Duration
	// SessionExpires is the session interval we ask for (RFC 4028). Defaults to
	// 30min; negative switches session timers off.
	SessionExpires time.Duration
	// MinSE is the shortest session interval we accept. Defaults to 90s, which
	// is also the lowest value RFC 4028 §4 allows.
	MinSE time.Duration

	// MaxCalls is the most calls at a time over all lines. Defaults to 2000.
	MaxCalls int
	// CallRate is how many new calls per second are taken, CallBurst how many
	// at once. Default 500 and 500.
	CallRate, CallBurst int
	// SetUpDelay is how long incoming calls may wait for their first answer
	// before further ones are refused, until it is shorter again. Defaults to
	// half of T1, after which callers repeat their requests.
	SetUpDelay time.Duration
	// RetryAfter is said in 503 responses. Defaults to 5s.
	RetryAfter time.Duration
	// SourceRate is how many requests per second one address may send, of a
	// line or a registered phone; what is beyond it is not read. Defaults to 20
	// for each call of CallRate, at least 5000: one line may bring all calls, and
	// a caller who gets no answer repeats.
	SourceRate int
	// StrangerRate is how many REGISTER requests per second one unknown address
	// may send; all unknown addresses together may send 20 times as many.
	// Defaults to 5.
	StrangerRate int
	// MaxConnections bounds TCP and TLS connections. Defaults to 4096.
	MaxConnections int

	// RegisterMin, RegisterMax and RegisterDefault bound the lifetime of a
	// phone's registration. Default 60s, 1h and 5min.
	RegisterMin, RegisterMax, RegisterDefault time.Duration
	// MaxContacts is how many contacts one device may register. Defaults to 4.
	MaxContacts int
	// NonceLifetime is how long a digest nonce serves. Defaults to 5min.
	NonceLifetime time.Duration
	// LineRetry is the first delay after a refused or unanswered registration
	// of ours; it doubles up to 32 times that. Defaults to 10s.
	LineRetry time.Duration

	// ByeOnShutdown sends BYE to live dialogs when Run ends. Off, dialogs are
	// left to whoever holds their persisted form.
	ByeOnShutdown bool

	// listenPacket, listenStream and dialStream replace the sockets in tests.
	listenPacket func(addr string) (packetConn, error)
	listenStream func(addr string) (net.Listener, error)
	resolver     resolver
}

// ErrConfig wraps every error of a wrong configuration value.
var ErrConfig = errors.New("sip: invalid configuration")

func (c Config) withDefaults() Config {
	c.Domain = cmp.Or(c.Domain, "hotline.local")
	c.UserAgent = cmp.Or(c.UserAgent, "Hotline")
	c.T1 = cmp.Or(c.T1, 500*time.Millisecond)
	c.T2 = cmp.Or(c.T2, 4*time.Second)
	c.T4 = cmp.Or(c.T4, 5*time.Second)
	c.RingTimeout = cmp.Or(c.RingTimeout, 3*time.Minute)
	c.SessionExpires = cmp.Or(c.SessionExpires, 30*time.Minute)
	c.MinSE = cmp.Or(c.MinSE, 90*time.Second)
	c.MaxCalls = cmp.Or(c.MaxCalls, 2000)
	c.CallRate = cmp.Or(c.CallRate, 500)
	c.CallBurst = cmp.Or(c.CallBurst, 500)
	c.SetUpDelay = cmp.Or(c.SetUpDelay, c.T1/2)
	c.RetryAfter = cmp.Or(c.RetryAfter, 5*time.Second)
	c.SourceRate = cmp.Or(c.SourceRate, max(5000, 20*c.CallRate))
	c.StrangerRate = cmp.Or(c.StrangerRate, 5)
	c.MaxConnections = cmp.Or(c.MaxConnections, 4096)
	c.RegisterMin = cmp.Or(c.RegisterMin, time.Minute)
	c.RegisterMax = cmp.Or(c.RegisterMax, time.Hour)
	c.RegisterDefault = cmp.Or(c.RegisterDefault, 5*time.Minute)
	c.MaxContacts = cmp.Or(c.MaxContacts, 4)
	c.NonceLifetime = cmp.Or(c.NonceLifetime, 5*time.Minute)
	c.LineRetry = cmp.Or(c.LineRetry, 10*time.Second)
	return c
}

func (c Config) validate() error {
	if c.TLS != "" && (c.TLSConfig == nil || (len(c.TLSConfig.Certificates) == 0 && c.TLSConfig.GetCertificate == nil)) {
		return fmt.Errorf("%w: TLS needs a certificate", ErrConfig)
	}
	if c.RegisterMin > c.RegisterMax {
		return fmt.Errorf("%w: RegisterMin %s exceeds RegisterMax %s", ErrConfig, c.RegisterMin, c.RegisterMax)
	}
	if c.SessionExpires > 0 && c.SessionExpires < c.MinSE {
		return fmt.Errorf("%w: SessionExpires %s is below MinSE %s", ErrConfig, c.SessionExpires, c.MinSE)
	}
	for _, n := range []int{c.MaxCalls, c.CallRate, c.CallBurst, c.SourceRate, c.StrangerRate, c.MaxConnections, c.MaxContacts} {
		if n < 0 {
			return fmt.Errorf("%w: negative limit", ErrConfig)
		}
	}
	return nil
}

// Mode says how a line is authenticated.
type Mode string

const (
	// ModeIP knows the other side by its addresses.
	ModeIP Mode = "ip"
	// ModeRegister has us register with the other side.
	ModeRegister Mode = "register"
)

// Line is a trunk to a carrier or to another exchange.
type Line struct {
	ID   string
	Name string
	Mode Mode
	// Hosts are the addresses requests may come from: IP, host name or CIDR.
	Hosts []string
	// Server is "host[:port]" where calls and registrations go. Defaults to the
	// first of Hosts that is not a network.
	Server string
	// Username and Password answer the other side's digest challenges.
	Username, Password string
	// Transport is udp, tcp or tls. Defaults to udp.
	Transport string
	// MaxCalls bounds calls on this line at a time, both directions. 0: no bound
	// but the endpoint's.
	MaxCalls int
	// CallRate bounds its incoming calls per second. 0: no bound but the
	// endpoint's.
	CallRate int
	// Domain is the host part of our From and To on this line. Defaults to the
	// host of Server.
	Domain string
	// Expires is the registration interval asked for. Defaults to 5min.
	Expires time.Duration
}

// Device is a desk phone that may register and call.
type Device struct {
	ID          string
	Username    string
	Password    string
	DisplayName string
	// Digest is "MD5" or "SHA-256" to offer only that. Empty offers both, and
	// only MD5 to phones that are known, or turn out, not to take a choice.
	Digest string
}

// Header is an additional SIP header field.
type Header struct{ Name, Value string }

// Addrs are the addresses that are really listened on; invalid where not.
type Addrs struct{ UDP, TCP, TLS netip.AddrPort }

// LineState is what is known about a registered line.
type LineState struct {
	Registered bool
	Since      time.Time // of the present state
	Status     int       // last SIP status, 0 before the first answer
	Error      string    // empty when registered
}
