// Package wav reads prompts and writes call recordings.
package wav

import (
	"errors"
	"time"

	"github.com/openhotline/hotline/media"
)

// ErrFormat is returned for a file that is not a WAV we can read.
var ErrFormat = errors.New("wav: format not supported")

// LoadPrompt reads a PCM or G.711 WAV file and returns it as mono at rate.
func LoadPrompt(path string, rate media.Rate) (media.Clip, error) { return media.Clip{}, nil }

// RecorderConfig sets up a Recorder. The zero value works.
type RecorderConfig struct {
	// OnError is told once, from another goroutine, when the file can no longer
	// be written (disk full). The call goes on without a recording.
	OnError func(error)
}

// Recorder writes a stereo µ-law WAV file (caller left, agent right), whose
// header is valid after every flush, at least every 200 ms. It implements
// media.Recorder.
type Recorder struct{}

// Create makes the file, or appends to a recording that is there already.
func Create(path string, cfg RecorderConfig) (*Recorder, error) { return nil, nil }

func (r *Recorder) Payload(side media.Side, f media.Format, b []byte) {}
func (r *Recorder) PCM(side media.Side, samples []int16)              {}
func (r *Recorder) Tick()                                             {}

// Summary says what a recording became.
type Summary struct {
	Bytes    int64
	Duration time.Duration
}

// Close writes the rest and closes the file. The error is the first one met.
func (r *Recorder) Close() (Summary, error) { return Summary{}, nil }

// Info describes a recording file.
type Info struct {
	Channels int
	Rate     media.Rate
	Duration time.Duration
	Bytes    int64 // size of the file
}

// Check reads the header and compares it with the file's length.
func Check(path string) (Info, error) { return Info{}, nil }

// Repair sets the header's sizes to what the file holds and cuts half a frame.
func Repair(path string) (Info, error) { return Info{}, nil }

// Peaks returns n pairs of highest levels (0..1) of left and right over time.
func Peaks(path string, n int) ([][2]float32, error) { return nil, nil }

var _ media.Recorder = (*Recorder)(nil)
