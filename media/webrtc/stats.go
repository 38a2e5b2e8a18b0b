package webrtc

import (
	"encoding/binary"
	"sync/atomic"
	"time"

	"github.com/pion/interceptor"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/rtp"
)

// counter keeps the figures of what the browser sends (RFC 3550 §6.4.1 and
// appendix A). Restarts of the stream do not happen within a connection.
type counter struct {
	clock     uint32
	begun     bool
	base      uint16
	cycles    uint32
	max       uint16
	received  uint64
	transit   int64
	jitter    float64 // in ticks
	concealed uint64
}

// sequence counts a packet of any kind.
func (c *counter) sequence(p packet) {
	if !c.begun {
		c.begun, c.base, c.max = true, p.seq, p.seq
	} else if d := int16(p.seq - c.max); d > 0 {
		if p.seq < c.max {
			c.cycles += 1 << 16
		}
		c.max = p.seq
	}
	c.received++
}

// arrived counts an audio packet.
func (c *counter) arrived(p packet, now time.Time) {
	first := !c.begun
	c.sequence(p)
	ticks := now.UnixNano() / 1000 * int64(c.clock) / 1_000_000
	transit := int64(uint32(ticks) - p.timestamp)
	if !first {
		d := int32(uint32(transit) - uint32(c.transit))
		if d < 0 {
			d = -d
		}
		// A pause of DTX is not jitter.
		if int64(d) < int64(c.clock) {
			c.jitter += (float64(d) - c.jitter) / 16
		}
	}
	c.transit = transit
}

func (c *counter) expected() uint64 {
	if !c.begun {
		return 0
	}
	return uint64(c.cycles) + uint64(c.max) - uint64(c.base) + 1
}

// reports is what the browser's RTCP told.
type reports struct {
	roundTrip atomic.Int64 // nanoseconds
	lost      atomic.Uint32
	jitter    atomic.Uint32 // ticks
	at        atomic.Int64  // Unix nanoseconds
}

// readReports drains RTCP, without which pion's own counting stands still, and
// takes the round-trip time out of report blocks.
func (l *Leg) readReports(read func([]byte) (int, interceptor.Attributes, error)) {
	buf := make([]byte, 1500)
	for {
		n, _, err := read(buf)
		if err != nil {
			return
		}
		now := time.Now()
		l.hear()
		l.reports.at.Store(now.UnixNano())
		l.reports.take(buf[:n], l.down.ssrc(), now)
	}
}

// take reads the report blocks about our SSRC of a compound packet (RFC 3550
// §6.4).
func (r *reports) take(b []byte, ssrc uint32, now time.Time) {
	for len(b) >= 8 {
		size := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
		if b[0]>>6 != 2 || size > len(b) {
			return
		}
		blocks := b[8:max(size, 8)]
		switch b[1] {
		case 200: // sender report: its own figures come first
			blocks = blocks[min(20, len(blocks)):]
		case 201:
		default:
			blocks = nil
		}
		for range int(b[0] & 0x1F) {
			if len(blocks) < 24 {
				break
			}
			if binary.BigEndian.Uint32(blocks) == ssrc {
				r.block(blocks[:24], now)
			}
			blocks = blocks[24:]
		}
		b = b[size:]
	}
}

func (r *reports) block(b []byte, now time.Time) {
	r.lost.Store(uint32(b[4]))
	r.jitter.Store(binary.BigEndian.Uint32(b[12:]))
	last, delay := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
	if last == 0 {
		return
	}
	// 1/65536 s, the middle of the NTP timestamp.
	trip := int32(shortNTP(now) - last - delay)
	if trip >= 0 && trip < 10<<16 {
		r.roundTrip.Store(int64(trip) * int64(time.Second) >> 16)
	}
}

// shortNTP is the middle 32 bits of the NTP time (RFC 3550 §4).
func shortNTP(t time.Time) uint32 {
	const epoch = 2_208_988_800 // 1900 to 1970 in seconds
	seconds, fraction := uint64(t.Unix()+epoch), uint64(t.Nanosecond())<<16/uint64(time.Second)
	return uint32(seconds<<16 | fraction)
}

// Stats gives the figures so far.
func (l *Leg) Stats() rtp.Stats {
	r := &l.up
	r.mu.Lock()
	s := rtp.Stats{
		Codec: r.kind.String(), PacketsReceived: r.count.received, FramesConcealed: r.count.concealed,
		PacketsLost: int64(r.count.expected()) - int64(r.count.received),
	}
	if r.count.clock > 0 {
		s.Jitter = time.Duration(r.count.jitter * float64(time.Second) / float64(r.count.clock))
	}
	if r.bytes != nil {
		s.PacketsLate, s.JitterBuffer = r.bytes.Late, r.bytes.Target()
	} else {
		s.PacketsLate, s.JitterBuffer = r.opus.late, r.opus.delay()
	}
	expected, begun := float64(r.count.expected()), r.count.begun
	r.mu.Unlock()
	s.PacketsSent = l.down.packets.Load()
	s.RoundTrip = time.Duration(l.reports.roundTrip.Load())
	s.RemoteLost = float64(l.reports.lost.Load()) / 256
	s.RemoteJitter = media.Rate8k.Duration(int(l.reports.jitter.Load()))
	if at := l.heard.Load(); at > 0 {
		s.LastRTP = time.Unix(0, at)
	}
	if at := l.reports.at.Load(); at > 0 {
		s.LastRTCP = time.Unix(0, at)
	}
	if begun {
		loss := (float64(max(s.PacketsLost, 0)) + float64(s.PacketsLate)) / max(expected, 1)
		s.MOS = rtp.MOS(r.kind, s.RoundTrip/2+s.JitterBuffer+media.FrameTime, loss)
	}
	return s
}
