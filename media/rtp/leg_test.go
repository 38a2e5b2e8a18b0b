package rtp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	pion "github.com/pion/rtp"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/mediatest"
)

var loopback = netip.MustParseAddr("127.0.0.1")

func newPool(t testing.TB, cfg PoolConfig) *PortPool {
	t.Helper()
	cfg.IP = loopback
	p, err := NewPortPool(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func openLeg(t testing.TB, cfg LegConfig) *Leg {
	t.Helper()
	if cfg.Pool == nil {
		cfg.Pool = newPool(t, PoolConfig{})
	}
	l, err := OpenLeg(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// phone is a peer on a real socket, in a time of its own: what it sends is
// given to the leg directly, with the arrival the test chooses.
type phone struct {
	t      testing.TB
	leg    *Leg
	kind   codec.Kind
	conn   *net.UDPConn
	addr   netip.AddrPort
	tone   *mediatest.Source
	enc    codec.Encoder
	ssrc   uint32
	seq    uint16
	ts     uint32
	now    time.Time
	buffer *Buffer
	dec    codec.Decoder
	heard  []int16
	got    []pion.Packet
}

func newPhone(t testing.TB, l *Leg, kind codec.Kind, hz float64) *phone {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	enc, err := codec.NewEncoder(kind)
	if err != nil {
		t.Fatal(err)
	}
	dec, _ := codec.NewDecoder(kind)
	p := &phone{
		t: t, leg: l, kind: kind, conn: conn, addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(),
		tone: mediatest.NewSource(hz, -20, kind.Rate()), enc: enc, dec: dec,
		ssrc: 0x1000, seq: 65530, ts: 0xFFFFFF00, now: time.Now(), buffer: NewBuffer(BufferConfig{}),
	}
	l.out.mu.Lock()
	l.out.clock = func() time.Time { return p.now }
	l.out.mu.Unlock()
	p.configure(func(*Params) {})
	return p
}

func (p *phone) configure(change func(*Params)) {
	p.t.Helper()
	number, _ := p.kind.PayloadType()
	params := Params{
		Remote: p.addr, Send: PayloadType{number, p.kind},
		Events: []EventType{{101, 8000}, {102, 16000}}, SendEvent: EventType{101, 8000},
		Sending: true, Receiving: true,
	}
	change(&params)
	if err := p.leg.Configure(params); err != nil {
		p.t.Fatal(err)
	}
}

// packet makes the next 20 ms of the phone's tone.
func (p *phone) packet() pion.Packet {
	frame := make([]int16, p.kind.Rate().Frame())
	p.tone.Fill(frame)
	payload := make([]byte, frameBytes)
	if _, err := p.enc.Encode(payload, frame); err != nil {
		p.t.Fatal(err)
	}
	number, _ := p.kind.PayloadType()
	pkt := pion.Packet{Header: pion.Header{Version: 2, PayloadType: number, SequenceNumber: p.seq, Timestamp: p.ts, SSRC: p.ssrc}, Payload: payload}
	p.seq++
	p.ts += frameBytes
	return pkt
}

func (p *phone) deliver(pkt pion.Packet, from netip.AddrPort) {
	p.t.Helper()
	b, err := pkt.Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	p.leg.receive(b, from, p.now)
}

func (p *phone) talk() { p.deliver(p.packet(), p.addr) }

// hangOn collects what has come, then plays 20 ms of it and lets time pass.
func (p *phone) hangOn() {
	p.collect()
	payload := make([]byte, frameBytes)
	frame := make([]int16, p.kind.Rate().Frame())
	if p.buffer.Read(payload) == Played {
		if _, err := p.dec.Decode(frame, payload); err != nil {
			p.t.Fatal(err)
		}
	}
	p.heard = append(p.heard, frame...)
	p.now = p.now.Add(media.FrameTime)
}

// collect reads as many packets as the leg has sent; a busy machine may take its
// time to hand them over.
func (p *phone) collect() {
	p.t.Helper()
	buf := make([]byte, 2048)
	for uint64(len(p.got)) < p.leg.Stats().PacketsSent {
		_ = p.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		n, err := p.conn.Read(buf)
		if err != nil {
			p.t.Fatalf("%d packets were sent, %d came: %v", p.leg.Stats().PacketsSent, len(p.got), err)
		}
		var pkt pion.Packet
		if err := pkt.Unmarshal(append([]byte(nil), buf[:n]...)); err != nil {
			p.t.Fatalf("the leg sent no RTP: %v", err)
		}
		p.got = append(p.got, pkt)
		if pkt.PayloadType < 96 {
			p.buffer.Put(pkt.Timestamp, pkt.Payload, p.now)
		}
	}
}

func TestLegPlaysAndSendsEveryCodec(t *testing.T) {
	t.Parallel()
	for _, k := range []codec.Kind{codec.PCMU, codec.PCMA, codec.G722} {
		l := openLeg(t, LegConfig{})
		p := newPhone(t, l, k, 700)
		out := mediatest.NewSource(1100, -20, l.Rate())
		var heard []int16
		frame := make([]int16, l.Rate().Frame())
		for range 50 {
			p.talk()
			if l.ReadFrame(frame) {
				heard = append(heard, frame...)
			}
			out.Fill(frame)
			l.WriteFrame(frame)
			p.hangOn()
		}
		if len(heard) < 45*len(frame) {
			t.Fatalf("%v: %d samples of 50 frames were played", k, len(heard))
		}
		mediatest.RequireTone(t, heard, l.Rate(), 700)
		mediatest.RequireTone(t, p.heard[10*len(frame):], l.Rate(), 1100)
		if gaps := mediatest.Gaps(heard[4*len(frame):], l.Rate()); len(gaps) != 0 {
			t.Errorf("%v: gaps at %v", k, gaps)
		}
		checkStream(t, p.got)
		if st := l.Stats(); st.PacketsReceived != 50 || st.PacketsSent != 50 || st.PacketsLost != 0 || st.MOS < 4.2 {
			t.Errorf("%v: statistics %+v", k, st)
		}
	}
}

// checkStream wants one SSRC, sequence numbers in steps of one and timestamps
// in steps of a frame.
func checkStream(t *testing.T, got []pion.Packet) {
	t.Helper()
	for i := 1; i < len(got); i++ {
		a, b := got[i-1], got[i]
		if a.SSRC != b.SSRC || b.SequenceNumber != a.SequenceNumber+1 || b.Timestamp-a.Timestamp != uint32(len(a.Payload)) {
			t.Fatalf("packet %d: ssrc %x→%x, seq %d→%d, timestamp step %d", i, a.SSRC, b.SSRC, a.SequenceNumber, b.SequenceNumber, int32(b.Timestamp-a.Timestamp))
		}
	}
}

func TestPTimeOfSixtyMilliseconds(t *testing.T) {
	t.Parallel()
	l := openLeg(t, LegConfig{})
	p := newPhone(t, l, codec.PCMA, 700)
	p.configure(func(p *Params) { p.PTime = 60 * time.Millisecond })
	frame := make([]int16, 160)
	for range 9 {
		l.WriteFrame(frame)
	}
	p.collect()
	if len(p.got) != 3 || len(p.got[0].Payload) != 480 {
		t.Fatalf("%d packets for 180 ms at ptime 60", len(p.got))
	}
	checkStream(t, p.got)
}

// TestPitfall08SilenceIsNotDeath: pauses in RTP with RTCP going on, and hold,
// are no silence; only neither RTP nor RTCP is, and it is told once.
func TestPitfall08SilenceIsNotDeath(t *testing.T) {
	t.Parallel()
	l := openLeg(t, LegConfig{RTPTimeout: 10 * time.Second})
	told := make(chan time.Duration, 10)
	l.OnSilence(func(d time.Duration) { told <- d })
	p := newPhone(t, l, codec.PCMU, 700)
	p.talk()
	report := []byte{0x80, 201, 0, 1, 0, 0, 0x10, 0}
	for range 60 { // a minute of DTX with reports
		p.now = p.now.Add(time.Second)
		l.receiveRTCP(report, p.addr, p.now)
		l.tend(p.now)
	}
	p.configure(func(p *Params) { p.Receiving = false }) // a minute of hold
	for range 60 {
		p.now = p.now.Add(time.Second)
		l.tend(p.now)
	}
	select {
	case d := <-told:
		t.Fatalf("silence of %v told in DTX or on hold", d)
	default:
	}
	p.configure(func(*Params) {})
	l.mu.Lock()
	l.since = p.now // Configure has set it to the real clock
	l.mu.Unlock()
	for range 30 {
		p.now = p.now.Add(time.Second)
		l.tend(p.now)
	}
	if d := <-told; d < 10*time.Second || d > 11*time.Second {
		t.Errorf("told after %v, want 10 s", d)
	}
	p.talk()
	for range 30 {
		p.now = p.now.Add(time.Second)
		l.tend(p.now)
	}
	if d := <-told; d < 10*time.Second {
		t.Errorf("second silence told after %v", d)
	}
	select {
	case <-told:
		t.Error("told more than once per silence")
	default:
	}
}

func TestSilenceSuppressionPlaysAgain(t *testing.T) {
	t.Parallel()
	l := openLeg(t, LegConfig{})
	p := newPhone(t, l, codec.PCMU, 700)
	frame := make([]int16, 160)
	for range 10 {
		p.talk()
		l.ReadFrame(frame)
		p.now = p.now.Add(media.FrameTime)
	}
	for range 100 { // two seconds without a packet
		l.ReadFrame(frame)
		p.ts += frameBytes
		p.now = p.now.Add(media.FrameTime)
	}
	var heard []int16
	for range 30 {
		p.talk()
		if l.ReadFrame(frame) {
			heard = append(heard, frame...)
		}
		p.now = p.now.Add(media.FrameTime)
	}
	if len(heard) < 28*160 {
		t.Fatalf("after a pause %d of 30 frames were played", len(heard)/160)
	}
	mediatest.RequireTone(t, heard, media.Rate8k, 700)
	if st := l.Stats(); st.PacketsLost != 0 {
		t.Errorf("a pause counts as %d lost packets", st.PacketsLost)
	}
}

// TestPitfall14HijackIsRefused: the source is learnt, locked after some
// packets, and then nobody else gets in or is sent the call.
func TestPitfall14HijackIsRefused(t *testing.T) {
	t.Parallel()
	l := openLeg(t, LegConfig{})
	p := newPhone(t, l, codec.PCMU, 700)
	nat := netip.MustParseAddrPort("127.0.0.9:40000")
	thief := netip.MustParseAddrPort("127.0.0.66:5555")
	steal := func(n int) {
		for range n {
			p.deliver(pion.Packet{Header: pion.Header{Version: 2, PayloadType: 0, SequenceNumber: 7, SSRC: 0xBAD}, Payload: make([]byte, 160)}, thief)
		}
	}
	// Behind a NAT: not the signalled address. Two early packets of a thief do
	// not win against the peer's stream.
	steal(2)
	for range 12 {
		p.deliver(p.packet(), nat)
	}
	if got := l.Stats().Remote; got != nat.String() {
		t.Fatalf("learnt %s, want %v", got, nat)
	}
	before := l.Stats()
	steal(100)
	after := l.Stats()
	if after.Remote != nat.String() || after.PacketsReceived != before.PacketsReceived || after.PacketsRejected != before.PacketsRejected+100 {
		t.Fatalf("after a flood from elsewhere: %+v", after)
	}
	// A NAT that rebinds: the same stream from another port, after a silence.
	rebound := netip.MustParseAddrPort("127.0.0.9:41000")
	p.now = p.now.Add(3 * time.Second)
	steal(50)
	for range 10 {
		p.deliver(p.packet(), rebound)
	}
	if got := l.Stats().Remote; got != rebound.String() {
		t.Fatalf("after the NAT has rebound the remote is %s, want %v", got, rebound)
	}
	// A new stream from elsewhere is believed when the old one has been given up,
	// or after 2 s when the peer has said by an offer that something changes.
	moved := netip.MustParseAddrPort("127.0.0.10:42000")
	p.ssrc = 0x3000
	p.now = p.now.Add(5 * time.Second)
	for range 10 {
		p.deliver(p.packet(), moved)
	}
	if got := l.Stats().Remote; got != rebound.String() {
		t.Fatalf("another stream was believed after 5 s: %s", got)
	}
	p.configure(func(*Params) {})
	for range 10 {
		p.deliver(p.packet(), moved)
	}
	if got := l.Stats().Remote; got != moved.String() {
		t.Fatalf("after a re-INVITE the remote is %s, want %v", got, moved)
	}
	p.now = p.now.Add(11 * time.Second)
	p.ssrc = 0x4000
	for range 10 {
		p.deliver(p.packet(), nat)
	}
	if got := l.Stats().Remote; got != nat.String() {
		t.Fatalf("an abandoned source was kept: %s", got)
	}
	// A re-INVITE with a new address is believed at once.
	p.configure(func(p *Params) { p.Remote = netip.MustParseAddrPort("127.0.0.3:7000") })
	p.deliver(p.packet(), netip.MustParseAddrPort("127.0.0.3:7000"))
	if got := l.Stats().Remote; got != "127.0.0.3:7000" {
		t.Fatalf("after a new offer the remote is %s", got)
	}
}

func TestReportsGiveRoundTripAndLoss(t *testing.T) {
	t.Parallel()
	a, b := openLeg(t, LegConfig{}), openLeg(t, LegConfig{})
	for _, c := range []struct{ l, to *Leg }{{a, b}, {b, a}} {
		err := c.l.Configure(Params{Remote: c.to.LocalAddr(), Send: PayloadType{0, codec.PCMU}, Sending: true, Receiving: true})
		if err != nil {
			t.Fatal(err)
		}
	}
	frame := make([]int16, 160)
	deadline := time.Now().Add(10 * time.Second)
	for a.Stats().RoundTrip == 0 || b.Stats().RoundTrip == 0 {
		if time.Now().After(deadline) {
			t.Fatalf("no round trip: %+v", a.Stats())
		}
		a.WriteFrame(frame)
		b.WriteFrame(frame)
		for _, l := range []*Leg{a, b} {
			l.out.mu.Lock()
			l.out.reportAt = time.Unix(1, 0) // now
			l.out.mu.Unlock()
		}
		time.Sleep(5 * time.Millisecond)
	}
	if rtt := a.Stats().RoundTrip; rtt > time.Second {
		t.Errorf("round trip on loopback is %v", rtt)
	}
}

func TestLossIsCountedAndConcealed(t *testing.T) {
	t.Parallel()
	l := openLeg(t, LegConfig{})
	p := newPhone(t, l, codec.PCMU, 700)
	frame := make([]int16, 160)
	var heard []int16
	for i := range 300 {
		pkt := p.packet()
		if i%25 != 20 {
			p.deliver(pkt, p.addr)
		}
		if i%10 == 3 {
			p.deliver(pkt, p.addr)
		}
		if l.ReadFrame(frame) {
			heard = append(heard, frame...)
		}
		p.now = p.now.Add(media.FrameTime)
	}
	st := l.Stats()
	if st.PacketsLost != 12 || st.PacketsDuplicate != 30 || st.FramesConcealed < 11 {
		t.Errorf("12 of 300 lost, 30 doubled: %+v", st)
	}
	if gaps := mediatest.Gaps(heard[1600:], media.Rate8k); len(gaps) != 0 {
		t.Errorf("a lost packet of a tone is heard as %d gaps", len(gaps))
	}
	if st.MOS > 4.2 || st.MOS < 3 {
		t.Errorf("MOS %.2f at 4 %% loss", st.MOS)
	}
}

func TestMalformedPacketsAreCountedOnly(t *testing.T) {
	t.Parallel()
	l := openLeg(t, LegConfig{})
	p := newPhone(t, l, codec.PCMU, 700)
	for _, b := range [][]byte{nil, {0x80}, make([]byte, 12), {0xBF, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1},
		{0xA0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, {0xA0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9}} {
		l.receive(b, p.addr, p.now)
	}
	if st := l.Stats(); st.PacketsReceived != 0 || st.PacketsRejected != 6 {
		t.Errorf("%+v", st)
	}
}

func TestCloseWhilePacketsArrive(t *testing.T) {
	t.Parallel()
	pool := newPool(t, PoolConfig{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			l, err := OpenLeg(LegConfig{ID: fmt.Sprint(i), Pool: pool})
			if err != nil {
				t.Error(err)
				return
			}
			conn, err := net.Dial("udp4", l.LocalAddr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			_ = l.Configure(Params{Send: PayloadType{0, codec.PCMU}, Sending: true, Receiving: true})
			_ = l.SendDigits("123")
			for range 200 {
				_, _ = conn.Write(append([]byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1}, make([]byte, 160)...))
			}
			_ = l.Close()
			if err := l.SendDigits("1"); !errors.Is(err, ErrClosed) {
				t.Errorf("digits on a closed leg: %v", err)
			}
		})
	}
	wg.Wait()
}
