package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/omni"
)

// Every conversation with segments is either in the sheets or among the
// unsheeted, never both. A write of segments makes its conversation unsheeted
// in the same transaction; FoldSheets moves it into the sheets once it is over.

// touchSheets notes that segments are about to be written. What the sheets count of
// their conversations is taken out: a late correction.
func (db *DB) touchSheets(ctx context.Context, q querier, list []omni.Segment) error {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = clean(list[i].ConversationID)
	}
	slices.Sort(ids) // so that two writes cannot wait for each other
	ids = slices.Compact(ids)
	late := ids[:0]
	for _, id := range ids {
		var revision int64
		const text = `INSERT INTO unsheeted (conversation_id, revision) VALUES ($1, $2)
			ON CONFLICT (conversation_id) DO UPDATE SET revision = unsheeted.revision + 1 RETURNING revision`
		first := firstRevision()
		if err := q.QueryRowContext(ctx, text, id, first).Scan(&revision); err != nil {
			return fmt.Errorf("note %s as unsheeted: %w", id, err)
		}
		if revision == first {
			late = append(late, id)
		}
	}
	if len(late) == 0 {
		return nil
	}
	return db.withdraw(ctx, q, late)
}

// firstRevision is that of a conversation that becomes unsheeted. It is another
// one each time: somebody who read the conversation before it went into the
// sheets and came out again must not take it for unchanged.
func firstRevision() int64 { return 1 + rand.Int64N(1<<60) }

// withdraw takes conversations out of the sheets; those that have no segments
// yet were not in them.
func (db *DB) withdraw(ctx context.Context, q querier, ids []string) error {
	all, err := db.segmentsOf(ctx, q, ids)
	if err != nil || len(all) == 0 {
		return err
	}
	if err := db.lockSheets(ctx, q); err != nil {
		return err
	}
	var version int64
	if err := q.QueryRowContext(ctx, "SELECT version FROM sheet_state WHERE id = 1").Scan(&version); err != nil || version != insight.SheetVersion {
		return err // the sheets are made again anyway
	}
	var book insight.Book
	for _, conversation := range all {
		book.Remove(conversation)
	}
	err = db.applyBook(ctx, q, &book)
	if errors.Is(err, insight.ErrSheet) {
		db.log.Error("the sheets of figures are wrong and are made again", "error", err)
		return db.discardSheets(ctx, q)
	}
	return err
}

// discardSheets has all sheets made again by RunSheets; until then figures are
// computed from segments.
func (db *DB) discardSheets(ctx context.Context, q querier) error {
	_, err := q.ExecContext(ctx, "UPDATE sheet_state SET version = 0, marked = '' WHERE id = 1")
	return err
}

// distrustSheets is discardSheets for one that turned out to be damaged.
func (db *DB) distrustSheets(ctx context.Context, cause error) error {
	db.log.Error("a sheet of figures is damaged; all are made again", "error", cause)
	return db.exclusive(ctx, func(q querier) error {
		if err := db.lockSheets(ctx, q); err != nil {
			return err
		}
		return db.discardSheets(ctx, q)
	})
}

// lockSheets makes those who change sheets take turns until their transactions
// end.
func (db *DB) lockSheets(ctx context.Context, q querier) error {
	if db.dialect.name != "postgres" {
		return nil // one writer
	}
	_, err := q.ExecContext(ctx, "SELECT pg_advisory_xact_lock(4872310022)")
	return err
}

// segmentsOf reads the segments of conversations, each in order.
func (db *DB) segmentsOf(ctx context.Context, q querier, ids []string) ([][]omni.Segment, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	var all [][]omni.Segment
	err = figureSource{q, db.dialect}.segments(ctx, func(s omni.Segment) error {
		if n := len(all); n == 0 || all[n-1][0].ConversationID != s.ConversationID {
			all = append(all, nil)
		}
		last := &all[len(all)-1]
		*last = append(*last, s)
		return nil
	}, "SELECT value AS conversation_id FROM "+db.dialect.each("$1"), string(list))
	return all, err
}

// sheetRows are the sheets of one INSERT.
const sheetRows = 50

// applyBook changes the sheets.
func (db *DB) applyBook(ctx context.Context, q querier, book *insight.Book) error {
	keys := book.Keys()
	old, err := db.sheetsOf(ctx, q, keys)
	if err != nil {
		return err
	}
	values, gone := make([]any, 0, 4*len(keys)), make([]insight.SheetKey, 0)
	for _, k := range keys {
		s := old[k]
		if s == nil {
			s = &insight.Sheet{}
		}
		if err := book.Apply(k, s); err != nil {
			return err
		}
		if s.Empty() {
			gone = append(gone, k)
			continue
		}
		values = append(values, string(k.By), k.Day, k.ID, s.Encode(k.Day))
	}
	for len(values) > 0 { // many at once or one: two statements to prepare
		n := 1
		if len(values) >= 4*sheetRows {
			n = sheetRows
		}
		text := "INSERT INTO sheets (kind, day, id, body) VALUES " + tuples(n, 4) +
			" ON CONFLICT (kind, day, id) DO UPDATE SET body = excluded.body"
		if _, err := q.ExecContext(ctx, text, values[:4*n]...); err != nil {
			return fmt.Errorf("write sheets: %w", err)
		}
		values = values[4*n:]
	}
	for _, k := range gone {
		if _, err := q.ExecContext(ctx, "DELETE FROM sheets WHERE kind = $1 AND day = $2 AND id = $3", string(k.By), k.Day, k.ID); err != nil {
			return fmt.Errorf("delete a sheet: %w", err)
		}
	}
	return nil
}

// sheetsOf reads the sheets of keys, as far as they are there.
func (db *DB) sheetsOf(ctx context.Context, q querier, keys []insight.SheetKey) (map[insight.SheetKey]*insight.Sheet, error) {
	type page struct {
		by  insight.By
		day int64
	}
	wanted := map[page][]string{}
	for _, k := range keys {
		p := page{k.By, k.Day}
		wanted[p] = append(wanted[p], k.ID)
	}
	sheets := make(map[insight.SheetKey]*insight.Sheet, len(keys))
	text := "SELECT t.id, t.body FROM sheets t WHERE t.kind = $1 AND t.day = $2 AND t.id IN (SELECT value FROM " + db.dialect.each("$3") + ")"
	for p, ids := range wanted {
		list, err := json.Marshal(ids)
		if err != nil {
			return nil, err
		}
		if err := readSheets(ctx, q, p.day, text, []any{string(p.by), p.day, string(list)}, func(id string, s *insight.Sheet) {
			sheets[insight.SheetKey{By: p.by, ID: id, Day: p.day}] = s
		}); err != nil {
			return nil, err
		}
	}
	return sheets, nil
}

func readSheets(ctx context.Context, q querier, day int64, text string, args []any, take func(string, *insight.Sheet)) error {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var body []byte
		if err := rows.Scan(&id, &body); err != nil {
			return err
		}
		s := &insight.Sheet{}
		if err := s.Decode(day, body); err != nil {
			return err
		}
		take(id, s)
	}
	return rows.Err()
}

// eraseSegments deletes the segments of the conversations whose id a query
// gives, and what the sheets count of them. Nothing else may delete segments.
func (db *DB) eraseSegments(ctx context.Context, q querier, conversations string, args ...any) error {
	if err := db.lockSheets(ctx, q); err != nil {
		return err
	}
	rows, err := q.QueryContext(ctx, "SELECT x.id FROM ("+conversations+") AS x WHERE x.id NOT IN (SELECT conversation_id FROM unsheeted)", args...)
	ids, err := scanStrings(rows, err)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(ids, foldBatch) {
		if err := db.withdraw(ctx, q, part); err != nil {
			return err
		}
	}
	for _, table := range []string{"segments", "unsheeted"} {
		if _, err := q.ExecContext(ctx, "DELETE FROM "+table+" WHERE conversation_id IN ("+conversations+")", args...); err != nil {
			return err
		}
	}
	return nil
}
