package journey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/omni"
)

// How long one step of completing a recording may take beside reading its file,
// and how long the next try waits when the database is away.
const (
	completeWithin = 10 * time.Second
	completeAgain  = time.Second
	completeMost   = 30 * time.Second
)

// leftovers are recordings of processes that died. They are read to their ends
// before they are complete, so nobody waits for them: their rows say that they
// run until their files are hashed, and who starts again finds them by that.
type leftovers struct {
	mu      sync.Mutex
	waiting []string      // ids
	more    chan struct{} // holds one
}

func newLeftovers() *leftovers { return &leftovers{more: make(chan struct{}, 1)} }

// add has recordings completed that do not wait for it yet.
func (l *leftovers) add(records ...omni.Recording) {
	l.mu.Lock()
	for _, r := range records {
		if !slices.Contains(l.waiting, r.ID) {
			l.waiting = append(l.waiting, r.ID)
		}
	}
	l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// take takes the first; empty: none waits.
func (l *leftovers) take() (recordingID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 {
		recordingID, l.waiting = l.waiting[0], l.waiting[1:]
	}
	return recordingID
}

// completeLeftovers completes recordings of processes that died, one after the
// other, until ctx ends. What cannot be completed for now is tried again later.
func (c *Center) completeLeftovers(ctx context.Context) {
	pause := completeAgain
	for {
		recordingID := c.left.take()
		if recordingID == "" {
			select {
			case <-c.left.more:
				continue
			case <-ctx.Done():
				return
			}
		}
		err := c.complete(ctx, recordingID)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			pause = completeAgain
			continue
		}
		c.log.Warn("recording left behind is not complete yet", "recording", recordingID, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause, completeMost)
		c.left.add(omni.Recording{ID: recordingID})
	}
}

// complete completes the file and the row of a recording whose process died; the
// store seals it in the same transaction. One that is not running any more was
// completed by somebody else, for instance by its own node, which lived, or is
// deleted, for instance because the customer's data was erased meanwhile: it is left
// as it is.
func (c *Center) complete(ctx context.Context, recordingID string) error {
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
	r, ev, fault := c.repaired(ctx, r, c.now())
	if ctx.Err() != nil { // it was not read to its end
		return context.Cause(ctx)
	}
	within, cancel = context.WithTimeout(ctx, completeWithin)
	defer cancel()
	w := Write{Omni: omni.Change{Recordings: []omni.Recording{r}, StillRunning: []string{recordingID}, Events: []omni.Event{ev}}}
	switch err := c.store.Commit(within, w); {
	case errors.Is(err, omni.ErrChanged), errors.Is(err, omni.ErrNotFound):
		c.log.Info("recording left behind was completed or deleted by somebody else", "recording", recordingID)
	case err != nil:
		return fmt.Errorf("complete %s: %w", recordingID, err)
	case fault != nil:
		c.log.Error("recording left behind cannot be read", "recording", recordingID, "err", fault)
	default:
		c.log.Info("recording left behind is complete", "recording", recordingID, "state", r.State, "duration_ms", r.DurationMS)
	}
	return nil
}

// repaired gives the row and the event of a recording whose process died: it is
// complete up to that moment, or its file cannot be read, which is the fault.
func (c *Center) repaired(ctx context.Context, r omni.Recording, now time.Time) (_ omni.Recording, _ omni.Event, fault error) {
	info, err := wav.Repair(c.pathOf(r.Path))
	r.Bytes, r.DurationMS = info.Bytes, info.Duration.Milliseconds()
	r.EndedAt = r.StartedAt.Add(info.Duration)
	c.sum(ctx, &r)
	if err != nil {
		r.State, r.Failure, r.EndedAt = omni.RecordingFailed, failureOf(err), now
		if r.Failure == omni.FailedWrite { // nothing was written here: the file is gone or cannot be opened
			r.Failure = omni.FailedDamaged
		}
		return r, newEvent(omni.RecordingFailedEvent, now, r.ConversationID, "", "", failedData(r)), err
	}
	r.State = omni.RecordingReady
	return r, newEvent(omni.RecordingReadyEvent, now, r.ConversationID, "", "", map[string]any{
		"recording_id": r.ID, "duration_ms": r.DurationMS, "bytes": r.Bytes,
	}), nil
}
