package tts

import (
	"context"
	"errors"
	"fmt"
)

// Set is a list of engines in order of preference. It is an Engine itself: each
// request goes to the first engine that speaks its language.
type Set []Engine

var _ Engine = Set(nil)

// Choose returns the first engine that can speak a language here and now. The
// error says what to install.
func (s Set) Choose(language string) (Engine, error) {
	var errs []error
	for _, e := range s {
		err := e.Check(language)
		if err == nil {
			return e, nil
		}
		errs = append(errs, err)
	}
	var missing *VoiceError
	for _, err := range errs { // the most helpful one: what to install
		if errors.As(err, &missing) && missing.Install != "" {
			return nil, err
		}
	}
	return nil, &VoiceError{Language: language, Install: installFor(language)}
}

// Name is "set".
func (s Set) Name() string { return "set" }

// Check reports whether any engine speaks the language.
func (s Set) Check(language string) error {
	_, err := s.Choose(language)
	return err
}

// Voice is the voice of the engine that is chosen for the language.
func (s Set) Voice(language string) string {
	e, err := s.Choose(language)
	if err != nil {
		return ""
	}
	return e.Voice(language)
}

// Synthesize speaks with the engine chosen for the request's language.
func (s Set) Synthesize(ctx context.Context, req Request) (Audio, error) {
	e, err := s.Choose(req.Language)
	if err != nil {
		return nil, fmt.Errorf("speak %s: %w", req.Language, err)
	}
	return e.Synthesize(ctx, req)
}

// installFor names what makes a language speakable on Debian and Ubuntu.
func installFor(language string) string {
	if base(language) == "ja" {
		return InstallJapanese
	}
	return "espeak-ng (apt-get install espeak-ng)"
}

// InstallJapanese says how Japanese becomes speakable.
const InstallJapanese = "open-jtalk, open-jtalk-mecab-naist-jdic and an HTS voice (*.htsvoice in /usr/share/hts-voice, or tts.japanese_voice)"

// base returns the language of a BCP 47 tag without region.
func base(language string) string {
	for i, r := range language {
		if r == '-' || r == '_' {
			return language[:i]
		}
	}
	return language
}
