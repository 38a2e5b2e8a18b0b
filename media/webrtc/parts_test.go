package webrtc

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"testing"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/dtmf"
)

// opusTone reads packets of 20 ms with 440 Hz at -10 dBFS, each behind its
// length in two bytes.
func opusTone(t testing.TB) (packets [][]byte) {
	t.Helper()
	b, err := os.ReadFile("testdata/tone440.opus")
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 2 {
		n := int(binary.BigEndian.Uint16(b))
		packets, b = append(packets, b[2:2+n]), b[2+n:]
	}
	return packets
}

// bareLeg is a connected leg without a connection.
func bareLeg(t testing.TB, c choice) *Leg {
	t.Helper()
	l := &Leg{cfg: LegConfig{ID: "a"}, choice: c, connected: make(chan struct{})}
	l.down.identify()
	if err := l.prepare(); err != nil {
		t.Fatal(err)
	}
	l.isUp.Store(true)
	return l
}

func pcmu() choice {
	return choice{down: offered{0, "PCMU", 8000, 1, ""}, digits: &offered{126, "TELEPHONE-EVENT", 8000, 1, ""}}
}

func opusUp() choice {
	c := pcmu()
	c.up = &offered{111, "OPUS", 48000, 2, ""}
	c.digits = &offered{110, "TELEPHONE-EVENT", 48000, 1, ""}
	return c
}

// nowhere takes packets in a connection's place.
type nowhere struct {
	packets []packet
	keep    bool
}

func (n *nowhere) sendRTP(b []byte) bool {
	if p, ok := parse(b); ok && n.keep {
		n.packets = append(n.packets, p)
	}
	return true
}

func TestOpusIsHeardWideband(t *testing.T) {
	l := bareLeg(t, opusUp())
	tone := opusTone(t)
	frame, now := make([]int16, 320), time.Now()
	var heard []int16
	for i, p := range tone {
		// Two packets are lost, two are swapped.
		if i != 30 && i != 31 && i != 50 {
			l.up.packet(packet{payloadType: 111, seq: uint16(i), timestamp: uint32(i * opusTicks), payload: p}, now)
		}
		if i == 51 {
			l.up.packet(packet{payloadType: 111, seq: 50, timestamp: 50 * opusTicks, payload: tone[50]}, now)
		}
		if l.ReadFrame(frame) {
			heard = append(heard, frame...)
		}
		now = now.Add(media.FrameTime)
	}
	var re, im float64
	for i, s := range heard[len(heard)-3200:] {
		w := 2 * math.Pi * 440 * float64(i) / 16000
		re += float64(s) * math.Cos(w)
		im += float64(s) * math.Sin(w)
	}
	if db := 20 * math.Log10(2*math.Hypot(re, im)/3200/32768); db < -13 || db > -7 {
		t.Errorf("440 Hz at %.1f dBFS, want -10", db)
	}
	if s := l.Stats(); s.PacketsLost != 2 || s.FramesConcealed < 2 || s.Codec != "opus" || s.MOS < 3 {
		t.Errorf("stats %+v", s)
	}
}

func TestOpusPausesAndLongPackets(t *testing.T) {
	var b opusBuffer
	one := []byte{0xF8, 0xFF, 0xFE}   // one frame of 20 ms
	three := []byte{0xFB, 3, 0xFF, 0} // three of them
	buf := make([]byte, opusPacket)
	read := func() (ticks uint32, state int) {
		_, n, s := b.read(buf)
		return n, int(s)
	}
	if _, s := read(); s != 0 {
		t.Error("empty buffer plays")
	}
	b.put(0, one)
	if _, s := read(); s != 0 {
		t.Error("plays before the delay is filled")
	}
	b.put(960, one)
	b.put(1920, one)
	if n, s := read(); s != 1 || n != 960 {
		t.Errorf("first packet: %d ticks, state %d", n, s)
	}
	b.put(2880, three)
	for i, want := range []uint32{960, 960, 2880} {
		if n, s := read(); s != 1 || n != want {
			t.Errorf("packet %d: %d ticks, state %d, want %d", i, n, s, want)
		}
	}
	for range opusPause {
		if _, s := read(); s != 2 {
			t.Error("a short gap is not concealed")
		}
	}
	for range 10 {
		if _, s := read(); s != 0 {
			t.Error("a pause is concealed")
		}
	}
	// DTX: a packet 400 ms later, then speech.
	for i := range 4 {
		b.put(uint32(5760+19200+i*960), one)
	}
	if n, s := read(); s != 1 || n != 960 {
		t.Errorf("after a pause: %d ticks, state %d", n, s)
	}
	if b.put(100, one); b.late != 1 {
		t.Errorf("%d late packets, want 1", b.late)
	}
}

func TestRelayGoesOnInOurStream(t *testing.T) {
	l := bareLeg(t, pcmu())
	out := &nowhere{keep: true}
	l.down.out = out
	frame := make([]int16, 160)
	for range 3 {
		l.WriteFrame(frame)
	}
	payload := make([]byte, 160)
	for i := range 3 { // one stream …
		l.RelayPacket(&media.Packet{SSRC: 7, Seq: uint16(9000 + i), Timestamp: uint32(50 + 160*i), Payload: payload})
	}
	l.RelayPacket(&media.Packet{SSRC: 7, Seq: 9004, Timestamp: 50 + 160*4, Payload: payload}) // a gap stays
	l.RelayPacket(&media.Packet{SSRC: 8, Seq: 1, Timestamp: 1 << 30, Payload: payload})       // … then another
	l.RelayPacket(&media.Packet{SSRC: 8, Seq: 2, Timestamp: 1 << 30, Event: true, Payload: payload[:4]})
	l.WriteFrame(frame)
	wantSeq, wantTS := []uint16{0, 1, 2, 3, 4, 5, 7, 8, 9, 10}, []uint32{0, 160, 320, 480, 640, 800, 1120, 1280, 1280, 1440}
	if len(out.packets) != len(wantSeq) {
		t.Fatalf("%d packets, want %d", len(out.packets), len(wantSeq))
	}
	first := out.packets[0]
	for i, h := range out.packets {
		if h.seq-first.seq != wantSeq[i] || h.timestamp-first.timestamp != wantTS[i] {
			t.Errorf("packet %d: seq +%d, timestamp +%d; want +%d, +%d", i, h.seq-first.seq, h.timestamp-first.timestamp, wantSeq[i], wantTS[i])
		}
	}
	if out.packets[8].payloadType != 126 || out.packets[9].payloadType != 0 {
		t.Errorf("payload types %d, %d", out.packets[8].payloadType, out.packets[9].payloadType)
	}
}

// sink keeps what is relayed.
type sink struct{ seqs []uint16 }

func (s *sink) RelayPacket(p *media.Packet) { s.seqs = append(s.seqs, p.Seq) }

func TestRelayStartsWithWhatIsBufferedAndEndsWithoutRepetition(t *testing.T) {
	l := bareLeg(t, pcmu())
	now := time.Now()
	put := func(i int) {
		payload := make([]byte, 160)
		for j := range payload {
			payload[j] = byte(i)
		}
		l.up.packet(packet{seq: uint16(i), timestamp: uint32(160 * i), payload: payload}, now)
		now = now.Add(media.FrameTime)
	}
	frame := make([]int16, 160)
	for i := range 5 {
		put(i)
	}
	for range 2 {
		if !l.ReadFrame(frame) {
			t.Fatal("nothing to play")
		}
	}
	played := 5 - int(l.Buffered()/media.FrameTime)
	var s sink
	l.RelayTo(&s)
	put(5)
	put(6)
	for i, seq := range s.seqs {
		if int(seq) != played+i {
			t.Fatalf("relayed %v, want from %d on", s.seqs, played)
		}
	}
	if len(s.seqs) != 7-played {
		t.Errorf("relayed %v, want %d to 6", s.seqs, played)
	}
	payload := make([]byte, media.MaxPayload)
	if n := l.ReadPayload(payload); n != 160 || int(payload[0]) != played {
		t.Errorf("recorder got %d bytes of packet %d, want packet %d", n, payload[0], played)
	}
	l.RelayTo(nil)
	if l.Buffered() != 0 {
		t.Errorf("%s unheard, want nothing: all of it was relayed", l.Buffered())
	}
	last := played
	for n := l.ReadPayload(payload); n >= 0; n = l.ReadPayload(payload) {
		last = int(payload[0])
	}
	if last != 6 {
		t.Errorf("recorder's last packet is %d, want 6", last)
	}
	put(7)
	put(8)
	if !l.ReadFrame(frame) {
		t.Error("nothing behind the relay")
	}
	want := make([]int16, 1)
	codec.DecodePCMU(want, []byte{7})
	if frame[159] != want[0] {
		t.Errorf("behind the relay comes %d, want packet 7 (%d)", frame[159], want[0])
	}
}

func TestReportsGiveRoundTrip(t *testing.T) {
	l := bareLeg(t, pcmu())
	r := &l.up
	now := time.Unix(1_800_000_000, 250_000_000)
	shortNTP := func(t time.Time) uint32 {
		return uint32(t.Unix()+2_208_988_800)<<16 | uint32(uint64(t.Nanosecond())<<16/uint64(time.Second))
	}
	b := make([]byte, 8+24)
	b[0], b[1] = 0x81, 201
	binary.BigEndian.PutUint16(b[2:], 7)
	binary.BigEndian.PutUint32(b[8:], 42)
	b[12] = 64 // a quarter lost
	binary.BigEndian.PutUint32(b[20:], 80)
	binary.BigEndian.PutUint32(b[24:], shortNTP(now.Add(-150*time.Millisecond)))
	binary.BigEndian.PutUint32(b[28:], 1<<16/10) // 100 ms with the browser
	r.rtcp(b, 41, now)
	if l.Stats().RoundTrip != 0 {
		t.Error("took a report about somebody else")
	}
	r.rtcp(b, 42, now)
	s := l.Stats()
	if s.RoundTrip < 49*time.Millisecond || s.RoundTrip > 51*time.Millisecond {
		t.Errorf("round trip %s, want 50 ms", s.RoundTrip)
	}
	if s.RemoteLost != 0.25 || s.RemoteJitter != 10*time.Millisecond || !s.LastRTCP.Equal(now) {
		t.Errorf("stats %+v", s)
	}
}

func TestPacketsDoNotAllocate(t *testing.T) {
	out := &nowhere{}
	tone := opusTone(t)
	now := time.Now()
	payload, i := make([]byte, 160), 0
	g711, opus := bareLeg(t, pcmu()), bareLeg(t, opusUp())
	g711.down.out, opus.down.out = out, out
	other := bareLeg(t, pcmu())
	other.down.out = out
	relayed := bareLeg(t, pcmu())
	relayed.RelayTo(other)
	raw := append([]byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, payload...)
	narrow, wide := make([]int16, 160), make([]int16, 320)
	for name, f := range map[string]func(){
		"parse": func() { parse(raw) },
		"G.711 in and out": func() {
			g711.up.packet(packet{seq: uint16(i), timestamp: uint32(160 * i), payload: payload}, now)
			g711.ReadFrame(narrow)
			g711.WriteFrame(narrow)
		},
		"relay": func() {
			relayed.up.packet(packet{seq: uint16(i), timestamp: uint32(160 * i), payload: payload}, now)
			relayed.ReadPayload(payload)
		},
		"Opus in, without decoding, and G.711 out": func() {
			opus.up.packet(packet{payloadType: 111, seq: uint16(i), timestamp: uint32(opusTicks * i), payload: tone[i%len(tone)]}, now)
			opus.up.opus.read(opus.up.payload[:])
			opus.WriteFrame(wide)
		},
	} {
		i = 0
		f()
		if n := testing.AllocsPerRun(500, func() { i++; now = now.Add(media.FrameTime); f() }); n != 0 {
			t.Errorf("%s allocates %v times per packet, want 0", name, n)
		}
	}
}

func TestOpusParameters(t *testing.T) {
	for _, tt := range []struct{ offered, want string }{
		{"minptime=10;useinbandfec=1", "minptime=10;useinbandfec=1;usedtx=1;maxplaybackrate=16000"},
		{"", "usedtx=1;maxplaybackrate=16000"},
		{"usedtx=0; maxplaybackrate=48000", "usedtx=1;maxplaybackrate=16000"},
	} {
		if got := opusParameters(tt.offered); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.offered, got, tt.want)
		}
	}
}

const sampleOffer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 110 126\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:110 telephone-event/48000\r\na=rtpmap:126 telephone-event/8000\r\n"

const sampleTransport = "a=rtcp-mux\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdabcdabcdabcdabcdabcd\r\na=fingerprint:sha-256 00:11\r\na=setup:actpass\r\n"

func FuzzOffer(f *testing.F) {
	f.Add(sampleOffer)
	f.Add("")
	f.Add("v=0\r\nm=audio 9 RTP/AVP 0\r\na=rtpmap:0 //\r\n")
	f.Add(sampleOffer + sampleTransport + "a=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parseDescription(text)
		if err != nil {
			if !errors.Is(err, ErrOffer) {
				t.Fatalf("error %v is not ErrOffer", err)
			}
			return
		}
		c, err := choose(d.formats, Prefs{OpusUp: true})
		if err != nil || d.check() != nil {
			return
		}
		answer := ours{to: d, formats: c.formats(), ufrag: "u", pwd: "p", fingerprint: "00", setup: "active", direction: d.answerDirection()}
		back, err := parseDescription(answer.String())
		if err != nil {
			t.Fatalf("our answer is not understood: %v\n%s", err, answer.String())
		}
		if back.index != d.index || len(back.sections) != len(d.sections) || back.mid() != d.mid() || back.check() != nil {
			t.Fatalf("offered %+v, answered %+v", d, back)
		}
	})
}

func FuzzPacket(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3})
	f.Add([]byte{0xB1, 0x80, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 9, 0xBE, 0xDE, 0, 1, 1, 2, 3, 4, 5, 1})
	f.Add([]byte{0x81, 201, 0, 7, 0, 0, 0, 1})
	l := bareLeg(f, opusUp())
	var e dtmf.Event
	f.Add(append([]byte{0x80, 110, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3}, e.Append(nil)...))
	frame := make([]int16, 320)
	f.Fuzz(func(t *testing.T, b []byte) {
		l.up.rtcp(b, 0, time.Now())
		p, ok := parse(b)
		if !ok {
			return
		}
		if len(p.payload) > len(b)-12 {
			t.Fatalf("payload of %d bytes in a packet of %d", len(p.payload), len(b))
		}
		if len(p.payload) > 0 {
			l.up.packet(p, time.Now())
			l.ReadFrame(frame)
		}
	})
}

func BenchmarkG711InAndOut(b *testing.B) {
	l := bareLeg(b, pcmu())
	l.down.out = &nowhere{}
	payload, frame, now := make([]byte, 160), make([]int16, 160), time.Now()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		now = now.Add(media.FrameTime)
		l.up.packet(packet{seq: uint16(i), timestamp: uint32(160 * i), payload: payload}, now)
		l.ReadFrame(frame)
		l.WriteFrame(frame)
		i++
	}
}

func BenchmarkOpusIn(b *testing.B) {
	l := bareLeg(b, opusUp())
	l.down.out = &nowhere{}
	tone, frame, now := opusTone(b), make([]int16, 320), time.Now()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		now = now.Add(media.FrameTime)
		l.up.packet(packet{payloadType: 111, seq: uint16(i), timestamp: uint32(opusTicks * i), payload: tone[i%len(tone)]}, now)
		l.ReadFrame(frame)
		i++
	}
}
