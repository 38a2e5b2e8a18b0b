package journey

import (
	"log/slog"
	"reflect"
	"testing"
	"testing/synctest"
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
	v.stand(agent.Standing{}, v.wish)
	if ins := v.told(); len(ins) != 1 || ins[0].(agent.Enqueue).ConversationID != "cv_1" {
		t.Errorf("told %+v", ins)
	}
	v.stand(agent.Standing{Entry: &agent.QueueEntry{ConversationID: "cv_1"}}, v.wish)
	v.gone = true
	v.stand(agent.Standing{}, v.wish)
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
	v.stand(agent.Standing{Entry: entry, Offers: []agent.Offer{offer("1"), offer("2")}}, v.wish)
	if len(v.sides) != 2 || v.book.conv.State != omni.Offered {
		t.Fatalf("sides %+v, %s", v.sides, v.book.conv.State)
	}
	v.stand(agent.Standing{Entry: entry, Offers: []agent.Offer{offer("1"), offer("2")}}, v.wish) // again: nothing
	if n := len(v.told()); n != 2 {                                                              // the alerts of the first time
		t.Errorf("told %d things", n)
	}
	v.stand(agent.Standing{Works: []agent.Work{{ID: "1", ConversationID: "cv_1"}}}, v.wish)
	defer v.sides["1"].stopTimer()
	if len(v.sides) != 1 || v.sides["1"].state != accepted {
		t.Errorf("sides %+v", v.sides)
	}
	if n := len(v.told()); n != 0 {
		t.Errorf("a caller whose offer was accepted was queued again")
	}
}

// talked adds an agent's part that is over for the customer, who has left.
func (v *conversation) talked(id string) *side {
	s := &side{state: wrapping, offer: agent.Offer{ID: id, ConversationID: "cv_1", AgentID: "ag_" + id, QueueID: "qu_1", State: agent.OfferAccepted}}
	s.stay = v.book.begin(omni.SegmentAgent, nil)
	v.book.end(s.stay, omni.CustomerDisconnect)
	s.wrap = v.book.begin(omni.SegmentWrapUp, nil)
	v.sides[id], v.gone, v.inQueue = s, true, false
	return s
}

// A wrap-up whose end did not arrive ends, so that neither the agent nor the
// conversation stays in it; what the router did not hear of is told again.
func TestPartsThatAreOverAreCompared(t *testing.T) {
	work := func(state agent.WorkState) agent.Standing {
		return agent.Standing{Works: []agent.Work{{ID: "1", ConversationID: "cv_1", AgentID: "ag_1", State: state}}}
	}
	for _, c := range []struct {
		name  string
		set   func(*conversation, *side)
		s     agent.Standing
		sides int
		end   omni.EndReason // of the wrap-up
		told  []agent.Input
	}{
		{name: "its time is over", end: omni.Expired},
		{name: "the agent ended it", set: func(_ *conversation, s *side) { s.finished = true }, end: omni.WrappedUp},
		{name: "it goes on", s: work(agent.WrapUp), sides: 1},
		{name: "its end was not heard of", set: func(_ *conversation, s *side) { s.finished = true }, s: work(agent.WrapUp), sides: 1,
			told: []agent.Input{agent.FinishWrapUp{ConversationID: "cv_1", AgentID: "ag_1"}}},
		{name: "the end of the talk was not heard of", s: work(agent.Connected), sides: 1,
			told: []agent.Input{agent.EndWork{ConversationID: "cv_1", AgentID: "ag_1", Reason: string(omni.CustomerDisconnect)}}},
		{name: "its offer is withdrawn", set: func(_ *conversation, s *side) { s.state = ringing }},
		{name: "its accept is withdrawn", set: func(_ *conversation, s *side) { s.state = accepted }},
		{name: "the customer is thought to wait", s: agent.Standing{Entry: &agent.QueueEntry{}}, end: omni.Expired,
			told: []agent.Input{agent.Leave{ConversationID: "cv_1", Reason: string(omni.CustomerDisconnect)}}},
		{name: "the customer waits for another agent", set: func(v *conversation, _ *side) { v.gone, v.inQueue = false, true }, s: work(agent.WrapUp),
			sides: 1, told: []agent.Input{agent.Enqueue{ConversationID: "cv_1", QueueID: "qu_1"}}},
		{name: "and the wish for one is on its way", set: func(v *conversation, _ *side) { v.gone, v.inQueue, v.wish = false, true, v.wish+1 },
			s: work(agent.WrapUp), sides: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := waitingCall(omni.Queued)
			s := v.talked("1")
			wrap := s.wrap
			v.book.conv.EndReason = omni.CustomerDisconnect
			if c.set != nil {
				c.set(v, s)
			}
			v.stand(c.s, 0)
			if len(v.sides) != c.sides || wrap.EndReason != c.end {
				t.Errorf("%d sides, the wrap-up ended by %q", len(v.sides), wrap.EndReason)
			}
			if got := v.told(); !reflect.DeepEqual(got, c.told) {
				t.Errorf("told %+v, want %+v", got, c.told)
			}
		})
	}
}

// twoInStep are a leader and a node that carries a waiting call, with an agent who
// is not there yet.
func twoInStep(t *testing.T) (d *depot, h *hub, leader, owner *Center, v *conversation) {
	t.Helper()
	d, h = newDepot(), newHub()
	leader, owner = newNode("nd_a", d, h), newNode("nd_b", d, h)
	t.Cleanup(leader.up(t))
	t.Cleanup(owner.up(t))
	time.Sleep(time.Second) // the comparison at the begin of the term
	v = owner.carry("cv_1")
	v.serve()
	v.in(func() { _ = v.wantAgent(v.asked) })
	time.Sleep(time.Second)
	return d, h, leader, owner, v
}

// state counts a conversation's sides that are in a state.
func (v *conversation) count(state sideState) (n int) {
	v.in(func() {
		for _, s := range v.sides {
			if s.state == state {
				n++
			}
		}
	})
	return n
}

func comes(t *testing.T, c *Center) {
	t.Helper()
	for _, in := range []input{deviceUp, func(at agent.At) agent.Input {
		return agent.SetPresence{At: at, AgentID: "ag_1", State: agent.Available, By: agent.ByAgent}
	}} {
		if _, err := c.floor.do(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
}

// What the router does after it was asked counts, though its answer arrives later:
// a newer offer is not taken back, and one that has ended does not ring again.
func TestWhatFollowsTheAnswerCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, h, leader, owner, v := twoInStep(t)
		h.mu.Lock()
		h.late[commandStanding] = time.Second
		h.mu.Unlock()
		ask := func() {
			go owner.reconcile(owner.ctx, *owner.floor.present.Load())
			time.Sleep(3 * sendEvery) // it was asked, and the answer is on its way
		}
		ask()
		comes(t, leader)
		time.Sleep(2 * time.Second)
		if n := v.count(ringing); n != 1 {
			t.Fatalf("%d offers ring, want the one that was made after the answer", n)
		}
		var offerID string
		v.in(func() {
			for id := range v.sides {
				offerID = id
			}
		})
		ask()
		if err := leader.RejectOffer(t.Context(), "ag_1", offerID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second) // less than it takes until the agent is asked again
		if n := v.count(ringing); n != 0 {
			t.Errorf("%d offers ring, want none: the agent has rejected it", n)
		}
	})
}

// The end of a wrap-up that could not be brought to the conversation's node while
// the two had no way to each other is made up for when they have one again.
func TestALostEndOfAWrapUpIsMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h, leader, owner, v := twoInStep(t)
		comes(t, leader)
		time.Sleep(time.Second)
		var s *side
		v.in(func() {
			for _, s = range v.sides {
			}
		})
		tell := func(in agent.Input) { // v is what a call would be; here only its words to the router count
			if _, err := leader.floor.do(t.Context(), func(at agent.At) agent.Input { return in }); err != nil {
				t.Fatal(err)
			}
		}
		now := agent.At(time.Now())
		tell(agent.Accept{At: now, OfferID: s.offer.ID, AgentID: "ag_1"})
		tell(agent.Connect{At: now, ConversationID: "cv_1", AgentID: "ag_1"})
		v.in(func() { s.stopTimer(); s.state, v.gone, v.inQueue = wrapping, true, false })
		tell(agent.EndWork{At: now, ConversationID: "cv_1", AgentID: "ag_1"})
		time.Sleep(time.Second)
		if n := v.count(wrapping); n != 1 {
			t.Fatalf("%d wrap-ups", n)
		}
		h.sever("nd_b", true)
		tell(agent.FinishWrapUp{At: now, ConversationID: "cv_1", AgentID: "ag_1"})
		for range 15 { // both reach the database all the time
			time.Sleep(beatEvery)
			for _, c := range []*Center{leader, owner} {
				if _, err := c.lookAround(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := v.count(wrapping); n != 1 {
			t.Fatalf("%d wrap-ups while the nodes have no way to each other", n)
		}
		h.sever("nd_b", false)
		time.Sleep(5 * time.Second)
		if n := v.count(wrapping); n != 0 {
			t.Error("the wrap-up goes on for ever")
		}
		if d.count(omni.AgentWorkStateChanged, "cv_1") == 0 {
			t.Error("no work was written")
		}
	})
}
