package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/omni"
)

const (
	foldBatch  = 1000            // conversations that enter the sheets in one transaction
	foldEvery  = 5 * time.Second // how often those that ended do so
	sheetTTL   = 30 * time.Second
	sheetLease = "sheets"
)

// RunSheets moves conversations that are over into the sheets of figures until
// ctx ends; of several nodes one does. After an upgrade from a version
// without sheets, or a restored backup, it makes all of them, goes on where it
// was stopped, and lets calls' writes through meanwhile.
func (db *DB) RunSheets(ctx context.Context, node string) error {
	tick := time.NewTicker(foldEvery)
	defer tick.Stop()
	for {
		if err := db.foldAsLeader(ctx, node); err != nil && ctx.Err() == nil && !errors.Is(err, ErrLeaseHeld) {
			db.log.Warn("sheets of figures are behind", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (db *DB) foldAsLeader(ctx context.Context, node string) error {
	if idle, err := db.nothingToFold(ctx); err != nil || idle {
		return err
	}
	lease, err := db.Acquire(ctx, sheetLease, node, sheetTTL)
	if err != nil {
		return err
	}
	said := time.Now()
	return db.foldAll(ctx, foldBatch, func(took time.Duration, folded int) error {
		if time.Since(said) > sheetTTL/3 {
			said = time.Now()
			if lease, err = db.Renew(ctx, lease, sheetTTL); err != nil {
				return err
			}
			left, err := db.Unsheeted(ctx)
			if err != nil {
				return err
			}
			db.log.Info("sheets of figures are made", "conversations", folded, "left", left)
		}
		pause := time.NewTimer(took) // half of the time is the calls'
		defer pause.Stop()
		select {
		case <-pause.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}

// nothingToFold tells whether the sheets hold everything that is over.
func (db *DB) nothingToFold(ctx context.Context) (bool, error) {
	var version int64
	var more bool
	const text = "SELECT version, EXISTS (" + finished + ") FROM sheet_state WHERE id = 1"
	err := db.queryRow(ctx, text, "", int64(1)).Scan(&version, &more)
	return version == insight.SheetVersion && !more, db.failed("sheets", err)
}

// FoldSheets moves every conversation that is over into the sheets now and
// returns how many that were. Sheets of an older version are made again.
func (db *DB) FoldSheets(ctx context.Context) (int, error) {
	n := 0
	err := db.foldAll(ctx, foldBatch, func(_ time.Duration, folded int) error { n = folded; return nil })
	return n, err
}

// Unsheeted is how many conversations are in no sheet: live ones, and while
// sheets are made, those that wait for it.
func (db *DB) Unsheeted(ctx context.Context) (n int, err error) {
	return n, db.failed("unsheeted", db.queryRow(ctx, "SELECT count(*) FROM unsheeted").Scan(&n))
}

// foldAll folds until nothing is left, batch conversations at a time; after is
// called after each transaction.
func (db *DB) foldAll(ctx context.Context, batch int, after func(took time.Duration, folded int) error) error {
	folded, cursor := 0, ""
	for more := true; more; {
		began := time.Now()
		ready, err := db.markSome(ctx, 5*batch)
		if err != nil {
			return db.failed("sheets", err)
		}
		if ready {
			var n int
			if n, cursor, err = db.foldSome(ctx, cursor, batch); err != nil {
				return db.failed("sheets", err)
			}
			folded += n
			more = cursor != ""
		}
		if err := after(time.Since(began), folded); err != nil {
			return err
		}
	}
	return nil
}

// markSome notes some more conversations as unsheeted when the sheets are not
// of this version, and is ready when all are. It leaves sheets of a newer
// version alone.
func (db *DB) markSome(ctx context.Context, batch int) (ready bool, err error) {
	const state = "SELECT version, marked FROM sheet_state WHERE id = 1"
	var version int64
	var marked string
	if err := db.queryRow(ctx, state).Scan(&version, &marked); err != nil || version == insight.SheetVersion {
		return true, err
	}
	err = db.exclusive(ctx, func(q querier) error {
		if err := db.lockSheets(ctx, q); err != nil {
			return err
		}
		if err := q.QueryRowContext(ctx, state).Scan(&version, &marked); err != nil {
			return err
		}
		if version > insight.SheetVersion {
			return fmt.Errorf("%w: sheets of version %d, this binary makes %d", ErrNewer, version, insight.SheetVersion)
		}
		if version == insight.SheetVersion {
			ready = true
			return nil
		}
		if marked == "" {
			if _, err := q.ExecContext(ctx, "DELETE FROM sheets"); err != nil {
				return err
			}
		}
		ready, err = mark(ctx, q, marked, batch)
		return err
	})
	return ready, err
}

// mark notes those after the marked one.
func mark(ctx context.Context, q querier, marked string, batch int) (ready bool, err error) {
	var last sql.NullString
	const next = "SELECT max(x.conversation_id) FROM (SELECT DISTINCT conversation_id FROM segments WHERE conversation_id > $1 ORDER BY conversation_id LIMIT $2) AS x"
	if err := q.QueryRowContext(ctx, next, marked, int64(batch)).Scan(&last); err != nil {
		return false, err
	}
	if !last.Valid {
		_, err := q.ExecContext(ctx, "UPDATE sheet_state SET version = $1 WHERE id = 1", int64(insight.SheetVersion))
		return err == nil, err
	}
	const note = `INSERT INTO unsheeted (conversation_id, revision) SELECT DISTINCT conversation_id, CAST($3 AS bigint) FROM segments
		WHERE conversation_id > $1 AND conversation_id <= $2 ON CONFLICT (conversation_id) DO NOTHING`
	if _, err := q.ExecContext(ctx, note, marked, last.String, firstRevision()); err != nil {
		return false, err
	}
	_, err = q.ExecContext(ctx, "UPDATE sheet_state SET marked = $1 WHERE id = 1", last.String)
	return false, err
}

// finished chooses, after $1, conversations that are over.
const finished = `SELECT u.conversation_id, u.revision FROM unsheeted u WHERE u.conversation_id > $1
	AND NOT EXISTS (SELECT 1 FROM segments s WHERE s.conversation_id = u.conversation_id AND s.ended_at = 0)
	AND NOT EXISTS (SELECT 1 FROM conversations c WHERE c.id = u.conversation_id AND c.state <> 'completed')
	ORDER BY u.conversation_id LIMIT $2`

// foldSome moves the next conversations that are over into the sheets, and
// returns where to go on; empty when those were the last. They are read before
// the transaction that moves them; one that was written since stays.
func (db *DB) foldSome(ctx context.Context, cursor string, batch int) (n int, next string, err error) {
	revisions, segments := map[string]int64{}, map[string][]omni.Segment{}
	ids := make([]string, 0, batch)
	err = db.snapshot(ctx, func(q querier) error {
		rows, err := q.QueryContext(ctx, finished, cursor, int64(batch))
		if err != nil {
			return err
		}
		if err := eachRevision(rows, func(id string, revision int64) { ids, revisions[id] = append(ids, id), revision }); err != nil || len(ids) == 0 {
			return err
		}
		all, err := db.segmentsOf(ctx, q, ids)
		for _, conversation := range all {
			segments[conversation[0].ConversationID] = conversation
		}
		return err
	})
	if err != nil || len(ids) == 0 {
		return 0, "", err
	}
	if len(ids) == batch {
		next = ids[len(ids)-1]
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return 0, "", err
	}
	err = db.exclusive(ctx, func(q querier) error {
		n, err = db.fold(ctx, q, string(list), revisions, segments)
		return err
	})
	if errors.Is(err, insight.ErrSheet) {
		return 0, "", db.distrustSheets(ctx, err) // the next round makes them
	}
	return n, next, err
}

func eachRevision(rows *sql.Rows, f func(id string, revision int64)) error {
	defer rows.Close()
	for rows.Next() {
		var id string
		var revision int64
		if err := rows.Scan(&id, &revision); err != nil {
			return err
		}
		f(id, revision)
	}
	return rows.Err()
}

// fold moves the conversations of the list (JSON) that still have the revision
// with which they were read.
func (db *DB) fold(ctx context.Context, q querier, list string, revisions map[string]int64, segments map[string][]omni.Segment) (n int, err error) {
	if err := db.lockSheets(ctx, q); err != nil {
		return 0, err
	}
	var version int64
	if err := q.QueryRowContext(ctx, "SELECT version FROM sheet_state WHERE id = 1").Scan(&version); err != nil || version != insight.SheetVersion {
		return 0, err
	}
	rows, err := q.QueryContext(ctx, "DELETE FROM unsheeted WHERE conversation_id IN (SELECT value FROM "+db.dialect.each("$1")+
		") RETURNING conversation_id, revision", list)
	if err != nil {
		return 0, err
	}
	var book insight.Book
	changed := map[string]int64{}
	if err := eachRevision(rows, func(id string, revision int64) {
		if revisions[id] != revision {
			changed[id] = revision
			return
		}
		book.Add(segments[id])
		n++
	}); err != nil {
		return 0, err
	}
	for id, revision := range changed {
		if _, err := q.ExecContext(ctx, "INSERT INTO unsheeted (conversation_id, revision) VALUES ($1, $2)", id, revision); err != nil {
			return 0, err
		}
	}
	return n, db.applyBook(ctx, q, &book)
}
