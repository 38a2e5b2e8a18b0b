//go:build !linux

package rtp

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// socket is a UDP socket of the standard library, for systems without epoll.
type socket struct {
	conn *net.UDPConn
	port uint16
	v6   bool
	done chan struct{}
}

// target is a destination.
type target struct {
	addr netip.AddrPort
	len  uint32
}

func bind(ip netip.Addr, port uint16) (*socket, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, port)))
	if err != nil {
		return nil, err
	}
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	return &socket{conn: conn, port: local.Port(), v6: ip.Is6(), done: make(chan struct{})}, nil
}

func (s *socket) close() { _ = s.conn.Close() }

func (s *socket) set(t *target, to netip.AddrPort) bool {
	t.len = 0
	if !to.Addr().IsValid() || to.Port() == 0 {
		return false
	}
	t.addr, t.len = to, 1
	return true
}

func (s *socket) write(b []byte, t *target) bool {
	_, err := s.conn.WriteToUDPAddrPort(b, t.addr)
	return err == nil
}

// connect and disconnect save nothing here.
func (s *socket) connect(*target) {}
func (s *socket) disconnect()     {}

// reader keeps the legs of a pool; each socket has its own goroutine here.
type reader struct {
	mu      sync.Mutex
	legs    map[*Leg]struct{}
	closing bool
	begin   sync.Once
	stop    chan struct{}
	wg      sync.WaitGroup
}

func newReader(time.Duration) (*reader, error) {
	return &reader{legs: map[*Leg]struct{}{}, stop: make(chan struct{})}, nil
}

func (r *reader) add(l *Leg) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return ErrClosed
	}
	r.begin.Do(func() { r.wg.Go(r.tendAll) })
	r.legs[l] = struct{}{}
	r.wg.Go(func() { r.receive(l.rtp, l.receive) })
	r.wg.Go(func() { r.receive(l.rtcp, l.receiveRTCP) })
	return nil
}

func (r *reader) receive(s *socket, handle func([]byte, netip.AddrPort, time.Time)) {
	defer close(s.done)
	buf := make([]byte, 2048)
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		handle(buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), time.Now())
	}
}

func (r *reader) tendAll() {
	t := time.NewTicker(tendEvery)
	defer t.Stop()
	for {
		select {
		case <-r.stop:
			return
		case now := <-t.C:
			r.mu.Lock()
			for l := range r.legs {
				l.tend(now)
			}
			r.mu.Unlock()
		}
	}
}

func (r *reader) remove(l *Leg) {
	r.mu.Lock()
	_, ok := r.legs[l]
	delete(r.legs, l)
	r.mu.Unlock()
	if !ok {
		return
	}
	_ = l.rtp.conn.SetReadDeadline(time.Unix(1, 0))
	_ = l.rtcp.conn.SetReadDeadline(time.Unix(1, 0))
	<-l.rtp.done
	<-l.rtcp.done
}

func (r *reader) close() {
	r.mu.Lock()
	if !r.closing {
		r.closing = true
		close(r.stop)
	}
	r.mu.Unlock()
	r.wg.Wait()
}
