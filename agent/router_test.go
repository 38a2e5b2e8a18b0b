package agent

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// floor is a router under test with a clock that only the test moves.
type floor struct {
	t    *testing.T
	r    *Router
	now  time.Time
	outs []Output // of the last step
	log  []Output // of all steps
}

var day = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func newFloor(t *testing.T, cfg RouterConfig, queues ...Queue) *floor {
	f := &floor{t: t, r: NewRouter(cfg), now: day}
	for _, q := range queues {
		f.do(PutQueue{At: f.at(), Queue: q})
	}
	return f
}

func (f *floor) at() At { return At(f.now) }

// do applies an input that must not be refused, and keeps its outputs.
func (f *floor) do(in Input) []Output {
	f.t.Helper()
	outs := f.try(in)
	if err := Refusal(outs); err != nil {
		f.t.Fatalf("%T refused: %v", in, err)
	}
	return outs
}

func (f *floor) try(in Input) []Output {
	f.outs = f.r.Apply(in)
	f.log = append(f.log, f.outs...)
	return f.outs
}

// wait moves the clock, ticking at every deadline on the way.
func (f *floor) wait(d time.Duration) []Output {
	end := f.now.Add(d)
	var all []Output
	for {
		at, ok := f.r.NextDeadline()
		if !ok || at.After(end) {
			break
		}
		if at.After(f.now) {
			f.now = at
		}
		all = append(all, f.try(Tick{f.at()})...)
	}
	f.now = end
	all = append(all, f.try(Tick{f.at()})...)
	f.outs = all
	return all
}

// agent adds an agent who is available and reachable.
func (f *floor) agent(id string, skills map[string]int, queues ...string) {
	f.t.Helper()
	f.do(PutAgent{At: f.at(), Agent: Agent{ID: id, Skills: skills, Queues: queues}})
	f.do(DeviceUp{At: f.at(), AgentID: id})
	f.presence(id, Available)
}

func (f *floor) presence(id string, s PresenceState) []Output {
	f.t.Helper()
	return f.do(SetPresence{At: f.at(), AgentID: id, State: s, By: ByAgent})
}

func (f *floor) enqueue(conv, queue string, needs ...SkillNeed) []Output {
	f.t.Helper()
	return f.do(Enqueue{At: f.at(), ConversationID: conv, QueueID: queue, Skills: needs})
}

// offered returns the pending offer of a conversation.
func (f *floor) offered(conv string) (Offer, bool) {
	for _, o := range f.r.offers {
		if o.row.ConversationID == conv {
			return o.row, true
		}
	}
	return Offer{}, false
}

// wantOffer fails unless the conversation is being offered to the agent.
func (f *floor) wantOffer(conv, agentID string) Offer {
	f.t.Helper()
	o, ok := f.offered(conv)
	if !ok || o.AgentID != agentID {
		f.t.Fatalf("%s is offered to %q, want %q", conv, o.AgentID, agentID)
	}
	return o
}

func (f *floor) wantWaiting(conv string) {
	f.t.Helper()
	if e := f.r.entries[conv]; e == nil || !e.placed {
		f.t.Fatalf("%s does not wait", conv)
	}
}

// talk accepts and connects the conversation's offer.
func (f *floor) talk(conv string) string {
	f.t.Helper()
	o, ok := f.offered(conv)
	if !ok {
		f.t.Fatalf("%s is not offered", conv)
	}
	f.do(Accept{At: f.at(), OfferID: o.ID, AgentID: o.AgentID})
	f.do(Connect{At: f.at(), ConversationID: conv, AgentID: o.AgentID})
	return o.AgentID
}

// finish ends talk and wrap-up.
func (f *floor) finish(conv, agentID string) {
	f.t.Helper()
	f.do(EndWork{At: f.at(), ConversationID: conv, AgentID: agentID})
	if w, err := f.r.workOf(agentID, conv); err == nil && w.row.State == WrapUp {
		f.do(FinishWrapUp{At: f.at(), ConversationID: conv, AgentID: agentID})
	}
}

// find returns the outputs of one type.
func find[T Output](outs []Output) []T {
	var found []T
	for _, o := range outs {
		if x, ok := o.(T); ok {
			found = append(found, x)
		}
	}
	return found
}

func queue(id string, change func(*Queue)) Queue {
	q := DefaultQueue(id, id)
	if change != nil {
		change(&q)
	}
	return q
}

func TestACallFromQueueToWrapUp(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	outs := f.enqueue("cv_1", "qu_a")
	if q := find[EntryQueued](outs); len(q) != 1 || q[0].Position != 1 {
		t.Fatalf("queued %+v", q)
	}
	o := f.wantOffer("cv_1", "ag_1")
	if want := f.now.Add(20 * time.Second); !o.ExpiresAt.Equal(want) || o.State != OfferPending {
		t.Fatalf("offer %+v", o)
	}
	f.do(Alert{At: f.at(), OfferID: o.ID})
	outs = f.do(Accept{At: f.at(), OfferID: o.ID, AgentID: "ag_1"})
	if e := find[EntryEnded](outs); len(e) != 1 || e[0].Entry.State != EntryAssigned {
		t.Fatalf("entry %+v", e)
	}
	f.do(Connect{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1"})
	f.do(Hold{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1"})
	f.do(Resume{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1"})
	f.enqueue("cv_2", "qu_a")
	f.wantWaiting("cv_2")
	f.do(EndWork{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1"})
	if ws := f.r.WorksOf("ag_1"); len(ws) != 1 || ws[0].State != WrapUp {
		t.Fatalf("works %+v", ws)
	}
	f.wait(29 * time.Second)
	f.wantWaiting("cv_2")
	f.wait(time.Second)
	f.wantOffer("cv_2", "ag_1")
}

func TestStaleInputsAreRefusedAndChangeNothing(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	f.enqueue("cv_1", "qu_a")
	o := f.wantOffer("cv_1", "ag_1")
	tests := []struct {
		in   Input
		want error
	}{
		{Accept{At: f.at(), OfferID: o.ID, AgentID: "ag_2"}, ErrUnknownOffer},
		{Accept{At: f.at(), OfferID: "of_none"}, ErrUnknownOffer},
		{Connect{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1"}, ErrNoWork},
		{Hold{At: f.at(), ConversationID: "cv_1", AgentID: "ag_1"}, ErrNoWork},
		{Leave{At: f.at(), ConversationID: "cv_9"}, ErrNotQueued},
		{Enqueue{At: f.at(), ConversationID: "cv_9", QueueID: "qu_none"}, ErrUnknownQueue},
		{Enqueue{At: f.at(), QueueID: "qu_a"}, ErrBadInput},
		{SetPresence{At: f.at(), AgentID: "ag_9", State: Available, By: ByAgent}, ErrUnknownAgent},
		{SetPresence{At: f.at(), AgentID: "ag_1", State: "asleep", By: ByAgent}, ErrBadInput},
		{PutQueue{At: f.at(), Queue: queue("qu_b", func(q *Queue) { q.Strategy = "loudest" })}, ErrBadInput},
		{Restore{At: f.at()}, ErrBadInput},
	}
	for _, tt := range tests {
		outs := f.try(tt.in)
		if err := Refusal(outs); !errors.Is(err, tt.want) || len(outs) != 1 {
			t.Errorf("%T: %v (%d outputs), want %v", tt.in, err, len(outs), tt.want)
		}
	}
	f.wantOffer("cv_1", "ag_1")
}

func TestAMissedOfferKeepsTheAgeAndGoesToSomebodyElse(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	f.enqueue("cv_1", "qu_a")
	entered := f.now
	f.agent("ag_2", nil, "qu_a")
	f.enqueue("cv_2", "qu_a")
	f.talk("cv_2")
	f.wantOffer("cv_1", "ag_1")
	f.wait(5 * time.Second)
	f.enqueue("cv_3", "qu_a")
	f.wait(15 * time.Second) // ag_1 misses cv_1; ag_2 is busy
	f.wantWaiting("cv_1")
	f.wantOffer("cv_3", "ag_1")
	if e := f.r.entries["cv_1"]; !e.row.EnteredAt.Equal(entered) || !slices.Equal(e.row.Missed, []string{"ag_1"}) {
		t.Fatalf("entry %+v", e.row)
	}
	f.finish("cv_2", "ag_2")
	f.wantOffer("cv_1", "ag_2")
	f.wait(20 * time.Second)
	if p, _ := f.r.PresenceOf("ag_1"); p.Missed != 2 {
		t.Fatalf("missed %d", p.Missed)
	}
}

func TestNotRespondingAfterTooManyMissesUntilAPresenceIsSet(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	f.enqueue("cv_1", "qu_a")
	f.wait(60 * time.Second) // three rings: nobody else is there, so the same agent rings on
	p, _ := f.r.PresenceOf("ag_1")
	if !p.NotResponding || p.Missed != 3 || p.State != Available {
		t.Fatalf("presence %+v", p)
	}
	f.wantWaiting("cv_1")
	if why := f.r.whyWaits(f.r.entries["cv_1"]); why != WaitNobodyActive {
		t.Fatalf("waits because %s", why)
	}
	f.presence("ag_1", Available)
	f.wantOffer("cv_1", "ag_1")
	if p, _ := f.r.PresenceOf("ag_1"); p.NotResponding || p.Missed != 0 {
		t.Fatalf("presence %+v", p)
	}
}

func TestTheCustomerLeavingCancelsInTheSameStep(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	f.enqueue("cv_1", "qu_a")
	f.enqueue("cv_2", "qu_a")
	outs := f.do(Leave{At: f.at(), ConversationID: "cv_1", Reason: "customer_disconnect"})
	ended := find[OfferEnded](outs)
	if len(ended) != 1 || ended[0].Offer.State != OfferCanceled {
		t.Fatalf("outputs %+v", outs)
	}
	f.wantOffer("cv_2", "ag_1")
}

func TestOverflow(t *testing.T) {
	number := []OverflowAction{{Kind: OverflowNumber, Target: "+4930123"}}
	tests := []struct {
		name   string
		queue  func(*Queue)
		steps  func(f *floor) []Output
		reason string
	}{
		{"max wait", func(q *Queue) { q.MaxWait = 60 }, func(f *floor) []Output {
			f.enqueue("cv_1", "qu_a")
			return f.wait(time.Minute)
		}, OverflowMaxWait},
		{"max length", func(q *Queue) { q.MaxLength = 1 }, func(f *floor) []Output {
			f.enqueue("cv_0", "qu_a")
			return f.enqueue("cv_1", "qu_a")
		}, OverflowMaxLength},
		{"nobody logged in", func(q *Queue) { q.JoinEmpty = EmptyNo }, func(f *floor) []Output {
			return f.enqueue("cv_1", "qu_a")
		}, OverflowJoinEmpty},
		{"everybody on a break", func(q *Queue) { q.JoinEmpty = EmptyStrict }, func(f *floor) []Output {
			f.agent("ag_1", nil, "qu_a")
			f.presence("ag_1", Break)
			return f.enqueue("cv_1", "qu_a")
		}, OverflowJoinEmpty},
		{"the last one logs out", func(q *Queue) { q.LeaveEmpty = EmptyYes }, func(f *floor) []Output {
			f.agent("ag_1", nil, "qu_a")
			f.presence("ag_1", Break)
			f.enqueue("cv_1", "qu_a")
			f.wantWaiting("cv_1")
			return f.presence("ag_1", Offline)
		}, OverflowLeaveEmpty},
		{"the queue is removed", nil, func(f *floor) []Output {
			f.enqueue("cv_1", "qu_a")
			return f.do(RemoveQueue{At: f.at(), QueueID: "qu_a"})
		}, OverflowQueueRemoved},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFloor(t, RouterConfig{}, queue("qu_a", func(q *Queue) {
				q.Overflow = number
				if tt.queue != nil {
					tt.queue(q)
				}
			}))
			over := find[Overflowed](tt.steps(f))
			if len(over) != 1 || over[0].Reason != tt.reason || !slices.Equal(over[0].Actions, number) ||
				over[0].Entry.State != EntryOverflowed || f.r.entries["cv_1"] != nil {
				t.Fatalf("overflowed %+v", over)
			}
		})
	}
}

func TestOverflowsFromQueueToQueueAreBounded(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", func(q *Queue) {
		q.JoinEmpty = EmptyNo
		q.Overflow = []OverflowAction{{Kind: OverflowQueue, Target: "qu_b"}}
	}))
	outs := f.do(Enqueue{At: f.at(), ConversationID: "cv_1", QueueID: "qu_a", Hops: 4})
	if over := find[Overflowed](outs); len(over) != 1 || over[0].Actions[0].Kind != OverflowEnd {
		t.Fatalf("overflowed %+v", over)
	}
}

func TestWorkTransitionsInAllPairs(t *testing.T) {
	want := map[WorkState]string{
		Idle: "reserved", Reserved: "alerting idle", Alerting: "connected idle",
		Connected: "on_hold consulting wrap_up idle", OnHold: "connected consulting wrap_up idle",
		Consulting: "connected on_hold wrap_up idle", WrapUp: "idle",
	}
	for _, from := range WorkStates {
		for _, to := range WorkStates {
			allowed := slices.Contains(strings.Fields(want[from]), string(to))
			if err := MoveWork(from, to); (err == nil) != allowed || err != nil && !errors.Is(err, ErrTransition) {
				t.Errorf("%s to %s: %v, allowed %v", from, to, err, allowed)
			}
		}
	}
}

func TestOfferTransitionsInAllPairs(t *testing.T) {
	want := map[OfferState]string{
		OfferPending: "accepted rejected timeout canceled rescinded", OfferAccepted: "wrapping completed", OfferWrapping: "completed",
	}
	for _, from := range OfferStates {
		for _, to := range OfferStates {
			allowed := slices.Contains(strings.Fields(want[from]), string(to))
			if err := MoveOffer(from, to); (err == nil) != allowed {
				t.Errorf("%s to %s: %v, allowed %v", from, to, err, allowed)
			}
		}
	}
}
