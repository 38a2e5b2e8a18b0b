// Package vad tells speech from silence by energy.
package vad

import "math"

// Config sets up a Detector. The zero value works.
type Config struct {
	// Margin is how far above the noise floor a frame must be to start speech,
	// in dB. Defaults to 12.
	Margin float64
	// Floor is the lowest level of speech in dBFS. Defaults to -45.
	Floor float64
	// Start is the number of loud frames in a row that begin speech, Hang the
	// number of quiet ones that end it. Default to 3 and 15 (60 and 300 ms).
	Start, Hang int
}

// Detector follows the noise floor and decides frame by frame. It is not safe
// for concurrent use and does not allocate.
type Detector struct {
	cfg      Config
	noise    float64 // dBFS
	begun    bool
	loud     int
	quiet    int
	speaking bool
}

// New makes a detector.
func New(cfg Config) *Detector {
	if cfg.Margin == 0 {
		cfg.Margin = 12
	}
	if cfg.Floor == 0 {
		cfg.Floor = -45
	}
	if cfg.Start == 0 {
		cfg.Start = 3
	}
	if cfg.Hang == 0 {
		cfg.Hang = 15
	}
	return &Detector{cfg: cfg}
}

// Level returns the root mean square of a frame in dBFS; silence is -96. A
// full-scale sine has -3.
func Level(frame []int16) float64 {
	if len(frame) == 0 {
		return -96
	}
	var sum int64
	for _, s := range frame {
		sum += int64(s) * int64(s)
	}
	rms := math.Sqrt(float64(sum)/float64(len(frame))) / 32768
	return max(20*math.Log10(rms+1e-9), -96)
}

// Feed takes the next frame and reports whether somebody speaks. The noise
// floor falls at once and rises slowly, and not while there is speech.
func (d *Detector) Feed(frame []int16) bool {
	level := Level(frame)
	switch {
	case !d.begun:
		d.noise, d.begun = min(level, -50), true
	case level < d.noise:
		d.noise += (level - d.noise) / 4
	case !d.speaking:
		d.noise += (level - d.noise) / 100
	}
	if level > d.noise+d.cfg.Margin && level > d.cfg.Floor {
		d.loud, d.quiet = d.loud+1, 0
		if d.loud >= d.cfg.Start {
			d.speaking = true
		}
	} else {
		d.loud, d.quiet = 0, d.quiet+1
		if d.quiet >= d.cfg.Hang {
			d.speaking = false
		}
	}
	return d.speaking
}

// Speaking repeats the last decision.
func (d *Detector) Speaking() bool { return d.speaking }
