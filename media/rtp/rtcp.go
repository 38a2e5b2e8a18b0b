package rtp

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"time"
)

// ReportEvery is the mean time between our reports; RFC 3550 §6.2 asks for 5 s
// at least and some randomness.
const ReportEvery = 5 * time.Second

// NextReport is when the report after one at now is due; the first one comes
// early, so that the round trip is known soon.
func NextReport(now time.Time, first bool) time.Time {
	if first {
		return now.Add(time.Duration(float64(ReportEvery) * (0.25 + rand.Float64()/2)))
	}
	return now.Add(time.Duration(float64(ReportEvery) * (0.5 + rand.Float64())))
}

// Sent describes a stream for its sender report.
type Sent struct {
	SSRC      uint32
	Timestamp uint32 // that belongs to now
	Packets   uint64
	Octets    uint64 // of payload
}

// ntpEpoch is the difference between the NTP and the Unix epoch in seconds.
const ntpEpoch = 2208988800

// ntp converts to the 64-bit format of RFC 3550 §4.
func ntp(t time.Time) uint64 {
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// RTCP packet types (RFC 3550 §12.1).
const (
	typeSenderReport   = 200
	typeReceiverReport = 201
	typeDescription    = 202
)

// AppendReport appends a compound RTCP packet: a sender report, or a receiver
// report before anything was sent, and the CNAME, which is random per session
// as RFC 7022 allows.
func AppendReport(b []byte, s Sent, r *Reception, now time.Time) []byte {
	blocks := byte(0)
	if r.begun {
		blocks = 1
	}
	if s.Packets > 0 {
		b = append(b, 0x80|blocks, typeSenderReport, 0, 6+6*blocks)
		b = binary.BigEndian.AppendUint32(b, s.SSRC)
		b = binary.BigEndian.AppendUint64(b, ntp(now))
		b = binary.BigEndian.AppendUint32(b, s.Timestamp)
		b = binary.BigEndian.AppendUint32(b, uint32(s.Packets))
		b = binary.BigEndian.AppendUint32(b, uint32(s.Octets))
	} else {
		b = append(b, 0x80|blocks, typeReceiverReport, 0, 1+6*blocks)
		b = binary.BigEndian.AppendUint32(b, s.SSRC)
	}
	if blocks == 1 {
		b = r.appendBlock(b, now)
	}
	b = append(b, 0x81, typeDescription, 0, 6)
	b = binary.BigEndian.AppendUint32(b, s.SSRC)
	name := CNAME(s.SSRC)
	b = append(b, 1, byte(len(name)))
	b = append(b, name[:]...)
	return append(b, 0, 0)
}

// CNAME is the canonical name that reports give a source.
func CNAME(ssrc uint32) (name [16]byte) {
	for i := range name {
		name[i] = 'a' + byte(ssrc>>(i%8*4))&0xF
	}
	return name
}

// Feedback is what the other side's reports say of the stream that we send.
type Feedback struct {
	RoundTrip time.Duration // 0 until known
	Lost      float64       // share lost in its last interval
	Jitter    uint32        // in ticks of the stream's clock
}

// Take reads a compound packet: report blocks about ssrc, and the time of a
// sender report, which r answers in its next report. It is false for what is
// not RTCP or cut off.
func (f *Feedback) Take(b []byte, ssrc uint32, r *Reception, now time.Time) bool {
	if len(b) < 8 {
		return false
	}
	for len(b) > 0 {
		if len(b) < 4 || b[0]>>6 != 2 {
			return false
		}
		size := 4 + 4*int(binary.BigEndian.Uint16(b[2:]))
		if size > len(b) {
			return false
		}
		if !f.takeOne(b[:size], ssrc, r, now) {
			return false
		}
		b = b[size:]
	}
	return true
}

// takeOne reads one packet of a compound.
func (f *Feedback) takeOne(b []byte, ssrc uint32, r *Reception, now time.Time) bool {
	at := 8
	switch b[1] {
	case typeSenderReport:
		at = 28
	case typeReceiverReport:
	default:
		return true
	}
	count := int(b[0] & 0x1F)
	if len(b) < at+24*count {
		return false
	}
	if b[1] == typeSenderReport {
		r.lastSR, r.lastSRAt = binary.BigEndian.Uint32(b[10:]), now
	}
	for ; count > 0; count-- {
		if block := b[at : at+24]; binary.BigEndian.Uint32(block) == ssrc {
			f.block(block, now)
		}
		at += 24
	}
	return true
}

// block reads a reception report block (RFC 3550 §6.4.1).
func (f *Feedback) block(b []byte, now time.Time) {
	f.Lost = float64(b[4]) / 256
	f.Jitter = binary.BigEndian.Uint32(b[12:])
	last, delay := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
	if last == 0 {
		return
	}
	// 1/65536 s; a negative or absurd value is the other side's error.
	trip := time.Duration(int32(uint32(ntp(now)>>16)-last-delay)) * time.Second / 65536
	if trip >= 0 && trip < 10*time.Second {
		f.RoundTrip = trip
	}
}

func (s *sender) reportDue(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || !s.toCtl.Set() || s.enc == nil:
		return false
	case s.reportAt.IsZero():
		s.reportAt = NextReport(now, true)
		return false
	case now.Before(s.reportAt):
		return false
	}
	s.reportAt = NextReport(now, false)
	return true
}

// sendReport sends a report. l.mu is held.
func (l *Leg) sendReport(now time.Time) {
	s := &l.out
	s.mu.Lock()
	defer s.mu.Unlock()
	elapsed := max(now.Sub(s.last), 0)
	if s.relaying {
		elapsed = 0
	}
	sent := Sent{SSRC: s.ssrc, Timestamp: s.ts + uint32(elapsed/(time.Second/8000)), Packets: s.packets, Octets: s.octets}
	s.rtcp.Write(AppendReport(s.ctlBuf[:0], sent, &l.recv, now), &s.toCtl)
}

// receiveRTCP handles one datagram of the RTCP port, in the reader's goroutine.
func (l *Leg) receiveRTCP(b []byte, from netip.AddrPort, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.latch.fromPeer(from) {
		l.rejected++
		return
	}
	l.out.mu.Lock()
	ssrc := l.out.ssrc
	l.out.mu.Unlock()
	if !l.peer.Take(b, ssrc, &l.recv, now) {
		l.rejected++
		return
	}
	l.lastRTCP = now
	l.latch.reported = now
}
