package rtp

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/openhotline/hotline/media"
)

// arrival is a packet on its way.
type arrival struct {
	n  int // index of the packet
	at time.Duration
}

// network sends n packets of 20 ms with the given delay each; negative: lost.
func network(n int, delay func(i int) time.Duration) []arrival {
	var list []arrival
	for i := range n {
		if d := delay(i); d >= 0 {
			list = append(list, arrival{i, time.Duration(i)*media.FrameTime + d})
		}
	}
	slices.SortStableFunc(list, func(a, b arrival) int { return int(a.at - b.at) })
	return list
}

// played runs a buffer over arrivals, a read every 20 ms (times drift), and
// returns for each read the packet's index, -1 lost, -2 idle.
func played(b *Buffer, list []arrival, reads int, tick time.Duration) []int {
	start := time.Unix(1000, 0)
	payload, out := make([]byte, frameBytes), make([]byte, frameBytes)
	const ts0 = 0xFFFFF000 // wraps early
	var got []int
	for r := range reads {
		now := time.Duration(r) * tick
		for len(list) > 0 && list[0].at <= now {
			binary.BigEndian.PutUint32(payload, uint32(list[0].n))
			b.Put(ts0+uint32(list[0].n)*frameBytes, payload, start.Add(list[0].at))
			list = list[1:]
		}
		switch b.Read(out) {
		case Played:
			got = append(got, int(binary.BigEndian.Uint32(out)))
		case Lost:
			got = append(got, -1)
		default:
			got = append(got, -2)
		}
	}
	return got
}

// count returns how many of n packets were played and checks their order.
func count(t *testing.T, got []int) (heard, lost int) {
	t.Helper()
	last := -1
	for _, n := range got {
		switch {
		case n >= 0:
			if n <= last {
				t.Fatalf("packet %d is played after %d", n, last)
			}
			last = n
			heard++
		case n == -1:
			lost++
		}
	}
	return heard, lost
}

func TestBufferPlaysAnEvenStreamComplete(t *testing.T) {
	t.Parallel()
	b := NewBuffer(BufferConfig{})
	got := played(b, network(500, func(int) time.Duration { return 7 * time.Millisecond }), 505, media.FrameTime)
	heard, lost := count(t, got)
	if heard != 500 || lost > 3 {
		t.Errorf("%d of 500 played, %d concealed", heard, lost)
	}
	if b.Target() != 40*time.Millisecond {
		t.Errorf("target %v without jitter, want 40 ms", b.Target())
	}
	if first := slices.IndexFunc(got, func(n int) bool { return n >= 0 }); first > 3 {
		t.Errorf("the first packet is played at tick %d: more than 60 ms late", first)
	}
}

func TestBufferAdaptsToJitter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		jitter   int // ms
		min, max time.Duration
		share    float64 // of packets that must be heard
	}{{15, 40 * time.Millisecond, 40 * time.Millisecond, 0.99}, {60, 60 * time.Millisecond, 85 * time.Millisecond, 0.97}, {300, 120 * time.Millisecond, 120 * time.Millisecond, 0.2}} {
		rng := rand.New(rand.NewPCG(7, uint64(c.jitter)))
		b := NewBuffer(BufferConfig{})
		list := network(3000, func(int) time.Duration { return time.Duration(rng.IntN(c.jitter*1000)) * time.Microsecond })
		heard, lost := count(t, played(b, list, 3030, media.FrameTime))
		if b.Target() < c.min || b.Target() > c.max {
			t.Errorf("jitter %d ms: target %v, want %v to %v", c.jitter, b.Target(), c.min, c.max)
		}
		if share := float64(heard) / 3000; share < c.share {
			t.Errorf("jitter %d ms: %.1f %% played, %d concealed, %d late", c.jitter, 100*share, lost, b.Late)
		}
	}
}

func TestBufferGoesBackWhenTheNetworkCalms(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	b := NewBuffer(BufferConfig{Quiet: func([]byte) bool { return true }})
	list := network(6000, func(i int) time.Duration {
		if i < 1000 {
			return time.Duration(rng.IntN(90)) * time.Millisecond
		}
		return time.Millisecond
	})
	count(t, played(b, list, 6000, media.FrameTime))
	if b.Target() != 40*time.Millisecond || b.Buffered() > 60*time.Millisecond {
		t.Errorf("100 s after the jitter: target %v, buffered %v", b.Target(), b.Buffered())
	}
}

func TestBufferSurvivesLossReorderAndDuplicates(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	b := NewBuffer(BufferConfig{})
	dropped := 0
	list := network(2000, func(i int) time.Duration {
		switch {
		case i > 5 && rng.IntN(20) == 0:
			dropped++
			return -1
		case rng.IntN(10) == 0:
			return 25 * time.Millisecond // behind the next one
		}
		return 0
	})
	for _, a := range slices.Clone(list) {
		if rng.IntN(10) == 0 {
			list = append(list, arrival{a.n, a.at + time.Millisecond})
		}
	}
	slices.SortStableFunc(list, func(a, b arrival) int { return int(a.at - b.at) })
	heard, lost := count(t, played(b, list, 2010, media.FrameTime))
	if heard < 2000-dropped-10 || lost > dropped+15 {
		t.Errorf("%d lost in the network: %d of %d played, %d concealed", dropped, heard, 2000-dropped, lost)
	}
}

// TestBufferFollowsADriftingClock: a sender 200 ppm faster or slower than us
// runs for half an hour without the delay growing or the audio breaking up.
func TestBufferFollowsADriftingClock(t *testing.T) {
	t.Parallel()
	for _, ppm := range []int{200, -200} {
		b := NewBuffer(BufferConfig{Quiet: func(p []byte) bool { return p[3]%4 == 0 }})
		tick := media.FrameTime + media.FrameTime*time.Duration(ppm)/1_000_000
		const n = 90_000
		got := played(b, network(n, func(int) time.Duration { return 0 }), n, tick)
		heard, lost := count(t, got)
		if lost > 40 || heard < n-60 {
			t.Errorf("%d ppm: %d played, %d concealed, %d inserted, %d dropped", ppm, heard, lost, b.Inserted, b.Dropped)
		}
		if b.Buffered() > 120*time.Millisecond {
			t.Errorf("%d ppm: %v are buffered", ppm, b.Buffered())
		}
	}
}

func TestBufferTakesAnyPacketTime(t *testing.T) {
	t.Parallel()
	for _, ms := range []int{10, 30, 40, 60, 100} {
		b := NewBuffer(BufferConfig{})
		start := time.Unix(0, 0)
		size := 8 * ms
		next, sample, lost := 0, byte(0), 0
		out := make([]byte, frameBytes)
		want, begun := byte(0), false
		for tick := range 500 {
			now := time.Duration(tick) * media.FrameTime
			for time.Duration(next*ms)*time.Millisecond <= now {
				p := make([]byte, size)
				for i := range p {
					p[i] = sample
					sample++
				}
				b.Put(uint32(next*size), p, start.Add(time.Duration(next*ms)*time.Millisecond))
				next++
			}
			switch b.Read(out) {
			case Played:
				if !begun {
					want, begun = out[0], true
				}
				for _, v := range out {
					if v != want {
						t.Fatalf("ptime %d: tick %d has %d, want %d", ms, tick, v, want)
					}
					want++
				}
			case Lost:
				lost++
			}
		}
		if lost > 6 {
			t.Errorf("ptime %d: %d frames concealed", ms, lost)
		}
	}
}

func TestBufferJumpsWithTheSource(t *testing.T) {
	t.Parallel()
	b := NewBuffer(BufferConfig{})
	start := time.Unix(0, 0)
	p, out := make([]byte, frameBytes), make([]byte, frameBytes)
	heard := 0
	ts := uint32(5000)
	for i := range 200 {
		if i == 100 {
			ts -= 1 << 30 // another clock, no new SSRC
		}
		b.Put(ts, p, start.Add(time.Duration(i)*media.FrameTime))
		ts += frameBytes
		if b.Read(out) == Played {
			heard++
		}
	}
	if heard < 190 {
		t.Errorf("%d of 200 frames played over a jump", heard)
	}
}

func TestBufferDoesNotAllocate(t *testing.T) {
	b := NewBuffer(BufferConfig{})
	p := make([]byte, frameBytes)
	ts, now := uint32(0), time.Unix(0, 0)
	if n := testing.AllocsPerRun(1000, func() {
		b.Put(ts, p, now)
		b.Read(p)
		ts, now = ts+frameBytes, now.Add(media.FrameTime)
	}); n != 0 {
		t.Errorf("%v allocations per packet", n)
	}
}

// FuzzBuffer puts and reads at random: no panic, no endless growth, and what
// is played is what was put at that timestamp.
func FuzzBuffer(f *testing.F) {
	f.Add([]byte{0, 160, 1, 160, 2, 160, 200, 3, 255, 4})
	f.Fuzz(func(t *testing.T, script []byte) {
		b := NewBuffer(BufferConfig{})
		now, ts := time.Unix(0, 0), uint32(0xFFFFFC00)
		out := make([]byte, frameBytes)
		for i, v := range script {
			p := make([]byte, int(v)*4)
			for k := range p {
				p[k] = v
			}
			switch i % 3 {
			case 0:
				ts += uint32(int8(v)) * 40
				b.Put(ts, p, now)
			case 1:
				ts += 160
				b.Put(ts, p, now)
			default:
				now = now.Add(time.Duration(v) * time.Millisecond)
				b.Read(out)
			}
			if b.Buffered() > time.Second || b.Buffered() < 0 {
				t.Fatalf("%v buffered", b.Buffered())
			}
		}
	})
}
