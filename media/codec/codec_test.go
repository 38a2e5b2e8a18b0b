package codec

import (
	"errors"
	"math"
	"testing"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/mediatest"
)

// TestG711Values checks values of the tables of ITU-T G.711.
func TestG711Values(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		b      byte
		ulaw   int16
		alaw   int16
		silent bool
	}{
		{b: 0xFF, ulaw: 0, alaw: 848},
		{b: 0x80, ulaw: 32124, alaw: 5504},
		{b: 0x00, ulaw: -32124, alaw: -5504},
		{b: 0xD5, ulaw: 716, alaw: 8},
		{b: 0x55, ulaw: -716, alaw: -8},
		{b: 0xAA, ulaw: 5372, alaw: 32256},
		{b: 0x2A, ulaw: -5372, alaw: -32256},
	} {
		if got := ulawToLinear[c.b]; got != c.ulaw {
			t.Errorf("µ-law %#x is %d, want %d", c.b, got, c.ulaw)
		}
		if got := alawToLinear[c.b]; got != c.alaw {
			t.Errorf("A-law %#x is %d, want %d", c.b, got, c.alaw)
		}
	}
}

func TestG711RoundTripIsExact(t *testing.T) {
	t.Parallel()
	for i := range 256 {
		b := byte(i)
		if got := linearToAlaw[uint16(alawToLinear[b])>>4]; got != b {
			t.Errorf("A-law %#x comes back as %#x", b, got)
		}
		if got := linearToUlaw[uint16(ulawToLinear[b])>>2]; got != b && b != 0x7F { // 0x7F is minus zero
			t.Errorf("µ-law %#x comes back as %#x", b, got)
		}
	}
	// Every sample is coded to the nearest value, within half a step.
	for s := -32768; s <= 32767; s++ {
		step := max(math.Abs(float64(s))/16, 8)
		if d := math.Abs(float64(ulawToLinear[linearToUlaw[uint16(int16(s))>>2]]) - float64(s)); d > step && s > -32124 && s < 32124 {
			t.Fatalf("µ-law of %d is off by %.0f", s, d)
		}
		if d := math.Abs(float64(alawToLinear[linearToAlaw[uint16(int16(s))>>4]]) - float64(s)); d > max(step, 16) && s > -32256 && s < 32256 {
			t.Fatalf("A-law of %d is off by %.0f", s, d)
		}
	}
}

func TestCodecsKeepATone(t *testing.T) {
	for _, k := range []Kind{PCMU, PCMA, G722} {
		enc, err := NewEncoder(k)
		if err != nil {
			t.Fatal(err)
		}
		dec, err := NewDecoder(k)
		if err != nil {
			t.Fatal(err)
		}
		src := mediatest.NewSource(1000, -15, k.Rate())
		frame, payload := make([]int16, k.Rate().Frame()), make([]byte, 160)
		var out []int16
		for range 20 {
			src.Fill(frame)
			if n, err := enc.Encode(payload, frame); err != nil || n != 160 {
				t.Fatalf("%v: %d bytes, %v", k, n, err)
			}
			back := make([]int16, len(frame))
			if n, err := dec.Decode(back, payload); err != nil || n != len(frame) {
				t.Fatalf("%v: %d samples, %v", k, n, err)
			}
			out = append(out, back...)
		}
		if l := mediatest.Level(out[len(frame):], k.Rate(), 1000); l < -15.5 || l > -14.5 {
			t.Errorf("%v: level %.2f", k, l)
		}
		if n := testing.AllocsPerRun(100, func() {
			_, _ = enc.Encode(payload, frame)
			_, _ = dec.Decode(frame, payload)
		}); n != 0 {
			t.Errorf("%v allocates %v times per frame", k, n)
		}
		if _, err := enc.Encode(payload[:10], frame); !errors.Is(err, ErrPayload) {
			t.Errorf("%v: short buffer: %v", k, err)
		}
		if _, err := dec.Decode(frame[:10], payload); !errors.Is(err, ErrPayload) {
			t.Errorf("%v: short buffer: %v", k, err)
		}
	}
}

func TestOpusDecodes(t *testing.T) {
	t.Parallel()
	d, err := NewDecoder(Opus)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]int16, 5760)
	// A SILK wideband 20 ms frame of a mute encoder: TOC 9 (mono) and little else.
	if n, err := d.Decode(out, []byte{0x48, 0x0b, 0xe4, 0xc1, 0x36, 0xec, 0xc5, 0x80}); err != nil || n != 320 {
		t.Errorf("%d samples, %v; want 320 at 16 kHz", n, err)
	}
	if _, err := d.Decode(out, nil); !errors.Is(err, ErrPayload) {
		t.Errorf("an empty packet: %v", err)
	}
	if _, err := NewEncoder(Opus); !errors.Is(err, ErrUnsupported) {
		t.Errorf("Opus encoder: %v", err)
	}
	if _, err := NewDecoder(None); !errors.Is(err, ErrUnsupported) {
		t.Errorf("no codec: %v", err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, k := range []Kind{PCMU, PCMA, G722, Opus} {
		if got, ok := Parse(k.String()); !ok || got != k {
			t.Errorf("%v is parsed as %v", k, got)
		}
		if n, ok := k.PayloadType(); ok {
			if got, found := Static(n); !found || got != k {
				t.Errorf("static type %d is %v", n, got)
			}
		}
	}
	if _, ok := Parse("G729"); ok {
		t.Error("G729 is not ours")
	}
}

func TestConcealmentFillsAndFades(t *testing.T) {
	for _, rate := range []media.Rate{media.Rate8k, media.Rate16k} {
		c := NewConcealer(rate)
		src := mediatest.NewSource(300, -15, rate)
		frame := make([]int16, rate.Frame())
		for range 10 {
			src.Fill(frame)
			c.Good(frame)
		}
		if !c.Conceal(frame) {
			t.Fatal("nothing invented")
		}
		mediatest.RequireTone(t, frame, rate, 300)
		if l := mediatest.DBFS(frame); l < -18 || l > -13 {
			t.Errorf("the first invented frame has %.1f dBFS, want about -15", l)
		}
		last := mediatest.DBFS(frame)
		for i := range 2 {
			c.Conceal(frame)
			if l := mediatest.DBFS(frame); l >= last {
				t.Errorf("frame %d does not fade: %.1f after %.1f", i, l, last)
			} else {
				last = l
			}
		}
		if c.Conceal(frame) {
			t.Error("after 60 ms there is still sound")
		}
		mediatest.RequireSilence(t, frame)
		src.Fill(frame)
		c.Good(frame)
		if n := testing.AllocsPerRun(100, func() { c.Conceal(frame); c.Good(frame) }); n != 0 {
			t.Errorf("allocates %v times", n)
		}
	}
}

func FuzzOpus(f *testing.F) {
	f.Add([]byte{0x48, 0x0b, 0xe4, 0xc1, 0x36, 0xec, 0xc5, 0x80})
	f.Add([]byte{0xFC, 0xFF, 0xFE})
	f.Add([]byte{3, 200})
	d, err := NewDecoder(Opus)
	if err != nil {
		f.Fatal(err)
	}
	out := make([]int16, 5760)
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := d.Decode(out, b); err == nil && (n < 0 || n > len(out)) {
			t.Fatalf("%d samples", n)
		}
	})
}

func BenchmarkEncodePCMU(b *testing.B) {
	frame, payload := mediatest.Tone(700, -20, media.Rate8k, 160), make([]byte, 160)
	b.ReportAllocs()
	for b.Loop() {
		EncodePCMU(payload, frame)
	}
}

func BenchmarkDecodePCMU(b *testing.B) {
	frame, payload := make([]int16, 160), make([]byte, 160)
	b.ReportAllocs()
	for b.Loop() {
		DecodePCMU(frame, payload)
	}
}

func BenchmarkG722(b *testing.B) {
	enc, _ := NewEncoder(G722)
	dec, _ := NewDecoder(G722)
	frame, payload := mediatest.Tone(700, -20, media.Rate16k, 320), make([]byte, 160)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = enc.Encode(payload, frame)
		_, _ = dec.Decode(frame, payload)
	}
}

func BenchmarkConceal(b *testing.B) {
	c := NewConcealer(media.Rate8k)
	frame := mediatest.Tone(200, -20, media.Rate8k, 160)
	b.ReportAllocs()
	for b.Loop() {
		c.Good(frame)
		c.Conceal(frame)
	}
}
