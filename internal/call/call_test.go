package call_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// prompt is a tone of a length at 8 kHz and -10 dBFS.
func prompt(hz float64, d time.Duration) call.Prompt {
	samples := make([]int16, media.Rate8k.Samples(d))
	for i := range samples {
		samples[i] = int16(10362 * math.Sin(2*math.Pi*hz*float64(i)/8000))
	}
	return call.Prompt{Samples: samples, Rate: media.Rate8k}
}

// runs lists the tones heard one after the other and how long each lasted, by
// the loudest tone of every 10 ms; 0 Hz is silence.
func runs(samples []int16) (list []run) {
	const step = 80
	for at := 0; at+step <= len(samples); at += step {
		hz, best := 0.0, -30.0
		for _, f := range tones {
			if l := level(samples[at:at+step], f); l > best {
				hz, best = f, l
			}
		}
		if n := len(list); n > 0 && list[n-1].hz == hz {
			list[n-1].length += 10 * time.Millisecond
		} else {
			list = append(list, run{hz, 10 * time.Millisecond})
		}
	}
	return list
}

type run struct {
	hz     float64
	length time.Duration
}

// voices are the runs without silence: an engine that was late fills the frames
// it skipped with silence, but plays all of a prompt.
func voices(samples []int16) (list []run) {
	for _, r := range runs(samples) {
		switch n := len(list); {
		case r.hz == 0:
		case n > 0 && list[n-1].hz == r.hz:
			list[n-1].length += r.length
		default:
			list = append(list, r)
		}
	}
	return list
}

// contains tells whether there are 200 ms of nothing but the tone somewhere.
func contains(samples []int16, hz float64) bool {
	for at := 0; at+1600 <= len(samples); at += 160 {
		if onlyTones(samples[at:at+1600], []float64{hz}) {
			return true
		}
	}
	return false
}

func TestPromptsAreExactAndWithoutGap(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	k, _, c := connect(t, h, p, talkOptions{tone: 620})
	// The recording counts the room's frames, so the length of what was played
	// does not depend on how busy the machine is.
	path := filepath.Join(t.TempDir(), "call.wav")
	if err := c.Record(path, nil); err != nil {
		t.Fatal(err)
	}
	err := c.Play(t.Context(), prompt(440, 400*time.Millisecond), prompt(950, 300*time.Millisecond), prompt(1300, 500*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.StopRecording(); err != nil {
		t.Fatal(err)
	}
	_, right := channels(t, path)
	want := []run{{440, 400 * time.Millisecond}, {950, 300 * time.Millisecond}, {1300, 500 * time.Millisecond}}
	got := voices(right)
	if !slices.Equal(got, want) {
		t.Errorf("played %v, want %v", got, want)
	}
	if heard := voices(k.ear.forget()); len(heard) == 0 || heard[0].hz != 440 {
		t.Errorf("caller heard %v", heard)
	}
}

func TestBargeInStopsAtOnce(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	k, leg, c := connect(t, h, p, talkOptions{})
	barge := errors.New("a key was pressed")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Play(ctx, prompt(950, time.Minute)) }()
	k.ear.hears(t, "caller", 950)
	if err := k.leg.SendDigits("1"); err != nil {
		t.Fatal(err)
	}
	<-leg.Digits()
	cancel(barge)
	if err := <-done; !errors.Is(err, barge) {
		t.Errorf("Play returned %v", err)
	}
	path := filepath.Join(t.TempDir(), "after.wav")
	if err := c.Record(path, nil); err != nil {
		t.Fatal(err)
	}
	k.ear.forget()
	k.ear.hears(t, "caller")
	if _, err := c.StopRecording(); err != nil {
		t.Fatal(err)
	}
	if _, right := channels(t, path); len(voices(right)) != 0 {
		t.Errorf("the prompt went on: %v", runs(right))
	}
}

func TestPlaysTakeTurnsOverMusic(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	k, leg, c := connect(t, h, p, talkOptions{})
	if err := c.Music(prompt(620, 200*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	k.ear.hears(t, "caller", 620)
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- c.Play(t.Context(), prompt(950, 1500*time.Millisecond)) }()
	k.ear.hears(t, "caller", 950)
	go func() { second <- c.Play(t.Context(), prompt(1300, time.Minute)) }()
	if err := <-first; err != nil {
		t.Error(err)
	}
	k.ear.hears(t, "caller", 1300)
	leg2, err := h.ctl.NewCall("cv_2", leg)
	if !errors.Is(err, call.ErrState) || leg2 != nil {
		t.Errorf("a leg in two calls: %v", err)
	}
	k.hangup()
	if err := <-second; !errors.Is(err, call.ErrEnded) {
		t.Errorf("Play after the caller left: %v", err)
	}
}

func TestPromptErrors(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	k, _, c := connect(t, h, p, talkOptions{})
	bad := filepath.Join(t.TempDir(), "bad.wav")
	if err := os.WriteFile(bad, []byte("no sound"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, prompts := range [][]call.Prompt{nil, {{Path: "/nowhere.wav"}}, {{Path: bad}}, {{Samples: []int16{1}}}} {
		if err := c.Play(t.Context(), prompts...); !errors.Is(err, call.ErrPrompt) {
			t.Errorf("%v: %v, want ErrPrompt", prompts, err)
		}
	}
	wide := prompt(950, time.Hour/3600)
	wide.Rate, wide.Samples = media.Rate16k, make([]int16, 32000)
	for i := range wide.Samples {
		wide.Samples[i] = int16(10362 * math.Sin(2*math.Pi*950*float64(i)/16000))
	}
	if err := c.Music(wide); err != nil {
		t.Fatal(err)
	}
	k.ear.hears(t, "caller of a resampled prompt", 950)
}

// agentOn makes a SIP agent's leg on a phone.
func agentOn(t *testing.T, h *hub, p *phone, id string, o talkOptions) (*talk, *call.Leg) {
	t.Helper()
	leg, err := h.ctl.DialNumber(t.Context(), call.DialRequest{ID: id, Party: call.Agent, URI: p.uri()})
	if err != nil {
		t.Fatal(err)
	}
	k := p.pickUp(<-p.calls, o)
	await(t, "agent answers", leg.Answered())
	return k, leg
}

func TestBridgeHoldResume(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: 440})
	if err := c.Music(prompt(620, 200*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller in the queue", 620)
	agent, leg := agentOn(t, h, p, "lg_agent", talkOptions{tone: 950})
	if err := c.Bridge(leg); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller", 950)
	agent.ear.hears(t, "agent", 440)
	eventually(t, "packets are relayed", c.Relaying)

	if err := c.Hold(prompt(1300, 200*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "held caller", 1300)
	agent.ear.hears(t, "agent while holding")
	if !c.Held() || c.Relaying() {
		t.Errorf("held %v, relaying %v", c.Held(), c.Relaying())
	}
	if err := c.Resume(); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller again", 950)
	agent.ear.hears(t, "agent again", 440)
	eventually(t, "packets are relayed again", c.Relaying)

	if err := c.Mute("lg_agent", true); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller of a muted agent")
	agent.ear.hears(t, "muted agent", 440)
	if err := c.Mute("lg_nobody", true); !errors.Is(err, call.ErrUnknownLeg) {
		t.Errorf("mute nobody: %v", err)
	}
	if err := c.Mute("lg_agent", false); err != nil {
		t.Fatal(err)
	}
	agent.hangup()
	await(t, "agent's leg ends", leg.Done())
	if e := leg.End(); e.Reason != call.AgentDisconnect {
		t.Errorf("end %+v", e)
	}
	caller.ear.hears(t, "caller left alone")
}

func TestDifferentCodecsAreMixed(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: 440, codecs: []codec.Kind{codec.PCMU}})
	agent, leg := agentOn(t, h, p, "lg_agent", talkOptions{tone: 950, codecs: []codec.Kind{codec.G722}})
	if err := c.Bridge(leg); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller", 950)
	agent.ear.hears(t, "agent", 440)
	if c.Relaying() || leg.Info().Codec != "G722" {
		t.Errorf("relaying %v, codec %s", c.Relaying(), leg.Info().Codec)
	}
}

func TestCodecOfTheOtherLegIsPreferred(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	_, customer, _ := connect(t, h, p, talkOptions{codecs: []codec.Kind{codec.PCMU}})
	_, err := h.ctl.DialNumber(t.Context(), call.DialRequest{ID: "lg_agent", URI: p.uri(), Codec: customer.Info().Codec})
	if err != nil {
		t.Fatal(err)
	}
	if offer := string((<-p.calls).Offer()); !strings.Contains(offer, "RTP/AVP 0 8 9 ") {
		t.Errorf("PCMU is not offered first:\n%s", offer)
	}
}

func TestLinesHaveTheirOwnCodecs(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	h.ctl.SetLineSounds(map[string]call.LineSound{"ln_trunk": {Codecs: []codec.Kind{codec.G722, codec.PCMU}}})
	_, leg, _ := connect(t, h, p, talkOptions{codecs: []codec.Kind{codec.PCMA, codec.PCMU, codec.G722}})
	if got := leg.Info().Codec; got == "PCMA" {
		t.Errorf("codec %s, which the line does not take", got)
	}
	h.ctl.SetLineSounds(nil)
	_, leg, _ = connect(t, h, p, talkOptions{codecs: []codec.Kind{codec.PCMA}})
	if got := leg.Info().Codec; got != "PCMA" {
		t.Errorf("codec %s without a line of its own", got)
	}
}

func TestRecordingGoesOnWhileAnAgentIsReplaced(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	_, _, c := connect(t, h, p, talkOptions{tone: 440})
	_, old := agentOn(t, h, p, "lg_old", talkOptions{tone: 950})
	fresh, leg := agentOn(t, h, p, "lg_new", talkOptions{tone: 1300})
	if err := errors.Join(c.Bridge(old), c.Mute("lg_old", true)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "call.wav")
	if err := c.Record(path, nil); err != nil {
		t.Fatal(err)
	}
	played := make(chan error, 1)
	go func() { played <- c.Play(t.Context(), prompt(1004, 1500*time.Millisecond)) }()
	fresh.ear.forget()
	if err := c.ReplaceAgent("lg_old", leg); err != nil {
		t.Fatal(err)
	}
	fresh.ear.hears(t, "new agent", 440)
	await(t, "old leg ends", old.Done())
	if err := <-played; err != nil {
		t.Fatal(err)
	}
	if _, err := c.StopRecording(); err != nil {
		t.Fatal(err)
	}
	// Not a frame of the prompt is missing, and the new agent is muted as the
	// old one was.
	_, right := channels(t, path)
	if got := voices(right); !slices.Equal(got, []run{{1004, 1500 * time.Millisecond}}) {
		t.Errorf("recorded %v, want 1.5 s of the prompt", got)
	}
	if err := c.ReplaceAgent("lg_new", leg); !errors.Is(err, call.ErrState) {
		t.Errorf("a leg replaces itself: %v", err)
	}
}

func TestSilenceBeforeTheAnswerIsNoEnd(t *testing.T) {
	h, p := newPair(t, hubOptions{cfg: call.Config{RTPTimeout: 300 * time.Millisecond}})
	k := p.dial(h, talkOptions{})
	leg := h.next()
	if err := leg.Ring(); err != nil {
		t.Fatal(err)
	}
	_ = k.leg.Close() // never a packet
	select {
	case <-leg.Done():
		t.Fatalf("a ringing leg was taken for dead: %+v", leg.End())
	case <-time.After(time.Second):
	}
	if err := leg.Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, "leg without media ends", leg.Done())
	if e := leg.End(); e.Reason != call.TelecomProblem {
		t.Errorf("end %+v", e)
	}
}

func TestSupervision(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: 440})
	agent, agentLeg := agentOn(t, h, p, "lg_agent", talkOptions{tone: 950})
	boss, bossLeg := agentOn(t, h, p, "lg_boss", talkOptions{tone: 1300})
	if err := c.Bridge(agentLeg); err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		how           call.Supervision
		caller, agent []float64
	}{
		{call.Monitor, []float64{950}, []float64{440}},
		{call.Whisper, []float64{950}, []float64{440, 1300}},
		{call.Barge, []float64{950, 1300}, []float64{440, 1300}},
		{call.Monitor, []float64{950}, []float64{440}},
	}
	for _, s := range steps {
		if err := c.Supervise(bossLeg, s.how); err != nil {
			t.Fatal(err)
		}
		caller.ear.hears(t, fmt.Sprintf("caller, %s", s.how), s.caller...)
		agent.ear.hears(t, fmt.Sprintf("agent, %s", s.how), s.agent...)
		boss.ear.hears(t, fmt.Sprintf("supervisor, %s", s.how), 440, 950)
	}
	if err := c.Supervise(bossLeg, "shout"); !errors.Is(err, call.ErrState) {
		t.Errorf("unknown supervision: %v", err)
	}
	c.Unbridge("lg_boss")
	boss.ear.hears(t, "supervisor outside")
	eventually(t, "packets are relayed", c.Relaying)
}

// eventually waits for a condition that follows on a frame boundary.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ticker := time.NewTicker(media.FrameTime)
	defer ticker.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("%s: not in %s", what, patience)
		}
	}
}

// TestHoldThatBeganDuringComfortKeepsItsMusic: the agent's new leg ends the
// comfort, not the hold.
func TestHoldThatBeganDuringComfortKeepsItsMusic(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: 440})
	_, old := agentOn(t, h, p, "lg_old", talkOptions{tone: 950})
	_, leg := agentOn(t, h, p, "lg_new", talkOptions{tone: 950})
	if err := errors.Join(c.Bridge(old), c.Comfort(prompt(1300, 200*time.Millisecond)), c.Hold(prompt(1004, 200*time.Millisecond))); err != nil {
		t.Fatal(err)
	}
	if err := c.ReplaceAgent("lg_old", leg); err != nil {
		t.Fatal(err)
	}
	caller.ear.forget()
	caller.ear.hears(t, "held caller", 1004)
	if err := c.Resume(); err != nil {
		t.Fatal(err)
	}
	caller.ear.forget()
	caller.ear.hears(t, "caller", 950)
}

// TestComfortEndsWithWhoComes: it is for a customer whom nobody talks to.
func TestComfortEndsWithWhoComes(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: 440})
	agent, lost := agentOn(t, h, p, "lg_lost", talkOptions{tone: 950})
	agent.speak(false)
	_, colleague := agentOn(t, h, p, "lg_colleague", talkOptions{tone: 620})
	if err := errors.Join(c.Bridge(lost), c.Comfort(prompt(1300, 200*time.Millisecond))); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller, alone", 1300)
	if err := c.Bridge(colleague); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller, with a colleague", 620)
}
