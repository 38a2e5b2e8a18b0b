package rtp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// bareLeg is a leg with sockets and no reader, for packets given directly.
func bareLeg(t testing.TB) *Leg {
	l := openLeg(t, LegConfig{RTPTimeout: time.Hour})
	err := l.Configure(Params{
		Remote: netip.MustParseAddrPort("127.0.0.1:9"), Send: PayloadType{0, codec.PCMU},
		Accept: []PayloadType{{0, codec.PCMU}, {8, codec.PCMA}, {9, codec.G722}},
		Events: []EventType{{101, 8000}, {102, 16000}}, Receiving: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// FuzzRTP gives a leg datagrams from outside, then plays: counted is exactly
// what was given.
func FuzzRTP(f *testing.F) {
	for _, p := range []pion.Packet{
		{Header: pion.Header{Version: 2, PayloadType: 0, SequenceNumber: 65535, Timestamp: 1, SSRC: 1}, Payload: make([]byte, 160)},
		{Header: pion.Header{Version: 2, PayloadType: 9, CSRC: []uint32{1, 2}, Extension: true, ExtensionProfile: 0xBEDE}, Payload: make([]byte, 80)},
		{Header: pion.Header{Version: 2, PayloadType: 101, Marker: true}, Payload: []byte{5, 0x8A, 0, 160}},
		{Header: pion.Header{Version: 2, PayloadType: 8, Padding: true, PaddingSize: 4}, Payload: make([]byte, 10)},
	} {
		b, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, uint16(1), uint32(160))
	}
	l := bareLeg(f)
	from := netip.MustParseAddrPort("127.0.0.1:9")
	now := time.Now()
	frame := make([]int16, media.MaxFrame)
	f.Fuzz(func(t *testing.T, b []byte, seq uint16, ts uint32) {
		if len(b) >= 2 && b[1] >= 192 && b[1] <= 223 {
			return // RTCP
		}
		before := l.Stats()
		for i := range 3 {
			l.receive(b, from, now)
			now = now.Add(media.FrameTime)
			l.ReadFrame(frame[:l.Rate().Frame()])
			l.tend(now)
			if len(b) >= 8 && i == 0 { // again as another packet
				b = append([]byte(nil), b...)
				b[2], b[3] = byte(seq>>8), byte(seq)
				b[4], b[5], b[6], b[7] = byte(ts>>24), byte(ts>>16), byte(ts>>8), byte(ts)
			}
		}
		after := l.Stats()
		got := after.PacketsReceived + after.PacketsRejected + after.PacketsDuplicate
		if had := before.PacketsReceived + before.PacketsRejected + before.PacketsDuplicate; got != had+3 {
			t.Fatalf("3 datagrams changed the counters by %d", got-had)
		}
		if after.MOS < 0 || after.MOS > 4.5 || after.PacketsLost < 0 {
			t.Fatalf("statistics %+v", after)
		}
	})
}

// FuzzRTCP gives a leg reports from outside: figures stay within their bounds.
func FuzzRTCP(f *testing.F) {
	l := bareLeg(f)
	for _, p := range []rtcp.Packet{
		&rtcp.SenderReport{SSRC: 1, NTPTime: 1 << 40, Reports: []rtcp.ReceptionReport{{SSRC: l.out.ssrc, LastSenderReport: 1, Delay: 1, FractionLost: 9}}},
		&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: l.out.ssrc, LastSenderReport: 0xFFFFFFFF}}},
		&rtcp.Goodbye{Sources: []uint32{1}},
	} {
		b, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	from := netip.MustParseAddrPort("127.0.0.1:10")
	f.Fuzz(func(t *testing.T, b []byte) {
		l.receiveRTCP(b, from, time.Now())
		st := l.Stats()
		if st.RoundTrip < 0 || st.RoundTrip > 10*time.Second || st.RemoteLost < 0 || st.RemoteLost > 1 {
			t.Fatalf("statistics %+v", st)
		}
	})
}

// TestOurReportsAreUnderstood parses what we send with another implementation.
func TestOurReportsAreUnderstood(t *testing.T) {
	t.Parallel()
	l := openLeg(t, LegConfig{})
	p := newPhone(t, l, codec.PCMU, 700)
	p.configure(func(q *Params) { q.Mux = true }) // reports come to the phone's port
	frame := make([]int16, 160)
	for range 10 {
		p.talk()
		l.WriteFrame(frame)
	}
	p.collect()
	p.seq += 5 // five are lost
	p.talk()
	l.mu.Lock()
	l.sendReport(p.now)
	l.mu.Unlock()
	buf := make([]byte, 1500)
	_ = p.conn.SetReadDeadline(time.Now().Add(time.Second))
	n, err := p.conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	packets, err := rtcp.Unmarshal(buf[:n])
	if err != nil || len(packets) != 2 {
		t.Fatalf("%d packets, %v", len(packets), err)
	}
	sr, ok := packets[0].(*rtcp.SenderReport)
	if !ok || sr.PacketCount != 10 || sr.OctetCount != 1600 || len(sr.Reports) != 1 {
		t.Fatalf("report %+v", packets[0])
	}
	if r := sr.Reports[0]; r.SSRC != p.ssrc || r.TotalLost != 5 || r.FractionLost != uint8(256*5/16) {
		t.Errorf("block %+v, want 5 of 16 lost", r)
	}
	if d, ok := packets[1].(*rtcp.SourceDescription); !ok || len(d.Chunks) != 1 || d.Chunks[0].Items[0].Type != rtcp.SDESCNAME {
		t.Errorf("no CNAME: %+v", packets[1])
	}
}

func TestEModel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		delay    time.Duration
		loss     float64
		min, max float64
	}{
		{"perfect", 0, 0, 4.40, 4.42}, // R = 93.2
		{"100 ms", 100 * time.Millisecond, 0, 4.40, 4.42},
		{"400 ms", 400 * time.Millisecond, 0, 3.5, 3.6}, // Idd is 24.1
		{"1 % lost", 0, 0.01, 4.2, 4.4},
		{"5 % lost", 0, 0.05, 3.7, 4.1},
		{"20 % lost", 0, 0.20, 2.3, 3.0},
		{"everything lost", time.Second, 1, 1, 1.1},
	} {
		if m := MOS(codec.PCMU, c.delay, c.loss); m < c.min || m > c.max {
			t.Errorf("%s: MOS %.2f, want %.2f to %.2f", c.name, m, c.min, c.max)
		}
	}
}
