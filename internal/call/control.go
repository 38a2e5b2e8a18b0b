package call

import (
	"context"
	"log/slog"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/webrtc"
	"github.com/openhotline/hotline/sip"
)

// Control makes legs and calls. It is the sip.Handler of the endpoint.
type Control struct{}

var _ sip.Handler = (*Control)(nil)

// New makes a Control. The endpoint may be nil and set later, since the
// endpoint wants its handler first; rtc may be nil where no browsers are
// served. Close it after the endpoint has stopped.
func New(cfg Config, endpoint *sip.Endpoint, engine *media.Engine, rtc *webrtc.API, log *slog.Logger) *Control {
	return &Control{}
}

// SetEndpoint sets the endpoint that dials. Call it before the endpoint runs.
func (c *Control) SetEndpoint(e *sip.Endpoint) {}

// OnInbound sets who takes inbound legs. f gets every INVITE whose session
// description was acceptable, in a goroutine of its own, and must in the end
// answer, reject or hang up. Without it calls are refused with 480.
func (c *Control) OnInbound(f func(leg *Leg)) {}

// Invite implements sip.Handler.
func (c *Control) Invite(d *sip.Dialog) {}

// DialRequest describes a leg that we call.
type DialRequest struct {
	// ID names the leg. Required, unique among the live ones.
	ID string
	// Party is the role of who is called. Defaults to Agent for a device and to
	// External for a number.
	Party Party
	// DeviceID rings a registered desk phone.
	DeviceID string
	// LineID and To dial a number on a line. URI is called as it is.
	LineID, To, URI string
	// From is the number shown, DisplayName the name.
	From, DisplayName string
	// RingTimeout ends an unanswered call. Defaults to the endpoint's.
	RingTimeout time.Duration
	// LateOffer sends the INVITE without a session description.
	LateOffer bool
	// Headers are added to the INVITE.
	Headers []sip.Header
}

// DialDevice rings a desk phone and returns at once: wait for Answered or Done,
// whose End says why not. ctx ends the ringing.
func (c *Control) DialDevice(ctx context.Context, r DialRequest) (*Leg, error) { return nil, nil }

// DialNumber calls a number on a line, or a URI, as DialDevice does.
func (c *Control) DialNumber(ctx context.Context, r DialRequest) (*Leg, error) { return nil, nil }

// BrowserRequest describes a browser's leg.
type BrowserRequest struct {
	// ID names the leg. Required, unique among the live ones.
	ID string
	// Party defaults to Agent.
	Party Party
	// Offer is the browser's SDP.
	Offer string
	// Codec is preferred both ways, so that packets can be relayed: the name in
	// the Info of the leg it will talk to (PCMA, PCMU). Defaults to PCMA.
	Codec string
	// Transcribe asks the browser for Opus, whose audio is wideband.
	Transcribe bool
	// Dialled, Caller and CallerName are repeated in Info.
	Dialled, Caller, CallerName string
	// OnCandidate is given candidates of ours that came after the answer, as
	// the JSON of RTCIceCandidateInit. May be nil. It must not block.
	OnCandidate func(candidate []byte)
}

// NewBrowserLeg answers a browser's offer. The leg lives until it is hung up;
// ctx bounds only the making of the answer.
func (c *Control) NewBrowserLeg(ctx context.Context, r BrowserRequest) (leg *Leg, answer string, err error) {
	return nil, "", nil
}

// NewCall opens a room with the customer's leg in it, silent at first. The call
// ends with Close, not with the customer's leg.
func (c *Control) NewCall(id string, customer *Leg) (*Call, error) { return nil, nil }

// Legs is the number of live legs, Calls that of open calls.
func (c *Control) Legs() int { return 0 }

// Calls is the number of open calls.
func (c *Control) Calls() int { return 0 }

// EndOrphan ends the dialog of a process that has died, by its persisted form.
func (c *Control) EndOrphan(ctx context.Context, dialog []byte) error { return nil }

// Close hangs up every leg, closes every call and waits for all of them.
func (c *Control) Close() {}
