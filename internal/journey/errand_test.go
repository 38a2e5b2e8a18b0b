package journey

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/omni"
)

// The agent has the customer back when the flow ends, whatever ends it.
func TestCustomerComesBackFromAFlow(t *testing.T) {
	for name, c := range map[string]struct {
		ends    func(l *liveCall) error
		outcome string
	}{
		"the flow is done":        {func(l *liveCall) error { l.types("1234"); return nil }, errandDone},
		"the agent takes it back": {func(l *liveCall) error { return l.does("ann", actTakeBack, "") }, errandTaken},
		"the customer wants ann":  {func(l *liveCall) error { l.types("*0"); return nil }, errandPerson},
		"the customer types no":   {func(*liveCall) error { time.Sleep(5 * time.Minute); return nil }, errandPerson},
		"after keys, taken back":  {func(l *liveCall) error { l.types("12"); return l.does("ann", actTakeBack, "") }, errandTaken},
		"while the agent is lost": {func(l *liveCall) error {
			l.legs["ann"].Hangup(call.AgentLost)
			l.sounds("ann")
			l.types("1234")
			return nil
		}, errandDone},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				l := talks(t)
				if err := l.does("ann", actFlow, "fl_card"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				l.want("served", "on_hold lead=ann customer=in_flow ann=waiting")
				l.in(func() {
					if !l.v.pause.typing {
						t.Error("recordings are not silent while a card number is asked for")
					}
				})
				if err := c.ends(l); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second)
				l.want("back", "connected lead=ann customer=talking ann=talking")
				l.in(func() {
					if l.v.pause.why() != "" {
						t.Errorf("recordings are still silent: %s", l.v.pause.why())
					}
				})
				if l.count(omni.ConversationFlowLeft) != 1 || l.outcome() != c.outcome {
					t.Errorf("%d ends of the flow, the last %q, want %q", l.count(omni.ConversationFlowLeft), l.outcome(), c.outcome)
				}
				if got := l.segments(omni.SegmentAgent, omni.SegmentHold, omni.SegmentFlow); got != "flow next_step, agent, flow next_step, hold resumed" &&
					got != "flow next_step, agent, hold resumed, flow next_step" {
					t.Errorf("segments %s", got)
				}
				if err := l.does("ann", actFlow, "fl_card"); err != nil { // and once more
					t.Error(err)
				}
				time.Sleep(time.Second)
				l.types("1234")
				l.want("back again", "connected lead=ann customer=talking ann=talking")
				l.ends()
			})
		})
	}
}

// A card number that is typed on after the flow had enough, or was taken away, is
// typed on into a silent recording.
func TestKeysAfterAnErrandKeepTheRecordingSilent(t *testing.T) {
	for _, ends := range []func(*liveCall) error{
		func(l *liveCall) error { l.types("1234"); return nil },
		func(l *liveCall) error { l.types("12"); return l.does("ann", actTakeBack, "") },
	} {
		inBubble(t, func(t *testing.T) {
			l := talks(t)
			if err := l.does("ann", actFlow, "fl_card"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if err := ends(l); err != nil {
				t.Fatal(err)
			}
			for range 6 {
				time.Sleep(200 * time.Millisecond) // and half a second for the key
				l.types("5")
				l.in(func() {
					if l.v.pause.why() != pausedForKeys {
						t.Error("the recording is heard while the customer types on")
					}
				})
			}
			time.Sleep(2 * time.Second)
			l.in(func() {
				if l.v.pause.why() != "" {
					t.Error("the recording stays silent")
				}
			})
			l.ends()
		})
	}
}

// outcome is how the last flow ended for the agent who waited.
func (l *liveCall) outcome() (what string) {
	for _, e := range l.events() {
		if e.Type == omni.ConversationFlowLeft {
			var d struct{ Outcome string }
			_ = json.Unmarshal(e.Data, &d)
			what = d.Outcome
		}
	}
	return what
}

// A flow goes on with the customer when the agent leaves, and leads where it
// leads; when the agent was lost, back to the queue.
func TestFlowGoesOnAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l := talks(t)
		if err := errors.Join(l.does("ann", actFlow, "fl_card"), l.does("ann", actEnd, "")); err != nil {
			t.Fatal(err)
		}
		l.want("alone", "in_flow lead= customer=in_flow")
		time.Sleep(time.Second) // a card's digits count from when they are asked for
		l.types("1234")
		time.Sleep(time.Second)
		l.want("the flow has ended", "over")
		l.in(func() {
			if why := l.v.book.conv.EndReason; why != omni.FlowDisconnect {
				t.Errorf("ended by %s", why)
			}
		})
		if got := l.segments(omni.SegmentAgent); got != "agent transferred" {
			t.Errorf("segments %s", got)
		}
		l.ends()
	})
	inBubble(t, func(t *testing.T) { // the flow leads to a queue: it takes the place of the first one
		l := talks(t)
		if err := errors.Join(l.does("ann", actFlow, "fl_next"), l.does("ann", actLeave, "")); err != nil {
			t.Fatal(err)
		}
		l.comes("bob")
		l.types("7")
		time.Sleep(2 * time.Second)
		if !l.accepts("bob") {
			t.Fatalf("bob has no offer: %s", l.state())
		}
		l.want("bob has the customer", "connected lead=bob customer=talking bob=talking")
		l.ends()
	})
	inBubble(t, func(t *testing.T) { // the agent is lost
		l := talks(t)
		if err := l.does("ann", actFlow, "fl_card"); err != nil {
			t.Fatal(err)
		}
		l.comes("bob")
		l.legs["ann"].Hangup(call.AgentLost)
		time.Sleep(63 * time.Second)
		l.want("lost", "in_flow lead= customer=in_flow")
		l.types("1234")
		time.Sleep(2 * time.Second)
		if !l.accepts("bob") {
			t.Fatalf("bob has no offer: %s", l.state())
		}
		l.want("bob has the customer", "connected lead=bob customer=talking bob=talking")
		l.ends()
	})
}

// A customer whose agent was lost waits again as before: for the skills, in the
// priority and with the announcements that the flow wanted, and with the age of the
// talk; the preferred agent stays so unless that is who was lost. The flow that
// brought the customer may be gone by then.
func TestWhatACustomerWaitsForOutlastsTheAgent(t *testing.T) {
	for _, c := range []struct {
		preferred, still string
		flowless         bool
	}{{"ag_cho", "ag_cho", false}, {"ag_ann", "", false}, {"ag_cho", "ag_cho", true}, {"ag_ann", "", true}} {
		inBubble(t, func(t *testing.T) {
			l := live(t)
			wish := agent.Enqueue{ConversationID: l.v.id, QueueID: "qu_1", Channel: agent.Voice, Priority: 7, PreferredAgent: c.preferred,
				Skills: []agent.SkillNeed{{Skill: "ja", Level: 2}}, Hops: 2, AnnounceEvery: 45}
			l.in(func() {
				if err := l.v.wantAgent(func(at agent.At) agent.Input { in := wish; in.At = at; return in }); err != nil {
					t.Error(err)
				}
			})
			l.comes("ann")
			if !l.accepts("ann") {
				t.Fatalf("ann has no offer: %s", l.state())
			}
			var talked time.Time
			l.in(func() { talked = l.v.talking.stay.StartedAt })
			if err := l.does("ann", actFlow, "fl_card"); err != nil {
				t.Fatal(err)
			}
			l.comes("bob")
			l.legs["ann"].Hangup(call.AgentLost)
			time.Sleep(63 * time.Second)
			if c.flowless {
				l.in(func() { breaks(l.v) })
				l.faults.take()
			}
			l.types("1234")
			time.Sleep(2 * time.Second)
			l.want("queued again", "queued lead= customer=talking")
			if l.accepts("bob") {
				t.Error("bob has the customer, and speaks no Japanese")
			}
			e := l.entry()
			if e.QueueID != "qu_1" || e.Priority != 7 || len(e.Skills) != 1 || e.Skills[0] != wish.Skills[0] || e.PreferredAgent != c.still ||
				e.Hops != 2 || e.AnnounceEvery != 45 || !e.EnteredAt.Equal(talked) {
				t.Errorf("waits as %+v, since %s, talked since %s", e, e.EnteredAt, talked)
			}
			l.comes("cho")
			if !l.accepts("cho") {
				t.Errorf("cho has no offer: %s", l.state())
			}
			l.ends()
		})
	}
}

// breaks ends the flow that stands still with a fault.
func breaks(v *conversation) {
	run := v.flow
	v.flowStopped(run, ivr.Result{}, errors.New("broken"))
	run.cancel(errReplaced)
}

// A customer who is queued again without the flow that stood still is not stuck
// there: what the queue does when it gives up is done, and an apology ends the call
// where there is no such queue any more.
func TestWhoIsQueuedAgainWithoutAFlowIsNotStuck(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(l *liveCall)
		end    omni.EndReason
		faults int
	}{
		{"the queue gives up", nil, omni.MaxWait, 0},
		{"the queue is gone", func(l *liveCall) {
			in := *l.c.setup()
			in.Queues, in.queues = nil, nil
			l.c.records.Store(&in)
		}, omni.SystemError, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				l := talks(t)
				if err := l.does("ann", actFlow, "fl_card"); err != nil {
					t.Fatal(err)
				}
				l.legs["ann"].Hangup(call.AgentLost)
				time.Sleep(63 * time.Second)
				l.in(func() { breaks(l.v) })
				l.faults.take()
				if c.before != nil {
					c.before(l)
				}
				l.types("1234")
				time.Sleep(time.Second)
				if c.before == nil {
					l.in(func() { l.v.giveUp(agent.OverflowMaxWait) })
				}
				time.Sleep(30 * time.Second)
				l.want("afterwards", "over")
				l.in(func() {
					if why := l.v.book.conv.EndReason; why != c.end {
						t.Errorf("ended by %s, want %s", why, c.end)
					}
				})
				if f := l.faults.take(); len(f) != c.faults {
					t.Errorf("faults %q", f)
				}
				l.ends()
			})
		})
	}
}

// A flow that goes on without the agent does not end because the one that stands
// still does: it leads where it leads.
func TestFlowAloneOutlastsTheOneThatStandsStill(t *testing.T) {
	for _, c := range []struct {
		name   string
		stops  func(*conversation)
		faults int
	}{
		{"it fails", breaks, 1},
		{"it ends", func(v *conversation) { v.wait(waitEvent{kind: waitDone}) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				l := talks(t)
				if err := errors.Join(l.does("ann", actFlow, "fl_card"), l.does("ann", actLeave, "")); err != nil {
					t.Fatal(err)
				}
				l.in(func() { c.stops(l.v) })
				time.Sleep(30 * time.Second) // longer than an apology
				l.want("alone", "in_flow lead= customer=in_flow")
				l.types("1234")
				time.Sleep(2 * time.Second)
				l.want("the flow has ended", "over")
				l.in(func() {
					if l.v.flow != nil || l.v.book.conv.EndReason != omni.FlowDisconnect {
						t.Errorf("ended by %s, the first flow still stands: %t", l.v.book.conv.EndReason, l.v.flow != nil)
					}
				})
				if f := l.faults.take(); len(f) != c.faults {
					t.Errorf("faults %q", f)
				}
				l.ends()
			})
		})
	}
}

// When the room cannot be parted for a flow, the agent has the customer, on all
// screens and in the journal, and no longer on hold.
func TestHoldEndsWithAFlowThatCannotBegin(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l := talks(t)
		if err := l.does("ann", actHold, ""); err != nil {
			t.Fatal(err)
		}
		l.in(func() {
			l.v.call.Close()
			if err := l.v.sendToFlow("ag_ann", "fl_card"); err == nil {
				t.Error("a flow began in a room that is closed")
			}
			if s := l.v.talking; l.v.errand != nil || l.v.holding || s.hold != nil || s.work != agent.Connected || l.v.book.conv.State != omni.Connected {
				t.Errorf("with a flow: %t, held: %t, segment of hold: %v, work %s, %s", l.v.errand != nil, l.v.holding, s.hold, s.work, l.v.book.conv.State)
			}
		})
		l.faults.take()
		l.ends()
	})
}

// entry is what the router knows of the customer who waits.
func (l *liveCall) entry() (e agent.QueueEntry) {
	l.t.Helper()
	if err := l.c.floor.look(l.t.Context(), func(r *agent.Router, _ time.Time) {
		if s := r.StandingOf([]string{l.v.id})[l.v.id]; s.Entry != nil {
			e = *s.Entry
		}
	}); err != nil {
		l.t.Error(err)
	}
	return e
}

// What does not fit is refused and changes nothing; the customer may hang up at
// any time.
func TestFlowBesideAnAgentIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l := talks(t)
		refused := func(what string, err, want error) {
			t.Helper()
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		refused("no such flow", l.does("ann", actFlow, "fl_none"), account.ErrNotFound)
		refused("another's call", l.does("bob", actFlow, "fl_card"), account.ErrState)
		refused("nothing to take back", l.does("ann", actTakeBack, ""), account.ErrState)
		if err := l.does("ann", actHold, ""); err != nil {
			t.Fatal(err)
		}
		if err := l.does("ann", actFlow, "fl_card"); err != nil { // the hold gives way
			t.Fatal(err)
		}
		l.want("from hold", "on_hold lead=ann customer=in_flow ann=waiting")
		refused("twice", l.does("ann", actFlow, "fl_card"), account.ErrState)
		refused("hold", l.does("ann", actHold, ""), account.ErrState)
		refused("consult", l.does("ann", actConsult, "ag_bob"), account.ErrState)
		refused("transfer", l.does("ann", actTransfer, "queue"), account.ErrState)
		refused("taken by another", l.does("bob", actTakeBack, ""), account.ErrState)
		l.want("after all of this", "on_hold lead=ann customer=in_flow ann=waiting")
		l.ends()
	})
}
