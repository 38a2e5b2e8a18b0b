// Package speak makes audio of a flow's prompts: named sounds from a folder or
// from those that ship, speech synthesis through the cache, and the recordings
// that ship for texts that no engine here can speak.
package speak

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/ivr/sounds"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/tts"
)

// ErrNoSound means that there is no sound of that name.
var ErrNoSound = errors.New("speak: no such sound")

// maxLoaded bounds the sounds that are kept in memory.
const maxLoaded = 512

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
type Speaker struct {
	cfg Config

	mu     sync.Mutex
	loaded map[string]loaded
}

// loaded is a sound in memory.
type loaded struct {
	clip    media.Clip
	changed time.Time // of the file; zero for those that ship
}

// New makes a speaker.
func New(cfg Config) *Speaker {
	cfg.Timeout = cmp.Or(cfg.Timeout, 10*time.Second)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	return &Speaker{cfg: cfg, loaded: make(map[string]loaded)}
}

// Render returns the audio of prompts in order, at rate. A prompt that cannot
// be made is left out; the error joins what went wrong, and is nil when
// everything was made. Clips may be played even with an error. Samples are
// shared: they must not be changed.
func (s *Speaker) Render(ctx context.Context, prompts []ivr.Prompt, rate media.Rate) ([]media.Clip, error) {
	var clips []media.Clip
	var errs []error
	for _, p := range prompts {
		made, err := s.one(ctx, p, rate)
		clips = append(clips, made...)
		if err != nil {
			errs = append(errs, err)
		}
	}
	return clips, errors.Join(errs...)
}

// Prepare makes prompts ahead, one after another, so that the first caller does
// not wait for them. It stops when ctx ends; what cannot be made is counted.
func (s *Speaker) Prepare(ctx context.Context, prompts []ivr.Prompt, rate media.Rate) (failed int) {
	for _, p := range prompts {
		if ctx.Err() != nil {
			return failed
		}
		if _, err := s.one(ctx, p, rate); err != nil {
			failed++
		}
	}
	return failed
}

// one makes one prompt: its sound; else its text by an engine, by a recording
// of exactly this text, or piece by piece.
func (s *Speaker) one(ctx context.Context, p ivr.Prompt, rate media.Rate) ([]media.Clip, error) {
	if p.Sound != "" {
		clip, err := s.Sound(p.Sound, p.Language, rate)
		if err != nil {
			return nil, err
		}
		return []media.Clip{clip}, nil
	}
	clip, err := s.speak(ctx, p, rate)
	if err == nil {
		return []media.Clip{clip}, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if b, ok := sounds.Recording(p.Text, p.Language); ok {
		clip, err := s.decode("recording/"+p.Language+"/"+p.Text, b, rate)
		if err == nil {
			return []media.Clip{clip}, nil
		}
	}
	if len(p.Parts) > 0 {
		return s.Render(ctx, p.Parts, rate)
	}
	return nil, fmt.Errorf("prompt in %q: %w", p.Language, err)
}

// speak lets an engine speak the text.
func (s *Speaker) speak(ctx context.Context, p ivr.Prompt, rate media.Rate) (media.Clip, error) {
	if s.cfg.TTS == nil {
		return media.Clip{}, &tts.VoiceError{Language: p.Language, Install: "a speech engine"}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.Timeout, fmt.Errorf("%w: not made within %v", tts.ErrEngine, s.cfg.Timeout))
	defer cancel()
	return s.cfg.TTS.Prompt(ctx, tts.Request{Text: p.Text, Language: p.Language, Rate: rate})
}

var soundName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Sound returns a named sound (music, beep, a recording) at rate. ErrNoSound.
// The samples are shared: they must not be changed.
func (s *Speaker) Sound(name, language string, rate media.Rate) (media.Clip, error) {
	if !soundName.MatchString(name) || language != "" && !soundName.MatchString(language) {
		return media.Clip{}, fmt.Errorf("%w: %q", ErrNoSound, name)
	}
	if s.cfg.Dir != "" {
		base, _, _ := strings.Cut(language, "-")
		for _, folder := range []string{language, base, ""} {
			clip, err := s.file(filepath.Join(s.cfg.Dir, folder, name+".wav"), rate)
			if err == nil {
				return clip, nil
			}
			if !errors.Is(err, fs.ErrNotExist) {
				s.cfg.Log.Warn("sound not usable", "sound", name, "error", err)
			}
		}
	}
	if b, ok := sounds.Named(name, language); ok {
		return s.decode("sound/"+language+"/"+name, b, rate)
	}
	return media.Clip{}, fmt.Errorf("%w: %q", ErrNoSound, name)
}

// file loads a sound of the operator, anew when the file has changed.
func (s *Speaker) file(path string, rate media.Rate) (media.Clip, error) {
	info, err := os.Stat(path)
	if err != nil {
		return media.Clip{}, err
	}
	key := fmt.Sprintf("%s@%d", path, rate)
	s.mu.Lock()
	l, ok := s.loaded[key]
	s.mu.Unlock()
	if ok && l.changed.Equal(info.ModTime()) {
		return l.clip, nil
	}
	clip, err := wav.LoadPrompt(path, rate)
	if err != nil {
		return media.Clip{}, err
	}
	s.keep(key, loaded{clip, info.ModTime()})
	return clip, nil
}

// decode loads a sound that ships.
func (s *Speaker) decode(name string, b []byte, rate media.Rate) (media.Clip, error) {
	key := fmt.Sprintf("%s@%d", name, rate)
	s.mu.Lock()
	l, ok := s.loaded[key]
	s.mu.Unlock()
	if ok {
		return l.clip, nil
	}
	clip, err := wav.DecodePrompt(b, rate)
	if err != nil {
		return media.Clip{}, fmt.Errorf("sound %s: %w", name, err)
	}
	s.keep(key, loaded{clip: clip})
	return clip, nil
}

func (s *Speaker) keep(key string, l loaded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.loaded) >= maxLoaded {
		clear(s.loaded) // rare; what is used comes back
	}
	s.loaded[key] = l
}

// Check tells for each language whether its prompts can be spoken: nil, or what
// is missing (tts.VoiceError). For `hotline doctor`.
func (s *Speaker) Check(languages ...string) map[string]error {
	out := make(map[string]error, len(languages))
	for _, l := range languages {
		if s.cfg.TTS == nil {
			out[l] = &tts.VoiceError{Language: l, Install: "a speech engine"}
			continue
		}
		out[l] = s.cfg.TTS.Engine().Check(l)
	}
	return out
}
