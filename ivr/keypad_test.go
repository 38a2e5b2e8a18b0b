package ivr

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestCollect(t *testing.T) {
	menu := KeySpec{Min: 1, Max: 2, FirstTimeout: 5 * time.Second, KeyTimeout: 2 * time.Second, Choices: []string{"1", "2", "21", "#"}, Escape: "0"}
	digits := KeySpec{Min: 3, Max: 5, FirstTimeout: 5 * time.Second, KeyTimeout: 2 * time.Second, Terminator: "#", Escape: "*0"}
	tests := []struct {
		name  string
		spec  KeySpec
		keys  string
		every time.Duration
		want  Keys
		took  time.Duration
	}{
		{"a choice that begins no other", menu, "1", 0, Keys{"1", Complete}, 0},
		{"a choice that begins another waits", menu, "2", 0, Keys{"2", Complete}, 2 * time.Second},
		{"the longer choice", menu, "21", time.Second, Keys{"21", Complete}, 2 * time.Second},
		{"no choice", menu, "7", 0, Keys{"7", Complete}, 0},
		{"escape in a menu", menu, "0", 0, Keys{"", Escaped}, 0},
		{"nothing", menu, "", 0, Keys{"", NoInput}, 5 * time.Second},
		{"as many as wanted", digits, "12345", time.Second, Keys{"12345", Complete}, 5 * time.Second},
		{"terminated", digits, "1234#", 0, Keys{"1234", Complete}, 0},
		{"terminated too early", digits, "12#", 0, Keys{"12", Incomplete}, 0},
		{"given up", digits, "12", 0, Keys{"12", Incomplete}, 2 * time.Second},
		{"enough, then nothing", digits, "123", 0, Keys{"123", Complete}, 2 * time.Second},
		{"0 is a digit here", digits, "00000", 0, Keys{"00000", Complete}, 0},
		{"escape among digits", digits, "12*0", 0, Keys{"", Escaped}, 0},
		{"escape at once", digits, "*0", 0, Keys{"", Escaped}, 0},
		{"escape in place of the last digit", digits, "1234*0", 0, Keys{"", Escaped}, 0},
		{"what is no key is ignored", digits, "x1\n2y3#", 0, Keys{"123", Complete}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := NewKeypad()
				start := time.Now()
				go func() {
					for i := range len(tt.keys) {
						time.Sleep(tt.every)
						k.Press(tt.keys[i])
					}
				}()
				synctest.Wait()
				got, err := k.Collect(t.Context(), tt.spec)
				if err != nil || got != tt.want {
					t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				synctest.Wait()
			})
		})
	}
}

func TestKeysTypedAheadAreKept(t *testing.T) {
	k := NewKeypad()
	for _, key := range []byte("123456") {
		k.Press(key)
	}
	spec := KeySpec{Min: 2, Max: 2, FirstTimeout: time.Minute}
	for _, want := range []string{"12", "34", "56"} {
		if got, err := k.Collect(t.Context(), spec); err != nil || got.Digits != want {
			t.Fatalf("got %+v, %v, want %s", got, err, want)
		}
	}
}

func TestClearedKeysDoNotCount(t *testing.T) {
	k := NewKeypad()
	k.Press('1')
	k.Press('2')
	k.Clear()
	k.Press('3')
	k.Press('4')
	got, err := k.Collect(t.Context(), KeySpec{Min: 2, Max: 2, FirstTimeout: time.Minute})
	if err != nil || got.Digits != "34" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTypeAheadIsBounded(t *testing.T) {
	k := NewKeypad()
	for range 10 * typeAhead {
		k.Press('1')
	}
	if len(k.waiting) != typeAhead {
		t.Errorf("%d keys wait", len(k.waiting))
	}
}

// playing pretends to play for d.
func playing(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func TestPlay(t *testing.T) {
	tests := []struct {
		name string
		opt  PlayOptions
		keys string // one second apart
		want Played
		took time.Duration
		left string // waiting afterwards
	}{
		{"heard to the end", PlayOptions{BargeIn: true, Escape: "0"}, "", Played{}, 10 * time.Second, ""},
		{"barge-in keeps the key", PlayOptions{BargeIn: true, Escape: "0"}, "5", Played{Interrupted: true}, time.Second, "5"},
		{"without barge-in keys are thrown away", PlayOptions{Escape: "0"}, "55", Played{}, 10 * time.Second, ""},
		{"escape without barge-in", PlayOptions{Escape: "0"}, "50", Played{Escaped: true}, 2 * time.Second, ""},
		{"escape of two keys", PlayOptions{Escape: "*0"}, "0*0", Played{Escaped: true}, 3 * time.Second, ""},
		{"0 is a digit here", PlayOptions{BargeIn: true, Escape: "*0"}, "0", Played{Interrupted: true}, time.Second, "0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := NewKeypad()
				start := time.Now()
				go func() {
					for i := range len(tt.keys) {
						time.Sleep(time.Second)
						k.Press(tt.keys[i])
					}
				}()
				got, err := k.Play(t.Context(), tt.opt, playing(10*time.Second))
				if err != nil || got != tt.want {
					t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
				}
				if took := time.Since(start); took != tt.took {
					t.Errorf("took %v, want %v", took, tt.took)
				}
				if string(k.waiting) != tt.left {
					t.Errorf("%q wait, want %q", k.waiting, tt.left)
				}
			})
		})
	}
}

func TestHangupEndsPlayAndCollect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, wait := range []func(*Keypad, context.Context) error{
			func(k *Keypad, ctx context.Context) error {
				_, err := k.Play(ctx, PlayOptions{}, playing(time.Hour))
				return err
			},
			func(k *Keypad, ctx context.Context) error {
				_, err := k.Collect(ctx, KeySpec{Max: 1, FirstTimeout: time.Hour})
				return err
			},
			func(k *Keypad, ctx context.Context) error {
				_, err := k.Collect(ctx, KeySpec{Escape: "0"})
				return err
			},
		} {
			ctx, hangup := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { hangup(ErrHangup) })
			if err := wait(NewKeypad(), ctx); !errors.Is(err, ErrHangup) {
				t.Errorf("got %v", err)
			}
		}
	})
}

// typist is a customer at a keypad who types when a certain prompt begins.
type typist struct {
	dumb
	k     *Keypad
	says  []string // into the first prompt, the second …
	plays int
}

func (y *typist) Play(ctx context.Context, _ []Prompt, opt PlayOptions) (Played, error) {
	if y.plays++; y.plays <= len(y.says) {
		for _, key := range []byte(y.says[y.plays-1]) {
			y.k.Press(key)
		}
	}
	return y.k.Play(ctx, opt, playing(time.Second))
}

func (y *typist) Collect(ctx context.Context, spec KeySpec) (Keys, error) {
	return y.k.Collect(ctx, spec)
}

// TestANumberTypedIntoTheComplaint: what follows "not understood" is the next
// try, whatever it begins with; only *0 asks for a human where a number is typed.
func TestANumberTypedIntoTheComplaint(t *testing.T) {
	const text = `
flow: fl_number
languages: [en]
start: ask
human: person
nodes:
  ask: {type: ask, text: {en: Number}, INVALID digits: {min: 4, max: 10}, save: number, next: done}
  done: {type: end}
  person: {type: queue, queue: humans}
`
	for _, tt := range []struct {
		name, own string
		says      []string
		want      End
	}{
		{"a number with 0 in front", "", []string{"12#", "0912#"}, EndFlow},
		{"… into a text of the flow's own", "invalid: {en: No}, ", []string{"12#", "0912#"}, EndFlow},
		{"the wish for a human", "", []string{"12#", "*0"}, EndHandled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				flow := mustParse(t, strings.Replace(text, "INVALID", tt.own, 1))
				y := &typist{k: NewKeypad(), says: tt.says}
				res, err := NewRunner(Config{Log: slog.New(slog.DiscardHandler)}).Run(t.Context(), flow, y, nil)
				if err != nil || res.End != tt.want {
					t.Errorf("got %+v, %v, queues %v", res, err, y.queued)
				}
			})
		})
	}
}
