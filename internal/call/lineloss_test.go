package call_test

import (
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
)

// A telephone that vanishes without a BYE, whoever's it is and in whatever state the
// call is, ends within the RTP timeout; the others hear each other as before, who is
// left alone hears the music, and no port stays behind.
func TestPhoneVanishes(t *testing.T) {
	const music = 1300
	for _, c := range []struct {
		name  string
		held  bool
		aside []string
		hears map[string]map[string][]float64 // by who vanished
	}{
		{"hold", true, nil, map[string]map[string][]float64{
			"caller": {"ann": {620}, "bob": {950}},
			"ann":    {"caller": {music}, "bob": nil},
			"bob":    {"caller": {music}, "ann": nil},
		}},
		{"consult", false, []string{"lg_ann", "lg_bob"}, map[string]map[string][]float64{
			"caller": {"ann": {620}, "bob": {950}},
			"ann":    {"caller": {music}, "bob": {music}},
			"bob":    {"caller": {music}, "ann": nil},
		}},
		{"conference", false, nil, map[string]map[string][]float64{
			"caller": {"ann": {620}, "bob": {950}},
			"ann":    {"caller": {620}, "bob": {440}},
			"bob":    {"caller": {950}, "ann": {440}},
		}},
	} {
		for gone, hears := range c.hears {
			t.Run(c.name+", "+gone, func(t *testing.T) {
				t.Parallel()
				h := newHub(t, hubOptions{cfg: call.Config{RTPTimeout: 2 * time.Second, SignalTimeout: 300 * time.Millisecond}})
				phones := map[string]*phone{"caller": newPhone(t), "ann": newPhone(t), "bob": newPhone(t)}
				ears, legs := map[string]*ear{}, map[string]*call.Leg{}
				caller, callerLeg, room := connect(t, h, phones["caller"], talkOptions{tone: 440})
				ears["caller"], legs["caller"] = caller.ear, callerLeg
				for who, hz := range map[string]float64{"ann": 950, "bob": 620} {
					k, leg := agentOn(t, h, phones[who], "lg_"+who, talkOptions{tone: hz})
					ears[who], legs[who] = k.ear, leg
					if err := room.Bridge(leg); err != nil {
						t.Fatal(err)
					}
				}
				sound := prompt(music, 200*time.Millisecond)
				if err := room.Arrange(call.Seating{Aside: c.aside, Lead: "lg_ann", Music: []call.Prompt{sound}}); err != nil {
					t.Fatal(err)
				}
				if c.held {
					if err := room.Hold(sound); err != nil {
						t.Fatal(err)
					}
				}
				ears["ann"].listen(t, 300*time.Millisecond) // everybody is heard
				phones[gone].vanish()
				since := time.Now()
				await(t, gone+"'s leg has ended", legs[gone].Done())
				if d, end := time.Since(since), legs[gone].End(); end.Reason != call.TelecomProblem || end.ByRemote || d < time.Second || d > 6*time.Second {
					t.Errorf("after %s: %+v", d, end)
				}
				for who, want := range hears {
					ears[who].hears(t, who+" without "+gone, want...)
				}
				for who, leg := range legs {
					if who != gone && leg.End() != (call.End{}) {
						t.Errorf("%s ended, too: %+v", who, leg.End())
					}
					leg.Hangup(call.FlowDisconnect)
				}
				room.Close()
				await(t, "ports are free", freed(h))
				if n := h.ctl.Legs(); n != 0 {
					t.Errorf("%d legs are left", n)
				}
			})
		}
	}
}

// freed is closed once no leg has a port any more; patience bounds the wait.
func freed(h *hub) <-chan struct{} {
	c := make(chan struct{})
	go func() {
		for range patience / (20 * time.Millisecond) {
			if free, total := h.ports.Free(); free == total && h.ctl.Legs() == 0 {
				close(c)
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return c
}
