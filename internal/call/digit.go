package call

import "time"

// Digit is a key that a party pressed.
type Digit struct {
	Key      byte // 0-9 * # A-D
	Duration time.Duration
	At       time.Time
}
