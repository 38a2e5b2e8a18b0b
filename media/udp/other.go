//go:build !linux

package udp

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Socket is a UDP socket of the standard library, for systems without epoll.
type Socket struct {
	conn *net.UDPConn
	port uint16
	done chan struct{}
}

// Target is a destination.
type Target struct {
	addr netip.AddrPort
}

// Set tells whether there is a destination.
func (t *Target) Set() bool { return t.addr.IsValid() }

// Bind opens a socket; port 0 lets the system choose.
func Bind(ip netip.Addr, port uint16) (*Socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, port)))
	if err != nil {
		return nil, err
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return &Socket{conn: conn, port: local.Port(), done: make(chan struct{})}, nil
}

// Port is the bound port.
func (s *Socket) Port() uint16 { return s.port }

// Close closes the socket; take it out of its group first.
func (s *Socket) Close() { _ = s.conn.Close() }

// SetBuffers asks the system for room in both directions, in bytes.
func (s *Socket) SetBuffers(bytes int) {
	_ = s.conn.SetReadBuffer(bytes)
	_ = s.conn.SetWriteBuffer(bytes)
}

// Aim sets t to an address; false, and t unset, when it is none.
func (s *Socket) Aim(t *Target, to netip.AddrPort) bool {
	t.addr = netip.AddrPort{}
	if !to.Addr().IsValid() || to.Port() == 0 {
		return false
	}
	t.addr = to
	return true
}

// Write sends one datagram.
func (s *Socket) Write(b []byte, t *Target) bool {
	_, err := s.conn.WriteToUDPAddrPort(b, t.addr)
	return err == nil
}

// Connected is false: connecting saves nothing here.
func (s *Socket) Connected() bool { return false }

// Connect does nothing here.
func (s *Socket) Connect(*Target) {}

// Disconnect does nothing here.
func (s *Socket) Disconnect() {}

// Queue sends at once here.
type Queue struct{ socket *Socket }

// NewQueue makes a queue for a socket.
func NewQueue(s *Socket) *Queue { return &Queue{socket: s} }

// Send sends a datagram; false when it has no destination.
func (q *Queue) Send(b []byte, to *Target) bool {
	return to.Set() && len(b) <= maxDatagram && q.socket.Write(b, to)
}

// Flush does nothing here.
func (q *Queue) Flush() int { return 0 }

// reader keeps the members of a group; each socket has its own goroutine here.
type reader struct {
	mu      sync.Mutex
	members map[*Member]struct{}
	closing bool
	begin   sync.Once
	stop    chan struct{}
	wg      sync.WaitGroup
}

func newReader(*Group, time.Duration) (*reader, error) {
	return &reader{members: map[*Member]struct{}{}, stop: make(chan struct{})}, nil
}

func (r *reader) add(m *Member) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return ErrClosed
	}
	r.begin.Do(func() { r.wg.Go(r.tendAll) })
	r.members[m] = struct{}{}
	for _, in := range m.Inputs {
		r.wg.Go(func() { receive(in) })
	}
	return nil
}

func receive(in Input) {
	defer close(in.Socket.done)
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := in.Socket.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		in.Receive(buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), time.Now())
	}
}

func (r *reader) tendAll() {
	t := time.NewTicker(TendEvery)
	defer t.Stop()
	for {
		select {
		case <-r.stop:
			return
		case now := <-t.C:
			r.mu.Lock()
			for m := range r.members {
				if m.Tend != nil {
					m.Tend(now)
				}
			}
			r.mu.Unlock()
		}
	}
}

// remove tells whether m was there.
func (r *reader) remove(m *Member) bool {
	r.mu.Lock()
	_, ok := r.members[m]
	delete(r.members, m)
	r.mu.Unlock()
	if !ok {
		return false
	}
	for _, in := range m.Inputs {
		_ = in.Socket.conn.SetReadDeadline(time.Unix(1, 0))
		<-in.Socket.done
	}
	return true
}

func (r *reader) wait() {}

func (r *reader) close() {
	r.mu.Lock()
	if !r.closing {
		r.closing = true
		close(r.stop)
	}
	r.mu.Unlock()
	r.wg.Wait()
}
