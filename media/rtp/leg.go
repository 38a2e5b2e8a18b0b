// Package rtp is the SIP side's audio leg: a UDP port pair, RTP and RTCP
// (RFC 3550), an adaptive jitter buffer, latching, digits and statistics.
//
// A few goroutines of the port pool receive for all legs; a leg has none of its
// own unless it sends digits. Locks are taken in this order: the room's, the
// reader's, a leg's mu, another leg's out.mu.
package rtp

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	pion "github.com/pion/rtp"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/dtmf"
	"github.com/openhotline/hotline/media/udp"
)

// Errors of the package.
var (
	ErrNoPort = errors.New("rtp: no free port in the range")
	ErrParams = errors.New("rtp: parameters do not fit together")
	ErrClosed = errors.New("rtp: closed")
	ErrDigit  = errors.New("rtp: not a digit")
	ErrBusy   = errors.New("rtp: too many digits are waiting to be sent")
)

// burst is how many packets of a leg are taken at once where one goroutine reads
// many sockets: what has gathered behind a stall is caught up, a flood at one
// port does not starve the others. Elsewhere package udp leaves it aside.
const burst = 4

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
	// Jitter bounds the jitter buffer's delay.
	Jitter BufferConfig
	// LatchPackets is how many packets in a row must come from an address that
	// was not signalled before it is believed. Defaults to 5.
	LatchPackets int
	// Log defaults to slog.Default().
	Log *slog.Logger
}

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
	// Remote is where to send RTP, RemoteRTCP where to send RTCP (defaults to
	// the port above). Port 0 or an unspecified address sends nothing until the
	// source is learnt.
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
	// PTime is the packet time the peer wants: 20, 40 or 60 ms. Defaults to 20ms;
	// other values are sent as the nearest.
	PTime time.Duration
	// Sending and Receiving are the direction as we see it: a leg that does not
	// receive is on hold, and never runs into the RTP timeout.
	Sending, Receiving bool
}

// Leg is one party's media. It implements media.Relayer.
type Leg struct {
	id   string
	cfg  LegConfig
	rtp  *udp.Socket
	rtcp *udp.Socket
	in   *udp.Member
	port uint16
	log  *slog.Logger

	rate   atomic.Uint32 // media.Rate
	format atomic.Uint32 // media.Format; FormatNone while packets cannot be relayed
	closed atomic.Bool

	mu      sync.Mutex // receiving: everything down to out
	params  Params
	types   [128]payloadUse
	header  pion.Header
	latch   latch
	recv    Reception
	peer    Feedback
	buffer  *Buffer
	codec   codec.Kind // of what arrives
	decoder codec.Decoder
	conceal *codec.Concealer
	inband  *dtmf.Detector
	convert *media.Resampler // arriving rate to the leg's
	frame   [media.MaxFrame]int16
	payload [media.MaxPayload]byte
	events  dtmf.Receiver

	sink     media.PacketSink // relay
	packet   media.Packet
	relayed  uint32 // timestamp behind the last byte handed to sink
	draining bool   // the relay has ended and its rest was not read yet

	rejected          uint64
	lastRTP, lastRTCP time.Time
	since             time.Time // start of the present wait for packets
	silent            bool      // OnSilence was called for it

	out sender

	notify notifier
}

// payloadUse says what a payload type number means.
type payloadUse struct {
	kind  codec.Kind
	event uint32 // clock rate of a telephone-event
}

// OpenLeg takes a port pair and starts to receive. Until Configure nothing is
// sent and what arrives is not played.
func OpenLeg(cfg LegConfig) (*Leg, error) {
	if cfg.Pool == nil {
		return nil, fmt.Errorf("%w: no port pool", ErrParams)
	}
	cfg.RTPTimeout = cmp.Or(cfg.RTPTimeout, 30*time.Second)
	cfg.LatchPackets = cmp.Or(cfg.LatchPackets, 5)
	cfg.Log = cmp.Or(cfg.Log, cfg.Pool.cfg.Log)
	rtp, rtcp, port, err := cfg.Pool.open()
	if err != nil {
		return nil, err
	}
	l := &Leg{id: cfg.ID, cfg: cfg, rtp: rtp, rtcp: rtcp, port: port, since: time.Now()}
	l.log = cfg.Log.With("leg", cfg.ID)
	l.rate.Store(uint32(media.Rate8k))
	l.latch.need = cfg.LatchPackets
	l.out.init(rtp, rtcp)
	jitter := cfg.Jitter
	jitter.Quiet = l.quiet
	l.buffer = NewBuffer(jitter)
	l.in = &udp.Member{Inputs: []udp.Input{
		{Socket: rtp, Batch: burst, Receive: l.receive}, {Socket: rtcp, Batch: burst, Receive: l.receiveRTCP},
	}, Tend: l.tend}
	if err := cfg.Pool.cfg.Readers.Add(l.in); err != nil {
		rtp.Close()
		rtcp.Close()
		cfg.Pool.give(port)
		return nil, fmt.Errorf("rtp: receive: %w", err)
	}
	return l, nil
}

// ID implements media.Party.
func (l *Leg) ID() string { return l.id }

// Rate implements media.Party.
func (l *Leg) Rate() media.Rate { return media.Rate(l.rate.Load()) }

// Format implements media.Relayer.
func (l *Leg) Format() media.Format { return media.Format(l.format.Load()) }

// LocalAddr is the local RTP address.
func (l *Leg) LocalAddr() netip.AddrPort { return netip.AddrPortFrom(l.cfg.Pool.cfg.IP, l.port) }

// LocalPort is the local RTP port; RTCP is one above.
func (l *Leg) LocalPort() uint16 { return l.port }

// OnDigit sets who is told of a received digit (0-9 * # A-D) when its key is
// let go. The function is called in order from a goroutine of the leg, may call
// into the room, and may close the leg.
func (l *Leg) OnDigit(f func(digit byte, d time.Duration)) { l.notify.setDigit(f) }

// OnSilence sets who is told, once per silence, that neither RTP nor RTCP came
// for RTPTimeout although the peer should send. A pause in RTP alone (silence
// suppression) is none, nor is hold.
func (l *Leg) OnSilence(f func(d time.Duration)) { l.notify.setSilence(f) }

// Configure applies what was negotiated; it may be called again at any time.
// A new remote address makes the leg learn the source anew.
func (l *Leg) Configure(p Params) error {
	if p.Send.Codec == codec.None || p.Send.Codec == codec.Opus {
		return fmt.Errorf("%w: cannot send %v", ErrParams, p.Send.Codec)
	}
	enc, err := codec.NewEncoder(p.Send.Codec)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrParams, err)
	}
	if len(p.Accept) == 0 {
		p.Accept = []PayloadType{p.Send}
	}
	var types [128]payloadUse
	for _, t := range p.Accept {
		if t.Number > 127 || t.Codec == codec.None || t.Codec == codec.Opus {
			return fmt.Errorf("%w: payload type %d of %v", ErrParams, t.Number, t.Codec)
		}
		types[t.Number] = payloadUse{kind: t.Codec}
	}
	for _, e := range p.Events {
		if e.Number > 127 || e.Clock == 0 || types[e.Number].kind != codec.None {
			return fmt.Errorf("%w: payload type %d of telephone-event", ErrParams, e.Number)
		}
		types[e.Number] = payloadUse{event: e.Clock}
	}
	if l.closed.Load() {
		return ErrClosed
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.Remote != l.params.Remote {
		l.latch.expect(p.Remote)
	}
	l.latch.renewed = true
	if !l.params.Receiving && p.Receiving {
		l.since, l.silent = time.Now(), false
	}
	l.params, l.types = p, types
	l.rate.Store(uint32(p.Send.Codec.Rate()))
	// The offer's first codec is what most peers send; the first packet decides.
	if l.codec == codec.None || types[p.Send.Number].kind != l.codec {
		l.setCodec(p.Send.Codec)
	}
	l.setConvert()
	l.setFormat()
	l.out.configure(p, enc)
	l.aim()
	return nil
}

// aim sets where packets go: the learnt source when there is one.
func (l *Leg) aim() {
	rtp, rtcp := l.params.Remote, l.params.RemoteRTCP
	if learnt := l.latch.locked; learnt.IsValid() && learnt != rtp {
		rtp, rtcp = learnt, netip.AddrPortFrom(learnt.Addr(), learnt.Port()+1)
	}
	switch {
	case l.params.Mux:
		rtcp = rtp
	case !rtcp.IsValid() || rtcp.Port() == 0:
		rtcp = netip.AddrPortFrom(rtp.Addr(), rtp.Port()+1)
	}
	if rtp.IsValid() && rtp.Addr().IsUnspecified() {
		rtp, rtcp = netip.AddrPort{}, netip.AddrPort{}
	}
	l.out.aim(rtp, rtcp)
}

// setCodec prepares to receive another codec. It allocates: it runs when a
// session begins and when the peer changes its codec, not per packet.
func (l *Leg) setCodec(k codec.Kind) {
	dec, err := codec.NewDecoder(k)
	if err != nil {
		return // Configure has checked that every accepted codec can be decoded
	}
	l.codec, l.decoder = k, dec
	l.conceal = codec.NewConcealer(k.Rate())
	l.buffer.Reset()
	if l.cfg.InbandDigits {
		l.inband = dtmf.NewDetector(k.Rate())
	}
}

func (l *Leg) setConvert() {
	l.convert = nil
	if from, to := l.codec.Rate(), l.Rate(); from != to {
		l.convert = media.NewResampler(from, to, from.Frame())
	}
}

// setFormat says whether packets may pass undecoded: what arrives is what we
// send, and nobody listens for tones.
func (l *Leg) setFormat() {
	f := media.FormatNone
	if !l.cfg.InbandDigits && l.codec == l.params.Send.Codec {
		f = l.codec.Format()
	}
	l.format.Store(uint32(f))
}

// Close returns the port pair. It waits until no packet of the leg is handled
// and no digit is being sent; take the leg out of its room first.
func (l *Leg) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	l.cfg.Pool.cfg.Readers.Remove(l.in)
	l.mu.Lock()
	l.sink = nil
	l.mu.Unlock()
	l.out.close()
	l.notify.close()
	l.rtp.Close()
	l.rtcp.Close()
	l.cfg.Pool.give(l.port)
	return nil
}

// newSSRC picks a random source identifier (RFC 3550 §8).
func newSSRC() uint32 { return rand.Uint32() }

var _ media.Relayer = (*Leg)(nil)
