package sip

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

type packetConn interface{}
type resolver interface{}

var _ net.Addr

// Endpoint is one SIP user agent: listeners, transactions, registrar, dialogs.
type Endpoint struct{}

// New makes an endpoint. Nothing is started or bound before Run.
func New(cfg Config, h Handler, log *slog.Logger) (*Endpoint, error) { return nil, nil }

// Run binds the listeners, serves until ctx ends and waits for everything it
// started. It may be called once.
func (e *Endpoint) Run(ctx context.Context) error { return nil }

// Ready is closed when the listeners are bound.
func (e *Endpoint) Ready() <-chan struct{} { return nil }

// Addrs are the bound addresses, once Ready is closed.
func (e *Endpoint) Addrs() Addrs { return Addrs{} }

// SetLines replaces the lines. Calls on removed lines go on.
func (e *Endpoint) SetLines(lines []Line) error { return nil }

// SetDevices replaces the desk phones. Registrations of removed ones end.
func (e *Endpoint) SetDevices(devices []Device) error { return nil }

// LineState tells whether a registered line is registered.
func (e *Endpoint) LineState(id string) (LineState, bool) { return LineState{}, false }

// Registered tells whether a device has a contact that has not expired.
func (e *Endpoint) Registered(deviceID string) bool { return false }

// OnRegistration sets what is told when a device comes online or goes offline.
// It must be set before Run and must not block.
func (e *Endpoint) OnRegistration(f func(deviceID string, online bool)) {}

// Drain refuses new INVITEs with 503 and Retry-After from now on.
func (e *Endpoint) Drain() {}

// Calls is the number of live dialogs.
func (e *Endpoint) Calls() int { return 0 }

// Dial starts a call and returns at once. The call is cancelled when ctx ends
// before it is answered.
func (e *Endpoint) Dial(ctx context.Context, r DialRequest) (*Dialog, error) { return nil, nil }

// EndOrphan sends BYE for a dialog persisted by a process that has died and
// waits for the answer. A dialog the other side no longer knows is a success.
func (e *Endpoint) EndOrphan(ctx context.Context, persisted []byte) error { return nil }

// Dialog is one call leg.
type Dialog struct{}

// ID is DialRequest.ID, or the Call-ID for incoming calls.
func (d *Dialog) ID() string { return "" }

// CallID is the SIP Call-ID.
func (d *Dialog) CallID() string { return "" }

// Outbound tells whether we called.
func (d *Dialog) Outbound() bool { return false }

// LineID is the line the call is on, empty for devices and plain URIs.
func (d *Dialog) LineID() string { return "" }

// DeviceID is the desk phone at the other end, empty otherwise.
func (d *Dialog) DeviceID() string { return "" }

// Dialled is the number called.
func (d *Dialog) Dialled() string { return "" }

// Caller is the user part of the caller's From (or P-Asserted-Identity of a line).
func (d *Dialog) Caller() string { return "" }

// CallerName is the caller's display name.
func (d *Dialog) CallerName() string { return "" }

// Source is where the INVITE came from or was sent to.
func (d *Dialog) Source() netip.AddrPort { return netip.AddrPort{} }

// Transport is "udp", "tcp" or "tls".
func (d *Dialog) Transport() string { return "" }

// Header is the first value of a header of the INVITE received, or empty.
func (d *Dialog) Header(name string) string { return "" }

// Offer is the offer of an incoming INVITE, nil when it had none (late offer).
func (d *Dialog) Offer() []byte { return nil }

// Ring sends 180.
func (d *Dialog) Ring() error { return nil }

// Progress sends 183 with a session description, reliably where the caller
// supports it (RFC 3262); it then waits for the PRACK.
func (d *Dialog) Progress(ctx context.Context, sdp []byte) error { return nil }

// Answer sends 200 and waits for the ACK; 2xx is retransmitted by RFC 3261
// §13.3.1.4. Without ACK for 64*T1 the dialog is ended and ErrTimeout returned.
// For a late offer sdp is our offer, and RemoteAnswer has the answer afterwards.
func (d *Dialog) Answer(ctx context.Context, sdp []byte) error { return nil }

// RemoteAnswer is the other side's latest answer to an offer of ours in the
// initial exchange, nil when there is none yet.
func (d *Dialog) RemoteAnswer() []byte { return nil }

// Reject refuses an incoming call with a final status of 300 to 699.
func (d *Dialog) Reject(code int, reason string, headers ...Header) error { return nil }

// Hangup ends the call as its state wants: BYE, CANCEL, or a refusal. Done is
// closed at once when an answered call is hung up; Hangup itself returns when
// the other side has confirmed or ctx ends.
func (d *Dialog) Hangup(ctx context.Context, cause Cause) error { return nil }

// Reoffer sends a re-INVITE with an offer and returns the answer. Glare (491) is
// retried with the back-off of RFC 3261 §14.1 until ctx ends.
func (d *Dialog) Reoffer(ctx context.Context, sdp []byte) (answer []byte, err error) { return nil, nil }

// OnReoffer sets who answers the other side's re-INVITE and UPDATE. A nil offer
// asks for ours. A code of 0 or 200 accepts; others refuse (488). Without a
// handler every offer is refused with 488. It runs in a goroutine of its own.
func (d *Dialog) OnReoffer(f func(offer []byte) (answer []byte, code int)) {}

// OnRemoteAnswer sets who is told the answer to an offer that OnReoffer gave
// for a re-INVITE without one (it comes in the ACK).
func (d *Dialog) OnRemoteAnswer(f func(answer []byte)) {}

// OnInfoDigit sets who is told digits sent by INFO. It must not block.
func (d *Dialog) OnInfoDigit(f func(digit byte, duration time.Duration)) {}

// Progressed gives the provisional responses to our INVITE. The channel is
// bounded: the oldest is dropped when nobody reads.
func (d *Dialog) Progressed() <-chan Progress { return nil }

// Answered is closed when the call is answered (for incoming calls: ACKed).
func (d *Dialog) Answered() <-chan struct{} { return nil }

// Done is closed when the dialog is over.
func (d *Dialog) Done() <-chan struct{} { return nil }

// End is how it ended, once Done is closed.
func (d *Dialog) End() End { return End{} }

// Persist is everything needed to send BYE or a re-INVITE after a restart. It
// changes with every request: persist it again after Answer and Reoffer.
func (d *Dialog) Persist() []byte { return nil }
