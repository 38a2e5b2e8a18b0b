package insight

import (
	"fmt"
	"time"
)

// bucket is the interval of a row, clipped to the query.
type bucket struct{ from, to time.Time }

// calendar cuts time into the intervals of a query.
type calendar struct {
	g        Granularity
	loc      *time.Location
	from, to time.Time
	last     bucket // of the last call: mostly the next is in the same
}

func newCalendar(q Query) (*calendar, error) {
	c := &calendar{g: q.Granularity, loc: q.Location, from: q.From, to: q.To}
	if c.loc == nil {
		c.loc = time.UTC
	}
	switch c.g {
	case HalfHour, Day, Week, Whole:
	default:
		return c, fmt.Errorf("%w: granularity %q is none of half_hour, day, week, whole", ErrQuery, c.g)
	}
	if !c.from.Before(c.to) {
		return c, fmt.Errorf("%w: from %s is not before to %s", ErrQuery, c.from.Format(time.RFC3339), c.to.Format(time.RFC3339))
	}
	return c, nil
}

// holds reports whether t belongs to the query.
func (c *calendar) holds(t time.Time) bool { return !t.Before(c.from) && t.Before(c.to) }

// of returns the interval that holds t, clipped to the query.
func (c *calendar) of(t time.Time) bucket {
	if !t.Before(c.last.from) && t.Before(c.last.to) {
		return c.last
	}
	b := c.whole(t)
	if b.from.Before(c.from) {
		b.from = c.from
	}
	if b.to.After(c.to) {
		b.to = c.to
	}
	if c.holds(t) {
		c.last = b
	}
	return b
}

// whole returns the calendar interval that holds t.
func (c *calendar) whole(t time.Time) bucket {
	l := t.In(c.loc)
	y, m, d := l.Date()
	switch c.g {
	case HalfHour:
		past := time.Duration(l.Minute()%30)*time.Minute + time.Duration(l.Second())*time.Second + time.Duration(l.Nanosecond())
		from := l.Add(-past)
		return bucket{from, from.Add(30 * time.Minute)}
	case Day:
		return bucket{midnight(y, m, d, c.loc), midnight(y, m, d+1, c.loc)}
	case Week:
		monday := d - (int(l.Weekday())+6)%7
		return bucket{midnight(y, m, monday, c.loc), midnight(y, m, monday+7, c.loc)}
	case Whole:
	}
	return bucket{c.from, c.to}
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

// each calls f for every interval that overlaps [from, to) of the query, with
// the overlap's length.
func (c *calendar) each(from, to time.Time, f func(bucket, time.Duration)) {
	if from.Before(c.from) {
		from = c.from
	}
	if to.After(c.to) {
		to = c.to
	}
	for from.Before(to) {
		b := c.of(from)
		end := b.to
		if to.Before(end) {
			end = to
		}
		f(b, end.Sub(from))
		from = end
	}
}
