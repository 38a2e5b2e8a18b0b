package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/mediatest"
	"github.com/openhotline/hotline/omni"
)

// here waits until a tab is told whether it is the softphone.
func (d *desk) here(want bool) {
	d.s.t.Helper()
	end := time.Now().Add(15 * time.Second)
	for time.Now().Before(end) {
		var m struct{ Here bool }
		if err := json.Unmarshal(d.wait("softphone", time.Until(end)), &m); err != nil {
			d.s.t.Fatal(err)
		}
		if m.Here == want {
			return
		}
	}
	d.s.t.Fatalf("the tab is not told that softphone.here is %v", want)
}

// hearsOnly records what a telephone hears for a second: one of the tones, and
// none of the others.
func (s *server) hearsOnly(ear *call.Call, hz float64, others ...float64) {
	s.t.Helper()
	s.eventually(30*time.Second, "the caller hears the tab that has the softphone, alone", func() bool {
		heard := s.listen(ear)
		for _, other := range others {
			if mediatest.Level(heard, media.Rate8k, other) > -40 {
				return false
			}
		}
		return mediatest.Level(heard, media.Rate8k, hz) > -25
	})
}

// An agent with three tabs talks in one of them: the tab that closes leaves the
// softphone to exactly one other, one that takes it over has the sound, and a
// tab without it cannot open any. The caller always hears that one tab.
func TestThreeTabs(t *testing.T) {
	t.Parallel()
	s := start(t)
	phone := newTelephone(t)
	one := s.openTab("agent@demo", "one").softphone(950)
	one.here(true)
	two, three := s.openTab("agent@demo", "two").softphone(1300), s.openTab("agent@demo", "three").softphone(1700)
	two.here(false)
	three.here(false)
	s.call("PUT", "/agents/me/presence", one.token, map[string]string{"presence": "available"}, nil)
	_, ear := phone.dialCall(s, "9002", "+8613911119001", 440)
	id, _ := one.answer()
	s.one("%2B8613911119001", omni.Connected)
	s.hearsOnly(ear, 950, 1300, 1700)

	two.offerAudio(id, "lg_thief")
	if e := string(two.wait("error", 30*time.Second)); !strings.Contains(e, "state-conflict") {
		t.Errorf("a tab without the softphone opens audio: %s", e)
	}
	s.hearsOnly(ear, 950, 1300, 1700)

	// The first tab closes for good: the newest of the others is told, and has it.
	_ = one.conn.Close()
	three.here(true)
	three.talk(id, "lg_three")
	s.hearsOnly(ear, 1700, 950, 1300)
	two.offerAudio(id, "lg_thief_again")
	if e := string(two.wait("error", 30*time.Second)); !strings.Contains(e, "state-conflict") {
		t.Errorf("the other tab opens audio: %s", e)
	}

	// The second takes it over.
	if err := two.conn.WriteJSON(map[string]any{"type": "softphone.take"}); err != nil {
		t.Fatal(err)
	}
	two.here(true)
	three.wait("softphone.taken", 30*time.Second)
	two.talk(id, "lg_two")
	s.hearsOnly(ear, 1300, 950, 1700)
	three.offerAudio(id, "lg_late")
	if e := string(three.wait("error", 30*time.Second)); !strings.Contains(e, "state-conflict") {
		t.Errorf("the tab that was taken from opens audio: %s", e)
	}
	s.hearsOnly(ear, 1300, 950, 1700)
	if c := s.detail(id).Conversation; c.State != omni.Connected {
		t.Errorf("the conversation is %s", c.State)
	}
}
