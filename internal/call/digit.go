package call

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Digit is a key that a party pressed.
type Digit struct {
	Key      byte // 0-9 * # A-D
	Duration time.Duration
	At       time.Time
}

const (
	// digitBuffer is how many digits may wait for a reader.
	digitBuffer = 64
	// twinWindow is how far apart the same key may come by two ways: by RFC 4733
	// the key is known when it is released or pressed, INFO comes at the end.
	twinWindow = 800 * time.Millisecond
)

// way is how a digit came.
type way uint8

const (
	byMedia way = iota // RFC 4733 events or tones
	byInfo             // SIP INFO
)

// seen is a digit that was accepted by one way and may come by the other.
type seen struct {
	key byte
	by  way
	at  time.Time
}

// keypad merges the digits of one leg into a bounded channel, each once. A
// peer may send the same key as an event and as INFO: the second of two equal
// keys that came by different ways within twinWindow is dropped, and each
// digit has at most one twin, so that a fast "11" stays two digits.
type keypad struct {
	out     chan Digit
	dropped atomic.Uint64 // full channel

	mu     sync.Mutex
	single []seen // without a twin yet, oldest first
}

func newKeypad() *keypad { return &keypad{out: make(chan Digit, digitBuffer)} }

// press takes a digit. It does not block.
func (k *keypad) press(key byte, d time.Duration, by way, now time.Time) {
	if !strings.ContainsRune("0123456789*#ABCD", rune(key)) || !k.first(key, by, now) {
		return
	}
	select {
	case k.out <- Digit{Key: key, Duration: d, At: now}:
	default:
		k.dropped.Add(1)
	}
}

// first tells whether the digit is not the twin of one before.
func (k *keypad) first(key byte, by way, now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.single) > 0 && now.Sub(k.single[0].at) > twinWindow {
		k.single = k.single[1:]
	}
	for i, s := range k.single {
		if s.key == key && s.by != by {
			k.single = append(k.single[:i], k.single[i+1:]...)
			return false
		}
	}
	if len(k.single) < digitBuffer {
		k.single = append(k.single, seen{key, by, now})
	}
	return true
}
