package storetest

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/omni"
)

// sealed finishes recordings from several goroutines and changes one thing after
// the other: a byte of a file, a field of a row, a seal, the end of the chain.
func sealed(t *testing.T, open Opener) {
	db, url := open(t)
	dir := t.TempDir()
	now := Now()
	list := make([]omni.Recording, 24)
	var group sync.WaitGroup
	for i := range list {
		r := omni.Recording{ID: id.New(id.Recording), ConversationID: id.New(id.Conversation), Kind: "call", State: omni.RecordingReady,
			StartedAt: now, EndedAt: now.Add(time.Second), DurationMS: 1000}
		r.Path = r.ID + ".wav"
		sound := []byte("sound of " + r.ID)
		sum := sha256.Sum256(sound)
		r.Bytes, r.SHA256 = int64(len(sound)), hex.EncodeToString(sum[:])
		if err := os.WriteFile(filepath.Join(dir, r.Path), sound, 0o600); err != nil {
			t.Fatal(err)
		}
		list[i] = r
		group.Go(func() {
			running := r
			running.State, running.SHA256 = omni.RecordingRunning, ""
			for _, state := range []omni.Recording{running, r, r} { // the last again: sealed once
				if _, err := db.Commit(t.Context(), store.Write{Omni: omni.Change{Recordings: []omni.Recording{state}, Events: []omni.Event{Event(r.ConversationID, "x", now)}}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	verify := func(what, expect string) store.SealReport {
		t.Helper()
		rep := must[store.SealReport](t)(db.VerifySeals(t.Context(), dir, expect))
		found := ""
		if rep.Broken != nil {
			found = rep.Broken.What
		}
		if found != what {
			t.Errorf("found %+v, want %q", rep.Broken, what)
		}
		return rep
	}
	rep := verify("", "")
	if rep.Sealed != 24 || rep.Unsealed != 0 || len(rep.Head) != 64 {
		t.Errorf("%+v", rep)
	}
	verify("", rep.Head)
	verify("head", "0000")

	r := list[7]
	path := filepath.Join(dir, r.Path)
	sound := must[[]byte](t)(os.ReadFile(path))
	sound[3] ^= 1
	if err := os.WriteFile(path, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	if rep := verify("file", ""); rep.Broken == nil || rep.Broken.RecordingID != r.ID {
		t.Errorf("%+v, want %s", rep.Broken, r.ID)
	}
	sound[3] ^= 1
	if err := os.WriteFile(path, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+"x"); err != nil {
		t.Fatal(err)
	}
	verify("missing", "")
	if err := os.Rename(path+"x", path); err != nil {
		t.Fatal(err)
	}
	verify("", "")

	for _, c := range []struct{ do, undo, what string }{
		{"UPDATE seals SET duration_ms = 1001 WHERE seq = 3", "UPDATE seals SET duration_ms = 1000 WHERE seq = 3", "chain"},
		{"UPDATE seals SET seq = 100 WHERE seq = 24", "UPDATE seals SET seq = 24 WHERE seq = 100", "chain"},
		{"UPDATE seals SET seq = 0 WHERE seq = 24", "UPDATE seals SET seq = 24 WHERE seq = 0", "cut"},
		{"UPDATE recordings SET started_at = started_at + 1 WHERE id = '" + r.ID + "'", "UPDATE recordings SET started_at = started_at - 1 WHERE id = '" + r.ID + "'", "row"},
		{"UPDATE recordings SET id = 'rc_x' WHERE id = '" + r.ID + "'", "UPDATE recordings SET id = '" + r.ID + "' WHERE id = 'rc_x'", "row"},
	} {
		Exec(t, url, c.do)
		verify(c.what, "")
		Exec(t, url, c.undo)
	}
	verify("", rep.Head)
	past := r
	past.DeleteAfter = now.Add(-time.Hour)
	Commit(t, db, omni.Change{Recordings: []omni.Recording{past}})
	if n, err := db.DeleteExpired(t.Context(), dir, now); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if rep := verify("", rep.Head); rep.Deleted != 1 {
		t.Errorf("%+v", rep)
	}
}

// sealedAgain finishes recordings as another node does that took theirs for gone
// and as their own node does, at once and one after the other.
func sealedAgain(t *testing.T, open Opener) {
	db, _ := open(t)
	dir, now := t.TempDir(), Now()
	finished := func(r omni.Recording, sound string, end time.Duration) omni.Recording {
		sum := sha256.Sum256([]byte(sound))
		r.Bytes, r.SHA256, r.EndedAt, r.DurationMS = int64(len(sound)), hex.EncodeToString(sum[:]), now.Add(end), end.Milliseconds()
		return r
	}
	var group sync.WaitGroup
	list := make([]omni.Recording, 8)
	for i := range list {
		r := omni.Recording{ID: id.New(id.Recording), ConversationID: id.New(id.Conversation), Kind: "call", State: omni.RecordingReady, StartedAt: now}
		r.Path = r.ID + ".wav"
		list[i] = r
		if err := os.WriteFile(filepath.Join(dir, r.Path), []byte("all of it"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, r := range []omni.Recording{finished(r, "all", time.Second), finished(r, "all of it", 3*time.Second)} {
			group.Go(func() { Commit(t, db, omni.Change{Recordings: []omni.Recording{r}}) })
		}
	}
	group.Wait()
	for _, r := range list { // whichever was first: its own node is the last
		Commit(t, db, omni.Change{Recordings: []omni.Recording{finished(r, "all", time.Second)}})
		for range 2 {
			Commit(t, db, omni.Change{Recordings: []omni.Recording{finished(r, "all of it", 3*time.Second)}})
		}
	}
	rep := must[store.SealReport](t)(db.VerifySeals(t.Context(), dir, ""))
	if rep.Broken != nil || rep.Sealed < 16 || int(rep.Sealed)-len(rep.Resealed) != len(list) {
		t.Errorf("%+v, broken %+v", rep, rep.Broken)
	}
	if err := os.WriteFile(filepath.Join(dir, list[3].Path), []byte("all"), 0o600); err != nil {
		t.Fatal(err)
	}
	if rep := must[store.SealReport](t)(db.VerifySeals(t.Context(), dir, "")); rep.Broken == nil || rep.Broken.What != "file" || rep.Broken.RecordingID != list[3].ID {
		t.Errorf("what was sealed first is the file again: %+v", rep.Broken)
	}
}

// sealedMeanwhile verifies while recordings are finished and deleted: the chain
// holds at every moment.
func sealedMeanwhile(t *testing.T, open Opener) {
	db, _ := open(t)
	dir, now := t.TempDir(), Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 150 {
			r := omni.Recording{ID: id.New(id.Recording), ConversationID: id.New(id.Conversation), Kind: "call", State: omni.RecordingReady,
				StartedAt: now, EndedAt: now, DeleteAfter: now.Add(-time.Hour), Bytes: 3}
			r.Path = r.ID + ".wav"
			sum := sha256.Sum256([]byte("abc"))
			r.SHA256 = hex.EncodeToString(sum[:])
			if err := os.WriteFile(filepath.Join(dir, r.Path), []byte("abc"), 0o600); err != nil {
				t.Error(err)
			}
			if _, err := db.Commit(t.Context(), store.Write{Omni: omni.Change{Recordings: []omni.Recording{r}}}); err != nil {
				t.Error(err)
			}
			if i%10 == 9 {
				if _, err := db.DeleteExpired(t.Context(), dir, now); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		rep := must[store.SealReport](t)(db.VerifySeals(t.Context(), dir, ""))
		if rep.Broken != nil {
			t.Errorf("nothing was changed: %+v", rep.Broken)
		}
		if over && rep.Sealed != 150 {
			t.Errorf("%d sealed", rep.Sealed)
		}
	}
}

// Exec changes the database behind the store's back.
func Exec(t testing.TB, url, text string) {
	t.Helper()
	driver, name := "sqlite", strings.TrimPrefix(url, "sqlite:")
	if name == url {
		driver = "pgx"
	} else {
		name = "file:" + strings.NewReplacer("%", "%25", "#", "%23", "?", "%3f").Replace(name) + "?_pragma=busy_timeout(5000)"
	}
	raw, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	res, err := raw.ExecContext(t.Context(), text)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		t.Fatalf("%s: %d rows, %v", text, n, err)
	}
}
