package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	keepTimeout   = 3 * time.Second // how long a Keep waits for the database
	replayTimeout = 10 * time.Second
	replayEvery   = 500 * time.Millisecond
)

// keeper decides between database and spool.
type keeper struct {
	db       *DB
	spool    *Spool
	rejected *Spool
	wake     chan struct{}
	replays  chan struct{} // holds one while somebody replays
}

func (k *keeper) keep(ctx context.Context, w *Write) error {
	if k.spool.Pending() > 0 || k.db.closed.Load() { // stay behind those that wait
		return k.append(w)
	}
	limited, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	_, err := k.db.commits.commit(limited, w)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, ErrClosed):
		k.db.log.Warn("database is away: writes go to the spool", "error", err)
		return k.append(w)
	case errors.Is(err, ErrStaleLease):
		return err
	}
	return errors.Join(err, k.reject(w, err))
}

func (k *keeper) append(w *Write) error {
	if err := k.spool.Append(w); err != nil {
		k.db.log.Error("write can be kept nowhere", "error", err)
		return err
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
	return nil
}

// reject keeps a write that the database refuses whatever happens, for people
// to look at.
func (k *keeper) reject(w *Write, cause error) error {
	ids := make([]string, 0, len(w.Omni.Conversations))
	for _, c := range w.Omni.Conversations {
		ids = append(ids, c.ID)
	}
	k.db.log.Error("write is refused and kept aside", "conversations", ids, "error", cause)
	return k.rejected.Append(w)
}

func (k *keeper) run(ctx context.Context) {
	defer k.spool.Close()
	defer k.rejected.Close()
	tick := time.NewTicker(replayEvery)
	defer tick.Stop()
	for {
		select {
		case <-k.wake:
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if k.spool.Pending() == 0 {
			continue
		}
		if err := k.replay(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnavailable) {
			k.db.log.Error("spool is not replayed", "error", err)
		}
		select { // do not hammer a database that is away
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// replay commits what waits, oldest first, until nothing does or the database
// fails.
func (k *keeper) replay(ctx context.Context) error {
	select {
	case k.replays <- struct{}{}:
		defer func() { <-k.replays }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	n := 0
	for {
		w, at, err := k.spool.first()
		var strange *undecodable
		if errors.As(err, &strange) {
			k.db.log.Error("write of another version is kept aside", "error", err)
			if err := k.rejected.appendBody(strange.body); err != nil {
				return err // it stays where it is until it is kept elsewhere
			}
			if err := k.spool.drop(at); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if w == nil {
			if n > 0 {
				k.db.log.Info("spool replayed", "writes", n)
			}
			return nil
		}
		switch err := k.commit(ctx, w); {
		case err == nil:
		case errors.Is(err, ErrUnavailable), errors.Is(err, ErrClosed), errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
			return fmt.Errorf("replay: %w", err)
		default:
			if err := k.reject(w, err); err != nil {
				return err
			}
		}
		if err := k.spool.drop(at); err != nil {
			return err
		}
		n++
	}
}

func (k *keeper) commit(ctx context.Context, w *Write) error {
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	_, err := k.db.commits.commit(ctx, w)
	return err
}
