// Package media moves 16-bit mono PCM between the legs of a call: a clock that
// ticks every 20 ms, rooms with a gain matrix, and the sources that play into
// them (player, tone, silence, echo).
//
// It knows frames and sample rates. It does not know SIP, calls or agents, and
// the root imports the standard library only: sockets live in media/rtp and
// media/webrtc, codecs in media/codec, files in media/wav.
package media

import (
	"errors"
	"time"
)

// Rate is a sample rate in hertz.
type Rate uint32

// The rates of the codecs we speak.
const (
	Rate8k  Rate = 8_000  // G.711; also the RTP clock of G.722 (RFC 3551 §4.5.2)
	Rate16k Rate = 16_000 // G.722 audio, wideband rooms
	Rate48k Rate = 48_000 // Opus RTP clock (RFC 7587 §4.1)
)

// FrameTime is the length of every frame.
const FrameTime = 20 * time.Millisecond

// MaxFrame is the number of samples in a frame at the highest rate, 48 kHz.
const MaxFrame = 960

// MaxPayload bounds the payload of one audio packet in bytes: 120 ms of G.711.
const MaxPayload = 960

// Samples returns how many samples d lasts, rounded down.
func (r Rate) Samples(d time.Duration) int { return int(int64(r) * int64(d) / int64(time.Second)) }

// Frame returns the samples of one frame.
func (r Rate) Frame() int { return int(r) / 50 }

// Duration returns how long n samples last.
func (r Rate) Duration(n int) time.Duration {
	if r == 0 {
		return 0
	}
	return time.Duration(int64(n) * int64(time.Second) / int64(r))
}

// Gain is a factor on samples: 0 is silent, 1 is unity, between is allowed.
type Gain float32

// Gains that a call uses.
const (
	Silent Gain = 0
	Unity  Gain = 1
)

// Party takes part in a room. The room's shard calls ReadFrame and WriteFrame
// once per tick; neither may block, allocate, or call into the room.
type Party interface {
	// ID names the party within its room.
	ID() string
	// Rate is the rate of the frames the party reads and writes. It may change
	// between two ticks, when a codec is renegotiated.
	Rate() Rate
	// ReadFrame fills dst (Rate().Frame() samples) with what the party says.
	// speaking false means silence: dst is then not looked at.
	ReadFrame(dst []int16) (speaking bool)
	// WriteFrame gives the party what it hears, Rate().Frame() samples. The
	// slice is valid during the call only.
	WriteFrame(src []int16)
}

// Format says what a Relayer's packets carry.
type Format uint8

// The formats. Packets pass only between two relayers of the same format.
const (
	FormatNone Format = iota // nothing to relay now: not configured yet, or audio must be decoded
	FormatPCMU
	FormatPCMA
	FormatG722
	FormatOpus
)

// Packet is one audio packet on its way from leg to leg. Payload is valid
// during the call only.
type Packet struct {
	SSRC      uint32 // of the sender; a change restarts the rewriting
	Timestamp uint32 // in the sender's RTP clock
	Seq       uint16
	Marker    bool
	Event     bool // Payload is a telephone-event (RFC 4733 §2.3), not audio
	Payload   []byte
}

// PacketSink takes packets as they arrive and sends them with its own SSRC,
// payload type, sequence numbers and timestamps: gaps and order of the source
// stay visible. It is called from the receiving goroutine, must not block for
// long and must not call back into the sender.
type PacketSink interface {
	RelayPacket(p *Packet)
}

// Relayer is a Party whose packets can pass to another leg without decoding.
type Relayer interface {
	Party
	PacketSink
	// Format is what this leg sends and receives now.
	Format() Format
	// RelayTo hands every packet received from now on to sink as it arrives.
	// What is buffered and was not played yet passes at once, so nothing is
	// skipped; it stays buffered for ReadPayload. nil ends the relay.
	RelayTo(sink PacketSink)
	// ReadPayload is called once per tick instead of ReadFrame while packets
	// are relayed: it advances the jitter buffer, which stays warm, and copies
	// 20 ms of payload to dst. It returns 0 for a gap. After RelayTo(nil) it
	// returns what was relayed and not read yet, then -1; ReadFrame goes on
	// behind it, so no audio is heard twice.
	ReadPayload(dst []byte) int
	// Buffered reports how much unplayed audio waits in the jitter buffer.
	Buffered() time.Duration
}

// Side is one of the two channels of a recording.
type Side uint8

// The caller is on the left, the agent on the right.
const (
	Left Side = iota
	Right
)

// Recorder is what a room needs from a recording; *wav.Recorder is one. All
// methods are called by the room's shard and must not block or allocate.
type Recorder interface {
	// Payload appends G.711 bytes of format FormatPCMU or FormatPCMA.
	Payload(side Side, f Format, b []byte)
	// PCM appends 8 kHz samples.
	PCM(side Side, samples []int16)
	// Tick closes one frame: a side that got nothing is silent for 20 ms.
	Tick()
}

// Errors of rooms.
var (
	ErrClosed       = errors.New("media: room is closed")
	ErrDuplicate    = errors.New("media: a party with this id is in the room already")
	ErrUnknownParty = errors.New("media: no party with this id in the room")
	ErrGain         = errors.New("media: gain is outside 0..1")
	ErrFull         = errors.New("media: room is full")
)
