package rtp

import (
	"net/netip"
	"time"
)

// latch decides which source address is the peer (symmetric RTP, RFC 4961).
// The signalled address is believed at once and always: whoever forges it gets
// no audio. Another one, as behind a NAT, is believed after several packets of
// one stream with no rival; from then on packets from a third one are refused,
// so that nobody can take the call's audio over.
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
	voice     uint32 // SSRC of the candidate
	seq       uint16 // of its newest packet
	since     time.Time
}

// A locked source that is silent can be replaced: after relearn by the same
// stream (same SSRC) from another address, because a NAT has rebound, or by any
// after a new offer or answer; after abandoned without RTP and RTCP by any.
const (
	relearn   = 2 * time.Second
	abandoned = 10 * time.Second
)

// hesitation is how long another host must send before it is believed, when the
// signalled address is a public one and thus most likely the peer's own: so long
// the peer may take to begin.
const hesitation = time.Second

// voteStep is the largest step of a candidate's sequence numbers that counts.
const voteStep = 16

// expect starts to learn anew, with a newly signalled address.
func (l *latch) expect(addr netip.AddrPort) {
	*l = latch{need: l.need, expected: netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())}
}

// admit reports whether a packet may pass, and whether the address to send to
// has changed. Only packets of a payload type that was agreed on are shown to it.
func (l *latch) admit(from netip.AddrPort, ssrc uint32, seq uint16, now time.Time) (ok, changed bool) {
	switch {
	case from == l.locked:
		l.heard, l.ssrc = now, ssrc
		l.votes = 0
		return true, false
	case from == l.expected:
		l.lock(from, ssrc, now)
		return true, true
	case l.locked.IsValid() && !l.replaceable(ssrc, now):
		return false, false
	case l.vote(from, ssrc, seq, now):
		l.lock(from, ssrc, now)
		return true, true
	}
	// While learning only the leading candidate is heard, not its rivals.
	return !l.locked.IsValid() && from == l.candidate, false
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

// vote counts packets of one stream in a row; a rival's packet takes one away.
func (l *latch) vote(from netip.AddrPort, ssrc uint32, seq uint16, now time.Time) bool {
	step := int16(seq - l.seq)
	switch {
	case from != l.candidate && l.votes > 0:
		l.votes--
		return false
	case from != l.candidate || ssrc != l.voice || step > voteStep || step < -voteStep:
		l.candidate, l.voice, l.votes, l.since, l.seq = from, ssrc, 1, now, seq
	case step > 0:
		l.votes++
		l.seq = seq
	}
	return l.votes >= l.need && (!l.doubtful(from) || now.Sub(l.since) >= hesitation)
}

// doubtful reports whether an address is of another host than the signalled one
// although the latter can be reached from anywhere. Another port of the same
// host is what many NATs make of it.
func (l *latch) doubtful(from netip.AddrPort) bool {
	want := l.expected.Addr()
	return l.expected.Port() != 0 && from.Addr() != want && want.IsGlobalUnicast() && !want.IsPrivate() && !carrierNAT.Contains(want)
}

// carrierNAT is what providers use behind their own NATs (RFC 6598).
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

// sure reports whether the locked source is the only one to listen to: the
// signalled one, or any when none was signalled that could still come.
func (l *latch) sure(now time.Time) bool {
	return l.locked.IsValid() && now.Sub(l.heard) < relearn/2 && (l.locked == l.expected || !l.signalled())
}

// signalled reports whether the peer has named an address to hear it from.
func (l *latch) signalled() bool {
	return l.expected.IsValid() && l.expected.Port() != 0 && !l.expected.Addr().IsUnspecified()
}

// fromPeer reports whether RTCP from an address may be the peer's.
func (l *latch) fromPeer(from netip.AddrPort) bool {
	if l.locked.IsValid() {
		return from.Addr() == l.locked.Addr()
	}
	return !l.expected.IsValid() || l.expected.Addr().IsUnspecified() || from.Addr() == l.expected.Addr()
}
