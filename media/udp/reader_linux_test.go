package udp

import (
	"net/netip"
	"testing"
	"time"
)

func TestLookDoesNotAllocate(t *testing.T) {
	g, s := newGroup(t, Config{Readers: 1}), newSocket(t, loopback)
	q := NewQueue(s)
	peer, addr := listen(t)
	var to Target
	s.Aim(&to, addr)
	m := &Member{Queue: q, Tend: func(time.Time) {}, Inputs: []Input{{Socket: s, Batch: maxBatch, Receive: func(b []byte, _ netip.AddrPort, _ time.Time) {
		q.Send(b, &to)
	}}}}
	if err := g.Add(m); err != nil {
		t.Fatal(err)
	}
	defer g.Remove(m)
	b, self := make([]byte, 172), s.addr(loopback)
	n := testing.AllocsPerRun(300, func() {
		if _, err := peer.WriteToUDPAddrPort(b, self); err != nil {
			t.Fatal(err)
		}
		g.readers[0].look()
	})
	if n != 0 {
		t.Errorf("%v allocations per datagram, want 0", n)
	}
}

// BenchmarkRelay moves datagrams of a shared socket to many peers: what comes
// in a batch goes out in one.
func BenchmarkRelay(b *testing.B) {
	g, s := newGroup(b, Config{Readers: 1}), newSocket(b, loopback)
	q, sink := NewQueue(s), newSocket(b, loopback)
	var to, self Target
	s.Aim(&to, sink.addr(loopback))
	sink.Aim(&self, s.addr(loopback))
	m := &Member{Queue: q, Inputs: []Input{{Socket: s, Batch: maxBatch, Receive: func(d []byte, _ netip.AddrPort, _ time.Time) { q.Send(d, &to) }}}}
	if err := g.Add(m); err != nil {
		b.Fatal(err)
	}
	defer g.Remove(m)
	d := make([]byte, 182)
	b.ReportAllocs()
	for b.Loop() {
		for range 16 {
			sink.Write(d, &self)
		}
		g.readers[0].look()
	}
}
