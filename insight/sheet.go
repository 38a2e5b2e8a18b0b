package insight

import (
	"slices"
	"time"
)

// quarterLength is the grain of sheets: the offsets to UTC of all zones in use
// are multiples of it, so every half hour, hour, day and week of every zone
// consists of whole quarters.
const (
	quarterLength = 15 * time.Minute
	quarterMicros = int64(quarterLength / time.Microsecond)
	dayMicros     = 96 * quarterMicros
)

// Sheet is what one queue or one agent did in one UTC day, by quarters of an
// hour: everything that any figure needs of it. The waits in a queue are kept
// as counts per second, so that service levels can be computed for every
// threshold; an agent's busy times as they were, since overlapping ones count
// once. A zero Sheet is empty.
type Sheet struct {
	quarters []quarter   // by index
	waits    []waitCount // memory of the quarters' lists, see Decode
	spans    []span
}

// quarter is one of a day's quarters that is not empty.
type quarter struct {
	index int // 0–95
	tallied
	waits []waitCount // in a queue, by outcome and seconds
	busy  []span      // of an agent, the parts within the quarter, by time
}

// tallied are sums.
type tallied struct {
	waited           int64 // µs: of the answered
	offers, missed   int64 // of an agent
	rejected         int64
	answered         int64 // agent segments begun
	handled          int64 // of those, ended
	talk, hold, wrap int64 // µs
	transfers, right int64
}

// waitCount is how many stays ended so after so many seconds, counted up: a
// wait of 19.2 s is one of 20.
type waitCount struct {
	outcome outcome
	seconds int64
	n       int64
}

func compareWaits(a, b waitCount) int {
	if a.outcome != b.outcome {
		return int(a.outcome) - int(b.outcome)
	}
	return int(a.seconds - b.seconds)
}

// seconds counts a wait up to whole seconds.
func seconds(wait time.Duration) int64 {
	return max(0, int64((wait+time.Second-1)/time.Second))
}

// Empty tells whether nothing is counted.
func (s *Sheet) Empty() bool { return len(s.quarters) == 0 }

// at returns the quarter with the index, made when it is missing.
func (s *Sheet) at(index int) *quarter {
	i, found := slices.BinarySearchFunc(s.quarters, index, func(q quarter, index int) int { return q.index - index })
	if !found {
		s.quarters = slices.Insert(s.quarters, i, quarter{index: index})
	}
	return &s.quarters[i]
}

// DayOf returns the number of the UTC day, since 1970, that holds t.
func DayOf(t time.Time) int64 {
	day, _ := dayOf(t.UnixMicro())
	return day
}

// dayOf returns the UTC day that holds a time, and the index of its quarter.
func dayOf(us int64) (day int64, index int) {
	quarters := floorQuarter(us) / quarterMicros
	index = int(quarters % 96)
	if index < 0 {
		index += 96
	}
	return (quarters - int64(index)) / 96, index
}

// add adds what another quarter counts.
func (q *quarter) add(o *quarter) {
	q.tallied = q.plus(o.tallied, 1)
	for _, w := range o.waits {
		q.count(w)
	}
	q.busy = append(q.busy, o.busy...)
	slices.SortFunc(q.busy, compareSpans)
}

// take takes out what another quarter counts; false when that is not there.
func (q *quarter) take(o *quarter) bool {
	q.tallied = q.plus(o.tallied, -1)
	ok := q.tallied.valid()
	for _, w := range o.waits {
		w.n = -w.n
		ok = q.count(w) && ok
	}
	for _, b := range o.busy {
		i, found := slices.BinarySearchFunc(q.busy, b, compareSpans)
		if ok = ok && found; found {
			q.busy = slices.Delete(q.busy, i, i+1)
		}
	}
	return ok
}

func (t tallied) plus(o tallied, sign int64) tallied {
	return tallied{
		waited: t.waited + sign*o.waited, offers: t.offers + sign*o.offers, missed: t.missed + sign*o.missed,
		rejected: t.rejected + sign*o.rejected, answered: t.answered + sign*o.answered, handled: t.handled + sign*o.handled,
		talk: t.talk + sign*o.talk, hold: t.hold + sign*o.hold, wrap: t.wrap + sign*o.wrap,
		transfers: t.transfers + sign*o.transfers, right: t.right + sign*o.right,
	}
}

// valid tells whether no count is negative; times may be, where clocks went back.
func (t tallied) valid() bool {
	return min(t.offers, t.missed, t.rejected, t.answered, t.handled, t.transfers, t.right) >= 0
}

// count adds to a count of waits; false when it would become negative.
func (q *quarter) count(w waitCount) bool {
	i, found := slices.BinarySearchFunc(q.waits, w, compareWaits)
	switch {
	case !found && w.n < 0:
		return false
	case !found:
		q.waits = slices.Insert(q.waits, i, w)
		return true
	}
	q.waits[i].n += w.n
	n := q.waits[i].n
	if n <= 0 {
		q.waits = slices.Delete(q.waits, i, i+1)
	}
	return n >= 0
}

func (q *quarter) empty() bool {
	return q.tallied == tallied{} && len(q.waits) == 0 && len(q.busy) == 0
}

// sheet adds the whole quarters of a sheet that lie within the span, and the
// busy times of all: what lies outside the query is cut off later.
func (t *tally) sheet(by By, id string, day int64, s *Sheet, whole span) {
	if !t.wants(by, id) {
		return
	}
	threshold := t.q.target(id).Threshold.Duration()
	counted := by == ByQueue || t.q.By == ByAgent
	var column []*counts
	busy := t.spans[id]
	for i := range s.quarters {
		q := &s.quarters[i]
		busy = append(busy, q.busy...)
		at := quarterStart(day, q.index)
		if !counted || at < whole.from || at >= whole.to || q.tallied == (tallied{}) && len(q.waits) == 0 {
			continue
		}
		if column == nil {
			column = t.column(id)
		}
		interval, _ := t.cal.of(at)
		c := t.cell(column, interval)
		c.addSums(&q.tallied)
		for _, w := range q.waits {
			c.queue.addMany(w.outcome, int(w.n), time.Duration(w.seconds)*time.Second, threshold)
		}
	}
	if len(busy) > 0 {
		t.spans[id] = busy
	}
}

func (c *counts) addSums(q *tallied) {
	c.queue.wait += micros(q.waited)
	c.offers += int(q.offers)
	c.missed += int(q.missed)
	c.rejected += int(q.rejected)
	c.answered += int(q.answered)
	c.handled += int(q.handled)
	c.talk += micros(q.talk)
	c.hold += micros(q.hold)
	c.wrap += micros(q.wrap)
	c.transfers += int(q.transfers)
	c.right += int(q.right)
}
