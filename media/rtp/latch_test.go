package rtp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// thief is somebody who sends a good stream to a port that is not his.
type thief struct {
	addr netip.AddrPort
	seq  uint16
}

// steal sends n packets, a frame apart.
func (th *thief) steal(p *phone, n int, payloadType uint8) {
	p.t.Helper()
	for range n {
		pkt := p.packet()
		p.seq, p.ts = p.seq-1, p.ts-frameBytes
		th.seq++
		pkt.SSRC, pkt.SequenceNumber, pkt.PayloadType = 0xBAD, th.seq, payloadType
		p.deliver(pkt, th.addr)
		p.now = p.now.Add(media.FrameTime)
	}
}

func TestSignalledSourceWinsAlways(t *testing.T) {
	t.Parallel()
	l := openLeg(t, LegConfig{})
	p := newPhone(t, l, codec.PCMU, 700)
	th := &thief{addr: netip.MustParseAddrPort("127.0.0.66:5555")}
	remote := func() string { return l.Stats().Remote }
	th.steal(p, 50, 0)
	if remote() != th.addr.String() {
		t.Fatalf("remote is %s: nothing here tells the sender from a phone behind a NAT", remote())
	}
	p.talk()
	if remote() != p.addr.String() {
		t.Fatalf("remote is %s, want the signalled %v", remote(), p.addr)
	}
	received := l.Stats().PacketsReceived
	th.steal(p, 50, 0)
	if remote() != p.addr.String() || l.Stats().PacketsReceived != received {
		t.Fatalf("the signalled source has been replaced by %s", remote())
	}
}

// TestAThiefIsNotTiedTo: while somebody else than the signalled source is
// listened to, the socket must hear that one.
func TestAThiefIsNotTiedTo(t *testing.T) {
	t.Parallel()
	var l latch
	now := time.Now()
	l.need = 1
	l.expect(netip.MustParseAddrPort("127.0.0.1:4000"))
	l.admit(netip.MustParseAddrPort("127.0.0.66:5555"), 1, 1, now)
	if !l.locked.IsValid() || l.sure(now) {
		t.Errorf("locked %v, sure %v", l.locked, l.sure(now))
	}
	l.admit(l.expected, 1, 1, now)
	if !l.sure(now) || l.sure(now.Add(relearn)) {
		t.Errorf("the signalled source: sure %v, and in silence %v", l.sure(now), l.sure(now.Add(relearn)))
	}
	l.expect(netip.MustParseAddrPort("0.0.0.0:0"))
	l.admit(netip.MustParseAddrPort("127.0.0.9:5555"), 1, 1, now)
	if !l.sure(now) {
		t.Error("not sure of the only source there can be")
	}
}

func TestAnotherHostHasToWaitForAPublicAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, signalled, from string
		after                 time.Duration // when it is believed
	}{
		{"another port of the host", "198.51.100.7:4000", "198.51.100.7:6000", 80 * time.Millisecond},
		{"another host", "198.51.100.7:4000", "203.0.113.9:6000", time.Second},
		{"behind a NAT", "192.168.1.7:4000", "203.0.113.9:6000", 80 * time.Millisecond},
		{"behind a provider's NAT", "100.70.0.1:4000", "203.0.113.9:6000", 80 * time.Millisecond},
		{"nothing signalled", "0.0.0.0:0", "203.0.113.9:6000", 80 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := latch{need: 5}
			l.expect(netip.MustParseAddrPort(tt.signalled))
			start := time.Now()
			for i := range 100 {
				now := start.Add(time.Duration(i) * media.FrameTime)
				if _, changed := l.admit(netip.MustParseAddrPort(tt.from), 1, uint16(i), now); changed {
					if got := now.Sub(start); got != tt.after {
						t.Errorf("believed after %s, want %s", got, tt.after)
					}
					return
				}
			}
			t.Error("never believed")
		})
	}
}

// TestOnlyAStreamOfTheCallVotes: neither packets of a payload type that was not
// agreed on nor unconnected ones make a source the peer.
func TestOnlyAStreamOfTheCallVotes(t *testing.T) {
	t.Parallel()
	l := openLeg(t, LegConfig{})
	p := newPhone(t, l, codec.PCMU, 700)
	th := &thief{addr: netip.MustParseAddrPort("127.0.0.66:5555")}
	th.steal(p, 20, 96)
	for range 20 {
		th.seq += 1000
		th.steal(p, 1, 0)
	}
	if got := l.Stats().Remote; got == th.addr.String() {
		t.Fatalf("remote is %s", got)
	}
	th.steal(p, 20, 0)
	if got := l.Stats().Remote; got != th.addr.String() {
		t.Fatalf("remote is %s, want the one whose stream is whole", got)
	}
}
