package webrtc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	pion "github.com/pion/webrtc/v4"
)

// socketBuffer is asked of the kernel for the one socket of all browsers.
const socketBuffer = 4 << 20

// API makes browser legs. All of them share one UDP socket.
type API struct {
	cfg      Config
	log      *slog.Logger
	conn     *net.UDPConn
	mux      ice.UDPMux
	settings pion.SettingEngine
	stop     context.CancelFunc
	watching sync.WaitGroup

	mu     sync.Mutex // guards the fields below; never held while a leg's lock is taken
	cert   pion.Certificate
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
	conn, network, err := listen(cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("webrtc: listen on %s: %w", cfg.Address, err)
	}
	a := &API{cfg: cfg, log: log, conn: conn, legs: make(map[*Leg]struct{})}
	loggers := quiet(log)
	a.mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: conn, Logger: loggers.NewLogger("mux")})
	if err := a.settle(network, loggers); err != nil {
		return nil, errors.Join(err, a.mux.Close(), conn.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.watching.Go(func() { a.watch(ctx) })
	return a, nil
}

// listen binds the socket: IPv4 unless the host is an IPv6 address.
func listen(address string) (*net.UDPConn, pion.NetworkType, error) {
	network, kind := "udp4", pion.NetworkTypeUDP4
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, 0, err
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() && !ip.Is4In6() {
		network, kind = "udp6", pion.NetworkTypeUDP6
	}
	addr, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, 0, err
	}
	conn, err := net.ListenUDP(network, addr)
	if err != nil {
		return nil, 0, err
	}
	// The kernel may grant less; that is no reason to refuse.
	_ = conn.SetReadBuffer(socketBuffer)
	_ = conn.SetWriteBuffer(socketBuffer)
	return conn, kind, nil
}

// settle prepares what all legs have in common.
func (a *API) settle(network pion.NetworkType, loggers logging.LoggerFactory) error {
	s := &a.settings
	s.LoggerFactory = loggers
	s.SetICEUDPMux(a.mux)
	s.SetNetworkTypes([]pion.NetworkType{network})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetIncludeLoopbackCandidate(a.cfg.IncludeLoopback)
	if len(a.cfg.ExternalIPs) == 0 {
		return nil
	}
	err := s.SetICEAddressRewriteRules(pion.ICEAddressRewriteRule{
		External: a.cfg.ExternalIPs, AsCandidateType: pion.ICECandidateTypeHost, Mode: pion.ICEAddressRewriteReplace,
	})
	if err != nil {
		return fmt.Errorf("%w: external addresses: %w", ErrConfig, err)
	}
	return nil
}

// Addr is the bound UDP address.
func (a *API) Addr() netip.AddrPort {
	addr, _ := a.conn.LocalAddr().(*net.UDPAddr)
	return addr.AddrPort()
}

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
	all = errors.Join(all, a.mux.Close())
	if err := a.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		all = errors.Join(all, err)
	}
	return all
}

// certificate gives the DTLS certificate of all legs, renewed in good time
// before it expires.
func (a *API) certificate() (pion.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return pion.Certificate{}, ErrClosed
	}
	if time.Until(a.cert.Expires()) > 7*24*time.Hour {
		return a.cert, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pion.Certificate{}, fmt.Errorf("webrtc: certificate: %w", err)
	}
	cert, err := pion.GenerateCertificate(key)
	if err != nil {
		return pion.Certificate{}, fmt.Errorf("webrtc: certificate: %w", err)
	}
	a.cert = *cert
	return a.cert, nil
}

// connection makes a peer connection that knows exactly the given codecs.
func (a *API) connection(settings pion.SettingEngine, parameters []pion.RTPCodecParameters) (*pion.PeerConnection, error) {
	var codecs pion.MediaEngine
	for _, p := range parameters {
		if err := codecs.RegisterCodec(p, pion.RTPCodecTypeAudio); err != nil {
			return nil, fmt.Errorf("webrtc: register %s: %w", p.MimeType, err)
		}
	}
	var registry interceptor.Registry
	if err := pion.ConfigureRTCPReports(&registry); err != nil {
		return nil, fmt.Errorf("webrtc: reports: %w", err)
	}
	if err := pion.ConfigureNack(&codecs, &registry); err != nil {
		return nil, fmt.Errorf("webrtc: nack: %w", err)
	}
	cert, err := a.certificate()
	if err != nil {
		return nil, err
	}
	servers := make([]pion.ICEServer, 0, len(a.cfg.ICEServers))
	for _, s := range a.cfg.ICEServers {
		servers = append(servers, pion.ICEServer{URLs: s.URLs, Username: s.Username, Credential: s.Credential})
	}
	api := pion.NewAPI(pion.WithSettingEngine(settings), pion.WithMediaEngine(&codecs), pion.WithInterceptorRegistry(&registry))
	pc, err := api.NewPeerConnection(pion.Configuration{
		ICEServers: servers, Certificates: []pion.Certificate{cert}, BundlePolicy: pion.BundlePolicyMaxBundle,
	})
	if err != nil {
		return nil, fmt.Errorf("webrtc: peer connection: %w", err)
	}
	return pc, nil
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
