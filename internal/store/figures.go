package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/omni"
)

// overlapping chooses segments within a span: $1 its beginning, $2 its end, $3
// maxStay before the beginning.
const overlapping = `t.started_at < $2 AND (t.started_at >= $3 AND (t.ended_at > $1 OR t.ended_at = 0 OR t.started_at >= $1)
	OR t.ended_at = 0 AND t.started_at < $3)`

// EachSegment yields all segments of every conversation that has one within
// the span, by conversation and start. An error of yield ends it.
func (db *DB) EachSegment(ctx context.Context, from, to time.Time, yield func(omni.Segment) error) error {
	rows, err := db.query(ctx, "SELECT "+segments.selects("s")+" FROM segments s WHERE s.conversation_id IN (SELECT t.conversation_id FROM segments t WHERE "+
		overlapping+") ORDER BY s.conversation_id, s.started_at, s.id", micros(from), micros(to), micros(from.Add(-maxStay)))
	if err != nil {
		return db.failed("segments", err)
	}
	defer rows.Close()
	var s omni.Segment
	fields := segments.fields(&s)
	for rows.Next() {
		if err := rows.Scan(fields...); err != nil {
			return db.failed("segments", err)
		}
		if err := yield(s); err != nil {
			return err
		}
	}
	return db.failed("segments", rows.Err())
}

var presenceEvents = "SELECT e.seq, " + events.selects("e") + ` FROM events e WHERE e.type = 'agent.presence_changed' AND e.ts < $2
	AND e.seq IS NOT NULL AND e.ts >= coalesce((SELECT max(p.ts) FROM events p WHERE p.type = 'agent.presence_changed'
		AND p.agent_id = e.agent_id AND p.ts < $1), $1) ORDER BY e.seq`

// PresencePeriods are the times of unchanged presence within the span, by
// agent and start.
func (db *DB) PresencePeriods(ctx context.Context, from, to time.Time) ([]insight.PresencePeriod, error) {
	list, err := scanEvents(db.query(ctx, presenceEvents, micros(from), micros(to)))
	if err != nil {
		return nil, db.failed("presence periods", err)
	}
	periods := insight.PresencePeriods(slices.Values(list))
	return slices.DeleteFunc(periods, func(p insight.PresencePeriod) bool {
		return !p.To.IsZero() && !p.To.After(from) || !p.From.Before(to)
	}), nil
}

// EachEvent yields the events after a seq in its order until there are no
// more or yield returns an error, which is returned.
func (db *DB) EachEvent(ctx context.Context, after int64, yield func(omni.Event) error) error {
	for {
		list, err := db.Events(ctx, after, maxEvents)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		for _, e := range list {
			if err := yield(e); err != nil {
				return fmt.Errorf("event %d: %w", e.Seq, err)
			}
			after = e.Seq
		}
	}
}
