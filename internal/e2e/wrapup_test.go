package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/openhotline/hotline/omni"
)

// Two agents talk to one customer, and each wraps up their own part with a code
// of the queue they took it from. The service refuses a missing code, one of
// another queue and one that does not exist, whatever the page allows.
func TestEachAgentWrapsUp(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.call(http.MethodPost, "/wrapup-codes", s.token, map[string]any{"code": "sold", "names": map[string]string{"en": "Sold"}, "queue_id": "qu_sales", "required": true}, nil)
	s.call(http.MethodPost, "/wrapup-codes", s.token, map[string]any{"code": "repaired", "names": map[string]string{"en": "Repaired"}, "queue_id": "qu_service", "do_not_contact": true}, nil)
	phone := newTelephone(t)
	first := s.openDesk("agent@demo").softphone(950)
	phone.dial(s, "9002", "+8613911117777", 440)
	id, _ := first.answer()
	s.one("%2B8613911117777", omni.Connected)
	wrapUp := "/conversations/" + id + "/wrap-up"
	s.refused(http.MethodPost, wrapUp, first.token, `{"code":"sold"}`, http.StatusConflict, "state-conflict")
	s.call(http.MethodPost, "/conversations/"+id+"/transfer", first.token, map[string]string{"kind": "queue", "target": "qu_service"}, nil)
	for body, code := range map[string]string{`{"note":"x"}`: "required", `{"code":"repaired"}`: "scope", `{"code":"none"}`: "reference"} {
		f := s.refused(http.MethodPost, wrapUp, first.token, body, http.StatusUnprocessableEntity, "validation")
		if len(f.Errors) != 1 || f.Errors[0].Pointer != "#/code" || f.Errors[0].Code != code {
			t.Errorf("%s: faults %+v, want %s of #/code", body, f.Errors, code)
		}
	}
	second := s.openDesk("agent2@demo").softphone(1500)
	if again, _ := second.answer(); again != id {
		t.Fatalf("the second agent got %s, want %s", again, id)
	}
	s.isWith(id, omni.Connected, second.agentID)
	s.call(http.MethodPost, "/conversations/"+id+"/end", second.token, nil, nil)
	s.isWith(id, omni.WrapUp, second.agentID)
	s.call(http.MethodPost, wrapUp, second.token, map[string]string{"code": "repaired", "note": "new battery"}, nil)
	s.call(http.MethodPost, wrapUp, first.token, map[string]string{"code": "sold", "note": "wants the blue one"}, nil)

	c := s.one("%2B8613911117777", omni.Completed)
	if c.WrapUpCode != "repaired" || c.WrapUpNote != "new battery" {
		t.Errorf("the conversation has %q, %q, want those of the agent who talked last", c.WrapUpCode, c.WrapUpNote)
	}
	d := s.detail(id)
	var agents []omni.Segment
	for _, seg := range d.Segments {
		if seg.Kind == omni.SegmentAgent {
			agents = append(agents, seg)
		}
	}
	if len(agents) != 2 || agents[0].AgentID != first.agentID || agents[0].WrapUpCode != "sold" || agents[0].WrapUpNote != "wants the blue one" ||
		agents[1].AgentID != second.agentID || agents[1].WrapUpCode != "repaired" {
		t.Errorf("agents' segments: %+v", agents)
	}
	codes := map[string]string{} // by agent, from the journal
	for _, e := range d.Events {
		var data struct {
			Code string `json:"wrap_up_code"`
		}
		if e.Type == omni.ConversationWrappedUp && json.Unmarshal(e.Data, &data) == nil {
			codes[e.AgentID] = data.Code
		}
	}
	if codes[first.agentID] != "sold" || codes[second.agentID] != "repaired" {
		t.Errorf("the journal has %v", codes)
	}
	if found := s.conversations("q=blue+one"); len(found) != 1 || found[0].ID != id {
		t.Errorf("the first agent's note finds %d conversations", len(found))
	}
	var customer struct{ Consents []omni.Consent }
	s.call(http.MethodGet, "/customers/"+c.CustomerID, s.token, nil, &customer)
	if said := customer.Consents; len(said) != 1 || said[0].Given || said[0].Kind != omni.ConsentContact || said[0].WrapUpCode != "repaired" ||
		said[0].AgentID != second.agentID || said[0].ConversationID != id {
		t.Errorf("the second agent's code, which refuses contact, left %+v", said)
	}
}

// What an agent writes in a call is kept while they write: when the wrap-up
// runs out in the middle of a sentence, what was there stays, and what the page
// still has may follow. It is that agent's own part, and nobody else's.
func TestNoteOutlivesTheWrapUp(t *testing.T) {
	t.Parallel()
	s := start(t)
	var queue map[string]any
	s.call(http.MethodGet, "/queues/qu_sales", s.token, nil, &queue)
	s.call(http.MethodPatch, "/queues/qu_sales", s.token, map[string]any{"version": queue["version"], "wrap_up_time": 1}, nil)
	phone := newTelephone(t)
	first := s.openDesk("agent@demo").softphone(950)
	second := s.openDesk("agent2@demo")
	phone.dial(s, "9002", "+8613911118888", 440)
	id, _ := first.answer()
	s.one("%2B8613911118888", omni.Connected)
	note := "/conversations/" + id + "/note"
	s.refused(http.MethodPut, note, second.token, `{"note":"not mine"}`, http.StatusConflict, "state-conflict")
	s.call(http.MethodPut, note, first.token, map[string]string{"note": "wants the"}, nil)
	if c := s.detail(id).Conversation; c.WrapUpNote != "wants the" {
		t.Errorf("in the call the note is %q", c.WrapUpNote)
	}
	s.call(http.MethodPost, "/conversations/"+id+"/end", first.token, nil, nil)
	s.eventually(20*time.Second, "the wrap-up runs out", func() bool { return s.detail(id).Conversation.State == omni.Completed })
	if c := s.detail(id).Conversation; c.WrapUpNote != "wants the" || c.WrapUpCode != "" {
		t.Errorf("after the wrap-up ran out: note %q, code %q", c.WrapUpNote, c.WrapUpCode)
	}
	s.call(http.MethodPut, note, first.token, map[string]string{"note": "wants the blue one"}, nil)
	s.refused(http.MethodPut, note, second.token, `{"note":"not mine"}`, http.StatusConflict, "state-conflict")
	d := s.detail(id)
	if d.Conversation.WrapUpNote != "wants the blue one" {
		t.Errorf("the conversation's note is %q", d.Conversation.WrapUpNote)
	}
	for _, seg := range d.Segments {
		if seg.Kind == omni.SegmentAgent && seg.WrapUpNote != "wants the blue one" {
			t.Errorf("the agent's part has %q", seg.WrapUpNote)
		}
	}
	if found := s.conversations("q=blue+one"); len(found) != 1 || found[0].ID != id {
		t.Errorf("the late note finds %d conversations", len(found))
	}
}
