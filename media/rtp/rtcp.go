package rtp

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"
)

// receiver keeps what RFC 3550 appendix A.1, A.3 and A.8 ask for.
type receiver struct {
	begun    bool
	ssrc     uint32
	baseSeq  uint16
	maxSeq   uint16
	cycles   uint32
	received uint64
	octets   uint64
	past     int64  // lost in earlier streams of this leg
	before   uint64 // packets received in them

	seen [4]uint64 // bitmap of the last 256 sequence numbers, for duplicates

	started time.Time
	transit int64
	jitter  float64 // RTP ticks

	expectedPrior, receivedPrior uint64 // of the last report

	duplicate, rejected uint64

	lastSR   uint32 // middle bits of the peer's NTP time
	lastSRAt time.Time

	roundTrip    time.Duration
	remoteLost   float64
	remoteJitter time.Duration
	windowLost   float64 // smoothed share lost, for the MOS of now
}

// window is how many sequence numbers back a duplicate is recognised; what is
// older, or jumps further, belongs to a new stream.
const window = 256

// packet counts one admitted packet. fresh is false for a duplicate; restarted
// says that another stream has begun.
func (r *receiver) packet(h *pion.Header, now time.Time) (fresh, restarted bool) {
	seq := h.SequenceNumber
	ahead := int16(seq - r.maxSeq)
	switch {
	case !r.begun, h.SSRC != r.ssrc, ahead > 3000, ahead < -window+1:
		restarted = r.begun
		r.restart(h, now)
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
	// Jitter, RFC 3550 §6.4.1 and A.8.
	transit := now.Sub(r.started).Nanoseconds()*8/1e6 - int64(int32(h.Timestamp))
	if r.received > 1 && !restarted {
		d := transit - r.transit
		if d < 0 {
			d = -d
		}
		if d < 8000*10 {
			r.jitter += (float64(d) - r.jitter) / 16
		}
	}
	r.transit = transit
	return true, restarted
}

func (r *receiver) restart(h *pion.Header, now time.Time) {
	if r.begun {
		r.past += r.lost()
		r.before += r.received
	}
	r.begun, r.ssrc, r.started = true, h.SSRC, now
	r.baseSeq, r.maxSeq, r.cycles = h.SequenceNumber, h.SequenceNumber, 0
	r.received, r.expectedPrior, r.receivedPrior = 0, 0, 0
	r.seen = [4]uint64{}
}

func (r *receiver) mark(seq uint16)        { r.seen[seq%window/64] |= 1 << (seq % 64) }
func (r *receiver) unmark(seq uint16)      { r.seen[seq%window/64] &^= 1 << (seq % 64) }
func (r *receiver) marked(seq uint16) bool { return r.seen[seq%window/64]&(1<<(seq%64)) != 0 }

func (r *receiver) expected() uint64 {
	if !r.begun {
		return 0
	}
	return uint64(r.cycles) + uint64(r.maxSeq) - uint64(r.baseSeq) + 1
}

// lost is the number of packets of this stream that did not come.
func (r *receiver) lost() int64 {
	return max(int64(r.expected())-int64(r.received), 0)
}

// interval returns the share lost since the last call (RFC 3550 A.3).
func (r *receiver) interval() float64 {
	expected, received := r.expected()-r.expectedPrior, r.received-r.receivedPrior
	r.expectedPrior, r.receivedPrior = r.expected(), r.received
	if expected == 0 || received >= expected {
		return 0
	}
	return float64(expected-received) / float64(expected)
}

// reportEvery is the mean time between our reports; RFC 3550 §6.2 asks for 5 s
// at least and some randomness.
const reportEvery = 5 * time.Second

func (s *sender) reportDue(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || s.toCtl.len == 0 || s.enc == nil:
		return false
	case s.reportAt.IsZero():
		s.reportAt = now.Add(time.Duration(float64(reportEvery) * (0.25 + rand.Float64()/2)))
		return false
	case now.Before(s.reportAt):
		return false
	}
	s.reportAt = now.Add(time.Duration(float64(reportEvery) * (0.5 + rand.Float64())))
	return true
}

// ntpEpoch is the difference between the NTP and the Unix epoch in seconds.
const ntpEpoch = 2208988800

// ntp converts to the 64-bit format of RFC 3550 §4.
func ntp(t time.Time) uint64 {
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// sendReport sends SR (or RR before anything was sent) and SDES. l.mu is held.
func (l *Leg) sendReport(now time.Time) {
	s := &l.out
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.ctlBuf[:0]
	blocks := byte(0)
	if l.recv.begun {
		blocks = 1
	}
	if s.packets > 0 {
		b = append(b, 0x80|blocks, 200, 0, 6+6*blocks)
		b = binary.BigEndian.AppendUint32(b, s.ssrc)
		b = binary.BigEndian.AppendUint64(b, ntp(now))
		elapsed := max(now.Sub(s.last), 0)
		if s.relaying {
			elapsed = 0
		}
		b = binary.BigEndian.AppendUint32(b, s.ts+uint32(elapsed/(time.Second/8000)))
		b = binary.BigEndian.AppendUint32(b, uint32(s.packets))
		b = binary.BigEndian.AppendUint32(b, uint32(s.octets))
	} else {
		b = append(b, 0x80|blocks, 201, 0, 1+6*blocks)
		b = binary.BigEndian.AppendUint32(b, s.ssrc)
	}
	if blocks == 1 {
		b = l.recv.appendBlock(b, now)
	}
	// SDES with a CNAME of 16 bytes (RFC 7022: per-session random is enough).
	b = append(b, 0x81, 202, 0, 6)
	b = binary.BigEndian.AppendUint32(b, s.ssrc)
	b = append(b, 1, 16)
	for i := range 16 {
		b = append(b, 'a'+byte(s.ssrc>>(i%8*4))&0xF)
	}
	b = append(b, 0, 0)
	s.rtcp.write(b, &s.toCtl)
}

// appendBlock writes the reception report block of RFC 3550 §6.4.1.
func (r *receiver) appendBlock(b []byte, now time.Time) []byte {
	share := r.interval()
	r.windowLost = share
	lost := min(r.lost(), 0x7FFFFF)
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

// receiveRTCP handles one datagram of the RTCP port, in the reader's goroutine.
func (l *Leg) receiveRTCP(b []byte, from netip.AddrPort, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.latch.fromPeer(from) {
		l.recv.rejected++
		return
	}
	packets, err := rtcp.Unmarshal(b)
	if err != nil {
		l.recv.rejected++
		return
	}
	l.lastRTCP = now
	l.latch.reported = now
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.SenderReport:
			l.recv.lastSR, l.recv.lastSRAt = uint32(p.NTPTime>>16), now
			l.receiveBlocks(p.Reports, now)
		case *rtcp.ReceiverReport:
			l.receiveBlocks(p.Reports, now)
		}
	}
}

func (l *Leg) receiveBlocks(blocks []rtcp.ReceptionReport, now time.Time) {
	l.out.mu.Lock()
	ssrc := l.out.ssrc
	l.out.mu.Unlock()
	for _, b := range blocks {
		if b.SSRC != ssrc {
			continue
		}
		l.recv.remoteLost = float64(b.FractionLost) / 256
		l.recv.remoteJitter = time.Duration(b.Jitter) * (time.Second / 8000)
		if b.LastSenderReport == 0 {
			continue
		}
		// Round trip of RFC 3550 §6.4.1 in 1/65536 s; a negative or absurd one is
		// a peer's error.
		rtt := uint32(ntp(now)>>16) - b.LastSenderReport - b.Delay
		if d := time.Duration(int32(rtt)) * time.Second / 65536; d >= 0 && d < 10*time.Second {
			l.recv.roundTrip = d
		}
	}
}
