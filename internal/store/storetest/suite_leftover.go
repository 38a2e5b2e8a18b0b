package storetest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/omni"
)

// leftRecordings leaves n running recordings with files in the calls of a customer,
// which are over.
func leftRecordings(t *testing.T, db *store.DB, dir string, n int) (cu omni.Customer, list []omni.Recording) {
	t.Helper()
	now := Now()
	cu = omni.Customer{ID: id.New(id.Customer), Name: "Wang Xiaoming", CreatedAt: now, UpdatedAt: now}
	c := omni.Change{Customers: []omni.Customer{cu}}
	for i := range n {
		v := Conversation(now.Add(time.Duration(i) * time.Second))
		v.State, v.CustomerID = omni.Completed, cu.ID
		r := omni.Recording{ID: id.New(id.Recording), ConversationID: v.ID, Kind: "call", State: omni.RecordingRunning, StartedAt: now}
		r.Path = r.ID + ".wav"
		if err := os.WriteFile(filepath.Join(dir, r.Path), []byte(r.ID), 0o600); err != nil {
			t.Fatal(err)
		}
		c.Conversations, c.Recordings = append(c.Conversations, v), append(c.Recordings, r)
	}
	Commit(t, db, c)
	return cu, c.Recordings
}

// finish finishes a recording in the way of who recorded it or, guarded, of who
// completes what others left behind.
func finish(t *testing.T, db *store.DB, r omni.Recording, guarded bool) error {
	sum := sha256.Sum256([]byte(r.ID))
	r.State, r.Bytes, r.SHA256, r.EndedAt, r.DurationMS = omni.RecordingReady, int64(len(r.ID)), hex.EncodeToString(sum[:]), r.StartedAt.Add(time.Second), 1000
	ready, over := Event(r.ConversationID, omni.RecordingReadyEvent, Now()), Event(r.ConversationID, omni.ConversationCompleted, Now())
	data, err := json.Marshal(map[string]any{"recording_id": r.ID, "bytes": r.Bytes})
	if err != nil {
		t.Fatal(err)
	}
	ready.Data = data
	c := omni.Change{Recordings: []omni.Recording{r}, Events: []omni.Event{ready, over}}
	if guarded {
		c.StillRunning = []string{r.ID}
	}
	_, err = db.Commit(t.Context(), store.Write{Omni: c})
	return err
}

// finishedOnce has two nodes finish the same recordings while the customer's data
// is erased: each is finished by one of them or by none, and stays erased whoever
// writes of it later, in the journal, too, and its file where that node has it.
func finishedOnce(t *testing.T, open Opener) {
	db, _ := open(t)
	dir := t.TempDir()
	cu, list := leftRecordings(t, db, dir, 40)
	e := omni.Erasure{ID: id.New("er"), CustomerID: cu.ID, State: omni.ErasureRunning, Reason: "asked", RequestedBy: "us_1", RequestedAt: Now()}
	Commit(t, db, omni.Change{Erasures: []omni.Erasure{e}})
	var group sync.WaitGroup
	var won atomic.Int64
	for range 2 {
		group.Go(func() {
			for _, r := range slices.Backward(list) { // towards the erasure
				if err := finish(t, db, r, true); err == nil {
					won.Add(1)
				} else if !errors.Is(err, omni.ErrChanged) {
					t.Error(err)
				}
			}
		})
	}
	group.Go(func() {
		if err := db.EraseNow(t.Context(), dir); err != nil {
			t.Error(err)
		}
	})
	group.Wait()
	told := map[string]int{}
	erasedForGood := func() {
		t.Helper()
		done := must[omni.Erasure](t)(db.Erasure(t.Context(), e.ID))
		if done.State != omni.ErasureDone || !done.Certificate.Complete || len(done.Certificate.Conversations) != len(list) {
			t.Fatalf("%+v, %+v", done, done.Certificate)
		}
		clear(told)
		for _, r := range list {
			d := must[omni.Detail](t)(db.Detail(t.Context(), r.ConversationID))
			if row := d.Recordings[0]; row.State != omni.RecordingDeleted || row.Bytes != 0 {
				t.Errorf("the certificate says that it is erased: %+v", row)
			}
			if _, err := os.Stat(filepath.Join(dir, r.Path)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the file is there: %v", err)
			}
			for _, ev := range d.Events {
				if ev.Type == omni.RecordingReadyEvent && told[r.ID+omni.RecordingDeletedEvent] > 0 {
					t.Errorf("%s is ready after it was deleted", r.ID)
				}
				told[r.ID+ev.Type]++
			}
			if n := told[r.ID+omni.RecordingReadyEvent]; n > 1 || told[r.ID+omni.RecordingDeletedEvent] != 1 {
				t.Errorf("%s: the journal has it %d times ready, %d times deleted", r.ID, n, told[r.ID+omni.RecordingDeletedEvent])
			}
		}
		rep := must[store.SealReport](t)(db.VerifySeals(t.Context(), dir, "", ""))
		if rep.Broken != nil || rep.Sealed != won.Load() || rep.Deleted != rep.Sealed || len(rep.Resealed) != 0 {
			t.Errorf("%d were finished: %+v", won.Load(), rep)
		}
	}
	erasedForGood()
	for i, r := range list {
		if i%2 == 1 { // that node's file, which was elsewhere
			if err := os.WriteFile(filepath.Join(dir, r.Path), []byte(r.ID), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := finish(t, db, r, i%2 == 0); i%2 == 0 && !errors.Is(err, omni.ErrChanged) || i%2 == 1 && err != nil {
			t.Errorf("finished after it was erased: %v", err)
		}
	}
	if _, err := db.DeleteExpired(t.Context(), dir, Now()); err != nil {
		t.Error(err)
	}
	erasedForGood()
	for i, r := range list {
		if i%2 == 1 && told[r.ID+omni.ConversationCompleted] == 0 {
			t.Errorf("%s: what else was written with it is not in the journal", r.ID)
		}
	}
	unknown := list[0]
	unknown.ID = id.New(id.Recording)
	if err := finish(t, db, unknown, true); !errors.Is(err, omni.ErrNotFound) {
		t.Errorf("a recording that is not there gives %v", err)
	}
}
