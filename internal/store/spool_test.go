package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func spoolAt(t *testing.T, path string) *Spool {
	t.Helper()
	s, err := OpenSpool(path, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func sample(n int) *Write {
	now := time.Date(2026, 11, 1, 0, 0, n, 1000, time.UTC)
	return &Write{
		Omni: omni.Change{
			Conversations: []omni.Conversation{{ID: fmt.Sprint("cv_", n), FlowPath: []string{"a"}, CreatedAt: now}},
			Legs:          []omni.Leg{{ID: fmt.Sprint("lg_", n), ConversationID: fmt.Sprint("cv_", n), Dialog: []byte{1, 2, byte(n)}, StartedAt: now}},
			Recordings:    []omni.Recording{{ID: fmt.Sprint("rc_", n), Path: fmt.Sprint("p", n), StartedAt: now}},
			Events:        []omni.Event{{ID: fmt.Sprint("ev_", n), Type: "x", Time: now, Data: []byte(`{"a":1}`)}},
		},
		Agent: agent.Change{Presences: []agent.Presence{{AgentID: "ag_1", State: agent.Break, Since: now}}},
		Lease: &Lease{Name: "router", Epoch: 3, ExpiresAt: now},
	}
}

func drain(t *testing.T, s *Spool) []Write {
	t.Helper()
	var out []Write
	for {
		w, at, err := s.first()
		if err != nil {
			t.Fatal(err)
		}
		if w == nil {
			return out
		}
		out = append(out, *w)
		if err := s.drop(at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSpoolKeepsEveryFieldInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x", "spool")
	s := spoolAt(t, path)
	for n := range 5 {
		if err := s.Append(sample(n)); err != nil {
			t.Fatal(err)
		}
	}
	w, at, err := s.first()
	if err != nil || w.Omni.Events[0].ID != "ev_0" {
		t.Fatal(w, err)
	}
	if err := s.drop(at); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	s = spoolAt(t, path) // a new process
	if s.Pending() != 4 {
		t.Fatalf("%d wait, want 4", s.Pending())
	}
	got := drain(t, s)
	for i, w := range got {
		if want := *sample(i + 1); !reflect.DeepEqual(w, want) {
			t.Errorf("write %d:\n got %+v\nwant %+v", i, w, want)
		}
	}
	if err := s.Append(sample(9)); err != nil || s.Pending() != 1 {
		t.Error("an emptied spool takes nothing:", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != spoolReserve {
		t.Errorf("%d bytes reserved, %v", info.Size(), err)
	}
}

// A crash may cut the last record off anywhere, or leave any byte of it wrong.
func TestSpoolSurvivesACutRecord(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := spoolAt(t, filepath.Join(dir, "spool"))
	for n := range 3 {
		if err := s.Append(sample(n)); err != nil {
			t.Fatal(err)
		}
	}
	second := s.end
	if err := s.Append(sample(3)); err != nil {
		t.Fatal(err)
	}
	end := s.end
	whole, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := second; cut < end; cut += 307 {
		for _, damage := range []string{"cut", "zeros", "wrong"} {
			b := append([]byte(nil), whole...)
			switch damage {
			case "cut":
				b = b[:cut]
			case "zeros":
				clear(b[cut:])
			case "wrong":
				if cut == second+8 {
					continue
				}
				b[cut] ^= 0x55
			}
			path := filepath.Join(dir, "copy")
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			c := spoolAt(t, path)
			if c.Pending() != 3 {
				t.Fatalf("%s at %d: %d writes, want 3", damage, cut-second, c.Pending())
			}
			if err := c.Append(sample(8)); err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			c = spoolAt(t, path)
			if got := drain(t, c); len(got) != 4 || got[3].Omni.Events[0].ID != "ev_8" {
				t.Fatalf("%s at %d: %d writes after the next", damage, cut-second, len(got))
			}
			_ = c.Close()
		}
	}
}

func TestSpoolRefusesAnotherFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool")
	if err := os.WriteFile(path, []byte("not a spool at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenSpool(path, quiet()); !errors.Is(err, ErrSpool) {
		t.Errorf("got %v", err)
	}
}

// Another process holds SQLite's write lock: a real failure of the database.
func TestKeepWhileSQLiteCannotWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "hotline.db")
	db, err := Open(t.Context(), "sqlite:"+path, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.UseSpool(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", sqliteDSN(path, false))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	lock, err := other.BeginTx(t.Context(), nil) // BEGIN IMMEDIATE
	if err != nil {
		t.Fatal(err)
	}
	keep := func(n int) {
		w := sample(n)
		w.Lease = nil
		if err := db.Keep(t.Context(), *w); err != nil {
			t.Errorf("keep %d: %v", n, err)
		}
	}
	for n := range 20 {
		keep(n)
	}
	if db.Spooled() != 20 {
		t.Errorf("%d writes in the spool, want 20", db.Spooled())
	}
	if head, err := db.Head(t.Context()); err != nil || head != 0 {
		t.Errorf("head %d, %v", head, err)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	await(t, "the spool is replayed", func() bool { return db.Spooled() == 0 })
	keep(20)
	list, err := db.Events(t.Context(), 0, 100)
	if err != nil || len(list) != 21 {
		t.Fatalf("%d events, %v", len(list), err)
	}
	for n, e := range list {
		if e.ID != fmt.Sprint("ev_", n) || e.Seq != int64(n+1) {
			t.Errorf("event %d is %s with seq %d", n, e.ID, e.Seq)
		}
	}
	legs, err := db.OpenLegs(t.Context(), "")
	if err != nil || len(legs) != 21 || legs[7].Dialog[2] != 7 {
		t.Errorf("%d legs, %v", len(legs), err)
	}
}

// A write whose lease was lost meanwhile must not hold up those behind it.
func TestReplaySetsRefusedWritesAside(t *testing.T) {
	dir := t.TempDir()
	s := spoolAt(t, filepath.Join(dir, "spool"))
	for n := range 3 {
		w := sample(n)
		if n != 1 {
			w.Lease = nil
		}
		if err := s.Append(w); err != nil {
			t.Fatal(err)
		}
	}
	_ = s.Close()
	db, err := Open(t.Context(), "sqlite:"+filepath.Join(dir, "hotline.db"), quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.UseSpool(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Commit(t.Context(), Write{Omni: sample(7).Omni}); err != nil { // replays first
		t.Fatal(err)
	}
	list, err := db.Events(t.Context(), 0, 10)
	if err != nil || len(list) != 3 || list[0].ID != "ev_0" || list[1].ID != "ev_2" || list[2].ID != "ev_7" {
		t.Errorf("journal: %+v, %v", list, err)
	}
	if db.Rejected() != 1 || db.Spooled() != 0 {
		t.Errorf("%d set aside, %d in the spool", db.Rejected(), db.Spooled())
	}
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("in vain: ", what)
		}
	}
}

// A record of another version is set aside, and one that is damaged costs no
// other: the file is kept as it was.
func TestDamagedRecordsCostNoOther(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "spool")
	s := spoolAt(t, path)
	var ends []int64
	for n := range 5 {
		w := sample(n)
		w.Lease = nil
		err := s.Append(w)
		if n == 3 {
			err = s.appendBody([]byte(`{"write":{"omni":{"events":7}}}`))
		}
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, s.end)
	}
	_ = s.Close()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[ends[0]+recordHead+5] ^= 0x55 // within the second
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), "sqlite:"+filepath.Join(dir, "hotline.db"), quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.UseSpool(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	list, err := db.Events(t.Context(), 0, 10)
	var ids []string
	for _, e := range list {
		ids = append(ids, e.ID)
	}
	if err != nil || !reflect.DeepEqual(ids, []string{"ev_0", "ev_2", "ev_3", "ev_4"}) {
		t.Errorf("journal: %v, %v", ids, err)
	}
	if db.Rejected() != 1 || db.Spooled() != 0 {
		t.Errorf("%d set aside, %d in the spool", db.Rejected(), db.Spooled())
	}
	if kept, err := os.ReadFile(path + ".damaged"); err != nil || !bytes.Equal(kept, b[:len(kept)]) || int64(len(kept)) != ends[4] {
		t.Errorf("%d bytes kept aside, %v", len(kept), err)
	}
}

// What a process that was killed left in the spool is written before the next
// one reads anything or takes the lease anew: nothing of the outage is lost, and
// nothing is read as it was before.
func TestTheSpoolIsReplayedBeforeAnythingElse(t *testing.T) {
	dir := t.TempDir()
	url := "sqlite:" + filepath.Join(dir, "hotline.db")
	open := func() *DB {
		db, err := Open(t.Context(), url, quiet())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		if err := db.UseSpool(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := open()
	lease, err := db.Acquire(t.Context(), "router", "nd_1", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	live := sample(1)
	live.Lease, live.Omni.Conversations[0].State = nil, omni.Connected
	if _, err := db.Commit(t.Context(), *live); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()
	s := spoolAt(t, filepath.Join(dir, "spool")) // the database is away
	routed := sample(2)
	routed.Lease, routed.Omni.Conversations, routed.Omni.Legs, routed.Omni.Recordings = &lease, nil, nil, nil
	ended := Write{Omni: omni.Change{Conversations: []omni.Conversation{live.Omni.Conversations[0]}}}
	ended.Omni.Conversations[0].State, ended.Omni.Conversations[0].WrapUpCode = omni.Completed, "sold"
	for _, w := range []*Write{routed, &ended} {
		if err := s.Append(w); err != nil {
			t.Fatal(err)
		}
	}
	_ = s.Close() // and the process is killed
	db = open()
	if left, err := db.LiveConversations(t.Context(), ""); err != nil || len(left) != 0 {
		t.Errorf("recovery finds %d live conversations, %v", len(left), err)
	}
	if next, err := db.Acquire(t.Context(), "router", "nd_1", time.Minute); err != nil || next.Epoch != lease.Epoch+1 {
		t.Errorf("lease %+v, %v", next, err)
	}
	if list, err := db.Events(t.Context(), 0, 10); err != nil || len(list) != 2 || db.Rejected() != 0 || db.Spooled() != 0 {
		t.Errorf("%d events, %v, %d set aside, %d in the spool", len(list), err, db.Rejected(), db.Spooled())
	}
}
