// Package mediatest makes test signals and listens to results: each party of a
// test sends its own tone, and the others are searched for it.
package mediatest

import (
	"math"
	"testing"

	"github.com/openhotline/hotline/media"
)

// Tone returns n samples of a sine at level dBFS (0 is full scale).
func Tone(hz, level float64, rate media.Rate, n int) []int16 {
	out := make([]int16, n)
	amp := 32767 * math.Pow(10, level/20)
	for i := range out {
		out[i] = int16(amp * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return out
}

// Source gives a tone piece by piece.
type Source struct {
	hz, amp float64
	rate    media.Rate
	n       int
}

// NewSource makes a tone of hz at level dBFS.
func NewSource(hz, level float64, rate media.Rate) *Source {
	return &Source{hz: hz, amp: 32767 * math.Pow(10, level/20), rate: rate}
}

// Fill writes the next samples.
func (s *Source) Fill(dst []int16) {
	for i := range dst {
		dst[i] = int16(s.amp * math.Sin(2*math.Pi*s.hz*float64(s.n)/float64(s.rate)))
		s.n++
	}
}

// Level returns the level of a tone of hz within samples in dBFS, by the
// Goertzel algorithm: a full-scale sine of that frequency has 0.
func Level(samples []int16, rate media.Rate, hz float64) float64 {
	if len(samples) == 0 {
		return -120
	}
	w := 2 * math.Pi * hz / float64(rate)
	c := 2 * math.Cos(w)
	var q1, q2, norm float64
	for i, s := range samples {
		// A Hann window keeps other tones out.
		win := 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(len(samples)))
		q1, q2 = c*q1-q2+float64(s)*win, q1
		norm += win
	}
	amp := 2 * math.Sqrt(math.Max(q1*q1+q2*q2-c*q1*q2, 0)) / norm
	return math.Max(20*math.Log10(amp/32767+1e-9), -120)
}

// DBFS returns the root mean square of samples in dB below that of a full-scale
// sine; silence is -120.
func DBFS(samples []int16) float64 {
	if len(samples) == 0 {
		return -120
	}
	var sum float64
	for _, s := range samples {
		sum += float64(s) * float64(s)
	}
	return math.Max(20*math.Log10(math.Sqrt(2*sum/float64(len(samples)))/32767+1e-9), -120)
}

// RequireTone fails unless a tone of hz is louder than -30 dBFS in samples.
func RequireTone(t testing.TB, samples []int16, rate media.Rate, hz float64) {
	t.Helper()
	if l := Level(samples, rate, hz); l < -30 {
		t.Fatalf("no tone of %.0f Hz: it is at %.1f dBFS (all: %.1f dBFS, %d samples)", hz, l, DBFS(samples), len(samples))
	}
}

// RequireNoTone fails if a tone of hz is louder than -45 dBFS in samples.
func RequireNoTone(t testing.TB, samples []int16, rate media.Rate, hz float64) {
	t.Helper()
	if l := Level(samples, rate, hz); l > -45 {
		t.Fatalf("a tone of %.0f Hz at %.1f dBFS, want none", hz, l)
	}
}

// RequireSilence fails if samples are louder than -60 dBFS.
func RequireSilence(t testing.TB, samples []int16) {
	t.Helper()
	if l := DBFS(samples); l > -60 {
		t.Fatalf("sound at %.1f dBFS, want silence (%d samples)", l, len(samples))
	}
}

// Gaps returns the places where a steady tone is interrupted: blocks of 5 ms
// whose level is more than 12 dB below the loudest one.
func Gaps(samples []int16, rate media.Rate) []int {
	block := int(rate) / 200
	loudest := -120.0
	for i := 0; i+block <= len(samples); i += block {
		loudest = math.Max(loudest, DBFS(samples[i:i+block]))
	}
	var gaps []int
	for i := 0; i+block <= len(samples); i += block {
		if DBFS(samples[i:i+block]) < loudest-12 {
			gaps = append(gaps, i)
		}
	}
	return gaps
}
