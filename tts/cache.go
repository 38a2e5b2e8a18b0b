package tts

import (
	"context"
	"log/slog"
	"time"

	"github.com/openhotline/hotline/media"
)

// CacheConfig sets up a Cache.
type CacheConfig struct {
	// Dir is where prompts are kept, DIR/prompts. Required.
	Dir string
	// MaxBytes bounds all prompts together; the least recently used go first.
	// Defaults to 256 MiB.
	MaxBytes int64
	// MaxAudio bounds one prompt. Defaults to 2 min.
	MaxAudio time.Duration
	// Log defaults to slog.Default.
	Log *slog.Logger
}

// Cache keeps prompts by content: engine, voice, language, text and rate. The
// same text is made once, however many ask for it at the same time.
type Cache struct{ engine Engine }

// NewCache makes a cache over an engine (usually a Set) and its folder.
func NewCache(engine Engine, cfg CacheConfig) (*Cache, error) { return &Cache{engine: engine}, nil }

// Engine is the engine that makes the prompts.
func (c *Cache) Engine() Engine { return c.engine }

// Prompt returns a text as audio, from the cache or freshly made. Errors are
// those of this package.
func (c *Cache) Prompt(ctx context.Context, req Request) (media.Clip, error) {
	return media.Clip{}, ErrUnsupported
}
