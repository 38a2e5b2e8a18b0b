package rtp

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/udp"
)

// sender is the outgoing half of a leg. Its mutex is a leaf lock.
type sender struct {
	mu        sync.Mutex
	rtp, rtcp *udp.Socket
	closed    bool
	sending   bool
	enc       codec.Encoder
	codec     codec.Kind
	pt        uint8
	event     EventType
	frames    int // per packet
	to, toCtl udp.Target

	clock func() time.Time // time.Now, but in tests
	ssrc  uint32
	nums  Numbers
	ts    uint32 // of the next sample to send
	last  time.Time
	begun bool

	packets, octets, failed uint64

	pending int // frames gathered in buf for a packet of 40 or 60 ms
	buf     [12 + media.MaxPayload]byte

	// Relaying: what maps the source's numbers to ours.
	relaying bool
	source   Source
	offset   uint32 // ours less the source's timestamp
	ctlBuf   [256]byte
	reportAt time.Time
	keys     keySender
	keying   bool   // a digit is being sent: audio waits
	keyEnd   uint32 // timestamp behind the last digit and its gap
}

func (s *sender) init(rtp, rtcp *udp.Socket) {
	s.rtp, s.rtcp, s.clock = rtp, rtcp, time.Now
	s.ssrc, s.ts = newSSRC(), newSSRC()
	s.nums.Begin(uint16(newSSRC()))
	s.frames = 1
	s.keys.init()
}

func (s *sender) configure(p Params, enc codec.Encoder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.enc == nil || s.codec != p.Send.Codec {
		s.enc, s.codec = enc, p.Send.Codec
	}
	s.pt, s.event, s.sending = p.Send.Number, p.SendEvent, p.Sending
	s.frames, s.pending = min(max(int((p.PTime+media.FrameTime/2)/media.FrameTime), 1), 3), 0
}

// aim sets the destinations; an address of the wrong family or without a port
// sends nothing.
func (s *sender) aim(rtp, rtcp netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rtp.Disconnect()
	s.rtp.Aim(&s.to, rtp)
	s.rtcp.Aim(&s.toCtl, rtcp)
}

// tie connects the socket to a peer that is known and heard, and unties it
// when it is not, so that its packets from a new address come in.
func (s *sender) tie(known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
	case known:
		s.rtp.Connect(&s.to)
	default:
		s.rtp.Disconnect()
	}
}

// WriteFrame implements media.Party: 20 ms to the peer.
func (l *Leg) WriteFrame(src []int16) {
	s := &l.out
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.enc == nil || s.closed {
		return
	}
	now := s.clock()
	s.endRelay(now)
	if !s.ready() || s.keying {
		s.ts += frameBytes // time passes for a peer that is not sent to
		s.pending = 0
		return
	}
	at := 12 + s.pending*frameBytes
	n, err := s.enc.Encode(s.buf[at:at+frameBytes], src)
	if err != nil || n != frameBytes {
		return
	}
	if s.pending++; s.pending < s.frames {
		return
	}
	marker := s.resume(now)
	s.transmit(s.pt, marker, s.nums.Next(), s.ts, at+frameBytes-12)
	s.ts += uint32(s.pending) * frameBytes
	s.pending = 0
}

func (s *sender) ready() bool { return s.sending && !s.closed && s.to.Set() }

// resume accounts for a pause before this packet: the timestamp goes on with
// the clock, and the marker tells the peer (RFC 3551 §4.1).
func (s *sender) resume(now time.Time) (marker bool) {
	pause := now.Sub(s.last)
	if !s.begun || pause > time.Second {
		marker = true
		if s.begun {
			s.ts += uint32((pause - media.FrameTime) / (time.Second / 8000))
		}
	}
	s.begun, s.last = true, now
	return marker
}

// transmit sends the n payload bytes that stand in s.buf behind the header.
func (s *sender) transmit(pt uint8, marker bool, seq uint16, ts uint32, n int) {
	s.buf[0], s.buf[1] = 0x80, pt
	if marker {
		s.buf[1] |= 0x80
	}
	binary.BigEndian.PutUint16(s.buf[2:], seq)
	binary.BigEndian.PutUint32(s.buf[4:], ts)
	binary.BigEndian.PutUint32(s.buf[8:], s.ssrc)
	if !s.rtp.Write(s.buf[:12+n], &s.to) {
		s.failed++
		return
	}
	s.packets++
	s.octets += uint64(n)
}

// RelayPacket implements media.PacketSink: the packet goes out with our SSRC
// and payload type. Sequence numbers and timestamps follow the source's steps,
// so its losses, pauses and disorder are the peer's to see.
func (l *Leg) RelayPacket(p *media.Packet) {
	s := &l.out
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p.Payload) > media.MaxPayload || s.closed {
		return
	}
	if !s.relaying {
		s.source.Reset()
	}
	step, anew := s.source.Step(p)
	marker := p.Marker
	if anew {
		now := s.clock()
		s.endRelay(now)
		marker = s.resume(now) || marker
		s.relaying, s.offset = true, s.ts-p.Timestamp
		s.nums.Spend()
	}
	ts := p.Timestamp + s.offset
	if end := ts + uint32(len(p.Payload)); !p.Event && int32(end-s.ts) > 0 {
		s.ts = end
	}
	if !s.ready() || s.keying || p.Event && s.event.Clock == 0 {
		s.nums.Spend()
		return // the numbers go on without it: no gap to see
	}
	seq := s.nums.Newest() + uint16(step)
	if !s.nums.Take(seq) {
		return // late: it came before the relay, or a digit lies between
	}
	pt := s.pt
	if p.Event {
		pt = s.event.Number
	}
	copy(s.buf[12:], p.Payload)
	s.transmit(pt, marker, seq, ts, len(p.Payload))
}

// endRelay makes the stream go on where the relay left it: relayed packets do
// not look at the clock, so the pause since the last one counts as none.
func (s *sender) endRelay(now time.Time) {
	if s.relaying {
		s.relaying, s.last = false, now.Add(-media.FrameTime)
	}
}

// close ends the digits and forbids sending.
func (s *sender) close() {
	s.keys.close()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
}
