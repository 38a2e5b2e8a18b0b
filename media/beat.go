package media

import "time"

// began is where the process's periods are counted from.
var began = time.Now()

// UntilBeat is the time from now to the next multiple of period. What waits by
// it wakes the process at the same instants as others whose periods divide or
// multiply its own, instead of each at its own: waking an idle process costs
// more than a frame of many calls.
func UntilBeat(now time.Time, period time.Duration) time.Duration {
	into := now.Sub(began) % period
	if into < 0 {
		into += period
	}
	return period - into
}
