package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/openhotline/hotline/omni"
)

// maxBatch bounds the writes that share one transaction of SQLite.
const maxBatch = 512

// maxPatience bounds how long a write waits for others.
const maxPatience = 50 * time.Millisecond

// writer is SQLite's only writing goroutine. Writes that arrive while a
// transaction is being made durable share the next one, and so do patient ones
// that wait for company. A refused write takes none of the others with it: the
// transaction is then made again with a savepoint for each, which costs too
// much to be the rule.
type writer struct {
	db    *DB
	jobs  chan *job
	ended chan struct{}
	q     *prepared // nil until connected
	busy  busy
}

// job is one unit of work for the writer.
type job struct {
	run   func(ctx context.Context, q querier, head *int64) error
	until time.Time // how long the job may wait for others; zero: not at all
	taken atomic.Bool
	err   error
	fresh []omni.Event // what the job added to the journal
	done  chan struct{}
}

func (db *DB) startSQLite(ctx context.Context) error {
	ctx, db.stop = context.WithCancel(context.WithoutCancel(ctx))
	w := &writer{db: db, jobs: make(chan *job, maxBatch), ended: make(chan struct{})}
	head, err := db.Head(ctx)
	if err != nil {
		db.stop()
		return err
	}
	db.commits = w
	db.feed = newFeed(db, head, true)
	db.done.Add(2)
	go func() { defer db.done.Done(); w.loop(ctx) }()
	go func() { defer db.done.Done(); db.feed.run(ctx) }()
	return nil
}

func (w *writer) commit(ctx context.Context, wr *Write) ([]omni.Event, error) {
	var out []omni.Event
	j := &job{done: make(chan struct{})}
	if wr.Patience > 0 {
		j.until = time.Now().Add(min(wr.Patience, maxPatience))
	}
	j.run = func(ctx context.Context, q querier, head *int64) error {
		var fresh []bool
		var err error
		if out, fresh, err = w.db.apply(ctx, q, wr, head); err != nil {
			return err
		}
		for i, e := range out {
			if fresh[i] {
				j.fresh = append(j.fresh, e)
			}
		}
		return nil
	}
	if err := w.do(ctx, j); err != nil {
		return nil, err
	}
	return out, nil
}

// do hands the job over and waits until it is durable or refused. A job that
// has begun is waited for even when ctx ends, so that its outcome is known.
func (w *writer) do(ctx context.Context, j *job) error {
	if ctx.Err() != nil { // or else chance decides below
		return context.Cause(ctx)
	}
	select {
	case w.jobs <- j:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.ended:
		return ErrClosed
	}
	select {
	case <-j.done:
		return j.err
	case <-w.ended:
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return context.Cause(ctx)
		}
	}
	select {
	case <-j.done:
		return j.err
	case <-w.ended:
	}
	select { // the last batch may have ended together with the writer
	case <-j.done:
		return j.err
	default:
		return ErrClosed
	}
}

func (w *writer) loop(ctx context.Context) {
	defer close(w.ended)
	defer w.disconnect()
	work := context.WithoutCancel(ctx)
	batch := make([]*job, 0, maxBatch)
	for {
		batch = batch[:0]
		select {
		case j := <-w.jobs:
			batch = w.bide(ctx, w.gather(append(batch, j)))
		case <-ctx.Done():
			if batch = w.gather(batch); len(batch) == 0 {
				return
			}
		}
		w.transact(work, batch)
	}
}

// gather adds what waits already.
func (w *writer) gather(batch []*job) []*job {
	for len(batch) < maxBatch {
		select {
		case j := <-w.jobs:
			batch = append(batch, j)
		default:
			return batch
		}
	}
	return batch
}

// busy tells whether writes come so often that waiting for company pays.
type busy struct {
	since  time.Time // of the present count
	writes int
	often  bool // by the last count
}

// At busyWrites within busyFor, 20 calls a second, writes begin to wait.
const (
	busyFor    = 250 * time.Millisecond
	busyWrites = 15
)

// count adds n writes and tells whether they come often.
func (b *busy) count(n int, now time.Time) bool {
	if past := now.Sub(b.since); past >= busyFor {
		b.often = past < 2*busyFor && b.writes >= busyWrites
		b.since, b.writes = now, 0
	}
	b.writes += n
	return b.often || b.writes >= busyWrites
}

// bide waits for more while every write of the batch has patience left, if
// there are many.
func (w *writer) bide(ctx context.Context, batch []*job) []*job {
	until := batch[0].until
	for _, j := range batch[1:] {
		until = earlier(until, j.until)
	}
	now := time.Now()
	patience := until.Sub(now)
	if !w.busy.count(len(batch), now) || patience <= 0 {
		return batch
	}
	end := time.NewTimer(patience)
	defer end.Stop()
	for len(batch) < maxBatch {
		select {
		case j := <-w.jobs:
			batch = append(batch, j)
			w.busy.writes++
			if until = earlier(until, j.until); time.Until(until) <= 0 {
				return w.gather(batch)
			}
			end.Reset(time.Until(until))
		case <-end.C:
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// transact runs the batch in one transaction and tells every job its outcome.
func (w *writer) transact(ctx context.Context, batch []*job) {
	running := batch[:0]
	for _, j := range batch {
		if j.taken.CompareAndSwap(false, true) {
			running = append(running, j)
		} else {
			close(j.done) // nobody waits any more
		}
	}
	if len(running) == 0 {
		return
	}
	err := w.attempt(ctx, running)
	if err != nil {
		w.disconnect()
		w.db.log.Error("write batch failed", "writes", len(running), "error", err)
	}
	var fresh []omni.Event
	for _, j := range running {
		switch {
		case err != nil:
			j.err = w.db.failed("commit", err)
		case j.err == nil:
			fresh = append(fresh, j.fresh...)
		default:
			j.err = w.db.failed("commit", j.err)
		}
		close(j.done)
	}
	w.db.feed.push(fresh)
}

// attempt returns an error when the transaction as a whole failed.
func (w *writer) attempt(ctx context.Context, batch []*job) error {
	if err := w.connect(ctx); err != nil {
		return err
	}
	refused, err := w.together(ctx, batch, w.plain)
	if err != nil || refused == nil {
		return err
	}
	if len(batch) == 1 {
		return nil // its error is its own
	}
	_, err = w.together(ctx, batch, w.apart)
	return err
}

// together makes one transaction of the batch; run runs a job within it. A job
// that run returns an error for takes the transaction back: it is returned.
func (w *writer) together(ctx context.Context, batch []*job, run func(context.Context, *job, *int64) error) (refused *job, err error) {
	if _, err := w.q.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	var head int64
	if err := w.q.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM events").Scan(&head); err != nil {
		return nil, fmt.Errorf("head: %w", err)
	}
	for _, j := range batch {
		j.err, j.fresh = nil, nil
		if err := run(ctx, j, &head); err != nil {
			if w.db.dialect.away(err) || errors.Is(err, errTransaction) {
				return nil, err
			}
			j.err, j.fresh = err, nil
			if _, err := w.q.ExecContext(ctx, "ROLLBACK"); err != nil {
				return nil, fmt.Errorf("roll back: %w", err)
			}
			return j, nil
		}
	}
	if _, err := w.q.ExecContext(ctx, "COMMIT"); err != nil {
		if !sqliteFull(err) { // what did not fit is not there
			err = fmt.Errorf("%w: %w", ErrUncertain, err)
		}
		return nil, fmt.Errorf("commit: %w", err)
	}
	return nil, nil
}

func (w *writer) plain(ctx context.Context, j *job, head *int64) error { return j.run(ctx, w.q, head) }

// errTransaction marks what went wrong with a savepoint and not with a job.
var errTransaction = errors.New("store: savepoint")

// apart runs a job within a savepoint and takes back what a refused one did.
func (w *writer) apart(ctx context.Context, j *job, head *int64) error {
	before := *head
	if _, err := w.q.ExecContext(ctx, "SAVEPOINT one"); err != nil {
		return errors.Join(errTransaction, err)
	}
	if j.err = j.run(ctx, w.q, head); j.err != nil {
		if w.db.dialect.away(j.err) {
			return j.err
		}
		*head, j.fresh = before, nil
		if _, err := w.q.ExecContext(ctx, "ROLLBACK TO one"); err != nil {
			return errors.Join(errTransaction, err)
		}
	}
	if _, err := w.q.ExecContext(ctx, "RELEASE one"); err != nil {
		return errors.Join(errTransaction, err)
	}
	return nil
}

func (w *writer) connect(ctx context.Context) error {
	if w.q != nil {
		return nil
	}
	conn, err := w.db.write.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	w.q = &prepared{conn: conn, stmts: make(map[string]*sql.Stmt, 64)}
	return nil
}

// disconnect throws the connection away, and with it an open transaction.
func (w *writer) disconnect() {
	if w.q == nil {
		return
	}
	for _, s := range w.q.stmts {
		_ = s.Close()
	}
	_ = w.q.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.q.conn.Close()
	w.q = nil
}

// prepared is a connection that keeps its statements.
type prepared struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// maxStatements bounds the kept statements; texts are constants, so it is
// never reached unless one is built with values in it.
const maxStatements = 512

func (p *prepared) stmt(ctx context.Context, text string) (*sql.Stmt, error) {
	if s, ok := p.stmts[text]; ok {
		return s, nil
	}
	if len(p.stmts) >= maxStatements {
		return nil, errors.New("store: too many different statements")
	}
	s, err := p.conn.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	p.stmts[text] = s
	return s, nil
}

func (p *prepared) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	s, err := p.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(ctx, args...)
}

func (p *prepared) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	s, err := p.stmt(ctx, text)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(ctx, args...)
}

func (p *prepared) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	s, err := p.stmt(ctx, text)
	if err != nil {
		return p.conn.QueryRowContext(ctx, text, args...) // gives the same error
	}
	return s.QueryRowContext(ctx, args...)
}

// exclusive runs f in a transaction: on SQLite as a part of the writer's next
// batch.
func (db *DB) exclusive(ctx context.Context, f func(querier) error) error {
	if db.closed.Load() {
		return ErrClosed
	}
	if w, ok := db.commits.(*writer); ok {
		return w.do(ctx, &job{done: make(chan struct{}), run: func(_ context.Context, q querier, _ *int64) error { return f(q) }})
	}
	return db.transaction(ctx, f)
}
