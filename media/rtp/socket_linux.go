package rtp

import (
	"net/netip"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is a non-blocking UDP socket outside the runtime's poller: packets do
// not wake goroutines one by one, a reader looks at many sockets at once.
type socket struct {
	fd   int
	port uint16
	v6   bool
	slot int32 // in the reader's table

	connected bool
}

// target is a destination in the kernel's form.
type target struct {
	raw [unix.SizeofSockaddrInet6]byte
	len uint32
}

func bind(ip netip.Addr, port uint16) (*socket, error) {
	family := unix.AF_INET
	if ip.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var sa unix.Sockaddr
	if ip.Is6() {
		sa = &unix.SockaddrInet6{Addr: ip.As16(), Port: int(port)}
	} else {
		sa = &unix.SockaddrInet4{Addr: ip.As4(), Port: int(port)}
	}
	if err := unix.Bind(fd, sa); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	s := &socket{fd: fd, port: port, v6: ip.Is6()}
	// Expedited forwarding for voice (RFC 4594 §4.1); not every network allows it.
	if s.v6 {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, 0xB8)
	} else {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, 0xB8)
	}
	if port == 0 {
		bound, err := unix.Getsockname(fd)
		if err != nil {
			_ = unix.Close(fd)
			return nil, err
		}
		switch a := bound.(type) {
		case *unix.SockaddrInet4:
			s.port = uint16(a.Port)
		case *unix.SockaddrInet6:
			s.port = uint16(a.Port)
		}
	}
	return s, nil
}

func (s *socket) close() { _ = unix.Close(s.fd) }

// set converts an address for write; false when the socket cannot reach it.
func (s *socket) set(t *target, to netip.AddrPort) bool {
	addr := to.Addr().Unmap()
	if !addr.IsValid() || to.Port() == 0 || s.v6 != addr.Is6() {
		t.len = 0
		return false
	}
	port := [2]byte{byte(to.Port() >> 8), byte(to.Port())}
	if s.v6 {
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(&t.raw))
		*sa = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: addr.As16()}
		*(*[2]byte)(unsafe.Pointer(&sa.Port)) = port
		t.len = unix.SizeofSockaddrInet6
		return true
	}
	sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&t.raw))
	*sa = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: addr.As4()}
	*(*[2]byte)(unsafe.Pointer(&sa.Port)) = port
	t.len = unix.SizeofSockaddrInet4
	return true
}

// write sends one datagram and never blocks: when the kernel's buffer is full
// the packet is lost, as it would be on the wire.
func (s *socket) write(b []byte, t *target) bool {
	const flags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	var errno unix.Errno
	if s.connected {
		_, _, errno = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
			uintptr(len(b)), flags, 0, 0)
	} else {
		_, _, errno = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
			uintptr(len(b)), flags, uintptr(unsafe.Pointer(&t.raw)), uintptr(t.len))
	}
	return errno == 0
}

// connect ties the socket to its peer: sending then skips the look-up of the
// route, a fifth of its cost, and the kernel drops what others send.
func (s *socket) connect(t *target) {
	if s.connected || t.len == 0 {
		return
	}
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(unsafe.Pointer(&t.raw)), uintptr(t.len))
	s.connected = errno == 0
}

// disconnect lets the socket hear everybody again.
func (s *socket) disconnect() {
	if !s.connected {
		return
	}
	s.connected = false
	none := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, _ = unix.RawSyscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(none))
}

// read receives one datagram; n < 0 when there is none.
func (r *reader) read(fd int32) (n int, from netip.AddrPort) {
	r.fromLen = uint32(len(r.from))
	got, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&r.buf)),
		uintptr(len(r.buf)), unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&r.from)), uintptr(unsafe.Pointer(&r.fromLen)))
	if errno != 0 {
		return -1, netip.AddrPort{}
	}
	port := uint16(r.from[2])<<8 | uint16(r.from[3])
	if r.fromLen == unix.SizeofSockaddrInet4 {
		return int(got), netip.AddrPortFrom(netip.AddrFrom4([4]byte(r.from[4:8])), port)
	}
	return int(got), netip.AddrPortFrom(netip.AddrFrom16([16]byte(r.from[8:24])).Unmap(), port)
}

// endpoint is one of the two sockets of a leg.
type endpoint struct {
	leg  *Leg
	fd   int32
	rtcp bool
}

// reader receives for many legs in one goroutine. Between two looks it sleeps
// for the sweep time, so that one wake-up serves many packets.
type reader struct {
	epoll   int
	sweep   time.Duration
	wake    chan struct{}
	stopped chan struct{}
	begin   sync.Once

	mu      sync.Mutex // held while packets are handled: remove waits for them
	slots   []endpoint
	vacant  []int32
	legs    map[*Leg]struct{}
	closing bool
	tended  time.Time

	events  [512]unix.EpollEvent
	buf     [2048]byte
	from    [unix.SizeofSockaddrInet6]byte
	fromLen uint32
}

func newReader(sweep time.Duration) (*reader, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &reader{epoll: fd, sweep: sweep, wake: make(chan struct{}, 1), stopped: make(chan struct{}), legs: map[*Leg]struct{}{}}, nil
}

func (r *reader) add(l *Leg) error {
	r.begin.Do(func() { go r.run() })
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return ErrClosed
	}
	if err := r.watch(l.rtp, endpoint{leg: l, fd: int32(l.rtp.fd)}); err != nil {
		return err
	}
	if err := r.watch(l.rtcp, endpoint{leg: l, fd: int32(l.rtcp.fd), rtcp: true}); err != nil {
		r.unwatch(l.rtp)
		return err
	}
	r.legs[l] = struct{}{}
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return nil
}

func (r *reader) watch(s *socket, e endpoint) error {
	if n := len(r.vacant); n > 0 {
		s.slot = r.vacant[n-1]
		r.vacant = r.vacant[:n-1]
	} else {
		s.slot = int32(len(r.slots))
		r.slots = append(r.slots, endpoint{})
	}
	r.slots[s.slot] = e
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: s.slot, Pad: int32(s.fd)}
	if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, s.fd, &ev); err != nil {
		r.vacate(s)
		return err
	}
	return nil
}

func (r *reader) unwatch(s *socket) {
	_ = unix.EpollCtl(r.epoll, unix.EPOLL_CTL_DEL, s.fd, nil)
	r.vacate(s)
}

func (r *reader) vacate(s *socket) {
	r.slots[s.slot] = endpoint{fd: -1}
	r.vacant = append(r.vacant, s.slot)
}

// remove stops receiving for l. When it returns, no packet of l is being
// handled.
func (r *reader) remove(l *Leg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.legs[l]; !ok {
		return
	}
	delete(r.legs, l)
	r.unwatch(l.rtp)
	r.unwatch(l.rtcp)
}

func (r *reader) close() {
	r.begin.Do(func() { close(r.stopped) })
	r.mu.Lock()
	already := r.closing
	r.closing = true
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	<-r.stopped
	if !already {
		_ = unix.Close(r.epoll)
	}
}

// idleSweeps is how many empty looks make the reader look less often.
const (
	idleSweeps = 100
	idleSleep  = 10 * time.Millisecond
)

func (r *reader) run() {
	defer close(r.stopped)
	idle := 0
	for {
		packets, legs, open := r.look()
		switch {
		case !open:
			return
		case legs == 0:
			<-r.wake
			idle = 0
			continue
		case packets > 0:
			idle = 0
		default:
			idle++
		}
		if idle < idleSweeps {
			time.Sleep(r.sweep)
		} else {
			time.Sleep(idleSleep)
		}
	}
}

// look handles what has arrived and tends to the legs ten times a second.
func (r *reader) look() (packets, legs int, open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return 0, 0, false
	}
	now := time.Now()
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(r.epoll), uintptr(unsafe.Pointer(&r.events)),
			uintptr(len(r.events)), 0, 0, 0)
		if errno != 0 || n == 0 {
			break
		}
		for i := range r.events[:n] {
			packets += r.drain(&r.events[i], now)
		}
		if int(n) < len(r.events) {
			break
		}
	}
	if now.Sub(r.tended) >= tendEvery {
		r.tended = now
		for l := range r.legs {
			l.tend(now)
		}
	}
	return packets, len(r.legs), true
}

// drain reads one packet of a socket that has some. One per look is the rule,
// and the kernel tells again when there are more: a flood at one port does not
// starve the others.
func (r *reader) drain(ev *unix.EpollEvent, now time.Time) int {
	e := r.slots[ev.Fd]
	if e.leg == nil || e.fd != ev.Pad {
		return 0
	}
	n, from := r.read(e.fd)
	switch {
	case n < 0:
		return 0
	case e.rtcp:
		e.leg.receiveRTCP(r.buf[:n], from, now)
	default:
		e.leg.receive(r.buf[:n], from, now)
	}
	return 1
}
