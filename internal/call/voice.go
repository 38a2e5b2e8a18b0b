package call

import (
	"sync/atomic"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/vad"
	"github.com/openhotline/hotline/media/wav"
)

// VoiceWatch follows whether the customer speaks while a call is recorded: to
// end a voicemail with its message. Make it with NewVoiceWatch and give it to
// Call.RecordWatched, once.
type VoiceWatch struct {
	limit int // frames of silence
	quiet chan struct{}
	spoke atomic.Bool

	// Owned by the room's shard.
	file   *wav.Recorder
	ear    *vad.Detector
	frame  [160]int16
	heard  bool // in this tick
	silent int
}

// whisper is the lowest level, in dBFS, that counts as a message.
const whisper = -52

// NewVoiceWatch returns a watch that waits for so much silence; 0 never ends.
func NewVoiceWatch(silence time.Duration) *VoiceWatch {
	return &VoiceWatch{
		limit: int(silence / media.FrameTime), quiet: make(chan struct{}), ear: vad.New(vad.Config{Floor: whisper, Margin: 9}),
	}
}

// Quiet is closed when the customer has been silent for the watch's time, be it
// after speaking or from the beginning.
func (w *VoiceWatch) Quiet() <-chan struct{} { return w.quiet }

// Spoke tells whether the customer has said anything.
func (w *VoiceWatch) Spoke() bool { return w.spoke.Load() }

var _ media.Recorder = (*VoiceWatch)(nil)

// Payload implements media.Recorder.
func (w *VoiceWatch) Payload(side media.Side, f media.Format, b []byte) {
	w.file.Payload(side, f, b)
	if side != media.Left {
		return
	}
	pcm := w.frame[:min(len(b), len(w.frame))]
	switch f {
	case media.FormatPCMU:
		codec.DecodePCMU(pcm, b[:len(pcm)])
	case media.FormatPCMA:
		codec.DecodePCMA(pcm, b[:len(pcm)])
	default:
		return
	}
	w.listen(pcm)
}

// PCM implements media.Recorder.
func (w *VoiceWatch) PCM(side media.Side, samples []int16) {
	w.file.PCM(side, samples)
	if side == media.Left {
		w.listen(samples)
	}
}

// Tick implements media.Recorder.
func (w *VoiceWatch) Tick() {
	w.file.Tick()
	if !w.heard { // a telephone that sends nothing is silent
		clear(w.frame[:])
		w.listen(w.frame[:])
	}
	w.heard = false
}

func (w *VoiceWatch) listen(pcm []int16) {
	w.heard = true
	if w.ear.Feed(pcm) {
		w.silent = 0
		w.spoke.Store(true)
		return
	}
	if w.silent++; w.silent == w.limit {
		close(w.quiet)
		w.limit = 0 // it is told once
	}
}
