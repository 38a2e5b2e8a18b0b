package journey

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

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
		if err := a.beat(t.Context()); err != nil { // the sweep at the begin of the term
			t.Fatal(err)
		}
		time.Sleep(nodeSilence)
		d.refuse = errors.New("database is away")
		for range 2 {
			if err := a.beat(t.Context()); !errors.Is(err, d.refuse) {
				t.Errorf("while it fails: %v", err)
			}
		}
		if n := d.nodes["nd_b"]; n.State != omni.NodeDead {
			t.Errorf("the node is %s", n.State)
		}
		d.refuse = nil
		if err := a.beat(t.Context()); err != nil {
			t.Error(err)
		}
		left, err := d.LiveConversations(context.Background(), "")
		if err != nil || len(left) > 0 || d.count(omni.ConversationCompleted, "cv_1") != 1 {
			t.Errorf("left %+v, %v", left, err)
		}
		if err := a.beat(t.Context()); err != nil || d.count(omni.ConversationCompleted, "cv_1") != 1 {
			t.Errorf("closed again: %v", err)
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
					if err := a.beat(t.Context()); err != nil {
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
