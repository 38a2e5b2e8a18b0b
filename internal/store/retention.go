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

// DeleteExpired deletes the recordings whose time is over by now: first the
// row's state together with the event recording.deleted, unless somebody holds
// the recording, then the file. The row has its bytes until the file is gone, so
// a deletion that was interrupted is finished the next time. A file that is gone
// already is no error. It returns how many recordings were deleted.
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
	deleted, err := db.finishDeletions(ctx, root)
	failures := []error{err}
	for {
		due, err := db.ExpiredRecordings(ctx, now, deleteBatch)
		if err != nil {
			return deleted, errors.Join(append(failures, err)...)
		}
		stay := 0
		for _, r := range due {
			switch gone, err := db.deleteRecording(ctx, root, r, now); {
			case err != nil:
				failures = append(failures, err)
				stay++
			case gone:
				deleted++
			}
		}
		if stay > 0 || len(due) < deleteBatch {
			return deleted, errors.Join(failures...)
		}
	}
}

const deletedWithFile = "WHERE t.state = 'deleted' AND t.bytes > 0"

// finishDeletions deletes the files that are left of recordings which are
// deleted by their rows.
func (db *DB) finishDeletions(ctx context.Context, root *os.Root) (int, error) {
	left, err := list(ctx, db, recordings, "deleted recordings with files", deletedWithFile+" ORDER BY t.id")
	if err != nil {
		return 0, err
	}
	deleted := 0
	var failures []error
	for _, r := range left {
		if err := db.deleteFile(ctx, root, r); err != nil {
			failures = append(failures, err)
			continue
		}
		deleted++
	}
	return deleted, errors.Join(failures...)
}

// errKept is why a recording cannot be deleted: it is held, or deleted already.
var errKept = errors.New("store: the recording is held or deleted")

// claimRecording writes a recording down as deleted, unless it is held. What it
// leaves in bytes says that the file may still be there.
func claimRecording(ctx context.Context, q querier, recordingID string) error {
	res, err := q.ExecContext(ctx, `UPDATE recordings SET state = 'deleted', bytes = CASE WHEN path = '' THEN 0 WHEN bytes > 0 THEN bytes ELSE 1 END
		WHERE id = $1 AND state <> 'deleted' AND NOT legal_hold`, recordingID)
	if err != nil {
		return fmt.Errorf("delete %s: %w", recordingID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errorOr(err, errKept)
	}
	return nil
}

// deleteRecording tells whether the recording is gone; one that is held since it
// was listed, or that another node deletes, is none of its business.
func (db *DB) deleteRecording(ctx context.Context, root *os.Root, r omni.Recording, now time.Time) (gone bool, err error) {
	if r.Path != "" && !filepath.IsLocal(r.Path) {
		return false, fmt.Errorf("retention of %s: path leads out of the folder", r.ID)
	}
	e, err := deletedEvent(r, "retention", now)
	if err != nil {
		return false, fmt.Errorf("retention of %s: %w", r.ID, err)
	}
	_, err = db.Commit(ctx, Write{claims: []string{r.ID}, Omni: omni.Change{Events: []omni.Event{e}}})
	if errors.Is(err, errKept) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("retention of %s: %w", r.ID, err)
	}
	db.log.Info("recording deleted", "recording", r.ID, "conversation", r.ConversationID)
	r.State = omni.RecordingDeleted
	return true, db.deleteFile(ctx, root, r)
}

// deleteFile deletes what is left of a recording that is deleted by its row.
func (db *DB) deleteFile(ctx context.Context, root *os.Root, r omni.Recording) error {
	if r.Path == "" {
		return nil
	}
	if !filepath.IsLocal(r.Path) {
		return fmt.Errorf("delete %s: path leads out of the folder", r.ID)
	}
	if err := root.Remove(r.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete %s: %w", r.ID, err)
	}
	r.Bytes = 0
	if _, err := db.Commit(ctx, Write{Omni: omni.Change{Recordings: []omni.Recording{r}}}); err != nil {
		return fmt.Errorf("delete %s: %w", r.ID, err)
	}
	return nil
}

// deletedEvent says that a recording is deleted. Its id follows from the
// recording's: two nodes that delete it at once say so once.
func deletedEvent(r omni.Recording, why string, now time.Time) (omni.Event, error) {
	data, err := json.Marshal(map[string]string{"recording_id": r.ID, "reason": why})
	return omni.Event{ID: string(id.Event) + "_" + strings.TrimPrefix(r.ID, string(id.Recording)+"_") + "-deleted",
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
