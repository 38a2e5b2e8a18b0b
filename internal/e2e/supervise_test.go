package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/mediatest"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/media/webrtc"
	"github.com/openhotline/hotline/omni"
)

// hearing is a page's sound: what it hears is kept.
type hearing struct {
	leg  *webrtc.Leg
	mu   sync.Mutex
	kept []int16
}

func (h *hearing) hear(frame []int16) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept = append(h.kept, frame...)
	if n := len(h.kept); n > 16000 {
		h.kept = append(h.kept[:0], h.kept[n-8000:]...)
	}
}

// last is the last half second, after it was heard anew.
func (h *hearing) last() []int16 {
	h.mu.Lock()
	h.kept = h.kept[:0]
	h.mu.Unlock()
	end := time.Now().Add(5 * time.Second)
	for time.Now().Before(end) {
		time.Sleep(20 * time.Millisecond)
		h.mu.Lock()
		if len(h.kept) >= 4000 {
			out := append([]int16(nil), h.kept[len(h.kept)-4000:]...)
			h.mu.Unlock()
			return out
		}
		h.mu.Unlock()
	}
	return nil
}

// open opens a page's sound with messages of a kind (rtc or monitor): it says
// its tone, and what it hears is kept.
func (p *softphone) open(kind, conversationID, legID string) *hearing {
	t := p.s.t
	t.Helper()
	leg, sdp, err := p.api.NewClient(t.Context(), webrtc.LegConfig{ID: legID})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.conn.WriteJSON(map[string]any{"type": kind + ".offer", "data": map[string]any{"conversation_id": conversationID, "sdp": sdp}}); err != nil {
		t.Fatal(err)
	}
	var a struct {
		SDP string `json:"sdp"`
	}
	if err := json.Unmarshal(p.wait(kind+".answer", 30*time.Second), &a); err != nil {
		t.Fatal(err)
	}
	if err := leg.Connect(a.SDP); err != nil {
		t.Fatal(err)
	}
	h := &hearing{leg: leg}
	room := p.engine.NewRoom(legID)
	t.Cleanup(room.Close)
	for _, party := range []media.Party{leg, media.NewTone("tone", p.hz, -10, media.Rate8k), media.NewListener("ear", media.Rate8k, h.hear)} {
		if err := room.Join(party); err != nil {
			t.Fatal(err)
		}
	}
	if err := room.SetGains(media.GainChange{From: "tone", To: legID, Gain: media.Unity}, media.GainChange{From: legID, To: "ear", Gain: media.Unity}); err != nil {
		t.Fatal(err)
	}
	return h
}

// matrix waits until an ear has exactly the wanted of the tones in question.
func (s *server) matrix(who string, listen func() []int16, want ...float64) {
	s.t.Helper()
	var heard []int16
	s.eventually(30*time.Second, who+" hears exactly whom they should", func() bool {
		heard = listen()
		for _, hz := range []float64{440, 950, 1330, 1700} {
			wanted := false
			for _, w := range want {
				wanted = wanted || w == hz
			}
			l := mediatest.Level(heard, media.Rate8k, hz)
			if wanted && l < -25 || !wanted && l > -45 {
				return false
			}
		}
		return len(heard) > 0
	})
}

// A supervisor listens to a call, whispers, joins and takes it over, over the
// API and the live socket; each hears exactly whom they should, and everything
// is written down.
func TestSupervisorListensWhispersJoinsTakesOver(t *testing.T) {
	t.Parallel()
	s := start(t)
	phone := newTelephone(t)
	bossAgent := s.bossWorksAsAgent()
	agent, boss := s.openDesk("agent@demo").softphone(950), s.openTab("supervisor@demo", "boss").softphone(1330)
	customer, ear := phone.dialCall(s, "9002", "+8613911117001", 440)
	var offer struct {
		OfferID        string `json:"offer_id"`
		ConversationID string `json:"conversation_id"`
	}
	if err := json.Unmarshal(agent.wait("offer", 30*time.Second), &offer); err != nil {
		t.Fatal(err)
	}
	id := offer.ConversationID
	path := "/conversations/" + id + "/supervision"
	if status, body := s.try(http.MethodPut, path, boss.token, map[string]string{"mode": "monitor"}, nil); status != http.StatusConflict {
		t.Errorf("a call that still rings is listened to: %d %s", status, body)
	}
	agentHears := agent.open("rtc", id, "lg_agent")
	s.call(http.MethodPost, "/offers/"+offer.OfferID+"/accept", agent.token, nil, nil)
	s.one("%2B8613911117001", omni.Connected)
	if status, _ := s.try(http.MethodPut, path, agent.token, map[string]string{"mode": "monitor"}, nil); status != http.StatusForbidden {
		t.Errorf("an agent listens to a call: %d", status)
	}
	callerHears := func() []int16 { return s.listen(ear) }
	s.call(http.MethodPut, path, boss.token, map[string]string{"mode": "monitor"}, nil)
	bossHears := boss.open("monitor", id, "lg_boss")
	for _, c := range []struct {
		mode          string
		caller, agent []float64
	}{
		{"monitor", []float64{950}, []float64{440}},
		{"whisper", []float64{950}, []float64{440, 1330}},
		{"barge", []float64{950, 1330}, []float64{440, 1330}},
		{"whisper", []float64{950}, []float64{440, 1330}},
	} {
		s.call(http.MethodPut, path, boss.token, map[string]string{"mode": c.mode}, nil)
		s.matrix("the caller, "+c.mode, callerHears, c.caller...)
		s.matrix("the agent, "+c.mode, agentHears.last, c.agent...)
		s.matrix("the supervisor, "+c.mode, bossHears.last, 440, 950)
		if told := string(agent.wait("supervised", 30*time.Second)); !strings.Contains(told, `"mode":"`+c.mode+`"`) || !strings.Contains(told, "Amara Obi") {
			t.Errorf("%s: the agent is told %s", c.mode, told)
		}
	}
	s.call(http.MethodPost, "/conversations/"+id+"/take-over", boss.token, nil, nil)
	s.matrix("the caller, taken over", callerHears, 1330)
	s.matrix("the supervisor, taken over", bossHears.last, 440)
	if status, _ := s.try(http.MethodPost, "/conversations/"+id+"/take-over", boss.token, nil, nil); status != http.StatusConflict {
		t.Errorf("taken over twice: %d", status)
	}
	s.isWith(id, omni.Connected, bossAgent)
	customer.Hangup(call.CustomerDisconnect)
	s.wantSupervised(id, agent.agentID, bossAgent)
}

// bossWorksAsAgent makes the demo's supervisor an agent too.
func (s *server) bossWorksAsAgent() string {
	s.t.Helper()
	var ag struct{ ID string }
	s.call(http.MethodPost, "/agents", s.token, map[string]any{"name": "Amara Obi", "user_id": "us_amara"}, &ag)
	var u struct{ Version int }
	s.call(http.MethodGet, "/users/us_amara", s.token, nil, &u)
	s.call(http.MethodPatch, "/users/us_amara", s.token, map[string]any{"version": u.Version, "agent_id": ag.ID}, nil)
	return ag.ID
}

// wantSupervised checks what is written of a call that was supervised and taken
// over: segments, events, audit, and a recording that has no whisper.
func (s *server) wantSupervised(id, agentID, bossAgent string) {
	t := s.t
	t.Helper()
	var d omni.Detail
	s.eventually(30*time.Second, "the recording is ready", func() bool {
		d = s.detail(id)
		return len(d.Recordings) == 1 && d.Recordings[0].State == omni.RecordingReady && d.Conversation.EndReason != ""
	})
	var kinds []string
	for _, seg := range d.Segments {
		switch {
		case seg.Kind == omni.SegmentAgent && seg.AgentID == agentID && seg.EndReason == omni.Barged,
			seg.Kind == omni.SegmentAgent && seg.AgentID == bossAgent && seg.EndReason == omni.CustomerDisconnect,
			seg.Kind == omni.SegmentMonitor && seg.AgentID == bossAgent && seg.EndReason == omni.NextStep:
			kinds = append(kinds, string(seg.Kind))
		}
	}
	if strings.Join(kinds, " ") != "agent monitor agent" {
		t.Errorf("segments %v of %+v", kinds, d.Segments)
	}
	count := map[string]int{}
	for _, e := range d.Events {
		count[e.Type]++
	}
	if count[omni.MonitorStarted] != 1 || count[omni.MonitorModeChanged] != 3 || count[omni.MonitorEnded] != 1 {
		t.Errorf("events %v", count)
	}
	for _, action := range []string{"monitor", "whisper", "barge", "take_over"} {
		var audit struct {
			Items []struct {
				UserID string `json:"user_id"`
			}
		}
		s.call(http.MethodGet, "/audit?target_id="+id+"&action=conversation."+action, s.token, nil, &audit)
		if len(audit.Items) == 0 || audit.Items[0].UserID != "us_amara" {
			t.Errorf("audit of %s: %+v", action, audit.Items)
		}
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "recordings", "*", "*", "*", d.Recordings[0].ID+".wav"))
	if err != nil || len(files) != 1 {
		t.Fatalf("recording: %v, %v", files, err)
	}
	left, right, err := wav.Read(files[0])
	if err != nil {
		t.Fatal(err)
	}
	mediatest.RequireTone(t, left, media.Rate8k, 440)
	loudest, whispered := -200.0, 0
	for at := 0; at+4000 <= len(left); at += 4000 {
		loudest = max(loudest, mediatest.Level(left[at:at+4000], media.Rate8k, 1330))
		if mediatest.Level(right[at:at+4000], media.Rate8k, 950) > -25 && mediatest.Level(right[at:at+4000], media.Rate8k, 1330) < -45 {
			whispered++ // the agent alone, though the supervisor whispered or only listened
		}
	}
	t.Logf("supervisor in the customer's channel: at most %.1f dBFS; %d half seconds of the agent alone", loudest, whispered)
	if loudest > -45 || whispered == 0 {
		t.Errorf("the recording has the supervisor at %.1f dBFS in the customer's channel", loudest)
	}
}

// A supervisor whose page is loaded again goes on as before, without being asked for
// the right twice; one whose page closes leaves, and the call goes on. Two may listen.
func TestSupervisorsPageLost(t *testing.T) {
	t.Parallel()
	s := start(t)
	phone := newTelephone(t)
	agent := s.openDesk("agent@demo").softphone(950)
	_, ear := phone.dialCall(s, "9002", "+8613911117002", 440)
	id, _ := agent.answer()
	s.one("%2B8613911117002", omni.Connected)
	path := "/conversations/" + id + "/supervision"
	boss, admin := s.openTab("supervisor@demo", "boss").softphone(1330), s.openTab("admin@demo", "admin").softphone(1700)
	for _, p := range []*softphone{boss, admin} {
		s.call(http.MethodPut, path, p.token, map[string]string{"mode": "barge"}, nil)
		p.open("monitor", id, fmt.Sprint("lg_", p.hz))
	}
	s.matrix("the caller", func() []int16 { return s.listen(ear) }, 950, 1330, 1700)
	var l struct {
		Items []struct {
			UserID string `json:"user_id"`
			Mode   string `json:"mode"`
		}
	}
	s.call(http.MethodGet, path, s.token, nil, &l)
	if len(l.Items) != 2 {
		t.Errorf("listening: %+v", l.Items)
	}
	_ = boss.conn.Close() // loaded again
	boss = s.openTab("supervisor@demo", "boss").softphone(1330)
	if told := string(boss.wait("monitor.resume", 30*time.Second)); !strings.Contains(told, id) || !strings.Contains(told, `"mode":"barge"`) {
		t.Errorf("the new page is told %s", told)
	}
	boss.open("monitor", id, "lg_boss_again")
	s.matrix("the caller, page loaded again", func() []int16 { return s.listen(ear) }, 950, 1330, 1700)
	if n := len(kinds(s.detail(id).Segments, func(seg omni.Segment) bool { return seg.Kind == omni.SegmentMonitor })); n != 2 {
		t.Errorf("%d stays of supervisors, want one each", n)
	}
	_ = boss.conn.Close()
	s.matrix("the caller, page closed", func() []int16 { return s.listen(ear) }, 950, 1700)
	s.eventually(15*time.Second, "the supervisor has left", func() bool {
		s.call(http.MethodGet, path, s.token, nil, &l)
		return len(l.Items) == 1
	})
	s.call(http.MethodDelete, path, admin.token, nil, nil)
	s.eventually(30*time.Second, "nobody listens", func() bool {
		s.call(http.MethodGet, path, s.token, nil, &l)
		return len(l.Items) == 0
	})
	s.hearsOnly(ear, 950, 1330, 1700)
	if c := s.detail(id).Conversation; c.State != omni.Connected {
		t.Errorf("the conversation is %s", c.State)
	}
}

// A supervisor who gets another team while they listen hears nothing any more,
// is told why, and the audit has it.
func TestSupervisorsTeamChanges(t *testing.T) {
	t.Parallel()
	s := start(t)
	phone := newTelephone(t)
	agent := s.openDesk("agent@demo").softphone(950)
	_, ear := phone.dialCall(s, "9002", "+8613911117003", 440)
	id, _ := agent.answer()
	s.one("%2B8613911117003", omni.Connected)
	boss := s.openTab("supervisor@demo", "boss").softphone(1330)
	path := "/conversations/" + id + "/supervision"
	s.call(http.MethodPut, path, boss.token, map[string]string{"mode": "barge"}, nil)
	boss.open("monitor", id, "lg_boss")
	s.matrix("the caller", func() []int16 { return s.listen(ear) }, 950, 1330)
	var team struct{ ID string }
	s.call(http.MethodPost, "/teams", s.token, map[string]any{"name": "Elsewhere"}, &team)
	var u struct{ Version int }
	s.call(http.MethodGet, "/users/us_amara", s.token, nil, &u)
	s.call(http.MethodPatch, "/users/us_amara", s.token, map[string]any{"version": u.Version, "team_id": team.ID}, nil)
	if told := string(boss.wait("monitor.closed", 30*time.Second)); !strings.Contains(told, `"reason":"rights"`) {
		t.Errorf("told %s", told)
	}
	s.matrix("the caller, team changed", func() []int16 { return s.listen(ear) }, 950)
	if status, _ := s.try(http.MethodPut, path, boss.token, map[string]string{"mode": "monitor"}, nil); status != http.StatusNotFound {
		t.Errorf("listens again: %d", status)
	}
	var audit struct {
		Items []struct {
			UserID string          `json:"user_id"`
			After  json.RawMessage `json:"after"`
		}
	}
	s.call(http.MethodGet, "/audit?target_id="+id+"&action=conversation.supervision_revoked", s.token, nil, &audit)
	if len(audit.Items) != 1 || audit.Items[0].UserID != "" || !strings.Contains(string(audit.Items[0].After), "us_amara") {
		t.Errorf("audit %+v", audit.Items)
	}
}
