package journey

import (
	"encoding/json"
	"testing"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/omni"
)

// A code that says that the customer does not want to be contacted leaves a
// consent and its event in the write that ends the wrap-up; others leave none.
func TestWrapUpCodeRefusesContact(t *testing.T) {
	for code, refuses := range map[string]bool{"no_calls": true, "sold": false} {
		v := waitingCall(omni.WrapUp)
		v.book.conv.CustomerID = "cu_1"
		v.center.records.Store(&installation{Installation: setup.Installation{
			WrapUpCodes: []setup.WrapUpCode{{Code: "no_calls", DoNotContact: true}, {Code: "sold"}},
		}})
		s := &side{offer: agent.Offer{ID: "of_1", AgentID: "ag_1", QueueID: "qu_1"}, state: wrapping}
		s.stay = v.book.begin(omni.SegmentAgent, nil)
		v.sides["of_1"] = s
		if err := v.wrapUp("ag_1", code, "a note"); err != nil {
			t.Fatal(err)
		}
		c := v.book.take()
		var event omni.Event
		for _, e := range c.Events {
			if e.Type == omni.CustomerContactRefused {
				event = e
			}
		}
		if !refuses {
			if len(c.Consents) > 0 || event.ID != "" {
				t.Errorf("%s: %+v, %+v", code, c.Consents, event)
			}
			continue
		}
		if len(c.Consents) != 1 {
			t.Fatalf("%s: consents %+v", code, c.Consents)
		}
		got := c.Consents[0]
		want := omni.Consent{ID: got.ID, CustomerID: "cu_1", Kind: omni.ConsentContact, ConversationID: "cv_1", AgentID: "ag_1", WrapUpCode: code, CreatedAt: got.CreatedAt}
		if got != want || got.ID == "" || got.CreatedAt.IsZero() {
			t.Errorf("consent %+v", got)
		}
		var data map[string]string
		if err := json.Unmarshal(event.Data, &data); err != nil || data["customer_id"] != "cu_1" || data["consent_id"] != got.ID || event.AgentID != "ag_1" || event.QueueID != "qu_1" {
			t.Errorf("event %+v", event)
		}
	}
}
