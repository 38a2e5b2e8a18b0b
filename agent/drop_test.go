package agent

import (
	"testing"
	"time"
)

// A conversation whose process died leaves nothing behind, wherever it was: the
// agent is free at once, without wrap-up, and gets who waits.
func TestDroppedConversations(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	tick := func() At { at = at.Add(time.Second); return At(at) }
	for _, where := range []string{"waiting", "offered", "accepted", "connected", "on hold", "wrap-up"} {
		t.Run(where, func(t *testing.T) {
			r := NewRouter(RouterConfig{Seed: 1})
			var offers []Offer
			apply := func(in Input) (outs []Output) {
				t.Helper()
				outs = r.Apply(in)
				if err := Refusal(outs); err != nil {
					t.Fatalf("%T: %v", in, err)
				}
				for _, o := range outs {
					if c, ok := o.(OfferCreated); ok {
						offers = append(offers, c.Offer)
					}
				}
				return outs
			}
			apply(PutQueue{At: tick(), Queue: DefaultQueue("qu_1", "Sales")})
			apply(PutAgent{At: tick(), Agent: Agent{ID: "ag_1", Queues: []string{"qu_1"}}})
			apply(DeviceUp{At: tick(), AgentID: "ag_1"})
			if where != "waiting" {
				apply(SetPresence{At: tick(), AgentID: "ag_1", State: Available, By: ByAgent})
			}
			apply(Enqueue{At: tick(), ConversationID: "cv_lost", QueueID: "qu_1"})
			steps := []Input{
				Accept{OfferID: "first"}, Connect{ConversationID: "cv_lost", AgentID: "ag_1"},
				Hold{ConversationID: "cv_lost", AgentID: "ag_1"}, EndWork{ConversationID: "cv_lost", AgentID: "ag_1"},
			}
			upTo := map[string]int{"accepted": 1, "connected": 2, "on hold": 3, "wrap-up": 4}[where]
			for _, in := range steps[:upTo] {
				switch in := in.(type) {
				case Accept:
					in.At, in.OfferID = tick(), offers[0].ID
					apply(in)
				case Connect:
					in.At = tick()
					apply(in)
				case Hold:
					in.At = tick()
					apply(in)
				case EndWork:
					in.At = tick()
					apply(in)
				}
			}
			if where != "waiting" {
				apply(Enqueue{At: tick(), ConversationID: "cv_next", QueueID: "qu_1"})
			}
			outs := apply(Drop{At: tick(), ConversationID: "cv_lost", Reason: "system_error"})
			s := r.Snapshot(at)
			for _, e := range s.Queues[0].Entries {
				if e.ConversationID == "cv_lost" {
					t.Errorf("it is still %s", e.State)
				}
			}
			if where == "waiting" {
				return
			}
			if w := r.WorksOf("ag_1"); len(w) != 1 || w[0].ConversationID != "cv_next" {
				t.Errorf("the agent's work %+v after %+v", w, outs)
			}
			if n := len(r.Apply(Drop{At: tick(), ConversationID: "cv_lost"})); n != 0 {
				t.Errorf("dropping again does %d things", n)
			}
		})
	}
}
