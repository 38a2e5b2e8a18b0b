package rtp

import (
	"math/rand/v2"
	"testing"

	"github.com/openhotline/hotline/media"
)

// TestNumbersAreUsedOnce takes numbers in any order, by a plain set's measure.
func TestNumbersAreUsedOnce(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	var n Numbers
	n.Begin(65_000)
	at, used := 65_000, map[int]bool{} // extended numbers
	for i := range 50_000 {
		step := rnd.IntN(3)
		switch rnd.IntN(20) {
		case 0:
			step = rnd.IntN(400)
		case 1, 2, 3, 4, 5:
			step = -rnd.IntN(200)
		case 6:
			n.Spend()
			for back := range 200 {
				used[at-back] = true
			}
		}
		seq := at + step
		want := step > 0 || -step < numbersKept && !used[seq] && seq > 65_000
		if got := n.Take(uint16(seq)); got != want {
			t.Fatalf("step %d of %+d: taken %v, want %v", i, step, got, want)
		}
		if want {
			used[seq] = true
			at = max(at, seq)
		}
		if n.Newest() != uint16(at) {
			t.Fatalf("newest %d, want %d", n.Newest(), uint16(at))
		}
	}
	if next := n.Next(); next != uint16(at+1) {
		t.Errorf("next %d, want %d", next, uint16(at+1))
	}
}

func TestSourceKnowsAStreamThatBeginsAnew(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		p    media.Packet
		step int
		anew bool
	}{
		{"the next", media.Packet{SSRC: 1, Seq: 1001, Timestamp: 160_160}, 1, false},
		{"behind a gap", media.Packet{SSRC: 1, Seq: 1010, Timestamp: 161_600}, 10, false},
		{"late", media.Packet{SSRC: 1, Seq: 998, Timestamp: 159_680}, -2, false},
		{"an event of before", media.Packet{SSRC: 1, Seq: 1001, Timestamp: 159_840, Event: true}, 1, false},
		{"another SSRC", media.Packet{SSRC: 2, Seq: 1001, Timestamp: 160_160}, 1, true},
		{"numbers jump ahead", media.Packet{SSRC: 1, Seq: 1600, Timestamp: 160_160}, 1, true},
		{"numbers jump back", media.Packet{SSRC: 1, Seq: 700, Timestamp: 160_160}, 1, true},
		{"time jumps", media.Packet{SSRC: 1, Seq: 1001, Timestamp: 160_000 + maxJump + 1}, 1, true},
		{"time goes back", media.Packet{SSRC: 1, Seq: 1001, Timestamp: 8_000}, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s Source
			if step, anew := s.Step(&media.Packet{SSRC: 1, Seq: 1000, Timestamp: 160_000}); step != 1 || !anew {
				t.Fatalf("first packet: step %d, anew %v", step, anew)
			}
			if step, anew := s.Step(&tt.p); step != tt.step || anew != tt.anew {
				t.Errorf("step %d, anew %v; want %d, %v", step, anew, tt.step, tt.anew)
			}
		})
	}
}
