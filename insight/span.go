package insight

import (
	"slices"
	"time"
)

// span is a stretch of time; a zero end means that it goes on.
type span struct{ from, to time.Time }

// union sorts spans and joins those that overlap; open ones end at now.
func union(spans []span, now time.Time) []span {
	sorted := make([]span, 0, len(spans))
	for _, s := range spans {
		if s.to.IsZero() {
			s.to = now
		}
		if s.from.Before(s.to) {
			sorted = append(sorted, s)
		}
	}
	slices.SortFunc(sorted, func(a, b span) int { return a.from.Compare(b.from) })
	joined := sorted[:0]
	for _, s := range sorted {
		if n := len(joined); n > 0 && !s.from.After(joined[n-1].to) {
			if s.to.After(joined[n-1].to) {
				joined[n-1].to = s.to
			}
			continue
		}
		joined = append(joined, s)
	}
	return joined
}

// without returns what is in a and not in b; both are unions.
func without(a, b []span) []span {
	var rest []span
	i := 0
	for _, s := range a {
		for i < len(b) && !b[i].to.After(s.from) {
			i++
		}
		for j := i; j < len(b) && b[j].from.Before(s.to); j++ {
			if s.from.Before(b[j].from) {
				rest = append(rest, span{s.from, b[j].from})
			}
			if s.from = b[j].to; !s.from.Before(s.to) {
				break
			}
		}
		if s.from.Before(s.to) {
			rest = append(rest, s)
		}
	}
	return rest
}

// common returns how long two unions overlap.
func common(a, b []span) time.Duration {
	return length(a) - length(without(a, b))
}

func length(spans []span) time.Duration {
	var d time.Duration
	for _, s := range spans {
		d += s.to.Sub(s.from)
	}
	return d
}
