// Package rtp is the SIP side's audio leg: a UDP port pair, RTP and RTCP
// (RFC 3550), an adaptive jitter buffer, latching, digits and statistics.
package rtp

import (
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// Errors of the package.
var (
	ErrNoPort = errors.New("rtp: no free port in the range")
	ErrParams = errors.New("rtp: parameters do not fit together")
	ErrClosed = errors.New("rtp: leg is closed")
	ErrDigit  = errors.New("rtp: not a digit")
)

// PoolConfig sets up a PortPool.
type PoolConfig struct {
	// IP is the local address of all sockets. Defaults to 0.0.0.0.
	IP netip.Addr
	// First and Last bound the even RTP ports; RTCP is the odd port above. Both
	// 0: the kernel chooses.
	First, Last uint16
	// Quarantine is how long a returned port is not given out. Defaults to 5s.
	Quarantine time.Duration
	// Readers is the number of receiving goroutines. Defaults to GOMAXPROCS.
	Readers int
	Log     *slog.Logger
}

// PortPool gives out port pairs and runs the receiving goroutines.
type PortPool struct{}

// NewPortPool checks the range.
func NewPortPool(cfg PoolConfig) (*PortPool, error) { return nil, nil }

// Free returns how many pairs are free now, and how many there are. Both are
// -1 when the kernel chooses.
func (p *PortPool) Free() (free, total int) { return 0, 0 }

// Close ends the receiving goroutines and waits for them. Close legs first.
func (p *PortPool) Close() {}

// LegConfig sets up a Leg.
type LegConfig struct {
	ID   string
	Pool *PortPool
	// RTPTimeout is how long neither RTP nor RTCP may come before OnSilence is
	// called. Defaults to 30s.
	RTPTimeout time.Duration
	// InbandDigits listens for DTMF tones in the audio; packets are decoded then
	// instead of relayed.
	InbandDigits bool
	Log          *slog.Logger
}

// Leg is one party's media. It implements media.Relayer.
type Leg struct{}

// PayloadType maps a number to an audio codec.
type PayloadType struct {
	Number uint8
	Codec  codec.Kind
}

// EventType maps a number to telephone-event at a clock rate.
type EventType struct {
	Number uint8
	Clock  uint32
}

// Params is what an offer and its answer agreed on; media/sdp makes it.
type Params struct {
	// Remote is where to send RTP, RemoteRTCP where to send RTCP. Port 0 or an
	// unspecified address sends nothing until the source is learnt.
	Remote, RemoteRTCP netip.AddrPort
	// Mux carries RTCP on the RTP port (RFC 5761).
	Mux bool
	// Send is the codec we send; Accept lists all that may arrive.
	Send   PayloadType
	Accept []PayloadType
	// Events are the telephone-event types that may arrive; SendEvent is the
	// one we send, Clock 0 when there is none (digits are then sent as tones).
	Events    []EventType
	SendEvent EventType
	// PTime is the packet time the peer wants. Defaults to 20ms.
	PTime time.Duration
	// Sending and Receiving are the direction as we see it: hold is a leg that
	// does not receive, and never runs into the RTP timeout.
	Sending, Receiving bool
}

// OpenLeg takes a port pair and starts to receive.
func OpenLeg(cfg LegConfig) (*Leg, error) { return nil, nil }

// LocalAddr is the local RTP address.
func (l *Leg) LocalAddr() netip.AddrPort { return netip.AddrPort{} }

// LocalPort is the local RTP port; RTCP is one above.
func (l *Leg) LocalPort() uint16 { return 0 }

// Configure applies what was negotiated; it may be called again at any time.
// A new remote address unlocks the learnt source.
func (l *Leg) Configure(p Params) error { return nil }

// OnDigit sets who is told of a received digit (0-9 * # A-D). The function is
// called in order from a goroutine of the leg and may call into the room.
func (l *Leg) OnDigit(f func(digit byte, d time.Duration)) {}

// OnSilence sets who is told that neither RTP nor RTCP came for RTPTimeout.
func (l *Leg) OnSilence(f func(d time.Duration)) {}

// SendDigits queues digits (0-9 * # A-D, comma for a pause of 2 s).
func (l *Leg) SendDigits(digits string) error { return nil }

// Stats returns the counters so far.
func (l *Leg) Stats() Stats { return Stats{} }

// Close returns the port pair and waits for the leg's goroutines.
func (l *Leg) Close() error { return nil }

// Stats are the figures of a leg.
type Stats struct {
	Codec            string        `json:"codec"`
	Remote           string        `json:"remote"`
	PacketsSent      uint64        `json:"packets_sent"`
	PacketsReceived  uint64        `json:"packets_received"`
	PacketsLost      int64         `json:"packets_lost"`
	PacketsLate      uint64        `json:"packets_late"`      // came after their turn
	PacketsDuplicate uint64        `json:"packets_duplicate"` // same sequence number again
	PacketsRejected  uint64        `json:"packets_rejected"`  // wrong source, malformed
	FramesConcealed  uint64        `json:"frames_concealed"`
	Jitter           time.Duration `json:"jitter_ns"` // RFC 3550 §6.4.1
	JitterBuffer     time.Duration `json:"jitter_buffer_ns"`
	RoundTrip        time.Duration `json:"round_trip_ns"` // 0 until a report came
	RemoteLost       float64       `json:"remote_lost"`   // share the peer says it lost
	RemoteJitter     time.Duration `json:"remote_jitter_ns"`
	MOS              float64       `json:"mos"` // 1..4.5, E-model
	LastRTP          time.Time     `json:"last_rtp"`
	LastRTCP         time.Time     `json:"last_rtcp"`
}

// The methods of media.Relayer.

func (l *Leg) ID() string                    { return "" }
func (l *Leg) Rate() media.Rate              { return media.Rate8k }
func (l *Leg) ReadFrame(dst []int16) bool    { return false }
func (l *Leg) WriteFrame(src []int16)        {}
func (l *Leg) RelayPacket(p *media.Packet)   {}
func (l *Leg) Format() media.Format          { return media.FormatNone }
func (l *Leg) RelayTo(sink media.PacketSink) {}
func (l *Leg) ReadPayload(dst []byte) int    { return 0 }
func (l *Leg) Buffered() time.Duration       { return 0 }

var _ media.Relayer = (*Leg)(nil)
