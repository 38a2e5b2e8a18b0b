package app

import (
	"log/slog"
	"path/filepath"

	"github.com/openhotline/hotline/internal/config"
	"github.com/openhotline/hotline/ivr/speak"
	"github.com/openhotline/hotline/tts"
	"github.com/openhotline/hotline/tts/espeak"
	"github.com/openhotline/hotline/tts/openjtalk"
)

// engines are the speech engines of this machine, best first.
func engines(cfg config.TTS) tts.Set {
	return tts.Set{
		espeak.New(espeak.Config{Program: cfg.EspeakNG, Timeout: cfg.Timeout}),
		openjtalk.New(openjtalk.Config{Program: cfg.OpenJTalk, Voice: cfg.JapaneseVoice, Dictionary: cfg.JapaneseDict, Timeout: cfg.Timeout}),
	}
}

// newSpeaker makes what turns prompts into audio.
func newSpeaker(cfg config.Config, log *slog.Logger) (*speak.Speaker, error) {
	cache, err := tts.NewCache(engines(cfg.TTS), tts.CacheConfig{
		Dir: cfg.PromptsDir(), MaxBytes: int64(cfg.TTS.PromptsMaxSize) << 20, Log: log,
	})
	if err != nil {
		return nil, err
	}
	return speak.New(speak.Config{TTS: cache, Dir: filepath.Join(cfg.Data, "sounds"), Timeout: cfg.TTS.Timeout, Log: log}), nil
}
