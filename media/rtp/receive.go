package rtp

import (
	"net/netip"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/dtmf"
)

// comfortNoise is the static payload type of RFC 3389: the peer is silent and
// says so.
const comfortNoise = 13

// receive handles one datagram of the RTP port, in the reader's goroutine.
func (l *Leg) receive(b []byte, from netip.AddrPort, now time.Time) {
	if len(b) >= 2 && b[1] >= 192 && b[1] <= 223 { // RFC 5761 §4
		l.receiveRTCP(b, from, now)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	payload, ok := l.parse(b)
	if !ok {
		l.rejected++
		return
	}
	h := &l.header
	use := l.types[h.PayloadType]
	if use == (payloadUse{}) && h.PayloadType != comfortNoise {
		l.rejected++
		return
	}
	admitted, changed := l.latch.admit(from, h.SSRC, h.SequenceNumber, now)
	if changed {
		l.aim()
	}
	if !admitted {
		l.rejected++
		return
	}
	l.lastRTP = now
	switch fresh, restarted := l.recv.Packet(h.SSRC, h.SequenceNumber, now); {
	case !fresh:
		return
	case restarted:
		l.buffer.Reset()
		l.draining, l.relayed = false, h.Timestamp
		if l.conceal != nil {
			l.conceal.Reset()
		}
	}
	switch {
	case !l.params.Receiving:
	case use.event != 0:
		l.receiveEvent(use.event, payload, now)
	case use.kind != codec.None:
		l.recv.Arrived(h.Timestamp, now)
		l.receiveAudio(use.kind, payload, now)
	}
}

// parse reads the header into l.header and returns the payload without its
// padding. Nothing is allocated: CSRCs and extensions reuse the header's room.
func (l *Leg) parse(b []byte) ([]byte, bool) {
	n, err := l.header.Unmarshal(b)
	if err != nil || l.header.Version != 2 || n > len(b) {
		return nil, false
	}
	payload := b[n:]
	if l.header.Padding {
		if len(payload) == 0 {
			return nil, false
		}
		pad := int(payload[len(payload)-1])
		if pad == 0 || pad > len(payload) {
			return nil, false
		}
		payload = payload[:len(payload)-pad]
	}
	return payload, true
}

func (l *Leg) receiveAudio(kind codec.Kind, payload []byte, now time.Time) {
	if kind != l.codec {
		l.setCodec(kind)
		l.setConvert()
		l.setFormat()
	}
	if len(payload) == 0 || len(payload) > media.MaxPayload {
		return
	}
	ts := l.header.Timestamp
	if l.sink != nil && l.format.Load() != uint32(media.FormatNone) {
		l.packet.SSRC, l.packet.Timestamp, l.packet.Seq = l.header.SSRC, ts, l.header.SequenceNumber
		l.packet.Marker, l.packet.Event, l.packet.Payload = l.header.Marker, false, payload
		l.sink.RelayPacket(&l.packet)
		if end := ts + uint32(len(payload)); int32(end-l.relayed) > 0 {
			l.relayed = end
		}
	}
	l.buffer.Put(ts, payload, now)
}

func (l *Leg) receiveEvent(clock uint32, payload []byte, now time.Time) {
	e, err := dtmf.ParseEvent(payload)
	if err != nil {
		return
	}
	if p, ok := l.events.Packet(l.header.Timestamp, clock, e, now); ok {
		l.notify.digit(p)
	}
	if l.sink != nil {
		l.packet.SSRC, l.packet.Timestamp, l.packet.Seq = l.header.SSRC, l.header.Timestamp, l.header.SequenceNumber
		l.packet.Marker, l.packet.Event, l.packet.Payload = l.header.Marker, true, payload
		l.sink.RelayPacket(&l.packet)
	}
}

// ReadFrame implements media.Party: 20 ms from the jitter buffer, decoded,
// concealed when lost.
func (l *Leg) ReadFrame(dst []int16) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.decoder == nil {
		return false
	}
	if l.draining {
		l.buffer.jumpTo(l.relayed)
		l.draining = false
	}
	// Ask for the frame of the codec that arrives; 160 bytes for all of ours.
	payload := l.payload[:frameBytes]
	frame := dst
	if l.convert != nil {
		frame = l.frame[:l.codec.Rate().Frame()]
	}
	speaking := false
	switch l.buffer.Read(payload) {
	case Played:
		n, err := l.decoder.Decode(frame, payload)
		if err != nil || n != len(frame) {
			return false
		}
		l.conceal.Good(frame)
		speaking = true
	case Lost:
		speaking = l.conceal.Conceal(frame)
	case Idle:
	}
	if l.inband != nil {
		if !speaking {
			clear(frame)
		}
		if p, ok := l.inband.Feed(frame); ok {
			l.notify.digit(p)
		}
	}
	if speaking && l.convert != nil {
		l.convert.Process(dst, frame)
	}
	return speaking
}

// frameBytes is 20 ms of PCMU, PCMA or G.722.
const frameBytes = 160

// RelayTo implements media.Relayer.
func (l *Leg) RelayTo(sink media.PacketSink) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sink == nil {
		l.draining = l.sink != nil && l.buffer.filled
		l.sink = nil
		return
	}
	l.sink = sink
	if l.draining {
		l.buffer.jumpTo(l.relayed)
		l.draining = false
	}
	l.relayed = l.buffer.high
	l.flush()
}

// flush hands the sink what is buffered, as packets of one frame that end where
// the last received packet ended.
func (l *Leg) flush() {
	frames := l.buffer.depth() / frameBytes
	for i := range frames {
		ts := l.buffer.high - uint32(frames-i)*frameBytes
		payload := l.payload[:frameBytes]
		if !l.buffer.peek(ts, payload) {
			continue
		}
		l.packet.SSRC, l.packet.Timestamp = l.recv.ssrc, ts
		l.packet.Seq = l.recv.maxSeq - uint16(frames-1-i)
		l.packet.Marker, l.packet.Event, l.packet.Payload = false, false, payload
		l.sink.RelayPacket(&l.packet)
	}
}

// ReadPayload implements media.Relayer.
func (l *Leg) ReadPayload(dst []byte) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sink == nil {
		if !l.draining {
			return -1
		}
		if int32(l.relayed-l.buffer.read) < frameBytes {
			l.buffer.jumpTo(l.relayed)
			l.draining = false
			return -1
		}
		if !l.buffer.take(dst[:frameBytes]) {
			return 0
		}
		return frameBytes
	}
	if l.buffer.Read(dst[:frameBytes]) != Played {
		return 0
	}
	return frameBytes
}

// Buffered implements media.Relayer.
func (l *Leg) Buffered() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining {
		return 0
	}
	return l.buffer.Buffered()
}

// quiet reports whether a frame of payload is quiet: below about −50 dBFS.
func (l *Leg) quiet(payload []byte) bool {
	const limit = 100
	switch l.codec {
	case codec.PCMU:
		codec.DecodePCMU(l.frame[:len(payload)], payload)
	case codec.PCMA:
		codec.DecodePCMA(l.frame[:len(payload)], payload)
	default:
		return false
	}
	for _, s := range l.frame[:len(payload)] {
		if s > limit || s < -limit {
			return false
		}
	}
	return true
}

// tend runs ten times a second: reports, digits whose end was lost, silence.
func (l *Leg) tend(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, ok := l.events.Expire(now); ok {
		l.notify.digit(p)
	}
	l.out.tie(l.latch.sure(now))
	if l.out.reportDue(now) {
		l.sendReport(now)
	}
	last := l.since
	if l.lastRTP.After(last) {
		last = l.lastRTP
	}
	if l.lastRTCP.After(last) {
		last = l.lastRTCP
	}
	quiet := now.Sub(last)
	switch {
	case quiet < l.cfg.RTPTimeout:
		l.silent = false
	case l.params.Receiving && !l.silent:
		l.silent = true
		l.notify.silence(quiet)
	}
}
