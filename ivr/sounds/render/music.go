package main

import (
	"math"
	"time"

	"github.com/openhotline/hotline/media"
)

// The hold music: a calm progression of eight chords, each four seconds long,
// of soft plucked tones in the band of a telephone. Tones that ring past the
// end ring on at the beginning, so that the loop has no seam.
const (
	musicRate  = media.Rate8k
	beat       = 500 * time.Millisecond
	chordBeats = 8
)

// chords are notes as MIDI numbers, from the bass up.
var chords = [][]int{
	{48, 64, 67, 71, 76}, // C major 7
	{45, 64, 67, 72, 76}, // A minor 7
	{53, 65, 69, 72, 76}, // F major 7
	{55, 62, 67, 71, 74}, // G
	{52, 64, 67, 71, 74}, // E minor 7
	{45, 64, 69, 72, 76}, // A minor
	{50, 65, 69, 72, 77}, // D minor 7
	{55, 65, 67, 71, 74}, // G 7
}

// figure is the order in which a chord's upper notes are plucked, on each beat
// and half-beat; -1 rests.
var figure = []int{1, 3, 2, 4, 3, -1, 2, 3, 1, 3, 4, 2, 3, -1, 2, -1}

func music() media.Clip {
	total := musicRate.Samples(time.Duration(len(chords)*chordBeats) * beat)
	mix := make([]float64, total)
	for i, chord := range chords {
		start := musicRate.Samples(time.Duration(i*chordBeats) * beat)
		pluck(mix, start, chord[0]+12, 0.55, 2.6)
		pluck(mix, start+musicRate.Samples(4*beat), chord[0]+12, 0.35, 2.0)
		pad(mix, start, chord[1:4], time.Duration(chordBeats)*beat)
		for j, n := range figure {
			if n < 0 {
				continue
			}
			accent := 0.30
			if j%4 == 0 {
				accent = 0.38
			}
			pluck(mix, start+musicRate.Samples(time.Duration(j)*beat/2), chord[n], accent, 1.4)
		}
	}
	return level(mix, musicRate, -20)
}

// hertz is the frequency of a MIDI note.
func hertz(note int) float64 { return 440 * math.Pow(2, float64(note-69)/12) }

// pluck adds a tone with a fast attack that dies away within seconds.
func pluck(mix []float64, at, note int, loud, seconds float64) {
	f := hertz(note)
	n := int(float64(musicRate) * seconds * 1.5)
	for i := range n {
		t := float64(i) / float64(musicRate)
		env := math.Min(t/0.006, 1) * math.Exp(-3.2*t/seconds)
		end := math.Min(float64(n-i)/400, 1)
		s := math.Sin(2*math.Pi*f*t) + 0.35*math.Exp(-2*t)*math.Sin(4*math.Pi*f*t) + 0.12*math.Exp(-5*t)*math.Sin(6*math.Pi*f*t)
		mix[(at+i)%len(mix)] += loud * env * end * s
	}
}

// pad adds a quiet, slowly swelling chord under the tones.
func pad(mix []float64, at int, notes []int, length time.Duration) {
	n := musicRate.Samples(length + length/4)
	for _, note := range notes {
		f := hertz(note)
		for i := range n {
			t := float64(i) / float64(musicRate)
			env := math.Pow(math.Sin(math.Pi*float64(i)/float64(n)), 0.7)
			tremble := 1 + 0.15*math.Sin(2*math.Pi*4.5*t)
			mix[(at+i)%len(mix)] += 0.07 * env * tremble * (math.Sin(2*math.Pi*f*t) + math.Sin(2*math.Pi*f*1.003*t))
		}
	}
}

// level brings a mix to an RMS level in dBFS.
func level(mix []float64, rate media.Rate, dbfs float64) media.Clip {
	sum, peak := 0.0, 0.0
	for _, s := range mix {
		sum += s * s
		peak = math.Max(peak, math.Abs(s))
	}
	gain := math.Pow(10, dbfs/20) / math.Sqrt(sum/float64(len(mix)))
	gain = math.Min(gain, 0.9/peak)
	out := make([]int16, len(mix))
	for i, s := range mix {
		out[i] = int16(math.Round(s * gain * 32767))
	}
	return media.Clip{Samples: out, Rate: rate}
}

// beep is the tone before a message is recorded: 1000 Hz for 400 ms at -14 dBFS
// (peak -11), with soft ends.
func beep() media.Clip {
	n := musicRate.Samples(400 * time.Millisecond)
	out := make([]int16, n)
	for i := range out {
		t := float64(i) / float64(musicRate)
		soft := math.Min(1, math.Min(float64(i), float64(n-1-i))/80)
		out[i] = int16(9200 * soft * math.Sin(2*math.Pi*1000*t))
	}
	return media.Clip{Samples: out, Rate: musicRate}
}
