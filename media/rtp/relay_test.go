package rtp

import (
	"math"
	"testing"
	"time"

	pion "github.com/pion/rtp"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/mediatest"
)

// bridge is a room of two legs with a phone each.
type bridge struct {
	engine *media.Engine
	room   *media.Room
	a, b   *phone
}

func newBridge(t testing.TB, kindA, kindB codec.Kind) *bridge {
	pool := newPool(t, PoolConfig{})
	la, lb := openLeg(t, LegConfig{ID: "a", Pool: pool}), openLeg(t, LegConfig{ID: "b", Pool: pool})
	br := &bridge{engine: media.NewEngine(media.EngineConfig{Shards: 1})}
	br.a, br.b = newPhone(t, la, kindA, 500), newPhone(t, lb, kindB, 900)
	br.room = br.engine.NewRoom("r")
	t.Cleanup(br.room.Close)
	for _, l := range []*Leg{la, lb} {
		if err := br.room.Join(l); err != nil {
			t.Fatal(err)
		}
	}
	br.connect(t)
	return br
}

func (br *bridge) connect(t testing.TB) {
	t.Helper()
	err := br.room.SetGains(media.GainChange{From: "a", To: "b", Gain: 1}, media.GainChange{From: "b", To: "a", Gain: 1})
	if err != nil {
		t.Fatal(err)
	}
}

// run lets n frames pass: packets come between two ticks.
func (br *bridge) run(n int) {
	for range n {
		br.a.talk()
		br.b.talk()
		br.engine.Tick()
		br.a.hangOn()
		br.b.hangOn()
	}
}

func TestRelayRewritesAndPassesEverything(t *testing.T) {
	t.Parallel()
	br := newBridge(t, codec.PCMA, codec.PCMA)
	br.run(50)
	if !br.room.Relaying() {
		t.Fatal("two legs of the same codec do not relay")
	}
	checkStream(t, br.b.got)
	if n := len(br.b.got); n != 50 {
		t.Errorf("%d of 50 packets passed", n)
	}
	if br.b.got[0].SSRC == br.a.ssrc {
		t.Error("the source's SSRC was passed on")
	}
	mediatest.RequireTone(t, br.b.heard[800:], media.Rate8k, 500)
	mediatest.RequireTone(t, br.a.heard[800:], media.Rate8k, 900)
}

func TestRelayOnlyWithTheSameCodec(t *testing.T) {
	t.Parallel()
	br := newBridge(t, codec.PCMA, codec.PCMU)
	br.run(50)
	if br.room.Relaying() {
		t.Fatal("different codecs are relayed")
	}
	mediatest.RequireTone(t, br.b.heard[2400:], media.Rate8k, 500)
	wide := newBridge(t, codec.PCMA, codec.G722)
	wide.run(50)
	mediatest.RequireTone(t, wide.b.heard[4800:], media.Rate16k, 500)
	mediatest.RequireTone(t, wide.a.heard[2400:], media.Rate8k, 900)
}

// TestRelayToMixAndBackWithoutGap switches back and forth while both talk. The
// peer's jitter buffer of 40 ms must play an unbroken sine: nothing missing,
// nothing twice.
func TestRelayToMixAndBackWithoutGap(t *testing.T) {
	t.Parallel()
	br := newBridge(t, codec.PCMU, codec.PCMU)
	ear := media.NewListener("ear", media.Rate8k, func([]int16) {})
	br.run(40)
	for range 6 {
		if err := br.room.Join(ear); err != nil {
			t.Fatal(err)
		}
		if err := br.room.SetGain("a", "ear", 1); err != nil {
			t.Fatal(err)
		}
		br.run(1)
		if br.room.Relaying() {
			t.Fatal("relays although somebody listens")
		}
		br.run(20)
		br.room.Leave("ear")
		br.run(1)
		if !br.room.Relaying() {
			t.Fatal("does not relay again")
		}
		br.run(20)
	}
	checkStream(t, br.a.got)
	checkStream(t, br.b.got)
	requireSmooth(t, br.b.heard[1600:], 500)
	requireSmooth(t, br.a.heard[1600:], 900)
}

// requireSmooth wants an unbroken sine: every sample follows from the two
// before it (G.711's error set aside).
func requireSmooth(t *testing.T, samples []int16, hz float64) {
	t.Helper()
	c := 2 * math.Cos(2*math.Pi*hz/8000)
	worst, at := 0.0, 0
	for i := 2; i < len(samples); i++ {
		if r := math.Abs(float64(samples[i]) - c*float64(samples[i-1]) + float64(samples[i-2])); r > worst {
			worst, at = r, i
		}
	}
	if worst > 600 { // quantising a sine of −20 dBFS gives up to 450
		t.Errorf("the %.0f Hz sine is broken at sample %d of %d (frame %d): residue %.0f", hz, at, len(samples), at/160, worst)
	}
}

func TestRelayPassesLossAndOrder(t *testing.T) {
	t.Parallel()
	br := newBridge(t, codec.PCMU, codec.PCMU)
	br.run(5)
	p1, p2, p3 := br.a.packet(), br.a.packet(), br.a.packet()
	br.a.deliver(p2, br.a.addr)
	br.a.deliver(p1, br.a.addr)
	_ = p3 // lost
	br.a.talk()
	br.b.collect()
	got := br.b.got[len(br.b.got)-3:]
	if got[1].SequenceNumber != got[0].SequenceNumber-1 || got[2].SequenceNumber != got[0].SequenceNumber+2 {
		t.Errorf("order 2, 1, 4 became %d, %d, %d", got[0].SequenceNumber, got[1].SequenceNumber, got[2].SequenceNumber)
	}
	if got[2].Timestamp-got[0].Timestamp != 320 {
		t.Errorf("timestamps %d apart, want 320", got[2].Timestamp-got[0].Timestamp)
	}
}

func TestRelayPassesDigitsAndNewSource(t *testing.T) {
	t.Parallel()
	br := newBridge(t, codec.PCMU, codec.PCMU)
	br.run(5)
	br.a.press(101, 8000, '9', nil)
	br.b.collect()
	events := 0
	for _, p := range br.b.got {
		if p.PayloadType == 101 {
			events++
		}
	}
	if events != 8 {
		t.Errorf("%d of 8 event packets passed (doubles must not)", events)
	}
	br.a.ssrc, br.a.seq, br.a.ts = 0x2222, 9, 99
	before := len(br.b.got)
	br.a.talk()
	br.b.collect()
	last, next := br.b.got[before-1], br.b.got[before]
	if next.SequenceNumber != last.SequenceNumber+1 || next.SSRC != last.SSRC {
		t.Errorf("a new source shows through: seq %d after %d", next.SequenceNumber, last.SequenceNumber)
	}
}

func TestHoldSendsNothingAndComesBack(t *testing.T) {
	t.Parallel()
	br := newBridge(t, codec.PCMU, codec.PCMU)
	br.run(10)
	br.b.configure(func(p *Params) { p.Sending = false })
	n := len(br.b.got)
	br.run(10)
	if len(br.b.got) != n {
		t.Errorf("%d packets to a peer that is on hold", len(br.b.got)-n)
	}
	br.b.configure(func(*Params) {})
	br.b.heard = nil
	br.run(20)
	mediatest.RequireTone(t, br.b.heard[1600:], media.Rate8k, 500)
}

// TestPathsDoNotAllocate holds receive, relay, play, mix and send to zero
// allocations per packet.
func TestPathsDoNotAllocate(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b codec.Kind
	}{{"relay", codec.PCMU, codec.PCMU}, {"mix", codec.PCMU, codec.PCMA}, {"wideband mix", codec.G722, codec.PCMA}} {
		br := newBridge(t, c.a, c.b)
		br.run(20)
		from := br.a.addr
		ext := pion.Header{Version: 2, SSRC: br.a.ssrc, SequenceNumber: br.a.seq, Timestamp: br.a.ts, CSRC: make([]uint32, 15)}
		ext.PayloadType, _ = c.a.PayloadType()
		if err := ext.SetExtension(1, []byte{1, 2}); err != nil {
			t.Fatal(err)
		}
		pkt := pion.Packet{Header: ext, Payload: make([]byte, 160)}
		b, err := pkt.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		seq, ts := br.a.seq, br.a.ts
		now := br.a.now
		n := testing.AllocsPerRun(500, func() {
			b[2], b[3] = byte(seq>>8), byte(seq)
			b[4], b[5], b[6], b[7] = byte(ts>>24), byte(ts>>16), byte(ts>>8), byte(ts)
			seq, ts, now = seq+1, ts+160, now.Add(media.FrameTime)
			br.a.leg.receive(b, from, now)
			br.engine.Tick()
		})
		if n != 0 {
			t.Errorf("%s: %v allocations per packet, want 0", c.name, n)
		}
	}
}

func BenchmarkRelayPacket(b *testing.B) {
	br := newBridge(b, codec.PCMU, codec.PCMU)
	br.run(5)
	pkt := br.a.packet()
	raw, _ := pkt.Marshal()
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		br.a.seq++
		raw[2], raw[3] = byte(br.a.seq>>8), byte(br.a.seq)
		br.a.leg.receive(raw, br.a.addr, now)
	}
}
