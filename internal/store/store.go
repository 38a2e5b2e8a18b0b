// Package store keeps everything that must survive the process: the rows of
// the domain packages and the journal of events, in SQLite (one process) or
// PostgreSQL (many nodes).
//
// Rows and the events that describe them are written in one transaction by
// Commit. Every event has a number within its conversation and a number over
// the installation (seq), both without gaps; OnCommit hands events on in the
// order of seq once they are durable. Domain packages declare the interfaces
// they need; DB implements them.
//
// It knows the domain packages and no transport: neither HTTP nor the bus.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

// Write is one atomic write: the rows of every domain and the events that say
// what happened, fenced by a lease where one is given.
type Write struct {
	Omni  omni.Change  `json:"omni"`
	Agent agent.Change `json:"agent"`
	// Audit are lines about who did this: there is no change without its line, and
	// no line without its change.
	Audit []account.Entry `json:"audit,omitempty"`
	// Lease fences the write: it is refused with ErrStaleLease when the lease
	// was released or went to another holder (who gets it when it has run out by
	// the database's clock). Writes that end things carry none, so that they are
	// never lost.
	Lease *Lease `json:"lease,omitempty"`
	// Patience is how long the write may wait for others that share its
	// transaction and the flush to disk. It is for writes that nobody waits for
	// at that moment; never more than 50 ms. PostgreSQL needs none.
	Patience time.Duration `json:"-"`

	claims []string // recordings whose files are deleted next; one that may not be refuses the write
}

// The errors of this package. Test with errors.Is.
var (
	ErrStaleLease = errors.New("store: the lease is no longer held")
	ErrLeaseHeld  = errors.New("store: the lease is held by another")
	ErrNewer      = errors.New("store: the database was written by a newer version of hotline")
	ErrURL        = errors.New("store: database URL must be sqlite:PATH or postgres://…")
	// ErrUncertain means that the database went away while it committed: the
	// write may be there. It comes together with ErrUnavailable.
	ErrUncertain = errors.New("store: the write may or may not be there")
)

// DB is an open store. It is safe for use by many goroutines.
type DB struct {
	log     *slog.Logger
	dialect dialect
	read    *sql.DB // SQLite: a pool that may only read; PostgreSQL: the pool
	write   *sql.DB // SQLite: one connection; PostgreSQL: the same as read

	commits committer
	feed    *feed
	keep    atomic.Pointer[keeper] // nil without a spool

	stop   context.CancelFunc
	done   sync.WaitGroup
	closed atomic.Bool
}

// committer applies one write in a transaction and returns once it is durable.
type committer interface {
	commit(ctx context.Context, w *Write) ([]omni.Event, error)
}

// Open opens the database at url and migrates it: sqlite:PATH (a file, made
// when missing), postgres://… or, for an empty url, hotline.db in the current
// folder. It returns ErrNewer for a database of a newer version. Close it.
func Open(ctx context.Context, url string, log *slog.Logger) (*DB, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if url == "" {
		url = "sqlite:hotline.db"
	}
	db := &DB{log: log}
	path, isFile := strings.CutPrefix(url, "sqlite:")
	var err error
	switch {
	case isFile && path != "":
		err = db.openSQLite(ctx, path)
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		err = db.openPostgres(ctx, url)
	default:
		return nil, ErrURL
	}
	if err != nil {
		return nil, errors.Join(err, db.closePools())
	}
	return db, nil
}

// Dialect names the kind of database: sqlite or postgres.
func (db *DB) Dialect() string { return db.dialect.name }

// Ping reports whether the database answers; the error is ErrUnavailable.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	return db.failed("ping", db.read.QueryRowContext(ctx, "SELECT 1").Scan(&one))
}

// Commit writes w in one transaction and returns its events once they are
// durable. Writing the same events and rows again changes nothing; an event
// whose id is known comes back with the numbers it has. Events get their
// conversation_seq here. They get seq here on SQLite; on PostgreSQL the
// sequencer gives it a moment later, so Seq is 0 in the returned events and
// set in those of OnCommit.
//
// The error is ErrStaleLease for a lost lease and ErrUnavailable when the
// database is away; then the write may be spooled.
func (db *DB) Commit(ctx context.Context, w Write) ([]omni.Event, error) {
	if db.closed.Load() {
		return nil, ErrClosed
	}
	if k := db.keep.Load(); k != nil && k.spool.Pending() > 0 {
		if err := k.replay(ctx); err != nil { // older writes go first
			return nil, err
		}
	}
	return db.commits.commit(ctx, &w)
}

// CommitOmni is Commit for a change of conversations and customers alone, with
// the lines of the audit about it.
func (db *DB) CommitOmni(ctx context.Context, c omni.Change, audit ...account.Entry) ([]omni.Event, error) {
	return db.Commit(ctx, Write{Omni: c, Audit: audit})
}

// OnCommit registers a function that gets every event committed from now on,
// in the order of seq, each exactly once, after it is durable. Functions run
// one after another in one goroutine and must not block long. On PostgreSQL
// only the node whose sequencer is active hears of events.
func (db *DB) OnCommit(f func([]omni.Event)) { db.feed.listen(f) }

// Subscribe is OnCommit with an end: when cancel returns, f is not called any more.
func (db *DB) Subscribe(f func([]omni.Event)) (cancel func()) { return db.feed.listen(f) }

// Close waits for running commits, ends the background work and closes the
// database. Closing twice is fine.
func (db *DB) Close() error {
	if db.closed.Swap(true) {
		return nil
	}
	db.stop()
	db.done.Wait()
	return db.closePools()
}

func (db *DB) closePools() error {
	var errs []error
	if db.write != nil {
		errs = append(errs, db.write.Close())
	}
	if db.read != nil && db.read != db.write {
		errs = append(errs, db.read.Close())
	}
	return errors.Join(errs...)
}

// failed wraps a database error with the operation, translating what the
// caller can act upon.
func (db *DB) failed(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%s: %w", op, ErrNotFound)
	case db.closed.Load():
		return fmt.Errorf("%s: %w", op, ErrClosed)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", op, err)
	case db.dialect.away(err):
		return fmt.Errorf("%s: %w: %w", op, ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

func (db *DB) openSQLite(ctx context.Context, path string) error {
	db.dialect = sqliteDialect
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("store: folder of the database: %w", err)
	}
	var err error
	if db.write, err = sql.Open(sqliteDriver, sqliteDSN(path, false)); err != nil {
		return fmt.Errorf("store: open: %w", err)
	}
	db.write.SetMaxOpenConns(1)
	if err := db.migrate(ctx); err != nil {
		return err
	}
	if db.read, err = sql.Open(sqliteDriver, sqliteDSN(path, true)); err != nil {
		return fmt.Errorf("store: open for reading: %w", err)
	}
	db.read.SetMaxOpenConns(max(4, runtime.NumCPU()))
	db.read.SetMaxIdleConns(max(4, runtime.NumCPU()))
	return db.startSQLite(ctx)
}

func (db *DB) openPostgres(ctx context.Context, url string) error {
	db.dialect = postgresDialect
	var err error
	if db.write, err = openPgx(url); err != nil {
		return err
	}
	db.read = db.write
	db.write.SetMaxOpenConns(16)
	db.write.SetMaxIdleConns(16)
	if err := db.migrate(ctx); err != nil {
		return err
	}
	return db.startPostgres(ctx)
}
