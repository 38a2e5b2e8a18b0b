package ivr

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// typeAhead bounds the keys that wait to be collected.
const typeAhead = 64

// Keypad implements the keys of a Session for a phone call: the call's reader
// feeds Press, Play and Collect do the rest. It keeps keys that were typed
// ahead, bounded. One Play or Collect runs at a time; Press comes from any
// goroutine.
type Keypad struct {
	mu      sync.Mutex
	waiting []byte
	pressed chan struct{} // tells the one reader that waiting grew
}

// NewKeypad makes a keypad.
func NewKeypad() *Keypad { return &Keypad{pressed: make(chan struct{}, 1)} }

// Press adds a key (0-9 * # A-D). It does not block; keys beyond 64 waiting
// ones are dropped.
func (k *Keypad) Press(key byte) {
	if key >= 'a' && key <= 'd' {
		key -= 'a' - 'A'
	}
	if !strings.ContainsRune("0123456789*#ABCD", rune(key)) {
		return
	}
	k.mu.Lock()
	if len(k.waiting) < typeAhead {
		k.waiting = append(k.waiting, key)
	}
	k.mu.Unlock()
	select {
	case k.pressed <- struct{}{}:
	default:
	}
}

// Waiting is the number of keys that wait to be collected.
func (k *Keypad) Waiting() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.waiting)
}

// Play runs play, which plays until its context ends or everything was heard,
// and ends it when a key says so. Errors are those of play.
func (k *Keypad) Play(ctx context.Context, opt PlayOptions, play func(context.Context) error) (Played, error) {
	if p := k.ends(opt); p != (Played{}) {
		return p, nil
	}
	playing, stop := context.WithCancel(ctx)
	defer stop()
	over := make(chan error, 1)
	go func() { over <- play(playing) }()
	for {
		select {
		case err := <-over:
			if ctx.Err() != nil {
				return Played{}, context.Cause(ctx)
			}
			p := k.ends(opt)
			if !opt.BargeIn && !p.Escaped {
				k.Clear()
			}
			return p, err
		case <-k.pressed:
			if p := k.ends(opt); p != (Played{}) {
				stop()
				<-over
				return p, nil
			}
		}
	}
}

// ends tells whether the waiting keys end a prompt.
func (k *Keypad) ends(opt PlayOptions) Played {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.takeEscape(opt.Escape) {
		return Played{Escaped: true}
	}
	return Played{Interrupted: opt.BargeIn && len(k.waiting) > 0}
}

// takeEscape removes everything up to the end of the escape, if it was typed.
func (k *Keypad) takeEscape(escape string) bool {
	if escape == "" {
		return false
	}
	i := strings.Index(string(k.waiting), escape)
	if i < 0 {
		return false
	}
	k.waiting = slices.Delete(k.waiting, 0, i+len(escape))
	return true
}

// Clear drops the keys that wait.
func (k *Keypad) Clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting = k.waiting[:0]
}

// next takes the oldest waiting key.
func (k *Keypad) next() (key byte, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.waiting) == 0 {
		return 0, false
	}
	key = k.waiting[0]
	k.waiting = slices.Delete(k.waiting, 0, 1)
	return key, true
}

// Collect waits for keys as Session.Collect does.
func (k *Keypad) Collect(ctx context.Context, spec KeySpec) (Keys, error) {
	if spec.Max <= 0 {
		return k.watch(ctx, spec.Escape)
	}
	if spec.KeyTimeout == 0 {
		spec.KeyTimeout = spec.FirstTimeout
	}
	var input string
	var expired <-chan time.Time // nil: never
	if spec.FirstTimeout > 0 {
		timer := time.NewTimer(spec.FirstTimeout)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		before := len(input)
		for key, ok := k.next(); ok; key, ok = k.next() {
			var done bool
			var why Why
			if input, why, done = spec.add(input, key); done {
				return Keys{Digits: input, Why: why}, nil
			}
		}
		if len(input) > before && spec.KeyTimeout > 0 {
			timer := time.NewTimer(spec.KeyTimeout)
			defer timer.Stop()
			expired = timer.C
		}
		select {
		case <-ctx.Done():
			return Keys{}, context.Cause(ctx)
		case <-k.pressed:
		case <-expired:
			return Keys{Digits: input, Why: spec.timeout(input)}, nil
		}
	}
}

// watch waits for the escape alone.
func (k *Keypad) watch(ctx context.Context, escape string) (Keys, error) {
	for {
		k.mu.Lock()
		escaped := k.takeEscape(escape)
		k.mu.Unlock()
		if escaped {
			return Keys{Why: Escaped}, nil
		}
		select {
		case <-ctx.Done():
			return Keys{}, context.Cause(ctx)
		case <-k.pressed:
		}
	}
}

// add puts one key to the input and tells whether that completes it. A one-key
// escape counts as the first key only, so that it may be part of longer inputs.
func (spec KeySpec) add(input string, key byte) (out string, why Why, done bool) {
	if spec.Terminator != "" && key == spec.Terminator[0] {
		if len(input) < spec.Min || len(input) == 0 && len(spec.Choices) > 0 {
			return input, Incomplete, true
		}
		return input, Complete, true
	}
	input += string(rune(key))
	if e := spec.Escape; e != "" && (input == e || len(e) > 1 && strings.HasSuffix(input, e)) {
		return "", Escaped, true
	}
	if len(spec.Choices) > 0 {
		longer := slices.ContainsFunc(spec.Choices, func(c string) bool {
			return len(c) > len(input) && strings.HasPrefix(c, input)
		})
		return input, Complete, !longer
	}
	// The first key of *0 never completes an input: the second may follow.
	if e := spec.Escape; len(e) > 1 && strings.HasSuffix(input, e[:1]) && len(input) <= spec.Max {
		return input, Complete, false
	}
	return input, Complete, len(input) >= spec.Max
}

// timeout judges an input after which nothing came.
func (spec KeySpec) timeout(input string) Why {
	switch {
	case input == "":
		return NoInput
	case len(spec.Choices) > 0 && slices.Contains(spec.Choices, input):
		return Complete
	case len(spec.Choices) > 0, len(input) < spec.Min:
		return Incomplete
	}
	return Complete
}
