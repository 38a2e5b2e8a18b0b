package dtmf

import (
	"math"

	"github.com/openhotline/hotline/media"
)

// The row and column frequencies of ITU-T Q.23 in Hz.
var (
	rows    = [4]float64{697, 770, 852, 941}
	columns = [4]float64{1209, 1336, 1477, 1633}
)

const keypad = "123A456B789C*0#D"

// Generator makes the tones of one digit.
type Generator struct {
	osc [2]struct{ cos, s1, s2 float64 }
}

// NewGenerator starts a digit at −9 dBFS for each of its two tones. An unknown
// digit is silent.
func NewGenerator(digit byte, rate media.Rate) *Generator {
	g := &Generator{}
	for i := range keypad {
		if keypad[i] != digit {
			continue
		}
		for k, hz := range [2]float64{rows[i/4], columns[i%4]} {
			w := 2 * math.Pi * hz / float64(rate)
			amp := 32767 * math.Pow(10, -9.0/20)
			g.osc[k].cos, g.osc[k].s1, g.osc[k].s2 = 2*math.Cos(w), amp*math.Sin(-w), amp*math.Sin(-2*w)
		}
	}
	return g
}

// Fill writes the next samples.
func (g *Generator) Fill(dst []int16) {
	for i := range dst {
		var sum float64
		for k := range g.osc {
			o := &g.osc[k]
			y := o.cos*o.s1 - o.s2
			o.s2, o.s1 = o.s1, y
			sum += y
		}
		dst[i] = int16(max(min(sum, 32767), -32768))
	}
}

// Detector finds digits in audio with Goertzel filters over blocks of 12.75 ms
// (102 samples at 8 kHz), and reports each when it ends. A digit counts when
// it lasted three blocks (ITU-T Q.24 asks for 40 ms), its two tones are 10 dB
// above the rest of their group, no further apart than 8 dB, and hold most of
// the block's energy, so that speech does not pass. It does not allocate.
type Detector struct {
	rate  media.Rate
	block int
	coef  [8]float64
	fill  int
	q1    [8]float64
	q2    [8]float64
	total float64

	last  byte // of the block before
	count int  // blocks in a row with last
	held  byte // digit being pressed
	gap   int  // blocks without it
	ticks int  // blocks it has lasted
}

// minBlocks is how many blocks make a digit, gapBlocks how many without it end
// one.
const (
	minBlocks = 3
	gapBlocks = 2
	// minPower is the least mean square of a block: about −35 dBFS.
	minPower = 32767 * 32767 / 2 * 0.000316
)

// NewDetector listens at a rate of 8 or 16 kHz.
func NewDetector(rate media.Rate) *Detector {
	d := &Detector{rate: rate, block: 102 * int(rate) / 8000}
	for i, hz := range append(rows[:], columns[:]...) {
		d.coef[i] = 2 * math.Cos(2*math.Pi*hz/float64(rate))
	}
	return d
}

// Feed takes samples and returns a digit when one has just ended.
func (d *Detector) Feed(samples []int16) (p Press, ok bool) {
	for _, s := range samples {
		x := float64(s)
		for k := range d.coef {
			q := d.coef[k]*d.q1[k] - d.q2[k] + x
			d.q2[k], d.q1[k] = d.q1[k], q
		}
		d.total += x * x
		if d.fill++; d.fill == d.block {
			if press, ended := d.decide(d.classify()); ended {
				p, ok = press, true
			}
		}
	}
	return p, ok
}

// classify names the digit of the finished block, 0 when it is none.
func (d *Detector) classify() byte {
	var power [8]float64
	for k := range d.coef {
		power[k] = d.q1[k]*d.q1[k] + d.q2[k]*d.q2[k] - d.coef[k]*d.q1[k]*d.q2[k]
	}
	total := d.total
	n := float64(d.block)
	d.fill, d.total = 0, 0
	d.q1, d.q2 = [8]float64{}, [8]float64{}
	if total/n < minPower {
		return 0
	}
	row, col := strongest(power[:4]), strongest(power[4:])
	r, c := power[row], power[4+col]
	if r > c*6.3 || c > r*6.3 { // twist of more than 8 dB
		return 0
	}
	for k, p := range power {
		if k < 4 && k != row && p*10 > r || k >= 4 && k-4 != col && p*10 > c {
			return 0
		}
	}
	// A pure tone of energy E in the block has power E·n/2.
	if (r+c)*2/n < 0.75*total {
		return 0
	}
	return keypad[row*4+col]
}

func strongest(p []float64) int {
	best := 0
	for i := range p {
		if p[i] > p[best] {
			best = i
		}
	}
	return best
}

func (d *Detector) decide(digit byte) (Press, bool) {
	if digit != 0 && digit == d.last {
		d.count++
	} else {
		d.count = 1
	}
	d.last = digit
	switch {
	case d.held == 0:
		if digit != 0 && d.count >= minBlocks {
			d.held, d.ticks, d.gap = digit, d.count, 0
		}
	case digit == d.held:
		d.ticks, d.gap = d.ticks+1+d.gap, 0
	default:
		if d.gap++; d.gap >= gapBlocks {
			p := Press{Digit: d.held, Duration: d.rate.Duration(d.ticks * d.block)}
			d.held = 0
			return p, true
		}
	}
	return Press{}, false
}
