package agent

import (
	"errors"
	"testing"
	"time"
)

func TestTakeOver(t *testing.T) {
	q := DefaultQueue("qu", "Sales")
	q.WrapUpTime = 30
	f := newFloor(t, RouterConfig{}, q)
	f.agent("ann", nil, "qu")
	f.enqueue("cv", "qu")
	f.talk("cv")
	f.do(PutAgent{At: f.at(), Agent: Agent{ID: "boss"}}) // offline, in no queue

	refused := []struct {
		name string
		in   TakeOver
		want error
	}{
		{"from nobody", TakeOver{f.at(), "cv", "boss", "ann", "barged"}, ErrNoWork},
		{"of nothing", TakeOver{f.at(), "cv_2", "ann", "boss", "barged"}, ErrNoWork},
		{"by nobody", TakeOver{f.at(), "cv", "ann", "ghost", "barged"}, ErrUnknownAgent},
		{"by oneself", TakeOver{f.at(), "cv", "ann", "ann", "barged"}, ErrCapacity},
	}
	for _, c := range refused {
		if err := Refusal(f.try(c.in)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}

	outs := f.do(TakeOver{f.at(), "cv", "ann", "boss", "barged"})
	o, ok := outs[0].(TakenOver)
	if !ok || o.From != "ann" || o.Offer.State != OfferAccepted || o.Offer.AgentID != "boss" || o.Offer.QueueID != "qu" {
		t.Fatalf("first output %+v", outs[0])
	}
	if w, err := f.r.workOf("ann", "cv"); err != nil || w.row.State != WrapUp {
		t.Errorf("ann's work: %+v, %v", w, err)
	}
	if w, err := f.r.workOf("boss", "cv"); err != nil || w.row.State != Connected || w.row.ConnectedAt.IsZero() {
		t.Errorf("boss's work: %+v, %v", w, err)
	}
	if err := Refusal(f.try(TakeOver{f.at(), "cv", "ann", "boss", "barged"})); !errors.Is(err, ErrTransition) {
		t.Errorf("taken over out of a wrap-up: %v", err)
	}
	// What the store has is enough to go on from.
	var c Change
	c.Collect(f.log)
	found := false
	for _, w := range c.Works {
		found = found || w.ID == o.Work.ID && w.State == Connected && w.AgentID == "boss"
	}
	if !found {
		t.Errorf("rows %+v", c.Works)
	}
	f.do(EndWork{f.at(), "cv", "boss", "customer_disconnect"})
	f.wait(31 * time.Second)
	for _, id := range []string{"ann", "boss"} {
		if _, err := f.r.workOf(id, "cv"); !errors.Is(err, ErrNoWork) {
			t.Errorf("%s still works: %v", id, err)
		}
	}
}

// Whoever took a call over and is lost sends the customer to the top of the
// queue, as any agent does.
func TestLostAfterTakeOver(t *testing.T) {
	f := newFloor(t, RouterConfig{}, DefaultQueue("qu", "Sales"))
	f.agent("ann", nil, "qu")
	f.enqueue("cv", "qu")
	f.talk("cv")
	f.do(PutAgent{At: f.at(), Agent: Agent{ID: "boss"}})
	f.do(TakeOver{f.at(), "cv", "ann", "boss", "barged"})
	f.do(LoseAgent{f.at(), "cv", "boss"})
	f.wantWaiting("cv")
	if e := f.r.entries["cv"]; !e.row.Top || e.row.QueueID != "qu" {
		t.Errorf("entry %+v", e.row)
	}
}
