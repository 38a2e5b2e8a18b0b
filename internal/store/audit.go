package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/openhotline/hotline/agent/account"
)

// Lines of the audit and sessions of browsers.

var auditLines = newRow("audit", "id at user_id user_name role token_id address action target_id target before after request_id",
	func(e *account.Entry) []any {
		return []any{&e.ID, stamp{&e.Time}, &e.UserID, &e.UserName, &e.Role, &e.TokenID, &e.Address, &e.Action,
			&e.TargetID, &e.Target, raw{&e.Before}, raw{&e.After}, &e.RequestID}
	})

// insertAudit never changes a line that is there.
var insertAudit = "INSERT INTO audit (" + strings.Join(auditLines.columns, ", ") + ") VALUES (" + placeholders(1, 13) + ") ON CONFLICT (id) DO NOTHING"

func putAudit(ctx context.Context, q querier, e *account.Entry) error {
	if _, err := q.ExecContext(ctx, insertAudit, auditLines.values(e)...); err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	return nil
}

// Audit returns lines of the audit, newest first.
func (db *DB) Audit(ctx context.Context, q account.AuditQuery) ([]account.Entry, error) {
	w := &where{}
	if q.UserID != "" {
		w.add("t.user_id = ?", q.UserID)
	}
	if q.TargetID != "" {
		w.add("t.target_id = ?", q.TargetID)
	}
	if strings.HasSuffix(q.Action, ".") {
		w.add("lower(t.action) LIKE ? ESCAPE '!'", like(q.Action)+"%")
	} else if q.Action != "" {
		w.add("t.action = ?", q.Action)
	}
	if !q.From.IsZero() {
		w.add("t.at >= ?", micros(q.From))
	}
	if !q.To.IsZero() {
		w.add("t.at < ?", micros(q.To))
	}
	if q.Before != "" {
		last, err := get(ctx, db, auditLines, "audit line "+q.Before, "t.id = $1", q.Before)
		if err != nil {
			return nil, err
		}
		w.add("(t.at < ? OR t.at = ? AND t.id < ?)", micros(last.Time), micros(last.Time), last.ID)
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	tail := w.String() + " ORDER BY t.at DESC, t.id DESC" + w.limit(limit)
	return list(ctx, db, auditLines, "audit", tail, w.args...)
}

var sessions = newRow("sessions", "hash id user_id address user_agent created_at seen_at expires_at",
	func(s *account.Session) []any {
		return []any{&s.Hash, &s.ID, &s.UserID, &s.Address, &s.UserAgent, stamp{&s.CreatedAt}, stamp{&s.SeenAt}, stamp{&s.ExpiresAt}}
	})

// Session returns the session with that hash.
func (db *DB) Session(ctx context.Context, hash string) (account.Session, error) {
	return get(ctx, db, sessions, "session", "t.hash = $1", hash)
}

// PutSession inserts or replaces the session with that hash.
func (db *DB) PutSession(ctx context.Context, s account.Session) error {
	return db.failed("session", db.exclusive(ctx, func(q querier) error {
		_, err := q.ExecContext(ctx, sessions.upsert, sessions.values(&s)...)
		return err
	}))
}

// DeleteSessions deletes those that match every field that is set and returns
// how many; an empty filter deletes none.
func (db *DB) DeleteSessions(ctx context.Context, f account.SessionFilter) (int, error) {
	w := &where{}
	if f.Hash != "" {
		w.add("hash = ?", f.Hash)
	}
	if f.UserID != "" {
		w.add("user_id = ?", f.UserID)
		if f.ExceptHash != "" {
			w.add("hash <> ?", f.ExceptHash)
		}
	}
	if !f.ExpiredBefore.IsZero() {
		w.add("expires_at < ?", micros(f.ExpiredBefore))
	}
	if !f.SeenBefore.IsZero() {
		w.add("seen_at < ?", micros(f.SeenBefore))
	}
	if len(w.conditions) == 0 {
		return 0, nil
	}
	var n int64
	err := db.exclusive(ctx, func(q querier) error {
		res, err := q.ExecContext(ctx, "DELETE FROM sessions"+w.String(), w.args...)
		if err == nil {
			n, err = res.RowsAffected()
		}
		return err
	})
	return int(n), db.failed("delete sessions", err)
}
