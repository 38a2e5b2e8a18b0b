package rtp

import (
	"testing"
	"time"
)

// TestOneStrayPacketRestartsNothing: only two packets in a row begin a stream
// anew under the same SSRC.
func TestOneStrayPacketRestartsNothing(t *testing.T) {
	t.Parallel()
	type packet struct {
		seq              uint16
		fresh, restarted bool
	}
	tests := []struct {
		name    string
		packets []packet
		lost    int64
	}{
		{"one from long ago", []packet{{1000, true, false}, {1001, true, false}, {500, false, false}, {1002, true, false}}, 0},
		{"one from far ahead", []packet{{1000, true, false}, {9000, false, false}, {1001, true, false}, {9001, false, false}, {1002, true, false}}, 0},
		{"begun anew", []packet{{1000, true, false}, {500, false, false}, {501, true, true}, {502, true, false}, {500, true, false}}, 0},
		{"twice the same", []packet{{1000, true, false}, {500, false, false}, {500, false, false}, {1001, true, false}}, 0},
		{"a long gap", []packet{{1000, true, false}, {3999, true, false}}, 2998},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r Reception
			for i, p := range tt.packets {
				if fresh, restarted := r.Packet(7, p.seq, time.Unix(int64(i), 0)); fresh != p.fresh || restarted != p.restarted {
					t.Errorf("packet %d (%d): fresh %v, restarted %v", i, p.seq, fresh, restarted)
				}
			}
			if r.Lost() != tt.lost {
				t.Errorf("%d lost, want %d", r.Lost(), tt.lost)
			}
			if fresh, restarted := r.Packet(8, 1, time.Unix(99, 0)); !fresh || !restarted {
				t.Error("another SSRC begins no stream")
			}
		})
	}
}
