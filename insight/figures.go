package insight

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openhotline/hotline/omni"
)

// Figures computes the rows of a query, ordered by id and time, from sheets
// wherever they count, and from segments elsewhere: at the ends of the span
// that cut a quarter of an hour, and of conversations that no sheet counts yet.
// Intervals in which nothing happened have no row. Recount gives the same.
//
// A stay in a queue, an offer and a handled conversation count in the interval
// in which they began, with their whole length; a transfer when it was made.
// Occupancy and utilisation take the part of the time that lies within.
func Figures(ctx context.Context, src Source, q Query) ([]Row, error) {
	t, err := newTally(q)
	if err != nil {
		return nil, err
	}
	if err := t.fill(ctx, src); err != nil {
		return nil, err
	}
	return t.finish(ctx, src)
}

// fill counts what lies within the query's span, with sheets where they serve.
func (t *tally) fill(ctx context.Context, src Source) error {
	q := t.q
	whole, ok := t.cal.quarters()
	if !ok {
		return t.segments(ctx, src, Overlapping, q.From, q.To)
	}
	for _, by := range q.kinds() {
		err := src.EachSheet(ctx, by, q.of(by), q.From, q.To, func(id string, day int64, s *Sheet) error {
			t.sheet(by, id, day, s, whole)
			return nil
		})
		if errors.Is(err, ErrNoSheets) {
			return t.segments(ctx, src, Overlapping, q.From, q.To)
		}
		if err != nil {
			return fmt.Errorf("insight: read sheets: %w", err)
		}
	}
	if err := t.segments(ctx, src, Unsheeted, q.From, q.To); err != nil {
		return err
	}
	defer func() { t.part = span{} }()
	for _, end := range []span{{q.From.UnixMicro(), whole.from}, {whole.to, q.To.UnixMicro()}} {
		if end.from >= end.to {
			continue
		}
		t.part = end
		if err := t.segments(ctx, src, Begun, time.UnixMicro(end.from).UTC(), time.UnixMicro(end.to).UTC()); err != nil {
			return err
		}
	}
	return nil
}

// Recount computes the same rows from segments alone: the slow way that shows
// whether the sheets are right.
func Recount(ctx context.Context, src Source, q Query) ([]Row, error) {
	t, err := newTally(q)
	if err != nil {
		return nil, err
	}
	if err := t.segments(ctx, src, Overlapping, q.From, q.To); err != nil {
		return nil, err
	}
	return t.finish(ctx, src)
}

// kinds are what the rows of a query are made of.
func (q Query) kinds() []By {
	if q.By == ByTotal {
		return []By{ByQueue, ByAgent}
	}
	return []By{q.By}
}

// of lists the wanted queues or agents; empty: all.
func (q Query) of(by By) []string {
	if q.By == ByTotal && by == ByAgent {
		return q.Agents
	}
	return q.IDs
}

// segments adds the conversations that src yields.
func (t *tally) segments(ctx context.Context, src Source, which Which, from, to time.Time) error {
	var conversation []omni.Segment
	err := src.EachSegment(ctx, which, from, to, func(s omni.Segment) error {
		if len(conversation) > 0 && conversation[0].ConversationID != s.ConversationID {
			post(conversation, t)
			conversation = conversation[:0]
		}
		conversation = append(conversation, s)
		return nil
	})
	if err != nil {
		return fmt.Errorf("insight: read segments: %w", err)
	}
	post(conversation, t)
	return nil
}

// finish adds presences and makes the rows.
func (t *tally) finish(ctx context.Context, src Source) ([]Row, error) {
	if t.q.By != ByQueue {
		periods, err := src.PresencePeriods(ctx, t.q.From, t.q.To)
		if err != nil {
			return nil, fmt.Errorf("insight: read presences: %w", err)
		}
		t.presences(periods)
	}
	const most, atOnce = 20, 256 // figures of a row; rows whose figures are made together
	var slab []Figure
	return t.result(func(c *counts, id string) []Figure {
		if cap(slab)-len(slab) < most {
			slab = make([]Figure, 0, most*atOnce)
		}
		n := len(slab)
		slab = c.figures(slab, t.q, id)
		return slab[n:len(slab):len(slab)]
	}), nil
}
