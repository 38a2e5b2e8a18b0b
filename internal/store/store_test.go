package store_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/internal/store/storetest"
	"github.com/openhotline/hotline/omni"
)

func openAt(t testing.TB, url string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func openSQLite(t testing.TB) (*store.DB, string) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "a #?%&b", "hotline.db")
	return openAt(t, url), url
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Run(t, openSQLite)
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	pg := storetest.SharedPostgres(t)
	storetest.Run(t, func(t testing.TB) (*store.DB, string) {
		url := pg.New(t)
		return openAt(t, url), url
	})
}

// The server is stopped and started again while calls end.
func TestKeepWhilePostgresIsAway(t *testing.T) {
	t.Parallel()
	pg := storetest.StartPostgres(t)
	db := openAt(t, pg.New(t))
	if err := db.UseSpool(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	heard := make(chan omni.Event, 100)
	db.OnCommit(func(events []omni.Event) {
		for _, e := range events {
			heard <- e
		}
	})
	cv := storetest.Conversation(storetest.Now())
	var sent []omni.Event
	keep := func() {
		t.Helper()
		e := storetest.Event(cv.ID, "x", storetest.Now())
		sent = append(sent, e)
		cv.Subject = e.ID
		if err := db.Keep(t.Context(), store.Write{Omni: omni.Change{Conversations: []omni.Conversation{cv}, Events: []omni.Event{e}}}); err != nil {
			t.Fatal(err)
		}
	}
	keep()
	for range 2 {
		pg.Kill()
		for range 5 {
			keep()
		}
		if db.Spooled() == 0 {
			t.Error("nothing is spooled while the server is away")
		}
		if _, err := db.Commit(t.Context(), store.Write{}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a commit gives %v", err)
		}
		if err := db.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a ping gives %v", err)
		}
		pg.Start(t)
		storetest.Eventually(t, "the spool is replayed", func() bool { return db.Spooled() == 0 })
		keep()
	}
	storetest.RequireGapless(t, db, len(sent))
	for i, want := range sent {
		if e := <-heard; e.ID != want.ID || e.Seq != int64(i+1) {
			t.Fatalf("event %d: %+v", i, e)
		}
	}
	if got, err := db.Conversation(t.Context(), cv.ID); err != nil || got.Subject != cv.Subject {
		t.Errorf("the last row does not win: %v, %v", got, err)
	}
}

// Two nodes share a database; the second numbers events when the first is gone.
func TestSequencerIsTakenOver(t *testing.T) {
	t.Parallel()
	pg := storetest.SharedPostgres(t)
	url := pg.New(t)
	first := openAt(t, url)
	storetest.Commit(t, first, omni.Change{Events: []omni.Event{storetest.Event("", "a", storetest.Now())}})
	storetest.AwaitHead(t, first, 1)
	second := openAt(t, url)
	heard := make(chan omni.Event, 10)
	second.OnCommit(func(events []omni.Event) {
		for _, e := range events {
			heard <- e
		}
	})
	storetest.Commit(t, second, omni.Change{Events: []omni.Event{storetest.Event("", "b", storetest.Now())}})
	storetest.AwaitHead(t, second, 2) // numbered by the first
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	storetest.Commit(t, second, omni.Change{Events: []omni.Event{storetest.Event("", "c", storetest.Now())}})
	if e := <-heard; e.Type != "c" || e.Seq != 3 {
		t.Errorf("the second node hears %+v", e)
	}
	storetest.RequireGapless(t, second, 3)
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	open := map[string]string{"sqlite": "sqlite:" + filepath.Join(t.TempDir(), "hotline.db")}
	if storetest.HasPostgres() {
		open["pgx"] = storetest.SharedPostgres(t).New(t)
	}
	for driver, url := range open {
		db, err := store.Open(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		raw, err := sql.Open(driver, strings.TrimPrefix(url, "sqlite:"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := raw.Exec("INSERT INTO schema_version (version, name, applied_at) VALUES (999, 'of the future', 0)"); err != nil {
			t.Fatal(err)
		}
		if err := raw.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = store.Open(t.Context(), url, nil)
		if !errors.Is(err, store.ErrNewer) || !strings.Contains(err.Error(), "999") {
			t.Errorf("%s: a newer database gives %v", driver, err)
		}
	}
}

func TestURLIsChecked(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"mysql://x", "sqlite:", "postgres://%zz:secret@[", "hotline.db"} {
		_, err := store.Open(t.Context(), url, nil)
		if !errors.Is(err, store.ErrURL) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q gives %v", url, err)
		}
	}
}

// Another process, such as `hotline apply`, writes into the same file.
func TestAnotherProcessWritesEvents(t *testing.T) {
	t.Parallel()
	db, url := openSQLite(t)
	heard := make(chan omni.Event, 10)
	db.OnCommit(func(events []omni.Event) {
		for _, e := range events {
			heard <- e
		}
	})
	other := openAt(t, url)
	storetest.Commit(t, other, omni.Change{Events: []omni.Event{storetest.Event("", "theirs", storetest.Now())}})
	storetest.Commit(t, db, omni.Change{Events: []omni.Event{storetest.Event("", "ours", storetest.Now())}})
	storetest.Commit(t, other, omni.Change{Events: []omni.Event{storetest.Event("", "theirs", storetest.Now())}})
	for i, want := range []string{"theirs", "ours", "theirs"} {
		if e := <-heard; e.Type != want || e.Seq != int64(i+1) {
			t.Errorf("event %d: %+v", i, e)
		}
	}
}

// Listeners that are slower than the commits get every event all the same.
func TestSlowListener(t *testing.T) {
	t.Parallel()
	db, _ := openSQLite(t)
	const total = 12_000 // more than wait in memory
	release, done := make(chan struct{}), make(chan struct{})
	next := int64(1)
	db.OnCommit(func(events []omni.Event) {
		<-release
		for _, e := range events {
			if e.Seq != next {
				t.Errorf("got %d, want %d", e.Seq, next)
			}
			if next++; next > total {
				close(done)
			}
		}
	})
	for range total / 1000 {
		var c omni.Change
		for range 1000 {
			c.Events = append(c.Events, storetest.Event("", "x", storetest.Now()))
		}
		storetest.Commit(t, db, c)
	}
	close(release)
	<-done
}
