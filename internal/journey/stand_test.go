package journey

import (
	"log/slog"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

// waitingCall is a conversation of a node that waits in a queue; its floor only
// collects what it is told.
func waitingCall(state omni.State) *conversation {
	c := &Center{cfg: Config{NodeID: "nd_1"}.withDefaults(), desks: map[string]*desk{}, log: slog.New(slog.DiscardHandler)}
	c.now = c.cfg.Now
	c.records.Store(&installation{})
	c.floor = newFloor(floorConfig{node: "nd_1", now: c.now, log: c.log})
	v := &conversation{center: c, id: "cv_1", log: c.log, sides: map[string]*side{}, inQueue: true, asked: enqueue("cv_1"), done: make(chan struct{})}
	v.book = newLedger(omni.Conversation{ID: "cv_1", State: state}, c.now)
	return v
}

// told lists what the router was told.
func (v *conversation) told() []agent.Input {
	var ins []agent.Input
	for len(v.center.floor.asks) > 0 {
		ins = append(ins, (<-v.center.floor.asks).in(agent.At{}))
	}
	return ins
}

// A new leader that does not know a waiting caller is told again; one that does
// is left alone.
func TestWaitingCallersSurviveTheLeader(t *testing.T) {
	v := waitingCall(omni.Queued)
	v.stand(agent.Standing{})
	if ins := v.told(); len(ins) != 1 || ins[0].(agent.Enqueue).ConversationID != "cv_1" {
		t.Errorf("told %+v", ins)
	}
	v.stand(agent.Standing{Entry: &agent.QueueEntry{ConversationID: "cv_1"}})
	v.gone = true
	v.stand(agent.Standing{})
	if ins := v.told(); len(ins) != 0 {
		t.Errorf("told %+v", ins)
	}
}

// What the former leader decided and could not say any more is made up for: an
// offer that was created, accepted, or ended.
func TestDecisionsOfADeadLeaderAreMadeUpFor(t *testing.T) {
	v := waitingCall(omni.Queued)
	offer := func(id string) agent.Offer {
		return agent.Offer{ID: id, ConversationID: "cv_1", AgentID: "ag_" + id, QueueID: "qu_1", State: agent.OfferPending, ExpiresAt: time.Now().Add(time.Minute)}
	}
	entry := &agent.QueueEntry{ConversationID: "cv_1"}
	v.stand(agent.Standing{Entry: entry, Offers: []agent.Offer{offer("1"), offer("2")}})
	if len(v.sides) != 2 || v.book.conv.State != omni.Offered {
		t.Fatalf("sides %+v, %s", v.sides, v.book.conv.State)
	}
	v.stand(agent.Standing{Entry: entry, Offers: []agent.Offer{offer("1"), offer("2")}}) // again: nothing
	if n := len(v.told()); n != 2 {                                                      // the alerts of the first time
		t.Errorf("told %d things", n)
	}
	v.stand(agent.Standing{Works: []agent.Work{{ID: "1", ConversationID: "cv_1"}}})
	defer v.sides["1"].stopTimer()
	if len(v.sides) != 1 || v.sides["1"].state != accepted {
		t.Errorf("sides %+v", v.sides)
	}
	if n := len(v.told()); n != 0 {
		t.Errorf("a caller whose offer was accepted was queued again")
	}
}
