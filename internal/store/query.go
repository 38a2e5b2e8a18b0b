package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/openhotline/hotline/omni"
)

// scanAll reads every row into records; extra gives pointers for columns that
// follow those of the row.
func scanAll[T any](r *row[T], rows *sql.Rows, err error, extra ...func(*T) any) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []T{}
	for rows.Next() {
		var rec T
		fields := r.fields(&rec)
		for _, x := range extra {
			fields = append(fields, x(&rec))
		}
		if err := rows.Scan(fields...); err != nil {
			return nil, err
		}
		list = append(list, rec)
	}
	return list, rows.Err()
}

// scanEvents reads rows of seq and the columns of events.
func scanEvents(rows *sql.Rows, err error) ([]omni.Event, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []omni.Event{}
	for rows.Next() {
		var e omni.Event
		var seq sql.NullInt64
		if err := rows.Scan(append([]any{&seq}, events.fields(&e)...)...); err != nil {
			return nil, err
		}
		e.Seq = seq.Int64
		list = append(list, e)
	}
	return list, rows.Err()
}

// scanStrings reads rows of one text.
func scanStrings(rows *sql.Rows, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// query reads; text among the arguments is cleaned as it was when written, so
// that bytes from outside find nothing instead of failing.
func (db *DB) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	return db.read.QueryContext(ctx, text, cleaned(args)...)
}

func (db *DB) queryRow(ctx context.Context, text string, args ...any) *sql.Row {
	return db.read.QueryRowContext(ctx, text, cleaned(args)...)
}

func cleaned(args []any) []any {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = clean(s)
		}
	}
	return args
}

// where collects conditions and their arguments; every ? in a condition
// becomes the number of the argument that belongs to it.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	for _, a := range args {
		w.args = append(w.args, a)
		condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(w.args)), 1)
	}
	w.conditions = append(w.conditions, condition)
}

func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// limit adds an argument and returns its place.
func (w *where) limit(n int) string {
	w.args = append(w.args, int64(n))
	return " LIMIT $" + strconv.Itoa(len(w.args))
}

// in adds values and returns their places for IN (…), which NULL makes untrue
// when there are none.
func (w *where) in(values []string) string {
	if len(values) == 0 {
		return "NULL"
	}
	from := len(w.args) + 1
	for _, v := range values {
		w.args = append(w.args, v)
	}
	return placeholders(from, len(values))
}

// like escapes the wildcards of LIKE; the condition must say ESCAPE '!'.
func like(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(strings.ToLower(clean(s)))
}

// cursor names the last row of a page by time and id.
type cursor struct {
	at int64
	id string
}

func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.at, 36) + "." + c.id))
}

func parseCursor(s string) (cursor, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return cursor{}, omni.ErrCursor
	}
	at, id, ok := strings.Cut(string(b), ".")
	us, err := strconv.ParseInt(at, 36, 64)
	if !ok || err != nil || id != clean(id) {
		return cursor{}, omni.ErrCursor
	}
	return cursor{us, id}, nil
}

// before restricts to what follows the cursor in a list that begins with the
// newest.
func (w *where) before(as, text string) error {
	if text == "" {
		return nil
	}
	c, err := parseCursor(text)
	if err != nil {
		return err
	}
	w.add("("+as+".created_at < ? OR "+as+".created_at = ? AND "+as+".id < ?)", c.at, c.at, c.id)
	return nil
}

// page cuts the row beyond the page off and makes the cursor of the next.
func page[T any](list []T, size int, at func(*T) cursor) ([]T, string) {
	if len(list) <= size {
		return list, ""
	}
	list = list[:size]
	return list, at(&list[size-1]).String()
}

// get reads one row by the given condition.
func get[T any](ctx context.Context, db *DB, r *row[T], op, condition string, args ...any) (T, error) {
	var rec T
	err := db.queryRow(ctx, "SELECT "+r.selects("t")+" FROM "+r.table+" t WHERE "+condition, args...).Scan(r.fields(&rec)...)
	return rec, db.failed(op, err)
}

// list reads the rows of the given condition; tail orders and limits.
func list[T any](ctx context.Context, db *DB, r *row[T], op, tail string, args ...any) ([]T, error) {
	rows, err := db.query(ctx, "SELECT "+r.selects("t")+" FROM "+r.table+" t "+tail, args...)
	out, err := scanAll(r, rows, err)
	return out, db.failed(op, err)
}
