package journey

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

// A node that begins to route knows from the store who carries each call: what its
// router says of other nodes' callers goes there, and nobody is taken for a caller
// who is over and out of the queue.
func TestANewLeaderKnowsWhoCarriesTheCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDepot(), newHub()
		old, owner, next := newNode("nd_a", d, h), newNode("nd_b", d, h), newNode("nd_c", d, h)
		down := old.up(t)
		defer owner.up(t)()
		defer next.up(t)()
		time.Sleep(time.Second)
		v := owner.carry("cv_1")
		v.serve()
		d.mu.Lock()
		d.live = []omni.Conversation{{ID: "cv_1", NodeID: "nd_b", State: omni.Queued}}
		d.mu.Unlock()
		v.in(func() { _ = v.wantAgent(v.asked) })
		time.Sleep(time.Second)
		d.pass("nd_c") // which was never told of the call
		comes(t, next)
		time.Sleep(2 * time.Second)
		if n := v.count(ringing); n != 1 {
			t.Errorf("%d offers ring at the caller's node", n)
		}
		if in, offers := d.count(omni.QueueEntered, "cv_1"), d.count(omni.OfferCreated, "cv_1"); in != 1 || offers != 1 {
			t.Errorf("the caller entered the queue %d times and was offered %d times, want once", in, offers)
		}
		down()
	})
}

// Closing what a dead node left is done again until it succeeds, though the node is
// declared dead after the first time.
func TestClosingADeadNodeIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDepot(), newHub()
		a := newNode("nd_a", d, h)
		defer a.up(t)()
		d.mu.Lock()
		d.nodes["nd_b"] = omni.Node{ID: "nd_b", State: omni.NodeLive, SeenAt: time.Now()}
		d.live = []omni.Conversation{{ID: "cv_1", NodeID: "nd_b", State: omni.Queued, CreatedAt: time.Now()}}
		d.mu.Unlock()
		if err := a.look(t.Context()); err != nil { // the sweep at the begin of the term
			t.Fatal(err)
		}
		time.Sleep(nodeSilence)
		d.refuse = errors.New("database is away")
		for range 2 {
			if err := a.look(t.Context()); !errors.Is(err, d.refuse) {
				t.Errorf("while it fails: %v", err)
			}
		}
		if n := d.nodes["nd_b"]; n.State != omni.NodeDead {
			t.Errorf("the node is %s", n.State)
		}
		d.refuse = nil
		if err := a.look(t.Context()); err != nil {
			t.Error(err)
		}
		left, err := d.LiveConversations(context.Background(), "")
		if err != nil || len(left) > 0 || d.count(omni.ConversationCompleted, "cv_1") != 1 {
			t.Errorf("left %+v, %v", left, err)
		}
		if err := a.look(t.Context()); err != nil || d.count(omni.ConversationCompleted, "cv_1") != 1 {
			t.Errorf("closed again: %v", err)
		}
	})
}

// What a dead node left is closed, too, by a leader that cannot read the administered
// records.
func TestADeadNodeIsClosedWithoutTheSetup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDepot(), newHub()
		a := newNode("nd_a", d, h)
		defer a.up(t)()
		d.mu.Lock()
		d.illegal = errors.New("a record of a newer version")
		d.live = []omni.Conversation{{ID: "cv_1", NodeID: "nd_b", State: omni.Queued, CreatedAt: time.Now()}}
		d.mu.Unlock()
		a.work.Go(func() { a.watchNodes(a.ctx) })
		time.Sleep(askLimit + 2*beatEvery)
		if n := d.count(omni.ConversationCompleted, "cv_1"); n != 1 {
			t.Errorf("closed %d times", n)
		}
	})
}

// A node dies after it has closed what it found and before the router heard of
// it, or after a call has ended and before the router heard of that: neither its
// next process nor the leader leaves an agent busy for nothing.
func TestNobodyIsKeptByAConversationThatIsOver(t *testing.T) {
	for _, who := range []string{"the next process", "the leader"} {
		t.Run(who, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, h := newDepot(), newHub()
				a := newNode("nd_a", d, h)
				defer a.up(t)()
				down := newNode("nd_b", d, h).up(t)
				comes(t, a)
				if _, err := a.floor.do(t.Context(), enqueue("cv_1")); err != nil {
					t.Fatal(err)
				}
				down()
				d.mu.Lock()
				d.live = []omni.Conversation{{ID: "cv_1", NodeID: "nd_b", State: omni.Completed}}
				d.nodes["nd_b"] = omni.Node{ID: "nd_b", State: omni.NodeLive, SeenAt: time.Now()}
				d.mu.Unlock()
				if who == "the leader" {
					time.Sleep(nodeSilence)
					if err := a.look(t.Context()); err != nil {
						t.Fatal(err)
					}
				} else {
					defer newNode("nd_b", d, h).up(t)()
				}
				time.Sleep(time.Second)
				s, err := a.seatOf(t.Context(), "ag_1")
				if err != nil || len(s.Works) != 0 {
					t.Errorf("the agent has %+v, %v", s.Works, err)
				}
			})
		})
	}
}

// What a dead node left is closed without reading the others' conversations one by
// one, however many the router has; one that is over but not for the router is found.
func TestADeadNodeIsClosedInFewReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDepot(), newHub()
		a := newNode("nd_a", d, h)
		defer a.up(t)()
		now := time.Now()
		put := func(id, node string, state omni.State) {
			d.live = append(d.live, omni.Conversation{ID: id, NodeID: node, State: state, CreatedAt: now})
			d.entries[id] = agent.QueueEntry{ConversationID: id, QueueID: "qu_1", State: agent.EntryWaiting, EnteredAt: now}
		}
		d.mu.Lock()
		for i := range 3000 {
			put("cv_c"+strconv.Itoa(i), "nd_c", omni.Queued)
		}
		for i := range 300 {
			put("cv_b"+strconv.Itoa(i), "nd_b", omni.Queued)
		}
		put("cv_over", "nd_b", omni.Completed)
		d.nodes["nd_b"] = omni.Node{ID: "nd_b", State: omni.NodeLive, SeenAt: now}
		d.nodes["nd_c"] = omni.Node{ID: "nd_c", State: omni.NodeLive, SeenAt: now.Add(time.Hour)}
		d.mu.Unlock()
		if err := a.look(t.Context()); err != nil { // the sweep at the begin of the term
			t.Fatal(err)
		}
		time.Sleep(nodeSilence)
		d.mu.Lock()
		clear(d.reads)
		d.mu.Unlock()
		if err := a.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"LiveConversations": 2, "Lingering": 1, "RoutingState": 1, "ConversationSegments": 300}
		d.mu.Lock()
		reads, over, other := maps.Clone(d.reads), d.entries["cv_over"].State, d.entries["cv_c7"].State
		d.mu.Unlock()
		if !maps.Equal(reads, want) {
			t.Errorf("reads %v, want %v", reads, want)
		}
		if over != agent.EntryLeft || other != agent.EntryWaiting {
			t.Errorf("who was over is %s in the queue, another node's caller %s", over, other)
		}
		if left, err := d.LiveConversations(t.Context(), ""); err != nil || len(left) != 3000 {
			t.Errorf("%d conversations are left, %v", len(left), err)
		}
	})
}

// A leader gives signs of life while closing what a dead node left takes long.
func TestALeaderLivesWhileItCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDepot(), newHub()
		a := newNode("nd_a", d, h)
		defer a.up(t)()
		d.mu.Lock()
		gate := make(chan struct{})
		d.gate = gate
		d.live = []omni.Conversation{{ID: "cv_1", NodeID: "nd_b", State: omni.Queued, CreatedAt: time.Now()}}
		d.mu.Unlock()
		a.work.Go(func() { a.watchNodes(a.ctx) })
		for range 60 {
			time.Sleep(time.Second)
			d.mu.Lock()
			silent := time.Since(d.nodes["nd_a"].SeenAt)
			d.mu.Unlock()
			if silent > beatEvery {
				t.Fatalf("silent for %s", silent)
			}
		}
		if n := d.count(omni.ConversationCompleted, "cv_1"); n != 0 {
			t.Error("closed while nothing can be committed")
		}
		d.mu.Lock()
		d.gate = nil
		d.mu.Unlock()
		close(gate)
		time.Sleep(askLimit + 2*beatEvery)
		if n := d.count(omni.ConversationCompleted, "cv_1"); n != 1 {
			t.Errorf("closed %d times", n)
		}
	})
}
