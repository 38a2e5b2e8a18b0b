package rtp

import (
	"errors"
	"testing"
	"time"

	pion "github.com/pion/rtp"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/dtmf"
)

// press sends a digit as a peer does, leaving out what drop says.
func (p *phone) press(pt uint8, clock uint32, digit byte, drop func(i int) bool) {
	code, _ := dtmf.Code(digit)
	start := p.ts
	for i := range 8 {
		e := dtmf.Event{Code: code, Volume: 10, End: i >= 5, Duration: uint16(int(clock) / 50 * min(i+1, 6))}
		pkt := pion.Packet{Header: pion.Header{Version: 2, PayloadType: pt, Marker: i == 0, SequenceNumber: p.seq, Timestamp: start, SSRC: p.ssrc}, Payload: e.Append(nil)}
		p.seq++
		if drop == nil || !drop(i) {
			p.deliver(pkt, p.addr)
			if i%2 == 0 {
				p.deliver(pkt, p.addr) // the network doubles some
			}
		}
		p.now = p.now.Add(media.FrameTime)
		p.ts += frameBytes
		p.leg.tend(p.now)
	}
	for range 10 {
		p.now = p.now.Add(media.FrameTime)
		p.leg.tend(p.now)
	}
	p.ts += 1600
}

// TestPitfall07EventClockRates: digits of several payload types and clock rates
// are received, each once, also when their ends are lost.
func TestPitfall07EventClockRates(t *testing.T) {
	t.Parallel()
	l := openLeg(t, LegConfig{})
	type press struct {
		digit byte
		d     time.Duration
	}
	got := make(chan press, 100)
	l.OnDigit(func(digit byte, d time.Duration) { got <- press{digit, d} })
	p := newPhone(t, l, codec.PCMU, 700)
	p.talk()
	p.press(101, 8000, '1', nil)
	p.press(102, 16000, '2', nil)
	p.press(101, 8000, '2', nil)                                // again the same key
	p.press(101, 8000, '#', func(i int) bool { return i >= 5 }) // all ends lost
	p.press(101, 8000, '*', func(i int) bool { return i != 6 }) // only one end came
	for i, want := range []press{
		{'1', 120 * time.Millisecond}, {'2', 120 * time.Millisecond}, {'2', 120 * time.Millisecond},
		{'#', 100 * time.Millisecond}, {'*', 120 * time.Millisecond},
	} {
		select {
		case g := <-got:
			if g != want {
				t.Errorf("press %d is %q %v, want %q %v", i, g.digit, g.d, want.digit, want.d)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("press %d (%q) did not come", i, want.digit)
		}
	}
	select {
	case g := <-got:
		t.Errorf("one press too many: %q", g.digit)
	default:
	}
}

func TestSendDigitsAsEvents(t *testing.T) {
	t.Parallel()
	l := openLeg(t, LegConfig{})
	p := newPhone(t, l, codec.PCMU, 700)
	if err := l.SendDigits("1x"); !errors.Is(err, ErrDigit) {
		t.Fatalf("a letter is no digit: %v", err)
	}
	if err := l.SendDigits("5#"); err != nil {
		t.Fatal(err)
	}
	var r dtmf.Receiver
	var got []dtmf.Press
	seen := 0
	deadline := time.Now().Add(5 * time.Second)
	for len(got) < 2 && time.Now().Before(deadline) {
		p.collect()
		for ; seen < len(p.got); seen++ {
			pkt := p.got[seen]
			if e, err := dtmf.ParseEvent(pkt.Payload); err == nil && pkt.PayloadType == 101 {
				if press, ok := r.Packet(pkt.Timestamp, 8000, e, time.Now()); ok {
					got = append(got, press)
				}
			}
		}
		<-time.After(5 * time.Millisecond)
	}
	if len(got) != 2 || got[0].Digit != '5' || got[1].Digit != '#' || got[0].Duration != digitTime {
		t.Fatalf("the peer understood %v", got)
	}
}

func TestDigitsAsTonesBothWays(t *testing.T) {
	t.Parallel()
	got := make(chan byte, 10)
	sender := openLeg(t, LegConfig{})
	ear := openLeg(t, LegConfig{InbandDigits: true})
	ear.OnDigit(func(d byte, _ time.Duration) { got <- d })
	number, _ := codec.PCMA.PayloadType()
	for _, c := range []struct{ l, to *Leg }{{sender, ear}, {ear, sender}} {
		err := c.l.Configure(Params{Remote: c.to.LocalAddr(), Send: PayloadType{number, codec.PCMA}, Sending: true, Receiving: true})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := sender.SendDigits("7"); err != nil {
		t.Fatal(err)
	}
	frame := make([]int16, 160)
	tick := time.NewTicker(media.FrameTime)
	defer tick.Stop()
	deadline := time.After(5 * time.Second)
	for {
		select {
		case d := <-got:
			if d != '7' {
				t.Fatalf("heard %q", d)
			}
			if ear.Format() != media.FormatNone {
				t.Error("a leg that listens for tones must not relay")
			}
			return
		case <-tick.C:
			ear.ReadFrame(frame)
		case <-deadline:
			t.Fatal("the tone was not heard")
		}
	}
}
