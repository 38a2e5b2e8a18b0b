package webrtc

import (
	"testing"

	"github.com/pion/srtp/v3"

	"github.com/openhotline/hotline/media"
)

// sealer sends what a session seals to the other end of it.
type sealer struct {
	near, far *session
	numbers   map[uint16]int
	refused   int
	heard     []packet
}

func (s *sealer) sendRTP(b []byte) bool {
	p, _ := parse(b)
	s.numbers[p.seq]++
	sealed, ok := s.near.sealRTP(b)
	if !ok {
		s.refused++
		return false
	}
	if b, ok := s.far.openRTP(append(make([]byte, 0, 2048), sealed...)); ok {
		if p, ok := parse(b); ok {
			s.heard = append(s.heard, p)
		}
	}
	return true
}

// TestNoNumberIsSealedTwice relays what comes late, restarts and is mixed with
// frames and digits: each of our packets has a number of its own, and the
// browser hears whatever is not late.
func TestNoNumberIsSealedTwice(t *testing.T) {
	frame, payload := make([]int16, 160), make([]byte, 160)
	relay := func(l *Leg, ssrc uint32, seqs ...uint16) {
		for _, seq := range seqs {
			l.RelayPacket(&media.Packet{SSRC: ssrc, Seq: seq, Timestamp: uint32(seq) * 160, Payload: payload})
		}
	}
	tests := []struct {
		name  string
		do    func(l *Leg)
		heard int // of what was sent
	}{
		{"late at the start of a relay", func(l *Leg) {
			l.WriteFrame(frame)
			relay(l, 1, 100, 99, 101, 98)
		}, 3},
		{"late behind a frame", func(l *Leg) {
			relay(l, 1, 100, 101, 102)
			l.WriteFrame(frame)
			relay(l, 1, 104, 103, 105)
		}, 6},
		{"late behind a digit", func(l *Leg) {
			relay(l, 1, 100, 102)
			if err := l.SendDigits("5"); err != nil {
				t.Error(err)
			}
			for range pressTicks + endTicks + gapTicks {
				l.down.tick()
			}
			relay(l, 1, 110, 101, 109, 111)
		}, 2 + pressTicks + endTicks + 2},
		{"in disorder, and twice", func(l *Leg) { relay(l, 1, 100, 102, 101, 101, 102, 103) }, 4},
		{"numbers go back under the same SSRC", func(l *Leg) {
			relay(l, 1, 2000, 2001, 2002)
			relay(l, 1, 1000, 1001, 1002)
		}, 6},
		{"numbers jump far ahead", func(l *Leg) {
			relay(l, 1, 2000, 2001)
			relay(l, 1, 2000+40_000, 2001+40_000)
		}, 4},
		{"another stream and back", func(l *Leg) {
			relay(l, 1, 2000, 2001)
			relay(l, 2, 7, 8)
			relay(l, 1, 2002, 2001)
		}, 5},
		{"much too late", func(l *Leg) {
			relay(l, 1, 2000, 2200, 2001, 2201)
		}, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := bareLeg(t, pcmu())
			near, far := sessions(t, srtp.ProtectionProfileAeadAes128Gcm)
			out := &sealer{near: near, far: far, numbers: map[uint16]int{}}
			l.down.out = out
			tt.do(l)
			for seq, n := range out.numbers {
				if n > 1 {
					t.Errorf("number %d was sent %d times", seq, n)
				}
			}
			if len(out.heard) != tt.heard || out.refused != 0 {
				t.Errorf("%d packets arrived and %d were refused, want %d and 0", len(out.heard), out.refused, tt.heard)
			}
			for i := 1; i < len(out.heard); i++ {
				a, b := out.heard[i-1], out.heard[i]
				if int16(b.seq-a.seq) > 0 && int32(b.timestamp-a.timestamp) < 0 {
					t.Errorf("packet %d: number +%d, timestamp %d", i, b.seq-a.seq, int32(b.timestamp-a.timestamp))
				}
			}
		})
	}
}

// TestASessionSealsEachNumberOnce holds even when a sender did not.
func TestASessionSealsEachNumberOnce(t *testing.T) {
	near, _ := sessions(t, srtp.ProtectionProfileAeadAes128Gcm)
	for _, c := range []struct {
		seq uint16
		ok  bool
	}{{10, true}, {12, true}, {11, true}, {11, false}, {12, false}, {300, true}, {100, false}, {33_500, false}} {
		if _, ok := near.sealRTP(rtpPacket(c.seq)); ok != c.ok {
			t.Errorf("number %d: sealed %v, want %v", c.seq, ok, c.ok)
		}
	}
}
