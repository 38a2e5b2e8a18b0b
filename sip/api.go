package sip

import (
	"errors"
	"time"
)

// Errors of the package. Wrapped with the operation; compare with errors.Is.
var (
	ErrClosed        = errors.New("sip: endpoint closed")
	ErrDraining      = errors.New("sip: endpoint takes no new calls")
	ErrEnded         = errors.New("sip: dialog has ended")
	ErrState         = errors.New("sip: not possible in this state of the dialog")
	ErrUnknownLine   = errors.New("sip: no such line")
	ErrUnknownDevice = errors.New("sip: no such device")
	ErrNotRegistered = errors.New("sip: device is not registered")
	ErrBusy          = errors.New("sip: all calls of the line are taken")
	ErrOverload      = errors.New("sip: calls come faster than they are answered")
	ErrAddress       = errors.New("sip: not a usable address")
	ErrTimeout       = errors.New("sip: no answer in time")
	ErrTransport     = errors.New("sip: message could not be sent")
	ErrRefused       = errors.New("sip: refused by the other side")
	ErrPersisted     = errors.New("sip: unusable persisted dialog")
)

// Handler takes calls.
type Handler interface {
	// Invite is called once for every admitted INVITE, in the dialog's own
	// goroutine. It must not block: it keeps d and answers later, from
	// elsewhere. The methods of d may be called from any other goroutine.
	Invite(d *Dialog)
}

// Cause says why a dialog ended or is to be ended.
type Cause string

// The causes.
const (
	CauseNormal    Cause = "normal"          // BYE after an answered call
	CauseCancelled Cause = "cancelled"       // the caller gave up before an answer
	CauseRejected  Cause = "rejected"        // final response ≥ 300; see End.Status
	CauseNoAnswer  Cause = "no_answer"       // rang too long
	CauseTimeout   Cause = "timeout"         // no response, ACK or PRACK in time
	CauseExpired   Cause = "session_expired" // RFC 4028: no refresh in time
	CauseTransport Cause = "transport"       // nothing could be sent
	CauseShutdown  Cause = "shutdown"        // the endpoint stops
	CauseGone      Cause = "gone"            // 481: the other side does not know the dialog
	CauseFailed    Cause = "failed"          // offer/answer or protocol failure
)

// End is how a dialog ended.
type End struct {
	Cause Cause
	// Status is the final status of the initial INVITE: 200 after an answer,
	// 487 when cancelled, 0 when there was none.
	Status int
	// Reason is the other side's reason phrase or Reason header, if any.
	Reason string
	// ByRemote is whether the other side ended it.
	ByRemote bool
}

// Progress is a provisional response to our INVITE, or word that the INVITE was
// sent anew.
type Progress struct {
	// Code is the status of the response; 0: the INVITE was sent anew, with
	// credentials or to another address, so that what ends the call is another.
	Code int
	SDP  []byte // nil when the response had none
}

// DialRequest describes an outgoing call. Exactly one of LineID, DeviceID and
// URI says where it goes.
type DialRequest struct {
	// ID becomes Dialog.ID. Defaults to the Call-ID.
	ID string
	// LineID sends the call to a line; To is then the number dialled.
	LineID string
	// DeviceID rings a registered desk phone.
	DeviceID string
	// URI is called as it is ("sip:user@host:port;transport=tcp").
	URI string
	// From is the user part of our From header: the caller id. DisplayName is
	// shown with it.
	From, DisplayName string
	// To is the number dialled on a line; otherwise informative.
	To string
	// Offer is the session description. Nil asks the other side for its offer
	// (late offer); AnswerOffer then answers it.
	Offer []byte
	// AnswerOffer answers the other side's offer of a late-offer call. It is
	// called at most once per offer and must not block.
	AnswerOffer func(offer []byte) (answer []byte, code int)
	// Headers are added to the INVITE.
	Headers []Header
	// RingTimeout overrides Config.RingTimeout.
	RingTimeout time.Duration
}
