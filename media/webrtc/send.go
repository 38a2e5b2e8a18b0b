package webrtc

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/dtmf"
	"github.com/openhotline/hotline/media/rtp"
)

// sender is the way to the browser: one stream of our own sequence numbers and
// timestamps, whether packets are made from frames or relayed.
type sender struct {
	leg     *Leg
	kind    codec.Kind
	encoder codec.Encoder
	narrow  *media.Resampler // from the leg's rate, when the codec's is lower
	packets atomic.Uint64
	ssrc    uint32
	muted   bool // the other side wants nothing from us; set before it is connected

	mu      sync.Mutex
	out     outlet
	octets  uint64
	audio   uint8 // payload types
	events  uint8 // 0 for none
	next    uint32
	nums    rtp.Numbers
	relays  bool       // the last packet was relayed
	source  rtp.Source // that is being relayed
	tsDiff  uint32     // ours minus the source's
	talked  bool       // the last tick sent audio: no marker needed
	digits  []digit
	press   uint32 // timestamp of the digit being sent
	samples []int16
	payload [media.MaxPayload]byte
	buf     [headerSize + media.MaxPayload + tagRoom]byte
	report  time.Time // when the next report is due
}

// outlet sends RTP packets; it may overwrite them and tagRoom bytes more.
type outlet interface {
	sendRTP(b []byte) bool
}

// headerSize is that of our RTP packets.
const headerSize = 12

// digit is one that is being sent, in ticks of 20 ms; key 0 is a pause.
type digit struct {
	key   byte
	ticks int
}

// A digit lasts 100 ms, is followed by 60 ms of nothing, and its end is sent
// three times (RFC 4733 §2.5.1.4).
const (
	pressTicks = 5
	endTicks   = 3
	gapTicks   = 3
	pauseTicks = 100
	maxDigits  = 64
)

// identify chooses what RFC 3550 §5.1 wants at random. Sequence numbers begin in
// the lower half, so that SRTP's other end is not wrong about the first ones'
// rollover (RFC 3711 §3.3.1).
func (s *sender) identify() {
	s.ssrc = max(rand.Uint32(), 1)
	s.nums.Begin(uint16(rand.Uint32()) >> 1)
	s.next = rand.Uint32()
}

func (s *sender) init(l *Leg, kind codec.Kind, rate media.Rate) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leg, s.kind, s.out = l, kind, l
	if s.encoder, err = codec.NewEncoder(kind); err != nil {
		return fmt.Errorf("%w: %w", ErrCodec, err)
	}
	if rate != kind.Rate() {
		s.narrow = media.NewResampler(rate, kind.Rate(), rate.Frame())
		s.samples = make([]int16, s.narrow.Len(rate.Frame()))
	}
	s.audio = l.choice.down.payloadType
	// Events we send use the audio's clock (RFC 4733 §2.1), which is not the
	// clock of what the browser sends when that is Opus.
	if d := l.choice.digits; d != nil && l.choice.up == nil {
		s.events = d.payloadType
	}
	return nil
}

// writeFrame sends a frame, or the digit whose turn it is.
func (s *sender) writeFrame(src []int16) {
	if !s.leg.isUp.Load() || s.muted {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.relays = false
	s.source.Reset()
	if s.narrow != nil {
		n := s.narrow.Process(s.samples, src)
		src = s.samples[:n]
	}
	if s.sendDigit() {
		return
	}
	n, err := s.encoder.Encode(s.payload[:], src)
	if err != nil || n == 0 {
		return
	}
	s.send(s.audio, s.nums.Next(), s.next, !s.talked, s.payload[:n])
	s.next += uint32(n)
	s.talked = true
}

// relay sends a packet of another leg in our own stream. A new source goes on
// where the stream was.
func (s *sender) relay(p *media.Packet) {
	if !s.leg.isUp.Load() || s.muted || len(p.Payload) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.digits) > 0 {
		return // what we send has precedence
	}
	step, anew := s.source.Step(p)
	if anew {
		s.tsDiff = s.next - p.Timestamp
		s.nums.Spend()
	}
	s.relays = true
	ts, pt := p.Timestamp+s.tsDiff, s.audio
	if p.Event {
		if pt = s.events; pt == 0 {
			s.nums.Spend()
			return // the numbers go on without it: no gap to see
		}
	}
	seq := s.nums.Newest() + uint16(step)
	if !s.nums.Take(seq) {
		return // late: it came before the relay, or a digit lies between
	}
	s.send(pt, seq, ts, p.Marker || anew, p.Payload)
	if end := ts + uint32(len(p.Payload)); !p.Event && int32(end-s.next) > 0 {
		s.next = end
	}
}

// send makes a packet and sends it. Called with mu held.
func (s *sender) send(pt uint8, seq uint16, ts uint32, marker bool, payload []byte) {
	if len(payload) > media.MaxPayload {
		return
	}
	b := s.buf[:headerSize+len(payload)]
	b[0], b[1] = 0x80, pt
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], s.ssrc)
	copy(b[headerSize:], payload)
	// What cannot be sent is lost; that the browser is gone is told by the
	// watch over silence.
	if s.out.sendRTP(b) {
		s.packets.Add(1)
		s.octets += uint64(len(payload))
	}
}

// SendDigits queues digits as RFC 4733 events.
func (l *Leg) SendDigits(keys string) error {
	s := &l.down
	var list []digit
	for _, key := range []byte(strings.ToUpper(keys)) {
		switch _, ok := dtmf.Code(key); {
		case key == ',':
			list = append(list, digit{ticks: pauseTicks})
		case ok:
			list = append(list, digit{key: key})
		default:
			return fmt.Errorf("%w: digit %q", ErrState, key)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.events == 0, s.muted:
		return fmt.Errorf("%w: the browser takes no digits", ErrState)
	case len(s.digits)+len(list) > maxDigits:
		return fmt.Errorf("%w: too many digits", ErrState)
	}
	s.digits = append(s.digits, list...)
	return nil
}

// tick sends the digit whose turn it is while packets are relayed, when no
// frames are written.
func (s *sender) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.relays && s.sendDigit() {
		s.source.Reset() // what is relayed next starts behind the digit
	}
}

// sendDigit sends one tick of the first queued digit. Called with mu held; it
// tells whether there was one.
func (s *sender) sendDigit() bool {
	if len(s.digits) == 0 {
		return false
	}
	d := &s.digits[0]
	tick := uint32(media.Rate8k.Samples(media.FrameTime))
	s.talked = false
	switch {
	case d.key == 0:
		d.ticks--
	case d.ticks < pressTicks+endTicks:
		if d.ticks == 0 {
			s.press = s.next
		}
		code, _ := dtmf.Code(d.key)
		pressed := min(d.ticks+1, pressTicks)
		e := dtmf.Event{Code: code, End: d.ticks >= pressTicks, Volume: 10, Duration: uint16(uint32(pressed) * tick)}
		s.send(s.events, s.nums.Next(), s.press, d.ticks == 0, e.Append(s.payload[:0]))
		fallthrough
	default:
		if d.ticks++; d.ticks == pressTicks+endTicks+gapTicks {
			d.key, d.ticks = 0, 0
		}
	}
	s.next += tick
	if d.key == 0 && d.ticks <= 0 {
		s.digits = s.digits[1:]
	}
	return true
}

// kind finds our codec for the way down.
func (c choice) kind() (codec.Kind, error) {
	k, ok := codec.Parse(c.down.name)
	if !ok {
		return codec.None, fmt.Errorf("%w: %s", ErrCodec, c.down.name)
	}
	return k, nil
}
