package dtmf

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/mediatest"
)

func TestEventRoundTrip(t *testing.T) {
	t.Parallel()
	for i := range digits {
		code, ok := Code(digits[i])
		if !ok {
			t.Fatalf("%q has no code", digits[i])
		}
		e := Event{Code: code, End: i%2 == 0, Volume: byte(i * 4), Duration: uint16(i * 4000)}
		got, err := ParseEvent(e.Append(nil))
		if err != nil || got != e {
			t.Errorf("%+v became %+v, %v", e, got, err)
		}
	}
	if c, ok := Code('d'); !ok || c != 15 {
		t.Error("lower case letters are digits, too")
	}
	for _, b := range [][]byte{nil, {1, 2, 3}, {16, 0, 0, 0}} {
		if _, err := ParseEvent(b); err == nil {
			t.Errorf("%v parses", b)
		}
	}
}

func TestLongPressIsOne(t *testing.T) {
	t.Parallel()
	var r Receiver
	now := time.Now()
	ts := uint32(1000)
	for segment := range 3 { // RFC 4733 §2.5.1.3
		for _, d := range []uint16{160, 40000, 0xFFFF} {
			e := Event{Code: 5, Duration: d, End: segment == 2 && d == 0xFFFF}
			p, ok := r.Packet(ts, 8000, e, now)
			if ok != e.End {
				t.Fatalf("segment %d: %v %v", segment, p, ok)
			}
			if ok && (p.Digit != '5' || p.Duration.Truncate(time.Millisecond) != time.Duration(3*0xFFFF/8)*time.Millisecond) {
				t.Errorf("press %+v", p)
			}
		}
		ts += 0xFFFF
	}
}

func TestDetectorHearsEveryDigit(t *testing.T) {
	t.Parallel()
	for _, rate := range []media.Rate{media.Rate8k, media.Rate16k} {
		for i := range digits {
			d := NewDetector(rate)
			g := NewGenerator(digits[i], rate)
			frame := make([]int16, rate.Frame())
			var got []Press
			feed := func(n int, fill func([]int16)) {
				for range n {
					fill(frame)
					if p, ok := d.Feed(frame); ok {
						got = append(got, p)
					}
				}
			}
			quiet := func(f []int16) { clear(f) }
			feed(3, quiet)
			feed(5, g.Fill) // 100 ms
			feed(5, quiet)
			feed(5, g.Fill)
			feed(5, quiet)
			if len(got) != 2 || got[0].Digit != digits[i] || got[1].Digit != digits[i] {
				t.Errorf("%q twice at %d Hz: %v", digits[i], rate, got)
				continue
			}
			if ms := got[0].Duration.Milliseconds(); ms < 70 || ms > 110 {
				t.Errorf("%q lasted %d ms, want about 100", digits[i], ms)
			}
		}
	}
}

func TestDetectorIgnoresSpeechLikeSound(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	d := NewDetector(media.Rate8k)
	frame, sum := make([]int16, 160), make([]int32, 160)
	for range 3000 { // a minute of changing harmonics and noise
		clear(sum)
		base := 90 + 200*rng.Float64()
		for h := 1; h < 12; h++ {
			tone := mediatest.Tone(base*float64(h), -22-2*float64(h), media.Rate8k, 160)
			for i := range sum {
				sum[i] += int32(tone[i])
			}
		}
		for i := range frame {
			frame[i] = int16(sum[i] + int32(rng.IntN(600)-300))
		}
		if p, ok := d.Feed(frame); ok {
			t.Fatalf("heard %q in no digit", p.Digit)
		}
	}
	for _, hz := range []float64{697, 1004, 1209, 440} {
		tone := mediatest.Tone(hz, -10, media.Rate8k, 16000)
		if p, ok := d.Feed(append(tone, make([]int16, 1600)...)); ok {
			t.Errorf("heard %q in a tone of %.0f Hz", p.Digit, hz)
		}
	}
}

func TestDetectorDoesNotAllocate(t *testing.T) {
	d := NewDetector(media.Rate8k)
	frame := mediatest.Tone(697, -10, media.Rate8k, 160)
	if n := testing.AllocsPerRun(100, func() { d.Feed(frame) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzEvents drives the receiver with packets from outside: every press is a
// digit of finite length, and there are never more presses than packets.
func FuzzEvents(f *testing.F) {
	f.Add([]byte{1, 10, 0, 160, 0, 1, 0x8A, 1, 64, 0, 2, 10, 0, 160, 5})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Receiver
		now := time.Now()
		presses, packets := 0, 0
		for ; len(b) >= 5; b = b[5:] {
			e, err := ParseEvent(b)
			if err != nil {
				continue
			}
			packets++
			now = now.Add(time.Duration(b[4]) * time.Millisecond)
			p, ok := r.Packet(uint32(b[4])*160, 8000, e, now)
			if !ok {
				p, ok = r.Expire(now)
			}
			if ok {
				presses++
				if _, known := Code(p.Digit); !known || p.Duration < 0 {
					t.Fatalf("press %+v", p)
				}
			}
		}
		if presses > packets {
			t.Fatalf("%d presses from %d packets", presses, packets)
		}
	})
}
