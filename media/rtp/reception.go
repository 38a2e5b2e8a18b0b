package rtp

import (
	"encoding/binary"
	"time"
)

// Reception counts one leg's received packets, as RFC 3550 appendices A.1, A.3
// and A.8 ask. A change of the SSRC begins another stream; what was counted
// before stays. It is not safe for concurrent use.
type Reception struct {
	begun    bool
	clock    uint32 // of the timestamps in hertz
	ssrc     uint32
	baseSeq  uint16
	maxSeq   uint16
	cycles   uint32
	received uint64
	past     int64  // lost in earlier streams of this leg
	before   uint64 // packets received in them

	stray   bool   // the last packet did not belong to the stream
	nextBad uint16 // … and this one would be the next of its own

	seen [4]uint64 // bitmap of the last 256 sequence numbers, for duplicates

	started time.Time
	transit int64
	heard   bool    // transit is known
	jitter  float64 // RTP ticks

	expectedPrior, receivedPrior uint64 // of the last report
	duplicate                    uint64

	lastSR   uint32 // middle bits of the peer's NTP time
	lastSRAt time.Time
}

// window is how many sequence numbers back a duplicate is recognised. What is
// older, or more than maxDropout ahead, is a stray one or belongs to a new stream.
const (
	window     = 256
	maxDropout = 3000 // MAX_DROPOUT of RFC 3550 appendix A.1
)

// SetClock tells the clock rate of the timestamps in hertz, before the first
// packet. The default is 8000.
func (r *Reception) SetClock(hz uint32) { r.clock = hz }

func (r *Reception) rate() int64 {
	if r.clock == 0 {
		return 8000
	}
	return int64(r.clock)
}

// Packet counts a packet. fresh is false for a duplicate and a stray one, which
// are not to be played; restarted says that another stream has begun: by another
// SSRC, or by two packets in a row whose numbers are far from the others (RFC
// 3550 appendix A.1).
func (r *Reception) Packet(ssrc uint32, seq uint16, now time.Time) (fresh, restarted bool) {
	ahead := int16(seq - r.maxSeq)
	switch {
	case r.begun && ssrc == r.ssrc && (ahead > maxDropout || ahead < -window+1) && (!r.stray || seq != r.nextBad):
		r.stray, r.nextBad = true, seq+1
		return false, false
	case !r.begun, ssrc != r.ssrc, ahead > maxDropout, ahead < -window+1:
		restarted = r.begun
		r.restart(ssrc, seq, now)
	case ahead > 0:
		if seq < r.maxSeq {
			r.cycles += 1 << 16
		}
		for i := int16(1); i <= min(ahead, window); i++ {
			r.unmark(r.maxSeq + uint16(i))
		}
		r.maxSeq = seq
	default:
		if r.marked(seq) {
			r.duplicate++
			return false, false
		}
	}
	r.mark(seq)
	r.received++
	r.stray = false
	return true, restarted
}

// Arrived takes the timestamp of an audio packet that was counted, for the
// jitter of RFC 3550 §6.4.1. A pause is not jitter.
func (r *Reception) Arrived(ts uint32, now time.Time) {
	transit := now.Sub(r.started).Nanoseconds()*r.rate()/1e9 - int64(int32(ts))
	d := int64(int32(uint32(transit) - uint32(r.transit)))
	if d < 0 {
		d = -d
	}
	if r.heard && d < r.rate() {
		r.jitter += (float64(d) - r.jitter) / 16
	}
	r.transit, r.heard = transit, true
}

func (r *Reception) restart(ssrc uint32, seq uint16, now time.Time) {
	if r.begun {
		r.past += r.streamLost()
		r.before += r.received
	}
	r.begun, r.heard, r.ssrc, r.started = true, false, ssrc, now
	r.baseSeq, r.maxSeq, r.cycles = seq, seq, 0
	r.received, r.expectedPrior, r.receivedPrior = 0, 0, 0
	r.seen = [4]uint64{}
}

func (r *Reception) mark(seq uint16)        { r.seen[seq%window/64] |= 1 << (seq % 64) }
func (r *Reception) unmark(seq uint16)      { r.seen[seq%window/64] &^= 1 << (seq % 64) }
func (r *Reception) marked(seq uint16) bool { return r.seen[seq%window/64]&(1<<(seq%64)) != 0 }

// expected is how many packets of this stream should have come.
func (r *Reception) expected() uint64 {
	if !r.begun {
		return 0
	}
	return uint64(r.cycles) + uint64(r.maxSeq) - uint64(r.baseSeq) + 1
}

// streamLost is the number of packets of this stream that did not come.
func (r *Reception) streamLost() int64 {
	return max(int64(r.expected())-int64(r.received), 0)
}

// Received is the number of packets that came, duplicates not counted.
func (r *Reception) Received() uint64 { return r.before + r.received }

// Lost is the number of packets that did not come.
func (r *Reception) Lost() int64 { return r.past + r.streamLost() }

// Expected is the number of packets that should have come.
func (r *Reception) Expected() uint64 { return r.before + uint64(r.past) + r.expected() }

// Jitter is the estimate of RFC 3550 §6.4.1.
func (r *Reception) Jitter() time.Duration {
	return time.Duration(r.jitter * float64(time.Second) / float64(r.rate()))
}

// share returns the share lost since the last call (RFC 3550 A.3).
func (r *Reception) share() float64 {
	expected, received := r.expected()-r.expectedPrior, r.received-r.receivedPrior
	r.expectedPrior, r.receivedPrior = r.expected(), r.received
	if expected == 0 || received >= expected {
		return 0
	}
	return float64(expected-received) / float64(expected)
}

// appendBlock writes the reception report block of RFC 3550 §6.4.1.
func (r *Reception) appendBlock(b []byte, now time.Time) []byte {
	share, lost := r.share(), min(r.streamLost(), 0x7FFFFF)
	b = binary.BigEndian.AppendUint32(b, r.ssrc)
	b = append(b, byte(min(share*256, 255)), byte(lost>>16), byte(lost>>8), byte(lost))
	b = binary.BigEndian.AppendUint32(b, r.cycles+uint32(r.maxSeq))
	b = binary.BigEndian.AppendUint32(b, uint32(r.jitter))
	b = binary.BigEndian.AppendUint32(b, r.lastSR)
	var delay uint32
	if r.lastSR != 0 {
		delay = uint32(now.Sub(r.lastSRAt).Seconds() * 65536)
	}
	return binary.BigEndian.AppendUint32(b, delay)
}
