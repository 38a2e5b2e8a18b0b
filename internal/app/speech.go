package app

import (
	"log/slog"
	"path/filepath"

	"github.com/openhotline/hotline/internal/config"
	"github.com/openhotline/hotline/ivr/speak"
	"github.com/openhotline/hotline/tts"
)

// engines are the speech engines of this machine, best first.
func engines(cfg config.TTS, log *slog.Logger) tts.Set {
	return tts.Set{}
}

// newSpeaker makes what turns prompts into audio.
func newSpeaker(cfg config.Config, log *slog.Logger) (*speak.Speaker, error) {
	cache, err := tts.NewCache(engines(cfg.TTS, log), tts.CacheConfig{
		Dir: cfg.PromptsDir(), MaxBytes: int64(cfg.TTS.PromptsMaxSize) << 20, Log: log,
	})
	if err != nil {
		return nil, err
	}
	return speak.New(speak.Config{TTS: cache, Dir: filepath.Join(cfg.Data, "sounds"), Timeout: cfg.TTS.Timeout, Log: log}), nil
}
