package webrtc

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/openhotline/hotline/media"
)

// deafPort is a port whose datagrams nobody reads but the test.
func deafPort() *port {
	p := &port{waiting: make(chan *datagram, 4), checks: make(chan *datagram, 4), guests: newGuests(), legs: map[netip.AddrPort]*Leg{}}
	p.unused.New = func() any { return new(datagram) }
	return p
}

// check is a connectivity check that names a leg.
func check(t testing.TB, name string) []byte {
	t.Helper()
	m, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewSoftware("x"), stun.NewUsername(name), stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

var (
	guest    = netip.MustParseAddrPort("198.51.100.7:4000")
	stranger = netip.MustParseAddrPort("203.0.113.66:5555")
)

// TestStrangersLeaveRoomForGuests floods the port: what browsers say in between
// is read, and first.
func TestStrangersLeaveRoomForGuests(t *testing.T) {
	p, now := deafPort(), time.Now()
	p.guests.invite("ours")
	p.guests.greet(guest, now)
	good := check(t, "ours:theirs")
	bad := [][]byte{
		rtpPacket(1), {0x80, 200, 0, 1}, {22, 254, 253, 0}, {}, {0, 1, 0, 0},
		check(t, "another:theirs"), check(t, "ours"), good[:len(good)-1], append([]byte{0, 0x11}, good[2:]...), make([]byte, 3000),
	}
	for range 1000 {
		for _, b := range bad {
			p.receive(b, stranger, now)
		}
	}
	if len(p.waiting) != 0 || len(p.checks) != 0 {
		t.Fatalf("%d and %d datagrams of strangers wait", len(p.waiting), len(p.checks))
	}
	for range 1000 {
		p.receive(good, stranger, now)
	}
	for _, b := range [][]byte{good, rtpPacket(1), {22, 254, 253, 0}} { // media before its way is chosen, too
		p.receive(b, guest, now)
	}
	if len(p.checks) != cap(p.checks) || len(p.waiting) != 3 {
		t.Fatalf("%d checks of strangers wait and %d datagrams of a guest", len(p.checks), len(p.waiting))
	}
	buf := make([]byte, 2048)
	for i, want := range []netip.AddrPort{guest, guest, guest, stranger} {
		if _, from, err := p.ReadFromAddrPort(buf); err != nil || from != want {
			t.Errorf("datagram %d is from %v, want %v; %v", i, from, want, err)
		}
	}
	flood := func() {
		for _, b := range bad {
			p.receive(b, stranger, now)
		}
	}
	if n := testing.AllocsPerRun(100, flood); n != 0 {
		t.Errorf("refusing %d datagrams allocates %v times", len(bad), n)
	}
}

func TestChecksOfStrangersAreCounted(t *testing.T) {
	p, now := deafPort(), time.Now()
	p.guests.invite("ours")
	good, taken := check(t, "ours:theirs"), 0
	for range 2 * strangerRate {
		p.receive(good, stranger, now)
		select {
		case <-p.checks:
			taken++
		default:
		}
	}
	if taken != strangerRate {
		t.Errorf("%d checks in a second, want %d", taken, strangerRate)
	}
	if p.receive(good, stranger, now.Add(time.Second)); len(p.checks) != 1 {
		t.Error("no check in the next second")
	}
	p.guests.dismiss("ours")
	if p.receive(good, stranger, now.Add(time.Second)); len(p.checks) != 1 {
		t.Error("a check of a leg that is closed was taken")
	}
}

func TestGuestsAreForgotten(t *testing.T) {
	g, now := newGuests(), time.Now()
	other := netip.MustParseAddrPort("198.51.100.8:4000")
	g.greet(guest, now)
	for i := range 20 {
		now = now.Add(5 * time.Second)
		g.greet(other, now)
		if known := g.knows(guest); i < 5 && !known || i > 12 && known {
			t.Errorf("after %d s: known %v", 5*(i+1), known)
		}
		if !g.knows(other) {
			t.Fatal("forgotten although written to")
		}
	}
	for i := range 3 * maxGuests {
		g.greet(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1), now)
	}
	if n := len(g.now) + len(g.before); n > 2*maxGuests {
		t.Errorf("%d addresses are remembered", n)
	}
}

func FuzzCheckedName(f *testing.F) {
	f.Add(check(f, "ours:theirs"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		name := checkedName(b)
		if name == nil {
			return
		}
		m := &stun.Message{Raw: append([]byte(nil), b...)}
		if err := m.Decode(); err != nil {
			return // we look at less
		}
		var user stun.Username
		if err := user.GetFrom(m); err != nil || !strings.HasPrefix(user.String(), string(name)+":") {
			t.Fatalf("name %q, USERNAME %q, %v", name, user, err)
		}
	})
}

// TestADeadLegSendsNothing: whoever no longer consents is not sent to (RFC 7675
// §5.1), and its address is another's to take.
func TestADeadLegSendsNothing(t *testing.T) {
	api := quietAPI(t)
	browser, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = browser.Close() }()
	addr := browser.LocalAddr().(*net.UDPAddr).AddrPort()
	l, _ := wiredLeg(t, api, protections[0], addr)
	l.peer = addr
	api.port.know(addr, l)
	frame, buf := make([]int16, 160), make([]byte, 2048)
	l.WriteFrame(frame)
	if err := browser.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := browser.Read(buf); err != nil {
		t.Fatalf("nothing before: %v", err)
	}
	sent := l.Stats().PacketsSent
	l.die()
	for range 10 {
		l.WriteFrame(frame)
		l.RelayPacket(&media.Packet{SSRC: 1, Seq: 1, Payload: make([]byte, 160)})
		l.check(time.Now().Add(time.Hour))
	}
	if got := l.Stats().PacketsSent; got != sent {
		t.Errorf("%d packets to a browser that is gone", got-sent)
	}
	api.port.mu.RLock()
	defer api.port.mu.RUnlock()
	if api.port.legs[addr] != nil || l.target.Load() != nil || l.session.Load() != nil || l.adopt(new(session)) {
		t.Error("the browser's address or keys are kept")
	}
}

// offered is a leg of api and the offer it has answered.
func answered(t *testing.T, api *API, change func(offer string) string) (leg *Leg, answer string) {
	t.Helper()
	far := quietAPI(t)
	_, offer, err := far.NewClient(t.Context(), LegConfig{ID: "client"})
	if err != nil {
		t.Fatal(err)
	}
	leg, answer, err = api.NewLeg(t.Context(), LegConfig{ID: "leg"}, change(offer))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = leg.Close() })
	return leg, answer
}

// withoutCandidates takes the candidates out of a description.
func withoutCandidates(offer string) string {
	var kept []string
	for line := range strings.Lines(offer) {
		if !strings.HasPrefix(line, "a=candidate") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestCandidatesAreBounded(t *testing.T) {
	api, err := NewAPI(Config{Address: "127.0.0.1:0"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Close() })
	l, _ := answered(t, api, withoutCandidates)
	add := func(addr string, port int, proto string) error {
		return l.AddCandidate(fmt.Appendf(nil, `{"candidate":"candidate:1 1 %s 2130706431 %s %d typ host"}`, proto, addr, port))
	}
	for _, addr := range []string{"127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "2001:db8::1", "ff02::1"} {
		if err := add(addr, 9, "udp"); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
	}
	_ = add("192.0.2.1", 0, "udp")
	_ = add("192.0.2.1", 9, "tcp")
	if l.told != 0 {
		t.Errorf("%d candidates were taken that no browser can have", l.told)
	}
	for i := range maxCandidates + 10 {
		err := add(fmt.Sprintf("192.0.2.%d", i), 9, "udp")
		if i < maxCandidates && err != nil || i >= maxCandidates && !errors.Is(err, ErrCandidate) {
			t.Errorf("candidate %d: %v", i+1, err)
		}
	}
}

// TestWeSendAsAgreed: an offer that wants nothing from us gets nothing.
func TestWeSendAsAgreed(t *testing.T) {
	api := quietAPI(t)
	for _, tt := range []struct {
		offered, answered string
		sends             bool
	}{{"sendrecv", "sendrecv", true}, {"recvonly", "sendonly", true}, {"sendonly", "recvonly", false}, {"inactive", "inactive", false}} {
		t.Run(tt.offered, func(t *testing.T) {
			l, answer := answered(t, api, func(o string) string { return strings.Replace(o, "a=sendrecv", "a="+tt.offered, 1) })
			if !strings.Contains(answer, "a="+tt.answered+"\r\n") {
				t.Errorf("answer is not %s:\n%s", tt.answered, answer)
			}
			out := &nowhere{}
			l.down.out = out
			l.isUp.Store(true)
			l.WriteFrame(make([]int16, 160))
			l.RelayPacket(&media.Packet{SSRC: 1, Seq: 1, Payload: make([]byte, 160)})
			if n := l.down.packets.Load(); tt.sends != (n == 2) || !tt.sends && n > 0 {
				t.Errorf("%d packets sent", n)
			}
			if err := l.SendDigits("1"); tt.sends != (err == nil) {
				t.Errorf("digits: %v", err)
			}
		})
	}
}

// TestNoCandidateIsLost: each one is in the description or told later.
func TestNoCandidateIsLost(t *testing.T) {
	for range 200 {
		var f found
		var late sync.Map
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if name := fmt.Sprint(i); !f.keep(name) {
					late.Store(name, true)
				}
			})
		}
		taken := f.take()
		wg.Wait()
		n := len(taken)
		late.Range(func(any, any) bool { n++; return true })
		if n != 8 {
			t.Fatalf("%d of 8 candidates", n)
		}
	}
}
