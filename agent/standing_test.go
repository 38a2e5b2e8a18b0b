package agent

import (
	"testing"
	"time"
)

// The router tells where a conversation stands: waiting, offered, accepted, or
// nowhere.
func TestStanding(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	tick := func() At { at = at.Add(time.Second); return At(at) }
	r := NewRouter(RouterConfig{Seed: 1})
	r.Apply(PutQueue{At: tick(), Queue: DefaultQueue("qu_1", "Sales")})
	r.Apply(PutAgent{At: tick(), Agent: Agent{ID: "ag_1", Queues: []string{"qu_1"}}})
	r.Apply(DeviceUp{At: tick(), AgentID: "ag_1"})
	r.Apply(SetPresence{At: tick(), AgentID: "ag_1", State: Available, By: ByAgent})
	r.Apply(Enqueue{At: tick(), ConversationID: "cv_1", QueueID: "qu_1"})
	r.Apply(Enqueue{At: tick(), ConversationID: "cv_2", QueueID: "qu_1"})
	ask := func() map[string]Standing { return r.StandingOf([]string{"cv_1", "cv_2", "cv_none"}) }
	s := ask()
	if len(s) != 2 || s["cv_1"].Entry == nil || len(s["cv_1"].Offers) != 1 || s["cv_2"].Entry.State != EntryWaiting || len(s["cv_2"].Works) != 0 {
		t.Fatalf("standing %+v", s)
	}
	offer := s["cv_1"].Offers[0].ID
	if !s["cv_1"].Pending(offer) || s["cv_1"].Accepted(offer) {
		t.Error("the offer is not pending")
	}
	r.Apply(Accept{At: tick(), OfferID: offer})
	s = ask()
	if got := s["cv_1"]; got.Entry != nil || got.Pending(offer) || !got.Accepted(offer) || len(got.Works) != 1 {
		t.Errorf("after the accept: %+v", got)
	}
	r.Apply(Leave{At: tick(), ConversationID: "cv_1"})
	if s = ask(); s["cv_1"].Accepted(offer) {
		t.Errorf("after the end: %+v", s["cv_1"])
	}
}
