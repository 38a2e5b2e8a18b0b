package rtp

import (
	"net/netip"
	"time"
)

// latch decides which source address is the peer (symmetric RTP, RFC 4961).
// The signalled address is believed at once. Another one, as behind a NAT, is
// believed after several packets in a row with no rival; from then on packets
// from elsewhere are refused, so that nobody can take the call's audio over.
type latch struct {
	need     int
	expected netip.AddrPort // as signalled; may be invalid
	locked   netip.AddrPort // invalid while learning
	ssrc     uint32         // of the locked stream
	heard    time.Time      // last packet of the locked source
	reported time.Time      // last RTCP from its address
	renewed  bool           // an offer or answer came since the lock

	candidate netip.AddrPort
	votes     int
}

// A locked source that is silent can be replaced: after relearn by the same
// stream (same SSRC) from another address, because a NAT has rebound, or by any
// after a new offer or answer; after abandoned without RTP and RTCP by any.
const (
	relearn   = 2 * time.Second
	abandoned = 10 * time.Second
)

// expect starts to learn anew, with a newly signalled address.
func (l *latch) expect(addr netip.AddrPort) {
	*l = latch{need: l.need, expected: netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}
}

// admit reports whether a packet may pass, and whether the address to send to
// has changed.
func (l *latch) admit(from netip.AddrPort, ssrc uint32, now time.Time) (ok, changed bool) {
	switch {
	case from == l.locked:
		l.heard, l.ssrc = now, ssrc
		l.votes = 0
		return true, false
	case l.locked.IsValid():
		if !l.replaceable(ssrc, now) || !l.vote(from) {
			return false, false
		}
		l.lock(from, ssrc, now)
		return true, true
	case from == l.expected:
		l.lock(from, ssrc, now)
		return true, true
	}
	if l.vote(from) {
		l.lock(from, ssrc, now)
		return true, true
	}
	// While learning only the leading candidate is heard, not its rivals.
	return from == l.candidate, false
}

func (l *latch) replaceable(ssrc uint32, now time.Time) bool {
	silent := now.Sub(l.heard)
	switch {
	case silent < relearn:
		return false
	case ssrc == l.ssrc || l.renewed:
		return true
	}
	return silent >= abandoned && now.Sub(l.reported) >= abandoned
}

func (l *latch) lock(from netip.AddrPort, ssrc uint32, now time.Time) {
	l.locked, l.ssrc, l.heard = from, ssrc, now
	l.candidate, l.votes, l.renewed = netip.AddrPort{}, 0, false
}

// vote counts packets in a row; a rival's packet takes one away.
func (l *latch) vote(from netip.AddrPort) bool {
	switch {
	case from == l.candidate:
		l.votes++
	case l.votes == 0:
		l.candidate, l.votes = from, 1
	default:
		l.votes--
	}
	return from == l.candidate && l.votes >= l.need
}

// fromPeer reports whether RTCP from an address may be the peer's.
func (l *latch) fromPeer(from netip.AddrPort) bool {
	if l.locked.IsValid() {
		return from.Addr() == l.locked.Addr()
	}
	return !l.expected.IsValid() || l.expected.Addr().IsUnspecified() || from.Addr() == l.expected.Addr()
}
