// Package learn lets a bot learn from its mistakes. A correction ("this text
// means that intent", "this article answers it", "nobody wants this") is
// written into the customer's own pack folder before anybody is told that it
// was. A model with it is then made beside the turns, tried on rows that it was
// not trained with and on texts whose intent must not change, and taken only if
// it is not worse. Every version can be returned to.
//
// It also keeps the questions that were not answered, for articles yet to be
// written.
//
// All that it knows is in files of the folder; any number of processes may share
// them.
package learn

import (
	"errors"
	"log/slog"
	"runtime"
	"time"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/nlu"
)

var (
	// ErrInput is returned for a correction that cannot be; the text says which
	// field.
	ErrInput = errors.New("learn: bad correction")
	// ErrNothing is returned by Retrain where nothing has changed since the
	// version in use was made.
	ErrNothing = errors.New("learn: nothing to learn")
	// ErrNoVersion is returned for a version that is not kept.
	ErrNoVersion = errors.New("learn: no such version")
	// ErrChanged is returned where another process took another version
	// meanwhile.
	ErrChanged = errors.New("learn: another version was taken meanwhile")
)

// Config is what a School is made of. Engine, Models and Dir are needed.
type Config struct {
	Engine *bot.Engine
	// Models are the engine's.
	Models *nlu.Store
	// Pack is the engine's.
	Pack string
	// Dir is the customer's pack folder, the engine's only overlay.
	Dir string
	// Bounds are what a new model must hold.
	Bounds Bounds
	// Keep is how many versions back can be returned to. Defaults to 20.
	Keep int
	// Workers is how many goroutines train beside the turns. Defaults to 1; -1 is
	// as many as there are CPUs, for who has no turns.
	Workers int
	// Every is how often the folder is looked at for what other processes wrote.
	// Defaults to 2s.
	Every time.Duration
	// Progress, if set, is told how far a training is, from 0 to 1.
	Progress func(done float64)
	// Tried, if set, is told of every model that was tried by Run.
	Tried func(language string, t Trial)
	// Log gets what goes wrong in Run. Defaults to none.
	Log *slog.Logger
	// Now is the clock of what is written. Defaults to time.Now.
	Now func() time.Time
}

// Bounds say how much worse a new model may be.
type Bounds struct {
	// Dev is how much the share of held-out rows that are right may fall, from 0
	// to 1, below that of the version in use and below that of the pack without
	// corrections. Defaults to 0.02: models made of the same rows and one more
	// differ by up to 0.015 in either direction (docs/nlu.md). A fall by one or two
	// rows is always allowed.
	Dev float64
	// Lost is how many of the regression texts may lose their intent. Defaults to
	// none.
	Lost int
}

func (c Config) withDefaults() Config {
	if c.Bounds.Dev == 0 {
		c.Bounds.Dev = 0.02
	}
	if c.Keep == 0 {
		c.Keep = 20
	}
	switch c.Workers {
	case 0:
		c.Workers = 1
	case -1:
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Every == 0 {
		c.Every = 2 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Progress == nil {
		c.Progress = func(float64) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
