package store

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// row is how records of type T are kept: the columns in their order, and
// pointers to the fields of a record in the same order. The first column is
// the key; an upsert replaces all others but those in keep.
type row[T any] struct {
	table   string
	columns []string
	keep    []string // columns that a Change never overwrites
	fields  func(*T) []any

	upsert string
}

func newRow[T any](table, columns string, fields func(*T) []any, keep ...string) *row[T] {
	r := &row[T]{table: table, columns: strings.Fields(columns), keep: keep, fields: fields}
	if n := len(fields(new(T))); n != len(r.columns) {
		panic(fmt.Sprintf("store: %s has %d columns and %d fields", table, len(r.columns), n))
	}
	r.upsert = upsertSQL(table, r.columns, 1, keep...)
	return r
}

// upsertSQL inserts a row or replaces the one with the same first keys columns.
func upsertSQL(table string, columns []string, keys int, keep ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (%s) DO UPDATE SET ",
		table, strings.Join(columns, ", "), placeholders(1, len(columns)), strings.Join(columns[:keys], ", "))
	sep := ""
next:
	for _, c := range columns[keys:] {
		for _, k := range keep {
			if k == c {
				continue next
			}
		}
		fmt.Fprintf(&b, "%s%s = excluded.%s", sep, c, c)
		sep = ", "
	}
	return b.String()
}

// placeholders gives $from … for n values.
func placeholders(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(from+i))
	}
	return b.String()
}

// selects lists the columns, each with the given table name before it.
func (r *row[T]) selects(as string) string {
	return as + "." + strings.Join(r.columns, ", "+as+".")
}

// values are the arguments of the upsert.
func (r *row[T]) values(rec *T) []any {
	fields := r.fields(rec)
	for i, f := range fields {
		fields[i] = argument(f)
	}
	return fields
}

// argument turns a pointer to a field into what both drivers take. Text from
// outside may hold bytes that PostgreSQL refuses; they are replaced, since a
// record with a strange name is better than none.
func argument(field any) any {
	switch p := field.(type) {
	case driver.Valuer:
		v, err := p.Value()
		if err != nil {
			return err.Error() // only JSON of our own records, which always encodes
		}
		return v
	case *string:
		return clean(*p)
	case *int64:
		return *p
	case *int:
		return int64(*p)
	case *bool:
		return *p
	case *[]byte:
		return *p
	}
	v := reflect.ValueOf(field).Elem()
	switch v.Kind() {
	case reflect.String:
		return clean(v.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	}
	return v.Interface()
}

func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	return strings.ToValidUTF8(s, "�")
}

// micros is a time as the database has it: UTC microseconds, 0 for no time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// stamp binds a time.
type stamp struct{ t *time.Time }

func (s stamp) Value() (driver.Value, error) { return micros(*s.t), nil }

func (s stamp) Scan(src any) error {
	us, ok := src.(int64)
	if !ok && src != nil {
		return fmt.Errorf("store: a time is kept as %T", src)
	}
	*s.t = fromMicros(us)
	return nil
}

// encoded binds a value kept as JSON text.
type encoded struct{ v any }

func (e encoded) Value() (driver.Value, error) {
	b, err := json.Marshal(e.v)
	return clean(string(b)), err
}

func (e encoded) Scan(src any) error {
	b, err := text(src)
	if err != nil || len(b) == 0 {
		return err
	}
	return json.Unmarshal(b, e.v)
}

// raw binds JSON that is kept as it came; empty for none.
type raw struct{ v *json.RawMessage }

func (r raw) Value() (driver.Value, error) { return clean(string(*r.v)), nil }

func (r raw) Scan(src any) error {
	b, err := text(src)
	*r.v = nil
	if len(b) > 0 {
		*r.v = append(json.RawMessage(nil), b...)
	}
	return err
}

func text(src any) ([]byte, error) {
	switch s := src.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(s), nil
	case []byte:
		return s, nil
	}
	return nil, fmt.Errorf("store: text is kept as %T", src)
}
