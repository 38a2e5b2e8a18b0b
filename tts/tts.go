// Package tts turns text into speech: the interface of synthesis engines, the
// choice of an engine by language, and a cache of prompts by content. Engines
// live in folders below it and run in child processes, so that a crash costs
// one prompt and not every call.
//
// It knows texts and samples. It does not know calls or flows.
package tts

import (
	"context"
	"errors"
	"io"
	"math"

	"github.com/openhotline/hotline/media"
)

// Errors of every engine, possibly wrapped.
var (
	// ErrUnsupported means that the engine cannot speak this language, or not
	// this text. *VoiceError says what to install.
	ErrUnsupported = errors.New("tts: cannot be spoken")
	// ErrTooLong means that the text, or what became of it, exceeds the bounds.
	ErrTooLong = errors.New("tts: text is too long")
	// ErrEngine means that the engine failed: it crashed, hung or gave no audio.
	ErrEngine = errors.New("tts: engine failed")
	// ErrBusy means that all engine processes are in use and ctx ended first.
	ErrBusy = errors.New("tts: engine is busy")
)

// VoiceError tells that no voice for a language is there, and what would help.
type VoiceError struct {
	Language string
	Engine   string // empty: no engine at all
	Install  string // what to install, for people
}

func (e *VoiceError) Error() string {
	text := "tts: no voice for " + e.Language
	if e.Engine != "" {
		text = "tts: " + e.Engine + " has no voice for " + e.Language
	}
	if e.Install != "" {
		text += "; install " + e.Install
	}
	return text
}

// Unwrap lets errors.Is find ErrUnsupported.
func (e *VoiceError) Unwrap() error { return ErrUnsupported }

// MaxText bounds a request's text in bytes.
const MaxText = 4000

// Request is a text to be spoken.
type Request struct {
	Text     string
	Language string     // BCP 47: zh-CN, en, ja
	Voice    string     // the engine's name for it; empty: the default of the language
	Rate     media.Rate // wanted sample rate; 0: 8 kHz
}

// Audio is speech as it is made. Read fills dst with samples at the request's
// rate and returns io.EOF after the last; Close may be called at any time.
type Audio interface {
	Read(dst []int16) (n int, err error)
	io.Closer
}

// Engine speaks.
type Engine interface {
	// Name is short and stable: espeak-ng, open_jtalk. It is part of the cache key.
	Name() string
	// Check reports whether the language can be spoken here and now: nil, or an
	// error that is ErrUnsupported, usually a *VoiceError.
	Check(language string) error
	// Voice is the voice that a request without one gets; part of the cache key.
	Voice(language string) string
	// Synthesize starts to speak. Errors are those of this package; the audio's
	// Read may return them too.
	Synthesize(ctx context.Context, req Request) (Audio, error)
}

// Collect reads a whole prompt. It closes the audio.
func Collect(a Audio) ([]int16, error) { return collectAtMost(a, math.MaxInt) }
