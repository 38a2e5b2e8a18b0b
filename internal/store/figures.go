package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/omni"
)

// Figures computes the figures of a query (insight.Figures), of one moment.
func (db *DB) Figures(ctx context.Context, q insight.Query) (rows []insight.Row, err error) {
	q.IDs, q.Agents = cleanAll(q.IDs), cleanAll(q.Agents)
	figures := func() error {
		return db.snapshot(ctx, func(s querier) error {
			rows, err = insight.Figures(ctx, figureSource{s, db.dialect}, q)
			return err
		})
	}
	if err = figures(); errors.Is(err, insight.ErrSheet) {
		if err = db.distrustSheets(ctx, err); err == nil {
			err = figures() // from segments
		}
	}
	return rows, db.failed("figures", err)
}

// LoadBalance computes how evenly work is spread in groups of agents, by the
// agents' group (insight.LoadBalance), of one moment.
func (db *DB) LoadBalance(ctx context.Context, q insight.Query, groups map[string]string) (rows []insight.Row, err error) {
	balance := func() error {
		return db.snapshot(ctx, func(s querier) error {
			rows, err = insight.LoadBalance(ctx, figureSource{s, db.dialect}, q, groups)
			return err
		})
	}
	if err = balance(); errors.Is(err, insight.ErrSheet) {
		if err = db.distrustSheets(ctx, err); err == nil {
			err = balance()
		}
	}
	return rows, db.failed("load balance", err)
}

func cleanAll(ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = clean(id)
	}
	return out
}

// RecountFigures computes the same from segments alone, which takes long.
func (db *DB) RecountFigures(ctx context.Context, q insight.Query) (rows []insight.Row, err error) {
	q.IDs, q.Agents = cleanAll(q.IDs), cleanAll(q.Agents)
	err = db.snapshot(ctx, func(s querier) error {
		rows, err = insight.Recount(ctx, figureSource{s, db.dialect}, q)
		return err
	})
	return rows, db.failed("figures", err)
}

// figureSource reads what figures need within one snapshot.
type figureSource struct {
	q       querier
	dialect dialect
}

// counted are the columns of segments that figures are computed from.
var counted = newRow("segments", "id conversation_id parent_id kind queue_id agent_id end_reason started_at ended_at",
	func(s *omni.Segment) []any {
		return []any{&s.ID, &s.ConversationID, &s.ParentID, &s.Kind, &s.QueueID, &s.AgentID, &s.EndReason, stamp{&s.StartedAt}, stamp{&s.EndedAt}}
	})

// chosenConversations are those chosen for a span: $1 its beginning, $2 its end,
// $3 maxStay before the beginning.
var chosenConversations = map[insight.Which]string{
	insight.Overlapping: "SELECT DISTINCT t.conversation_id FROM segments t WHERE " + touching,
	insight.Unsheeted: `SELECT u.conversation_id FROM unsheeted u WHERE EXISTS (
		SELECT 1 FROM segments t WHERE t.conversation_id = u.conversation_id AND ` + touching + ")",
	insight.Begun: `SELECT y.conversation_id FROM (
			SELECT t.conversation_id FROM segments t WHERE t.started_at >= $1 AND t.started_at < $2 UNION
			SELECT t.conversation_id FROM segments t WHERE t.end_reason = 'transferred' AND t.ended_at >= $1 AND t.ended_at < $2) AS y
		WHERE y.conversation_id NOT IN (SELECT u.conversation_id FROM unsheeted u)`,
}

// touching is overlapping, with those that ended just when the span begins:
// a transfer made then counts.
const touching = `t.started_at < $2 AND (t.started_at >= $3 AND (t.ended_at >= $1 OR t.ended_at = 0 OR t.started_at >= $1)
	OR t.ended_at = 0 AND t.started_at < $3)`

// EachSegment implements insight.Source.
func (f figureSource) EachSegment(ctx context.Context, which insight.Which, from, to time.Time, yield func(omni.Segment) error) error {
	args := []any{micros(from), micros(to), micros(from.Add(-maxStay))}
	if which == insight.Begun {
		args = args[:2]
	}
	return f.segments(ctx, yield, chosenConversations[which], args...)
}

// segments yields those of the conversations that a query gives.
func (f figureSource) segments(ctx context.Context, yield func(omni.Segment) error, conversations string, args ...any) error {
	rows, err := f.q.QueryContext(ctx, segmentsOf(conversations), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var s omni.Segment
	fields := counted.fields(&s)
	for rows.Next() {
		if err := rows.Scan(fields...); err != nil {
			return err
		}
		if err := yield(s); err != nil {
			return err
		}
	}
	return rows.Err()
}

// segmentsOf reads the segments of the conversations that a query gives. CROSS
// JOIN keeps SQLite from going through all segments for the sake of the order.
func segmentsOf(conversations string) string {
	return "SELECT " + counted.selects("s") + " FROM (" + conversations +
		") AS x CROSS JOIN segments s WHERE s.conversation_id = x.conversation_id ORDER BY s.conversation_id, s.started_at, s.id"
}

// EachSheet implements insight.Source.
func (f figureSource) EachSheet(ctx context.Context, by insight.By, ids []string, from, to time.Time, yield func(string, int64, *insight.Sheet) error) error {
	var version int64
	if err := f.q.QueryRowContext(ctx, "SELECT version FROM sheet_state WHERE id = 1").Scan(&version); err != nil {
		return err
	}
	if version != insight.SheetVersion {
		return insight.ErrNoSheets
	}
	text := "SELECT t.id, t.day, t.body FROM sheets t WHERE t.kind = $1 AND t.day >= $2 AND t.day <= $3"
	args := []any{string(by), insight.DayOf(from), insight.DayOf(to)}
	if len(ids) > 0 {
		list, err := json.Marshal(ids)
		if err != nil {
			return err
		}
		text, args = text+" AND t.id IN (SELECT value FROM "+f.dialect.each("$4")+")", append(args, string(list))
	}
	rows, err := f.q.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var s insight.Sheet
	for rows.Next() {
		var id string
		var day int64
		var body sql.RawBytes
		if err := rows.Scan(&id, &day, &body); err != nil {
			return err
		}
		if err := s.Decode(day, body); err != nil {
			return fmt.Errorf("%s %s, day %d: %w", by, id, day, err)
		}
		if err := yield(id, day, &s); err != nil {
			return err
		}
	}
	return rows.Err()
}

// presenceEvents are the changes of presence within the span and each agent's
// last one before it. The agents are found one after another in the index.
const presenceEvents = `WITH RECURSIVE who(id) AS (
		SELECT min(agent_id) FROM events WHERE type = 'agent.presence_changed'
		UNION ALL SELECT (SELECT min(e.agent_id) FROM events e WHERE e.type = 'agent.presence_changed' AND e.agent_id > who.id)
			FROM who WHERE who.id IS NOT NULL)
	SELECT e.seq, e.agent_id, e.ts, e.data FROM events e
		WHERE e.type = 'agent.presence_changed' AND e.ts >= $1 AND e.ts < $2 AND e.seq IS NOT NULL
	UNION ALL SELECT e.seq, e.agent_id, e.ts, e.data FROM who JOIN events e ON e.seq = (
		SELECT p.seq FROM events p WHERE p.type = 'agent.presence_changed' AND p.agent_id = who.id AND p.ts < $1 AND p.seq IS NOT NULL
		ORDER BY p.ts DESC, p.seq DESC LIMIT 1)
	ORDER BY 1`

// PresencePeriods implements insight.Source.
func (f figureSource) PresencePeriods(ctx context.Context, from, to time.Time) ([]insight.PresencePeriod, error) {
	rows, err := f.q.QueryContext(ctx, presenceEvents, micros(from), micros(to))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var failed error
	periods := insight.PresencePeriods(func(yield func(omni.Event) bool) {
		e := omni.Event{Type: omni.AgentPresenceChanged}
		for rows.Next() {
			if failed = rows.Scan(&e.Seq, &e.AgentID, stamp{&e.Time}, raw{&e.Data}); failed != nil || !yield(e) {
				return
			}
		}
	})
	if err := cmp.Or(failed, rows.Err()); err != nil {
		return nil, err
	}
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
