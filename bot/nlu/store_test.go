package nlu

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/openhotline/hotline/bot/cache"
)

func store(t *testing.T, dir string) *Store {
	t.Helper()
	folder, err := cache.Open(dir, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return NewStore(folder)
}

// counted trains by a store and tells whether it was trained or read: reading
// says at once that all is done.
func counted(t *testing.T, s *Store, examples []Example, cfg Config) (m *Model, trained bool) {
	t.Helper()
	steps := 0
	cfg.Progress = func(float64) { steps++ }
	cfg.Workers = 1
	m, err := s.Train(t.Context(), examples, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m, steps > 1
}

func TestStoreReadsWhatItTrained(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, was := counted(t, store(t, dir), desk(), Config{})
	if !was {
		t.Fatal("an empty folder held a model")
	}
	second, was := counted(t, store(t, dir), desk(), Config{})
	if was {
		t.Fatal("trained again")
	}
	if !bytes.Equal(Encode(first), Encode(second)) {
		t.Error("another model was read")
	}
	for name, change := range map[string]struct {
		examples []Example
		cfg      Config
	}{
		"other examples": {append(desk(), Example{Text: "money", Label: "refund"}), Config{}},
		"other concepts": {desk(), Config{Concepts: deskConcepts()}},
		"other limits":   {desk(), Config{FalseReject: .1}},
	} {
		if _, was := counted(t, store(t, dir), change.examples, change.cfg); !was {
			t.Errorf("%s: the old model was read", name)
		}
	}
}

// A file that is damaged, or whole but no model, is made anew.
func TestStoreTrainsAnewWhatIsDamaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want, _ := counted(t, store(t, dir), desk(), Config{})
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files are %v, %v", files, err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	m, was := counted(t, store(t, dir), desk(), Config{})
	if !was || !bytes.Equal(Encode(m), Encode(want)) {
		t.Errorf("half a file was read: %v", !was)
	}
	s := store(t, dir)
	s.Folder().Save(kind, want.ID(), []byte("no model"))
	if _, was := counted(t, s, desk(), Config{}); !was {
		t.Error("what is no model was read")
	}
	if now, err := os.ReadFile(files[0]); err != nil || !bytes.Equal(now, whole) {
		t.Errorf("the file is not as it was: %v", err)
	}
}

// Who asks at the same time shares one model; who stops waiting is let go.
func TestStoreSharesModels(t *testing.T) {
	t.Parallel()
	s := NewStore(nil)
	models := make([]*Model, 4)
	var wg sync.WaitGroup
	for i := range models {
		wg.Go(func() {
			m, err := s.Train(t.Context(), desk(), Config{})
			if err != nil {
				t.Error(err)
			}
			models[i] = m
		})
	}
	wg.Wait()
	for _, m := range models {
		if m != models[0] {
			t.Fatal("two models of the same examples")
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := s.Train(ctx, desk()[1:], Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped, it gives %v", err)
	}
	if _, err := s.Train(t.Context(), desk()[1:], Config{}); err != nil {
		t.Errorf("after one that was stopped: %v", err)
	}
}
