package webrtc

import (
	"context"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// Prefs says what a leg should speak.
type Prefs struct {
	// Codecs are the codecs towards the browser, best first. Defaults to PCMA,
	// PCMU. Only PCMA, PCMU and G722 count.
	Codecs []codec.Kind
	// OpusUp asks the browser to send Opus, when it offers that.
	OpusUp bool
}

func (p Prefs) codecs() []codec.Kind {
	if len(p.Codecs) == 0 {
		return []codec.Kind{codec.PCMA, codec.PCMU}
	}
	return p.Codecs
}

// LegConfig configures a leg. The callbacks must not block and must not call
// Close; each of them may be nil.
type LegConfig struct {
	ID    string
	Prefs Prefs
	// OnCandidate is given our candidates that were found after the answer, as
	// the JSON of RTCIceCandidateInit.
	OnCandidate func(candidate []byte)
	// OnConnected is told once that media can flow.
	OnConnected func()
	// OnDigit is told every digit once (0-9 * # A-D).
	OnDigit func(digit byte, d time.Duration)
	// OnLost is told that a connected leg gave neither RTP nor RTCP for
	// Config.LostAfter, or was closed by the browser; then that it is back.
	OnLost func(lost bool)
}

// Leg is one browser. It implements media.Relayer.
type Leg struct{}

// NewLeg answers a browser's offer. The leg exists until Close; ctx bounds the
// wait for our own candidates.
func (a *API) NewLeg(ctx context.Context, cfg LegConfig, offer string) (leg *Leg, answer string, err error) {
	return nil, "", nil
}

// AddCandidate adds a trickled candidate of the browser.
func (l *Leg) AddCandidate(candidate []byte) error { return nil }

// Connected is closed when media can flow.
func (l *Leg) Connected() <-chan struct{} { return nil }

// SendDigits queues digits as RFC 4733 events.
func (l *Leg) SendDigits(digits string) error { return nil }

// Close ends the connection and waits for everything that it started.
func (l *Leg) Close() error { return nil }

func (l *Leg) check(now time.Time) {}

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
