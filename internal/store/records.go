package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openhotline/hotline/agent/account"
)

const recordColumns = "kind, id, version, key, body, demo, created_at, updated_at"

func scanRecord(scan func(...any) error) (account.Record, error) {
	var r account.Record
	var body []byte
	err := scan(&r.Kind, &r.ID, &r.Version, &r.Key, &body, &r.Demo, stamp{&r.CreatedAt}, stamp{&r.UpdatedAt})
	r.Body = json.RawMessage(body)
	return r, err
}

// Record returns one administered record.
func (db *DB) Record(ctx context.Context, kind account.Kind, id string) (account.Record, error) {
	r, err := scanRecord(db.queryRow(ctx, "SELECT "+recordColumns+" FROM records WHERE kind = $1 AND id = $2", string(kind), id).Scan)
	return r, db.failed(string(kind)+" "+id, err)
}

// RecordByKey returns the record of a kind with the given key.
func (db *DB) RecordByKey(ctx context.Context, kind account.Kind, key string) (account.Record, error) {
	r, err := scanRecord(db.queryRow(ctx,
		"SELECT "+recordColumns+" FROM records WHERE kind = $1 AND key = $2 AND key <> ''", string(kind), clean(key)).Scan)
	return r, db.failed(string(kind)+" by key", err)
}

// Records returns records of a kind by id, a page at a time.
func (db *DB) Records(ctx context.Context, kind account.Kind, p account.Page) ([]account.Record, error) {
	text, args := "SELECT "+recordColumns+" FROM records WHERE kind = $1 AND id > $2 ORDER BY id", []any{string(kind), p.After}
	if p.Limit > 0 {
		text, args = text+" LIMIT $3", append(args, int64(p.Limit))
	}
	rows, err := db.query(ctx, text, args...)
	if err != nil {
		return nil, db.failed("records", err)
	}
	defer rows.Close()
	list := []account.Record{}
	for rows.Next() {
		r, err := scanRecord(rows.Scan)
		if err != nil {
			return nil, db.failed("records", err)
		}
		list = append(list, r)
	}
	return list, db.failed("records", rows.Err())
}

// Change makes all writes and adds all lines of the audit in one transaction.
func (db *DB) Change(ctx context.Context, writes []account.Write, audit []account.Entry) ([]account.Record, error) {
	var out []account.Record
	err := db.exclusive(ctx, func(q querier) error {
		out = make([]account.Record, 0, len(writes))
		for _, w := range writes {
			r, err := db.changeRecord(ctx, q, w)
			if err != nil {
				return fmt.Errorf("%s %s: %w", w.Record.Kind, w.Record.ID, err)
			}
			out = append(out, r)
		}
		for i := range audit {
			if err := putAudit(ctx, q, &audit[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, db.failed("change records", err)
	}
	return out, nil
}

func (db *DB) changeRecord(ctx context.Context, q querier, w account.Write) (account.Record, error) {
	r := w.Record
	old, err := scanRecord(q.QueryRowContext(ctx,
		"SELECT "+recordColumns+" FROM records WHERE kind = $1 AND id = $2"+db.dialect.lock, string(r.Kind), r.ID).Scan)
	exists := err == nil
	switch {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return r, err
	case !exists && (w.Delete || r.Version != 0):
		return r, ErrNotFound
	case exists && r.Version == 0 && !w.Delete:
		return r, ErrExists
	case exists && r.Version != old.Version:
		return r, ErrVersion
	}
	if w.Delete {
		_, err := q.ExecContext(ctx, "DELETE FROM records WHERE kind = $1 AND id = $2", string(r.Kind), r.ID)
		return old, err
	}
	if r.Key = clean(r.Key); r.Key != "" {
		var other string
		err := q.QueryRowContext(ctx, "SELECT id FROM records WHERE kind = $1 AND key = $2 AND key <> '' AND id <> $3",
			string(r.Kind), r.Key, r.ID).Scan(&other)
		if err == nil {
			return r, ErrExists
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return r, err
		}
	}
	return db.putRecord(ctx, q, r, old)
}

func (db *DB) putRecord(ctx context.Context, q querier, r, old account.Record) (account.Record, error) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	r.Version, r.CreatedAt, r.UpdatedAt = old.Version+1, now, now
	if old.Version > 0 {
		r.CreatedAt = old.CreatedAt
	}
	if r.Demo && old.Version > 0 && !old.Demo {
		r.Demo = false
	}
	if len(r.Body) == 0 {
		r.Body = json.RawMessage("{}")
	}
	_, err := q.ExecContext(ctx, "INSERT INTO records ("+recordColumns+") VALUES ("+placeholders(1, 8)+`)
		ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, key = excluded.key, body = excluded.body,
		demo = excluded.demo, updated_at = excluded.updated_at`,
		string(r.Kind), r.ID, r.Version, r.Key, clean(string(r.Body)), r.Demo, micros(r.CreatedAt), micros(r.UpdatedAt))
	if db.dialect.duplicate(err) {
		err = ErrExists
	}
	return r, err
}

// PutDoc stores v as JSON under kind and id when version is the stored one (0:
// it must not exist yet), and returns the new version. ErrVersion or ErrExists.
func (db *DB) PutDoc(ctx context.Context, kind, id, key string, version int64, v any) (int64, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", kind, id, err)
	}
	out, err := db.Change(ctx, []account.Write{{Record: account.Record{Kind: account.Kind(kind), ID: id, Key: key, Version: version, Body: body}}}, nil)
	if err != nil {
		return 0, err
	}
	return out[0].Version, nil
}

// GetDoc reads the JSON of a record into v and returns its version.
func (db *DB) GetDoc(ctx context.Context, kind, id string, v any) (int64, error) {
	r, err := db.Record(ctx, account.Kind(kind), id)
	if err != nil {
		return 0, err
	}
	if err := json.Unmarshal(r.Body, v); err != nil {
		return 0, fmt.Errorf("%s %s: %w", kind, id, err)
	}
	return r.Version, nil
}

// ListDocs calls f with every record of a kind, by id.
func (db *DB) ListDocs(ctx context.Context, kind string, f func(id string, version int64, body json.RawMessage) error) error {
	list, err := db.Records(ctx, account.Kind(kind), account.Page{})
	if err != nil {
		return err
	}
	for _, r := range list {
		if err := f(r.ID, r.Version, r.Body); err != nil {
			return fmt.Errorf("%s %s: %w", kind, r.ID, err)
		}
	}
	return nil
}

// DeleteDoc deletes a record when version is the stored one.
func (db *DB) DeleteDoc(ctx context.Context, kind, id string, version int64) error {
	_, err := db.Change(ctx, []account.Write{{Record: account.Record{Kind: account.Kind(kind), ID: id, Version: version}, Delete: true}}, nil)
	return err
}
