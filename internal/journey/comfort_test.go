package journey

import (
	"testing"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/omni"
)

// inTalk adds an agent who is with the customer.
func (v *conversation) inTalk(id string, state sideState) *side {
	s := &side{state: state, offer: agent.Offer{ID: id, ConversationID: v.id, AgentID: "ag_" + id, QueueID: "qu_1"}}
	s.stay = v.book.begin(omni.SegmentAgent, nil)
	v.sides[id] = s
	return s
}

// withSupervisor adds a supervisor, heard or about to be.
func (v *conversation) withSupervisor(mode call.Supervision, heard bool) {
	o := &supervisor{userID: "us_1", mode: mode, stay: &omni.Segment{}}
	if heard {
		o.leg, o.row.AnsweredAt = &call.Leg{}, v.center.now()
	}
	v.supervisors = map[string]*supervisor{o.userID: o}
}

// A customer is comforted as long as all who should talk to them are lost, and
// nothing else gives them music.
func TestWhoIsComforted(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(v *conversation, ann *side)
		want bool
	}{
		"the agent is lost":             {func(*conversation, *side) {}, true},
		"the agent is there":            {func(_ *conversation, ann *side) { ann.state = talking }, false},
		"a colleague is there":          {func(v *conversation, _ *side) { v.inTalk("bob", talking) }, false},
		"the colleague is lost, too":    {func(v *conversation, _ *side) { v.inTalk("bob", lost) }, true},
		"an outside number is there":    {func(v *conversation, _ *side) { v.outsiders["lg"] = &outsider{joined: true} }, false},
		"an outside number rings":       {func(v *conversation, _ *side) { v.outsiders["lg"] = &outsider{} }, true},
		"on hold":                       {func(v *conversation, _ *side) { v.holding = true }, false},
		"waits for a consultation":      {func(v *conversation, ann *side) { v.consult = &consultation{by: ann} }, false},
		"a colleague is to join":        {func(v *conversation, ann *side) { v.consult = &consultation{by: ann, joins: true} }, true},
		"the agent was with them again": {func(v *conversation, ann *side) { v.consult = &consultation{by: ann, swapped: true} }, true},
		"a supervisor has joined":       {func(v *conversation, _ *side) { v.withSupervisor(call.Barge, true) }, false},
		"a supervisor whispers":         {func(v *conversation, _ *side) { v.withSupervisor(call.Whisper, true) }, true},
		"a supervisor's page has gone":  {func(v *conversation, _ *side) { v.withSupervisor(call.Barge, false) }, true},
		"the customer has left":         {func(v *conversation, _ *side) { v.gone = true }, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := waitingCall(omni.Connected)
			v.outsiders = map[string]*outsider{}
			v.talking = v.inTalk("ann", lost)
			c.set(v, v.talking)
			if got := v.lonely(); got != c.want {
				t.Errorf("comforted: %t", got)
			}
		})
	}
}

// Who is heard takes the customer over rather than who came before and is lost.
func TestWhoIsHeardTakesOver(t *testing.T) {
	v := waitingCall(omni.Connected)
	ann := v.inTalk("ann", talking)
	v.inTalk("bob", lost)
	cho := v.inTalk("cho", talking)
	cho.stay.StartedAt = cho.stay.StartedAt.Add(1)
	v.talking = ann
	v.depart(ann, omni.AgentDisconnect)
	if v.talking != cho {
		t.Errorf("%+v has the customer", v.talking)
	}
}
