package journey

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/omni"
)

// How long one step of completing a recording may take beside reading its file,
// how long the next try of the same recording waits, how often the database may
// refuse one, for about a minute and a half, and how often its file may be out of
// reach, or its row be written too slowly: for about ten minutes and the time that
// the tries take, in which a folder is mounted or a lock is let go.
const (
	completeWithin = 10 * time.Second
	completeAgain  = time.Second
	completeMost   = 30 * time.Second
	completeTries  = 8
	patientTries   = 25
)

// errFile is an error of a recording's file that says nothing of what is in it: it
// may be whole.
var errFile = errors.New("journey: the recording's file is out of reach")

// errSlow is a row that was not written within completeWithin, while the database
// could be read: something holds it up, perhaps for ever.
var errSlow = errors.New("journey: the recording's row is not written in time")

// leftovers are recordings of processes that died. They are read to their ends
// before they are complete, so nobody waits for them: their rows say that they
// run until their files are hashed, and who starts again finds them by that.
type leftovers struct {
	mu      sync.Mutex
	waiting []leftover
	known   map[string]bool // those that wait, and those that are being completed
	more    chan struct{}   // holds one
}

// leftover is one of them, and what became of earlier tries.
type leftover struct {
	recordingID string
	refused     int           // tries that the database refused
	waited      int           // tries for which the file or the row was not to be had
	pause       time.Duration // before the next try, but for chance
	due         time.Time     // of the next try; zero: at once
}

func newLeftovers() *leftovers {
	return &leftovers{known: map[string]bool{}, more: make(chan struct{}, 1)}
}

// add has recordings completed that are not known yet. One that is being completed
// keeps its tries and its pause.
func (l *leftovers) add(records ...omni.Recording) {
	l.mu.Lock()
	for _, r := range records {
		if !l.known[r.ID] {
			l.known[r.ID] = true
			l.waiting = append(l.waiting, leftover{recordingID: r.ID})
		}
	}
	l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// putBack has a recording that was taken tried again when it is due.
func (l *leftovers) putBack(one leftover) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, one)
}

// done forgets a recording that was taken.
func (l *leftovers) done(one leftover) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, one.recordingID)
}

// take takes the first that is due. When none is, wait is how long until one will
// be; zero: none waits.
func (l *leftovers) take(now time.Time) (one leftover, wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, w := range l.waiting {
		left := w.due.Sub(now)
		if left <= 0 {
			l.waiting = slices.Delete(l.waiting, i, i+1)
			return w, 0, true
		}
		if wait == 0 || left < wait {
			wait = left
		}
	}
	return leftover{}, wait, false
}

// completeLeftovers completes recordings of processes that died, one after the
// other, until ctx ends. One that cannot be completed for now is tried again later,
// and does not keep the others waiting.
func (c *Center) completeLeftovers(ctx context.Context) {
	for ctx.Err() == nil {
		one, wait, ok := c.left.take(time.Now())
		if !ok {
			var due <-chan time.Time
			if wait > 0 {
				due = time.After(wait)
			}
			select {
			case <-c.left.more:
			case <-due:
			case <-ctx.Done():
			}
			continue
		}
		if err := c.complete(ctx, one.recordingID, c.repaired); err == nil || ctx.Err() != nil || !c.completeLater(ctx, one, err) {
			c.left.done(one)
		}
	}
}

// completeLater has a recording tried again that could not be completed. While the
// database is away that goes on; one that it refuses again and again, or whose file
// or row stays out of reach, is failed.
func (c *Center) completeLater(ctx context.Context, one leftover, why error) (again bool) {
	switch {
	case errors.Is(why, errFile), errors.Is(why, errSlow):
		one.waited++
	case !dbAway(why):
		one.refused++
	}
	if one.refused >= completeTries || one.waited >= patientTries {
		err := c.complete(ctx, one.recordingID, func(_ context.Context, r omni.Recording, now time.Time) (_ omni.Recording, fault, err error) {
			return c.failedFor(r, now, why), why, nil
		})
		switch {
		case err == nil || ctx.Err() != nil:
			return false
		case !dbAway(err):
			c.log.Error("recording left behind can be neither completed nor given up; it is left for the next start", "recording", one.recordingID, "err", err)
			return false
		}
	}
	one.pause = min(max(2*one.pause, completeAgain), completeMost)
	wait := one.pause/2 + rand.N(one.pause) // not all of them at once
	one.due = time.Now().Add(wait)
	c.log.Warn("recording left behind is not complete yet", "recording", one.recordingID, "refused", one.refused, "waited", one.waited, "again_in", wait, "err", why)
	c.left.putBack(one)
	return true
}

// dbAway tells that a write failed for the database and not for what was written.
func dbAway(err error) bool {
	return errors.Is(err, account.ErrUnavailable) || errors.Is(err, ErrUncertain) || errors.Is(err, context.DeadlineExceeded)
}

// complete completes the file and the row of a recording whose process died; the
// store seals it in the same transaction. One that is not running any more was
// completed by somebody else, for instance by its own node, which lived, or is
// deleted, for instance because the customer's data was erased meanwhile: it is left
// as it is. end gives the row, and what is wrong with the recording; with an error
// the recording does not end yet.
func (c *Center) complete(ctx context.Context, recordingID string,
	end func(context.Context, omni.Recording, time.Time) (_ omni.Recording, fault, err error)) error {
	within, cancel := context.WithTimeout(ctx, completeWithin)
	r, err := c.store.Recording(within, recordingID)
	cancel()
	switch {
	case errors.Is(err, omni.ErrNotFound):
		return nil
	case err != nil:
		return err
	case r.State != omni.RecordingRunning:
		return nil
	}
	now := c.now()
	r, fault, err := end(ctx, r, now)
	switch {
	case ctx.Err() != nil: // it was not read to its end
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("complete %s: %w", recordingID, err)
	}
	within, cancel = context.WithTimeout(ctx, completeWithin)
	defer cancel()
	w := Write{Omni: omni.Change{Recordings: []omni.Recording{r}, StillRunning: []string{recordingID}, Events: []omni.Event{ending(r, now)}}}
	switch err := c.store.Commit(within, w); {
	case errors.Is(err, omni.ErrChanged), errors.Is(err, omni.ErrNotFound):
		c.log.Info("recording left behind was completed or deleted by somebody else", "recording", recordingID)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("complete %s: %w: %w", recordingID, errSlow, err)
	case err != nil:
		return fmt.Errorf("complete %s: %w", recordingID, err)
	case fault != nil:
		c.log.Error("recording left behind has failed", "recording", recordingID, "reason", r.Failure, "kept_ms", r.DurationMS, "err", fault)
	default:
		c.log.Info("recording left behind is complete", "recording", recordingID, "duration_ms", r.DurationMS)
	}
	return nil
}

// ending is the event of a recording that is ready or has failed.
func ending(r omni.Recording, now time.Time) omni.Event {
	if r.State == omni.RecordingFailed {
		return newEvent(omni.RecordingFailedEvent, now, r.ConversationID, "", "", failedData(r))
	}
	return newEvent(omni.RecordingReadyEvent, now, r.ConversationID, "", "", map[string]any{
		"recording_id": r.ID, "duration_ms": r.DurationMS, "bytes": r.Bytes,
	})
}

// repaired gives the row of a recording whose process died: it is complete up to
// that moment, or its file is none of ours, which is the fault. The error is errFile
// when the file is out of reach, and can be repaired another time.
func (c *Center) repaired(ctx context.Context, r omni.Recording, now time.Time) (_ omni.Recording, fault, err error) {
	info, err := wav.Repair(c.pathOf(r.Path))
	if errors.Is(err, wav.ErrFormat) {
		r.State, r.Failure, r.EndedAt = omni.RecordingFailed, omni.FailedDamaged, now
		return r, err, nil
	}
	r.Bytes, r.DurationMS = info.Bytes, info.Duration.Milliseconds()
	r.State, r.EndedAt = omni.RecordingReady, r.StartedAt.Add(info.Duration)
	if err == nil {
		err = c.sum(ctx, &r)
	}
	if err != nil {
		return r, nil, fmt.Errorf("%w: %w", errFile, err)
	}
	return r, nil, nil
}

// failedFor gives the row of a recording that cannot be completed; why is what the
// database or the file said at last.
func (c *Center) failedFor(r omni.Recording, now time.Time, why error) omni.Recording {
	r.State, r.Failure = omni.RecordingFailed, omni.FailedUnsealed
	if errors.Is(why, errFile) {
		r.Failure = failureOf(why)
		if r.Failure == omni.FailedWrite { // nothing was written here: the file is gone or cannot be read
			r.Failure = omni.FailedDamaged
		}
	}
	info, err := wav.Check(c.pathOf(r.Path))
	r.Bytes, r.DurationMS = info.Bytes, info.Duration.Milliseconds()
	r.EndedAt = r.StartedAt.Add(info.Duration)
	if err != nil {
		r.EndedAt = now
	}
	return r
}
