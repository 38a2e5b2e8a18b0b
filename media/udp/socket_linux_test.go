package udp

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestAnUntiedSocketKeepsItsPort: after Disconnect a socket whose port the
// kernel chose still sends from it, and hears whoever sends there.
func TestAnUntiedSocketKeepsItsPort(t *testing.T) {
	t.Parallel()
	s, err := Bind(netip.MustParseAddr("127.0.0.1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	peer, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	if err := peer.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var to Target
	s.Aim(&to, peer.LocalAddr().(*net.UDPAddr).AddrPort())
	buf := make([]byte, 64)
	for _, step := range []struct {
		name string
		do   func()
	}{{"bound", func() {}}, {"tied", func() { s.Connect(&to) }}, {"untied", s.Disconnect}, {"tied again", func() { s.Connect(&to) }}, {"untied again", s.Disconnect}} {
		step.do()
		if !s.Write([]byte("out"), &to) {
			t.Fatalf("%s: not sent", step.name)
		}
		_, from, err := peer.ReadFromUDPAddrPort(buf)
		if err != nil || from.Port() != s.Port() {
			t.Fatalf("%s: from port %d, want %d; %v", step.name, from.Port(), s.Port(), err)
		}
	}
	arrived := make(chan netip.AddrPort, 1)
	g, err := NewGroup(Config{Readers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	m := &Member{Inputs: []Input{{Socket: s, Batch: 1, Receive: func(_ []byte, from netip.AddrPort, _ time.Time) {
		select {
		case arrived <- from:
		default:
		}
	}}}}
	if err := g.Add(m); err != nil {
		t.Fatal(err)
	}
	defer g.Remove(m)
	if _, err := peer.WriteToUDPAddrPort([]byte("in"), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), s.Port())); err != nil {
		t.Fatal(err)
	}
	select {
	case from := <-arrived:
		if from != peer.LocalAddr().(*net.UDPAddr).AddrPort() {
			t.Errorf("from %v", from)
		}
	case <-time.After(5 * time.Second):
		t.Error("an untied socket hears nothing")
	}
}

// TestALookEnds: sockets that always have more to read do not keep the reader
// from anything else.
func TestALookEnds(t *testing.T) {
	t.Parallel()
	s, err := Bind(netip.MustParseAddr("127.0.0.1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := newReader(&Group{}, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	r.group.queues.Store(new([]*Queue))
	defer r.close()
	r.events = r.events[:1]
	handled := 0
	if err := r.watch(Input{Socket: s, Batch: 1, Receive: func([]byte, netip.AddrPort, time.Time) { handled++ }}); err != nil {
		t.Fatal(err)
	}
	var to Target
	s.Aim(&to, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), s.Port()))
	for range 3 * maxRounds {
		if !s.Write([]byte("x"), &to) {
			t.Fatal("not sent")
		}
	}
	for look := 1; look <= 3; look++ {
		if moved, _, open := r.look(); moved != maxRounds || handled != look*maxRounds || !open {
			t.Fatalf("look %d moved %d datagrams, %d in all, want %d each", look, moved, handled, maxRounds)
		}
	}
}
