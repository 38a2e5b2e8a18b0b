package codec

import (
	"math"

	"github.com/openhotline/hotline/media"
)

// Concealer invents frames for lost ones: it repeats the last pitch period
// with overlap and fades out, in the manner of ITU-T G.711 Appendix I, at any
// rate up to 16 kHz. It does not allocate after it was made.
type Concealer struct {
	rate    media.Rate
	hist    []int16 // the last 40 ms heard
	period  int     // pitch period in samples, 0 while nothing is being concealed
	pos     int     // position in the repeated period
	lost    int     // samples concealed in this run
	overlap int     // 5 ms in samples
	tail    []int16 // continuation of the invented signal, to blend back with
}

// fadeAfter and fadeEnd are when the invented signal starts to fade and when
// it is silent (Appendix I: 10 ms and 60 ms).
const (
	fadeAfter = 10 // ms
	fadeEnd   = 60 // ms
)

// NewConcealer makes one for a rate of 8 or 16 kHz.
func NewConcealer(rate media.Rate) *Concealer {
	n := int(rate) / 1000
	return &Concealer{rate: rate, hist: make([]int16, 40*n), overlap: 5 * n, tail: make([]int16, 5*n)}
}

// Good takes a frame that arrived. After a loss its start is blended with the
// invented signal, in place.
func (c *Concealer) Good(frame []int16) {
	if c.period > 0 {
		n := min(c.overlap, len(frame))
		c.generate(c.tail[:n])
		for i := range n {
			frame[i] = int16((int(c.tail[i])*(n-i) + int(frame[i])*i) / n)
		}
		c.period, c.lost = 0, 0
	}
	c.remember(frame)
}

// Conceal fills dst with an invented continuation. It reports false when the
// loss has lasted so long that there is nothing but silence left.
func (c *Concealer) Conceal(dst []int16) bool {
	if c.lost >= fadeEnd*int(c.rate)/1000 {
		clear(dst)
		return false
	}
	if c.period == 0 {
		c.period = c.pitch()
		c.pos = 0
	}
	c.generate(dst)
	return true
}

// Reset forgets the past, for a new stream.
func (c *Concealer) Reset() {
	clear(c.hist)
	c.period, c.pos, c.lost = 0, 0, 0
}

func (c *Concealer) remember(frame []int16) {
	if len(frame) >= len(c.hist) {
		copy(c.hist, frame[len(frame)-len(c.hist):])
		return
	}
	copy(c.hist, c.hist[len(frame):])
	copy(c.hist[len(c.hist)-len(frame):], frame)
}

// pitch returns the lag of 5 to 15 ms at which the recent past resembles
// itself most (normalised cross-correlation over 15 ms).
func (c *Concealer) pitch() int {
	lo, hi, win := 5*int(c.rate)/1000, 15*int(c.rate)/1000, 15*int(c.rate)/1000
	end := len(c.hist)
	ref := c.hist[end-win:]
	best, bestScore := hi, math.Inf(-1)
	for lag := lo; lag <= hi; lag++ {
		past := c.hist[end-win-lag : end-lag]
		var cross, energy float64
		for i, s := range ref {
			p := float64(past[i])
			cross += float64(s) * p
			energy += p * p
		}
		if score := cross / math.Sqrt(energy+1); score > bestScore {
			best, bestScore = lag, score
		}
	}
	return best
}

// generate writes the next invented samples: the last period over and over,
// its seam blended, fading from 10 to 60 ms of loss.
func (c *Concealer) generate(dst []int16) {
	end := len(c.hist)
	blend := min(c.period/4, c.overlap)
	ms := int(c.rate) / 1000
	for i := range dst {
		s := int(c.hist[end-c.period+c.pos])
		if left := c.period - c.pos; left <= blend && end-2*c.period+c.pos >= 0 {
			// The end of the period leads over into its start, one period earlier.
			before := int(c.hist[end-2*c.period+c.pos])
			s = (s*left + before*(blend-left)) / blend
		}
		if c.pos++; c.pos == c.period {
			c.pos = 0
		}
		if over := c.lost - fadeAfter*ms; over > 0 {
			s = s * max((fadeEnd-fadeAfter)*ms-over, 0) / ((fadeEnd - fadeAfter) * ms)
		}
		dst[i] = int16(s)
		c.lost++
	}
}
