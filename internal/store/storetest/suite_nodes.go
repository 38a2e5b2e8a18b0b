package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/omni"
)

// nodes holds the table of nodes to its rules: times are the database's, a node
// learns that it was given up, and only the leader gives up.
func nodes(t *testing.T, open Opener) {
	db, _ := open(t)
	ctx := t.Context()
	if _, _, err := db.Holder(ctx, "router"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the holder of a lease that never was: %v", err)
	}
	lease := must[store.Lease](t)(db.Acquire(ctx, "router", "nd_a", time.Minute))
	held, left, err := db.Holder(ctx, "router")
	if err != nil || held.Holder != "nd_a" || held.Epoch != lease.Epoch || left < 50*time.Second || left > time.Minute {
		t.Errorf("holder %+v, %s left, %v", held, left, err)
	}
	beat := func(node string, starting bool, want omni.NodeState) {
		t.Helper()
		if was, err := db.Beat(ctx, node, starting); err != nil || was != want {
			t.Errorf("%s was %q, %v; want %q", node, was, err, want)
		}
	}
	beat("nd_a", true, "")
	beat("nd_b", true, "")
	beat("nd_b", false, omni.NodeLive)
	list := must[[]omni.Node](t)(db.Nodes(ctx))
	if len(list) != 2 || list[0].ID != "nd_a" || !list[1].Alive(time.Minute) || list[1].Alive(0) ||
		list[1].StartedAt.After(list[1].SeenAt) || time.Since(list[1].SeenAt).Abs() > 10*time.Second {
		t.Errorf("nodes %+v", list)
	}
	dead := func(node string, limit time.Duration, want bool) {
		t.Helper()
		if got, err := db.DeclareDead(ctx, node, limit, lease); err != nil || got != want {
			t.Errorf("%s declared dead after %s: %v, %v", node, limit, got, err)
		}
	}
	dead("nd_b", time.Minute, false)
	dead("nd_none", 0, false)
	dead("nd_b", 0, true)
	dead("nd_b", 0, true) // who was interrupted does it again
	beat("nd_b", false, omni.NodeDead)
	beat("nd_b", false, omni.NodeLive)
	if err := db.StopNode(ctx, "nd_b"); err != nil {
		t.Error(err)
	}
	dead("nd_b", 0, false)
	beat("nd_b", true, omni.NodeStopped)
	stale := lease
	stale.Epoch--
	if _, err := db.DeclareDead(ctx, "nd_b", 0, stale); !errors.Is(err, store.ErrStaleLease) {
		t.Errorf("who does not lead any more declares dead: %v", err)
	}
	before := must[string](t)(db.SetupRevision(ctx))
	if again := must[string](t)(db.SetupRevision(ctx)); again != before {
		t.Errorf("revision %s and %s without a change", before, again)
	}
}

// lingering finds what is over of a node but not for the router, and nothing else.
func lingering(t *testing.T, open Opener) {
	db, _ := open(t)
	var w store.Write
	put := func(node string, state omni.State) string {
		v := Conversation(Now())
		v.NodeID, v.State = node, state
		w.Omni.Conversations = append(w.Omni.Conversations, v)
		return v.ID
	}
	want := []string{put("nd_b", omni.Completed), put("nd_b", omni.Completed), put("nd_b", omni.Completed)}
	ended := put("nd_b", omni.Completed)
	for i, id := range []string{want[0], want[1], put("nd_b", omni.Connected), put("nd_c", omni.Completed), ended} {
		state := agent.Connected
		if id == ended {
			state = agent.Idle
		}
		w.Agent.Works = append(w.Agent.Works, agent.Work{ID: fmt.Sprintf("of_%d", i), AgentID: "ag_1", ConversationID: id, State: state, StartedAt: Now()})
	}
	w.Agent.Offers = []agent.Offer{{ID: "of_0", ConversationID: want[0], AgentID: "ag_1", State: agent.OfferAccepted, CreatedAt: Now()}}
	w.Agent.QueueEntries = []agent.QueueEntry{{ConversationID: want[2], QueueID: "qu_1", State: agent.EntryWaiting, EnteredAt: Now()}}
	must[[]omni.Event](t)(db.Commit(t.Context(), w))
	slices.Sort(want)
	equal(t, "lingering of a node", must[[]string](t)(db.Lingering(t.Context(), "nd_b")), want)
	equal(t, "lingering of one that has nothing", must[[]string](t)(db.Lingering(t.Context(), "nd_d")), []string{})
}
