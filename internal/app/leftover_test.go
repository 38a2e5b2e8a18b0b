package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
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
			ID: fmt.Sprintf("cv_%s_%d", node, i), CustomerID: "cu_1", Channel: omni.Voice, Direction: omni.Inbound, InitiationMethod: omni.ByInbound,
			State: omni.Connected, Language: "en", NodeID: node, CreatedAt: began, FlowPath: []string{},
		}
		if over {
			v.State, v.EndedAt, v.CompletedAt = omni.Completed, began.Add(time.Hour), began.Add(time.Hour)
		}
		r := omni.Recording{ID: fmt.Sprintf("rc_%s_%d", node, i), ConversationID: v.ID, Kind: "call", State: omni.RecordingRunning, StartedAt: began}
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
// completed, which happens for the first few only: the next one is not found
// before the process ends.
type slowFiles struct {
	journeyStore
	first  int
	looked int           // by the one goroutine that completes
	stuck  chan struct{} // closed when there is no going on
}

func (s *slowFiles) Recording(ctx context.Context, id string) (omni.Recording, error) {
	if s.looked++; s.looked <= s.first {
		return s.journeyStore.Recording(ctx, id)
	}
	if s.looked == s.first+1 {
		close(s.stuck)
	}
	<-ctx.Done()
	return omni.Recording{}, context.Cause(ctx)
}

// within waits for something that a test's goroutine tells.
func within(t *testing.T, what string, told <-chan struct{}) {
	t.Helper()
	select {
	case <-told:
	case <-time.After(30 * time.Second):
		t.Fatal("in vain: " + what)
	}
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
	for _, complete := range []int{0, 3} { // before the process ends
		slow := &slowFiles{journeyStore: journeyStore{db}, first: complete, stuck: make(chan struct{})}
		stop := running(t, slow, cfg) // it is ready, and a recording cannot be completed
		if live, err := db.LiveConversations(t.Context(), ""); err != nil || len(live) > 0 {
			t.Errorf("%d calls are not closed, %v", len(live), err)
		}
		within(t, "the recordings are being completed", slow.stuck)
		if left := len(unfinished(t, db)); left != n-complete {
			t.Errorf("%d recordings are left while one is being completed, want %d", left, n-complete)
		}
		stop()
		if left := len(unfinished(t, db)); left != n-complete {
			t.Errorf("%d recordings are left at the end, want %d", left, n-complete)
		}
	}
	stop := running(t, journeyStore{db}, cfg)
	storetest.Eventually(t, "all recordings are complete", func() bool { return len(unfinished(t, db)) == 0 })
	stop()
	allSealed(t, db, dir, n)
}

// erasing is a store in which something happens after a recording was read to its
// end and before that is written down.
type erasing struct {
	journeyStore
	meanwhile func()
	written   chan error // what became of it; holds one
}

func (s *erasing) Commit(ctx context.Context, w journey.Write) error {
	if len(w.Omni.Recordings) == 0 {
		return s.journeyStore.Commit(ctx, w)
	}
	s.meanwhile()
	err := s.journeyStore.Commit(ctx, w)
	s.written <- err
	return err
}

// A customer's data is erased while the recording that a crash cut off is read: it
// does not come back, the certificate stays true, and nothing looks tampered with.
func TestAnErasedRecordingIsNotCompleted(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir)
	recordedLong(t, db, dir, "nd_1", 1, false)
	const recording, erasure = "rc_nd_1_0", "er_1"
	erased := func() {
		t.Helper()
		e, err := db.Erasure(t.Context(), erasure)
		if err != nil || e.State != omni.ErasureDone || !e.Certificate.Complete || len(e.Certificate.Conversations) != 1 ||
			len(e.Certificate.Conversations[0].Recordings) != 1 || e.Certificate.Conversations[0].Recordings[0].ID != recording {
			t.Errorf("certificate %+v, %v", e.Certificate, err)
		}
		if r, err := db.Recording(t.Context(), recording); err != nil || r.State != omni.RecordingDeleted || r.Bytes != 0 {
			t.Errorf("recording %+v, %v", r, err)
		}
		if _, err := os.Stat(filepath.Join(dir, recording+".wav")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the file: %v", err)
		}
		if rep, err := db.VerifySeals(t.Context(), dir, "", ""); err != nil || rep.BrokenCount != 0 || rep.Sealed+rep.Unsealed != 0 {
			t.Errorf("%+v, broken %+v, %v", rep, rep.Broken, err)
		}
	}
	s := &erasing{journeyStore: journeyStore{db}, written: make(chan error, 8)}
	s.meanwhile = func() {
		storetest.Commit(t, db, omni.Change{Erasures: []omni.Erasure{{ID: erasure, CustomerID: "cu_1", State: omni.ErasureRunning,
			Reason: "asked", RequestedBy: "us_1", RequestedAt: storetest.Now()}}})
		if err := db.EraseNow(t.Context(), dir); err != nil {
			t.Error(err)
		}
		erased()
	}
	cfg := journey.Config{NodeID: "nd_1", Recordings: dir}
	stop := running(t, s, cfg)
	select {
	case err := <-s.written:
		if !errors.Is(err, omni.ErrChanged) {
			t.Errorf("completing it gives %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the recording is not completed")
	}
	stop()
	if len(s.written) > 0 {
		t.Error("it was tried again")
	}
	erased()
	d, err := db.Detail(t.Context(), "cv_nd_1_0")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range d.Events {
		if e.Type == omni.RecordingReadyEvent || e.Type == omni.RecordingFailedEvent {
			t.Errorf("the journal says %s", e.Type)
		}
	}
	running(t, journeyStore{db}, cfg)()
	erased()
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

// watched is a store that tells which recordings are looked up to be completed, and
// keeps them until it is open.
type watched struct {
	journeyStore
	open   chan struct{}
	mu     sync.Mutex
	looked map[string]int
}

func (s *watched) Recording(ctx context.Context, id string) (omni.Recording, error) {
	s.mu.Lock()
	s.looked[id]++
	s.mu.Unlock()
	select {
	case <-s.open:
		return s.journeyStore.Recording(ctx, id)
	case <-ctx.Done():
		return omni.Recording{}, context.Cause(ctx)
	}
}

func (s *watched) count(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.looked[id]
}

func opened() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// All nodes start again on a folder that they share: the leader completes what a
// dead node left, and leaves to a live one what that is about to complete. When the
// live one has stopped before it was done, the leader goes on with it.
func TestTheLeaderLeavesALiveNodesRecordingsToIt(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir)
	recordedLong(t, db, dir, "nd_b", 3, true)
	recordedLong(t, db, dir, "nd_dead", 1, true) // found behind those of nd_b
	if _, err := db.Beat(t.Context(), "nd_b", true); err != nil {
		t.Fatal(err)
	}
	leader := &watched{journeyStore: journeyStore{db}, open: opened(), looked: map[string]int{}}
	other := &watched{journeyStore: journeyStore{db}, open: make(chan struct{}), looked: map[string]int{}}
	stop := running(t, leader, journey.Config{NodeID: "nd_a", Recordings: dir})
	stopOther := running(t, other, journey.Config{NodeID: "nd_b", Recordings: dir})
	storetest.Eventually(t, "what the dead node left is complete", func() bool { return len(unfinished(t, db)) == 3 })
	if n := leader.count("rc_nd_dead_0"); n != 1 {
		t.Errorf("the leader looked %d times at what the dead node left", n)
	}
	storetest.Eventually(t, "the live node completes its own", func() bool { return other.count("rc_nd_b_0") > 0 })
	for i := range 3 {
		if n := leader.count(fmt.Sprintf("rc_nd_b_%d", i)); n != 0 {
			t.Errorf("the leader looked %d times at recording %d of the live node", n, i)
		}
	}
	stopOther()
	storetest.Eventually(t, "what the node that has stopped left is complete", func() bool { return len(unfinished(t, db)) == 0 })
	stop()
	allSealed(t, db, dir, 4)
}

// pair has two stores write at once that they have completed a recording. Neither
// begins before both have the same recordings to complete.
type pair struct {
	mu      sync.Mutex
	arrived map[string]chan struct{}
	begin   chan struct{} // closed when the leader has looked for what is left
	once    sync.Once
	refused atomic.Int32
}

// half is one of the stores of a pair: one whose node takes all nodes for dead.
type half struct {
	journeyStore
	*pair
}

func (s half) LeftRecordings(ctx context.Context, _ []string) ([]omni.Recording, error) {
	s.once.Do(func() { close(s.begin) })
	return s.journeyStore.LeftRecordings(ctx, nil)
}

func (s half) Recording(ctx context.Context, id string) (omni.Recording, error) {
	select {
	case <-s.begin:
		return s.journeyStore.Recording(ctx, id)
	case <-ctx.Done():
		return omni.Recording{}, context.Cause(ctx)
	}
}

func (s half) Commit(ctx context.Context, w journey.Write) error {
	for _, r := range w.Omni.Recordings {
		s.mu.Lock()
		both, second := s.arrived[r.ID]
		if second {
			close(both)
		} else {
			both = make(chan struct{})
			s.arrived[r.ID] = both
		}
		s.mu.Unlock()
		select {
		case <-both:
		case <-time.After(30 * time.Second):
			return errors.New("the other node does not complete it")
		}
	}
	err := s.journeyStore.Commit(ctx, w)
	if errors.Is(err, omni.ErrChanged) {
		s.refused.Add(1)
	}
	return err
}

// Two nodes complete the same recordings in the same moment, since one takes the
// other for dead that is back: each is completed by one of them, and the other one
// does not try again.
func TestTwoNodesCompleteTheSameRecordings(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir)
	const n = 4
	recordedLong(t, db, dir, "nd_b", n, true)
	p := &pair{arrived: map[string]chan struct{}{}, begin: make(chan struct{})}
	stop := running(t, half{journeyStore{db}, p}, journey.Config{NodeID: "nd_a", Recordings: dir})
	stopOther := running(t, half{journeyStore{db}, p}, journey.Config{NodeID: "nd_b", Recordings: dir})
	storetest.Eventually(t, "the recordings are complete, and one node of the two was refused each time", func() bool {
		return len(unfinished(t, db)) == 0 && p.refused.Load() == n
	})
	stop()
	stopOther()
	allSealed(t, db, dir, n)
}
