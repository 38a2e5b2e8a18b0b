package call

import (
	"testing"
	"time"

	"github.com/openhotline/hotline/media/rtp"
)

// Packets in a row are sound until they stop; one now and then is none.
func TestSoundIsPacketsInARow(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	every := func(from, to, step time.Duration) (at []time.Duration) {
		for ; from < to; from += step {
			at = append(at, from)
		}
		return at
	}
	for _, c := range []struct {
		name    string
		packets []time.Duration
		sounds  [][2]time.Duration // from, to
	}{
		{"nothing", nil, nil},
		{"one packet", []time.Duration{0}, nil},
		{"two packets", []time.Duration{0, 20 * ms}, nil},
		{"one packet now and then", every(0, 20*time.Second, 5*time.Second), nil},
		{"one packet every 400 ms", every(0, 20*time.Second, 400*ms), nil},
		{"an announcement", every(time.Second, 3*time.Second, 20*ms), [][2]time.Duration{{1040 * ms, 3280 * ms}}},
		{"two announcements, and one packet between them",
			append(append(every(0, time.Second, 20*ms), 5*time.Second), every(10*time.Second, 11*time.Second, 20*ms)...),
			[][2]time.Duration{{40 * ms, 1280 * ms}, {10040 * ms, 11280 * ms}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin := time.Now()
			var e earlySound
			var st rtp.Stats
			for at := time.Duration(0); at < 25*time.Second; at += 10 * ms {
				for len(c.packets) > 0 && c.packets[0] <= at {
					st.PacketsReceived++
					st.LastRTP, c.packets = begin.Add(c.packets[0]), c.packets[1:]
				}
				want := false
				for _, s := range c.sounds {
					want = want || at >= s[0] && at < s[1]
				}
				if got := e.comes(st, begin.Add(at)); got != want {
					t.Fatalf("after %s: sound %t", at, got)
				}
			}
		})
	}
}
