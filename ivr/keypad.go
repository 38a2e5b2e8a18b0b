package ivr

import "context"

// Keypad implements the keys of a Session for a phone call: the call's reader
// feeds Press, Play and Collect do the rest. It keeps keys that were typed
// ahead, bounded. One Play or Collect runs at a time; Press comes from any
// goroutine.
type Keypad struct{}

// NewKeypad makes a keypad.
func NewKeypad() *Keypad { return &Keypad{} }

// Press adds a key (0-9 * # A-D). It does not block; keys beyond 64 waiting
// ones are dropped.
func (k *Keypad) Press(key byte) {}

// Play runs play, which plays until its context ends or everything was heard,
// and ends it when a key says so. Errors are those of play.
func (k *Keypad) Play(ctx context.Context, opt PlayOptions, play func(context.Context) error) (Played, error) {
	return Played{}, play(ctx)
}

// Collect waits for keys as Session.Collect does.
func (k *Keypad) Collect(ctx context.Context, spec KeySpec) (Keys, error) {
	return Keys{Why: NoInput}, nil
}
