package call_test

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
)

// bossTone lies on none of the lines on which G.711 distorts the other tones.
const bossTone = 1330

// usual is the median level of a tone over windows of 200 ms (Hann), in dBFS: a
// single late frame does not count, what is there all the time does.
func usual(samples []int16, hz float64) float64 {
	const n = 1600
	var levels []float64
	for at := 0; at+n <= len(samples); at += n / 2 {
		var re, im float64
		for i, s := range samples[at : at+n] {
			hann := 1 - math.Cos(2*math.Pi*float64(i)/n)
			w := 2 * math.Pi * hz * float64(i) / 8000
			re += float64(s) * hann * math.Cos(w)
			im -= float64(s) * hann * math.Sin(w)
		}
		levels = append(levels, 20*math.Log10(2*math.Hypot(re, im)/n/32768+1e-9))
	}
	if len(levels) == 0 {
		return math.Inf(-1)
	}
	slices.Sort(levels)
	return levels[len(levels)/2]
}

// listen forgets what was heard and waits until there is so much more.
func (e *ear) listen(t *testing.T, d time.Duration) []int16 {
	t.Helper()
	e.forget()
	deadline := time.After(patience)
	for {
		e.mu.Lock()
		n := len(e.samples)
		e.mu.Unlock()
		if n >= int(d/time.Millisecond)*8 {
			return e.forget()
		}
		select {
		case <-e.more:
		case <-deadline:
			t.Fatalf("only %d samples heard", n)
		}
	}
}

// The whole matrix of a supervised call, to less than -60 dBFS, in the ears and
// in the recording.
func TestSupervisorIsHeardByWhomTheyShould(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: 440})
	agent, agentLeg := agentOn(t, h, p, "lg_agent", talkOptions{tone: 950})
	boss, bossLeg := agentOn(t, h, p, "lg_boss", talkOptions{tone: bossTone})
	second, secondLeg := agentOn(t, h, p, "lg_second", talkOptions{tone: 620})
	if err := c.Bridge(agentLeg); err != nil {
		t.Fatal(err)
	}
	if err := c.Supervise(secondLeg, call.Monitor); err != nil {
		t.Fatal(err)
	}
	for _, s := range []supervised{
		{call.Monitor, false, false, false, false},
		{call.Whisper, false, true, false, false},
		{call.Barge, true, true, true, true},
		{call.Whisper, false, true, false, false},
	} {
		if err := c.Supervise(bossLeg, s.how); err != nil {
			t.Fatal(err)
		}
		// What is wrong with the call is wrong each time; what a busy machine does
		// to the sound is not.
		for try := 1; ; try++ {
			faults := s.faults(t, c, caller, agent, boss, second)
			if len(faults) == 0 {
				break
			}
			t.Logf("%s: %s", s.how, strings.Join(faults, "; "))
			if try == 3 {
				t.Errorf("%s: not everybody hears whom they should", s.how)
				break
			}
		}
	}
}

// supervised says who hears the supervisor in a mode.
type supervised struct {
	how              call.Supervision
	caller, agent    bool
	recorded, second bool // the right side of the recording; another supervisor
}

// faults listens at every ear and in a recording.
func (s supervised) faults(t *testing.T, c *call.Call, caller, agent, boss, second *talk) (faults []string) {
	t.Helper()
	const loud, silent = -16, -60
	boss.ear.listen(t, 400*time.Millisecond) // what was on its way
	path := filepath.Join(t.TempDir(), "call.wav")
	if err := c.Record(path, nil); err != nil {
		t.Fatal(err)
	}
	agent.ear.forget()
	second.ear.forget()
	boss.ear.forget()
	callerHeard := caller.ear.listen(t, time.Second)
	agentHeard, secondHeard, bossHeard := agent.ear.forget(), second.ear.forget(), boss.ear.forget()
	if _, err := c.StopRecording(); err != nil {
		t.Fatal(err)
	}
	left, right := channels(t, path)
	check := func(who string, samples []int16, hz float64, there bool) {
		t.Helper()
		l := usual(samples, hz)
		t.Logf("%s: %s, %.0f Hz %.1f dBFS", s.how, who, hz, l)
		if there && l < loud || !there && l > silent {
			faults = append(faults, fmt.Sprintf("%s has %.0f Hz at %.1f dBFS, want it there: %t", who, hz, l, there))
		}
	}
	check("caller", callerHeard, bossTone, s.caller)
	check("caller", callerHeard, 950, true)
	check("caller", callerHeard, 620, false)
	check("agent", agentHeard, bossTone, s.agent)
	check("agent", agentHeard, 440, true)
	check("agent", agentHeard, 620, false)
	check("supervisor", bossHeard, 440, true)
	check("supervisor", bossHeard, 950, true)
	check("second supervisor", secondHeard, bossTone, s.second)
	check("second supervisor", secondHeard, 440, true)
	check("left side", left, bossTone, false)
	check("left side", left, 440, true)
	check("right side", right, bossTone, s.recorded)
	check("right side", right, 620, false)
	return faults
}

// Supervision begins, switches and ends without a gap that one could hear, each
// within 500 ms of sound; the relayed call becomes a room and goes back.
func TestSupervisionSwitchesWithoutGap(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: 440})
	agent, agentLeg := agentOn(t, h, p, "lg_agent", talkOptions{tone: 950})
	_, bossLeg := agentOn(t, h, p, "lg_boss", talkOptions{tone: bossTone})
	if err := c.Bridge(agentLeg); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller", 950)
	eventually(t, "packets are relayed", c.Relaying)
	// A gap that supervision makes is there each time; one that a busy machine
	// makes is not.
	for try := 1; ; try++ {
		before := longestGap(caller.ear.listen(t, 2*time.Second), 950)
		during, after := superviseInTurn(t, c, caller, agent, bossLeg)
		t.Logf("longest gap that the caller hears: %s before, %s while supervision began, switched and ended", before, during)
		if during <= max(20*time.Millisecond, before) && after <= 500*time.Millisecond {
			return
		}
		if try == 8 {
			t.Fatalf("the caller hears a gap of %s; without supervision %s; the agent hears a change after %s", during, before, after)
		}
	}
}

// superviseInTurn begins, switches and ends supervision and returns the longest
// gap that the caller heard meanwhile, and after how much sound at the most the
// agent heard a change.
func superviseInTurn(t *testing.T, c *call.Call, caller, agent *talk, boss *call.Leg) (gap, latest time.Duration) {
	t.Helper()
	caller.ear.forget()
	for _, how := range []call.Supervision{call.Monitor, call.Whisper, call.Barge, call.Monitor} {
		agent.ear.forget()
		if err := c.Supervise(boss, how); err != nil {
			t.Fatal(err)
		}
		if c.Relaying() && how == call.Whisper {
			t.Error("a supervised call is relayed")
		}
		want := how != call.Monitor
		after := switched(agent.ear.listenOn(t, 600*time.Millisecond), want)
		t.Logf("%s: the agent hears it after %s", how, after)
		latest = max(latest, after)
	}
	c.Unbridge("lg_boss")
	eventually(t, "packets are relayed again", c.Relaying)
	agent.ear.listen(t, 400*time.Millisecond)
	return longestGap(caller.ear.forget(), 950), latest
}

// listenOn is listen that keeps what was heard since the last forget.
func (e *ear) listenOn(t *testing.T, d time.Duration) []int16 {
	t.Helper()
	deadline := time.After(patience)
	for {
		e.mu.Lock()
		heard := slices.Clone(e.samples)
		e.mu.Unlock()
		if len(heard) >= int(d/time.Millisecond)*8 {
			return heard
		}
		select {
		case <-e.more:
		case <-deadline:
			t.Fatalf("only %d samples heard", len(heard))
		}
	}
}

// longestGap is the longest time, in steps of 5 ms, in which a tone is not there.
func longestGap(samples []int16, hz float64) time.Duration {
	const step = 40
	longest, now := time.Duration(0), time.Duration(0)
	for at := 0; at+step <= len(samples); at += step {
		if level(samples[at:at+step], hz) > -24 {
			now = 0
			continue
		}
		now += 5 * time.Millisecond
		longest = max(longest, now)
	}
	return longest
}

// switched tells after how much sound the supervisor begins to be heard, or
// ceases to be.
func switched(samples []int16, there bool) time.Duration {
	const step = 160
	last := 0
	for at := 0; at+step <= len(samples); at += step {
		if heard := level(samples[at:at+step], bossTone) > -24; heard != there {
			last = at + step
		}
	}
	return time.Duration(last) * time.Second / 8000
}

func TestTakeOver(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: 440})
	agent, agentLeg := agentOn(t, h, p, "lg_agent", talkOptions{tone: 950})
	boss, bossLeg := agentOn(t, h, p, "lg_boss", talkOptions{tone: 1300})
	if err := c.Bridge(agentLeg); err != nil {
		t.Fatal(err)
	}
	if err := c.TakeOver("lg_boss", "lg_agent"); !errors.Is(err, call.ErrUnknownLeg) {
		t.Errorf("somebody who is not in the call takes it over: %v", err)
	}
	if err := c.Supervise(bossLeg, call.Monitor); err != nil {
		t.Fatal(err)
	}
	if err := c.Hold(prompt(620, 200*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller on hold", 620)
	if err := c.TakeOver("lg_boss", "lg_agent"); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller", 1300)
	boss.ear.hears(t, "supervisor", 440)
	agent.ear.forget()
	agent.ear.hears(t, "agent, who is out")
	eventually(t, "packets are relayed", c.Relaying)
	if err := c.TakeOver("lg_boss", ""); !errors.Is(err, call.ErrUnknownLeg) {
		t.Errorf("taken over twice: %v", err)
	}
	if agentLeg.Info().AnsweredAt.IsZero() {
		t.Error("the agent's leg was hung up by the room")
	}
}
