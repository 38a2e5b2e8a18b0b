package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/omni"
)

const (
	deleteBatch   = 200
	retentionStep = 10 * time.Minute
)

// DeleteExpired deletes the recordings whose time is over by now: the file
// first, then the row's state together with the event recording.deleted. A
// file that is gone already is no error, so a deletion that was interrupted is
// finished the next time. It returns how many recordings were deleted.
func (db *DB) DeleteExpired(ctx context.Context, folder string, now time.Time) (int, error) {
	root, err := os.OpenRoot(folder)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(folder, 0o750); err == nil {
			root, err = os.OpenRoot(folder)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("retention: %w", err)
	}
	defer root.Close()
	deleted := 0
	for {
		due, err := db.ExpiredRecordings(ctx, now, deleteBatch)
		if err != nil {
			return deleted, err
		}
		var failures []error
		for _, r := range due {
			if err := db.deleteRecording(ctx, root, r, now); err != nil {
				failures = append(failures, err)
				continue
			}
			deleted++
		}
		if len(failures) > 0 || len(due) < deleteBatch {
			return deleted, errors.Join(failures...)
		}
	}
}

func (db *DB) deleteRecording(ctx context.Context, root *os.Root, r omni.Recording, now time.Time) error {
	if r.Path != "" {
		if !filepath.IsLocal(r.Path) {
			return fmt.Errorf("retention of %s: path leads out of the folder", r.ID)
		}
		if err := root.Remove(r.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("retention of %s: %w", r.ID, err)
		}
	}
	r.State, r.Bytes = omni.RecordingDeleted, 0
	data, err := json.Marshal(map[string]string{"recording_id": r.ID, "reason": "retention"})
	if err != nil {
		return fmt.Errorf("retention of %s: %w", r.ID, err)
	}
	// The event's id follows from the recording's: two nodes that delete it at
	// once say so once.
	e := omni.Event{ID: string(id.Event) + "_" + strings.TrimPrefix(r.ID, string(id.Recording)+"_") + "-deleted",
		Type: omni.RecordingDeletedEvent, Time: now, ConversationID: r.ConversationID, Data: data}
	if _, err := db.Commit(ctx, Write{Omni: omni.Change{Recordings: []omni.Recording{r}, Events: []omni.Event{e}}}); err != nil {
		return fmt.Errorf("retention of %s: %w", r.ID, err)
	}
	db.log.Info("recording deleted", "recording", r.ID, "conversation", r.ConversationID)
	return nil
}

// RunRetention deletes expired recordings now and then until ctx ends.
func (db *DB) RunRetention(ctx context.Context, folder string) error {
	tick := time.NewTicker(retentionStep)
	defer tick.Stop()
	for {
		if _, err := db.DeleteExpired(ctx, folder, time.Now()); err != nil && ctx.Err() == nil {
			db.log.Warn("expired recordings are not all deleted", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
