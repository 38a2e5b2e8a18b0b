package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/openhotline/hotline/omni"
)

func missing(what string) error { return fmt.Errorf("%s: %w", what, ErrNotFound) }

// Customer returns one customer.
func (db *DB) Customer(ctx context.Context, id string) (omni.Customer, error) {
	return get(ctx, db, customers, "customer "+id, "t.id = $1", id)
}

// CustomerNames are the names by id of those that exist.
func (db *DB) CustomerNames(ctx context.Context, ids []string) (map[string]string, error) {
	names := make(map[string]string, len(ids))
	if len(ids) == 0 {
		return names, nil
	}
	wanted := make([]string, len(ids))
	for i, id := range ids {
		wanted[i] = clean(id)
	}
	param, err := json.Marshal(wanted)
	if err != nil {
		return nil, err
	}
	rows, err := db.query(ctx, "SELECT t.id, t.name FROM customers t WHERE t.id IN (SELECT value FROM "+db.dialect.each("$1")+")", string(param))
	if err != nil {
		return nil, db.failed("names of customers", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, name string
		if err := rows.Scan(&id, &name); err != nil {
			return nil, db.failed("names of customers", err)
		}
		names[id] = name
	}
	return names, db.failed("names of customers", rows.Err())
}

// customerEdit leaves a field alone whose value is NULL. Two edits never have the
// same time, so that the time is the version. (The order of the last condition
// tells PostgreSQL the type of $7.)
const customerEdit = `UPDATE customers SET name = coalesce($2, name), language = coalesce($3, language),
	vip = coalesce($4, vip), note = coalesce($5, note),
	updated_at = CASE WHEN updated_at < $6 THEN $6 ELSE updated_at + 1 END
	WHERE id = $1 AND (updated_at = $7 OR $7 = 0)`

func editCustomer(ctx context.Context, q querier, e *omni.CustomerEdit) error {
	text := func(s *string) any {
		if s == nil {
			return nil
		}
		return clean(*s)
	}
	var vip any
	if e.VIP != nil {
		vip = *e.VIP
	}
	res, err := q.ExecContext(ctx, customerEdit, e.CustomerID, text(e.Name), text(e.Language), vip, text(e.Note), micros(e.At), micros(e.Of))
	if err != nil {
		return fmt.Errorf("edit customer: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	var known int64
	if err := q.QueryRowContext(ctx, "SELECT count(*) FROM customers WHERE id = $1", e.CustomerID).Scan(&known); err != nil {
		return fmt.Errorf("edit customer: %w", err)
	}
	if known == 0 {
		return missing("customer " + e.CustomerID)
	}
	return fmt.Errorf("customer %s: %w", e.CustomerID, ErrVersion)
}

// Customers lists those that the filter chooses, newest first.
func (db *DB) Customers(ctx context.Context, f omni.CustomerFilter, p omni.Page) ([]omni.Customer, string, error) {
	w := &where{}
	if f.View != nil {
		part := w.part(*f.View)
		w.conditions = append(w.conditions, "EXISTS (SELECT 1 FROM conversations c WHERE c.customer_id = t.id AND "+part+")")
	}
	if f.Text != "" {
		t := "%" + like(f.Text) + "%"
		w.add(db.dialect.folding(`(lower(t.name) LIKE ? ESCAPE '!' OR lower(t.note) LIKE ? ESCAPE '!' OR t.id IN
			(SELECT i.customer_id FROM identities i WHERE lower(i.value) LIKE ? ESCAPE '!'))`, f.Text), t, t, t)
	}
	if err := w.before("t", p.Cursor); err != nil {
		return nil, "", err
	}
	tail := w.String() + " ORDER BY t.created_at DESC, t.id DESC" + w.limit(p.Size()+1)
	found, err := list(ctx, db, customers, "customers", tail, w.args...)
	if err != nil {
		return nil, "", err
	}
	found, next := page(found, p.Size(), func(c *omni.Customer) cursor { return cursor{micros(c.CreatedAt), c.ID} })
	return found, next, nil
}

// CustomerByIdentity finds who an identity belongs to.
func (db *DB) CustomerByIdentity(ctx context.Context, kind, value, scope string) (omni.Customer, omni.Identity, error) {
	i, err := get(ctx, db, identities, "identity", "t.kind = $1 AND t.value = $2 AND t.scope = $3", kind, clean(value), scope)
	if err != nil {
		return omni.Customer{}, omni.Identity{}, err
	}
	c, err := db.Customer(ctx, i.CustomerID)
	return c, i, err
}

// Identities are those of a customer, oldest first.
func (db *DB) Identities(ctx context.Context, customerID string) ([]omni.Identity, error) {
	return list(ctx, db, identities, "identities of "+customerID, "WHERE t.customer_id = $1 ORDER BY t.created_at, t.id", customerID)
}

// Consents are what a customer said, newest first.
func (db *DB) Consents(ctx context.Context, customerID string) ([]omni.Consent, error) {
	return list(ctx, db, consents, "consents of "+customerID, "WHERE t.customer_id = $1 ORDER BY t.created_at DESC, t.id DESC", customerID)
}

// Recording returns one recording.
func (db *DB) Recording(ctx context.Context, id string) (omni.Recording, error) {
	return get(ctx, db, recordings, "recording "+id, "t.id = $1", id)
}

// UnfinishedRecordings are the running ones of the node's conversations (of
// all when empty).
func (db *DB) UnfinishedRecordings(ctx context.Context, nodeID string) ([]omni.Recording, error) {
	const of = "JOIN conversations c ON c.id = t.conversation_id WHERE t.state = 'running'"
	if nodeID == "" {
		return list(ctx, db, recordings, "unfinished recordings", of+" ORDER BY t.started_at, t.id")
	}
	return list(ctx, db, recordings, "unfinished recordings", of+" AND c.node_id = $1 ORDER BY t.started_at, t.id", nodeID)
}

// LeftRecordings are the running ones of conversations that are completed and
// whose nodes do not live.
func (db *DB) LeftRecordings(ctx context.Context, living []string) ([]omni.Recording, error) {
	nodes, err := json.Marshal(append([]string{}, living...))
	if err != nil {
		return nil, err
	}
	return list(ctx, db, recordings, "recordings left behind", `JOIN conversations c ON c.id = t.conversation_id
		WHERE t.state = 'running' AND c.state = 'completed' AND c.node_id NOT IN (SELECT value FROM `+db.dialect.each("$1")+`)
		ORDER BY t.started_at, t.id`, string(nodes))
}

// ExpiredRecordings are those that may be deleted now, longest overdue first.
func (db *DB) ExpiredRecordings(ctx context.Context, now time.Time, limit int) ([]omni.Recording, error) {
	return list(ctx, db, recordings, "expired recordings", `WHERE t.state IN ('ready', 'failed') AND t.delete_after > 0 AND t.delete_after <= $1
		AND NOT t.legal_hold ORDER BY t.delete_after, t.id LIMIT $2`, micros(now), int64(limit))
}

// FailedRecordings counts those that failed since the given time; last is the
// newest one's end.
func (db *DB) FailedRecordings(ctx context.Context, since time.Time) (n int, last time.Time, err error) {
	err = db.queryRow(ctx, "SELECT count(*), coalesce(max(ended_at), 0) FROM recordings WHERE failure <> '' AND ended_at >= $1", micros(since)).Scan(&n, stamp{&last})
	return n, last, db.failed("failed recordings", err)
}

// upsertRecording leaves a recording alone that is deleted: a node that was given
// up and is back may still write of it.
var upsertRecording = recordings.upsert + " WHERE recordings.state <> 'deleted' OR excluded.state = 'deleted'"

// putRecordings writes the rows of recordings and returns those that it wrote, and
// the ids of those that it left alone. The file that one of these may have after all
// is to be deleted.
func putRecordings(ctx context.Context, q querier, all []omni.Recording) (written []omni.Recording, gone []string, err error) {
	for i := range all {
		res, err := q.ExecContext(ctx, upsertRecording, recordings.values(&all[i])...)
		if err != nil {
			return nil, nil, fmt.Errorf("write recordings: %w", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return nil, nil, fmt.Errorf("write recordings: %w", err)
		}
		if n > 0 {
			written = append(written, all[i])
			continue
		}
		gone = append(gone, all[i].ID)
		if _, err := q.ExecContext(ctx, "UPDATE recordings SET bytes = 1 WHERE id = $1 AND bytes = 0 AND path <> ''", all[i].ID); err != nil {
			return nil, nil, fmt.Errorf("write recordings: %w", err)
		}
	}
	return written, gone, nil
}

// withoutEnds are the events but those that say how recordings ended which are
// deleted: the journal says that already.
func withoutEnds(all []omni.Event, gone []string) []omni.Event {
	if len(gone) == 0 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(e omni.Event) bool {
		if e.Type != omni.RecordingReadyEvent && e.Type != omni.RecordingFailedEvent {
			return false
		}
		var of struct {
			RecordingID string `json:"recording_id"`
		}
		return json.Unmarshal(e.Data, &of) == nil && slices.Contains(gone, of.RecordingID)
	})
}

// stillRunning refuses a write when a recording does not run any more, and keeps
// others from finishing or deleting it until the transaction has ended.
func (db *DB) stillRunning(ctx context.Context, q querier, recordingID string) error {
	var state omni.RecordingState
	err := q.QueryRowContext(ctx, "SELECT state FROM recordings WHERE id = $1"+db.dialect.lock, recordingID).Scan(&state)
	if err == nil && state != omni.RecordingRunning {
		return fmt.Errorf("recording %s is %s: %w", recordingID, state, ErrVersion)
	}
	return noRows(err, missing("recording "+recordingID))
}

// holdRecording keeps a recording from being deleted, or lets it go again.
func holdRecording(ctx context.Context, q querier, h *omni.Hold) error {
	if !h.On {
		h = &omni.Hold{RecordingID: h.RecordingID}
	}
	res, err := q.ExecContext(ctx, `UPDATE recordings SET legal_hold = $2, hold_by = $3, hold_reason = $4, hold_at = $5
		WHERE id = $1 AND state <> 'deleted'`, h.RecordingID, h.On, clean(h.By), clean(h.Reason), micros(h.At))
	if err != nil {
		return fmt.Errorf("hold %s: %w", h.RecordingID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errorOr(err, ErrNotFound)
	}
	return nil
}

func errorOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
