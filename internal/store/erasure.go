package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/omni"
)

var erasures = newRow("erasures", "id customer_id state reason requested_by requested_at completed_at certificate",
	func(e *omni.Erasure) []any {
		return []any{&e.ID, &e.CustomerID, &e.State, &e.Reason, &e.RequestedBy, stamp{&e.RequestedAt}, stamp{&e.CompletedAt}, encoded{&e.Certificate}}
	})

// Erasure returns one erasure; with how far it is, while it runs.
func (db *DB) Erasure(ctx context.Context, id string) (omni.Erasure, error) {
	e, err := get(ctx, db, erasures, "erasure "+id, "t.id = $1", id)
	if err != nil || e.State != omni.ErasureRunning {
		return e, err
	}
	e.Progress = &omni.Progress{}
	err = db.queryRow(ctx, `SELECT count(*), coalesce(sum(CASE WHEN c.state <> $3 THEN 1 ELSE 0 END), 0),
		(SELECT count(*) FROM erasure_parts p WHERE p.erasure_id = $1)
		FROM conversations c WHERE c.customer_id = $2`, e.ID, e.CustomerID, omni.Completed).
		Scan(&e.Progress.Conversations, &e.Progress.Open, &e.Progress.Done)
	return e, db.failed("erasure "+id, err)
}

// Erasures are those of a customer, newest first; all when empty.
func (db *DB) Erasures(ctx context.Context, customerID string) ([]omni.Erasure, error) {
	return list(ctx, db, erasures, "erasures", "WHERE $1 = '' OR t.customer_id = $1 ORDER BY t.requested_at DESC, t.id DESC LIMIT 500", customerID)
}

// applyErasing erases within a transaction. What is left of a conversation are
// ids, times, states and numbers: figures and the journal's order stay.
func applyErasing(ctx context.Context, q querier, e *omni.Erasing) (err error) {
	exec := func(text string, args ...any) (n int64) {
		if err != nil {
			return 0
		}
		res, fault := q.ExecContext(ctx, text, args...)
		if fault == nil {
			n, fault = res.RowsAffected()
		}
		if fault != nil {
			err = fmt.Errorf("erase of %s: %w", e.CustomerID, fault)
		}
		return n
	}
	p := &e.Part
	if p.ConversationID == "" {
		exec("DELETE FROM identities WHERE customer_id = $1", e.CustomerID)
		exec("UPDATE customers SET name = '', note = '', language = '', vip = $2 WHERE id = $1", e.CustomerID, false)
		return err
	}
	if !p.Kept {
		p.Messages = exec("UPDATE messages SET text = '', data = '' WHERE conversation_id = $1 AND (text <> '' OR data <> '')", p.ConversationID)
		p.Notes = exec("UPDATE segments SET wrap_up_note = '' WHERE conversation_id = $1 AND wrap_up_note <> ''", p.ConversationID)
		exec("UPDATE legs SET sip_call_id = '' WHERE conversation_id = $1", p.ConversationID)
		exec("UPDATE conversations SET caller_number = '', subject = '', wrap_up_note = '', flow_path = '[]' WHERE id = $1", p.ConversationID)
		if err == nil {
			p.Events, err = redactEvents(ctx, q, p.ConversationID, e.Words)
		}
	}
	part, fault := json.Marshal(p)
	if fault != nil {
		return fault
	}
	exec("INSERT INTO erasure_parts (erasure_id, conversation_id, part) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", e.ErasureID, p.ConversationID, string(part))
	return err
}

// redactEvents takes words out of a conversation's journal; the entries stay.
func redactEvents(ctx context.Context, q querier, conversationID string, words []string) (n int64, err error) {
	rows, err := q.QueryContext(ctx, "SELECT id, data FROM events WHERE conversation_id = $1 AND data <> ''", conversationID)
	if err != nil {
		return 0, err
	}
	changed := map[string]string{}
	for rows.Next() {
		var eventID, data string
		if err := rows.Scan(&eventID, &data); err != nil {
			return 0, errors.Join(err, rows.Close())
		}
		clean := data
		for _, w := range words {
			inJSON, err := json.Marshal(w)
			if err != nil {
				return 0, errors.Join(err, rows.Close())
			}
			clean = strings.ReplaceAll(clean, string(inJSON[1:len(inJSON)-1]), "[erased]")
		}
		if clean != data {
			changed[eventID] = clean
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return 0, err
	}
	for eventID, data := range changed {
		if _, err := q.ExecContext(ctx, "UPDATE events SET data = $2 WHERE id = $1", eventID, data); err != nil {
			return 0, err
		}
	}
	return int64(len(changed)), nil
}

// erasureStep is how often erasures are looked for.
const erasureStep = 2 * time.Second

// RunErasures carries erasures out until ctx ends. What was begun by a process
// that died is gone on with.
func (db *DB) RunErasures(ctx context.Context, folder string) error {
	tick := time.NewTicker(erasureStep)
	defer tick.Stop()
	for {
		if err := db.EraseNow(ctx, folder); err != nil && ctx.Err() == nil {
			db.log.Warn("an erasure is not finished", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// EraseNow carries out what was asked for, conversation by conversation, each in
// one transaction. A customer who is in a call, or whose last call is still to
// be written, is left for later.
func (db *DB) EraseNow(ctx context.Context, folder string) error {
	due, err := list(ctx, db, erasures, "running erasures", "WHERE t.state = 'running' ORDER BY t.requested_at, t.id")
	if err != nil || len(due) == 0 || db.Spooled() > 0 {
		return err
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return fmt.Errorf("erasure: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("erasure: %w", err)
	}
	defer root.Close()
	var failures []error
	for _, e := range due {
		failures = append(failures, db.erase(ctx, root, e))
	}
	return errors.Join(failures...)
}

func (db *DB) erase(ctx context.Context, root *os.Root, e omni.Erasure) error {
	talks, err := db.conversations(ctx, "erasure "+e.ID, "WHERE c.customer_id = $1 ORDER BY c.created_at, c.id", e.CustomerID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(talks, func(c omni.Conversation) bool { return c.State != omni.Completed }) {
		return nil
	}
	customer, err := db.Customer(ctx, e.CustomerID)
	if err != nil {
		return err
	}
	identities, err := db.Identities(ctx, e.CustomerID)
	if err != nil {
		return err
	}
	words := []string{customer.Name}
	for _, i := range identities {
		words = append(words, i.Value)
	}
	for _, c := range talks {
		words = append(words, c.CallerNumber)
	}
	words = slices.DeleteFunc(words, func(w string) bool { return len(w) < 4 }) // a short one is part of ids and codes
	parts, err := db.erasedParts(ctx, e.ID)
	if err != nil {
		return err
	}
	for _, c := range talks {
		if !slices.ContainsFunc(parts, func(p omni.ErasedPart) bool { return p.ConversationID == c.ID }) {
			if err := db.eraseConversation(ctx, e, c.ID, words); err != nil {
				return err
			}
		}
	}
	return db.completeErasure(ctx, root, e, identities)
}

func (db *DB) erasedParts(ctx context.Context, erasureID string) (parts []omni.ErasedPart, err error) {
	rows, err := db.query(ctx, "SELECT part FROM erasure_parts WHERE erasure_id = $1 ORDER BY conversation_id", erasureID)
	if err != nil {
		return nil, db.failed("erasure "+erasureID, err)
	}
	defer rows.Close()
	for rows.Next() {
		var p omni.ErasedPart
		if err := rows.Scan(encoded{&p}); err != nil {
			return nil, db.failed("erasure "+erasureID, err)
		}
		parts = append(parts, p)
	}
	return parts, db.failed("erasure "+erasureID, rows.Err())
}

// eraseConversation erases what the database has; the files go at the end. A
// recording that is held in the same moment refuses the step, which is then made
// again.
func (db *DB) eraseConversation(ctx context.Context, e omni.Erasure, conversationID string, words []string) error {
	recs, err := list(ctx, db, recordings, "erasure "+e.ID, "WHERE t.conversation_id = $1 ORDER BY t.started_at, t.id", conversationID)
	if err != nil {
		return err
	}
	step := omni.Erasing{ErasureID: e.ID, CustomerID: e.CustomerID, Words: words,
		Part: omni.ErasedPart{ConversationID: conversationID, Recordings: []omni.ErasedRecording{}}}
	var w Write
	if slices.ContainsFunc(recs, func(r omni.Recording) bool { return r.LegalHold }) {
		step.Part.Kept = true
	} else {
		for _, r := range recs {
			if r.State == omni.RecordingDeleted {
				continue
			}
			if r.Path != "" && !filepath.IsLocal(r.Path) {
				return fmt.Errorf("erasure of %s: path leads out of the folder", r.ID)
			}
			event, err := deletedEvent(r, "erasure", time.Now())
			if err != nil {
				return fmt.Errorf("erasure of %s: %w", r.ID, err)
			}
			step.Part.Recordings = append(step.Part.Recordings, omni.ErasedRecording{ID: r.ID, SHA256: r.SHA256})
			w.claims, w.Omni.Events = append(w.claims, r.ID), append(w.Omni.Events, event)
		}
	}
	w.Omni.Erasing = []omni.Erasing{step}
	if _, err = db.Commit(ctx, w); err != nil {
		return fmt.Errorf("erasure of %s: %w", conversationID, err)
	}
	return nil
}

// completeErasure deletes the files, erases the customer and writes the
// certificate: there is none as long as a file is left.
func (db *DB) completeErasure(ctx context.Context, root *os.Root, e omni.Erasure, identities []omni.Identity) error {
	left, err := list(ctx, db, recordings, "erasure "+e.ID,
		"JOIN conversations c ON c.id = t.conversation_id "+deletedWithFile+" AND c.customer_id = $1 ORDER BY t.id", e.CustomerID)
	if err != nil {
		return err
	}
	for _, r := range left {
		if err := db.deleteFile(ctx, root, r); err != nil {
			return err
		}
	}
	parts, err := db.erasedParts(ctx, e.ID)
	if err != nil {
		return err
	}
	e.State, e.CompletedAt = omni.ErasureDone, time.Now().UTC().Truncate(time.Microsecond)
	c := &omni.Certificate{ErasureID: e.ID, CustomerID: e.CustomerID, Reason: e.Reason, RequestedBy: e.RequestedBy, RequestedAt: e.RequestedAt,
		CompletedAt: e.CompletedAt, Identities: []string{}, Conversations: append([]omni.ErasedPart{}, parts...)}
	c.Complete = !slices.ContainsFunc(parts, func(p omni.ErasedPart) bool { return p.Kept })
	var change omni.Change
	if c.Complete {
		for _, i := range identities {
			c.Identities = append(c.Identities, i.Kind)
		}
		change.Erasing = []omni.Erasing{{ErasureID: e.ID, CustomerID: e.CustomerID}}
	}
	if err := c.Seal(); err != nil {
		return err
	}
	e.Certificate = c
	data, err := json.Marshal(map[string]any{"customer_id": e.CustomerID, "erasure_id": e.ID, "complete": c.Complete})
	if err != nil {
		return err
	}
	change.Erasures = []omni.Erasure{e}
	change.Events = []omni.Event{{ID: string(id.Event) + "_" + e.ID + "-done", Type: omni.CustomerErased, Time: e.CompletedAt, Data: data}}
	if _, err := db.Commit(ctx, Write{Omni: change}); err != nil {
		return err
	}
	db.log.Info("a customer's data is erased", "erasure", e.ID, "conversations", len(parts), "complete", c.Complete)
	return nil
}
