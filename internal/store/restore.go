package store

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	insertRows = 200 // rows of one INSERT
	// insertValues bounds the values of one INSERT: SQLite looks each parameter up
	// among those before it, so that many cost their square.
	insertValues = 1000
	maxLine      = 64 << 20
)

// Restore verifies the backup at path and loads it in one transaction: all of
// it or nothing. Recordings go to the given folder (nowhere when empty). A
// database that holds anything is refused with ErrNotEmpty unless forced, when
// its rows are replaced. Nobody else may use the database meanwhile.
func (db *DB) Restore(ctx context.Context, path, recordings string, force bool) (Manifest, error) {
	m, err := VerifyBackup(ctx, path)
	if err != nil {
		return Manifest{}, err
	}
	if m.Schema > db.SchemaVersion() {
		return m, fmt.Errorf("%w: the backup has schema %d, this binary knows %d", ErrNewer, m.Schema, db.SchemaVersion())
	}
	if !force {
		if err := db.empty(ctx, db.read); err != nil {
			return m, err
		}
	}
	if recordings != "" {
		if err := extract(ctx, path, recordings); err != nil {
			return m, err
		}
	}
	err = db.exclusive(ctx, func(q querier) error {
		if force {
			if err := clearTables(ctx, q); err != nil {
				return err
			}
		}
		if err := db.empty(ctx, q); err != nil {
			return err
		}
		if err := load(ctx, q, path, m); err != nil {
			return err
		}
		if err := fillIn(ctx, q, m.Schema); err != nil {
			return err
		}
		return db.discardSheets(ctx, q)
	})
	if err != nil {
		return m, db.failed("restore", err)
	}
	return m, nil
}

// filledIn are, by the schema that brought them, the steps of migrations that
// change rows and not tables: the rows of an older backup want them too.
var filledIn = []struct {
	schema int
	text   string
}{
	{6, `UPDATE segments SET wrap_up_code = c.wrap_up_code, wrap_up_note = c.wrap_up_note FROM conversations c
		WHERE c.id = segments.conversation_id AND segments.kind = 'agent' AND (c.wrap_up_code <> '' OR c.wrap_up_note <> '')
		AND NOT EXISTS (SELECT 1 FROM segments o WHERE o.conversation_id = segments.conversation_id AND o.kind = 'agent'
			AND o.started_at > segments.started_at)`},
}

// fillIn gives rows of an older schema what migrations would have given them.
func fillIn(ctx context.Context, q querier, schema int) error {
	for _, f := range filledIn {
		if schema >= f.schema {
			continue
		}
		if _, err := q.ExecContext(ctx, f.text); err != nil {
			return fmt.Errorf("bring rows of schema %d to %d: %w", schema, f.schema, err)
		}
	}
	return nil
}

// empty returns ErrNotEmpty naming the first table that holds a row.
func (db *DB) empty(ctx context.Context, q querier) error {
	for _, t := range tables {
		var any bool
		if err := q.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+t.name+")").Scan(&any); err != nil {
			return db.failed("restore", err)
		}
		if any {
			return fmt.Errorf("%w: %s", ErrNotEmpty, t.name)
		}
	}
	return nil
}

func clearTables(ctx context.Context, q querier) error {
	for _, t := range tables {
		if _, err := q.ExecContext(ctx, "DELETE FROM "+t.name); err != nil {
			return err
		}
	}
	for _, name := range []string{"sessions", "unsheeted"} { // their users and conversations may be gone
		if _, err := q.ExecContext(ctx, "DELETE FROM "+name); err != nil {
			return err
		}
	}
	return nil
}

// extract writes the recordings of a backup into a folder.
func extract(ctx context.Context, path, dir string) error {
	_, err := eachEntry(ctx, path, func(name string, _ int64, r io.Reader) error {
		rel, ok := strings.CutPrefix(name, "recordings/")
		if !ok {
			return nil
		}
		to := filepath.Join(dir, filepath.FromSlash(rel))
		if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
			return err
		}
		f, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		return errors.Join(err, f.Sync(), f.Close())
	})
	return err
}

// load inserts every table of a backup.
func load(ctx context.Context, q querier, path string, m Manifest) error {
	_, err := eachEntry(ctx, path, func(name string, _ int64, r io.Reader) error {
		table, ok := strings.CutPrefix(name, "database/")
		if !ok {
			return nil
		}
		table = strings.TrimSuffix(table, ".jsonl.gz")
		if !slices.ContainsFunc(tables, func(t struct{ name, order string }) bool { return t.name == table }) {
			return errors.New("no such table")
		}
		z, err := gzip.NewReader(r)
		if err != nil {
			return err
		}
		n, err := loadTable(ctx, q, table, z)
		if err == nil && n != m.Rows[table] {
			err = fmt.Errorf("%d rows, the manifest says %d", n, m.Rows[table])
		}
		return err
	})
	return err
}

var columnName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

func loadTable(ctx context.Context, q querier, table string, r io.Reader) (int, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	if !lines.Scan() {
		return 0, errors.Join(errors.New("no columns"), lines.Err())
	}
	var columns []string
	if err := json.Unmarshal(lines.Bytes(), &columns); err != nil {
		return 0, err
	}
	for _, c := range columns {
		if !columnName.MatchString(c) {
			return 0, fmt.Errorf("column %q", c)
		}
	}
	if len(columns) == 0 {
		return 0, errors.New("no columns")
	}
	perInsert := min(insertRows, insertValues/len(columns))
	head := "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES "
	values, n := make([]any, 0, perInsert*len(columns)), 0
	flush := func() error {
		if len(values) == 0 {
			return nil
		}
		_, err := q.ExecContext(ctx, head+tuples(len(values)/len(columns), len(columns)), values...)
		values = values[:0]
		return err
	}
	for lines.Scan() {
		row, err := parseLine(lines.Text(), len(columns))
		if err != nil {
			return n, fmt.Errorf("row %d: %w", n+1, err)
		}
		values = append(values, row...)
		if n++; n%perInsert == 0 {
			if err := flush(); err != nil {
				return n, err
			}
		}
	}
	return n, errors.Join(lines.Err(), flush())
}

// tuples gives ($1, $2), ($3, $4) … for rows of n columns.
func tuples(rows, n int) string {
	var b strings.Builder
	for i := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(" + placeholders(1+i*n, n) + ")")
	}
	return b.String()
}

// parseLine turns the JSON of a row back into values of the database.
func parseLine(line string, n int) ([]any, error) {
	dec := json.NewDecoder(strings.NewReader(line))
	dec.UseNumber()
	var row []any
	if err := dec.Decode(&row); err != nil {
		return nil, err
	}
	if len(row) != n {
		return nil, fmt.Errorf("%d values, want %d", len(row), n)
	}
	for i, v := range row {
		switch v := v.(type) {
		case json.Number:
			whole, err := strconv.ParseInt(v.String(), 10, 64)
			if err != nil {
				return nil, err
			}
			row[i] = whole
		case map[string]any:
			text, _ := v["base64"].(string)
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return nil, err
			}
			row[i] = b
		case []any:
			return nil, errors.New("a list is no value")
		}
	}
	return row, nil
}
