package storetest

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/omni"
)

// sealing is a store, the folder of its recordings, and what is sealed in it.
type sealing struct {
	db   *store.DB
	url  string
	dir  string
	list []omni.Recording
}

// sealAtOnce finishes n recordings from several goroutines, each of whose
// conversations is a node's.
func sealAtOnce(t *testing.T, open Opener, n int, node func(i int) string) *sealing {
	t.Helper()
	db, url := open(t)
	s := &sealing{db: db, url: url, dir: t.TempDir(), list: make([]omni.Recording, n)}
	now := Now()
	var group sync.WaitGroup
	for i := range s.list {
		v := omni.Conversation{ID: id.New(id.Conversation), Channel: omni.Voice, Direction: omni.Inbound, State: omni.Completed, NodeID: node(i), CreatedAt: now, FlowPath: []string{}}
		r := omni.Recording{ID: id.New(id.Recording), ConversationID: v.ID, Kind: "call", State: omni.RecordingReady,
			StartedAt: now, EndedAt: now.Add(time.Second), DurationMS: 1000}
		r.Path = r.ID + ".wav"
		sound := []byte("sound of " + r.ID)
		sum := sha256.Sum256(sound)
		r.Bytes, r.SHA256 = int64(len(sound)), hex.EncodeToString(sum[:])
		if err := os.WriteFile(filepath.Join(s.dir, r.Path), sound, 0o600); err != nil {
			t.Fatal(err)
		}
		s.list[i] = r
		group.Go(func() {
			running := r
			running.State, running.SHA256 = omni.RecordingRunning, ""
			for _, state := range []omni.Recording{running, r, r} { // the last again: sealed once
				c := omni.Change{Conversations: []omni.Conversation{v}, Recordings: []omni.Recording{state}, Events: []omni.Event{Event(r.ConversationID, "x", now)}}
				if _, err := db.Commit(t.Context(), store.Write{Omni: c}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	return s
}

// verify wants to find just what of the chain does not hold.
func (s *sealing) verify(t *testing.T, expect string, what ...string) store.SealReport {
	t.Helper()
	rep := must[store.SealReport](t)(s.db.VerifySeals(t.Context(), s.dir, "", expect))
	var found []string
	for _, b := range rep.Broken {
		found = append(found, b.What)
	}
	if !slices.Equal(found, what) || rep.BrokenCount != int64(len(what)) {
		t.Errorf("found %+v (%d), want %q", rep.Broken, rep.BrokenCount, what)
	}
	return rep
}

// flip changes a byte of a recording's file, or changes it back.
func (s *sealing) flip(t *testing.T, r omni.Recording) {
	t.Helper()
	path := filepath.Join(s.dir, r.Path)
	sound := must[[]byte](t)(os.ReadFile(path))
	sound[3] ^= 1
	if err := os.WriteFile(path, sound, 0o600); err != nil {
		t.Fatal(err)
	}
}

// away takes a recording's file out of the folder until the returned function.
func (s *sealing) away(t *testing.T, r omni.Recording) (back func()) {
	t.Helper()
	move := func(from, to string) {
		if err := os.Rename(filepath.Join(s.dir, from), filepath.Join(s.dir, to)); err != nil {
			t.Fatal(err)
		}
	}
	move(r.Path, r.Path+"x")
	return func() { move(r.Path+"x", r.Path) }
}

func oneNode(int) string { return "nd_1" }

// sealed changes one thing after the other: a byte of a file, a field of a row, a
// seal, the end of the chain.
func sealed(t *testing.T, open Opener) {
	s := sealAtOnce(t, open, 24, oneNode)
	rep := s.verify(t, "")
	if rep.Sealed != 24 || rep.Hold != 24 || rep.Unsealed != 0 || len(rep.Head) != 64 {
		t.Errorf("%+v", rep)
	}
	s.verify(t, rep.Head)
	s.verify(t, "0000", "head")

	r := s.list[7]
	s.flip(t, r)
	if rep := s.verify(t, "", "file"); len(rep.Broken) != 1 || rep.Broken[0].RecordingID != r.ID || rep.Hold != 23 {
		t.Errorf("%+v, want %s", rep.Broken, r.ID)
	}
	s.flip(t, r)
	back := s.away(t, r)
	s.verify(t, "", "missing")
	back()
	s.verify(t, "")

	for _, c := range []struct {
		do, undo string
		what     []string
	}{
		{"UPDATE seals SET duration_ms = 1001 WHERE seq = 3", "UPDATE seals SET duration_ms = 1000 WHERE seq = 3", []string{"chain", "row"}},
		{"UPDATE seals SET seq = 100 WHERE seq = 20", "UPDATE seals SET seq = 20 WHERE seq = 100", []string{"chain", "chain", "chain", "chain", "chain", "cut"}},
		{"UPDATE seals SET seq = 100 WHERE seq = 24", "UPDATE seals SET seq = 24 WHERE seq = 100", []string{"chain", "chain", "cut"}},
		{"UPDATE seals SET seq = 0 WHERE seq = 24", "UPDATE seals SET seq = 24 WHERE seq = 0", []string{"cut"}},
		{"UPDATE recordings SET started_at = started_at + 1 WHERE id = '" + r.ID + "'", "UPDATE recordings SET started_at = started_at - 1 WHERE id = '" + r.ID + "'", []string{"row"}},
		{"UPDATE recordings SET id = 'rc_x' WHERE id = '" + r.ID + "'", "UPDATE recordings SET id = '" + r.ID + "' WHERE id = 'rc_x'", []string{"row"}},
	} {
		Exec(t, s.url, c.do)
		s.verify(t, "", c.what...)
		Exec(t, s.url, c.undo)
	}
	s.verify(t, rep.Head)
	past := r
	past.DeleteAfter = Now().Add(-time.Hour)
	Commit(t, s.db, omni.Change{Recordings: []omni.Recording{past}})
	if n, err := s.db.DeleteExpired(t.Context(), s.dir, Now()); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if rep := s.verify(t, rep.Head); rep.Deleted != 1 || rep.Hold != 24 {
		t.Errorf("%+v", rep)
	}
}

// sealedAll finds everything that does not hold, not the first alone.
func sealedAll(t *testing.T, open Opener) {
	s := sealAtOnce(t, open, 12, oneNode)
	s.flip(t, s.list[2])
	s.away(t, s.list[9])
	Exec(t, s.url, "UPDATE recordings SET kind = 'voicemail' WHERE id = '"+s.list[5].ID+"'")
	rep := must[store.SealReport](t)(s.db.VerifySeals(t.Context(), s.dir, "", "0000"))
	for i, b := range rep.Broken {
		if i > 0 && b.Seq < rep.Broken[i-1].Seq {
			t.Errorf("%+v is not in the order of the chain", rep.Broken)
		}
	}
	want := map[string]string{s.list[2].ID: "file", s.list[5].ID: "row", s.list[9].ID: "missing", "": "head"}
	if found := wrong(rep); !maps.Equal(found, want) || rep.BrokenCount != 4 || rep.Sealed != 12 || rep.Hold != 9 {
		t.Errorf("found %v, want %v: %+v", found, want, rep)
	}
}

// sealedElsewhere verifies where the folders of nodes are not shared: the files of
// another node are counted, those of this one and of a node whose files are here
// are missed.
func sealedElsewhere(t *testing.T, open Opener) {
	s := sealAtOnce(t, open, 12, func(i int) string { return []string{"nd_1", "nd_2", "nd_3"}[i%3] })
	for i := 1; i < 12; i += 3 {
		s.away(t, s.list[i])
	}
	rep := must[store.SealReport](t)(s.db.VerifySeals(t.Context(), s.dir, "nd_1", ""))
	if rep.BrokenCount != 0 || !maps.Equal(rep.Elsewhere, map[string]int64{"nd_2": 4}) || rep.Sealed != 12 || rep.Hold != 8 {
		t.Errorf("%+v", rep)
	}
	s.away(t, s.list[0])
	s.away(t, s.list[11])
	s.flip(t, s.list[6])
	rep = must[store.SealReport](t)(s.db.VerifySeals(t.Context(), s.dir, "nd_1", rep.Head))
	want := map[string]string{s.list[0].ID: "missing", s.list[11].ID: "missing", s.list[6].ID: "file"}
	if got := wrong(rep); !maps.Equal(got, want) || rep.BrokenCount != 3 || rep.Elsewhere["nd_2"] != 4 || rep.Hold != 5 {
		t.Errorf("found %v, want %v: %+v", got, want, rep)
	}
	rep = must[store.SealReport](t)(s.db.VerifySeals(t.Context(), s.dir, "nd_2", ""))
	if rep.BrokenCount != 7 || len(rep.Elsewhere) > 0 {
		t.Errorf("on the node whose files are gone: %+v", rep)
	}
}

// wrong is what of each recording does not hold.
func wrong(rep store.SealReport) map[string]string {
	m := map[string]string{}
	for _, b := range rep.Broken {
		m[b.RecordingID] = b.What
	}
	return m
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
	rep := must[store.SealReport](t)(db.VerifySeals(t.Context(), dir, "", ""))
	if rep.Broken != nil || rep.Sealed < 16 || int(rep.Hold) != len(list) || int(rep.Sealed)-len(rep.Resealed) != len(list) {
		t.Errorf("%+v, broken %+v", rep, rep.Broken)
	}
	if err := os.WriteFile(filepath.Join(dir, list[3].Path), []byte("all"), 0o600); err != nil {
		t.Fatal(err)
	}
	if rep := must[store.SealReport](t)(db.VerifySeals(t.Context(), dir, "", "")); len(rep.Broken) != 1 || rep.Broken[0].What != "file" || rep.Broken[0].RecordingID != list[3].ID {
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
		rep := must[store.SealReport](t)(db.VerifySeals(t.Context(), dir, "", ""))
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
