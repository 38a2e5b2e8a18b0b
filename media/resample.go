package media

import (
	"math"
	"sync"
)

// Resampler converts a stream between two rates with a polyphase windowed-sinc
// low-pass. It keeps state between frames and does not allocate in Process.
type Resampler struct {
	table *polyphase
	hist  []float32 // the last taps-1 samples, then the frame being worked on
	phase int       // position of the next output between two inputs, in 1/up
	ahead int       // inputs of the next call that no output needs
	most  int       // largest input length Process takes at once
}

// polyphase is the filter of one pair of rates; it is shared and never changed.
type polyphase struct {
	up, down, taps int
	coef           []float32 // up rows of taps coefficients
}

var (
	polyMu    sync.Mutex
	polyCache = map[[2]Rate]*polyphase{}
)

// NewResampler converts from one rate to another; Process takes at most so many
// samples at once as most says. Both rates must be positive.
func NewResampler(from, to Rate, most int) *Resampler {
	t := polyphaseFor(from, to)
	return &Resampler{table: t, hist: make([]float32, t.taps-1+most), most: most}
}

// Len returns how many samples Process writes for n of input, within one.
func (r *Resampler) Len(n int) int { return n*r.table.up/r.table.down + 1 }

// Process writes the converted src to dst and returns the number of samples.
// dst must hold Len(len(src)); src longer than the maximum is cut.
func (r *Resampler) Process(dst, src []int16) int {
	t := r.table
	if len(src) > r.most {
		src = src[:r.most]
	}
	work := r.hist[:t.taps-1+len(src)]
	for i, s := range src {
		work[t.taps-1+i] = float32(s)
	}
	n, pos := 0, r.ahead
	for pos < len(src) && n < len(dst) {
		row := t.coef[r.phase*t.taps : (r.phase+1)*t.taps]
		dst[n] = saturateFloat(dot(row, work[pos:pos+t.taps]))
		n++
		r.phase += t.down
		pos += r.phase / t.up
		r.phase %= t.up
	}
	r.ahead = max(pos-len(src), 0)
	copy(work, work[len(src):])
	return n
}

// Reset forgets the past, for a new stream.
func (r *Resampler) Reset() {
	clear(r.hist)
	r.phase, r.ahead = 0, 0
}

func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

func saturateFloat(f float32) int16 {
	switch {
	case f >= 32767:
		return 32767
	case f <= -32768:
		return -32768
	case f < 0:
		return int16(f - 0.5)
	}
	return int16(f + 0.5)
}

func polyphaseFor(from, to Rate) *polyphase {
	polyMu.Lock()
	defer polyMu.Unlock()
	key := [2]Rate{from, to}
	if t := polyCache[key]; t != nil {
		return t
	}
	t := designPolyphase(from, to)
	polyCache[key] = t
	return t
}

// designPolyphase makes a Blackman-windowed sinc, cut at 92 % of the lower
// Nyquist frequency, 24 input samples long at the lower of the two rates.
func designPolyphase(from, to Rate) *polyphase {
	g := gcd(int(from), int(to))
	up, down := int(to)/g, int(from)/g
	const width = 24
	taps := width
	if down > up {
		taps = (width*down + up - 1) / up
	}
	cut := 0.92 * math.Min(1, float64(up)/float64(down)) // of the input's Nyquist
	t := &polyphase{up: up, down: down, taps: taps, coef: make([]float32, up*taps)}
	for p := range up {
		var sum float64
		row := t.coef[p*taps : (p+1)*taps]
		for k := range taps {
			// Row p is the kernel at inputs k-taps/2 relative to the output.
			x := float64(k-taps/2) - float64(p)/float64(up)
			w := x / float64(taps) * 2 // -1..1
			v := 0.0
			if math.Abs(w) < 1 {
				win := 0.42 + 0.5*math.Cos(math.Pi*w) + 0.08*math.Cos(2*math.Pi*w)
				v = cut * sinc(cut*x) * win
			}
			row[k] = float32(v)
			sum += v
		}
		for k := range row { // unity gain at DC in every phase
			row[k] /= float32(sum)
		}
	}
	return t
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, 1)
}

// Resample converts a whole clip.
func Resample(samples []int16, from, to Rate) []int16 {
	if from == to || from == 0 || to == 0 || len(samples) == 0 {
		return samples
	}
	const chunk = 4096
	r := NewResampler(from, to, chunk)
	// The filter delays by half its length. That much silence is fed at the end
	// and left out at the start, so that the clip keeps its place; a little more
	// in front makes it a whole number of output samples.
	t := r.table
	delay := t.taps - 1 - t.taps/2
	front := 0
	for (delay+front)*t.up%t.down != 0 {
		front++
	}
	padded := make([]int16, front+len(samples)+delay+t.down)
	copy(padded[front:], samples)
	out := make([]int16, 0, r.Len(len(padded))+1)
	buf := make([]int16, r.Len(chunk)+1)
	for len(padded) > 0 {
		n := min(chunk, len(padded))
		out = append(out, buf[:r.Process(buf, padded[:n])]...)
		padded = padded[n:]
	}
	out = out[min((delay+front)*t.up/t.down, len(out)):]
	return out[:min(int(int64(len(samples))*int64(to)/int64(from)), len(out))]
}
