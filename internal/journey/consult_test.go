package journey

import (
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/omni"
)

// asking is a call whose agent asks a colleague, or somebody of a queue.
func asking(kind, target string) *conversation {
	v := waitingCall(omni.Connected)
	v.inQueue, v.outsiders = false, map[string]*outsider{}
	v.talking = v.inTalk("ann", talking)
	v.consult = &consultation{by: v.talking, kind: kind, target: target}
	return v
}

// What the router says of a question that was taken back does not end the next one.
func TestAnswersBelongToTheirQuestion(t *testing.T) {
	for name, c := range map[string]struct {
		kind, target string
		entry        agent.QueueEntry
		ends         bool
	}{
		"this colleague":       {"agent", "ag_bob", agent.QueueEntry{ConsultBy: "ag_ann", DirectAgent: "ag_bob"}, true},
		"the one asked before": {"agent", "ag_bob", agent.QueueEntry{ConsultBy: "ag_ann", DirectAgent: "ag_cho"}, false},
		"this queue":           {"queue", "qu_2", agent.QueueEntry{ConsultBy: "ag_ann", QueueID: "qu_2"}, true},
		"the queue before":     {"queue", "qu_2", agent.QueueEntry{ConsultBy: "ag_ann", QueueID: "qu_1"}, false},
		"another's question":   {"agent", "ag_bob", agent.QueueEntry{ConsultBy: "ag_cho", DirectAgent: "ag_bob"}, false},
		"a number is called":   {"number", "5550001", agent.QueueEntry{ConsultBy: "ag_ann", DirectAgent: "ag_bob"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := asking(c.kind, c.target)
			v.overflowed(agent.Overflowed{Entry: c.entry, Reason: agent.ConsultRejected})
			if ended := v.consult == nil; ended != c.ends {
				t.Errorf("ended: %t", ended)
			}
		})
	}
	v := asking("agent", "ag_bob")
	cho := &side{state: accepted, offer: agent.Offer{ID: "cho", AgentID: "ag_cho", ConsultBy: "ag_ann"}}
	v.sides["cho"] = cho
	v.colleagueCame(cho)
	if v.consult == nil || v.sides["cho"] != nil {
		t.Errorf("%+v, %+v", v.consult, v.sides)
	}
}

// A router that has not applied the question yet is no reason to end it.
func TestQuestionOnItsWayGoesOn(t *testing.T) {
	v := asking("agent", "ag_bob")
	v.wish = 2
	if v.stand(agent.Standing{}, 1); v.consult == nil {
		t.Error("a question on its way has ended")
	}
	if v.stand(agent.Standing{}, 2); v.consult != nil {
		t.Error("a question that the router lost goes on")
	}
}

// The rule of the queue of who takes the customer over holds from then on.
func TestRecordingFollowsTheLead(t *testing.T) {
	v := waitingCall(omni.Connected)
	v.center.records.Store(&installation{queues: map[string]setup.Queue{"qu_2": {Record: true, RecordNotice: true}}})
	v.book.conv.QueueID = "qu_1"
	ann, bob := v.inTalk("ann", talking), v.inTalk("bob", talking)
	bob.offer.QueueID, v.talking = "qu_2", ann
	v.depart(ann, omni.Transferred)
	skipped := false
	for _, e := range v.book.change.Events {
		skipped = skipped || e.Type == omni.RecordingSkipped
	}
	if v.talking != bob || !skipped {
		t.Errorf("%+v has the call, %+v", v.talking, v.book.change.Events)
	}
}

// A question that the former leader has applied is not asked twice.
func TestQuestionIsAskedOnce(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	tick := func() agent.At { at = at.Add(time.Second); return agent.At(at) }
	r := agent.NewRouter(agent.RouterConfig{Seed: 1})
	r.Apply(agent.PutQueue{At: tick(), Queue: agent.DefaultQueue("qu_1", "Sales")})
	comes := func(id string) {
		r.Apply(agent.PutAgent{At: tick(), Agent: agent.Agent{ID: id, Queues: []string{"qu_1"}}})
		r.Apply(agent.DeviceUp{At: tick(), AgentID: id})
		r.Apply(agent.SetPresence{At: tick(), AgentID: id, State: agent.Available, By: agent.ByAgent})
	}
	comes("ag_ann")
	r.Apply(agent.Enqueue{At: tick(), ConversationID: "cv_1", QueueID: "qu_1", Channel: agent.Voice})
	offer := func() string { return r.StandingOf([]string{"cv_1"})["cv_1"].Offers[0].ID }
	r.Apply(agent.Accept{At: tick(), OfferID: offer(), AgentID: "ag_ann"})
	r.Apply(agent.Connect{At: tick(), ConversationID: "cv_1", AgentID: "ag_ann"})
	comes("ag_bob")
	l, ask := &leader{router: r}, agent.ConsultWith{ConversationID: "cv_1", AgentID: "ag_ann", With: "ag_bob", QueueID: "qu_1"}
	applied := func(when string, want bool) {
		t.Helper()
		if got := l.applied(ask); got != want {
			t.Errorf("%s: applied: %t", when, got)
		}
	}
	applied("before", false)
	ask.At = tick()
	r.Apply(ask)
	applied("while it rings", true)
	r.Apply(agent.Accept{At: tick(), OfferID: offer(), AgentID: "ag_bob"})
	applied("once accepted", true)
	r.Apply(agent.EndConsult{At: tick(), ConversationID: "cv_1", AgentID: "ag_ann"})
	applied("once over", false)
}

// Who asks in private hears ringing from the colleague's offer to the answer, and
// not while the colleague is brought into the call.
func TestRingingIsHeard(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l := talks(t)
		l.comes("bob")
		rings := func(when string, want bool) {
			t.Helper()
			l.in(func() {
				if got := l.v.consultRings(); got != want || strings.HasSuffix(l.v.seated, " true") != want {
					t.Errorf("%s: rings: %t, the room is seated %q", when, got, l.v.seated)
				}
			})
		}
		rings("nobody is asked", false)
		for _, end := range []func(){
			func() { _ = l.does("ann", actConsultStep, ConsultCancel) },
			func() { l.accepts("bob") },
		} {
			if err := l.does("ann", actConsult, "ag_bob"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			l.want("asked", "on_hold lead=ann customer=waiting ann=consulting")
			rings("asked", true)
			end()
			time.Sleep(time.Second)
			rings("not any more", false)
		}
		l.want("bob came", "on_hold lead=ann customer=waiting ann=consulting bob=consulting")
		l.ends()
	})
}

// Who calls an outside number in private hears the ringing tone until the network
// says something, again when it falls silent, and on while its sound cannot be
// brought into the call; that is tried again.
func TestToneComesBackWhenTheNetworkFallsSilent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		l := talks(t)
		leg, err := l.calls.NewQuietCall(call.Info{ID: "lg_out", Kind: call.SIP, Party: call.External, Codec: "PCMA"})
		if err != nil {
			t.Fatal(err)
		}
		other, err := l.calls.NewQuietLeg(call.Info{ID: "lg_other", Kind: call.SIP, Party: call.Customer, Codec: "PCMA"})
		if err != nil {
			t.Fatal(err)
		}
		elsewhere, err := l.calls.NewCall("cv_other", other)
		if err != nil {
			t.Fatal(err)
		}
		var x *outsider
		l.in(func() {
			x = l.v.follow(leg.Leg, "5550001")
			l.v.consult = &consultation{by: l.v.talking, kind: "number", target: "5550001", out: x}
			l.v.rearrange()
		})
		rings := func(when string, want, early bool) {
			t.Helper()
			time.Sleep(time.Second)
			l.in(func() {
				if got := l.v.consultRings(); got != want || strings.HasSuffix(l.v.seated, " true") != want {
					t.Errorf("%s: rings: %t, the room is seated %q", when, got, l.v.seated)
				}
				if x.early != early {
					t.Errorf("%s: in the call: %t", when, x.early)
				}
			})
		}
		rings("called", false, false)
		leg.Rings()
		rings("180", true, false)
		if err := elsewhere.Bridge(leg.Leg); err != nil {
			t.Fatal(err)
		}
		leg.Speaks(true)
		rings("an announcement that cannot be heard", true, false)
		elsewhere.Unbridge("lg_out")
		l.in(l.v.rearrange)
		rings("an announcement", false, true)
		leg.Speaks(false)
		rings("the announcement is over", true, true)
		leg.Speaks(true)
		rings("another one", false, true)
		leg.Speaks(false)
		leg.PicksUp()
		rings("answered", false, true)
		l.want("answered", "on_hold lead=ann customer=waiting ann=consulting lg_out=consulting")
		elsewhere.Close()
		l.ends()
	})
}
