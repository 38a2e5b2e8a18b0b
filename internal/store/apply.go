package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/openhotline/hotline/omni"
)

// apply writes w within a transaction. head is the last seq given and is moved
// on by every new event; it is nil where the sequencer gives seq later. The
// events come back with their numbers, fresh telling which were not known.
func (db *DB) apply(ctx context.Context, q querier, w *Write, head *int64) (out []omni.Event, fresh []bool, err error) {
	if w.Lease != nil {
		if err := db.holds(ctx, q, *w.Lease); err != nil {
			return nil, nil, err
		}
	}
	for _, recordingID := range w.Omni.StillRunning {
		if err := db.stillRunning(ctx, q, recordingID); err != nil {
			return nil, nil, err
		}
	}
	if err := db.touchSheets(ctx, q, w.Omni.Segments); err != nil {
		return nil, nil, err
	}
	gone, err := applyOmni(ctx, q, &w.Omni)
	if err != nil {
		return nil, nil, err
	}
	for _, recordingID := range w.claims {
		if err := claimRecording(ctx, q, recordingID); err != nil {
			return nil, nil, err
		}
	}
	if err := applyAgent(ctx, q, &w.Agent); err != nil {
		return nil, nil, err
	}
	for i := range w.Audit {
		if err := putAudit(ctx, q, &w.Audit[i]); err != nil {
			return nil, nil, err
		}
	}
	return appendEvents(ctx, q, withoutEnds(w.Omni.Events, gone), head)
}

// applyOmni writes all but the events; gone are the recordings that it left alone
// since they are deleted.
func applyOmni(ctx context.Context, q querier, c *omni.Change) (gone []string, err error) {
	if err := upsertAll(ctx, q, customers, c.Customers); err != nil {
		return nil, err
	}
	for i := range c.CustomerEdits {
		if err := editCustomer(ctx, q, &c.CustomerEdits[i]); err != nil {
			return nil, err
		}
	}
	for i := range c.Identities {
		if err := putIdentity(ctx, q, &c.Identities[i]); err != nil {
			return nil, err
		}
	}
	if err := upsertAll(ctx, q, conversations, c.Conversations); err != nil {
		return nil, err
	}
	if err := upsertAll(ctx, q, segments, c.Segments); err != nil {
		return nil, err
	}
	if err := upsertAll(ctx, q, legs, c.Legs); err != nil {
		return nil, err
	}
	written, gone, err := putRecordings(ctx, q, c.Recordings)
	if err != nil {
		return nil, err
	}
	for i := range c.Holds {
		if err := holdRecording(ctx, q, &c.Holds[i]); err != nil {
			return nil, err
		}
	}
	for i := range written {
		if err := sealRecording(ctx, q, &written[i]); err != nil {
			return nil, err
		}
	}
	if err := upsertAll(ctx, q, consents, c.Consents); err != nil {
		return nil, err
	}
	if err := upsertAll(ctx, q, erasures, c.Erasures); err != nil {
		return nil, err
	}
	for i := range c.Erasing {
		if err := applyErasing(ctx, q, &c.Erasing[i]); err != nil {
			return nil, err
		}
	}
	for i := range c.Messages {
		if err := putMessage(ctx, q, &c.Messages[i]); err != nil {
			return nil, err
		}
	}
	return gone, nil
}

func upsertAll[T any](ctx context.Context, q querier, r *row[T], records []T) error {
	for i := range records {
		if _, err := q.ExecContext(ctx, r.upsert, r.values(&records[i])...); err != nil {
			return fmt.Errorf("write %s: %w", r.table, err)
		}
	}
	return nil
}

var (
	updateIdentity = "UPDATE identities SET customer_id = $2, kind = $3, value = $4, scope = $5, verified_by = $6, created_at = $7 WHERE id = $1"
	insertIdentity = "INSERT INTO identities (id, customer_id, kind, value, scope, verified_by, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (kind, value, scope) DO NOTHING"
)

// putIdentity keeps the first owner when two calls of an unknown number arrive
// at once: the second call must not fail for it.
func putIdentity(ctx context.Context, q querier, i *omni.Identity) error {
	args := identities.values(i)
	res, err := q.ExecContext(ctx, updateIdentity, args...)
	if err != nil {
		return fmt.Errorf("write identities: %w", err)
	}
	if n, err := res.RowsAffected(); err == nil && n > 0 {
		return nil
	}
	if _, err := q.ExecContext(ctx, insertIdentity, args...); err != nil {
		return fmt.Errorf("write identities: %w", err)
	}
	return nil
}

// count raises a counter of a conversation by n and returns its new value; the
// row stays locked until the transaction ends, which keeps the numbers without
// gaps and in the order of commits.
func count(ctx context.Context, q querier, conversationID string, events, messages int) (lastEvent, lastMessage int64, err error) {
	const text = `INSERT INTO counters (conversation_id, events, messages) VALUES ($1, $2, $3)
		ON CONFLICT (conversation_id) DO UPDATE SET events = counters.events + $2, messages = counters.messages + $3
		RETURNING events, messages`
	err = q.QueryRowContext(ctx, text, conversationID, int64(events), int64(messages)).Scan(&lastEvent, &lastMessage)
	if err != nil {
		return 0, 0, fmt.Errorf("number in %s: %w", conversationID, err)
	}
	return lastEvent, lastMessage, nil
}

// putMessage gives a new message the next number of its conversation; a known
// one keeps its own.
func putMessage(ctx context.Context, q querier, m *omni.Message) error {
	_, last, err := count(ctx, q, m.ConversationID, 0, 1)
	if err != nil {
		return err
	}
	m.Seq = last
	var seq int64
	if err := q.QueryRowContext(ctx, messages.upsert+" RETURNING seq", messages.values(m)...).Scan(&seq); err != nil {
		return fmt.Errorf("write messages: %w", err)
	}
	if seq != last {
		m.Seq = seq
		_, _, err = count(ctx, q, m.ConversationID, 0, -1)
	}
	return err
}

// insertEvent leaves an event alone whose id is known.
var insertEvent = "INSERT INTO events (" + "seq, id, type, ts, conversation_id, conversation_seq, segment_id, agent_id, queue_id, causation_id, data" +
	") VALUES (" + placeholders(1, 11) + ") ON CONFLICT (id) DO NOTHING"

// appendEvents writes the events. The counters of all conversations concerned
// are taken first, in the order of their ids, so that two writes cannot wait
// for each other.
func appendEvents(ctx context.Context, q querier, list []omni.Event, head *int64) ([]omni.Event, []bool, error) {
	if len(list) == 0 {
		return nil, nil, nil
	}
	need := make(map[string]int, 2)
	for i := range list {
		if id := list[i].ConversationID; id != "" {
			need[id]++
		}
	}
	ids := make([]string, 0, len(need))
	for id := range need {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	last := make(map[string]int64, len(ids)) // the number given last
	for _, id := range ids {
		top, _, err := count(ctx, q, id, need[id], 0)
		if err != nil {
			return nil, nil, err
		}
		last[id] = top - int64(need[id])
	}
	out, fresh := slices.Clone(list), make([]bool, len(list))
	known := map[string]int{} // events per conversation that took no number
	for i := range out {
		e := &out[i]
		if e.ConversationSeq = 0; e.ConversationID != "" {
			e.ConversationSeq = last[e.ConversationID] + 1
		}
		var seq int64
		if head != nil {
			seq = *head + 1
		}
		inserted, err := putEvent(ctx, q, e, seq)
		if err != nil {
			return nil, nil, err
		}
		if fresh[i] = inserted; !inserted {
			known[e.ConversationID]++
			continue
		}
		if head != nil {
			*head = seq
		}
		if e.ConversationID != "" {
			last[e.ConversationID]++
		}
	}
	for _, id := range ids {
		if known[id] > 0 {
			if _, _, err := count(ctx, q, id, -known[id], 0); err != nil {
				return nil, nil, err
			}
		}
	}
	return out, fresh, nil
}

// putEvent inserts an event with the given seq (0: none yet); for a known one
// it fills in the numbers that the event has.
func putEvent(ctx context.Context, q querier, e *omni.Event, seq int64) (inserted bool, err error) {
	var given any
	if seq != 0 {
		given = seq
	}
	res, err := q.ExecContext(ctx, insertEvent, append([]any{given}, events.values(e)...)...)
	if err != nil {
		return false, fmt.Errorf("write events: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("write events: %w", err)
	}
	if n > 0 {
		e.Seq = seq
		return true, nil
	}
	var have sql.NullInt64
	err = q.QueryRowContext(ctx, "SELECT seq, conversation_seq FROM events WHERE id = $1", e.ID).Scan(&have, &e.ConversationSeq)
	if errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("write events: %s was taken back", e.ID)
	}
	e.Seq = have.Int64
	return false, err
}
