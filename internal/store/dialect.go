package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	sqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// dialect holds what SQLite and PostgreSQL do not say in the same words.
type dialect struct {
	name string
	now  string // the database's clock as UTC microseconds
	// share keeps a row that was read from being changed until the end of the
	// transaction; SQLite has one writer and needs nothing.
	share, lock string
	each        func(param string) string // a table whose column value holds the elements of a JSON list of texts
	away        func(error) bool          // the database cannot be reached or cannot write
	again       func(error) bool          // the same transaction may succeed when repeated
	duplicate   func(error) bool          // a unique key exists
}

// SQLite's own lower() knows ASCII only; searches must find É and Ａ, too.
func init() {
	sqlite.MustRegisterDeterministicScalarFunction("fold", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		if s, ok := args[0].(string); ok {
			return strings.ToLower(s), nil
		}
		return args[0], nil
	})
}

// folding has a condition compare text in lower case. Only text beyond ASCII needs
// fold, which costs several times lower.
func (d dialect) folding(condition, text string) string {
	if d.name != "sqlite" || !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) {
		return condition
	}
	return strings.ReplaceAll(condition, "lower(", "fold(")
}

// sqliteDriver is the registered driver; tests put a failing one in its place.
var sqliteDriver = "sqlite"

// sqliteSync makes every commit durable; tests of what else the store does turn
// it off.
var sqliteSync = "FULL"

var sqliteDialect = dialect{
	name:      "sqlite",
	now:       "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
	each:      func(param string) string { return "json_each(" + param + ")" },
	away:      sqliteAway,
	again:     func(error) bool { return false },
	duplicate: sqliteDuplicate,
}

var postgresDialect = dialect{
	name:      "postgres",
	now:       "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
	share:     " FOR SHARE",
	lock:      " FOR UPDATE",
	each:      func(param string) string { return "json_array_elements_text(CAST(" + param + " AS json))" },
	away:      postgresAway,
	again:     func(err error) bool { return slices.Contains([]string{"40001", "40P01"}, pgCode(err)) },
	duplicate: func(err error) bool { return pgCode(err) == "23505" },
}

// sqliteDSN names the file with our settings: write-ahead log, every commit
// synchronous, five seconds of patience with another process.
func sqliteDSN(path string, readOnly bool) string {
	q := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(" + sqliteSync + ")",
		"temp_store(MEMORY)", "cache_size(-16000)", "journal_size_limit(67108864)"}}
	if readOnly {
		q["_pragma"] = []string{"busy_timeout(5000)", "query_only(1)", "temp_store(MEMORY)", "cache_size(-16000)"}
	} else {
		q.Set("_txlock", "immediate")
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

func sqliteAway(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return errors.Is(err, driver.ErrBadConn)
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL:
		return true
	}
	return false
}

func sqliteFull(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_FULL
}

func sqliteDuplicate(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

func pgCode(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// postgresAway knows failures of the connection and the classes 08 (connection
// exception), 53 (insufficient resources), 57P (operator intervention) and 58
// (system error), and a lock that was not to be had, of https://www.postgresql.org/docs/15/errcodes-appendix.html.
func postgresAway(err error) bool {
	if code := pgCode(err); code != "" {
		return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "53") ||
			strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "58") || code == "25006" || code == "55P03"
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err) || isEOF(err)
}

// silentLimit is after what time a connection is broken whose server does not
// answer any more, not even with an acknowledgement of TCP. Without it the
// kernel goes on for a quarter of an hour.
const silentLimit = 15 * time.Second

// tcpUserTimeout is Linux's TCP_USER_TIMEOUT, in milliseconds (tcp(7)).
const tcpUserTimeout = 0x12

func giveUpSilent(network, _ string, c syscall.RawConn) error {
	if runtime.GOOS != "linux" || !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(silentLimit.Milliseconds()))
	})
	return errors.Join(err, failed)
}

func openPgx(url string) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.Join(ErrURL, errors.New("store: the database URL cannot be read")) // the cause holds the password
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectTimeout
	}
	cfg.DialFunc = (&net.Dialer{Timeout: cfg.ConnectTimeout, Control: giveUpSilent, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: silentLimit / 2, Interval: silentLimit / 6, Count: 3,
	}}).DialContext
	cfg.RuntimeParams["application_name"] = "hotline"
	cfg.RuntimeParams["timezone"] = "UTC"
	// What a node that froze within a transaction holds is free again after these.
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = "60s"
	cfg.RuntimeParams["lock_timeout"] = "10s"
	return stdlib.OpenDB(*cfg), nil
}

// querier is a transaction, a connection or a pool.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}
