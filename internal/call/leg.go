package call

import (
	"context"
	"net/netip"
	"time"
)

// Kind tells how a leg is connected.
type Kind string

// The kinds of legs.
const (
	SIP     Kind = "sip"
	Browser Kind = "browser"
)

// Info describes a leg.
type Info struct {
	ID       string
	Kind     Kind
	Party    Party
	Outbound bool // we called
	// Dialled is the number called, Caller and CallerName who called.
	Dialled, Caller, CallerName string
	LineID, DeviceID            string
	Transport                   string // udp, tcp, tls, webrtc
	Codec                       string // what we send: PCMA, PCMU, G722; empty before negotiation
	CallID                      string // SIP Call-ID
	Source                      netip.AddrPort
	// Dialog is what a restarted process needs to end the dialog; persist it
	// after Answer and whenever OnChange tells.
	Dialog     []byte
	PeerHolds  bool // the other side has put us on hold
	StartedAt  time.Time
	AnsweredAt time.Time // zero before the answer
}

// Stats is what a leg's media did. After the end they are the final figures.
type Stats struct {
	Codec           string  `json:"codec"`
	PacketsReceived uint64  `json:"packets_received"`
	PacketsSent     uint64  `json:"packets_sent"`
	PacketsLost     uint64  `json:"packets_lost"`
	PacketsLate     uint64  `json:"packets_late"`
	FramesConcealed uint64  `json:"frames_concealed"`
	JitterMS        float64 `json:"jitter_ms"`
	JitterBufferMS  float64 `json:"jitter_buffer_ms"`
	RoundTripMS     float64 `json:"round_trip_ms"` // 0 when unknown
	MOS             float64 `json:"mos"`           // 1–4.5, ITU-T G.107 estimate; 0 when unknown
}

// Leg is one party's connection: a SIP dialog or a browser, with its media. All
// methods may be called from any goroutine.
type Leg struct{}

// ID names the leg.
func (l *Leg) ID() string { return "" }

// Info describes the leg as it is now.
func (l *Leg) Info() Info { return Info{} }

// Ring tells an inbound caller that it rings (180). Nothing for others.
func (l *Leg) Ring() error { return nil }

// Progress opens early media to an inbound caller (183), so that something can
// be played before, or instead of, an answer.
func (l *Leg) Progress(ctx context.Context) error { return nil }

// Answer answers an inbound leg and waits for the acknowledgement. Legs that we
// dialled and browsers need no Answer.
func (l *Leg) Answer(ctx context.Context) error { return nil }

// Reject refuses an inbound leg that is not answered yet.
func (l *Leg) Reject(code int, phrase string) error { return nil }

// Hangup ends the leg in any state, with the reason that End will give. It
// returns at once; only the first end counts.
func (l *Leg) Hangup(reason Reason) {}

// Digits gives the digits the party pressed (0-9 * # A-D), each once, by
// whatever way it came. The channel is bounded: digits that nobody reads are
// dropped, newest first. It is never closed; select on Done too.
func (l *Leg) Digits() <-chan Digit { return nil }

// SendDigits sends digits (0-9 * # A-D, comma for a pause) to the party.
func (l *Leg) SendDigits(digits string) error { return nil }

// Ringing is closed when a leg that we dialled rings.
func (l *Leg) Ringing() <-chan struct{} { return nil }

// Answered is closed when audio can flow both ways: the call was answered, or
// the browser's media is connected.
func (l *Leg) Answered() <-chan struct{} { return nil }

// Done is closed when the leg has ended.
func (l *Leg) Done() <-chan struct{} { return nil }

// End tells how it ended, once Done is closed.
func (l *Leg) End() End { return End{} }

// Stats gives the media's figures so far.
func (l *Leg) Stats() Stats { return Stats{} }

// OnMedia sets who is told that the party's media was lost (a browser without
// RTP and RTCP for 1 s, or disconnected) and that it is back. It must be set
// before the leg joins a call and must not block.
func (l *Leg) OnMedia(f func(lost bool)) {}

// OnChange sets who is told that Info has changed: codec, hold, dialog.
func (l *Leg) OnChange(f func()) {}

// AddCandidate adds a trickled ICE candidate of the browser, the JSON of
// RTCIceCandidateInit. An empty candidate is the end of candidates.
func (l *Leg) AddCandidate(candidate []byte) error { return nil }

// HoldPeer puts the other side of a SIP leg on hold by re-INVITE (sendonly), or
// takes it back. Calls do hold in the room; this is for handing a leg over.
func (l *Leg) HoldPeer(ctx context.Context, hold bool) error { return nil }
