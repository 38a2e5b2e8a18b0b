package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"
)

func TestCapacity(t *testing.T) {
	tests := []struct {
		name     string
		capacity Capacity
		in       []Channel // conversations that arrive
		want     int       // offers pending afterwards
	}{
		{"one call", Capacity{}, []Channel{Voice, Voice}, 1},
		{"a call is exclusive", Capacity{}, []Channel{Voice, Chat}, 1},
		{"no call beside texts", Capacity{}, []Channel{Chat, Voice}, 1},
		{"four texts", Capacity{}, []Channel{Chat, Chat, Chat, Chat, Chat}, 4},
		{"two texts", Capacity{Chat: 2}, []Channel{Chat, Chat, Chat}, 2},
		{"mixed", Capacity{Mixed: true}, []Channel{Chat, Voice, Chat, Voice}, 3},
		{"two calls", Capacity{Voice: 2}, []Channel{Voice, Voice, Voice}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
			f.do(PutAgent{At: f.at(), Agent: Agent{ID: "ag_1", Queues: []string{"qu_a"}, Capacity: tt.capacity}})
			f.do(DeviceUp{At: f.at(), AgentID: "ag_1"})
			f.presence("ag_1", Available)
			for i, ch := range tt.in {
				f.do(Enqueue{At: f.at(), ConversationID: fmt.Sprint("cv_", i), QueueID: "qu_a", Channel: ch})
			}
			if n := len(f.r.offers); n != tt.want {
				t.Errorf("%d offers, want %d", n, tt.want)
			}
		})
	}
}

func TestAParkedTextFreesCapacity(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.do(PutAgent{At: f.at(), Agent: Agent{ID: "ag_1", Queues: []string{"qu_a"}, Capacity: Capacity{Chat: 1}}})
	f.do(DeviceUp{At: f.at(), AgentID: "ag_1"})
	f.presence("ag_1", Available)
	for i := 1; i <= 2; i++ {
		f.do(Enqueue{At: f.at(), ConversationID: fmt.Sprint("cv_", i), QueueID: "qu_a", Channel: Chat})
	}
	f.talk("cv_1")
	f.wantWaiting("cv_2")
	f.do(Park{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1", Parked: true})
	f.talk("cv_2")
	back := Park{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1"}
	if err := Refusal(f.try(back)); !errors.Is(err, ErrCapacity) {
		t.Fatalf("unparked over the capacity: %v", err)
	}
	f.finish("cv_2", "ag_1")
	f.do(back)
	f.enqueue("cv_3", "qu_a")
	f.wantWaiting("cv_3")
}

func TestPresenceInWrapUpDoesNotEndIt(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	f.enqueue("cv_1", "qu_a")
	f.talk("cv_1")
	f.do(EndWork{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1"})
	f.presence("ag_1", Break)
	f.presence("ag_1", Available)
	f.enqueue("cv_2", "qu_a")
	f.wantWaiting("cv_2")
	if ws := f.r.WorksOf("ag_1"); len(ws) != 1 || ws[0].State != WrapUp {
		t.Fatalf("works %+v", ws)
	}
	f.wait(30 * time.Second)
	f.wantOffer("cv_2", "ag_1")
}

func TestTheLastChosenNextPresenceWins(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	f.enqueue("cv_1", "qu_a")
	f.talk("cv_1")
	f.do(SetNext{At: f.at(), AgentID: "ag_1", State: Break, Reason: "lunch", By: ByAgent, ByID: "us_1"})
	f.do(SetNext{At: f.at(), AgentID: "ag_1", State: Break, Reason: "meeting", By: BySupervisor, ByID: "us_2"})
	f.enqueue("cv_2", "qu_a")
	f.do(EndWork{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1"})
	if p, _ := f.r.PresenceOf("ag_1"); p.State != Available || p.Next != Break {
		t.Fatalf("in wrap-up %+v", p)
	}
	outs := f.do(FinishWrapUp{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1"})
	changed := find[PresenceChanged](outs)
	if len(changed) != 1 {
		t.Fatalf("outputs %+v", outs)
	}
	p := changed[0].Presence
	if p.State != Break || p.Reason != "meeting" || p.SetBy != BySupervisor || p.SetByID != "us_2" || p.Next != "" {
		t.Fatalf("presence %+v", p)
	}
	f.wantWaiting("cv_2")
}

func TestANextPresenceAppliesAtOnceWithoutWork(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	f.do(SetNext{At: f.at(), AgentID: "ag_1", State: Break, Reason: "lunch", By: ByAgent})
	if p, _ := f.r.PresenceOf("ag_1"); p.State != Break || p.Reason != "lunch" {
		t.Fatalf("presence %+v", p)
	}
}

func TestNoNewWorkBeforeANextBreak(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	f.do(Enqueue{At: f.at(), ConversationID: "cv_1", QueueID: "qu_a", Channel: Chat})
	f.talk("cv_1")
	f.do(SetNext{At: f.at(), AgentID: "ag_1", State: Break, By: ByAgent})
	f.do(Enqueue{At: f.at(), ConversationID: "cv_2", QueueID: "qu_a", Channel: Chat})
	f.wantWaiting("cv_2")
	f.do(SetNext{At: f.at(), AgentID: "ag_1", By: ByAgent}) // taken back
	f.wantOffer("cv_2", "ag_1")
}

func TestWrapUpExtensions(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	f.enqueue("cv_1", "qu_a")
	f.talk("cv_1")
	f.do(EndWork{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1"})
	extend := ExtendWrapUp{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1"}
	f.do(extend)
	f.do(extend)
	if err := Refusal(f.try(extend)); !errors.Is(err, ErrExtensions) {
		t.Fatalf("third extension: %v", err)
	}
	f.wait(89 * time.Second)
	if len(f.r.WorksOf("ag_1")) != 1 {
		t.Fatal("wrap-up ended early")
	}
	f.wait(time.Second)
	if len(f.r.WorksOf("ag_1")) != 0 {
		t.Fatal("wrap-up did not end")
	}
	last := find[OfferEnded](f.outs)
	if len(last) != 1 || last[0].Offer.State != OfferCompleted {
		t.Fatalf("outputs %+v", f.outs)
	}
}

func TestALostConnectionHasAGrace(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	f.enqueue("cv_1", "qu_a")
	f.do(DeviceDown{At: f.at(), AgentID: "ag_1"})
	f.wantOffer("cv_1", "ag_1") // a reload takes a moment
	f.wait(5 * time.Second)
	f.wantWaiting("cv_1")
	ended := find[OfferEnded](f.outs)
	if len(ended) != 1 || ended[0].Offer.State != OfferRescinded {
		t.Fatalf("outputs %+v", f.outs)
	}
	f.do(DeviceUp{At: f.at(), AgentID: "ag_1"})
	f.wantOffer("cv_1", "ag_1")
	if p, _ := f.r.PresenceOf("ag_1"); p.Missed != 0 {
		t.Fatalf("a rescinded offer counts as missed: %+v", p)
	}
	f.do(Leave{At: f.at(), ConversationID: "cv_1"})
	f.do(DeviceDown{At: f.at(), AgentID: "ag_1"})
	f.wait(29 * time.Second)
	if p, _ := f.r.PresenceOf("ag_1"); p.State != Available {
		t.Fatalf("presence %+v", p)
	}
	f.wait(time.Second)
	if p, _ := f.r.PresenceOf("ag_1"); p.State != Offline || p.SetBy != BySystem {
		t.Fatalf("presence %+v", p)
	}
	f.enqueue("cv_2", "qu_a")
	f.do(DeviceUp{At: f.at(), AgentID: "ag_1"})
	f.wantWaiting("cv_2") // who was away that long chooses a presence anew
}

func TestALostAgentsCustomerGoesToTheTop(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	f.enqueue("cv_1", "qu_a")
	entered := f.now
	f.talk("cv_1")
	f.wait(5 * time.Minute)
	f.do(Enqueue{At: f.at(), ConversationID: "cv_old", QueueID: "qu_a", Priority: 100, EnteredAt: f.now.Add(-10 * time.Minute)})
	f.do(DeviceDown{At: f.at(), AgentID: "ag_1"})
	outs := f.do(LoseAgent{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1"})
	queued := find[EntryQueued](outs)
	if len(queued) != 1 || !queued[0].Requeued || queued[0].Position != 1 || !queued[0].Entry.Top || !queued[0].Entry.EnteredAt.Equal(entered) {
		t.Fatalf("queued %+v", queued)
	}
	f.agent("ag_2", nil, "qu_a")
	f.wantOffer("cv_1", "ag_2")
}

func TestWhoAcceptsAndNeverConnectsCountsAsLost(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	f.enqueue("cv_1", "qu_a")
	o := f.wantOffer("cv_1", "ag_1")
	f.do(Accept{At: f.at(), OfferID: o.ID})
	f.wait(14 * time.Second)
	if len(f.r.entries) != 0 {
		t.Fatal("queued too early")
	}
	f.wait(time.Second)
	if e := f.r.entries["cv_1"]; e == nil || !e.row.Top {
		t.Fatal("not at the top of the queue")
	}
	work := find[WorkStateChanged](f.outs)
	if len(work) == 0 || work[0].Work.State != Idle || work[0].Work.EndReason != AgentLost {
		t.Fatalf("outputs %+v", f.outs)
	}
}

func TestACustomerWhoLeavesBeforeTheConnectionFreesTheAgent(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	f.enqueue("cv_1", "qu_a")
	f.enqueue("cv_2", "qu_a")
	f.do(Accept{At: f.at(), OfferID: f.wantOffer("cv_1", "ag_1").ID})
	f.do(Leave{At: f.at(), ConversationID: "cv_1", Reason: "customer_disconnect"})
	f.wantOffer("cv_2", "ag_1")
}

func TestDirectOffers(t *testing.T) {
	setup := func(t *testing.T) *floor {
		f := newFloor(t, RouterConfig{}, queue("qu_a", nil), queue("qu_b", nil))
		f.agent("ag_from", nil, "qu_a")
		f.enqueue("cv_1", "qu_a")
		f.talk("cv_1")
		f.agent("ag_to", nil)
		f.do(EndWork{At: f.at(), ConversationID: "cv_1", AgentID: "ag_from", Reason: "transferred"})
		return f
	}
	transfer := func(f *floor, change func(*OfferTo)) []Output {
		in := OfferTo{At: f.at(), ConversationID: "cv_1", AgentID: "ag_to", QueueID: "qu_a", FallbackAgent: "ag_from", FallbackQueue: "qu_b"}
		if change != nil {
			change(&in)
		}
		return f.do(in)
	}
	t.Run("taken", func(t *testing.T) {
		f := setup(t)
		transfer(f, nil)
		if o := f.wantOffer("cv_1", "ag_to"); !o.Direct || o.Explanation.Rule != RuleDirect {
			t.Errorf("offer %+v", o)
		}
		f.talk("cv_1")
	})
	t.Run("missed, comes back to who transferred", func(t *testing.T) {
		f := setup(t)
		transfer(f, nil)
		f.wait(20 * time.Second)
		if o := f.wantOffer("cv_1", "ag_from"); o.Explanation.Rule != RuleFallback {
			t.Errorf("offer %+v", o)
		}
		if p, _ := f.r.PresenceOf("ag_to"); p.Missed != 1 {
			t.Errorf("missed %d", p.Missed)
		}
	})
	t.Run("busy, comes back at once although in wrap-up", func(t *testing.T) {
		f := setup(t)
		f.presence("ag_to", Break)
		transfer(f, nil)
		f.wantOffer("cv_1", "ag_from")
	})
	t.Run("nobody is there, waits at the top of the queue", func(t *testing.T) {
		f := setup(t)
		f.presence("ag_to", Break)
		f.presence("ag_from", Offline)
		f.enqueue("cv_0", "qu_b")
		transfer(f, nil)
		if p, _, _ := f.r.Position("cv_1"); p != 1 {
			t.Errorf("position %d", p)
		}
	})
	t.Run("waits for a busy agent", func(t *testing.T) {
		f := setup(t)
		f.do(OfferTo{At: f.at(), ConversationID: "cv_9", AgentID: "ag_to"})
		f.talk("cv_9")
		transfer(f, func(in *OfferTo) { in.Wait = 60 })
		f.wantWaiting("cv_1")
		f.wait(10 * time.Second)
		f.finish("cv_9", "ag_to")
		f.wantOffer("cv_1", "ag_to")
	})
	t.Run("no fallback left", func(t *testing.T) {
		f := setup(t)
		f.presence("ag_to", Offline)
		over := find[Overflowed](transfer(f, func(in *OfferTo) { in.FallbackAgent, in.FallbackQueue = "", "" }))
		if len(over) != 1 || over[0].Reason != OverflowNoAnswer {
			t.Errorf("overflowed %+v", over)
		}
	})
}

func TestAnnouncementsAndCallback(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", func(q *Queue) { q.Callback.OfferAfter = 90 }))
	f.agent("ag_1", nil, "qu_a")
	f.enqueue("cv_0", "qu_a")
	f.talk("cv_0")
	for i := 1; i <= 3; i++ {
		f.enqueue(fmt.Sprint("cv_", i), "qu_a")
	}
	told := find[PositionChanged](f.wait(2 * time.Minute))
	if len(told) != 6 || told[2].ConversationID != "cv_3" || told[2].Position != 3 {
		t.Fatalf("told %+v", told)
	}
	if told[2].ExpectedWait != 3*180*time.Second {
		t.Errorf("expected wait %v with one agent and no history", told[2].ExpectedWait)
	}
	if due := find[CallbackDue](f.outs); len(due) != 3 {
		t.Errorf("callbacks %+v", due)
	}
}

func TestExpectedWaitIsTheMedianOfWaitsAtTheSamePosition(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", func(q *Queue) { q.WrapUpTime = 0 }))
	f.agent("ag_1", nil, "qu_a")
	f.enqueue("cv_0", "qu_a")
	f.talk("cv_0")
	for i, wait := range []time.Duration{50 * time.Second, 10 * time.Second, 30 * time.Second} {
		f.enqueue(fmt.Sprint("cv_", i+1), "qu_a")
		f.wait(wait)
		f.finish(fmt.Sprint("cv_", i), "ag_1")
		f.talk(fmt.Sprint("cv_", i+1))
	}
	outs := f.enqueue("cv_9", "qu_a")
	if q := find[EntryQueued](outs); q[0].ExpectedWait != 30*time.Second {
		t.Errorf("expected wait %v, want the median 30s", q[0].ExpectedWait)
	}
	f.presence("ag_1", Offline)
	if _, expected, _ := f.r.Position("cv_9"); expected >= 0 {
		t.Errorf("expected wait %v without an agent", expected)
	}
	s := f.r.Snapshot(f.now.Add(time.Second))
	if e := s.Queues[0].Entries[0]; e.ExpectedWaitMS != -1 || e.WaitedMS != 1000 || e.Why != WaitNobodyLoggedIn || s.Queues[0].Waiting != 1 {
		t.Errorf("snapshot %+v", s.Queues[0])
	}
}

func TestBandsCoverAllPositions(t *testing.T) {
	last := 0
	for p := 1; p <= 200_000; p++ {
		b := bandOf(p)
		if b < last || b > last+1 || b >= waitBands {
			t.Fatalf("position %d is in band %d after %d", p, b, last)
		}
		last = b
	}
}

func TestChangesSurviveJSONAndKeepOneRowEach(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", map[string]int{"en": 3}, "qu_a")
	f.enqueue("cv_1", "qu_a", SkillNeed{"en", 2})
	f.talk("cv_1")
	f.finish("cv_1", "ag_1")
	var c Change
	c.Collect(f.log)
	if len(c.Presences) != 1 || len(c.Offers) != 1 || len(c.Works) != 1 || len(c.QueueEntries) != 1 {
		t.Fatalf("rows %+v", c)
	}
	if c.Offers[0].State != OfferCompleted || c.Works[0].State != Idle || c.QueueEntries[0].State != EntryAssigned {
		t.Fatalf("rows %+v", c)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var again Change
	if err := json.Unmarshal(b, &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, again) {
		t.Fatalf("%+v\nbecame %+v", c, again)
	}
}

// A flow may want its own interval between announcements; it stays with the
// customer who comes back from an agent that was lost, and ends with the stay.
func TestAnnouncementsAsOftenAsTheFlowWants(t *testing.T) {
	f := newFloor(t, RouterConfig{}, DefaultQueue("qu_1", "One"))
	f.agent("ag_1", nil, "qu_1")
	f.presence("ag_1", Break)
	f.do(Enqueue{At: f.at(), ConversationID: "cv_1", QueueID: "qu_1", AnnounceEvery: 7})
	f.enqueue("cv_2", "qu_1")
	count := func(d time.Duration) (first, second int) {
		for _, p := range find[PositionChanged](f.wait(d)) {
			if p.ConversationID == "cv_1" {
				first++
			} else {
				second++
			}
		}
		return first, second
	}
	if first, second := count(61 * time.Second); first != 8 || second != 1 {
		t.Errorf("in 61 s announced %d and %d times, want 8 and 1", first, second)
	}
	f.presence("ag_1", Available)
	f.talk("cv_1")
	f.do(LoseAgent{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1"})
	if first, _ := count(15 * time.Second); first != 2 {
		t.Errorf("back in the queue announced %d times in 15 s, want 2", first)
	}
}
