package insight

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// span is a stretch of time in µs since 1970.
type span struct{ from, to int64 }

// goesOn is the end of a span that has none yet.
const goesOn = math.MaxInt64

// spanOf makes a span; a zero end goes on.
func spanOf(from, to time.Time) span {
	if to.IsZero() {
		return span{from.UnixMicro(), goesOn}
	}
	return span{from.UnixMicro(), to.UnixMicro()}
}

// compareSpans orders by beginning, then by end.
func compareSpans(a, b span) int {
	if c := cmp.Compare(a.from, b.from); c != 0 {
		return c
	}
	return cmp.Compare(a.to, b.to)
}

// union sorts spans and joins those that overlap; those that go on end at now.
func union(spans []span, now int64) []span {
	sorted := make([]span, 0, len(spans))
	for _, s := range spans {
		if s.to == goesOn {
			s.to = now
		}
		if s.from < s.to {
			sorted = append(sorted, s)
		}
	}
	if !slices.IsSortedFunc(sorted, compareSpans) {
		slices.SortFunc(sorted, compareSpans)
	}
	joined := sorted[:0]
	for _, s := range sorted {
		if n := len(joined); n > 0 && s.from <= joined[n-1].to {
			joined[n-1].to = max(joined[n-1].to, s.to)
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
		for i < len(b) && b[i].to <= s.from {
			i++
		}
		for j := i; j < len(b) && b[j].from < s.to; j++ {
			if s.from < b[j].from {
				rest = append(rest, span{s.from, b[j].from})
			}
			if s.from = b[j].to; s.from >= s.to {
				break
			}
		}
		if s.from < s.to {
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
	var us int64
	for _, s := range spans {
		us += s.to - s.from
	}
	return micros(us)
}
