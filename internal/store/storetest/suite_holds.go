package storetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/omni"
)

// heldOrDeleted holds recordings while retention deletes them, on two nodes at
// once: what was held keeps its file, what was not is gone. Then a file cannot
// be deleted at first.
func heldOrDeleted(t *testing.T, open Opener) {
	db, _ := open(t)
	dir, now := t.TempDir(), Now()
	list := make([]omni.Recording, 120)
	for i := range list {
		r := omni.Recording{ID: id.New(id.Recording), ConversationID: "cv_1", State: omni.RecordingReady, Bytes: 1,
			StartedAt: now, EndedAt: now, DeleteAfter: now.Add(-time.Hour)}
		r.Path = fmt.Sprintf("%d.wav", i)
		if err := os.WriteFile(filepath.Join(dir, r.Path), []byte{1}, 0o600); err != nil {
			t.Fatal(err)
		}
		list[i] = r
	}
	Commit(t, db, omni.Change{Recordings: list})
	hold := func(r omni.Recording) omni.Change {
		return omni.Change{Holds: []omni.Hold{{RecordingID: r.ID, On: true, By: "us_1", Reason: "lawsuit", At: now}}}
	}
	held := make([]bool, len(list))
	deleted := [2]int{}
	var group sync.WaitGroup
	for node := range deleted {
		group.Go(func() {
			n, err := db.DeleteExpired(t.Context(), dir, now)
			if err != nil {
				t.Error(err)
			}
			deleted[node] = n
		})
	}
	group.Go(func() {
		for i := len(list) - 1; i >= 0; i-- { // towards the deletions
			_, err := db.Commit(t.Context(), store.Write{Omni: hold(list[i])})
			if held[i] = err == nil; err != nil && !errors.Is(err, omni.ErrNotFound) {
				t.Error(err)
			}
		}
	})
	group.Wait()
	kept := 0
	for i, r := range list {
		_, err := os.Stat(filepath.Join(dir, r.Path))
		row := must[omni.Recording](t)(db.Recording(t.Context(), r.ID))
		if held[i] {
			kept++
		}
		if there := err == nil; there != held[i] || row.LegalHold != held[i] || (row.State == omni.RecordingDeleted) == held[i] {
			t.Errorf("recording %d: held %v, file %v, row %s, hold %v", i, held[i], there, row.State, row.LegalHold)
		}
		if held[i] != (row.Bytes == 1) {
			t.Errorf("recording %d: held %v, %d bytes", i, held[i], row.Bytes)
		}
	}
	if n := deleted[0] + deleted[1]; n < len(list)-kept {
		t.Errorf("%d deleted, %d of %d kept", n, kept, len(list))
	}

	stuck := list[0]
	stuck.ID, stuck.Path, stuck.Bytes = id.New(id.Recording), "stuck", 0
	file := filepath.Join(dir, stuck.Path, "x")
	if err := os.MkdirAll(file, 0o750); err != nil { // os.Remove refuses a folder with something in it
		t.Fatal(err)
	}
	Commit(t, db, omni.Change{Recordings: []omni.Recording{stuck}})
	if n, err := db.DeleteExpired(t.Context(), dir, now); n != 0 || err == nil {
		t.Errorf("%d deleted, %v; want a fault", n, err)
	}
	if _, err := db.Commit(t.Context(), store.Write{Omni: hold(stuck)}); !errors.Is(err, omni.ErrNotFound) {
		t.Errorf("held while its file is being deleted: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if n, err := db.DeleteExpired(t.Context(), dir, now); n != 1 || err != nil {
		t.Errorf("%d deleted, %v; want the one that was left", n, err)
	}
	if _, err := os.Stat(filepath.Dir(file)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
	if n, err := db.DeleteExpired(t.Context(), dir, now); n != 0 || err != nil {
		t.Errorf("%d deleted again, %v", n, err)
	}
}
