package webrtc

import (
	"fmt"
	"sync"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/dtmf"
	"github.com/openhotline/hotline/media/rtp"
)

// opusCarry is room for the longest packet, 120 ms, behind a frame.
const opusCarry = int(media.Rate16k) * (120 + 20) / 1000

// recent is how many packets are kept for the start of a relay.
const recent = 16

// receiver is the way from the browser. Packets come in datagram, frames
// leave in the room's tick.
type receiver struct {
	leg     *Leg
	kind    codec.Kind
	rate    media.Rate
	decoder codec.Decoder    // used by the tick alone
	conceal *codec.Concealer // likewise
	payload [opusPacket]byte
	carry   []int16 // Opus: decoded and not played yet, carried samples of it
	carried int

	mu     sync.Mutex
	bytes  *rtp.Buffer // PCMU, PCMA, G722
	opus   opusBuffer
	digits dtmf.Receiver
	count  rtp.Reception
	said   rtp.Feedback // by the browser about what we send
	saidAt time.Time
	hidden uint64 // frames that were concealed
	sink   media.PacketSink
	out    media.Packet // the one being handed to sink
	unread int          // frames that were relayed and not read when the relay ended; -1: none
	last   [recent]kept
	at     int    // where the next packet goes in last
	high   uint32 // timestamp behind the newest byte
	fresh  bool   // there is none yet
}

// kept is a packet that was received lately.
type kept struct {
	packet
	n     int
	bytes [240]byte
}

func (r *receiver) init(l *Leg, kind codec.Kind, rate media.Rate) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leg, r.kind, r.rate, r.unread, r.fresh = l, kind, rate, -1, true
	if r.decoder, err = codec.NewDecoder(kind); err != nil {
		return fmt.Errorf("%w: %w", ErrCodec, err)
	}
	r.conceal = codec.NewConcealer(rate)
	if kind == codec.Opus {
		r.carry = make([]int16, opusCarry)
	} else {
		r.bytes = rtp.NewBuffer(rtp.BufferConfig{})
	}
	r.count.SetClock(kind.Clock())
	return nil
}

// packet takes one packet; what it carries is told by its payload type alone.
func (r *receiver) packet(p packet, now time.Time) {
	c := &r.leg.choice
	audio := c.down.payloadType
	if c.up != nil {
		audio = c.up.payloadType
	}
	switch {
	case p.payloadType == audio:
		r.audio(p, now)
	case c.digits != nil && p.payloadType == c.digits.payloadType:
		r.event(p, now)
	}
}

func (r *receiver) audio(p packet, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh, restarted := r.count.Packet(p.ssrc, p.seq, now)
	if !fresh {
		return
	}
	r.count.Arrived(p.timestamp, now)
	if restarted {
		r.restart()
	}
	if r.kind == codec.Opus {
		r.opus.put(p.timestamp, p.payload)
		return
	}
	r.bytes.Put(p.timestamp, p.payload, now)
	r.keep(p)
	r.forward(p, false)
}

// restart forgets what is buffered of a stream that another one has replaced.
func (r *receiver) restart() {
	if r.kind == codec.Opus {
		r.opus.reset()
		return
	}
	r.bytes.Reset()
	r.last, r.fresh = [recent]kept{}, true
}

// rtcp takes a compound packet of the browser's about ssrc, the stream we send.
func (r *receiver) rtcp(b []byte, ssrc uint32, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.said.Take(b, ssrc, &r.count, now) {
		r.saidAt = now
	}
}

// forward hands a packet to the relay, if there is one. Called with mu held,
// so that nothing overtakes what the start of the relay passes on.
func (r *receiver) forward(p packet, event bool) {
	if r.sink == nil {
		return
	}
	r.out = media.Packet{
		SSRC: p.ssrc, Timestamp: p.timestamp, Seq: p.seq, Marker: p.marker, Event: event, Payload: p.payload,
	}
	r.sink.RelayPacket(&r.out)
}

// keep remembers the packet for the start of a relay.
func (r *receiver) keep(p packet) {
	if end := p.timestamp + uint32(len(p.payload)); r.fresh || int32(end-r.high) > 0 {
		r.high, r.fresh = end, false
	}
	k := &r.last[r.at]
	r.at = (r.at + 1) % recent
	k.packet = p
	k.n = 0
	if len(p.payload) <= len(k.bytes) {
		k.n = copy(k.bytes[:], p.payload)
	}
}

func (r *receiver) event(p packet, now time.Time) {
	e, err := dtmf.ParseEvent(p.payload)
	if err != nil {
		return
	}
	r.mu.Lock()
	if fresh, _ := r.count.Packet(p.ssrc, p.seq, now); !fresh {
		r.mu.Unlock()
		return
	}
	press, ok := r.digits.Packet(p.timestamp, r.leg.choice.digits.clock, e, now)
	r.forward(p, true)
	r.mu.Unlock()
	if ok {
		r.tell(press)
	}
}

// expire reports a digit whose end was lost.
func (r *receiver) expire(now time.Time) {
	r.mu.Lock()
	press, ok := r.digits.Expire(now)
	r.mu.Unlock()
	if ok {
		r.tell(press)
	}
}

func (r *receiver) tell(p dtmf.Press) {
	if r.leg.cfg.OnDigit != nil {
		r.leg.cfg.OnDigit(p.Digit, p.Duration)
	}
}

// readFrame gives the next frame, concealing what is missing.
func (r *receiver) readFrame(dst []int16) bool {
	if len(dst) != r.rate.Frame() {
		return false // the rate has changed since the room looked
	}
	if r.kind == codec.Opus {
		return r.readOpus(dst)
	}
	payload := r.payload[:media.Rate8k.Frame()]
	r.mu.Lock()
	for ; r.unread > 0; r.unread-- {
		r.bytes.Read(payload) // was relayed: nothing is heard twice
	}
	r.unread = -1
	state := r.bytes.Read(payload)
	if state == rtp.Lost {
		r.hidden++
	}
	r.mu.Unlock()
	switch state {
	case rtp.Played:
		if n, err := r.decoder.Decode(dst, payload); err != nil || n != len(dst) {
			return false
		}
		r.conceal.Good(dst)
		return true
	case rtp.Lost:
		return r.conceal.Conceal(dst)
	}
	return false
}

// readOpus gives the next frame of packets that may last longer than a frame.
func (r *receiver) readOpus(dst []int16) bool {
	for r.carried < len(dst) {
		r.mu.Lock()
		n, ticks, state := r.opus.read(r.payload[:])
		if state == rtp.Lost {
			r.hidden++
		}
		r.mu.Unlock()
		room := r.carry[r.carried:]
		switch state {
		case rtp.Idle:
			speaking := r.carried > 0
			clear(r.carry[r.carried:])
			copy(dst, r.carry)
			r.carried = 0
			return speaking
		case rtp.Played:
			if got, err := r.decoder.Decode(room, r.payload[:n]); err == nil && got > 0 {
				r.conceal.Good(room[:got])
				r.carried += got
				continue
			}
		}
		// Lost, or not to be decoded: as long as the packet would have been.
		invented := room[:min(int(ticks)/3, len(room))]
		if !r.conceal.Conceal(invented) && r.carried == 0 {
			return false
		}
		r.carried += len(invented)
	}
	copy(dst, r.carry)
	r.carried -= len(dst)
	copy(r.carry, r.carry[len(dst):len(dst)+r.carried])
	return true
}

// relayTo begins or ends a relay. What is in the buffer passes at once.
func (r *receiver) relayTo(sink media.PacketSink) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kind == codec.Opus {
		return
	}
	was := r.sink
	r.sink, r.unread = sink, -1
	if sink == nil {
		if was != nil {
			r.unread = int(r.bytes.Buffered() / media.FrameTime)
		}
		return
	}
	played := r.high - uint32(r.bytes.Buffered()*8000/time.Second)
	for i := range recent {
		k := &r.last[(r.at+i)%recent]
		if k.n == 0 || int32(k.timestamp-played) < 0 {
			continue
		}
		p := k.packet
		p.payload = k.bytes[:k.n]
		r.forward(p, false)
	}
}

// readPayload gives the recorder its bytes while packets are relayed.
func (r *receiver) readPayload(dst []byte) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kind == codec.Opus {
		return -1
	}
	n := min(media.Rate8k.Frame(), len(dst))
	if r.sink == nil {
		if r.unread <= 0 {
			r.unread = -1
			return -1
		}
		r.unread--
	}
	if r.bytes.Read(dst[:n]) != rtp.Played {
		return 0
	}
	return n
}

func (r *receiver) buffered() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kind == codec.Opus {
		return r.opus.buffered()
	}
	return max(0, r.bytes.Buffered()-time.Duration(max(r.unread, 0))*media.FrameTime)
}
