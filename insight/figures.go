package insight

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

// Figures computes the rows of a query, ordered by id and time. Intervals in
// which nothing happened have no row.
//
// A stay in a queue, an offer and a handled conversation count in the interval
// in which they began, with their whole length; a transfer when it was made.
// Occupancy and utilisation take the part of the time that lies within.
func Figures(ctx context.Context, src Source, q Query) ([]Row, error) {
	cal, err := newCalendar(q)
	if err != nil {
		return nil, err
	}
	if q.By != ByQueue && q.By != ByAgent {
		return nil, fmt.Errorf("%w: by %q is none of queue, agent", ErrQuery, q.By)
	}
	t := tally{q: q, cal: cal, rows: map[rowKey]*counts{}, busy: map[string][]span{}}
	var conversation []omni.Segment
	flush := func() {
		t.conversation(conversation)
		conversation = conversation[:0]
	}
	err = src.EachSegment(ctx, q.From, q.To, func(s omni.Segment) error {
		if len(conversation) > 0 && conversation[0].ConversationID != s.ConversationID {
			flush()
		}
		conversation = append(conversation, s)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("insight: read segments: %w", err)
	}
	flush()
	if q.By == ByAgent {
		periods, err := src.PresencePeriods(ctx, q.From, q.To)
		if err != nil {
			return nil, fmt.Errorf("insight: read presences: %w", err)
		}
		t.presences(periods)
	}
	return t.result(), nil
}

type rowKey struct {
	id   string
	from int64 // µs since 1970
}

// counts is what is added up for one row.
type counts struct {
	b                bucket
	queue            queueCount // by queue
	offers, answered int        // by agent
	missed, rejected int
	handled          int
	talk, hold, wrap time.Duration
	transfers, right int
	busy, idle, in   time.Duration // busy, available without work, logged in
}

// tally adds segments up.
type tally struct {
	q    Query
	cal  *calendar
	rows map[rowKey]*counts
	busy map[string][]span // by agent: talking or wrapping up
}

// at returns the counts of a row, or nil when the query does not want it.
func (t *tally) at(id string, when time.Time) *counts {
	if id == "" || !t.cal.holds(when) {
		return nil
	}
	return t.in(id, t.cal.of(when))
}

func (t *tally) in(id string, b bucket) *counts {
	if len(t.q.IDs) > 0 && !slices.Contains(t.q.IDs, id) {
		return nil
	}
	k := rowKey{id, b.from.UnixMicro()}
	c := t.rows[k]
	if c == nil {
		c = &counts{b: b}
		t.rows[k] = c
	}
	return c
}

// whose returns the id of the row that a segment belongs to.
func (t *tally) whose(s *omni.Segment) string {
	if t.q.By == ByAgent {
		return s.AgentID
	}
	return s.QueueID
}

// conversation adds one conversation's segments, which are ordered by time.
func (t *tally) conversation(segments []omni.Segment) {
	for i := range segments {
		s := &segments[i]
		switch s.Kind {
		case omni.SegmentQueue:
			t.queue(s)
		case omni.SegmentOffer:
			t.offer(s)
		case omni.SegmentAgent:
			t.talk(segments, i)
		case omni.SegmentWrapUp:
			if t.q.By == ByAgent {
				t.busy[s.AgentID] = append(t.busy[s.AgentID], span{s.StartedAt, s.EndedAt})
			}
		}
	}
}

func (t *tally) queue(s *omni.Segment) {
	if t.q.By != ByQueue {
		return
	}
	if c := t.at(s.QueueID, s.StartedAt); c != nil {
		c.queue.add(outcomeOf(s), s.EndedAt.Sub(s.StartedAt), t.q.target(s.QueueID).Threshold.Duration())
	}
}

// outcomeOf tells how a queue segment ended.
func outcomeOf(s *omni.Segment) outcome {
	if s.EndedAt.IsZero() {
		return stillWaiting
	}
	return outcomeFor(s.EndReason)
}

// outcomeFor tells what an end reason means for a queue. Abandoned is who hung
// up; whatever the system ended is not.
func outcomeFor(why omni.EndReason) outcome {
	switch why {
	case omni.Answered:
		return answered
	case omni.CustomerDisconnect:
		return abandoned
	}
	return removed
}

func (t *tally) offer(s *omni.Segment) {
	if t.q.By != ByAgent {
		return
	}
	c := t.at(s.AgentID, s.StartedAt)
	if c == nil {
		return
	}
	c.offers++
	switch s.EndReason {
	case omni.AgentTimeout:
		c.missed++
	case omni.AgentRejected:
		c.rejected++
	}
}

// talk adds an agent segment with its holds, its wrap-up and its transfer.
func (t *tally) talk(segments []omni.Segment, i int) {
	s := &segments[i]
	if t.q.By == ByAgent {
		t.busy[s.AgentID] = append(t.busy[s.AgentID], span{s.StartedAt, s.EndedAt})
	}
	if c := t.at(t.whose(s), s.StartedAt); c != nil {
		c.answered++
		if !s.EndedAt.IsZero() {
			hold, wrap := holdAndWrapUp(segments, i)
			c.handled++
			c.talk += s.EndedAt.Sub(s.StartedAt) - hold
			c.hold += hold
			c.wrap += wrap
		}
	}
	if s.EndReason == omni.Transferred {
		if c := t.at(t.whose(s), s.EndedAt); c != nil {
			c.transfers++
			if arrived(segments, i) {
				c.right++
			}
		}
	}
}

// holdAndWrapUp sums up the holds within an agent segment and the wrap-up that
// follows it.
func holdAndWrapUp(segments []omni.Segment, i int) (hold, wrap time.Duration) {
	s := &segments[i]
	for j := range segments {
		n := &segments[j]
		if n.EndedAt.IsZero() || n.AgentID != s.AgentID {
			continue
		}
		switch {
		case n.Kind == omni.SegmentHold && (n.ParentID == s.ID || n.ParentID == "" && !n.StartedAt.Before(s.StartedAt) && !n.EndedAt.After(s.EndedAt)):
			hold += n.EndedAt.Sub(n.StartedAt)
		case n.Kind == omni.SegmentWrapUp && lastTalk(segments, j) == i:
			wrap += n.EndedAt.Sub(n.StartedAt)
		}
	}
	return hold, wrap
}

// lastTalk returns the agent segment that a wrap-up belongs to, or -1.
func lastTalk(segments []omni.Segment, wrapUp int) int {
	w := &segments[wrapUp]
	for i := len(segments) - 1; i >= 0; i-- {
		s := &segments[i]
		if s.Kind == omni.SegmentAgent && s.AgentID == w.AgentID && !s.StartedAt.After(w.StartedAt) {
			return i
		}
	}
	return -1
}

// arrived reports whether the conversation stayed where the transfer sent it:
// not transferred again, and not queued again.
func arrived(segments []omni.Segment, i int) bool {
	queues, first := 0, omni.SegmentKind("")
	for j := range segments {
		s := &segments[j]
		if j == i || s.StartedAt.Before(segments[i].EndedAt) {
			continue
		}
		switch s.Kind {
		case omni.SegmentAgent:
			if s.EndReason == omni.Transferred {
				return false
			}
		case omni.SegmentQueue:
			queues++
		case omni.SegmentFlow:
		default:
			continue
		}
		if first == "" {
			first = s.Kind
		}
	}
	if first == omni.SegmentQueue {
		queues--
	}
	return queues == 0
}

// presences adds busy, idle and logged-in time by agent.
func (t *tally) presences(periods []PresencePeriod) {
	available, loggedIn := map[string][]span{}, map[string][]span{}
	for _, p := range periods {
		if p.State == agent.Offline {
			continue
		}
		loggedIn[p.AgentID] = append(loggedIn[p.AgentID], span{p.From, p.To})
		if p.State == agent.Available {
			available[p.AgentID] = append(available[p.AgentID], span{p.From, p.To})
		}
	}
	for id, busy := range t.busy {
		busy = union(busy, t.q.To)
		t.busy[id] = busy
		t.spread(id, busy, func(c *counts, d time.Duration) { c.busy += d; c.in += d })
	}
	for id, in := range loggedIn { // work after logging out counts as logged in
		t.spread(id, without(union(in, t.q.To), t.busy[id]), func(c *counts, d time.Duration) { c.in += d })
	}
	for id, free := range available {
		t.spread(id, without(union(free, t.q.To), t.busy[id]), func(c *counts, d time.Duration) { c.idle += d })
	}
}

func (t *tally) spread(id string, spans []span, add func(*counts, time.Duration)) {
	for _, s := range spans {
		t.cal.each(s.from, s.to, func(b bucket, d time.Duration) {
			if c := t.in(id, b); c != nil {
				add(c, d)
			}
		})
	}
}

// result makes the rows.
func (t *tally) result() []Row {
	rows := make([]Row, 0, len(t.rows))
	for k, c := range t.rows {
		rows = append(rows, Row{ID: k.id, From: c.b.from, To: c.b.to, Figures: c.figures(t.q, k.id)})
	}
	sortRows(rows)
	return rows
}

func sortRows(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int {
		if c := strings.Compare(a.ID, b.ID); c != 0 {
			return c
		}
		return a.From.Compare(b.From)
	})
}

func (c *counts) figures(q Query, id string) []Figure {
	var fs []Figure
	if q.By == ByQueue {
		fs = c.queue.figures(q.target(id))
	} else {
		fs = []Figure{
			count("offered", Offered, c.offers), count("answered", Answered, c.answered),
			count("missed", Missed, c.missed), count("rejected", Rejected, c.rejected),
		}
	}
	fs = append(fs,
		mean("aht", AHT, c.talk+c.hold+c.wrap, c.handled),
		total("talk", Talk, c.talk), total("hold", Hold, c.hold), total("wrap_up", WrapUp, c.wrap),
		count("transfers", Transfers, c.transfers),
		ratio("transfer_accuracy", Accuracy, float64(c.right), float64(c.transfers)),
	)
	if q.By == ByAgent {
		fs = append(fs,
			ratio("occupancy", Occupancy, c.busy.Seconds(), (c.busy+c.idle).Seconds()),
			ratio("utilisation", Usage, c.busy.Seconds(), c.in.Seconds()),
		)
	}
	return fs
}
