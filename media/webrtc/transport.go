package webrtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v5/packetio"

	"github.com/openhotline/hotline/media/udp"
)

var errHandshake = errors.New("webrtc: no secure connection")

const (
	// consentTime is how often a browser is asked whether it still wants our
	// packets (RFC 7675 §5.1). A lost one is seen by its silence much earlier.
	consentTime = 5 * time.Second
	// consentEnds is how long a browser may leave that unanswered: 30 s by the
	// RFC, of which looking now and then takes some.
	consentEnds = 28 * time.Second
	// handshakeTime bounds DTLS, which starts when ICE has found a way.
	handshakeTime = 30 * time.Second
	// handshakeWaiting bounds what waits to be read by DTLS, in bytes.
	handshakeWaiting = 64 << 10
)

// newAgent makes the ICE agent of a leg.
func (a *API) newAgent(p *port, client bool) (*ice.Agent, error) {
	options := []ice.AgentOption{
		ice.WithNetworkTypes([]ice.NetworkType{p.network()}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithLoggerFactory(a.loggers),
		ice.WithUrls(a.servers),
		ice.WithUDPMux(p.mux),
	}
	if a.cfg.IncludeLoopback {
		options = append(options, ice.WithIncludeLoopback())
	}
	if len(a.cfg.ExternalIPs) > 0 {
		options = append(options, ice.WithAddressRewriteRules(ice.AddressRewriteRule{
			External: a.cfg.ExternalIPs, AsCandidateType: ice.CandidateTypeHost, Mode: ice.AddressRewriteReplace,
		}))
	}
	if !client {
		options = append(options, ice.WithKeepaliveInterval(consentTime), ice.WithDisconnectedTimeout(2*consentTime),
			ice.WithFailedTimeout(consentEnds-2*consentTime))
	}
	if a.kinds != nil {
		options = append(options, ice.WithCandidateTypes(a.kinds))
	}
	agent, err := ice.NewAgentWithOptions(options...)
	if err != nil {
		return nil, fmt.Errorf("webrtc: ICE agent: %w", err)
	}
	return agent, nil
}

// serverURLs reads the STUN and TURN servers.
func serverURLs(servers []ICEServer) ([]*stun.URI, error) {
	var list []*stun.URI
	for _, s := range servers {
		for _, text := range s.URLs {
			uri, err := stun.ParseURI(text)
			if err != nil {
				return nil, fmt.Errorf("%w: ICE server %q: %w", ErrConfig, text, err)
			}
			if turn := uri.Scheme == stun.SchemeTypeTURN || uri.Scheme == stun.SchemeTypeTURNS; turn {
				if s.Username == "" || s.Credential == "" {
					return nil, fmt.Errorf("%w: ICE server %q: no user name or credential", ErrConfig, text)
				}
				uri.Username, uri.Password = s.Username, s.Credential
			}
			list = append(list, uri)
		}
	}
	return list, nil
}

// gather collects our candidates, within bounds; complete tells that there will
// be no others. Those that come later are handed to OnCandidate.
func (l *Leg) gather(ctx context.Context) (candidates []string, complete bool, err error) {
	var found found
	over := make(chan struct{})
	err = l.agent.OnCandidate(func(c ice.Candidate) {
		switch {
		case c == nil:
			close(over)
		case !found.keep(c.Marshal()):
			l.tellCandidate(c)
		}
	})
	if err == nil {
		err = l.agent.GatherCandidates()
	}
	if err != nil {
		return nil, false, fmt.Errorf("webrtc: gather: %w", err)
	}
	wait := time.NewTimer(l.api.cfg.GatherTimeout)
	defer wait.Stop()
	select {
	case <-over:
		complete = true
	case <-wait.C:
	case <-ctx.Done():
		return nil, false, context.Cause(ctx)
	}
	return found.take(), complete, nil
}

// found collects our candidates until they are taken for the description.
type found struct {
	mu    sync.Mutex
	list  []string
	taken bool
}

// keep is false for a candidate that comes too late for the description.
func (f *found) keep(candidate string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.taken {
		f.list = append(f.list, candidate)
	}
	return !f.taken
}

func (f *found) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.taken = true
	return f.list
}

// connect runs ICE and DTLS, and then waits until the other side closes.
func (l *Leg) connect(d *description, offered bool) {
	err := l.establish(d, offered)
	if err == nil {
		buf := make([]byte, 1500)
		for err == nil { // there are no data channels: only the end matters
			_, err = l.secure.Read(buf)
		}
	}
	l.api.log.Debug("browser leg over", "leg", l.cfg.ID, "err", err)
	l.die()
}

// establish finds a way, secures it and takes the keys for SRTP. The side that
// has offered controls ICE, or faces one that cannot.
func (l *Leg) establish(d *description, offered bool) error {
	begin := l.agent.Accept
	if offered || d.lite {
		begin = l.agent.Dial
	}
	conn, err := begin(l.ctx, d.ufrag, d.pwd)
	if err != nil {
		return fmt.Errorf("webrtc: ICE: %w", err)
	}
	l.way.Store(conn)
	in := packetio.NewBuffer()
	in.SetLimitSize(handshakeWaiting)
	l.run(func() {
		defer func() { _ = in.Close() }()
		l.demultiplex(conn, in)
	})
	client := d.answersActive()
	if offered {
		client = d.setup == "passive"
	}
	secure, err := l.handshake(&handshakeConn{conn: conn, in: in}, client, d.prints)
	if err != nil {
		return err
	}
	s, err := newSession(secure, client)
	if err != nil {
		return err
	}
	if !l.adopt(s) {
		return errHandshake // it has died meanwhile
	}
	if pair, err := l.agent.GetSelectedCandidatePair(); err == nil && pair != nil {
		l.route(pair.Local, pair.Remote)
	}
	l.rise()
	return nil
}

// handshake secures the connection by DTLS 1.2.
func (l *Leg) handshake(conn net.PacketConn, client bool, prints []fingerprinted) (*dtls.Conn, error) {
	shared := []dtls.Option{
		dtls.WithCertificates(l.cert.tls),
		dtls.WithSRTPProtectionProfiles(profiles...),
		// Not a chain of authorities but the fingerprint counts (RFC 5763 §5).
		dtls.WithInsecureSkipVerify(true),
		dtls.WithVerifyPeerCertificate(verify(prints)),
		dtls.WithLoggerFactory(l.api.loggers),
	}
	var secure *dtls.Conn
	var err error
	if client {
		options := make([]dtls.ClientOption, 0, len(shared))
		for _, o := range shared {
			options = append(options, o)
		}
		secure, err = dtls.ClientWithOptions(conn, nil, options...)
	} else {
		options := make([]dtls.ServerOption, 0, len(shared)+2)
		for _, o := range shared {
			options = append(options, o)
		}
		// ICE has proven the address already.
		options = append(options, dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true))
		secure, err = dtls.ServerWithOptions(conn, nil, options...)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errHandshake, err)
	}
	l.mu.Lock()
	l.secure = secure
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(l.ctx, handshakeTime)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", errHandshake, err)
	}
	return secure, nil
}

// demultiplex reads what does not come by the fast way: DTLS, and media through
// a relay or from before its address was known (RFC 7983).
func (l *Leg) demultiplex(conn *ice.Conn, handshakes *packetio.Buffer) {
	buf := make([]byte, 2048)
	for {
		n, err := conn.Read(buf)
		if errors.Is(err, io.ErrShortBuffer) {
			continue // longer than any of ours
		}
		if err != nil {
			return
		}
		switch b := buf[:n]; {
		case isHandshake(b):
			_, _ = handshakes.Write(b, nil) // full: DTLS repeats itself
		case isMedia(b):
			l.datagram(b, time.Now())
		}
	}
}

// route makes the fast way, past pion, when the chosen pair of candidates goes
// over our port and not through a relay; else there is none. ICE may choose
// again at any time.
func (l *Leg) route(local, remote ice.Candidate) {
	to := netip.AddrPort{}
	if local.Type() == ice.CandidateTypeHost && !local.NetworkType().IsTCP() {
		if ip, err := netip.ParseAddr(remote.Address()); err == nil {
			to = netip.AddrPortFrom(ip.Unmap(), uint16(remote.Port()))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.dead.Load() || l.session.Load() == nil || to == l.peer {
		return
	}
	p := l.port
	if l.peer.IsValid() {
		p.forget(l.peer, l)
	}
	l.peer = to
	var target udp.Target
	if !p.socket.Aim(&target, to) {
		l.target.Store(nil)
		return
	}
	l.target.Store(&target)
	p.know(to, l)
}

// transmit sends an encrypted packet.
func (l *Leg) transmit(b []byte) bool {
	if to := l.target.Load(); to != nil {
		return l.port.send(b, to)
	}
	if conn := l.way.Load(); conn != nil {
		n, err := conn.Write(b)
		return err == nil && n > 0
	}
	return false
}

// handshakeConn is DTLS's packet connection.
type handshakeConn struct {
	conn *ice.Conn
	in   *packetio.Buffer
}

// ReadFrom implements net.PacketConn.
func (c *handshakeConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, _, err := c.in.Read(b, nil)
	return n, nil, err
}

// WriteTo implements net.PacketConn.
func (c *handshakeConn) WriteTo(b []byte, _ net.Addr) (int, error) { return c.conn.Write(b) }

// Close implements net.PacketConn.
func (c *handshakeConn) Close() error { return c.in.Close() }

// LocalAddr implements net.PacketConn.
func (c *handshakeConn) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// SetDeadline implements net.PacketConn.
func (c *handshakeConn) SetDeadline(t time.Time) error { return c.in.SetReadDeadline(t) }

// SetReadDeadline implements net.PacketConn.
func (c *handshakeConn) SetReadDeadline(t time.Time) error { return c.in.SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn; writing does not block.
func (c *handshakeConn) SetWriteDeadline(time.Time) error { return nil }
