// Package sdp negotiates one audio stream by offer and answer (RFC 3264).
package sdp

import (
	"errors"
	"net/netip"
	"time"

	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/rtp"
)

// Errors of the package; match with errors.Is.
var (
	ErrMalformed     = errors.New("sdp: malformed")              // SIP 400
	ErrNotAcceptable = errors.New("sdp: no codec in common")     // SIP 488
	ErrNoAudio       = errors.New("sdp: no usable audio stream") // SIP 488
)

// Direction of a stream, seen from the side that writes it.
type Direction string

// The directions (RFC 4566 §6).
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

// Local is our side of a session.
type Local struct {
	// Addr is the address put into the c= line, Port our RTP port.
	Addr netip.Addr
	Port uint16
	// ID and Version are those of the o= line; Session keeps them.
	ID, Version uint64
	// Codecs are those we speak, best first. Defaults to PCMA, PCMU, G722.
	Codecs []codec.Kind
	// NoEvents leaves telephone-event out.
	NoEvents bool
	// Direction we want. Defaults to sendrecv; SendOnly puts the peer on hold.
	Direction Direction
	// PTime defaults to 20ms.
	PTime time.Duration
}

// Negotiated is what offer and answer agreed on.
type Negotiated struct {
	Params rtp.Params
	// Held reports that the peer does not want our audio, or sent c=0.0.0.0.
	Held bool
}

// Answer answers an offer. The answer lists exactly what may be sent.
func Answer(offer []byte, l Local) (answer []byte, n Negotiated, err error) {
	return nil, Negotiated{}, nil
}

// BuildOffer writes an offer with all our codecs.
func BuildOffer(l Local) []byte { return nil }

// Accept reads the peer's answer to our offer made with l.
func Accept(answer []byte, l Local) (Negotiated, error) { return Negotiated{}, nil }

// Session keeps id, version and the last description of one dialog.
type Session struct{}

// NewSession starts with version 1; l.ID defaults to a random number.
func NewSession(l Local) *Session { return &Session{} }

// Answer answers an offer; the version grows when our description changed.
func (s *Session) Answer(offer []byte) ([]byte, Negotiated, error) { return nil, Negotiated{}, nil }

// Offer writes an offer with the given direction: hold and resume. After a
// first negotiation it keeps the payload types that were agreed on.
func (s *Session) Offer(d Direction) []byte { return nil }

// Accept reads the answer to the last offer.
func (s *Session) Accept(answer []byte) (Negotiated, error) { return Negotiated{}, nil }
