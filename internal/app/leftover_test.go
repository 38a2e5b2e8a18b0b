package app

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/journey"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/internal/store/storetest"
	"github.com/openhotline/hotline/omni"
)

// unfinished are the recordings whose rows say that they run.
func unfinished(t *testing.T, db *store.DB) []omni.Recording {
	t.Helper()
	list, err := db.UnfinishedRecordings(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// recordedLong leaves n calls of half an hour, each with a recording of that
// length which is silence throughout, as a process that was killed does. They
// belong to a node; with over they are closed but for their recordings.
func recordedLong(t *testing.T, db *store.DB, recordings, node string, n int, over bool) {
	t.Helper()
	const bytes = 30 * 60 * 16_000 // two sides of 8,000 samples a second
	began := storetest.Now().Add(-time.Hour)
	var w omni.Change
	for i := range n {
		v := omni.Conversation{
			ID: fmt.Sprintf("cv_long%d", i), CustomerID: "cu_1", Channel: omni.Voice, Direction: omni.Inbound, InitiationMethod: omni.ByInbound,
			State: omni.Connected, Language: "en", NodeID: node, CreatedAt: began, FlowPath: []string{},
		}
		if over {
			v.State, v.EndedAt, v.CompletedAt = omni.Completed, began.Add(time.Hour), began.Add(time.Hour)
		}
		r := omni.Recording{ID: fmt.Sprintf("rc_long%d", i), ConversationID: v.ID, Kind: "call", State: omni.RecordingRunning, StartedAt: began}
		r.Path = r.ID + ".wav"
		w.Conversations, w.Recordings = append(w.Conversations, v), append(w.Recordings, r)
		path := filepath.Join(recordings, r.Path)
		cutRecording(t, path)
		if err := os.Truncate(path, bytes); err != nil {
			t.Fatal(err)
		}
	}
	w.Customers = []omni.Customer{{ID: "cu_1", CreatedAt: began, UpdatedAt: began}}
	storetest.Commit(t, db, w)
}

// slowFiles is a store whose recordings are looked up when they are about to be
// completed, which happens for the first few only.
type slowFiles struct {
	journeyStore
	first atomic.Int32
}

func (s *slowFiles) Recording(ctx context.Context, id string) (omni.Recording, error) {
	if s.first.Add(-1) < 0 {
		<-ctx.Done()
		return omni.Recording{}, context.Cause(ctx)
	}
	return s.journeyStore.Recording(ctx, id)
}

// A process that was killed in many long calls is ready without reading their
// recordings. It may be killed again, or stop, while it does: what is left is
// completed by the next one. In the end every recording is sealed once, and said
// to be ready once.
func TestReadyDoesNotWaitForRecordingsLeftBehind(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir)
	const n = 8
	recordedLong(t, db, dir, "nd_1", n, false)
	cfg := journey.Config{NodeID: "nd_1", Recordings: dir}
	slow := &slowFiles{journeyStore: journeyStore{db}}
	for _, complete := range []int{0, 3} { // before the process ends
		slow.first.Store(int32(complete))
		stop := running(t, slow, cfg)
		if live, err := db.LiveConversations(t.Context(), ""); err != nil || len(live) > 0 {
			t.Errorf("%d calls are not closed, %v", len(live), err)
		}
		storetest.Eventually(t, "some recordings are complete", func() bool { return len(unfinished(t, db)) == n-complete })
		stop()
	}
	if left := len(unfinished(t, db)); left != n-3 {
		t.Errorf("%d recordings are left, want %d", left, n-3)
	}
	stop := running(t, journeyStore{db}, cfg)
	storetest.Eventually(t, "all recordings are complete", func() bool { return len(unfinished(t, db)) == 0 })
	stop()
	allSealed(t, db, dir, n)
}

// allSealed wants n recordings of half an hour to be ready and sealed once.
func allSealed(t *testing.T, db *store.DB, dir string, n int) {
	t.Helper()
	rep, err := db.VerifySeals(t.Context(), dir, "", "")
	if err != nil || rep.Broken != nil || rep.Sealed != int64(n) || rep.Unsealed+int64(len(rep.Resealed)) != 0 {
		t.Errorf("%+v, broken %+v, %v", rep, rep.Broken, err)
	}
	told := map[string]int{}
	events, err := db.Events(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		var data struct {
			ID         string `json:"recording_id"`
			DurationMS int64  `json:"duration_ms"`
		}
		if e.Type == omni.RecordingReadyEvent && json.Unmarshal(e.Data, &data) == nil && data.DurationMS > 1_799_000 {
			told[data.ID]++
		}
	}
	for id, times := range told {
		if times != 1 {
			t.Errorf("%s was said to be ready %d times", id, times)
		}
	}
	if len(told) != n {
		t.Errorf("%d recordings were said to be ready, want %d", len(told), n)
	}
}

// A leader that dies while it completes a dead node's recordings leaves them to
// the next one, which finds them though their calls are closed.
func TestTheNextLeaderCompletesRecordings(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir)
	recordedLong(t, db, dir, "nd_9", 2, true)
	stop := running(t, journeyStore{db}, journey.Config{NodeID: "nd_3", Recordings: dir})
	storetest.Eventually(t, "the recordings are complete", func() bool { return len(unfinished(t, db)) == 0 })
	stop()
	allSealed(t, db, dir, 2)
}
