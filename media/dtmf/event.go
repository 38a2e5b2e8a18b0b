// Package dtmf codes and decodes digits: telephone-events in RTP (RFC 4733)
// and tones in the audio.
package dtmf

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// ErrEvent is returned for a payload that is no telephone-event of a digit.
var ErrEvent = errors.New("dtmf: not a digit event")

// digits lists the sixteen digits by event code (RFC 4733 §3.2).
const digits = "0123456789*#ABCD"

// Code returns the event code of a digit, case ignored.
func Code(digit byte) (byte, bool) {
	if digit >= 'a' && digit <= 'd' {
		digit -= 'a' - 'A'
	}
	i := strings.IndexByte(digits, digit)
	return byte(max(i, 0)), i >= 0
}

// Digit returns the digit of an event code.
func Digit(code byte) (byte, bool) {
	if int(code) >= len(digits) {
		return 0, false
	}
	return digits[code], true
}

// EventSize is the length of an event payload in bytes.
const EventSize = 4

// Event is the payload of RFC 4733 §2.3.
type Event struct {
	Code     byte
	End      bool
	Volume   byte   // −dBm0, 0..63
	Duration uint16 // RTP clock ticks
}

// Append appends the payload to b.
func (e Event) Append(b []byte) []byte {
	flags := e.Volume & 0x3F
	if e.End {
		flags |= 0x80
	}
	return append(b, e.Code, flags, byte(e.Duration>>8), byte(e.Duration))
}

// ParseEvent reads a payload. Further events packed behind it are not looked at.
func ParseEvent(b []byte) (Event, error) {
	if len(b) < EventSize || int(b[0]) >= len(digits) {
		return Event{}, ErrEvent
	}
	return Event{Code: b[0], End: b[1]&0x80 != 0, Volume: b[1] & 0x3F, Duration: binary.BigEndian.Uint16(b[2:])}, nil
}

// Press is a digit that was received.
type Press struct {
	Digit    byte
	Duration time.Duration
}

// Receiver turns event packets into presses: each once, however often its
// packets are repeated, and also when the packets with the end bit are lost.
// The zero value is ready.
type Receiver struct {
	active   bool // a press is going on and was not reported
	known    bool // ts and code are of a real event
	ts       uint32
	code     byte
	ticks    uint32 // of the segments before this one
	duration uint16
	clock    uint32
	seen     time.Time
}

// lostEnd is how long after its last packet a press counts as ended: packets
// come every 20 to 50 ms.
const lostEnd = 120 * time.Millisecond

// Packet takes an event with its RTP timestamp at a clock rate. It returns the
// press that has ended now, if any: this one, or the one before whose end was
// lost.
func (r *Receiver) Packet(ts, clock uint32, e Event, now time.Time) (Press, bool) {
	if clock == 0 {
		return Press{}, false
	}
	var before Press
	var ended bool
	switch {
	case r.known && ts == r.ts && e.Code == r.code:
		if !r.active {
			return Press{}, false // repeated end
		}
	case r.known && int32(ts-r.ts) <= 0 && now.Sub(r.seen) < 5*time.Second:
		return Press{}, false // late packet of an older press
	case r.active && e.Code == r.code && ts-r.ts == 0xFFFF:
		r.ticks += 0xFFFF // the next segment of a long press (RFC 4733 §2.5.1.3)
		r.ts, r.duration = ts, 0
	default:
		before, ended = r.report()
		*r = Receiver{active: true, known: true, ts: ts, code: e.Code, clock: clock}
	}
	r.seen = now
	r.duration = max(r.duration, e.Duration)
	if e.End && r.active {
		if ended {
			return before, true // two presses at once: this end comes three times
		}
		return r.report()
	}
	return before, ended
}

// Expire reports a press whose end was lost. Call it ten times a second.
func (r *Receiver) Expire(now time.Time) (Press, bool) {
	if !r.active || now.Sub(r.seen) < lostEnd {
		return Press{}, false
	}
	return r.report()
}

func (r *Receiver) report() (Press, bool) {
	if !r.active {
		return Press{}, false
	}
	r.active = false
	d, _ := Digit(r.code)
	ticks := uint64(r.ticks) + uint64(r.duration)
	return Press{Digit: d, Duration: time.Duration(ticks * uint64(time.Second) / uint64(r.clock))}, true
}
