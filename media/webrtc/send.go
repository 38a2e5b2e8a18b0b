package webrtc

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/dtmf"
)

// sender is the way to the browser: a track of pion's, and one stream of our
// own sequence numbers and timestamps, whether packets are made from frames or
// relayed.
type sender struct {
	leg     *Leg
	kind    codec.Kind
	encoder codec.Encoder
	narrow  *media.Resampler // from the leg's rate, when the codec's is lower
	packets atomic.Uint64

	mu      sync.Mutex
	out     pion.TrackLocalWriter // nil until bound
	header  rtp.Header
	events  uint8 // payload type of telephone-event, 0 for none
	next    uint32
	seq     uint16 // of the last packet
	source  uint32 // SSRC of the stream that is being relayed
	relays  bool
	seqDiff uint16 // ours minus the source's
	tsDiff  uint32
	talked  bool // the last tick sent audio: no marker needed
	digits  []digit
	press   uint32 // timestamp of the digit being sent
	samples []int16
	payload [media.MaxPayload]byte
}

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

func (s *sender) init(l *Leg, kind codec.Kind, rate media.Rate) (err error) {
	s.leg, s.kind = l, kind
	if s.encoder, err = codec.NewEncoder(kind); err != nil {
		return fmt.Errorf("%w: %w", ErrCodec, err)
	}
	if rate != kind.Rate() {
		s.narrow = media.NewResampler(rate, kind.Rate(), rate.Frame())
		s.samples = make([]int16, s.narrow.Len(rate.Frame()))
	}
	s.header = rtp.Header{Version: 2}
	s.seq, s.next = uint16(rand.Uint32()), rand.Uint32()
	return nil
}

// Bind implements pion's TrackLocal.
func (s *sender) Bind(t pion.TrackLocalContext) (pion.RTPCodecParameters, error) {
	mime := "audio/" + s.kind.String()
	for _, p := range t.CodecParameters() {
		if !strings.EqualFold(p.MimeType, mime) {
			continue
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.out = t.WriteStream()
		s.header.SSRC, s.header.PayloadType = uint32(t.SSRC()), uint8(p.PayloadType)
		// Events we send use the audio's clock (RFC 4733 §2.1), which is not the
		// clock of what the browser sends when that is Opus.
		if d := s.leg.choice.digits; d != nil && s.leg.choice.up == nil {
			s.events = d.payloadType
		}
		return p, nil
	}
	return pion.RTPCodecParameters{}, ErrCodec
}

// Unbind implements pion's TrackLocal.
func (s *sender) Unbind(pion.TrackLocalContext) error {
	s.stop()
	return nil
}

// ID implements pion's TrackLocal.
func (s *sender) ID() string { return "audio" }

// RID implements pion's TrackLocal.
func (s *sender) RID() string { return "" }

// StreamID implements pion's TrackLocal.
func (s *sender) StreamID() string { return "hotline" }

// Kind implements pion's TrackLocal.
func (s *sender) Kind() pion.RTPCodecType { return pion.RTPCodecTypeAudio }

// ssrc is our SSRC, 0 before the negotiation.
func (s *sender) ssrc() uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.header.SSRC
}

func (s *sender) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = nil
}

// writeFrame sends a frame, or the digit whose turn it is.
func (s *sender) writeFrame(src []int16) {
	if !s.leg.isUp.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.relays = false
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
	s.seq++
	s.send(s.header.PayloadType, s.seq, s.next, !s.talked, s.payload[:n])
	s.next += uint32(n)
	s.talked = true
}

// relay sends a packet of another leg in our own stream. A new source goes on
// where the stream was.
func (s *sender) relay(p *media.Packet) {
	if !s.leg.isUp.Load() || len(p.Payload) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.digits) > 0 {
		return // what we send has precedence
	}
	marker := p.Marker
	if !s.relays || s.source != p.SSRC {
		s.relays, s.source, marker = true, p.SSRC, true
		s.seqDiff, s.tsDiff = s.seq+1-p.Seq, s.next-p.Timestamp
	}
	seq, ts, pt := p.Seq+s.seqDiff, p.Timestamp+s.tsDiff, s.header.PayloadType
	if p.Event {
		if pt = s.events; pt == 0 {
			return
		}
	}
	s.send(pt, seq, ts, marker, p.Payload)
	if int16(seq-s.seq) > 0 {
		s.seq = seq
	}
	if end := ts + uint32(len(p.Payload)); !p.Event && int32(end-s.next) > 0 {
		s.next = end
	}
}

// send hands a packet to pion. Called with mu held.
func (s *sender) send(pt uint8, seq uint16, ts uint32, marker bool, payload []byte) {
	if s.out == nil {
		return
	}
	h := s.header
	s.header.PayloadType, s.header.SequenceNumber, s.header.Timestamp, s.header.Marker = pt, seq, ts, marker
	// An error means that the connection is not there any more, which the
	// watch over silence tells.
	if n, err := s.out.WriteRTP(&s.header, payload); err == nil && n > 0 {
		s.packets.Add(1)
	}
	s.header.PayloadType = h.PayloadType
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
	case s.events == 0:
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
		s.source++ // what is relayed next starts behind the digit
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
		s.seq++
		s.send(s.events, s.seq, s.press, d.ticks == 0, e.Append(s.payload[:0]))
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
