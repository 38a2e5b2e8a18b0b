package learn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/openhotline/hotline/bot/disk"
	"github.com/openhotline/hotline/bot/pack"
)

// School keeps the corrections of one pack and makes its engine learn them. Its
// queue is the corrections file itself: what stands there and is not in the
// version in use is to be learned, after a restart as well.
type School struct {
	cfg  Config
	wake chan struct{}

	mu      sync.Mutex
	ids     map[string]names // by language
	running string           // language that is being trained, "" for none
	done    float64
	cancel  context.CancelCauseFunc // of the training under way
}

// New makes a school. Nothing is learned before Run or Retrain.
func New(cfg Config) *School {
	return &School{cfg: cfg.withDefaults(), wake: make(chan struct{}, 1), ids: map[string]names{}}
}

// names are the intents and articles of a pack.
type names struct{ intents, articles []string }

func (s *School) overlays() []fs.FS { return overlays(s.cfg.Dir) }

func overlays(dir string) []fs.FS { return []fs.FS{os.DirFS(dir)} }

// errSuperseded ends a training whose result nobody wants any more.
var errSuperseded = errors.New("learn: superseded")

// Run learns whatever is corrected, in this process or another, one model at a
// time, until ctx ends. Corrections that come while a model is made are learned
// together by the next one.
func (s *School) Run(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.Every)
	defer tick.Stop()
	seen := map[string]mark{}
	for {
		for _, language := range pack.Languages {
			m := s.mark(language)
			if m == seen[language] {
				continue
			}
			err := s.look(ctx, language)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			switch {
			case errors.Is(err, errSuperseded), errors.Is(err, ErrChanged), errors.Is(err, errTraining):
				continue // looked at again by the next tick
			case err != nil:
				s.cfg.Log.Error("corrections not learned", "pack", s.cfg.Pack, "language", language, "error", err)
			}
			seen[language] = m // an error stays until the files change
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.wake:
		case <-tick.C:
		}
	}
}

// mark tells a corrections file from the same one with more lines, and whether
// its language is loaded: what nobody speaks is learned when it is.
type mark struct {
	size   int64
	loaded bool
}

func (s *School) mark(language string) mark {
	_, loaded := s.cfg.Engine.Version(language)
	info, err := os.Stat(s.book(language).path)
	if err != nil {
		return mark{loaded: loaded}
	}
	return mark{info.Size(), loaded}
}

// look brings a language that is loaded to the version in use, and learns what
// stands and is not in it.
func (s *School) look(ctx context.Context, language string) error {
	if _, loaded := s.cfg.Engine.Version(language); !loaded {
		return nil
	}
	lessons, err := s.book(language).read()
	if err != nil {
		return err
	}
	if err := s.follow(ctx, language, lessons); err != nil {
		return err
	}
	if !pending(lessons) || refused(lessons) {
		return nil
	}
	t, err := s.train(ctx, language, false)
	if errors.Is(err, ErrNothing) {
		return nil
	}
	if err == nil && s.cfg.Tried != nil {
		s.cfg.Tried(language, t)
	}
	return err
}

// follow makes the engine use the version that is in use: another process may
// have taken it.
func (s *School) follow(ctx context.Context, language string, lessons pack.Lessons) error {
	version, lines := lessons.Active()
	if have, loaded := s.cfg.Engine.Version(language); loaded && have == version {
		return nil
	}
	p, err := pack.LoadAt(s.cfg.Pack, language, lines, s.overlays()...)
	if err != nil {
		return err
	}
	cfg := p.Training()
	cfg.Workers = s.cfg.Workers
	c, err := s.cfg.Engine.Prepare(ctx, p, cfg)
	if err != nil {
		return err
	}
	c.Adopt(version)
	return nil
}

// pending tells that other corrections stand than those of the version in use.
func pending(lessons pack.Lessons) bool {
	_, lines := lessons.Active()
	ids := func(n int) (out []string) {
		for _, l := range lessons.Standing(n) {
			out = append(out, l.ID)
		}
		slices.Sort(out)
		return out
	}
	return !slices.Equal(ids(lines), ids(len(lessons)))
}

// refused tells that just what stands was tried and not taken.
func refused(lessons pack.Lessons) bool {
	for _, l := range slices.Backward(lessons) {
		switch {
		case l.Refused:
			return true
		case l.Correction(), l.Withdraws != "", l.Restores != nil:
			return false
		}
	}
	return false
}

// Retrain makes and tries a model of what stands, also of what was refused
// before, and uses it if it is accepted. Of several processes one trains at a
// time; the others wait for it.
func (s *School) Retrain(ctx context.Context, language string) (Trial, error) {
	if err := s.cfg.Engine.Warm(ctx, language); err != nil {
		return Trial{}, fmt.Errorf("learn: %w", err)
	}
	return s.train(ctx, language, true)
}

// errTraining is returned where another process trains and nobody wants to wait.
var errTraining = errors.New("learn: another process is training")

// train makes a model of what stands, tries it, and takes it if it is not worse.
func (s *School) train(ctx context.Context, language string, wait bool) (t Trial, err error) {
	free, err := s.trainingLock(ctx, language, wait)
	if err != nil {
		return Trial{}, err
	}
	defer func() { err = errors.Join(err, free()) }()
	ctx, end := s.begin(ctx, language)
	defer end()
	lessons, err := s.book(language).read() // another process may have learned it while we waited
	if err != nil {
		return Trial{}, err
	}
	if err := s.follow(ctx, language, lessons); err != nil {
		return Trial{}, err
	}
	if !pending(lessons) {
		return Trial{}, ErrNothing
	}
	_, before := lessons.Active()
	x, err := s.exam(language, before, len(lessons))
	if err != nil {
		return Trial{}, err
	}
	candidate, err := x.hold(ctx, s.progress)
	if cause := context.Cause(ctx); cause != nil {
		return Trial{}, cause
	}
	if err != nil {
		return Trial{}, err
	}
	if err := s.record(ctx, language, lessons, &x.trial); err != nil {
		return Trial{}, err
	}
	if x.trial.Accepted {
		candidate.Adopt(x.trial.Version)
	}
	return x.trial, nil
}

// record writes the outcome of a trial, unless another version was taken
// meanwhile.
func (s *School) record(ctx context.Context, language string, tried pack.Lessons, t *Trial) error {
	_, err := s.book(language).append(ctx, func(now pack.Lessons) (pack.Lesson, error) {
		for _, o := range now[min(len(tried), len(now)):] {
			if !o.Correction() { // a version, a return or a withdrawal
				return pack.Lesson{}, ErrChanged
			}
		}
		l := pack.Lesson{By: author(tried), Lines: len(tried), Refused: !t.Accepted}
		if t.Accepted {
			for _, o := range now {
				l.Version = max(l.Version, o.Version)
			}
			l.Version++
			t.Version = l.Version
		}
		report, err := json.Marshal(t)
		l.Trial = report
		return l, err
	})
	return err
}

// author is who corrected last.
func author(lessons pack.Lessons) string {
	for _, l := range slices.Backward(lessons) {
		if l.Correction() || l.Withdraws != "" || l.Restores != nil {
			return l.By
		}
	}
	return ""
}

const (
	lockOnce  = 10 * time.Millisecond
	lockAgain = 200 * time.Millisecond
)

// trainingLock is held by the one process that trains a language.
func (s *School) trainingLock(ctx context.Context, language string, wait bool) (free func() error, err error) {
	path := filepath.Join(s.cfg.Dir, s.cfg.Pack, language, ".training")
	for {
		short, cancel := context.WithTimeoutCause(ctx, lockOnce, errTraining)
		f, _, err := disk.Lock(short, path)
		cancel()
		switch {
		case err == nil:
			return f.Close, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case !errors.Is(err, errTraining):
			return nil, fmt.Errorf("learn: %w", err)
		case !wait:
			return nil, errTraining
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(lockAgain):
		}
	}
}

// begin notes that a language is being trained; the context ends with Cancel.
func (s *School) begin(ctx context.Context, language string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.done, s.cancel = language, 0, cancel
	return ctx, func() {
		cancel(nil)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running, s.done, s.cancel = "", 0, nil
	}
}

func (s *School) progress(done float64) {
	s.cfg.Progress(done)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = done
}

// Progress tells which language is being trained, "" for none, and how far that
// is, from 0 to 1.
func (s *School) Progress() (language string, done float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running, s.done
}

// Cancel ends the training under way, if there is one. What was to be learned
// stays, and Run begins again with its next look.
func (s *School) Cancel() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		s.cancel(errSuperseded)
	}
}
