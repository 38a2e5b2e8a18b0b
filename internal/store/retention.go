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
	// The list may be minutes old: what is held since then stays.
	if now, err := db.Recording(ctx, r.ID); err != nil || now.LegalHold {
		return err
	}
	if r.Path != "" {
		if !filepath.IsLocal(r.Path) {
			return fmt.Errorf("retention of %s: path leads out of the folder", r.ID)
		}
		if err := root.Remove(r.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("retention of %s: %w", r.ID, err)
		}
	}
	r, e, err := deletedRecording(r, "retention", now)
	if err != nil {
		return err
	}
	if _, err := db.Commit(ctx, Write{Omni: omni.Change{Recordings: []omni.Recording{r}, Events: []omni.Event{e}}}); err != nil {
		return fmt.Errorf("retention of %s: %w", r.ID, err)
	}
	db.log.Info("recording deleted", "recording", r.ID, "conversation", r.ConversationID)
	return nil
}

// deletedRecording gives row and event of a recording whose file is gone. The
// event's id follows from the recording's: two nodes that delete it at once say
// so once.
func deletedRecording(r omni.Recording, why string, now time.Time) (omni.Recording, omni.Event, error) {
	r.State, r.Bytes = omni.RecordingDeleted, 0
	data, err := json.Marshal(map[string]string{"recording_id": r.ID, "reason": why})
	return r, omni.Event{ID: string(id.Event) + "_" + strings.TrimPrefix(r.ID, string(id.Recording)+"_") + "-deleted",
		Type: omni.RecordingDeletedEvent, Time: now, ConversationID: r.ConversationID, Data: data}, err
}

// DeleteStray deletes recordings that began before a day and that no row names:
// a process that is killed between making a file and writing its row leaves one.
// Files of other names are left alone. It returns how many were deleted.
func (db *DB) DeleteStray(ctx context.Context, folder string, before time.Time) (int, error) {
	root, err := os.OpenRoot(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("stray recordings: %w", err)
	}
	defer root.Close()
	last := before.UTC().Format("2006/01/02")
	deleted := 0
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case path >= last && d.IsDir():
			return fs.SkipDir
		case path >= last:
			return nil
		}
		recordingID, ok := strings.CutSuffix(d.Name(), ".wav")
		if d.IsDir() || !ok || !strings.HasPrefix(recordingID, string(id.Recording)+"_") {
			return nil
		}
		if _, err := db.Recording(ctx, recordingID); !errors.Is(err, ErrNotFound) {
			return err
		}
		if err := root.Remove(path); err != nil {
			return err
		}
		db.log.Warn("recording that no row names deleted", "file", path)
		deleted++
		return nil
	})
	if err != nil {
		return deleted, fmt.Errorf("stray recordings: %w", err)
	}
	return deleted, nil
}

// strayEvery is how often stray recordings are looked for.
const strayEvery = 24 * time.Hour

// RunRetention deletes expired recordings now and then until ctx ends, and those
// that no row names after the same time; keep is negative for ever.
func (db *DB) RunRetention(ctx context.Context, folder string, keep time.Duration) error {
	tick := time.NewTicker(retentionStep)
	defer tick.Stop()
	var looked time.Time
	for {
		if keep > 0 && db.Spooled() == 0 && time.Since(looked) >= strayEvery {
			looked = time.Now()
			if _, err := db.DeleteStray(ctx, folder, looked.Add(-keep)); err != nil && ctx.Err() == nil {
				db.log.Warn("stray recordings are not all deleted", "error", err)
			}
		}
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
