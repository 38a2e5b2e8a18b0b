package bot

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

// held is a customer's folder whose files cannot be read before it is released.
type held struct {
	begun   chan struct{}
	release chan struct{}
	once    *sync.Once
	panics  bool
}

func newHeld() held { return held{make(chan struct{}), make(chan struct{}), &sync.Once{}, false} }

func (h held) Open(name string) (fs.File, error) {
	if name == "." {
		return fstest.MapFS{}.Open(name)
	}
	if h.panics {
		panic("out of luck")
	}
	h.once.Do(func() { close(h.begun) })
	<-h.release
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

func heldEngine(t *testing.T, h held) *Engine {
	t.Helper()
	e, err := New(Config{Pack: "ecommerce", Overlays: []fs.FS{h}})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// The first who asks and leaves does not take the loading along: who waits gets
// its result.
func TestLoadingOutlivesWhoAskedFirst(t *testing.T) {
	t.Parallel()
	h := newHeld()
	e := heldEngine(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- e.Warm(ctx, "zh") }()
	<-h.begun
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first got %v", err)
	}
	go func() { second <- e.Warm(t.Context(), "zh") }()
	close(h.release)
	if err := <-second; err == nil || errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("the second got %v", err)
	}
	e.Close()
}

func TestPanicInLoadingIsAnError(t *testing.T) {
	t.Parallel()
	h := newHeld()
	h.panics = true
	e := heldEngine(t, h)
	defer e.Close()
	for range 2 {
		if err := e.Warm(t.Context(), "zh"); err == nil || !strings.Contains(err.Error(), "out of luck") {
			t.Error(err)
		}
	}
}

func TestCloseEndsLoading(t *testing.T) {
	t.Parallel()
	h := newHeld()
	e := heldEngine(t, h)
	got := make(chan error, 1)
	go func() { got <- e.Warm(t.Context(), "zh") }()
	<-h.begun
	go func() {
		<-e.life.Done()
		close(h.release)
	}()
	e.Close()
	if err := <-got; !errors.Is(err, ErrNotReady) {
		t.Error(err)
	}
	if _, err := e.Turn(t.Context(), State{}, "你好"); !errors.Is(err, ErrNotReady) { // nothing was loaded
		t.Error(err)
	}
}

// An action that the look-up does not know is an error with its place, before
// anything is trained.
func TestActionsMustBeDeclared(t *testing.T) {
	t.Parallel()
	own := fstest.MapFS{"ecommerce/pack.yaml": {Data: []byte("intents:\n  order_cancel:\n    action: cancel_it\n")},
		"ecommerce/zh/texts.yaml": {Data: []byte("intents:\n  order_cancel: {fallback: 稍后}\n")}}
	cfg := engine(t, "ecommerce").cfg
	cfg.Overlays = []fs.FS{own}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Warm(t.Context(), "zh"); err == nil || !strings.Contains(err.Error(), `action "cancel_it" of intent "order_cancel" is not declared`) {
		t.Error(err)
	}
}
