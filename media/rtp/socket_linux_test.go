package rtp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/openhotline/hotline/media/codec"
)

// TestSocketIsTiedToAPeerThatIsHeard: packets of a known peer keep the socket
// connected; after a silence another address is heard again.
func TestSocketIsTiedToAPeerThatIsHeard(t *testing.T) {
	l := openLeg(t, LegConfig{})
	p := newPhone(t, l, codec.PCMU, 700)
	p.talk()
	tied := func(now time.Time) bool {
		l.tend(now)
		l.out.mu.Lock()
		defer l.out.mu.Unlock()
		return l.rtp.Connected()
	}
	l.cfg.Pool.cfg.Readers.Remove(l.in) // its clock is not the test's
	if !tied(p.now) {
		t.Fatal("a heard peer is not tied")
	}
	l.WriteFrame(make([]int16, 160))
	p.collect()
	if len(p.got) != 1 {
		t.Fatalf("%d packets by the tied socket", len(p.got))
	}
	if tied(p.now.Add(2 * time.Second)) {
		t.Fatal("a silent peer is still tied")
	}
	l.WriteFrame(make([]int16, 160))
	p.collect()
	if len(p.got) != 2 {
		t.Fatalf("%d packets after the socket was untied", len(p.got))
	}
	p.talk()
	if !tied(p.now) {
		t.Fatal("not tied again")
	}
	p.configure(func(q *Params) { q.Remote = netip.MustParseAddrPort("127.0.0.7:4444") })
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	if l.rtp.Connected() {
		t.Fatal("tied to the old address after a new offer")
	}
}

// TestIPv6 carries audio between two legs on ::1.
func TestIPv6(t *testing.T) {
	t.Parallel()
	pool, err := NewPortPool(PoolConfig{IP: netip.IPv6Loopback()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	a, err := OpenLeg(LegConfig{Pool: pool})
	if err != nil {
		t.Skip("no IPv6 here:", err)
	}
	t.Cleanup(func() { _ = a.Close() })
	b := openLeg(t, LegConfig{Pool: pool})
	for _, c := range []struct{ l, to *Leg }{{a, b}, {b, a}} {
		err := c.l.Configure(Params{Remote: c.to.LocalAddr(), Send: PayloadType{0, codec.PCMU}, Sending: true, Receiving: true})
		if err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.After(10 * time.Second)
	for b.Stats().PacketsReceived < 5 {
		a.WriteFrame(make([]int16, 160))
		select {
		case <-deadline:
			t.Fatalf("nothing came: %+v", a.Stats())
		case <-time.After(5 * time.Millisecond):
		}
	}
	if got := b.Stats().Remote; got != a.LocalAddr().String() {
		t.Errorf("learnt %s, want %v", got, a.LocalAddr())
	}
}
