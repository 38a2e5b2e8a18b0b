package sdp

import (
	"bytes"
	"slices"

	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/rtp"
)

// Session keeps id, version and the last description of one dialog. It is not
// safe for concurrent use.
type Session struct {
	local   Local
	last    []byte     // our last description, but with version 1
	offered Direction  // of the last offer; local.Direction when it was accepted
	agreed  codec.Kind // None before the first negotiation
	before  kept       // the last offer or answer
}

// kept is what an offer that comes to nothing must not change.
type kept struct {
	agreed codec.Kind
	event  rtp.EventType
}

// NewSession starts with version 1; l.ID defaults to a random number.
func NewSession(l Local) *Session {
	l = l.withDefaults()
	return &Session{local: l, offered: l.Direction}
}

// Direction is what we want since the last offer of ours that was accepted:
// while we hold, a peer's re-INVITE does not end the hold.
func (s *Session) Direction() Direction { return s.local.Direction }

// Answer answers an offer; the version grows when our description has changed
// (RFC 3264 §8). The codec of the running call is kept while the peer lists it.
func (s *Session) Answer(offer []byte) ([]byte, Negotiated, error) {
	s.before = kept{s.agreed, s.local.event}
	l := s.preferAgreed()
	l.Version = 1
	plain, _, err := Answer(offer, l)
	if err != nil {
		return nil, Negotiated{}, err
	}
	l.Version = s.advance(plain)
	answer, n, err := Answer(offer, l)
	if err != nil {
		return nil, Negotiated{}, err
	}
	s.settle(n)
	return answer, n, nil
}

// Offer writes an offer with the given direction: first offer, late offer, hold
// and resume. The version grows when anything has changed. The direction counts
// when the offer is accepted.
func (s *Session) Offer(d Direction) []byte {
	s.offered, s.before = d, kept{s.agreed, s.local.event}
	l := s.preferAgreed()
	l.Direction, l.Version = d, 1
	l.Version = s.advance(BuildOffer(l))
	return BuildOffer(l)
}

// Accept reads the answer to the last offer.
func (s *Session) Accept(answer []byte) (Negotiated, error) {
	l := s.local
	l.Direction = s.offered
	n, err := Accept(answer, l)
	if err == nil {
		s.local.Direction = s.offered
		s.settle(n)
	}
	return n, err
}

// Withdraw takes the last offer or answer back that was refused, or never went
// out: the session is what it was before (RFC 3261 §14.1).
func (s *Session) Withdraw() {
	s.offered = s.local.Direction
	s.agreed, s.local.event = s.before.agreed, s.before.event
}

// preferAgreed puts the codec that is in use first.
func (s *Session) preferAgreed() Local {
	l := s.local
	if s.agreed != codec.None {
		rest := slices.DeleteFunc(slices.Clone(l.Codecs), func(k codec.Kind) bool { return k == s.agreed })
		l.Codecs = append([]codec.Kind{s.agreed}, rest...)
	}
	return l
}

// advance counts the version up when the description, apart from its version,
// is another than the last one.
func (s *Session) advance(plain []byte) uint64 {
	if s.last != nil && !bytes.Equal(s.last, plain) {
		s.local.Version++
	}
	s.last = plain
	return s.local.Version
}

func (s *Session) settle(n Negotiated) {
	s.agreed = n.Params.Send.Codec
	if n.Params.SendEvent.Clock != 0 {
		s.local.event = n.Params.SendEvent
	}
}
