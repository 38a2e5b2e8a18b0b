package call_test

import (
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media"
)

// Each country has its own ringing tone: frequencies, sound and silence.
func TestRingingTones(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		country string
		hz      []float64
		sounds  time.Duration // at first
		silent  time.Duration // behind it
		whole   time.Duration
	}{
		{"CN", []float64{450}, time.Second, 4 * time.Second, 5 * time.Second},
		{"JP", []float64{400, 384, 416}, time.Second, 2 * time.Second, 3 * time.Second},
		{"US", []float64{440, 480}, 2 * time.Second, 4 * time.Second, 6 * time.Second},
		{"GB", []float64{400, 450}, 400 * time.Millisecond, 200 * time.Millisecond, 3 * time.Second},
		{"XX", []float64{425}, time.Second, 4 * time.Second, 5 * time.Second},
	} {
		p := call.RingingTone(c.country)
		at := media.Rate8k.Samples
		if p.Rate != media.Rate8k || len(p.Samples) != at(c.whole) {
			t.Fatalf("%s: %d samples at %d", c.country, len(p.Samples), p.Rate)
		}
		for _, hz := range c.hz {
			if l := level(p.Samples[:at(c.sounds)], hz); l < -33 || l > -18 {
				t.Errorf("%s: %.0f Hz at %.1f dBFS", c.country, hz, l)
			}
		}
		if l := level(p.Samples[:at(c.sounds)], 1000); l > -60 {
			t.Errorf("%s: 1000 Hz at %.1f dBFS", c.country, l)
		}
		for i, s := range p.Samples[at(c.sounds):at(c.sounds+c.silent)] {
			if s != 0 {
				t.Fatalf("%s: sound at sample %d of the silence", c.country, i)
			}
		}
	}
}
