package udp

import (
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Socket is a non-blocking UDP socket.
type Socket struct {
	fd   int
	port uint16
	v6   bool
	slot int32 // in the reader's table

	connected bool
}

// Target is a destination in the kernel's form.
type Target struct {
	raw [unix.SizeofSockaddrInet6]byte
	len uint32
}

// Set tells whether there is a destination.
func (t *Target) Set() bool { return t.len > 0 }

// chosenTries is how often a port that the kernel chose may be lost to somebody
// else before it is bound.
const chosenTries = 16

// Bind opens a socket; port 0 lets the kernel choose.
func Bind(ip netip.Addr, port uint16) (*Socket, error) {
	if port != 0 {
		return bind(ip, port)
	}
	// A port that was never asked for by number is lost by Disconnect: the kernel
	// keeps only those that were.
	var err error
	for range chosenTries {
		var s *Socket
		if s, err = bind(ip, 0); err != nil {
			return nil, err
		}
		chosen := s.port
		s.Close()
		if s, err = bind(ip, chosen); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func bind(ip netip.Addr, port uint16) (*Socket, error) {
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
		sa = &unix.SockaddrInet6{Addr: ip.As16(), Port: int(port), ZoneId: scope(ip)}
	} else {
		sa = &unix.SockaddrInet4{Addr: ip.As4(), Port: int(port)}
	}
	if err := unix.Bind(fd, sa); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	s := &Socket{fd: fd, port: port, v6: ip.Is6()}
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

// Port is the bound port.
func (s *Socket) Port() uint16 { return s.port }

// Close closes the socket; take it out of its group first.
func (s *Socket) Close() { _ = unix.Close(s.fd) }

// SetBuffers asks the kernel for room in both directions, in bytes. It may
// grant less.
func (s *Socket) SetBuffers(bytes int) {
	_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes)
	_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, bytes)
}

// Aim sets t to an address; false, and t unset, when the socket cannot reach it.
func (s *Socket) Aim(t *Target, to netip.AddrPort) bool {
	addr := to.Addr().Unmap()
	if !addr.IsValid() || to.Port() == 0 || s.v6 != addr.Is6() {
		t.len = 0
		return false
	}
	port := [2]byte{byte(to.Port() >> 8), byte(to.Port())}
	if s.v6 {
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(&t.raw))
		*sa = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: addr.As16(), Scope_id: scope(addr)}
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

// scope is the number of the interface that a link-local address belongs to.
func scope(ip netip.Addr) uint32 {
	if ip.Zone() == "" {
		return 0
	}
	if n, err := strconv.ParseUint(ip.Zone(), 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(ip.Zone()); err == nil {
		return uint32(i.Index)
	}
	return 0
}

// Write sends one datagram and never blocks: when the kernel's buffer is full
// the datagram is lost, as it would be on the wire.
func (s *Socket) Write(b []byte, t *Target) bool {
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

// Connected tells whether the socket is tied to its peer.
func (s *Socket) Connected() bool { return s.connected }

// Connect ties the socket to its peer: sending then skips the look-up of the
// route, a fifth of its cost, and the kernel drops what others send.
func (s *Socket) Connect(t *Target) {
	if s.connected || t.len == 0 {
		return
	}
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(unsafe.Pointer(&t.raw)), uintptr(t.len))
	s.connected = errno == 0
}

// Disconnect lets the socket hear everybody again.
func (s *Socket) Disconnect() {
	if !s.connected {
		return
	}
	s.connected = false
	none := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, _ = unix.RawSyscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(none))
}

// mmsghdr is struct mmsghdr of recvmmsg(2) and sendmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// batch is room for the datagrams of one recvmmsg or sendmmsg.
type batch struct {
	hdr [maxBatch]mmsghdr
	iov [maxBatch]unix.Iovec
	to  [maxBatch]Target // or where it came from
	buf [maxBatch][maxDatagram]byte
}

func (b *batch) init() {
	for i := range b.hdr {
		b.iov[i].Base = &b.buf[i][0]
		b.iov[i].SetLen(maxDatagram)
		h := &b.hdr[i].hdr
		h.Name, h.Namelen = &b.to[i].raw[0], unix.SizeofSockaddrInet6
		h.Iov = &b.iov[i]
		h.SetIovlen(1)
	}
}

// receive fills up to n buffers and tells how many came.
func (b *batch) receive(fd int32, n int) int {
	got, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.hdr)), uintptr(n),
		unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(got)
}

// datagram gives the i-th datagram received; nil when it was cut off. The
// buffer is prepared for the next one.
func (b *batch) datagram(i int) (data []byte, from netip.AddrPort) {
	m := &b.hdr[i]
	raw, n := &b.to[i].raw, m.hdr.Namelen
	m.hdr.Namelen = unix.SizeofSockaddrInet6
	if m.hdr.Flags&unix.MSG_TRUNC != 0 {
		return nil, netip.AddrPort{}
	}
	data = b.buf[i][:m.len]
	port := uint16(raw[2])<<8 | uint16(raw[3])
	if n == unix.SizeofSockaddrInet4 {
		return data, netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[4:8])), port)
	}
	addr := netip.AddrFrom16([16]byte(raw[8:24])).Unmap()
	if addr.Is6() && addr.IsLinkLocalUnicast() {
		sa := (*unix.RawSockaddrInet6)(unsafe.Pointer(raw))
		addr = addr.WithZone(strconv.Itoa(int(sa.Scope_id)))
	}
	return data, netip.AddrPortFrom(addr, port)
}
