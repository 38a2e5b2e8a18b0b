package rtp

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/openhotline/hotline/media/codec"
)

// TestPitfall15PortsReturn: ports of failed and of ended legs come back, and
// not before their quarantine is over.
func TestPitfall15PortsReturn(t *testing.T) {
	t.Parallel()
	first := freeRange(t, 8)
	pool := newPool(t, PoolConfig{First: first, Last: first + 7, Quarantine: 50 * time.Millisecond})
	if free, total := pool.Free(); free != 4 || total != 4 {
		t.Fatalf("a range of 8 ports has %d of %d pairs", free, total)
	}
	for round := range 3 {
		var legs []*Leg
		for range 4 {
			l, err := OpenLeg(LegConfig{Pool: pool})
			if err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if l.LocalPort()%2 != 0 {
				t.Errorf("RTP port %d is odd", l.LocalPort())
			}
			legs = append(legs, l)
		}
		if _, err := OpenLeg(LegConfig{Pool: pool}); !errors.Is(err, ErrNoPort) {
			t.Fatalf("a fifth leg in four pairs: %v", err)
		}
		for i, l := range legs {
			if i%2 == 0 { // the call failed in negotiation
				if err := l.Configure(Params{Send: PayloadType{96, codec.Opus}}); !errors.Is(err, ErrParams) {
					t.Errorf("Opus on a SIP leg: %v", err)
				}
			}
			_ = l.Close()
			_ = l.Close()
		}
		if _, err := OpenLeg(LegConfig{Pool: pool}); !errors.Is(err, ErrNoPort) {
			t.Errorf("a port was given out within its quarantine: %v", err)
		}
		deadline := time.Now().Add(5 * time.Second)
		for free, _ := pool.Free(); free < 4; free, _ = pool.Free() {
			if time.Now().After(deadline) {
				t.Fatal("ports did not come back")
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func TestPortsHeldByOthersArePassedOver(t *testing.T) {
	t.Parallel()
	first := freeRange(t, 4)
	taken, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(first) + 1})
	if err != nil {
		t.Skip("the port was taken meanwhile")
	}
	defer func() { _ = taken.Close() }()
	pool := newPool(t, PoolConfig{First: first, Last: first + 3, Quarantine: time.Hour})
	l := openLeg(t, LegConfig{Pool: pool})
	if l.LocalPort() != first+2 {
		t.Errorf("got port %d, want %d beside the one whose RTCP port is taken", l.LocalPort(), first+2)
	}
	if _, err := OpenLeg(LegConfig{Pool: pool}); !errors.Is(err, ErrNoPort) {
		t.Errorf("an exhausted range: %v", err)
	}
}

// freeRange finds n neighbouring free ports, the first even.
func freeRange(t *testing.T, n uint16) uint16 {
	t.Helper()
	for range 50 {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		first := uint16(c.LocalAddr().(*net.UDPAddr).Port)&^1 + 2
		_ = c.Close()
		ok := first < 65000
		for i := uint16(0); i < n && ok; i++ {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(first + i)})
			if ok = err == nil; ok {
				_ = c.Close()
			}
		}
		if ok {
			return first
		}
	}
	t.Skip("no free range of ports")
	return 0
}
