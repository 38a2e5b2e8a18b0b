package agent

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// rows keeps what a store would hold.
type rows struct {
	agents    []Agent
	queues    []Queue
	presences map[string]Presence
	works     map[string]Work
	offers    map[string]Offer
	entries   map[string]QueueEntry
}

func (s *rows) commit(outs []Output) {
	var c Change
	c.Collect(outs)
	for _, p := range c.Presences {
		s.presences[p.AgentID] = p
	}
	for _, w := range c.Works {
		s.works[w.ID] = w
	}
	for _, o := range c.Offers {
		s.offers[o.ID] = o
	}
	for _, e := range c.QueueEntries {
		s.entries[e.ConversationID] = e
	}
}

// state selects what RoutingState would.
func (s *rows) state() State {
	st := State{Agents: s.agents, Queues: s.queues}
	for _, p := range s.presences {
		st.Presences = append(st.Presences, p)
	}
	for _, w := range s.works {
		if w.State != Idle {
			st.Works = append(st.Works, w)
		}
	}
	for _, o := range s.offers {
		if o.State == OfferPending || o.State == OfferAccepted || o.State == OfferWrapping {
			st.Offers = append(st.Offers, o)
		}
	}
	for _, e := range s.entries {
		if e.State == EntryWaiting || e.State == EntryOffered {
			st.Entries = append(st.Entries, e)
		}
	}
	slices.SortFunc(st.Works, func(a, b Work) int { return cmp.Compare(a.ID, b.ID) })
	return st
}

func newRows() *rows {
	return &rows{presences: map[string]Presence{}, works: map[string]Work{}, offers: map[string]Offer{}, entries: map[string]QueueEntry{}}
}

func TestANewLeaderGoesOnFromTheRows(t *testing.T) {
	f := newFloor(t, RouterConfig{Epoch: 1}, queue("qu_a", nil))
	for i := 1; i <= 4; i++ {
		f.agent(fmt.Sprint("ag_", i), nil, "qu_a")
	}
	for i := 1; i <= 6; i++ {
		f.enqueue(fmt.Sprint("cv_", i), "qu_a")
		f.wait(time.Second)
	}
	talking := f.talk("cv_1")
	wrapping := f.talk("cv_2")
	f.do(EndWork{At: f.at(), ConversationID: "cv_2", AgentID: wrapping})
	accepted := f.wantOffer("cv_3", "ag_3")
	f.do(Accept{At: f.at(), OfferID: accepted.ID})
	ringing := f.wantOffer("cv_4", "ag_4")

	st := newRows()
	st.queues = []Queue{queue("qu_a", nil)}
	for i := 1; i <= 4; i++ {
		st.agents = append(st.agents, Agent{ID: fmt.Sprint("ag_", i), Queues: []string{"qu_a"}})
	}
	st.commit(f.log)

	old := f.r
	f.r = NewRouter(RouterConfig{Epoch: 2})
	f.do(Restore{At: f.at(), State: st.state()})
	for _, conv := range []string{"cv_5", "cv_6"} {
		was, _, _ := old.Position(conv)
		if is, _, ok := f.r.Position(conv); !ok || is != was {
			t.Errorf("%s stands at %d, was at %d", conv, is, was)
		}
		if f.r.entries[conv].row.EnteredAt != old.entries[conv].row.EnteredAt {
			t.Errorf("%s lost its age", conv)
		}
	}
	for i := 1; i <= 4; i++ {
		f.do(DeviceUp{At: f.at(), AgentID: fmt.Sprint("ag_", i)})
	}
	f.do(Connect{At: f.at(), ConversationID: "cv_3", AgentID: "ag_3"})
	f.do(Accept{At: f.at(), OfferID: ringing.ID, AgentID: "ag_4"})
	f.do(Connect{At: f.at(), ConversationID: "cv_4", AgentID: "ag_4"})
	f.do(EndWork{At: f.at(), ConversationID: "cv_1", AgentID: talking})
	f.wait(30 * time.Second) // both wrap-ups end
	offers := find[OfferCreated](f.outs)
	if len(offers) != 2 || offers[0].Entry.ConversationID != "cv_5" || offers[1].Entry.ConversationID != "cv_6" {
		t.Fatalf("offers %+v", offers)
	}
	if offers[0].Offer.ID <= ringing.ID {
		t.Errorf("offer ids do not grow: %s after %s", offers[0].Offer.ID, ringing.ID)
	}
}

func TestAnAgentWhoDoesNotComeBackBecomesOfflineAfterARestart(t *testing.T) {
	f := newFloor(t, RouterConfig{}, queue("qu_a", nil))
	f.agent("ag_1", nil, "qu_a")
	f.enqueue("cv_1", "qu_a")
	st := newRows()
	st.queues = []Queue{queue("qu_a", nil)}
	st.agents = []Agent{{ID: "ag_1", Queues: []string{"qu_a"}}}
	st.commit(f.log)
	f.r = NewRouter(RouterConfig{})
	f.do(Restore{At: f.at(), State: st.state()})
	f.wantOffer("cv_1", "ag_1")
	f.wait(30 * time.Second)
	f.wantWaiting("cv_1")
	if p, _ := f.r.PresenceOf("ag_1"); p.State != Offline {
		t.Errorf("presence %+v", p)
	}
}

// A router is replaced again and again by one that was rebuilt from the rows;
// nothing is lost, and every invariant holds.
func TestRebuildsAmongRandomEvents(t *testing.T) {
	seed := *propertySeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	w := newWorld(t, seed, []Strategy{LeastOccupied, RingAll, LongestIdle}, false)
	w.rows = newRows()
	for range 60 {
		for until := w.events + 400; w.events < until; {
			w.step()
			w.checkLight()
		}
		w.settleTicks()
		w.rebuild()
		w.settleTicks()
		w.checkFull()
	}
}

// rebuild replaces the router by a new one that knows the rows alone.
func (w *world) rebuild() {
	w.rows.agents, w.rows.queues = w.agents, w.queues
	entries, offers, works := len(w.r.entries), len(w.r.offers), len(w.works)
	w.r = NewRouter(RouterConfig{Seed: 1, Epoch: uint64(w.events), RingAllLimit: 6})
	w.apply(Restore{At(w.now), w.rows.state()})
	if len(w.r.entries) != entries || len(w.r.offers) != offers || len(w.works) != works {
		w.t.Fatalf("event %d: %d entries, %d offers, %d works became %d, %d, %d", w.events,
			entries, offers, works, len(w.r.entries), len(w.r.offers), len(w.works))
	}
	for _, a := range w.agents {
		w.apply(DeviceUp{At(w.now), a.ID})
	}
}
