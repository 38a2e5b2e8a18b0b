package journey

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhotline/hotline/agent"
)

// busy gives a node a conversation that takes no messages until the returned
// function.
func (c *Center) busy(id string) (v *conversation, free func()) {
	v = c.carry(id)
	for range mailbox {
		v.ops <- func() {}
	}
	return v, v.serve
}

// Letters are carried out once, also when a conversation that does not take its
// own keeps their sender waiting for longer than it waits.
func TestLettersBehindABusyConversationAreReadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDepot(), newHub()
		a, b := newNode("nd_a", d, h), newNode("nd_b", d, h)
		defer a.up(t)()
		defer b.up(t)()
		var pages atomic.Int32
		b.Connected(t.Context(), "ag_1", "so_1", "", func(kind string, _ any) bool {
			if kind == "note" {
				pages.Add(1)
			}
			return true
		})
		time.Sleep(time.Second)
		_, free := b.busy("cv_1")
		moved := encodeItem(agent.PositionChanged{ConversationID: "cv_1", QueueID: "qu_1", Position: 2})
		for range 2 {
			a.mail.to("nd_b", letter{Do: letterOutput, Epoch: a.fleet.newest(), Kind: moved.Kind, Data: moved.Data})
		}
		const notes = 3
		for range notes {
			a.mail.to("nd_b", letter{Do: letterPage, Agent: "ag_1", Kind: "note"})
		}
		time.Sleep(mailWithin + 2*mailboxWait)
		free()
		time.Sleep(mailLimit)
		if n := pages.Load(); n != notes {
			t.Errorf("%d notes were read, want %d", n, notes)
		}
	})
}

// A caller whose conversation does not take a message for a while is not taken
// for gone: the place in the queue stays, and the offer is found by comparing.
func TestABusyConversationKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, leader, owner, v := twoInStep(t)
		stop := make(chan struct{})
		v.post(func() { <-stop }) // as long as a database that hangs
		for range mailbox {
			v.post(func() {})
		}
		comes(t, leader)
		time.Sleep(mailboxWait + time.Second)
		close(stop)
		time.Sleep(3 * time.Second)
		s, err := owner.seatOf(t.Context(), "ag_1")
		if err == nil {
			t.Fatalf("%+v: the owner does not route", s)
		}
		standing := make(chan agent.Standing, 1)
		if err := leader.floor.look(t.Context(), func(r *agent.Router, _ time.Time) { standing <- r.StandingOf([]string{"cv_1"})["cv_1"] }); err != nil {
			t.Fatal(err)
		}
		if s := <-standing; s.Entry == nil {
			t.Error("the router has taken the caller out of the queue")
		}
		if n := v.count(ringing); n != 1 {
			t.Errorf("%d offers ring", n)
		}
	})
}
