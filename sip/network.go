package sip

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// Transports as they are written in Via.
const (
	viaUDP = "UDP"
	viaTCP = "TCP"
	viaTLS = "TLS"
)

const (
	maxDatagram     = 65_535
	maxUnreliable   = 1_300                  // RFC 3261 §18.1.1: larger requests go by TCP
	connectTimeout  = 5 * time.Second        // TCP connect and TLS handshake
	writeTimeout    = 10 * time.Second       // one message to a stream
	strangerTimeout = 10 * time.Second       // life of a connection nobody knows
	idleTimeout     = 2 * time.Hour          // silence of a known connection
	streamQueue     = 256                    // messages waiting for a stream
	strangerStreams = 256                    // connections of unknown sources at a time
	strangersOfOne  = 8                      // … and of one of them
	sendTimeout     = 500 * time.Millisecond // a datagram waits so long for room in the socket's buffer
)

// packetConn is the part of *net.UDPConn that is used.
type packetConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	SetWriteDeadline(t time.Time) error
	LocalAddr() net.Addr
	Close() error
}

// hop is where a message goes to, or came from.
type hop struct {
	network string
	addr    netip.AddrPort
	host    string  // name the address was resolved from, for TLS
	conn    *stream // the connection it came over; nil for UDP
}

func (h hop) reliable() bool { return h.network != viaUDP }

// network owns the sockets. It parses what arrives and hands it to receive in
// the reading goroutine; receive must not block.
type network struct {
	cfg     Config
	log     *slog.Logger
	sources *sources
	receive func(m sipgo.Message, from hop)
	lost    func(*stream)                      // a connection that has closed
	broken  func(data []byte, from hop) []byte // the answer to what does not parse

	life    context.Context // ends when the endpoint shuts down
	group   group
	udp     packetConn
	udpTurn chan struct{} // holds one while a datagram is written
	tcp     net.Listener
	tls     net.Listener
	parser  *sipgo.Parser
	localMu sync.Mutex
	local   map[netip.Addr]netip.Addr // route cache of a wildcard listener
	deaf    chan error                // is told that UDP cannot be read any more

	mu      sync.Mutex
	streams map[streamKey]*stream
	total   int
	unknown strangers
	closed  bool
}

func newNetwork(life context.Context, cfg Config, src *sources, log *slog.Logger) *network {
	return &network{
		life: life,
		cfg:  cfg, log: log, sources: src,
		parser:  newParser(),
		local:   map[netip.Addr]netip.Addr{},
		streams: map[streamKey]*stream{},
		unknown: strangers{of: map[netip.Addr]int{}},
		deaf:    make(chan error, 1),
		udpTurn: make(chan struct{}, 1),
	}
}

// listen binds every configured address.
func (n *network) listen() (err error) {
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.cfg.UDP != "" {
		if n.udp, err = n.listenPacket(n.cfg.UDP); err != nil {
			return fmt.Errorf("sip: listen on UDP %s: %w", n.cfg.UDP, err)
		}
	}
	if n.cfg.TCP != "" {
		if n.tcp, err = n.listenStream(n.cfg.TCP); err != nil {
			return fmt.Errorf("sip: listen on TCP %s: %w", n.cfg.TCP, err)
		}
	}
	if n.cfg.TLS != "" {
		var l net.Listener
		if l, err = n.listenStream(n.cfg.TLS); err != nil {
			return fmt.Errorf("sip: listen on TLS %s: %w", n.cfg.TLS, err)
		}
		n.tls = tls.NewListener(l, n.cfg.TLSConfig)
	}
	return nil
}

func (n *network) listenPacket(addr string) (packetConn, error) {
	if n.cfg.listenPacket != nil {
		return n.cfg.listenPacket(addr)
	}
	a, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, err
	}
	c, err := net.ListenUDP("udp", a)
	if err != nil {
		return nil, err
	}
	// A burst of calls must survive a scheduling hiccup; the kernel caps it, unless
	// the process may go beyond the cap.
	const size = 4 << 20
	if !forceReadBuffer(c, size) {
		_ = c.SetReadBuffer(size)
	}
	return c, nil
}

func (n *network) listenStream(addr string) (net.Listener, error) {
	if n.cfg.listenStream != nil {
		return n.cfg.listenStream(addr)
	}
	return (&net.ListenConfig{}).Listen(n.life, "tcp", addr)
}

// serve starts the reading goroutines.
func (n *network) serve() {
	if n.udp != nil {
		n.group.spawn(n.readPackets)
	}
	for _, l := range []struct {
		net.Listener
		network string
	}{{n.tcp, viaTCP}, {n.tls, viaTLS}} {
		if l.Listener != nil {
			n.group.spawn(func() { n.accept(l.Listener, l.network) })
		}
	}
}

// close closes listeners and connections; wait then waits for the readers.
func (n *network) close() {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	if n.udp != nil {
		_ = n.udp.Close()
	}
	if n.tcp != nil {
		_ = n.tcp.Close()
	}
	if n.tls != nil {
		_ = n.tls.Close()
	}
	for _, s := range n.open() {
		s.close(ErrClosed)
	}
}

// open are the connections there are.
func (n *network) open() []*stream {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]*stream, 0, len(n.streams))
	for _, s := range n.streams {
		out = append(out, s)
	}
	return out
}

func (n *network) wait() { n.group.wait() }

func (n *network) addrs() Addrs {
	var a Addrs
	if n.udp != nil {
		a.UDP = addrPort(n.udp.LocalAddr())
	}
	if n.tcp != nil {
		a.TCP = addrPort(n.tcp.Addr())
	}
	if n.tls != nil {
		a.TLS = addrPort(n.tls.Addr())
	}
	return a
}

func addrPort(a net.Addr) netip.AddrPort {
	p, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// Failures to read in a row: ICMP errors of earlier datagrams surface there, and
// a system short of memory; the socket lives. What goes on for longer is told.
const (
	readPause    = 10 * time.Millisecond
	maxReadPause = 100 * time.Millisecond
	maxFailures  = 100
)

// failed pauses after a failure to read, and ends the reading when there were
// too many.
func (n *network) failed(failures int, err error) (goOn bool) {
	switch {
	case errors.Is(err, net.ErrClosed):
		return false
	case failures > maxFailures:
		n.log.Error("SIP over UDP has ended", "err", err)
		n.deaf <- fmt.Errorf("%w: read UDP: %w", ErrTransport, err)
		return false
	case failures == 2: // one alone means nothing
		n.log.Warn("SIP over UDP cannot be read", "err", err)
	}
	select {
	case <-time.After(min(time.Duration(failures)*readPause, maxReadPause)):
		return true
	case <-n.group.closing():
		return false
	}
}

func (n *network) readPackets() {
	buf := make([]byte, maxDatagram)
	for failures := 0; ; {
		size, from, err := n.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			if failures++; !n.failed(failures, err) {
				return
			}
			continue
		}
		failures = 0
		from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
		data := buf[:size]
		if !n.sources.admit(data, from.Addr()) {
			continue
		}
		h := hop{network: viaUDP, addr: from}
		m, err := n.parser.ParseSIP(data)
		if err != nil {
			if answer := n.broken(data, h); answer != nil {
				_ = n.send(h, answer, nil)
			}
			continue
		}
		n.receive(m, h)
	}
}

func (n *network) accept(l net.Listener, network string) {
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of descriptors: give them time to come back.
			select {
			case <-time.After(50 * time.Millisecond):
			case <-n.group.closing():
				return
			}
			continue
		}
		n.addStream(c, network, addrPort(c.RemoteAddr()))
	}
}

// send writes one message. It returns an error known at once; an error of a
// stream that comes later goes to failed, from another goroutine. failed may be
// nil.
func (n *network) send(h hop, data []byte, failed func(error)) error {
	if h.network == viaUDP {
		return n.sendDatagram(h.addr, data)
	}
	s := h.conn
	if s == nil || s.isClosed() {
		var err error
		if s, err = n.stream(h); err != nil {
			return err
		}
	}
	return s.write(data, failed)
}

// sendDatagram writes one datagram, or gives it up after sendTimeout: whoever
// sends may hold a lock that the reader of the socket waits for. Datagrams take
// turns, since the deadline is the socket's: each that set it would prolong the
// wait of the one that is being written.
func (n *network) sendDatagram(to netip.AddrPort, data []byte) error {
	if n.udp == nil {
		return fmt.Errorf("%w: no UDP listener", ErrTransport)
	}
	until := time.Now().Add(sendTimeout)
	select {
	case n.udpTurn <- struct{}{}:
	default:
		patience := time.NewTimer(sendTimeout)
		defer patience.Stop()
		select {
		case n.udpTurn <- struct{}{}:
		case <-patience.C:
			return fmt.Errorf("%w: no room for a datagram in %s", ErrTransport, sendTimeout)
		}
	}
	defer func() { <-n.udpTurn }()
	_ = n.udp.SetWriteDeadline(until)
	if _, err := n.udp.WriteToUDPAddrPort(data, to); err != nil {
		return fmt.Errorf("%w: %w", ErrTransport, err)
	}
	return nil
}

// sentBy is the address to put into Via and Contact for messages to a remote.
func (n *network) sentBy(network string, remote netip.Addr) netip.AddrPort {
	var bound netip.AddrPort
	a := n.addrs()
	switch network {
	case viaTCP:
		bound = a.TCP
	case viaTLS:
		bound = a.TLS
	default:
		bound = a.UDP
	}
	for _, other := range []netip.AddrPort{a.UDP, a.TCP, a.TLS} {
		if !bound.IsValid() {
			bound = other // no listener of that kind: answers come over the connection
		}
	}
	ip := bound.Addr()
	switch {
	case n.cfg.ExternalIP.IsValid() && !remote.IsLoopback():
		ip = n.cfg.ExternalIP
	case !ip.IsValid() || ip.IsUnspecified():
		ip = n.localFor(remote)
	}
	return netip.AddrPortFrom(ip, bound.Port())
}

// localFor asks the routing table which address of ours talks to remote.
func (n *network) localFor(remote netip.Addr) netip.Addr {
	if remote.IsLoopback() {
		return remote
	}
	n.localMu.Lock()
	defer n.localMu.Unlock()
	if a, ok := n.local[remote]; ok {
		return a
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(remote, 9)))
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	defer func() { _ = c.Close() }()
	a := addrPort(c.LocalAddr()).Addr()
	if len(n.local) >= 1024 {
		clear(n.local)
	}
	n.local[remote] = a
	return a
}

// group counts the goroutines somebody owns and waits for.
type group struct {
	mu     sync.Mutex
	wg     sync.WaitGroup
	closed bool
	done   chan struct{}
}

// spawn runs f unless the group is closed.
func (g *group) spawn(f func()) bool {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return false
	}
	g.wg.Add(1)
	g.mu.Unlock()
	go func() {
		defer g.wg.Done()
		f()
	}()
	return true
}

// closing is closed when the group takes no more goroutines.
func (g *group) closing() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.done == nil {
		g.done = make(chan struct{})
	}
	return g.done
}

// stop refuses further goroutines.
func (g *group) stop() {
	g.closing()
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.closed = true
		close(g.done)
	}
}

func (g *group) wait() {
	g.stop()
	g.wg.Wait()
}

// resolver finds addresses of a host name.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}
