package call_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
)

// Who says which tone: none lies on a line on which G.711 distorts the others.
var speakers = map[string]float64{"caller": 440, "ann": 950, "bob": 620, "boss": bossTone, "music": 2110, "flow": 3040, "tone": 2795}

// heard says whom each party and each side of the recording hears.
type heard map[string][]string

// consultStates are the states of a call with a consultation: whom everybody
// hears without the supervisor, and who hears the supervisor whisper and barge.
var consultStates = []struct {
	name     string
	held     bool
	flow     string   // the tone that a flow plays to the customer; empty: none has them
	aside    []string // legs
	hears    heard
	whispers []string // hear a whisper
	barges   []string // hear who barges in; recorded: the right side
}{
	{"hold", true, "", nil, heard{
		"caller": {"music"}, "ann": {"bob"}, "bob": {"ann"}, "boss": {"ann", "bob"}, "left": {"caller"}, "right": {"ann", "bob"},
	}, []string{"ann"}, []string{"ann", "bob", "right"}},
	{"private", false, "", []string{"lg_ann", "lg_bob"}, heard{
		"caller": {"music"}, "ann": {"bob"}, "bob": {"ann"}, "boss": {"ann", "bob"}, "left": {"caller"}, "right": nil,
	}, []string{"ann"}, []string{"ann", "bob"}},
	{"swapped", false, "", []string{"lg_bob"}, heard{
		"caller": {"ann"}, "ann": {"caller"}, "bob": {"music"}, "boss": {"caller", "ann"}, "left": {"caller"}, "right": {"ann"},
	}, []string{"ann"}, []string{"caller", "ann", "right"}},
	{"three-way", false, "", nil, heard{
		"caller": {"ann", "bob"}, "ann": {"caller", "bob"}, "bob": {"caller", "ann"}, "boss": {"caller", "ann", "bob"},
		"left": {"caller"}, "right": {"ann", "bob"},
	}, []string{"ann"}, []string{"caller", "ann", "bob", "right"}},
	{"flow, agents wait", false, "flow", []string{"lg_ann", "lg_bob"}, heard{
		"caller": {"flow"}, "ann": {"bob"}, "bob": {"ann"}, "boss": {"ann", "bob"}, "left": {"caller"}, "right": {"flow"},
	}, []string{"ann"}, []string{"ann", "bob"}},
}

// aloneStates are states in which the lead is alone on a side; bob is not in the
// call.
var aloneStates = []struct {
	name, flow string
	hears      heard
}{
	{"flow, agent waits", "flow", heard{
		"caller": {"flow"}, "ann": {"tone"}, "boss": {"ann"}, "bob": nil, "left": {"caller"}, "right": {"flow"},
	}},
	{"asks, nobody there yet", "", heard{
		"caller": {"music"}, "ann": {"tone"}, "boss": {"ann"}, "bob": nil, "left": {"caller"}, "right": nil,
	}},
}

// The whole matrix of consultation and conference, with a supervisor in each
// mode, to less than -60 dBFS, in the ears and in the recording.
func TestWhoHearsWhomInConsultations(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: speakers["caller"]})
	ears := map[string]*ear{"caller": caller.ear}
	legs := map[string]*call.Leg{}
	for _, who := range []string{"ann", "bob", "boss"} {
		k, leg := agentOn(t, h, p, "lg_"+who, talkOptions{tone: speakers[who]})
		ears[who], legs[who] = k.ear, leg
	}
	music := prompt(speakers["music"], 200*time.Millisecond)
	tone := []call.Prompt{prompt(speakers["tone"], 200*time.Millisecond)}
	if err := c.JoinAside(legs["bob"]); !errors.Is(err, call.ErrState) {
		t.Errorf("somebody sits aside with nobody: %v", err)
	}
	for _, leg := range []*call.Leg{legs["ann"], legs["bob"]} {
		if err := c.Bridge(leg); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range consultStates {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
		}
		must(c.Arrange(call.Seating{Aside: s.aside, Lead: "lg_ann", Music: []call.Prompt{music}}))
		if s.held {
			must(c.Hold(music))
		} else {
			must(c.Resume())
			must(c.Arrange(call.Seating{Aside: s.aside, Lead: "lg_ann", Music: []call.Prompt{music}, Served: s.flow != "", LeadHears: tone}))
		}
		over := plays(t, c, s.flow)
		for _, how := range call.Supervisions {
			must(c.Supervise(legs["boss"], how))
			want := heard{}
			for who, whom := range s.hears {
				want[who] = slices.Clone(whom)
				if how == call.Whisper && slices.Contains(s.whispers, who) || how == call.Barge && slices.Contains(s.barges, who) {
					want[who] = append(want[who], "boss")
				}
			}
			checkHearing(t, c, ears, s.name+", "+string(how), want)
		}
		over()
	}
	c.Unbridge("lg_bob")
	for _, s := range aloneStates {
		if err := errors.Join(c.Supervise(legs["boss"], call.Monitor), c.Arrange(call.Seating{
			Aside: []string{"lg_ann"}, Lead: "lg_ann", Music: []call.Prompt{music}, Served: s.flow != "", LeadHears: tone,
		})); err != nil {
			t.Fatal(err)
		}
		over := plays(t, c, s.flow)
		checkHearing(t, c, ears, s.name, s.hears)
		over()
	}
}

// Who listened to an agent does not hear what a customer says or types who is alone
// with a flow, and is not heard, when the agent leaves; afterwards they are with the
// customer.
func TestSupervisorStaysAsideWhenTheAgentLeavesAFlow(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: speakers["caller"]})
	ears := map[string]*ear{"caller": caller.ear}
	legs := map[string]*call.Leg{}
	for _, who := range []string{"ann", "boss"} {
		k, leg := agentOn(t, h, p, "lg_"+who, talkOptions{tone: speakers[who]})
		ears[who], legs[who] = k.ear, leg
	}
	music := []call.Prompt{prompt(speakers["music"], 200*time.Millisecond)}
	if err := errors.Join(c.Bridge(legs["ann"]), c.Supervise(legs["boss"], call.Monitor),
		c.Arrange(call.Seating{Aside: []string{"lg_ann"}, Lead: "lg_ann", Music: music, Served: true})); err != nil {
		t.Fatal(err)
	}
	c.Unbridge("lg_ann")
	if err := c.Arrange(call.Seating{Music: music, Served: true}); err != nil {
		t.Fatal(err)
	}
	over := plays(t, c, "flow")
	for _, how := range call.Supervisions {
		if err := c.Supervise(legs["boss"], how); err != nil {
			t.Fatal(err)
		}
		checkHearing(t, c, ears, "flow alone, "+string(how), heard{"caller": {"flow"}, "left": {"caller"}, "right": {"flow"}})
	}
	over()
	if err := c.Arrange(call.Seating{}); err != nil {
		t.Fatal(err)
	}
	checkHearing(t, c, ears, "the flow is over", heard{"caller": {"boss"}, "boss": {"caller"}, "left": {"caller"}, "right": {"boss"}})
}

// plays has a flow play its tone until the returned function is called; an empty
// name is no flow.
func plays(t *testing.T, c *call.Call, name string) (over func()) {
	if name == "" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Play(ctx, prompt(speakers[name], 20*time.Second))
	}()
	return func() { cancel(); <-done }
}

// checkHearing listens at every ear and in a recording. What is wrong with the
// call is wrong each time; what a busy machine does to the sound is not.
func checkHearing(t *testing.T, c *call.Call, ears map[string]*ear, what string, want heard) {
	t.Helper()
	for try := 1; ; try++ {
		faults := hearingFaults(t, c, ears, want)
		if len(faults) == 0 {
			return
		}
		t.Logf("%s: %s", what, strings.Join(faults, "; "))
		if try == 3 {
			t.Errorf("%s: not everybody hears whom they should", what)
			return
		}
	}
}

func hearingFaults(t *testing.T, c *call.Call, ears map[string]*ear, want heard) (faults []string) {
	t.Helper()
	const loud, silent = -16, -60
	ears["boss"].listen(t, 400*time.Millisecond) // what was on its way
	path := filepath.Join(t.TempDir(), "call.wav")
	if err := c.Record(path, nil); err != nil {
		t.Fatal(err)
	}
	for _, e := range ears {
		e.forget()
	}
	got := map[string][]int16{"boss": ears["boss"].listen(t, 900*time.Millisecond)}
	for who, e := range ears {
		if who != "boss" {
			got[who] = e.forget()
		}
	}
	if _, err := c.StopRecording(); err != nil {
		t.Fatal(err)
	}
	got["left"], got["right"] = channels(t, path)
	for who, samples := range got {
		for voice, hz := range speakers {
			l, there := usual(samples, hz), slices.Contains(want[who], voice)
			if there && l < loud || !there && l > silent {
				faults = append(faults, fmt.Sprintf("%s has %s at %.1f dBFS, want it there: %t", who, voice, l, there))
			}
		}
	}
	return faults
}

// A leg that takes the place of another one that has ended keeps its seat: not a
// frame of a private consultation reaches the customer.
func TestReplacedLegKeepsItsSeat(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: 440})
	_, ann := agentOn(t, h, p, "lg_ann", talkOptions{tone: 950})
	bob, bobLeg := agentOn(t, h, p, "lg_bob", talkOptions{tone: 620})
	if err := c.Bridge(ann); err != nil {
		t.Fatal(err)
	}
	if err := c.Arrange(call.Seating{Aside: []string{"lg_ann"}, Lead: "lg_ann"}); err != nil {
		t.Fatal(err)
	}
	if err := c.JoinAside(bobLeg); err != nil {
		t.Fatal(err)
	}
	bob.ear.hears(t, "colleague", 950)
	again, annAgain := agentOn(t, h, p, "lg_ann_2", talkOptions{tone: 1300})
	ann.Hangup(call.AgentLost)
	await(t, "the lost leg has ended", ann.Done())
	caller.ear.listen(t, 400*time.Millisecond)
	if err := c.ReplaceAgent("lg_ann", annAgain); err != nil {
		t.Fatal(err)
	}
	bob.ear.hears(t, "colleague", 1300)
	again.ear.hears(t, "agent, who is back", 620)
	quiet := caller.ear.forget()
	for at := 0; at+1600 <= len(quiet); at += 1600 {
		for _, hz := range []float64{620, 950, 1300} {
			if l := level(quiet[at:at+1600], hz); l > -60 {
				t.Errorf("the caller hears %.0f Hz at %.1f dBFS", hz, l)
			}
		}
	}
	if err := c.Arrange(call.Seating{}); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller, together again", 620, 1300)
}
