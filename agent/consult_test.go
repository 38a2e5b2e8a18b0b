package agent

import (
	"errors"
	"testing"
	"time"
)

// consulting makes a floor on which ann talks with a customer and bob and eve
// are free.
func consulting(t *testing.T) *floor {
	q := DefaultQueue("qu", "Sales")
	q.WrapUpTime, q.MaxLength = 30, 1
	f := newFloor(t, RouterConfig{}, q)
	f.agent("ann", nil, "qu")
	f.enqueue("cv", "qu")
	f.talk("cv")
	f.agent("bob", nil, "qu")
	f.agent("eve", nil)
	return f
}

// overflow is why the last step gave a consultation up.
func overflow(t *testing.T, outs []Output) string {
	t.Helper()
	o := find[Overflowed](outs)
	if len(o) != 1 || o[0].Entry.ConsultBy != "ann" {
		t.Fatalf("outputs %+v", outs)
	}
	return o[0].Reason
}

func TestConsultJoinAndHandOver(t *testing.T) {
	f := consulting(t)
	outs := f.do(ConsultWith{f.at(), "cv", "ann", "bob", "qu"})
	o := find[OfferCreated](outs)
	if len(o) != 1 || o[0].Offer.AgentID != "bob" || o[0].Offer.ConsultBy != "ann" || o[0].Work.ConsultBy != "ann" || !o[0].Offer.Direct {
		t.Fatalf("offers %+v", o)
	}
	if err := Refusal(f.try(ConsultWith{f.at(), "cv", "ann", "eve", ""})); !errors.Is(err, ErrTransition) {
		t.Errorf("two are asked at once: %v", err)
	}
	f.do(Accept{f.at(), o[0].Offer.ID, "bob"})
	f.do(Connect{f.at(), "cv", "bob"})
	if a := f.r.agents["bob"]; a.nVoice != 1 || a.flags.voice || a.p.Contacts != 0 {
		t.Errorf("bob counts %d calls, %d contacts", a.nVoice, a.p.Contacts)
	}
	if err := Refusal(f.try(ConsultWith{f.at(), "cv", "bob", "eve", ""})); !errors.Is(err, ErrTransition) {
		t.Errorf("who is asked asks others: %v", err)
	}
	f.do(JoinCall{f.at(), "cv", "bob"})
	f.do(EndWork{f.at(), "cv", "ann", "transferred"})
	if w, err := f.r.workOf("bob", "cv"); err != nil || w.row.State != Connected || w.row.ConsultBy != "" {
		t.Errorf("bob's work %+v, %v", w, err)
	}
	if w, err := f.r.workOf("ann", "cv"); err != nil || w.row.State != WrapUp {
		t.Errorf("ann's work %+v, %v", w, err)
	}
	f.do(EndWork{f.at(), "cv", "bob", "customer_disconnect"})
	if w, err := f.r.workOf("bob", "cv"); err != nil || w.row.State != WrapUp {
		t.Errorf("bob's work after it %+v, %v", w, err)
	}
}

func TestConsultEndsWithoutWrapUp(t *testing.T) {
	f := consulting(t)
	o := find[OfferCreated](f.do(ConsultWith{f.at(), "cv", "ann", "bob", "qu"}))
	f.do(Accept{f.at(), o[0].Offer.ID, "bob"})
	f.do(Connect{f.at(), "cv", "bob"})
	f.do(EndConsult{f.at(), "cv", "ann", "canceled"})
	if _, err := f.r.workOf("bob", "cv"); !errors.Is(err, ErrNoWork) {
		t.Errorf("bob still works: %v", err)
	}
	o = find[OfferCreated](f.do(ConsultWith{f.at(), "cv", "ann", "", "qu"})) // anybody of the queue but ann
	if len(o) != 1 || o[0].Offer.AgentID != "bob" {
		t.Fatalf("offers %+v", o)
	}
	f.do(Accept{f.at(), o[0].Offer.ID, "bob"}) // and ann is lost before bob's sound is there
	f.do(LoseAgent{f.at(), "cv", "ann"})
	if f.r.accepted["cv"] != nil || f.r.entries["cv"] == nil || f.r.entries["cv"].row.ConsultBy != "" {
		t.Errorf("the customer does not wait alone: %+v", f.r.entries["cv"])
	}
}

// Who was consulted and took the customer over is lost: the customer waits, not a
// question of the one who asked, who can take the call again.
func TestLostAfterHandOver(t *testing.T) {
	f := consulting(t)
	o := find[OfferCreated](f.do(ConsultWith{f.at(), "cv", "ann", "", "qu"}))
	f.do(Accept{f.at(), o[0].Offer.ID, "bob"})
	f.do(Connect{f.at(), "cv", "bob"})
	f.do(JoinCall{f.at(), "cv", "bob"})
	f.do(EndWork{f.at(), "cv", "ann", "transferred"})
	f.do(FinishWrapUp{At: f.at(), ConversationID: "cv", AgentID: "ann"})
	o = find[OfferCreated](f.do(LoseAgent{f.at(), "cv", "bob"}))
	if len(o) != 1 || o[0].Offer.AgentID != "ann" || o[0].Offer.ConsultBy != "" {
		t.Fatalf("offers %+v", o)
	}
	f.do(Accept{f.at(), o[0].Offer.ID, "ann"})
	f.do(Connect{f.at(), "cv", "ann"})
	f.do(EndWork{f.at(), "cv", "ann", "customer_disconnect"})
	if w, err := f.r.workOf("ann", "cv"); err != nil || w.row.State != WrapUp {
		t.Errorf("ann's work %+v, %v", w, err)
	}
}

func TestWhyNobodyIsConsulted(t *testing.T) {
	f := consulting(t)
	ask := func(with, queue string) []Output { return f.do(ConsultWith{f.at(), "cv", "ann", with, queue}) }
	o := find[OfferCreated](ask("bob", "qu"))
	if why := overflow(t, f.do(Reject{f.at(), o[0].Offer.ID, "bob"})); why != ConsultRejected {
		t.Errorf("declined: %s", why)
	}
	ask("bob", "qu")
	if why := overflow(t, f.wait(21*time.Second)); why != OverflowNoAnswer {
		t.Errorf("not answered: %s", why)
	}
	f.do(SetPresence{At: f.at(), AgentID: "eve", State: Break, Reason: "lunch", By: ByAgent})
	if why := overflow(t, ask("eve", "")); why != ConsultUnavailable {
		t.Errorf("on a break: %s", why)
	}
	f.enqueue("cv_2", "qu")
	f.talk("cv_2")
	if why := overflow(t, ask("bob", "")); why != ConsultBusy {
		t.Errorf("in another call: %s", why)
	}
	f.enqueue("cv_3", "qu")
	if why := overflow(t, ask("", "qu")); why != OverflowMaxLength {
		t.Errorf("a full queue: %s", why)
	}
	refused := []struct {
		name string
		in   ConsultWith
		want error
	}{
		{"nobody", ConsultWith{f.at(), "cv", "ann", "ghost", ""}, ErrUnknownAgent},
		{"no queue", ConsultWith{f.at(), "cv", "ann", "", "qu_x"}, ErrUnknownQueue},
		{"neither", ConsultWith{f.at(), "cv", "ann", "", ""}, ErrBadInput},
		{"oneself", ConsultWith{f.at(), "cv", "ann", "ann", ""}, ErrBadInput},
		{"about another's call", ConsultWith{f.at(), "cv_2", "ann", "eve", ""}, ErrNoWork},
	}
	for _, c := range refused {
		if err := Refusal(f.try(c.in)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if err := Refusal(f.try(JoinCall{f.at(), "cv", "ann"})); !errors.Is(err, ErrTransition) {
		t.Errorf("who has the call joins it: %v", err)
	}
}
