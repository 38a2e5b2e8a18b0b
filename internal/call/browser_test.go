package call_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/webrtc"
)

// tab is an agent's browser: a client of its own, which speaks a tone.
type tab struct {
	client *webrtc.Leg
	leg    *call.Leg
	room   *media.Room
	ear    *ear
}

// openTab connects a browser with the hub.
func openTab(t *testing.T, h *hub, p *phone, r call.BrowserRequest, tone float64) *tab {
	t.Helper()
	api, err := webrtc.NewAPI(webrtc.Config{Address: "127.0.0.1:0", IncludeLoopback: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	b := &tab{ear: newEar(), room: p.engine.NewRoom(r.ID)}
	t.Cleanup(func() {
		b.room.Close()
		if err := api.Close(); err != nil {
			t.Errorf("browser: %v", err)
		}
	})
	if b.client, r.Offer, err = api.NewClient(t.Context(), webrtc.LegConfig{ID: "tab"}); err != nil {
		t.Fatal(err)
	}
	var answer string
	if b.leg, answer, err = h.ctl.NewBrowserLeg(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := b.client.Connect(answer); err != nil {
		t.Fatal(err)
	}
	await(t, "browser", b.client.Connected())
	await(t, "browser's leg", b.leg.Answered())
	for _, party := range []media.Party{b.client, media.NewTone("mouth", tone, -10, media.Rate8k), media.NewListener("ear", media.Rate8k, b.ear.hear)} {
		if err := b.room.Join(party); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.room.SetGains(media.GainChange{From: "mouth", To: "tab", Gain: media.Unity}, media.GainChange{From: "tab", To: "ear", Gain: media.Unity}); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBrowserAgentTalksToSIPCaller(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, customer, c := connect(t, h, p, talkOptions{tone: 440})
	agent := openTab(t, h, p, call.BrowserRequest{ID: "lg_tab", Codec: customer.Info().Codec}, 950)
	if err := c.Bridge(agent.leg); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller", 950)
	agent.ear.hears(t, "agent", 440)
	eventually(t, "packets are relayed", c.Relaying)
	info := agent.leg.Info()
	if info.Kind != call.Browser || info.Transport != "webrtc" || info.Codec != "PCMA" || info.Party != call.Agent {
		t.Errorf("info %+v", info)
	}
	// The caller's keys are heard by the installation while packets are relayed.
	if err := caller.leg.SendDigits("4"); err != nil {
		t.Fatal(err)
	}
	select {
	case d := <-customer.Digits():
		if d.Key != '4' {
			t.Errorf("got %q", d.Key)
		}
	case <-time.After(patience):
		t.Error("no digit while relaying")
	}
	agent.ear.forget()
	agent.ear.hears(t, "agent after the key", 440)
	if s := agent.leg.Stats(); s.PacketsReceived == 0 || s.PacketsSent == 0 || s.MOS < 4 {
		t.Errorf("stats %+v", s)
	}
	agent.leg.Hangup(call.AgentDisconnect)
	caller.ear.forget()
	caller.ear.hears(t, "caller left alone")
	if e := agent.leg.End(); e.Reason != call.AgentDisconnect || e.Status != 0 {
		t.Errorf("end %+v", e)
	}
}

func TestReloadedTabGoesOn(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: 440})
	path := t.TempDir() + "/call.wav"
	if err := c.Record(path, nil); err != nil {
		t.Fatal(err)
	}
	old := openTab(t, h, p, call.BrowserRequest{ID: "lg_old"}, 950)
	lost := make(chan bool, 4)
	old.leg.OnMedia(func(l bool) { lost <- l })
	if err := c.Bridge(old.leg); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller", 950)

	killed := time.Now()
	_ = old.client.Close()
	select {
	case l := <-lost:
		if !l {
			t.Fatal("told that media is back")
		}
	case <-time.After(patience):
		t.Fatal("loss of the tab not told")
	}
	if err := c.Comfort(prompt(1300, 200*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller meanwhile", 1300)
	t.Logf("comfort heard %s after the tab was killed", time.Since(killed))
	fresh := openTab(t, h, p, call.BrowserRequest{ID: "lg_new"}, 620)
	if err := c.ReplaceAgent("lg_old", fresh.leg); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller", 620)
	fresh.ear.hears(t, "agent", 440)
	await(t, "old leg ends", old.leg.Done())
	if e := old.leg.End(); e.Reason != call.AgentLost {
		t.Errorf("end %+v", e)
	}
	rec, err := c.StopRecording()
	if err != nil {
		t.Fatal(err)
	}
	left, right := channels(t, path)
	if got := time.Duration(len(left)) * time.Second / 8000; rec.Duration < got-20*time.Millisecond || rec.Duration > got+20*time.Millisecond {
		t.Errorf("recording says %s, file has %s", rec.Duration, got)
	}
	if got := voices(left); len(got) != 1 || got[0].hz != 440 {
		t.Errorf("left side has %v, want the caller alone", runs(left))
	}
	if got := voices(right); len(got) != 2 || got[0].hz != 950 || got[1].hz != 620 || !contains(right, 620) {
		t.Errorf("right side has %v, want the old tab, then the new one", runs(right))
	}
}

func TestBrowserAsCustomerPressesKeys(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	b := openTab(t, h, p, call.BrowserRequest{ID: "lg_phone", Party: call.Customer, Dialled: "9001", Caller: "web"}, 440)
	c, err := h.ctl.NewCall("cv_1", b.leg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Echo(); err != nil {
		t.Fatal(err)
	}
	b.ear.hears(t, "customer", 440)
	if err := b.client.SendDigits("12"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []byte("12") {
		select {
		case d := <-b.leg.Digits():
			if d.Key != want {
				t.Errorf("got %q, want %q", d.Key, want)
			}
		case <-time.After(patience):
			t.Fatalf("key %q did not come", want)
		}
	}
	c.Close()
	await(t, "leg ends with its call", b.leg.Done())
	if e := b.leg.End(); e.Reason != call.FlowDisconnect {
		t.Errorf("end %+v", e)
	}
}

func TestBrowserThatStaysAwayEndsTheLeg(t *testing.T) {
	h, p := newPair(t, hubOptions{cfg: call.Config{BrowserTimeout: 200 * time.Millisecond}})
	b := openTab(t, h, p, call.BrowserRequest{ID: "lg_tab"}, 440)
	_ = b.client.Close()
	await(t, "leg ends", b.leg.Done())
	if e := b.leg.End(); e.Reason != call.AgentLost || !e.ByRemote {
		t.Errorf("end %+v", e)
	}
}
