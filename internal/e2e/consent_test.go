package e2e

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/omni"
)

// queueRule changes how the demo's sales queue records.
func (s *server) queueRule(change map[string]any) {
	s.t.Helper()
	var q struct{ Version int }
	s.call(http.MethodGet, "/queues/qu_sales", s.token, nil, &q)
	change["version"] = q.Version
	s.call(http.MethodPatch, "/queues/qu_sales", s.token, change, nil)
}

// talked makes one call with an agent, who tries to begin to record.
func (s *server) talked(agent *softphone, phone *telephone, from, keys string) (d omni.Detail, started int) {
	s.t.Helper()
	leg, _ := phone.dialCall(s, "9002", from, 440)
	if keys != "" {
		if err := leg.SendDigits(keys); err != nil {
			s.t.Fatal(err)
		}
	}
	id, _ := agent.answer()
	s.one("%2B"+from[1:], omni.Connected)
	started, _ = s.try(http.MethodPost, "/conversations/"+id+"/recording/start", agent.token, nil, nil)
	time.Sleep(500 * time.Millisecond)
	leg.Hangup(call.CustomerDisconnect)
	ended(s.t, leg, 20*time.Second, "hang-up")
	s.eventually(30*time.Second, "the wrap-up begins", func() bool { return s.detail(id).Conversation.State == omni.WrapUp })
	s.call(http.MethodPost, "/conversations/"+id+"/wrap-up", agent.token, map[string]string{}, nil)
	s.one("%2B"+from[1:], omni.Completed)
	s.eventually(30*time.Second, "no recording goes on", func() bool { return !s.recordingIn(id, omni.RecordingRunning) })
	return s.detail(id), started
}

// Callers of a queue that records are told before; who presses the key is not
// recorded, by no rule and no agent, and what they said is kept as evidence.
// Where no rule records, the agent may begin to.
func TestRecordingByRule(t *testing.T) {
	t.Parallel()
	s := start(t)
	phone := newTelephone(t)
	agent := s.openDesk("agent@demo").softphone(950)
	if status, _ := s.try(http.MethodPatch, "/queues/qu_sales", s.token, map[string]any{"version": 1, "record_refusal": "9"}, nil); status != http.StatusUnprocessableEntity {
		t.Errorf("a refusal of what nobody is told: %d", status)
	}
	s.queueRule(map[string]any{"record_notice": true, "record_refusal": "9", "record_on_demand": true, "record_notice_text": map[string]string{"en": "We record.", "zh-CN": "本通话录音。"}})

	types := func(d omni.Detail) (list []string) {
		for _, e := range d.Events {
			list = append(list, e.Type)
		}
		return list
	}
	d, _ := s.talked(agent, phone, "+8613911117301", "")
	said, began := slices.Index(types(d), omni.RecordingConsented), slices.Index(types(d), omni.RecordingStarted)
	if said < 0 || began < said || len(d.Recordings) != 1 || d.Recordings[0].State != omni.RecordingReady {
		t.Errorf("who does not refuse: %v, recordings %+v", types(d), d.Recordings)
	}

	d, started := s.talked(agent, phone, "+8613911117302", "9")
	if len(d.Recordings) != 0 || started != http.StatusConflict || !slices.Contains(types(d), omni.RecordingRefused) || !slices.Contains(types(d), omni.RecordingSkipped) {
		t.Errorf("who refuses: recordings %+v, on demand %d, %v", d.Recordings, started, types(d))
	}
	var customer struct{ Consents []omni.Consent }
	s.call(http.MethodGet, "/customers/"+d.Conversation.CustomerID, s.token, nil, &customer)
	if len(customer.Consents) != 1 || customer.Consents[0].Kind != omni.ConsentRecording || customer.Consents[0].Given || customer.Consents[0].ConversationID != d.Conversation.ID {
		raw, _ := json.Marshal(customer.Consents)
		t.Errorf("evidence of the refusal: %s", raw)
	}

	s.queueRule(map[string]any{"record": false, "record_notice": false, "record_refusal": ""})
	if d, started = s.talked(agent, phone, "+8613911117303", ""); started != http.StatusNoContent || len(d.Recordings) != 1 || slices.Contains(types(d), omni.RecordingConsented) {
		t.Errorf("on demand: %d, recordings %+v, %v", started, d.Recordings, types(d))
	}
	s.queueRule(map[string]any{"record_on_demand": false})
	if d, started = s.talked(agent, phone, "+8613911117304", ""); started != http.StatusConflict || len(d.Recordings) != 0 {
		t.Errorf("neither rule nor demand: %d, recordings %+v", started, d.Recordings)
	}
}
