package simulate

import (
	"math"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// toneSamples is one second of a tone at −10 dBFS, which loops without a step.
func toneSamples(hz int) []int16 {
	out := make([]int16, media.Rate8k)
	for i := range out {
		out[i] = int16(10362 * math.Sin(2*math.Pi*float64(hz)*float64(i)/float64(media.Rate8k)))
	}
	return out
}

// detector finds a tone in G.711 by the Goertzel algorithm: it counts as heard
// when the tone holds most of a packet's energy.
type detector struct{ pcm []int16 }

func (d *detector) alaw(payload []byte, hz float64) bool {
	if len(payload) < 80 {
		return false
	}
	if len(d.pcm) < len(payload) {
		d.pcm = make([]int16, len(payload))
	}
	pcm := d.pcm[:len(payload)]
	codec.DecodePCMA(pcm, payload)
	coeff := 2 * math.Cos(2*math.Pi*hz/float64(media.Rate8k))
	var s1, s2, energy float64
	for _, v := range pcm {
		x := float64(v)
		energy += x * x
		s1, s2 = x+coeff*s1-s2, s1
	}
	if energy < float64(len(pcm))*100*100 {
		return false
	}
	power := s1*s1 + s2*s2 - coeff*s1*s2
	return power/(energy*float64(len(pcm))/2) > 0.6
}
