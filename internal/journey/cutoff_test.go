package journey

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/openhotline/hotline/omni"
)

// What an agent, a colleague or a supervisor had begun when the process died is
// over in the journal, too, and what was over already is not ended again.
func TestPartsOfACallThatWasCutOffEndInTheJournal(t *testing.T) {
	began := time.Now()
	at := func(d time.Duration, typ, segment string, data map[string]any) omni.Event {
		e := newEvent(typ, began.Add(d), "cv_1", "ag_1", "qu_1", data)
		e.SegmentID = segment
		return e
	}
	entered := func(d time.Duration, segment string) omni.Event {
		return at(d, omni.ConversationFlowEntered, segment, map[string]any{"flow_id": "fl_card", "version": 2, "agent_waits": true})
	}
	alone := at(0, omni.ConversationFlowEntered, "sg_0", map[string]any{"flow_id": "fl_main", "version": 1})
	left := at(2*time.Second, omni.ConversationFlowLeft, "sg_1", map[string]any{"flow_id": "fl_card", "outcome": errandDone, "duration_ms": 1000})
	asked := at(0, omni.ConversationConsultStarted, "", map[string]any{"kind": "agent", "target": "ag_2", "joins": true})
	listens := at(0, omni.MonitorStarted, "sg_5", map[string]any{"user_id": "us_1", "mode": "monitor"})
	whispers := at(time.Second, omni.MonitorModeChanged, "sg_5", map[string]any{"user_id": "us_1", "mode": "whisper", "from": "monitor"})
	for name, c := range map[string]struct {
		events []omni.Event
		want   string // type, segment and data of the ends
	}{
		"nothing but the flow that answered": {[]omni.Event{alone}, ""},
		"an agent waits for a flow": {[]omni.Event{alone, entered(time.Second, "sg_1")},
			`conversation.flow_left sg_1 {"duration_ms":9000,"flow_id":"fl_card","outcome":"over"}` + "\n"},
		"an agent waited for one": {[]omni.Event{alone, entered(time.Second, "sg_1"), left}, ""},
		"and waits for the next": {[]omni.Event{alone, entered(time.Second, "sg_1"), left, entered(4*time.Second, "sg_2")},
			`conversation.flow_left sg_2 {"duration_ms":6000,"flow_id":"fl_card","outcome":"over"}` + "\n"},
		"asks a colleague": {[]omni.Event{alone, asked},
			`conversation.consult_ended  {"kind":"agent","reason":"over","target":"ag_2"}` + "\n"},
		"whispered to": {[]omni.Event{alone, listens, whispers},
			`monitor.ended sg_5 {"duration_ms":10000,"mode":"whisper","reason":"over","user_id":"us_1"}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDepot()
			a := newNode("nd_a", d, newHub())
			a.store = &past{d, c.events}
			var w omni.Change
			if err := a.closeParts(t.Context(), omni.Conversation{ID: "cv_1", AnsweredAt: began}, began.Add(10*time.Second), &w); err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, e := range w.Events {
				if e.AgentID != "ag_1" || e.QueueID != "qu_1" || e.ConversationID != "cv_1" {
					t.Errorf("%s is about %s, %s and %s", e.Type, e.ConversationID, e.AgentID, e.QueueID)
				}
				got += fmt.Sprintf("%s %s %s\n", e.Type, e.SegmentID, e.Data)
			}
			if got != c.want {
				t.Errorf("ended with\n%swant\n%s", got, c.want)
			}
		})
	}
}

// past is a depot that has the events of a conversation.
type past struct {
	*depot
	events []omni.Event
}

func (p *past) ConversationEvents(context.Context, string) ([]omni.Event, error) {
	return p.events, nil
}
