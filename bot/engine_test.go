package bot

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/openhotline/hotline/bot/nlu"
)

var errTrain = errors.New("no model")

// The first who asks and leaves does not take the training along: who waits
// gets its result.
func TestLoadingOutlivesWhoAskedFirst(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var trained error
	e, err := New(Config{Pack: "ecommerce", Train: func(ctx context.Context, _ []nlu.Example, _ nlu.Config) (*nlu.Model, error) {
		once.Do(func() { close(begun) })
		<-release
		trained = ctx.Err()
		return nil, errTrain
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- e.Warm(ctx, "zh") }()
	<-begun
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first got %v", err)
	}
	second := make(chan error, 1)
	go func() { second <- e.Warm(t.Context(), "zh") }()
	close(release)
	if err := <-second; !errors.Is(err, errTrain) {
		t.Errorf("the second got %v", err)
	}
	e.Close()
	if trained != nil {
		t.Errorf("the training was ended: %v", trained)
	}
}

func TestPanicInLoadingIsAnError(t *testing.T) {
	t.Parallel()
	e, err := New(Config{Pack: "ecommerce", Train: func(context.Context, []nlu.Example, nlu.Config) (*nlu.Model, error) { panic("out of luck") }})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for range 2 {
		if err := e.Warm(t.Context(), "zh"); err == nil || !strings.Contains(err.Error(), "out of luck") {
			t.Error(err)
		}
	}
}

func TestCloseEndsLoading(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	e, err := New(Config{Pack: "ecommerce", Train: func(ctx context.Context, _ []nlu.Example, _ nlu.Config) (*nlu.Model, error) {
		close(begun)
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() { got <- e.Warm(t.Context(), "zh") }()
	<-begun
	e.Close()
	if err := <-got; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := e.Turn(t.Context(), State{}, "你好"); !errors.Is(err, ErrClosed) {
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
	cfg.Overlays = append(cfg.Overlays, own)
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := e.Warm(t.Context(), "zh"); err == nil || !strings.Contains(err.Error(), `action "cancel_it" of intent "order_cancel" is not declared`) {
		t.Error(err)
	}
}
