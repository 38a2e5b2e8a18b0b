package rtp

import "github.com/openhotline/hotline/media"

// Source follows the numbers of a stream that is relayed, so that its steps can
// be made in a stream of our own. The zero value has seen nothing. It is not
// safe for concurrent use.
type Source struct {
	begun bool
	ssrc  uint32
	seq   uint16 // the newest
	ts    uint32 // of the packet with seq
}

// Bounds of the steps that are followed: what steps further is another stream
// under the same SSRC (a media server that was replaced, RFC 3550 appendix A.1).
const (
	maxStep   = 500
	maxBehind = window     // as Reception: what is older belongs to a new stream
	maxJump   = 60 * 8_000 // ticks of 8 kHz: 60 s
)

// Step tells by how many numbers p comes after the newest packet: negative or 0
// for one that is late. anew says that p begins a stream whose numbers have
// nothing to do with those before; the step is 1 then.
func (s *Source) Step(p *media.Packet) (step int, anew bool) {
	step = int(int16(p.Seq - s.seq))
	jump := int32(p.Timestamp - s.ts)
	anew = !s.begun || p.SSRC != s.ssrc || step > maxStep || step <= -maxBehind || jump > maxJump || jump < -maxJump ||
		step > 0 && jump < 0 && !p.Event // time does not go back
	if anew {
		step = 1
	}
	if step > 0 {
		s.begun, s.ssrc, s.seq, s.ts = true, p.SSRC, p.Seq, p.Timestamp
	}
	return step, anew
}

// Reset forgets the stream: the next packet begins one.
func (s *Source) Reset() { *s = Source{} }
