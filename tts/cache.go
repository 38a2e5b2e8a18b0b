package tts

import (
	"cmp"
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/wav"
)

// cacheVersion is part of every key: raise it when the sound of the same
// request changes.
const cacheVersion = "1"

// CacheConfig sets up a Cache.
type CacheConfig struct {
	// Dir is where prompts are kept, DIR/prompts. Required.
	Dir string
	// MaxBytes bounds all prompts together; the least recently used go first.
	// Defaults to 256 MiB.
	MaxBytes int64
	// MaxMemory bounds the prompts that are kept in memory too. Defaults to 16 MiB.
	MaxMemory int64
	// MaxAudio bounds one prompt. Defaults to 2 min.
	MaxAudio time.Duration
	// Timeout bounds the making of one prompt. Defaults to 30 s.
	Timeout time.Duration
	// Log defaults to slog.Default.
	Log *slog.Logger
}

// Cache keeps prompts by content: engine, voice, language, text and rate. The
// same text is made once, however many ask for it at the same time. A prompt on
// disk is a mono 16-bit WAV file, written whole or not at all.
type Cache struct {
	engine Engine
	cfg    CacheConfig
	making singleflight.Group

	mu      sync.Mutex
	files   lru // keys on disk, without audio
	hot     lru // keys in memory
	choices map[string]choice
}

// choice is the engine that speaks a language, and its voice.
type choice struct {
	engine Engine
	voice  string
	err    error
	until  time.Time
}

// A choice holds for a while, since to look for programs and voices takes many
// system calls; what is installed meanwhile is found soon.
const (
	choiceHolds = 5 * time.Second
	maxChoices  = 64 // languages
)

// NewCache makes a cache over an engine (usually a Set) and its folder.
func NewCache(engine Engine, cfg CacheConfig) (*Cache, error) {
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 256<<20)
	cfg.MaxMemory = cmp.Or(cfg.MaxMemory, 16<<20)
	cfg.MaxAudio = cmp.Or(cfg.MaxAudio, 2*time.Minute)
	cfg.Timeout = cmp.Or(cfg.Timeout, 30*time.Second)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	if cfg.Dir == "" {
		return nil, errors.New("tts: the cache has no folder")
	}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("prompt cache: %w", err)
	}
	c := &Cache{engine: engine, cfg: cfg, files: newLRU(cfg.MaxBytes), hot: newLRU(cfg.MaxMemory), choices: map[string]choice{}}
	return c, c.scan()
}

// Engine is the engine that makes the prompts.
func (c *Cache) Engine() Engine { return c.engine }

// Prompt returns a text as audio, from the cache or freshly made. The samples
// are shared: they must not be changed. Errors are those of this package.
func (c *Cache) Prompt(ctx context.Context, req Request) (media.Clip, error) {
	req.Text = Clean(req.Text)
	req.Rate = cmp.Or(req.Rate, media.Rate8k)
	engine, voice, err := c.choose(req.Language)
	if err != nil {
		return media.Clip{}, err
	}
	key := cacheKey(engine, cmp.Or(req.Voice, voice), req)
	if clip, ok := c.load(key, req.Rate); ok {
		return clip, nil
	}
	made := c.making.DoChan(key, func() (any, error) {
		// Whoever asked first may hang up; the others still want the prompt.
		ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), c.cfg.Timeout, fmt.Errorf("%w: not made within %v", ErrEngine, c.cfg.Timeout))
		defer cancel()
		if clip, ok := c.load(key, req.Rate); ok {
			return clip, nil
		}
		return c.make(ctx, engine, key, req)
	})
	select {
	case r := <-made:
		if r.Err != nil {
			return media.Clip{}, r.Err
		}
		return r.Val.(media.Clip), nil
	case <-ctx.Done():
		return media.Clip{}, context.Cause(ctx)
	}
}

// choose finds who speaks a language.
func (c *Cache) choose(language string) (engine Engine, voice string, err error) {
	now := time.Now()
	c.mu.Lock()
	known, ok := c.choices[language]
	c.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.engine, known.voice, known.err
	}
	chosen := choice{engine: c.engine, until: now.Add(choiceHolds)}
	if set, ok := c.engine.(Set); ok {
		chosen.engine, chosen.err = set.Choose(language)
	}
	if chosen.err == nil {
		chosen.voice = chosen.engine.Voice(language)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.choices) >= maxChoices {
		clear(c.choices)
	}
	c.choices[language] = chosen
	return chosen.engine, chosen.voice, chosen.err
}

// cacheKey is the name of a prompt's file.
func cacheKey(e Engine, voice string, req Request) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{cacheVersion, e.Name(), voice, req.Language, fmt.Sprint(req.Rate), req.Text}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

func (c *Cache) path(key string) string {
	return filepath.Join(c.cfg.Dir, key[:2], key+".wav")
}

// make speaks a text and keeps it. A prompt that cannot be kept (disk full) is
// played all the same.
func (c *Cache) make(ctx context.Context, engine Engine, key string, req Request) (media.Clip, error) {
	audio, err := engine.Synthesize(ctx, req)
	if err != nil {
		return media.Clip{}, err
	}
	samples, err := collectAtMost(audio, req.Rate.Samples(c.cfg.MaxAudio))
	if err != nil {
		return media.Clip{}, fmt.Errorf("speak with %s: %w", engine.Name(), err)
	}
	if len(samples) == 0 {
		return media.Clip{}, fmt.Errorf("%w: %s made no sound", ErrEngine, engine.Name())
	}
	Level(samples)
	clip := media.Clip{Samples: samples, Rate: req.Rate}
	if err := WriteFile(c.path(key), clip); err != nil {
		c.cfg.Log.Warn("prompt not kept", "error", err)
	} else {
		c.kept(key, int64(44+2*len(samples)))
	}
	c.mu.Lock()
	c.hot.add(key, int64(2*len(samples)), clip)
	c.mu.Unlock()
	return clip, nil
}

// collectAtMost is Collect with a bound on the samples.
func collectAtMost(a Audio, most int) (samples []int16, err error) {
	defer func() { err = errors.Join(err, a.Close()) }()
	buf := make([]int16, 8192)
	for {
		n, err := a.Read(buf)
		samples = append(samples, buf[:n]...)
		if len(samples) > most {
			return nil, fmt.Errorf("%w: the prompt is longer than the bound", ErrTooLong)
		}
		if done, err := ended(err); done {
			return samples, err
		}
	}
}

// kept notes a file and removes the least recently used ones above the bound.
func (c *Cache) kept(key string, size int64) {
	c.mu.Lock()
	dropped := c.files.add(key, size, media.Clip{})
	c.mu.Unlock()
	for _, k := range dropped {
		if err := os.Remove(c.path(k)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.cfg.Log.Warn("old prompt not removed", "error", err)
		}
	}
}

// load returns a prompt from memory or disk. A damaged file is removed.
func (c *Cache) load(key string, rate media.Rate) (media.Clip, bool) {
	c.mu.Lock()
	clip, ok := c.hot.get(key)
	_, onDisk := c.files.get(key)
	c.mu.Unlock()
	if ok || !onDisk {
		return clip, ok
	}
	clip, err := wav.LoadPrompt(c.path(key), rate)
	if err != nil || len(clip.Samples) == 0 {
		if !errors.Is(err, fs.ErrNotExist) {
			c.cfg.Log.Warn("damaged prompt removed", "error", err)
			_ = os.Remove(c.path(key)) // it is made anew
		}
		c.mu.Lock()
		c.files.remove(key)
		c.mu.Unlock()
		return media.Clip{}, false
	}
	now := time.Now()
	_ = os.Chtimes(c.path(key), now, now) // the order of use outlives a restart
	c.mu.Lock()
	c.hot.add(key, int64(2*len(clip.Samples)), clip)
	c.mu.Unlock()
	return clip, true
}

// scan reads the folder: what is there, by time of last use. Leftovers of
// writes that did not finish are removed.
func (c *Cache) scan() error {
	type file struct {
		key  string
		size int64
		used time.Time
	}
	var found []file
	err := filepath.WalkDir(c.cfg.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return nil //nolint:nilerr // gone in the meantime
		}
		key, isWAV := strings.CutSuffix(d.Name(), ".wav")
		if !isWAV || len(key) != 32 || filepath.Base(filepath.Dir(path)) != key[:2] {
			if strings.HasPrefix(d.Name(), tempPrefix) {
				return os.Remove(path)
			}
			return nil // not ours
		}
		found = append(found, file{key, info.Size(), info.ModTime()})
		return nil
	})
	if err != nil {
		return fmt.Errorf("prompt cache: %w", err)
	}
	slices.SortFunc(found, func(a, b file) int { return a.used.Compare(b.used) })
	for _, f := range found {
		c.kept(f.key, f.size)
	}
	return nil
}

// lru is a list of keys by last use, bounded by the sum of their sizes.
type lru struct {
	max, total int64
	order      *list.List // of *entry, the latest first
	byKey      map[string]*list.Element
}

type entry struct {
	key  string
	size int64
	clip media.Clip
}

func newLRU(limit int64) lru {
	return lru{max: limit, order: list.New(), byKey: make(map[string]*list.Element)}
}

func (l *lru) get(key string) (media.Clip, bool) {
	e, ok := l.byKey[key]
	if !ok {
		return media.Clip{}, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*entry).clip, true
}

// add puts a key in front and returns the keys that had to go for it.
func (l *lru) add(key string, size int64, clip media.Clip) (dropped []string) {
	l.remove(key)
	l.byKey[key] = l.order.PushFront(&entry{key, size, clip})
	l.total += size
	for l.total > l.max && l.order.Len() > 1 {
		last := l.order.Back().Value.(*entry)
		l.remove(last.key)
		dropped = append(dropped, last.key)
	}
	return dropped
}

func (l *lru) remove(key string) {
	if e, ok := l.byKey[key]; ok {
		l.total -= e.Value.(*entry).size
		l.order.Remove(e)
		delete(l.byKey, key)
	}
}
