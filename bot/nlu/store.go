package nlu

import (
	"context"
	"fmt"
	"sync"
	"weak"

	"github.com/openhotline/hotline/bot/cache"
)

// Store trains models once: who asks for one that is in the folder gets it from
// there, and who asks for one that is in use shares it. It is for any number of
// goroutines.
type Store struct {
	folder *cache.Folder

	mu   sync.Mutex
	used map[cache.Key]*shared
}

// shared is a model that is being made, or made and perhaps still in use.
type shared struct {
	done  chan struct{}
	model weak.Pointer[Model]
}

// NewStore makes a store over a folder, or over none: then models live as long
// as they are used.
func NewStore(folder *cache.Folder) *Store {
	return &Store{folder: folder, used: map[cache.Key]*shared{}}
}

// Folder is where the store keeps models; nil for nowhere.
func (s *Store) Folder() *cache.Folder { return s.folder }

// Train returns the model of examples, as the function Train would make it.
func (s *Store) Train(ctx context.Context, examples []Example, cfg Config) (*Model, error) {
	cfg = cfg.withDefaults()
	examples = tidy(examples)
	key := keyOf(examples, cfg)
	for {
		made, mine := s.claim(key)
		if mine {
			m, err := s.obtain(ctx, key, examples, cfg)
			s.settle(key, made, m)
			return m, err
		}
		select {
		case <-made.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("train: %w", context.Cause(ctx))
		}
		if m := made.model.Value(); m != nil {
			return m, nil
		}
		s.forget(key, made) // it failed, or nobody uses it any more
	}
}

// claim returns who makes or made a model; mine if that is now the caller.
func (s *Store) claim(key cache.Key) (made *shared, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if made, ok := s.used[key]; ok {
		return made, false
	}
	s.sweep()
	made = &shared{done: make(chan struct{})}
	s.used[key] = made
	return made, true
}

// sweep forgets models that nobody uses any more, so that a store that trains
// for long does not grow.
func (s *Store) sweep() {
	for key, made := range s.used {
		select {
		case <-made.done:
			if made.model.Value() == nil {
				delete(s.used, key)
			}
		default:
		}
	}
}

// settle tells all who wait; m is nil where the making failed.
func (s *Store) settle(key cache.Key, made *shared, m *Model) {
	if m != nil {
		made.model = weak.Make(m)
	}
	close(made.done)
	if m == nil {
		s.forget(key, made)
	}
}

func (s *Store) forget(key cache.Key, made *shared) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used[key] == made {
		delete(s.used, key)
	}
}

// kind is under what a folder has models.
const kind = "model"

func (s *Store) obtain(ctx context.Context, key cache.Key, examples []Example, cfg Config) (*Model, error) {
	if content, ok := s.folder.Load(kind, key); ok {
		if m, err := Decode(content, cfg.Concepts); err == nil && m.id == key {
			cfg.Progress(1)
			return m, nil
		}
		s.folder.Drop(kind, key)
	}
	m, err := Train(ctx, examples, cfg)
	if err != nil {
		return nil, err
	}
	s.folder.Save(kind, key, Encode(m))
	return m, nil
}

// keyOf is the hash of all that a model depends on.
func keyOf(examples []Example, cfg Config) cache.Key {
	var sum cache.Sum
	sum.Number(Version)
	sum.Text(cfg.OutOfScope)
	sum.Number(cfg.Cost)
	sum.Number(cfg.FalseReject)
	sum.Number(cfg.WrongAnswer)
	if cfg.Unjudged {
		sum.Text("unjudged")
	}
	if cfg.Networks != seeds {
		sum.Number(float64(cfg.Networks))
	}
	if cfg.Concepts != nil {
		sum.Text(cfg.Concepts.id.String())
	}
	for _, e := range examples {
		sum.Text(e.Label)
		sum.Text(e.Text)
		if e.Times > 1 {
			sum.Number(float64(e.Times))
		}
	}
	return sum.Key()
}
