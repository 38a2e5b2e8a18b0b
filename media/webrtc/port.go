package webrtc

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"

	"github.com/openhotline/hotline/media/udp"
)

const (
	// socketBuffer is asked of the kernel for the one socket of all browsers.
	socketBuffer = 4 << 20
	// portBatch is how many datagrams one look at the socket takes.
	portBatch   = 64
	clientBatch = 4
	// portWaiting bounds what waits for pion: STUN and DTLS, little of each leg.
	portWaiting = 1024
	// strangersWaiting bounds what unknown addresses add to that.
	strangersWaiting = 256
)

// port is the one UDP socket of all browsers, or that of a client. Media of a
// peer whose address is known goes straight to its leg, in the reader's
// goroutine; everything else is queued for pion's mux, to which port is the
// packet connection. What comes from an address that ICE has not written to is
// dropped, unless it is a check that names one of our legs.
type port struct {
	readers *udp.Group
	owns    bool // readers are the port's own
	socket  *udp.Socket
	queue   *udp.Queue // nil for a client, which has one peer
	member  *udp.Member
	local   *net.UDPAddr
	mux     *ice.UDPMuxDefault

	mu   sync.RWMutex // a leaf lock
	legs map[netip.AddrPort]*Leg

	guests    *guests
	second    time.Time // strangers are counted in it, by the reader alone
	strangers int

	waiting chan *datagram // of guests; read first
	checks  chan *datagram // of strangers
	unused  sync.Pool
	closing sync.Once
	closed  chan struct{}
}

var (
	_ net.PacketConn           = (*port)(nil)
	_ ice.AddrPortReaderWriter = (*port)(nil)
)

// datagram is one that waits for pion.
type datagram struct {
	from netip.AddrPort
	n    int
	b    [2048]byte
}

// openPort binds the socket of all browsers: IPv4 unless the host is an IPv6
// address. Without readers it has one of its own.
func openPort(address string, readers *udp.Group, log logging.LeveledLogger) (*port, error) {
	network := "udp4"
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() && !ip.Is4In6() {
		network = "udp6"
	}
	local, err := net.ResolveUDPAddr(network, address)
	if err != nil {
		return nil, err
	}
	ip := local.AddrPort().Addr().Unmap()
	if !ip.IsValid() {
		ip = netip.IPv4Unspecified()
	}
	owns := readers == nil
	if owns {
		if readers, err = udp.NewGroup(udp.Config{Readers: 1}); err != nil {
			return nil, err
		}
	}
	p := &port{readers: readers, owns: owns, waiting: make(chan *datagram, portWaiting), checks: make(chan *datagram, strangersWaiting)}
	if err := p.bind(ip, uint16(local.Port), true, log); err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

// openClient binds a socket for one client, beside p.
func (p *port) openClient(log logging.LeveledLogger) (*port, error) {
	c := &port{readers: p.readers, waiting: make(chan *datagram, portWaiting/16), checks: make(chan *datagram, strangersWaiting/16)}
	return c, c.bind(p.local.AddrPort().Addr(), 0, false, log)
}

func (p *port) bind(ip netip.Addr, number uint16, shared bool, log logging.LeveledLogger) (err error) {
	p.legs, p.guests, p.closed = make(map[netip.AddrPort]*Leg), newGuests(), make(chan struct{})
	p.unused.New = func() any { return new(datagram) }
	if p.socket, err = udp.Bind(ip, number); err != nil {
		return err
	}
	p.member = &udp.Member{Inputs: []udp.Input{{Socket: p.socket, Batch: clientBatch, Receive: p.receive}}}
	if shared {
		p.socket.SetBuffers(socketBuffer)
		p.queue = udp.NewQueue(p.socket)
		p.member.Inputs[0].Batch, p.member.Queue = portBatch, p.queue
	}
	p.local = net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, p.socket.Port()))
	if err := p.readers.Add(p.member); err != nil {
		p.socket.Close()
		return err
	}
	p.mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: p, Logger: log})
	return nil
}

// send sends an encrypted packet, with others of the same sweep if it can.
func (p *port) send(b []byte, to *udp.Target) bool {
	if p.queue != nil {
		return p.queue.Send(b, to)
	}
	return p.socket.Write(b, to)
}

// end closes the readers if they are the port's own.
func (p *port) end() {
	if p.owns {
		p.readers.Close()
	}
}

// network is what ICE may use.
func (p *port) network() ice.NetworkType {
	if p.local.AddrPort().Addr().Is4() {
		return ice.NetworkTypeUDP4
	}
	return ice.NetworkTypeUDP6
}

// receive takes a datagram in the reader's goroutine (RFC 7983).
func (p *port) receive(b []byte, from netip.AddrPort, now time.Time) {
	if isMedia(b) {
		p.mu.RLock()
		leg := p.legs[from]
		p.mu.RUnlock()
		if leg != nil {
			leg.datagram(b, now)
			return
		}
	}
	queue := p.waiting
	if !p.guests.knows(from) {
		if !p.guests.invited(b) || !p.strangerFits(now) {
			return
		}
		queue = p.checks
	}
	p.pass(b, from, queue)
}

// strangerFits counts a check of an unknown address.
func (p *port) strangerFits(now time.Time) bool {
	if now.Sub(p.second) >= time.Second {
		p.second, p.strangers = now, 0
	}
	p.strangers++
	return p.strangers <= strangerRate
}

// pass queues a datagram for pion.
func (p *port) pass(b []byte, from netip.AddrPort, queue chan *datagram) {
	d := p.unused.Get().(*datagram)
	if d.from, d.n = from, copy(d.b[:], b); d.n < len(b) {
		p.unused.Put(d)
		return
	}
	select {
	case queue <- d:
	default: // lost, as on the wire: STUN and DTLS repeat themselves
		p.unused.Put(d)
	}
}

// isMedia tells SRTP and SRTCP from STUN, DTLS and TURN channels (RFC 7983 §7).
func isMedia(b []byte) bool { return len(b) > 0 && b[0] >= 128 && b[0] <= 191 }

// isHandshake tells DTLS.
func isHandshake(b []byte) bool { return len(b) > 0 && b[0] >= 20 && b[0] <= 63 }

// know gives a leg the media from an address.
func (p *port) know(from netip.AddrPort, l *Leg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.legs[from] = l
}

// forget ends it, unless another leg has the address by now.
func (p *port) forget(from netip.AddrPort, l *Leg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.legs[from] == l {
		delete(p.legs, from)
	}
}

// ReadFromAddrPort gives pion the next datagram, those of guests first.
func (p *port) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	var d *datagram
	select {
	case d = <-p.waiting:
	default:
		select {
		case d = <-p.waiting:
		case d = <-p.checks:
		case <-p.closed:
			return 0, netip.AddrPort{}, io.EOF
		}
	}
	n, from := copy(b, d.b[:d.n]), d.from
	p.unused.Put(d)
	return n, from, nil
}

// WriteToAddrPort sends what pion has to say, at once.
func (p *port) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	var t udp.Target
	p.guests.greet(netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), time.Now())
	if !p.socket.Aim(&t, to) || !p.socket.Write(b, &t) {
		return 0, errUnreachable
	}
	return len(b), nil
}

var errUnreachable = errors.New("webrtc: not sent")

// ReadFrom implements net.PacketConn.
func (p *port) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.ReadFromAddrPort(b)
	return n, net.UDPAddrFromAddrPort(from), err
}

// WriteTo implements net.PacketConn.
func (p *port) WriteTo(b []byte, to net.Addr) (int, error) {
	addr, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, errUnreachable
	}
	return p.WriteToAddrPort(b, addr.AddrPort())
}

// LocalAddr implements net.PacketConn.
func (p *port) LocalAddr() net.Addr { return p.local }

// Close implements net.PacketConn: it ends pion's reading.
func (p *port) Close() error {
	p.closing.Do(func() { close(p.closed) })
	return nil
}

// shut ends everything. Close the legs first.
func (p *port) shut() error {
	err := p.mux.Close()
	p.readers.Remove(p.member)
	p.socket.Close()
	p.end()
	return err
}

// SetDeadline implements net.PacketConn; writing does not block and reading
// ends with Close.
func (p *port) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.PacketConn.
func (p *port) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.PacketConn.
func (p *port) SetWriteDeadline(time.Time) error { return nil }
