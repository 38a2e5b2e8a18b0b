package insight

import (
	"fmt"
	"slices"
	"time"
)

// bucket is an interval of the calendar.
type bucket struct{ from, to time.Time }

// calendar cuts the time of a query into its intervals.
type calendar struct {
	g        Granularity
	loc      *time.Location
	from, to time.Time
	starts   []int64 // µs since 1970: when each interval begins, and last the query's end
	times    []time.Time
	last     int // interval of the last call: mostly the next is the same
}

// maxIntervals bounds the rows of one queue or agent: 50 years in hours.
const maxIntervals = 450_000

func newCalendar(q Query) (*calendar, error) {
	c := &calendar{g: q.Granularity, loc: q.Location, from: q.From.Truncate(time.Microsecond), to: q.To.Truncate(time.Microsecond)}
	if c.loc == nil {
		c.loc = time.UTC
	}
	switch c.g {
	case HalfHour, Hour, Day, Week, Whole:
	default:
		return c, fmt.Errorf("%w: granularity %q is none of half_hour, hour, day, week, whole", ErrQuery, c.g)
	}
	if !c.from.Before(c.to) {
		return c, fmt.Errorf("%w: from %s is not before to %s", ErrQuery, c.from.Format(time.RFC3339), c.to.Format(time.RFC3339))
	}
	for at := c.from; at.Before(c.to); at = c.whole(at).to {
		if len(c.starts) == maxIntervals {
			return c, fmt.Errorf("%w: more than %d intervals", ErrQuery, maxIntervals)
		}
		c.starts, c.times = append(c.starts, at.UnixMicro()), append(c.times, at)
	}
	c.starts, c.times = append(c.starts, c.to.UnixMicro()), append(c.times, c.to)
	return c, nil
}

// intervals is how many there are.
func (c *calendar) intervals() int { return len(c.starts) - 1 }

// of returns the interval that holds a time (µs since 1970); ok is false when
// it lies outside the query.
func (c *calendar) of(us int64) (i int, ok bool) {
	if us < c.starts[0] || us >= c.starts[len(c.starts)-1] {
		return 0, false
	}
	if us < c.starts[c.last] || us >= c.starts[c.last+1] {
		i, found := slices.BinarySearch(c.starts, us)
		if !found {
			i--
		}
		c.last = i
	}
	return c.last, true
}

// whole returns the calendar interval that holds t.
func (c *calendar) whole(t time.Time) bucket {
	l := t.In(c.loc)
	y, m, d := l.Date()
	switch c.g {
	case HalfHour:
		return within(l, 30*time.Minute)
	case Hour:
		return within(l, time.Hour)
	case Day:
		return bucket{midnight(y, m, d, c.loc), midnight(y, m, d+1, c.loc)}
	case Week:
		monday := d - (int(l.Weekday())+6)%7
		return bucket{midnight(y, m, monday, c.loc), midnight(y, m, monday+7, c.loc)}
	case Whole:
	}
	return bucket{c.from, c.to}
}

// within returns the part of an hour, by the clock on the wall, that holds l. A
// change of the clock ends it: where the clock goes back by half an hour, the
// repeated half is an interval of its own.
func within(l time.Time, d time.Duration) bucket {
	past := time.Duration(l.Minute())*time.Minute + time.Duration(l.Second())*time.Second + time.Duration(l.Nanosecond())
	b := bucket{from: l.Add(-past % d)}
	b.to = b.from.Add(d)
	start, end := l.ZoneBounds()
	if b.from.Before(start) {
		b.from = start
	}
	if !end.IsZero() && b.to.After(end) {
		b.to = end
	}
	return b
}

// quarters returns the whole quarters of an hour (UTC) within the query. It is
// not ok when there is none, or when an interval begins within one, as in zones
// whose offset to UTC had odd minutes long ago.
func (c *calendar) quarters() (whole span, ok bool) {
	n := len(c.starts)
	whole = span{floorQuarter(c.starts[0] + quarterMicros - 1), floorQuarter(c.starts[n-1])}
	for _, at := range c.starts[1 : n-1] {
		if floorQuarter(at) != at {
			return whole, false
		}
	}
	return whole, whole.from < whole.to
}

// floorQuarter returns the beginning of the quarter of an hour that holds a time.
func floorQuarter(us int64) int64 {
	past := us % quarterMicros
	if past < 0 {
		past += quarterMicros
	}
	return us - past
}

// midnight returns the first moment of a day; where a clock change skips
// midnight, that is later than 00:00.
func midnight(y int, m time.Month, d int, loc *time.Location) time.Time {
	want := time.Date(y, m, d, 12, 0, 0, 0, loc).Day()
	t := time.Date(y, m, d, 0, 0, 0, 0, loc)
	for t.Day() != want {
		t = t.Add(15 * time.Minute)
	}
	return t
}

// each calls f for every interval of the query that overlaps a span, with the
// overlap's length.
func (c *calendar) each(s span, f func(i int, d time.Duration)) {
	from, to := max(s.from, c.starts[0]), min(s.to, c.starts[len(c.starts)-1])
	for from < to {
		i, _ := c.of(from)
		end := min(to, c.starts[i+1])
		f(i, micros(end-from))
		from = end
	}
}

// micros turns µs into a duration.
func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
