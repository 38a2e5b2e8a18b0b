package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/internal/store/storetest"
	"github.com/openhotline/hotline/omni"
)

// fill writes n conversations with everything that belongs to them.
func fill(t testing.TB, db *store.DB, n int) []string {
	t.Helper()
	var ids []string
	now := storetest.Now()
	for i := range n {
		cu := omni.Customer{ID: id.New(id.Customer), Name: fmt.Sprint("张", i), CreatedAt: now, UpdatedAt: now}
		cv := storetest.Conversation(now.Add(time.Duration(i) * time.Second))
		cv.CustomerID = cu.ID
		ids = append(ids, cv.ID)
		w := store.Write{
			Omni: omni.Change{
				Customers: []omni.Customer{cu}, Conversations: []omni.Conversation{cv},
				Identities: []omni.Identity{{ID: id.New(id.Identity), CustomerID: cu.ID, Kind: "phone", Value: fmt.Sprint("+86", i), CreatedAt: now}},
				Segments:   []omni.Segment{{ID: id.New(id.Segment), ConversationID: cv.ID, Kind: omni.SegmentFlow, StartedAt: now}},
				Legs:       []omni.Leg{{ID: id.New(id.Leg), ConversationID: cv.ID, Dialog: []byte{0, byte(i), 0xff}, StartedAt: now}},
				Recordings: []omni.Recording{{ID: id.New(id.Recording), ConversationID: cv.ID, State: omni.RecordingReady, Path: fmt.Sprintf("d/%d.wav", i), StartedAt: now, DeleteAfter: now}},
				Messages:   []omni.Message{{ID: id.New(id.Message), ConversationID: cv.ID, Text: "<你好> & \u2028\n", CreatedAt: now}},
				Events:     []omni.Event{storetest.Event(cv.ID, "a", now), storetest.Event(cv.ID, "b", now), storetest.Event("", "c", now)},
			},
			Agent: agent.Change{
				Presences:    []agent.Presence{{AgentID: "ag_1", State: agent.Available, Since: now}},
				Works:        []agent.Work{{ID: fmt.Sprint("of_", i), AgentID: "ag_1", ConversationID: cv.ID, State: agent.Connected, StartedAt: now}},
				Offers:       []agent.Offer{{ID: fmt.Sprint("of_", i), ConversationID: cv.ID, State: agent.OfferAccepted, CreatedAt: now}},
				QueueEntries: []agent.QueueEntry{{ConversationID: cv.ID, QueueID: "qu_1", State: agent.EntryWaiting, EnteredAt: now}},
			},
		}
		if _, err := db.Commit(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Change(t.Context(), []account.Write{{Record: account.Record{Kind: account.KindFlow, ID: "fl_1", Key: "main", Body: []byte(`{"name":"主"}`)}}},
		[]account.Entry{{ID: id.New(id.Audit), Time: now, Action: "flow.create"}}); err != nil {
		t.Fatal(err)
	}
	storetest.AwaitHead(t, db, int64(3*n))
	return ids
}

func recordingsFolder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 3 {
		path := filepath.Join(dir, "d", fmt.Sprintf("%d.wav", i))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, bytes.Repeat([]byte{byte(i)}, 70_000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Every kind of database is backed up and restored into every kind.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	kinds := map[string]func(testing.TB) *store.DB{"sqlite": func(t testing.TB) *store.DB { db, _ := openSQLite(t); return db }}
	if storetest.HasPostgres() {
		pg := storetest.SharedPostgres(t)
		kinds["postgres"] = func(t testing.TB) *store.DB { return openAt(t, pg.New(t)) }
	}
	for from, open := range kinds {
		source := open(t)
		ids := fill(t, source, 80) // more than one INSERT holds
		folder := recordingsFolder(t)
		path := filepath.Join(t.TempDir(), "backup.tar")
		m, err := source.BackupTo(t.Context(), path, folder)
		if err != nil {
			t.Fatal(err)
		}
		if m.Rows["events"] != 240 || m.Rows["records"] != 1 || len(m.Files) != len(m.Rows)+3 {
			t.Errorf("manifest: %+v", m)
		}
		for to, open := range kinds {
			t.Run(from+" to "+to, func(t *testing.T) {
				target, there := open(t), filepath.Join(t.TempDir(), "recordings")
				if _, err := target.Restore(t.Context(), path, there, false); err != nil {
					t.Fatal(err)
				}
				compare(t, source, target, ids)
				got, err := os.ReadFile(filepath.Join(there, "d", "2.wav"))
				if err != nil || !bytes.Equal(got, bytes.Repeat([]byte{2}, 70_000)) {
					t.Errorf("recording: %d bytes, %v", len(got), err)
				}
				if _, err := target.Restore(t.Context(), path, there, false); !errors.Is(err, store.ErrNotEmpty) {
					t.Errorf("a second restore gives %v", err)
				}
				storetest.Commit(t, target, omni.Change{Events: []omni.Event{storetest.Event(ids[0], "after", storetest.Now())}})
				storetest.RequireGapless(t, target, 241)
				if _, err := target.Restore(t.Context(), path, there, true); err != nil {
					t.Fatal(err)
				}
				compare(t, source, target, ids)
			})
		}
	}
}

func compare(t *testing.T, source, target *store.DB, ids []string) {
	t.Helper()
	for _, id := range []string{ids[0], ids[len(ids)-1]} {
		want, err1 := source.Detail(t.Context(), id)
		got, err2 := target.Detail(t.Context(), id)
		if err1 != nil || err2 != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v, %v", id, got, err2, want, err1)
		}
	}
	want, err1 := source.RoutingState(t.Context())
	got, err2 := target.RoutingState(t.Context())
	if err1 != nil || err2 != nil || len(got.Works) != len(ids) || len(got.Entries) != len(ids) || !reflect.DeepEqual(got.Presences, want.Presences) {
		t.Errorf("routing state: %d works, %d entries, %v, %v", len(got.Works), len(got.Entries), err1, err2)
	}
	if r, err := target.RecordByKey(t.Context(), account.KindFlow, "main"); err != nil || string(r.Body) != `{"name":"主"}` {
		t.Errorf("record: %+v, %v", r, err)
	}
	storetest.RequireGapless(t, target, 3*len(ids))
}

func TestDamagedBackupIsRefused(t *testing.T) {
	t.Parallel()
	source, _ := openSQLite(t)
	fill(t, source, 3)
	var whole bytes.Buffer
	if _, err := source.Backup(t.Context(), &whole, recordingsFolder(t)); err != nil {
		t.Fatal(err)
	}
	target, _ := openSQLite(t)
	dir := t.TempDir()
	try := func(name string, b []byte) {
		path := filepath.Join(dir, "b.tar")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := target.Restore(t.Context(), path, dir, false); !errors.Is(err, store.ErrBackup) {
			t.Errorf("%s: %v", name, err)
		}
	}
	try("empty", nil)
	try("something else", bytes.Repeat([]byte("x"), 4096))
	try("cut", whole.Bytes()[:whole.Len()/2])
	for at := 600; at < whole.Len()-4096; at += whole.Len() / 40 {
		if whole.Bytes()[at] == 0 {
			continue // may be padding, which carries nothing
		}
		b := bytes.Clone(whole.Bytes())
		b[at] ^= 1
		try(fmt.Sprint("byte ", at), b)
	}
	if _, _, err := target.Conversations(t.Context(), omni.Filter{}, omni.Page{}); err != nil {
		t.Error(err)
	}
	if err := func() error {
		_, err := target.Restore(t.Context(), filepath.Join(dir, "none"), dir, false)
		return err
	}(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
}

// A backup is a consistent snapshot although commits go on.
func TestBackupWhileCallsGoOn(t *testing.T) {
	t.Parallel()
	source, _ := openSQLite(t)
	fill(t, source, 20)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			cv := storetest.Conversation(storetest.Now())
			_, _ = source.Commit(ctx, store.Write{Omni: omni.Change{Conversations: []omni.Conversation{cv}, Events: []omni.Event{storetest.Event(cv.ID, "x", storetest.Now())}}})
		}
	}()
	path := filepath.Join(t.TempDir(), "b.tar")
	m, err := source.BackupTo(t.Context(), path, filepath.Join(t.TempDir(), "none"))
	stop()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	target, _ := openSQLite(t)
	if _, err := target.Restore(t.Context(), path, "", false); err != nil {
		t.Fatal(err)
	}
	if m.Rows["conversations"]-20 != m.Rows["events"]-60 {
		t.Errorf("%d conversations and %d events are of two moments", m.Rows["conversations"], m.Rows["events"])
	}
	storetest.RequireGapless(t, target, m.Rows["events"])
}

func TestRetentionDeletesOnce(t *testing.T) {
	t.Parallel()
	db, _ := openSQLite(t)
	fill(t, db, 3)
	folder := recordingsFolder(t)
	if err := os.Remove(filepath.Join(folder, "d", "1.wav")); err != nil { // an interrupted deletion
		t.Fatal(err)
	}
	outside := omni.Recording{ID: id.New(id.Recording), ConversationID: "cv_x", State: omni.RecordingReady, Path: "../../etc/passwd", DeleteAfter: storetest.Now(), StartedAt: storetest.Now()}
	storetest.Commit(t, db, omni.Change{Recordings: []omni.Recording{outside}})
	later := time.Now().Add(time.Hour)
	n, err := db.DeleteExpired(t.Context(), folder, later)
	if n != 3 || err == nil {
		t.Errorf("%d deleted, %v; want 3 and an error for the one outside", n, err)
	}
	if left, err := os.ReadDir(filepath.Join(folder, "d")); err != nil || len(left) != 0 {
		t.Errorf("files left: %v, %v", left, err)
	}
	if n, _ := db.DeleteExpired(t.Context(), folder, later); n != 0 {
		t.Errorf("%d deleted again", n)
	}
	var said int
	if err := db.EachEvent(t.Context(), 0, func(e omni.Event) error {
		if e.Type == omni.RecordingDeletedEvent {
			said++
		}
		return nil
	}); err != nil || said != 3 {
		t.Errorf("%d events, %v", said, err)
	}
	if n, err := db.DeleteExpired(t.Context(), filepath.Join(t.TempDir(), "none"), storetest.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("without a folder: %d, %v", n, err)
	}
}

// Files that no row names go when every recording of their time is gone.
func TestStrayRecordingsAreDeleted(t *testing.T) {
	t.Parallel()
	db, _ := openSQLite(t)
	folder := t.TempDir()
	known := omni.Recording{ID: id.New(id.Recording), ConversationID: "cv_x", State: omni.RecordingReady, Path: "2026/01/31/x.wav", StartedAt: storetest.Now()}
	storetest.Commit(t, db, omni.Change{Recordings: []omni.Recording{known}})
	stay := []string{"2026/01/31/" + known.ID + ".wav", "2026/02/01/rc_today.wav", "2026/12/01/rc_new.wav", "2027/01/01/rc_new.wav", "2026/01/31/notes.txt", "2026/01/31/mine.wav"}
	stray := []string{"2026/01/31/rc_lost.wav", "2025/12/31/rc_lost.wav"}
	for _, path := range append(stay, stray...) {
		path = filepath.Join(folder, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte{1}, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n, err := db.DeleteStray(t.Context(), folder, time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC))
	if n != len(stray) || err != nil {
		t.Errorf("%d deleted, %v", n, err)
	}
	for _, path := range stay {
		if _, err := os.Stat(filepath.Join(folder, filepath.FromSlash(path))); err != nil {
			t.Error(err)
		}
	}
	if n, err := db.DeleteStray(t.Context(), filepath.Join(folder, "none"), time.Now()); n != 0 || err != nil {
		t.Errorf("without a folder: %d, %v", n, err)
	}
}
