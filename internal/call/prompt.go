package call

import (
	"container/list"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/wav"
)

// Prompt is something to play: samples at a rate, or a WAV file.
type Prompt struct {
	Samples []int16
	Rate    media.Rate
	// Path of a WAV file, used when Samples is nil. It is read once and cached.
	Path string
}

// promptKey names a prompt at a rate; a file that changes is another one.
type promptKey struct {
	path    string
	rate    media.Rate
	size    int64
	changed time.Time
}

type promptEntry struct {
	key  promptKey
	clip media.Clip
}

// library caches prompts in memory, the least recently used leaves first.
type library struct {
	limit int64

	mu    sync.Mutex
	bytes int64
	order *list.List // of *promptEntry, most recently used in front
	byKey map[promptKey]*list.Element
}

func newLibrary(limit int64) *library {
	return &library{limit: limit, order: list.New(), byKey: make(map[promptKey]*list.Element)}
}

// clips gives prompts as clips of one rate.
func (l *library) clips(prompts []Prompt, rate media.Rate) ([]media.Clip, error) {
	list := make([]media.Clip, 0, len(prompts))
	for i, p := range prompts {
		clip, err := l.clip(p, rate)
		if err != nil {
			return nil, fmt.Errorf("%w %d: %w", ErrPrompt, i+1, err)
		}
		if len(clip.Samples) > 0 {
			list = append(list, clip)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: nothing to play", ErrPrompt)
	}
	return list, nil
}

func (l *library) clip(p Prompt, rate media.Rate) (media.Clip, error) {
	switch {
	case p.Samples == nil:
		return l.load(p.Path, rate)
	case p.Rate == 0:
		return media.Clip{}, fmt.Errorf("samples without a rate")
	case p.Rate == rate:
		return media.Clip{Samples: p.Samples, Rate: rate}, nil
	}
	return resample(p, rate), nil
}

// resample converts a whole prompt.
func resample(p Prompt, rate media.Rate) media.Clip {
	r := media.NewResampler(p.Rate, rate, len(p.Samples))
	out := make([]int16, r.Len(len(p.Samples)))
	return media.Clip{Samples: out[:r.Process(out, p.Samples)], Rate: rate}
}

// load reads a file or finds it in the cache.
func (l *library) load(path string, rate media.Rate) (media.Clip, error) {
	stat, err := os.Stat(path)
	if err != nil {
		return media.Clip{}, err
	}
	key := promptKey{path, rate, stat.Size(), stat.ModTime()}
	if clip, ok := l.cached(key); ok {
		return clip, nil
	}
	clip, err := wav.LoadPrompt(path, rate)
	if err != nil {
		return media.Clip{}, err
	}
	l.keep(key, clip)
	return clip, nil
}

func (l *library) cached(key promptKey) (media.Clip, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.byKey[key]
	if !ok {
		return media.Clip{}, false
	}
	l.order.MoveToFront(e)
	return e.Value.(*promptEntry).clip, true
}

func (l *library) keep(key promptKey, clip media.Clip) {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := bytesOf(clip)
	if _, ok := l.byKey[key]; ok || size > l.limit {
		return
	}
	l.byKey[key] = l.order.PushFront(&promptEntry{key, clip})
	l.bytes += size
	for l.bytes > l.limit {
		last := l.order.Back()
		old := l.order.Remove(last).(*promptEntry)
		delete(l.byKey, old.key)
		l.bytes -= bytesOf(old.clip)
	}
}

func bytesOf(c media.Clip) int64 { return int64(2 * len(c.Samples)) }
