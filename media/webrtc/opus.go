package webrtc

import (
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/rtp"
)

const (
	// opusPacket is the largest payload kept: 1275 bytes of a frame and its TOC
	// byte (RFC 6716 §3.2.1).
	opusPacket = 1276
	opusSlots  = 16
	// opusTicks is 20 ms in the RTP clock.
	opusTicks = 960
	// The delay aimed at is 40 to 120 ms. It grows by a frame when a packet was
	// late and shrinks after opusSteady frames without one.
	opusLowest, opusMost = 2, 6
	opusSteady           = 500
	// opusPause is how many frames are concealed before silence counts as one:
	// Opus with DTX sends nothing for 400 ms at a time.
	opusPause = 3
	// opusJump is how far a timestamp may be off before it is another stream.
	opusJump = 5 * 48_000
)

// opusBuffer is the jitter buffer for Opus, whose packets cannot be cut as
// those of G.711 can: whole packets by timestamp. The zero value is empty. It
// is not safe for concurrent use and does not allocate after the first packet.
type opusBuffer struct {
	slots   []opusSlot
	filled  bool
	playing bool
	next    uint32 // timestamp that is played next
	high    uint32 // timestamp behind the newest packet
	target  int    // frames of delay to aim at
	starved int
	calm    int // frames since the last late packet

	late uint64
}

type opusSlot struct {
	used  bool
	ts    uint32
	n     int
	bytes [opusPacket]byte
}

// put stores a packet, unless its turn is over.
func (b *opusBuffer) put(ts uint32, payload []byte) {
	if len(payload) > opusPacket {
		return
	}
	if b.slots == nil {
		b.slots = make([]opusSlot, opusSlots)
		b.target = opusLowest + 1
	}
	ahead := int32(ts - b.next)
	switch {
	case !b.filled, ahead > opusJump, ahead < -opusJump:
		b.begin(ts)
	case !b.playing && b.depth() <= 0 && ahead >= 0:
		b.begin(ts) // after a pause
	case ahead < 0 && !b.playing:
		b.next = ts // reordered before the first was played
	case ahead < 0:
		b.late++
		b.calm = 0
		b.target = min(b.target+1, opusMost)
		return
	}
	slot := b.free(ts)
	if slot == nil {
		return // a duplicate
	}
	slot.used, slot.ts, slot.n = true, ts, copy(slot.bytes[:], payload)
	if end := ts + opusDuration(payload); int32(end-b.high) > 0 {
		b.high = end
	}
}

func (b *opusBuffer) begin(ts uint32) {
	for i := range b.slots {
		b.slots[i].used = false
	}
	b.filled, b.playing = true, false
	b.next, b.high, b.starved = ts, ts, 0
}

// reset empties the buffer for another stream; counters and delay stay.
func (b *opusBuffer) reset() {
	for i := range b.slots {
		b.slots[i].used = false
	}
	b.filled, b.playing = false, false
}

// free finds a slot: an empty one, or the oldest packet's. It gives nil when
// the packet is there already.
func (b *opusBuffer) free(ts uint32) *opusSlot {
	var best *opusSlot
	for i := range b.slots {
		s := &b.slots[i]
		switch {
		case s.used && s.ts == ts:
			return nil
		case best == nil, !s.used && best.used, s.used && best.used && int32(s.ts-best.ts) < 0:
			best = s
		}
	}
	return best
}

// read copies the next packet to dst and tells how long it lasts in RTP ticks.
func (b *opusBuffer) read(dst []byte) (n int, ticks uint32, state rtp.State) {
	if !b.filled {
		return 0, 0, rtp.Idle
	}
	if !b.playing {
		if b.depth() < b.target*opusTicks {
			return 0, 0, rtp.Idle
		}
		b.playing = true
		b.skipTo(b.high - uint32(b.target*opusTicks))
	}
	if b.depth() <= 0 {
		if b.starved++; b.starved > opusPause {
			b.playing = false
			return 0, 0, rtp.Idle
		}
		return 0, opusTicks, rtp.Lost
	}
	b.starved = 0
	b.settle()
	for i := range b.slots {
		s := &b.slots[i]
		if !s.used || s.ts-b.next >= opusTicks {
			continue
		}
		s.used = false
		ticks = opusDuration(s.bytes[:s.n])
		b.next = s.ts + ticks
		return copy(dst, s.bytes[:s.n]), ticks, rtp.Played
	}
	b.next += opusTicks
	return 0, opusTicks, rtp.Lost
}

// settle keeps the delay near the target: a frame is left out when it has
// grown for good.
func (b *opusBuffer) settle() {
	if b.calm++; b.calm < opusSteady {
		if b.depth() > (opusMost+2)*opusTicks {
			b.skipTo(b.high - uint32(b.target*opusTicks))
		}
		return
	}
	b.calm = 0
	b.target = max(b.target-1, opusLowest)
	if b.depth() > (b.target+1)*opusTicks {
		b.skipTo(b.next + opusTicks)
	}
}

// skipTo leaves out what is before ts.
func (b *opusBuffer) skipTo(ts uint32) {
	if int32(ts-b.next) <= 0 {
		return
	}
	b.next = ts
	for i := range b.slots {
		if s := &b.slots[i]; s.used && int32(s.ts-ts) < 0 {
			s.used = false
		}
	}
}

// depth is how many ticks are ahead of the read position.
func (b *opusBuffer) depth() int { return int(int32(b.high - b.next)) }

func (b *opusBuffer) buffered() time.Duration {
	if !b.filled {
		return 0
	}
	return media.Rate48k.Duration(max(b.depth(), 0))
}

func (b *opusBuffer) delay() time.Duration {
	return time.Duration(b.target) * media.FrameTime
}

// opusDuration tells from its TOC byte how long a packet lasts (RFC 6716 §3.1),
// in RTP ticks, at most 120 ms.
func opusDuration(payload []byte) uint32 {
	if len(payload) == 0 {
		return opusTicks
	}
	const ms = 48
	toc := payload[0]
	var frame uint32
	switch config := toc >> 3; {
	case config < 12: // SILK
		frame = [4]uint32{10, 20, 40, 60}[config%4] * ms
	case config < 16: // hybrid
		frame = [2]uint32{10, 20}[config%2] * ms
	default: // CELT
		frame = [4]uint32{120, 240, 480, 960}[config%4]
	}
	count := uint32(1)
	switch toc & 3 {
	case 1, 2:
		count = 2
	case 3:
		if len(payload) > 1 {
			count = max(uint32(payload[1]&0x3F), 1)
		}
	}
	return min(frame*count, 120*ms)
}
