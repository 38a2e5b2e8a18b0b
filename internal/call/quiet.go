package call

import (
	"context"

	"github.com/openhotline/hotline/media"
)

// NewQuietLeg makes a leg without signalling: it says nothing, is answered at
// once and lives until it is hung up. It is for tests of those who use calls,
// with fake time (testing/synctest).
func (c *Control) NewQuietLeg(info Info) (*Leg, error) {
	l := newLeg(c, info)
	l.link = newQuietLink(info.ID)
	if err := c.adopt(l); err != nil {
		return nil, err
	}
	l.up()
	return l, nil
}

// QuietCall is a quiet leg that we called.
type QuietCall struct{ *Leg }

// NewQuietCall makes a quiet leg that is not answered until PicksUp.
func (c *Control) NewQuietCall(info Info) (QuietCall, error) {
	info.Outbound = true
	l := newLeg(c, info)
	l.link = newQuietLink(info.ID)
	return QuietCall{l}, c.adopt(l)
}

// Rings is a provisional response.
func (q QuietCall) Rings() { q.rings() }

// Speaks has sound of the network begin or stop.
func (q QuietCall) Speaks(on bool) { q.sounds(on) }

// PicksUp is the answer.
func (q QuietCall) PicksUp() { q.up() }

// quietLink is a connection without signalling.
type quietLink struct {
	ear  *media.Listener
	left chan struct{} // never closed: the other side does not hang up
}

var _ link = (*quietLink)(nil)

func newQuietLink(legID string) *quietLink {
	return &quietLink{ear: media.NewListener(legID, media.Rate8k, func([]int16) {}), left: make(chan struct{})}
}

func (q *quietLink) party() media.Party               { return q.ear }
func (q *quietLink) describe(*Info)                   {}
func (q *quietLink) dialog() []byte                   { return nil }
func (q *quietLink) ring() error                      { return nil }
func (q *quietLink) progress(context.Context) error   { return nil }
func (q *quietLink) answer(context.Context) error     { return nil }
func (q *quietLink) reject(int, string) error         { return ErrState }
func (q *quietLink) sendDigits(string) error          { return nil }
func (q *quietLink) addCandidate([]byte) error        { return nil }
func (q *quietLink) hold(context.Context, bool) error { return nil }
func (q *quietLink) stats() Stats                     { return Stats{} }
func (q *quietLink) gone() <-chan struct{}            { return q.left }
func (q *quietLink) why(p Party) End                  { return End{Reason: p.disconnected(), ByRemote: true} }
func (q *quietLink) end(End, bool)                    {}
