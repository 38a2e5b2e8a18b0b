package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/omni"
)

const (
	connectTimeout = 5 * time.Second
	sequencerTTL   = 3 * time.Second       // after a crash, events wait no longer for their seq
	sequencerPoll  = 25 * time.Millisecond // how soon other nodes' events get their seq
	sequencerBatch = 2000
	maxTries       = 5 // of a transaction that the database asks to repeat
)

// postgres commits through the pool; its sequencer gives seq afterwards.
type postgres struct {
	db     *DB
	holder string
	fresh  chan struct{}
	epoch  int64 // of the sequencer's lease when this process held it last
}

func (db *DB) startPostgres(ctx context.Context) error {
	ctx, db.stop = context.WithCancel(context.WithoutCancel(ctx))
	head, err := db.Head(ctx)
	if err != nil {
		db.stop()
		return err
	}
	p := &postgres{db: db, holder: id.New(id.Node), fresh: make(chan struct{}, 1)}
	db.commits = p
	db.feed = newFeed(db, head, false)
	db.done.Add(2)
	go func() { defer db.done.Done(); p.sequence(ctx) }()
	go func() { defer db.done.Done(); db.feed.run(ctx) }()
	return nil
}

func (p *postgres) commit(ctx context.Context, w *Write) (out []omni.Event, err error) {
	err = p.db.transaction(ctx, func(q querier) error {
		out, _, err = p.db.apply(ctx, q, w, nil)
		return err
	})
	if err != nil {
		return nil, p.db.failed("commit", err)
	}
	if len(out) > 0 {
		select {
		case p.fresh <- struct{}{}:
		default:
		}
	}
	return out, nil
}

// transaction runs f in a transaction, again when the database asks for it.
func (db *DB) transaction(ctx context.Context, f func(querier) error) error {
	for try := 1; ; try++ {
		err := db.once(ctx, f)
		if err == nil || try == maxTries || !db.dialect.again(err) {
			return err
		}
	}
}

func (db *DB) once(ctx context.Context, f func(querier) error) error {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		// Without an answer nobody knows. pgx calls that safe to retry, too: it
		// forgets that it had sent the commit when the connection ends after it.
		if pgCode(err) == "" {
			return fmt.Errorf("%w: %w", ErrUncertain, err)
		}
		return err
	}
	return nil
}

// sequence waits until no other node holds the sequencer's lease and then
// gives seq to what was committed, until it loses the lease.
func (p *postgres) sequence(ctx context.Context) {
	for ctx.Err() == nil {
		lease, err := p.db.Acquire(ctx, "sequencer", p.holder, sequencerTTL)
		if err == nil {
			err = p.lead(ctx, lease)
		}
		if err != nil && !errors.Is(err, ErrLeaseHeld) && ctx.Err() == nil {
			p.db.log.Warn("sequencer stands back", "error", err)
		}
		select {
		case <-time.After(sequencerTTL / 6):
		case <-ctx.Done():
		}
	}
}

// lead numbers events while the lease holds.
func (p *postgres) lead(ctx context.Context, lease Lease) error {
	defer func() {
		release, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = p.db.once(release, releasing(release, lease)) // else it runs out by itself
	}()
	head, err := p.db.Head(ctx)
	if err != nil {
		return err
	}
	// When nobody else led meanwhile, what this process numbered but could not
	// hand on, since its connection broke, is handed on now.
	p.db.feed.begin(head, lease.Epoch == p.epoch+1)
	p.epoch = lease.Epoch
	poll := time.NewTicker(sequencerPoll)
	defer poll.Stop()
	renewed := time.Now()
	for {
		n, err := p.number(ctx, lease)
		if err != nil {
			return err
		}
		if n > 0 {
			renewed = time.Now()
		} else if time.Since(renewed) > sequencerTTL/3 {
			if _, err := p.db.Renew(ctx, lease, sequencerTTL); err != nil {
				return err
			}
			renewed = time.Now()
		}
		if n == sequencerBatch {
			continue
		}
		select {
		case <-p.fresh:
		case <-poll.C:
		case <-ctx.Done():
			_, err := p.number(context.WithoutCancel(ctx), lease)
			return err
		}
	}
}

var numberEvents = `WITH batch AS (
		SELECT outbox, row_number() OVER (ORDER BY outbox) AS n
		FROM (SELECT outbox FROM events WHERE seq IS NULL ORDER BY outbox LIMIT $2) AS waiting)
	UPDATE events SET seq = $1 + batch.n FROM batch WHERE events.outbox = batch.outbox
	RETURNING events.seq, ` + events.selects("events")

// number gives seq to the events that wait for it, in the order of their
// outbox numbers. That order agrees with the one within a conversation, since
// the conversation's counter is locked before its events are inserted.
func (p *postgres) number(ctx context.Context, lease Lease) (int, error) {
	var waiting bool
	if err := p.db.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM events WHERE seq IS NULL)").Scan(&waiting); err != nil || !waiting {
		return 0, err
	}
	var list []omni.Event
	err := p.db.once(ctx, func(q querier) error {
		var mine int64
		fence := "UPDATE leases SET expires_at = " + p.db.dialect.now + " + $3 WHERE name = $1 AND epoch = $2 RETURNING epoch"
		err := q.QueryRowContext(ctx, fence, lease.Name, lease.Epoch, sequencerTTL.Microseconds()).Scan(&mine)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrStaleLease
		}
		if err != nil {
			return err
		}
		var head int64
		if err := q.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM events").Scan(&head); err != nil {
			return err
		}
		list, err = scanEvents(q.QueryContext(ctx, numberEvents, head, int64(sequencerBatch)))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("number events: %w", err)
	}
	slices.SortFunc(list, func(a, b omni.Event) int { return int(a.Seq - b.Seq) })
	p.db.feed.push(list)
	return len(list), nil
}

func isEOF(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
