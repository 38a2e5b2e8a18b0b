package udp

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = netip.MustParseAddr("127.0.0.1")

func newGroup(t testing.TB, cfg Config) *Group {
	t.Helper()
	g, err := NewGroup(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

func newSocket(t testing.TB, ip netip.Addr) *Socket {
	t.Helper()
	s, err := Bind(ip, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// listen is a peer on a socket of the standard library.
func listen(t testing.TB) (*net.UDPConn, netip.AddrPort) {
	t.Helper()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(loopback, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func (s *Socket) addr(ip netip.Addr) netip.AddrPort { return netip.AddrPortFrom(ip, s.Port()) }

// eventually fails the test when ok does not become true in time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in 10 s", what)
		}
	}
}

// TestBurstComesWholeAndInOrder sends more than one batch at once to a shared
// socket and to one that takes few at a time.
func TestBurstComesWholeAndInOrder(t *testing.T) {
	for _, batch := range []int{1, 4, maxBatch} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			g, s := newGroup(t, Config{Readers: 1}), newSocket(t, loopback)
			peer, from := listen(t)
			var mu sync.Mutex
			var got []string
			m := &Member{Inputs: []Input{{Socket: s, Batch: batch, Receive: func(b []byte, who netip.AddrPort, now time.Time) {
				mu.Lock()
				defer mu.Unlock()
				if who != from || time.Since(now) > time.Minute {
					t.Errorf("from %s at %s, want %s", who, now, from)
				}
				got = append(got, string(b))
				clear(b) // it is the receiver's
			}}}}
			if err := g.Add(m); err != nil {
				t.Fatal(err)
			}
			var want []string
			for i := range 3 * maxBatch {
				text := fmt.Sprintf("datagram %d", i)
				want = append(want, text)
				if _, err := peer.WriteToUDPAddrPort([]byte(text), s.addr(loopback)); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "all datagrams", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) >= len(want) })
			g.Remove(m)
			if !slices.Equal(got, want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestQueueReachesMany sends to many peers, more than fit into one system call.
func TestQueueReachesMany(t *testing.T) {
	g, s := newGroup(t, Config{}), newSocket(t, loopback)
	q := NewQueue(s)
	m := &Member{Inputs: []Input{{Socket: s, Batch: maxBatch, Receive: func([]byte, netip.AddrPort, time.Time) {}}}, Queue: q}
	if err := g.Add(m); err != nil {
		t.Fatal(err)
	}
	defer g.Remove(m)
	const peers = 2*maxBatch + 3
	var conns []*net.UDPConn
	var gone Target
	s.Aim(&gone, netip.MustParseAddrPort("127.0.0.1:9"))
	for i := range peers {
		c, to := listen(t)
		conns = append(conns, c)
		var target Target
		if !s.Aim(&target, to) || !q.Send([]byte(fmt.Sprint("to ", i)), &target) {
			t.Fatalf("%s not reached", to)
		}
		q.Send([]byte("to nobody"), &gone)
	}
	buf := make([]byte, 100)
	for i, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil || string(buf[:n]) != fmt.Sprint("to ", i) || from.Port() != s.Port() {
			t.Fatalf("peer %d got %q from %s, %v", i, buf[:n], from, err)
		}
	}
	if q.Send(make([]byte, maxDatagram+1), &gone) || q.Send([]byte("x"), &Target{}) {
		t.Error("took what cannot be sent")
	}
}

func TestNothingComesAfterRemove(t *testing.T) {
	g, s := newGroup(t, Config{}), newSocket(t, loopback)
	peer, _ := listen(t)
	var mu sync.Mutex
	removed, tended := false, false
	m := &Member{
		Inputs: []Input{{Socket: s, Receive: func([]byte, netip.AddrPort, time.Time) {
			mu.Lock()
			defer mu.Unlock()
			if removed {
				t.Error("received after Remove")
			}
		}}},
		Tend: func(time.Time) {
			mu.Lock()
			defer mu.Unlock()
			tended = true
			if removed {
				t.Error("tended after Remove")
			}
		},
	}
	if err := g.Add(m); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a look after it", func() bool { mu.Lock(); defer mu.Unlock(); return tended })
	for range 100 {
		_, _ = peer.WriteToUDPAddrPort([]byte("x"), s.addr(loopback))
	}
	g.Remove(m)
	mu.Lock()
	removed = true
	mu.Unlock()
	g.Remove(m) // harmless
	_, _ = peer.WriteToUDPAddrPort([]byte("x"), s.addr(loopback))
	time.Sleep(2 * TendEvery)
	g.Close()
	if err := g.Add(m); err != ErrClosed {
		t.Errorf("add after close: %v", err)
	}
}

// TestReadersFillUpOneByOne: another reader is used when the first has enough.
func TestReadersFillUpOneByOne(t *testing.T) {
	for _, tt := range []struct {
		sizes []int
		want  int
	}{
		{[]int{0, 0}, 0}, {[]int{crowd - 1, 0}, 0}, {[]int{crowd, 0}, 1}, {[]int{crowd, crowd + 2}, 0}, {[]int{crowd + 2, crowd + 1}, 1},
	} {
		if got := place(tt.sizes); got != tt.want {
			t.Errorf("with %v inputs reader %d is used, want %d", tt.sizes, got, tt.want)
		}
	}
}

func TestIPv6(t *testing.T) {
	s, err := Bind(netip.IPv6Loopback(), 0)
	if err != nil {
		t.Skip("no IPv6 here:", err)
	}
	defer s.Close()
	g := newGroup(t, Config{})
	got := make(chan netip.AddrPort, 1)
	m := &Member{Inputs: []Input{{Socket: s, Receive: func(_ []byte, from netip.AddrPort, _ time.Time) { got <- from }}}, Queue: NewQueue(s)}
	if err := g.Add(m); err != nil {
		t.Fatal(err)
	}
	defer g.Remove(m)
	self := s.addr(netip.IPv6Loopback())
	var to Target
	if s.Aim(&to, netip.MustParseAddrPort("127.0.0.1:9")) {
		t.Error("an IPv6 socket reaches IPv4")
	}
	if !s.Aim(&to, self) || !m.Queue.Send([]byte("hello"), &to) {
		t.Fatal("not sent")
	}
	select {
	case from := <-got:
		if from != self {
			t.Errorf("from %s, want %s", from, self)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came")
	}
}
