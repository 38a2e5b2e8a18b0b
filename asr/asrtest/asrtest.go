// Package asrtest is what every speech recognition engine must pass. It needs an
// engine and recordings with transcripts; it brings none.
package asrtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/openhotline/hotline/asr"
)

// Utterance is a recording and what is said in it.
type Utterance struct {
	Name  string
	Audio []byte // in Config.Format
	Text  string
}

// Options say how an engine is tested.
type Options struct {
	Config     asr.Config
	Utterances []Utterance // at least two
	// Silence follows each utterance, so that engines find its end. Defaults to
	// none; then Finish is called.
	Silence []byte
	// Wait bounds the time for one result. Defaults to 30 s.
	Wait time.Duration
}

// Run checks an engine: what it hears, the order of its events, and that
// sessions can be cancelled and closed at any time.
func Run(t *testing.T, e asr.Engine, o Options) {
	t.Helper()
	if o.Wait == 0 {
		o.Wait = 30 * time.Second
	}
	if len(o.Utterances) < 2 {
		t.Fatal("asrtest: at least two utterances are needed")
	}
	t.Run("utterances", func(t *testing.T) { utterances(t, e, o) })
	t.Run("cancelled utterance has no result", func(t *testing.T) { cancelled(t, e, o) })
	t.Run("close at any time", func(t *testing.T) { closed(t, e, o) })
	t.Run("unsupported config is refused", func(t *testing.T) {
		cfg := o.Config
		cfg.Format = asr.Format{Rate: 1, Encoding: "none"}
		if s, err := e.Open(t.Context(), cfg); !errors.Is(err, asr.ErrUnsupported) {
			if err == nil {
				_ = s.Close() // it should not be there
			}
			t.Errorf("got %v, want ErrUnsupported", err)
		}
	})
}

// say feeds one utterance in frames of 20 ms.
func say(ctx context.Context, s asr.Session, o Options, u Utterance) error {
	width := 1
	if o.Config.Format.Encoding == asr.Linear16 {
		width = 2
	}
	frame := o.Config.Format.Rate.Frame() * width
	for _, audio := range [][]byte{u.Audio, o.Silence} {
		for len(audio) > 0 {
			n := min(frame, len(audio))
			if err := s.Write(ctx, audio[:n]); err != nil {
				return err
			}
			audio = audio[n:]
		}
	}
	if len(o.Silence) == 0 {
		return s.Finish(ctx)
	}
	return nil
}

func utterances(t *testing.T, e asr.Engine, o Options) {
	s, err := e.Open(t.Context(), o.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // checked below
	var all []asr.Event
	for _, u := range o.Utterances {
		ctx, cancel := context.WithTimeout(t.Context(), o.Wait)
		fed := make(chan error, 1)
		go func() { fed <- say(ctx, s, o, u) }()
		text, events := result(ctx, s)
		all = append(all, events...)
		if err := <-fed; err != nil {
			t.Errorf("%s: %v", u.Name, err)
		}
		cancel()
		if Normal(text) != Normal(u.Text) {
			t.Errorf("%s: heard %q, said %q", u.Name, text, u.Text)
		}
	}
	if err := CheckEvents(all); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// result reads events up to a final one.
func result(ctx context.Context, s asr.Session) (text string, events []asr.Event) {
	for {
		select {
		case e, ok := <-s.Events():
			if !ok {
				return "", events
			}
			events = append(events, e)
			if e.Kind == asr.Final {
				return e.Text, events
			}
		case <-ctx.Done():
			return "", events
		}
	}
}

func cancelled(t *testing.T, e asr.Engine, o Options) {
	s, err := e.Open(t.Context(), o.Config)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // not what is tested
	ctx, cancel := context.WithTimeout(t.Context(), o.Wait)
	defer cancel()
	first, second := o.Utterances[0], o.Utterances[1]
	if err := s.Write(ctx, first.Audio[:len(first.Audio)/4*2]); err != nil {
		t.Fatal(err)
	}
	if err := s.Cancel(ctx); err != nil {
		t.Fatal(err)
	}
	fed := make(chan error, 1)
	go func() { fed <- say(ctx, s, o, second) }()
	text, _ := result(ctx, s)
	if err := <-fed; err != nil {
		t.Error(err)
	}
	if Normal(text) != Normal(second.Text) {
		t.Errorf("heard %q after a cancelled utterance, said %q", text, second.Text)
	}
}

func closed(t *testing.T, e asr.Engine, o Options) {
	s, err := e.Open(t.Context(), o.Config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), o.Wait)
	defer cancel()
	if err := s.Write(ctx, o.Utterances[0].Audio[:2]); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	for {
		select {
		case _, ok := <-s.Events():
			if ok {
				continue
			}
		case <-ctx.Done():
			t.Fatal("the events do not end")
		}
		break
	}
	if err := s.Write(ctx, o.Utterances[0].Audio[:2]); !errors.Is(err, asr.ErrClosed) {
		t.Errorf("write after close: %v, want ErrClosed", err)
	}
	if err := s.Err(); err != nil {
		t.Errorf("a closed session has the error %v", err)
	}
}

// CheckEvents checks the order of a session's events: for each utterance, in
// order from 1, a start, partial results, an end, and exactly one final result;
// times never go back.
func CheckEvents(events []asr.Event) error {
	utterance, open, ended := 0, false, false
	var at time.Duration
	for i, e := range events {
		fail := func(why string) error { return fmt.Errorf("event %d (%s): %s", i, e.Kind, why) }
		if e.At < at {
			return fail(fmt.Sprintf("at %v, after one at %v", e.At, at))
		}
		at = e.At
		switch {
		case e.Kind == asr.SpeechStart:
			if open {
				return fail("the utterance before has no final result")
			}
			utterance, open, ended = utterance+1, true, false
		case !open:
			return fail("no utterance has begun")
		case e.Kind == asr.Partial && ended:
			return fail("after the end of speech")
		case e.Kind == asr.SpeechEnd:
			if ended {
				return fail("the speech has ended before")
			}
			ended = true
		case e.Kind == asr.Final:
			if !ended {
				return fail("before the end of speech")
			}
			open = false
		}
		if e.Utterance != utterance {
			return fail(fmt.Sprintf("of utterance %d, want %d", e.Utterance, utterance))
		}
		for j, w := range e.Words {
			if w.End < w.Start || j > 0 && w.Start < e.Words[j-1].Start {
				return fail(fmt.Sprintf("word %d is at %v to %v", j, w.Start, w.End))
			}
		}
	}
	if open {
		return fmt.Errorf("utterance %d has no final result", utterance)
	}
	return nil
}

// Normal is a text without case, punctuation and spaces, for comparing.
func Normal(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}
