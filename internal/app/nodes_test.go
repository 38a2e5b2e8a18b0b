package app

import (
	"errors"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/journey"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/internal/store/storetest"
	"github.com/openhotline/hotline/omni"
)

// completed counts how often the journal says that a conversation is over.
func completed(t *testing.T, db *store.DB, conversationID string) (times int, why omni.EndReason) {
	t.Helper()
	d, err := db.Detail(t.Context(), conversationID)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range d.Events {
		if e.Type == omni.ConversationCompleted {
			times++
		}
	}
	return times, d.Conversation.EndReason
}

// The leader closes what nodes left behind that give no sign of life, and leaves
// alone what belongs to a live one; a later leader finds nothing to do.
func TestTheLeaderClosesWhatDeadNodesLeft(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir)
	began := storetest.Now().Add(-5 * time.Minute)
	leftBehind(t, db, dir, began) // nd_1 has no row: it is long gone
	const limit = 4 * time.Second
	cfg := journey.Config{NodeID: "nd_3", NodeLimit: limit, Recordings: dir}
	seen := time.Now()
	if _, err := db.Beat(t.Context(), "nd_2", false); err != nil {
		t.Fatal(err)
	}
	stop := running(t, journeyStore{db}, cfg)
	storetest.Eventually(t, "what nd_1 left is closed", func() bool {
		n, _ := completed(t, db, "cv_talking")
		return n == 1
	})
	if n, _ := completed(t, db, "cv_other"); n != 0 && time.Since(seen) < limit {
		t.Error("a conversation of a live node was closed")
	}
	storetest.Eventually(t, "what nd_2 left is closed", func() bool {
		n, _ := completed(t, db, "cv_other")
		return n == 1
	})
	if d := time.Since(seen); d < limit {
		t.Errorf("nd_2 was given up after %s, the limit is %s", d, limit)
	}
	for _, id := range []string{"cv_talking", "cv_waiting", "cv_other"} {
		if n, why := completed(t, db, id); n != 1 || why != omni.SystemError {
			t.Errorf("%s was completed %d times, ended by %s", id, n, why)
		}
	}
	storetest.Eventually(t, "the recording is complete", func() bool {
		r, err := db.Recording(t.Context(), "rc_1")
		return err == nil && r.State == omni.RecordingReady && r.DurationMS == 1000
	})
	// Its file is not here: it may be where its node was.
	if r, err := db.Recording(t.Context(), "rc_gone"); err != nil || r.State != omni.RecordingRunning {
		t.Errorf("recording %+v, %v", r, err)
	}
	state, err := db.RoutingState(t.Context())
	if err != nil || len(state.Offers)+len(state.Works)+len(state.Entries) > 0 {
		t.Errorf("%v; the router still has %+v", err, state)
	}
	stop()
	nodes, err := db.Nodes(t.Context())
	if err != nil || len(nodes) != 2 || nodes[0].State != omni.NodeDead || nodes[1].State != omni.NodeStopped {
		t.Errorf("nodes %+v, %v", nodes, err)
	}
	head, err := db.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cfg.NodeID = "nd_4"
	running(t, journeyStore{db}, cfg)()
	if again, err := db.Head(t.Context()); err != nil || again != head {
		t.Errorf("the next leader wrote events %d to %d, %v", head+1, again, err)
	}
	if _, err := db.Beat(t.Context(), "nd_2", false); err != nil {
		t.Error(err)
	}
}

// What is decided in a term that is over is refused with the commit, also when
// the node has another term by now.
func TestARouterOfAnOldTermWritesNothing(t *testing.T) {
	db := openDB(t, t.TempDir())
	s := journeyStore{db}
	write := func(term journey.Term, id string) error {
		return s.Route(t.Context(), term, journey.Write{Omni: omni.Change{Events: []omni.Event{storetest.Event("", id, storetest.Now())}}})
	}
	old, err := s.Stand(t.Context(), "nd_1")
	if err != nil || write(old, "first") != nil {
		t.Fatal(err)
	}
	now, err := s.Stand(t.Context(), "nd_1")
	if err != nil || now.Epoch <= old.Epoch {
		t.Fatalf("term %+v after %+v, %v", now, old, err)
	}
	if err := write(old, "stale"); !errors.Is(err, journey.ErrNotLeader) {
		t.Errorf("a commit of the old term gives %v", err)
	}
	if err := s.Renew(t.Context(), old); !errors.Is(err, journey.ErrNotLeader) {
		t.Errorf("renewing the old term gives %v", err)
	}
	if err := write(now, "second"); err != nil {
		t.Error(err)
	}
	events, err := db.Events(t.Context(), 0, 10)
	if err != nil || len(events) != 2 || db.Rejected()+db.Spooled() != 0 {
		t.Errorf("journal %+v, %v", events, err)
	}
}
