package call

import (
	"math"
	"sync"
	"time"

	"github.com/openhotline/hotline/media"
)

// cadence is a tone of the network: frequencies in hertz that sound together,
// or the first one modulated by the second, and times of sound and silence in
// turn (ITU-T E.180 and its Supplement 2).
type cadence struct {
	hz        []float64
	modulated bool
	times     []time.Duration
}

const tenth = 100 * time.Millisecond

// ringing are the ringing tones of countries by ISO 3166 code; the others have
// that of the empty code, which E.180 recommends.
var ringing = map[string]cadence{
	"":   {hz: []float64{425}, times: []time.Duration{10 * tenth, 40 * tenth}},
	"CN": {hz: []float64{450}, times: []time.Duration{10 * tenth, 40 * tenth}},
	"JP": {hz: []float64{400, 16}, modulated: true, times: []time.Duration{10 * tenth, 20 * tenth}},
	"US": {hz: []float64{440, 480}, times: []time.Duration{20 * tenth, 40 * tenth}},
	"CA": {hz: []float64{440, 480}, times: []time.Duration{20 * tenth, 40 * tenth}},
	"TW": {hz: []float64{440, 480}, times: []time.Duration{10 * tenth, 20 * tenth}},
	"KR": {hz: []float64{440, 480}, times: []time.Duration{10 * tenth, 20 * tenth}},
	"HK": {hz: []float64{440, 480}, times: []time.Duration{4 * tenth, 2 * tenth, 4 * tenth, 30 * tenth}},
	"GB": {hz: []float64{400, 450}, times: []time.Duration{4 * tenth, 2 * tenth, 4 * tenth, 20 * tenth}},
	"FR": {hz: []float64{440}, times: []time.Duration{15 * tenth, 35 * tenth}},
}

// ringingPeak is the highest sample of a ringing tone: -19 dBFS for one
// frequency, about -16 dBm0.
const ringingPeak = 3677

// ringingTones make the tone of each country once.
var ringingTones = func() map[string]func() Prompt {
	tones := make(map[string]func() Prompt, len(ringing))
	for country, c := range ringing {
		tones[country] = sync.OnceValue(c.prompt)
	}
	return tones
}()

// RingingTone is what callers in a country hear while the other side rings, one
// turn of it, to be played in a loop. Unknown countries have the tone that ITU-T
// E.180 recommends. The samples are shared: they must not be changed.
func RingingTone(country string) Prompt {
	tone, ok := ringingTones[country]
	if !ok {
		tone = ringingTones[""]
	}
	return tone()
}

// prompt is one turn of the tone.
func (c cadence) prompt() Prompt {
	var samples []int16
	for i, d := range c.times {
		n := media.Rate8k.Samples(d)
		part := make([]int16, n)
		for at := 0; at < n && i%2 == 0; at++ {
			part[at] = int16(ringingPeak * c.at(float64(at)/float64(media.Rate8k)))
		}
		samples = append(samples, part...)
	}
	return Prompt{Samples: samples, Rate: media.Rate8k}
}

// at is the tone at a time in seconds, between -1 and 1.
func (c cadence) at(t float64) float64 {
	wave := func(hz float64) float64 { return math.Sin(2 * math.Pi * hz * t) }
	if c.modulated {
		return wave(c.hz[0]) * (1 + wave(c.hz[1])) / 2
	}
	sum := 0.0
	for _, hz := range c.hz {
		sum += wave(hz)
	}
	return sum / float64(len(c.hz))
}
