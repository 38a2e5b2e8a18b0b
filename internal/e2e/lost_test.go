package e2e

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/mediatest"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/media/webrtc"
	"github.com/openhotline/hotline/omni"
)

// softphone is an agent's browser: it says a tone.
type softphone struct {
	*desk
	api    *webrtc.API
	engine *media.Engine
	hz     float64
}

func (d *desk) softphone(hz float64) *softphone {
	d.s.t.Helper()
	api, err := webrtc.NewAPI(webrtc.Config{Address: "127.0.0.1:0", IncludeLoopback: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		d.s.t.Fatal(err)
	}
	engine := media.NewEngine(media.EngineConfig{Shards: 1})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = engine.Run(ctx) }()
	d.s.t.Cleanup(func() {
		stop()
		<-done
		_ = api.Close()
	})
	return &softphone{d, api, engine, hz}
}

// answer takes the next offer with audio and returns the conversation.
func (p *softphone) answer() (conversationID string, leg *webrtc.Leg) {
	t := p.s.t
	t.Helper()
	var o struct {
		OfferID        string `json:"offer_id"`
		ConversationID string `json:"conversation_id"`
	}
	if err := json.Unmarshal(p.wait("offer", 30*time.Second), &o); err != nil {
		t.Fatal(err)
	}
	leg = p.talk(o.ConversationID, o.OfferID)
	p.s.call(http.MethodPost, "/offers/"+o.OfferID+"/accept", p.token, nil, nil)
	select {
	case <-leg.Connected():
	case <-time.After(30 * time.Second):
		t.Fatal("the agent's audio is not connected")
	}
	return o.ConversationID, leg
}

// offerAudio asks to open the tab's audio in a conversation.
func (p *softphone) offerAudio(conversationID, legID string) *webrtc.Leg {
	t := p.s.t
	t.Helper()
	leg, sdp, err := p.api.NewClient(t.Context(), webrtc.LegConfig{ID: legID})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.conn.WriteJSON(map[string]any{"type": "rtc.offer", "data": map[string]any{"conversation_id": conversationID, "sdp": sdp, "resume": true}}); err != nil {
		t.Fatal(err)
	}
	return leg
}

// talk opens the tab's audio in a conversation; the tab says its tone.
func (p *softphone) talk(conversationID, legID string) *webrtc.Leg {
	t := p.s.t
	t.Helper()
	leg := p.offerAudio(conversationID, legID)
	var a struct {
		SDP string `json:"sdp"`
	}
	if err := json.Unmarshal(p.wait("rtc.answer", 30*time.Second), &a); err != nil {
		t.Fatal(err)
	}
	if err := leg.Connect(a.SDP); err != nil {
		t.Fatal(err)
	}
	room := p.engine.NewRoom(legID)
	t.Cleanup(room.Close)
	tone := media.NewTone("tone", p.hz, -10, media.Rate8k)
	for _, party := range []media.Party{leg, tone} {
		if err := room.Join(party); err != nil {
			t.Fatal(err)
		}
	}
	if err := room.SetGain("tone", legID, media.Unity); err != nil {
		t.Fatal(err)
	}
	return leg
}

// An agent who is lost in a call, even on hold, and does not return: the caller
// goes to the top of the queue, and the next agent and the caller hear each
// other without music or comfort in between.
func TestLostAgentIsReplaced(t *testing.T) {
	t.Parallel()
	for _, hold := range []bool{false, true} {
		name := "talking"
		if hold {
			name = "on hold"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lostAgent(t, hold)
		})
	}
}

func lostAgent(t *testing.T, hold bool) {
	s := start(t, "--calls-anchor", "10s")
	phone := newTelephone(t)
	first := s.openDesk("agent@demo").softphone(950)
	leg, c := phone.dialCall(s, "9002", "+8613911116666", 440)
	heard := filepath.Join(t.TempDir(), "heard.wav")
	if err := c.Record(heard, nil); err != nil {
		t.Fatal(err)
	}
	id, audio := first.answer()
	s.one("%2B8613911116666", omni.Connected)
	if hold {
		s.call(http.MethodPost, "/conversations/"+id+"/hold", first.token, nil, nil)
		s.one("%2B8613911116666", omni.OnHold)
	}
	_ = audio.Close()
	_ = first.conn.Close()
	second := s.openDesk("agent2@demo").softphone(1500)
	again, _ := second.answer()
	if again != id {
		t.Fatalf("the second agent got %s, not the lost agent's %s", again, id)
	}
	s.isWith(id, omni.Connected, second.agentID)
	s.eventually(30*time.Second, "the caller hears the second agent", func() bool {
		caller, _, err := wav.Read(heard)
		return err == nil && len(caller) > 4000 && mediatest.Level(caller[len(caller)-4000:], media.Rate8k, 1500) > -25
	})
	time.Sleep(1500 * time.Millisecond) // a second of it is held to the tones
	leg.Hangup(call.CustomerDisconnect)
	if _, err := c.StopRecording(); err != nil {
		t.Fatal(err)
	}
	caller, _, err := wav.Read(heard)
	if err != nil {
		t.Fatal(err)
	}
	if len(caller) < 12000 {
		t.Fatalf("only %d samples heard", len(caller))
	}
	end := caller[len(caller)-9600 : len(caller)-1600]
	mediatest.RequireTone(t, end, media.Rate8k, 1500)
	mediatest.RequireNoTone(t, end, media.Rate8k, 950)
	s.eventually(30*time.Second, "lost agent's segment", func() bool {
		for _, seg := range s.detail(id).Segments {
			if seg.Kind == omni.SegmentAgent && seg.AgentID == first.agentID && seg.EndReason == omni.AgentLost {
				return true
			}
		}
		return false
	})
}
