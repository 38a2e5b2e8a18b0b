package rtp

import (
	"math/bits"
	"time"

	"github.com/openhotline/hotline/media"
)

// BufferConfig bounds a Buffer's delay. The zero value works.
type BufferConfig struct {
	// Min and Max bound the delay the buffer aims at. Default to 40 and 120ms.
	Min, Max time.Duration
	// Quiet tells whether a frame of payload is quiet enough to be dropped or
	// lengthened unheard. nil: never; the buffer then adapts after a while.
	Quiet func(payload []byte) bool
}

// Buffer is an adaptive jitter buffer for codecs that spend one payload byte
// per RTP clock tick: PCMU, PCMA and G.722. Bytes are kept by timestamp, so any
// packet time, reordering, duplicates and pauses (DTX) need no special case.
// It is not safe for concurrent use and does not allocate.
type Buffer struct {
	cfg     BufferConfig
	bytes   [ringSize]byte
	have    [ringSize / 64]uint64 // which bytes hold audio
	filled  bool                  // something was put since the last reset
	playing bool
	fresh   bool   // nothing was played since begin
	read    uint32 // timestamp that is played next
	high    uint32 // timestamp behind the newest byte

	starved int // frames since the buffer ran dry
	delay   estimator
	frames  int // frames of the present observation
	lowest  int // smallest rest after a read in it, in ticks
	adapt   int // frames to insert (+1) or drop (-1) at the next chance
	waited  int // frames since adapt was set

	// Counters since the start.
	Late, Concealed, Inserted, Dropped uint64
}

// ringSize is what the buffer holds: 512 ms at 8 kHz.
const ringSize = 4096

// State says what Read found.
type State uint8

// The states.
const (
	Idle   State = iota // nothing to play: before the first packet, or in a pause
	Played              // dst holds a frame
	Lost                // this frame is missing: conceal it
)

// maxStarved is how many frames are concealed when nothing comes, before the
// buffer takes it for a pause.
const maxStarved = 3

// observe is the number of frames after which the delay is looked at.
const observe = 50

// NewBuffer makes an empty buffer.
func NewBuffer(cfg BufferConfig) *Buffer {
	if cfg.Min <= 0 {
		cfg.Min = 40 * time.Millisecond
	}
	if cfg.Max < cfg.Min {
		cfg.Max = max(120*time.Millisecond, cfg.Min)
	}
	return &Buffer{cfg: cfg}
}

// Reset empties the buffer, for a new source; the counters stay.
func (b *Buffer) Reset() {
	clear(b.have[:])
	b.filled, b.fresh, b.playing, b.starved, b.adapt = false, false, false, 0, 0
	b.delay = estimator{}
	b.restartWindow()
}

// Put stores the payload that arrived with timestamp ts. It reports false for
// audio whose turn is over.
func (b *Buffer) Put(ts uint32, payload []byte, arrival time.Time) bool {
	n := uint32(len(payload))
	if n == 0 || n > ringSize/2 {
		return true
	}
	b.delay.arrived(ts, arrival)
	switch ahead := int32(ts - b.read); {
	case !b.filled:
		b.begin(ts)
	case ahead > ringSize-int32(n) || ahead < -ringSize:
		// The source jumped: what is buffered belongs to another time.
		clear(b.have[:])
		b.begin(ts)
	case !b.playing && b.depth() <= 0 && ahead >= 0:
		b.begin(ts) // after a pause
	case b.fresh && ahead < 0 && int32(b.high-ts) < ringSize/2:
		b.read = ts // reordered before the first frame was played
	case ahead+int32(n) <= 0:
		b.Late++
		return false
	}
	if skip := int32(b.read - ts); skip > 0 {
		payload, ts, n = payload[skip:], ts+uint32(skip), n-uint32(skip)
	}
	at := ts % ringSize
	first := copy(b.bytes[at:], payload)
	copy(b.bytes[:], payload[first:])
	b.mark(ts, n, true)
	if int32(ts+n-b.high) > 0 {
		b.high = ts + n
	}
	return true
}

func (b *Buffer) begin(ts uint32) {
	b.filled, b.fresh, b.playing = true, true, false
	b.read, b.high = ts, ts
	b.starved, b.adapt = 0, 0
	b.restartWindow()
}

// Read copies the next frame to dst, whose length is the frame's in bytes.
func (b *Buffer) Read(dst []byte) State {
	n := len(dst)
	if !b.filled {
		return Idle
	}
	if !b.playing {
		if b.depth() < max(b.target(), n) {
			return Idle
		}
		b.playing, b.fresh = true, false
		if over := b.depth() - b.target() - n; over > 0 {
			b.skip(uint32(over / n * n))
		}
	}
	if b.depth() < n {
		return b.starve()
	}
	b.starved = 0
	if b.depth() > max(b.target()+8*msTicks(100), 8*200)+n {
		b.skip(uint32(b.depth() - b.target() - n))
		b.Dropped++
	}
	if b.adapt != 0 {
		if s, done := b.adjust(n); done {
			return s
		}
	}
	found := b.take(dst)
	b.watch()
	if !found {
		b.Concealed++
		return Lost
	}
	return Played
}

// starve handles a read with nothing left. The read position stays: when the
// packet comes after all, the delay has grown by what was concealed.
func (b *Buffer) starve() State {
	if b.starved++; b.starved > maxStarved {
		b.playing = false
		if d := b.depth(); d > 0 {
			b.skip(uint32(d))
		}
		return Idle
	}
	b.Concealed++
	b.restartWindow()
	return Lost
}

// take copies the frame at the read position and steps over it.
func (b *Buffer) take(dst []byte) bool {
	n := uint32(len(dst))
	found := b.holds(b.read, n)
	if found {
		at := b.read % ringSize
		first := copy(dst, b.bytes[at:])
		copy(dst[first:], b.bytes[:])
	}
	b.skip(n)
	return found
}

// watch keeps the smallest rest of a window and decides at its end.
func (b *Buffer) watch() {
	b.lowest = min(b.lowest, b.depth())
	if b.frames++; b.frames < observe {
		return
	}
	want := b.target() - msTicks(20)
	b.adapt, b.waited = 0, 0
	switch {
	case b.lowest <= want-msTicks(15):
		b.adapt = 1
	case b.lowest >= want+msTicks(20):
		b.adapt = -1
	}
	b.restartWindow()
}

// adjust lengthens or shortens the delay by a frame, when it is quiet or the
// wish is a second old.
func (b *Buffer) adjust(n int) (State, bool) {
	quiet := false
	if at := b.read % ringSize; b.cfg.Quiet != nil && int(at)+n <= ringSize && b.holds(b.read, uint32(n)) {
		quiet = b.cfg.Quiet(b.bytes[at : int(at)+n])
	}
	if b.waited++; !quiet && b.waited < observe {
		return 0, false
	}
	grow := b.adapt > 0
	b.adapt = 0
	b.restartWindow()
	if grow {
		b.Inserted++
		return Lost, true
	}
	if b.depth() >= 2*n {
		b.skip(uint32(n))
		b.Dropped++
	}
	return 0, false
}

func (b *Buffer) restartWindow() { b.frames, b.lowest = 0, ringSize }

// depth is how many ticks of timestamp are ahead of the read position.
func (b *Buffer) depth() int { return int(int32(b.high - b.read)) }

// target is the delay to aim at, in ticks.
func (b *Buffer) target() int {
	need := b.delay.jitter() + 20*time.Millisecond
	return int(min(max(need, b.cfg.Min), b.cfg.Max)/time.Millisecond) * 8
}

func msTicks(ms int) int { return 8 * ms }

// Target returns the delay the buffer aims at.
func (b *Buffer) Target() time.Duration {
	return time.Duration(b.target()) * time.Second / time.Duration(media.Rate8k)
}

// Buffered returns how much unplayed audio there is.
func (b *Buffer) Buffered() time.Duration {
	if !b.filled {
		return 0
	}
	return time.Duration(max(b.depth(), 0)) * time.Second / time.Duration(media.Rate8k)
}

func (b *Buffer) skip(n uint32) {
	b.mark(b.read, n, false)
	b.read += n
}

// jumpTo leaves out everything before ts and goes on playing there at once:
// what follows a relay.
func (b *Buffer) jumpTo(ts uint32) {
	if n := int32(ts - b.read); n > 0 && n <= ringSize {
		b.skip(uint32(n))
	}
	if int32(b.high-b.read) < 0 {
		b.high = b.read
	}
	b.playing, b.fresh, b.starved, b.adapt = b.filled, false, 0, 0
	b.restartWindow()
}

// mark sets or clears the bits of n bytes from ts.
func (b *Buffer) mark(ts, n uint32, on bool) {
	n = min(n, ringSize)
	for n > 0 {
		at := ts % ringSize
		bit := at % 64
		k := min(64-bit, n)
		mask := (^uint64(0) >> (64 - k)) << bit
		if on {
			b.have[at/64] |= mask
		} else {
			b.have[at/64] &^= mask
		}
		ts, n = ts+k, n-k
	}
}

// holds reports whether all n bytes from ts are there.
func (b *Buffer) holds(ts, n uint32) bool {
	for n > 0 {
		at := ts % ringSize
		bit := at % 64
		k := min(64-bit, n)
		mask := (^uint64(0) >> (64 - k)) << bit
		if bits.OnesCount64(b.have[at/64]&mask) != int(k) {
			return false
		}
		ts, n = ts+k, n-k
	}
	return true
}

// estimator measures how far packets come after the fastest one of late: the
// delay a buffer needs so that (nearly) none is late.
type estimator struct {
	started bool
	ts0     uint32
	at0     time.Time
	low     time.Duration // smallest transit of this window and the one before
	prevLow time.Duration
	count   int
	peak    time.Duration // decaying maximum of transit − low
}

// lowWindow is after how many packets the smallest transit is forgotten, so
// that a drifting clock or a longer route does not count as jitter for ever.
const lowWindow = 250

func (e *estimator) arrived(ts uint32, at time.Time) {
	if !e.started {
		*e = estimator{started: true, ts0: ts, at0: at}
		return
	}
	transit := at.Sub(e.at0) - time.Duration(int32(ts-e.ts0))*time.Second/8000
	if transit > 5*time.Second || transit < -5*time.Second {
		*e = estimator{started: true, ts0: ts, at0: at, peak: e.peak}
		return
	}
	if e.count++; e.count >= lowWindow {
		// Move the origin along, so that the timestamp difference never wraps.
		e.count = 0
		low := min(e.low, e.prevLow)
		e.prevLow, e.low = e.low-low, transit-low
		e.at0 = at.Add(-(transit - low))
		e.ts0 = ts
		transit -= low
	}
	e.low = min(e.low, transit)
	dev := transit - min(e.low, e.prevLow)
	if dev > e.peak {
		e.peak = dev
	} else {
		e.peak -= (e.peak - dev) / 256
	}
}

// jitter is the delay that recent packets needed.
func (e *estimator) jitter() time.Duration { return e.peak }

// peek copies the frame at ts without stepping over it.
func (b *Buffer) peek(ts uint32, dst []byte) bool {
	if !b.holds(ts, uint32(len(dst))) {
		return false
	}
	first := copy(dst, b.bytes[ts%ringSize:])
	copy(dst[first:], b.bytes[:])
	return true
}
