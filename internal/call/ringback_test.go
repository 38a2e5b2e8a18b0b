package call_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/sdp"
)

// A tone is made once, not each time that somebody is asked.
func TestRingingToneIsMadeOnce(t *testing.T) {
	for _, country := range []string{"CN", "XX"} {
		call.RingingTone(country)
		if n := testing.AllocsPerRun(100, func() { call.RingingTone(country) }); n != 0 {
			t.Errorf("%s: %v allocations, want 0", country, n)
		}
	}
}

// Each country has its own ringing tone: frequencies, sound and silence.
func TestRingingTones(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		country string
		hz      []float64
		sounds  time.Duration // at first
		silent  time.Duration // behind it
		whole   time.Duration
	}{
		{"CN", []float64{450}, time.Second, 4 * time.Second, 5 * time.Second},
		{"JP", []float64{400, 384, 416}, time.Second, 2 * time.Second, 3 * time.Second},
		{"US", []float64{440, 480}, 2 * time.Second, 4 * time.Second, 6 * time.Second},
		{"GB", []float64{400, 450}, 400 * time.Millisecond, 200 * time.Millisecond, 3 * time.Second},
		{"XX", []float64{425}, time.Second, 4 * time.Second, 5 * time.Second},
	} {
		p := call.RingingTone(c.country)
		at := media.Rate8k.Samples
		if p.Rate != media.Rate8k || len(p.Samples) != at(c.whole) {
			t.Fatalf("%s: %d samples at %d", c.country, len(p.Samples), p.Rate)
		}
		for _, hz := range c.hz {
			if l := level(p.Samples[:at(c.sounds)], hz); l < -33 || l > -18 {
				t.Errorf("%s: %.0f Hz at %.1f dBFS", c.country, hz, l)
			}
		}
		if l := level(p.Samples[:at(c.sounds)], 1000); l > -60 {
			t.Errorf("%s: 1000 Hz at %.1f dBFS", c.country, l)
		}
		for i, s := range p.Samples[at(c.sounds):at(c.sounds+c.silent)] {
			if s != 0 {
				t.Fatalf("%s: sound at sample %d of the silence", c.country, i)
			}
		}
	}
}

// What the network says before the answer is heard by who sits aside, not by the
// customer; a description without sound counts as ringing, also where we made no
// offer.
func TestSoundBeforeTheAnswer(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	for _, late := range []bool{false, true} {
		leg, err := h.ctl.DialNumber(t.Context(), call.DialRequest{ID: fmt.Sprintf("lg_%t", late), URI: p.uri(), From: "9000", LateOffer: late})
		if err != nil {
			t.Fatal(err)
		}
		d := <-p.calls
		k := p.open(talkOptions{})
		description := k.session.Offer(sdp.SendRecv)
		if !late {
			description, _, err = k.session.Answer(d.Offer())
		}
		if err := errors.Join(err, d.Progress(t.Context(), description)); err != nil {
			t.Fatal(err)
		}
		await(t, "ringing", leg.Ringing())
		if leg.Sounds() {
			t.Error("sound where nothing was sent")
		}
		leg.Hangup(call.AgentTimeout)
		await(t, "the phone hears of it", d.Done())
	}

	caller, _, c := connect(t, h, p, talkOptions{tone: 440})
	ann, annLeg := agentOn(t, h, p, "lg_ann", talkOptions{tone: 950})
	seat := func(tone ...call.Prompt) {
		t.Helper()
		if err := c.Arrange(call.Seating{Aside: []string{"lg_ann", "lg_out"}, Lead: "lg_ann", LeadHears: tone}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Bridge(annLeg); err != nil {
		t.Fatal(err)
	}
	seat()
	leg, err := h.ctl.DialNumber(t.Context(), call.DialRequest{ID: "lg_out", URI: p.uri(), From: "9000"})
	if err != nil {
		t.Fatal(err)
	}
	changes := make(chan struct{}, 64)
	leg.OnChange(func() { changes <- struct{}{} })
	sounds := func(want bool) {
		t.Helper()
		for leg.Sounds() != want {
			await(t, fmt.Sprintf("sound %t", want), changes)
		}
	}
	d := <-p.calls
	k := p.open(talkOptions{tone: 620})
	answer, agreed, err := k.session.Answer(d.Offer())
	k.configure(agreed, err)
	if err := d.Progress(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	await(t, "ringing", leg.Ringing())
	if !leg.Sounds() {
		t.Error("ringing before the sound that is there")
	}
	heard := func(when string) {
		t.Helper()
		if err := c.JoinAside(leg); err != nil {
			t.Fatal(err)
		}
		ann.ear.hears(t, "agent "+when, 620)
		caller.ear.hears(t, "caller "+when)
		k.ear.hears(t, "the network "+when, 950)
	}
	heard("before the answer")
	silent := agreed.Params
	silent.Sending = false
	k.configure(sdp.Negotiated{Params: silent}, nil)
	sounds(false)
	seat(prompt(1300, 200*time.Millisecond))
	ann.ear.hears(t, "agent while the network is silent", 1300)
	caller.ear.hears(t, "caller while the network is silent")
	k.configure(agreed, nil)
	sounds(true)
	seat()
	heard("again before the answer")
	seat(prompt(1300, 200*time.Millisecond)) // ends with the answer at the latest
	if err := d.Answer(t.Context(), answer); err != nil {
		t.Fatal(err)
	}
	await(t, "answer", leg.Answered())
	if leg.Sounds() {
		t.Error("sound before the answer, after it")
	}
	heard("after the answer")
}
