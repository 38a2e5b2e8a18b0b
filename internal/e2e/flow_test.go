package e2e

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/vad"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/omni"
	"github.com/openhotline/hotline/sip"
)

// publishes makes a flow of some nodes and publishes it.
func (s *server) publishes(name, nodes string) (flowID string) {
	s.t.Helper()
	f := s.newFlow("Flow of "+name, "flow: fl_"+name+"\nname: F\nlanguages: [en]\nstart: start\nhuman: human\nnodes:\n"+nodes+
		"  human: {type: queue, queue: qu_sales}\n")
	s.call(http.MethodPost, "/flows/"+f.ID+"/publish", s.token, map[string]any{"version": f.Version}, nil)
	return f.ID
}

// answers lets a flow of some nodes answer a number.
func (s *server) answers(number, nodes string) {
	s.t.Helper()
	s.call(http.MethodPost, "/numbers", s.token, map[string]any{"number": number, "flow_id": s.publishes(number, nodes), "line_ids": []string{}}, nil)
}

// A voicemail ends when its caller has said nothing for the node's time, and not
// only when the longest one is over; nothing is kept of a caller who said nothing.
func TestVoicemailEndsWithTheMessage(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.answers("7101", "  start: {type: voicemail, max: 60s, silence: 2s, next: bye}\n  bye: {type: end}\n")
	phone := newTelephone(t)
	_, mouth := phone.dialCall(s, "7101", "+8613911117101", 440)
	id := s.one("%2B8613911117101", omni.InFlow).ID
	s.eventually(30*time.Second, "the voicemail is recorded", func() bool { return s.recordingIn(id, omni.RecordingRunning) })
	time.Sleep(1500 * time.Millisecond)
	mouth.StopMusic()
	s.eventually(30*time.Second, "the voicemail ends with the message", func() bool { return s.recordingIn(id, omni.RecordingReady) })
	if r := s.detail(id).Recordings[0]; r.Kind != "voicemail" || r.DurationMS < 3000 || r.DurationMS > 9000 {
		t.Errorf("voicemail: %s of %d ms, want about 1.5 s of message and 2 s of silence", r.Kind, r.DurationMS)
	}
	c := s.one("%2B8613911117101", omni.Completed)
	if c.EndReason != omni.FlowDisconnect {
		t.Errorf("the call ended by %s, want the flow to have gone on to its end", c.EndReason)
	}

	phone.dial(s, "7101", "+8613911117102", 0)
	c = s.one("%2B8613911117102", omni.InFlow)
	s.eventually(30*time.Second, "the empty voicemail is dropped", func() bool { return s.recordingIn(c.ID, omni.RecordingDeleted) })
	d := s.detail(c.ID)
	if files, err := filepath.Glob(filepath.Join(s.dir, "recordings", "*", "*", "*", d.Recordings[0].ID+".wav")); err != nil || len(files) != 0 {
		t.Errorf("of a caller who said nothing is kept %v, %v", files, err)
	}
	s.one("%2B8613911117102", omni.Completed)
}

// Those who wait hear announcements as often as the flow's node says: after 4 s
// and then, counted from their beginnings, about every 5 s.
func TestFlowAnnouncesAsOftenAsItSays(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.answers("7102", "  start: {type: queue, queue: qu_sales, music: no_music, announce: {position: true, repeat: 5s}}\n")
	phone := newTelephone(t)
	leg, ear := phone.dialCall(s, "7102", "+8613911117103", 440)
	s.one("%2B8613911117103", omni.Queued)
	path := filepath.Join(t.TempDir(), "heard.wav")
	if err := ear.Record(path, nil); err != nil {
		t.Fatal(err)
	}
	var began []time.Duration
	s.eventually(time.Minute, "three announcements are heard", func() bool {
		time.Sleep(200 * time.Millisecond) // as often as the recorder writes
		heard, _, err := wav.Read(path)
		if err == nil {
			began = spoken(heard)
		}
		return len(began) >= 3
	})
	if _, err := ear.StopRecording(); err != nil {
		t.Fatal(err)
	}
	leg.Hangup(call.CustomerDisconnect)
	for i, at := range began[1:] {
		if d := at - began[i]; d > 9*time.Second {
			t.Errorf("announcements began at %v: %s between two, want about 5 s", began, d)
		}
	}
}

// spoken tells when stretches of sound begin that a second of silence parts.
func spoken(samples []int16) (began []time.Duration) {
	quiet := 50
	for at := 0; at+160 <= len(samples); at += 160 {
		if vad.Level(samples[at:at+160]) < -50 {
			quiet++
			continue
		}
		if quiet >= 50 {
			began = append(began, media.Rate8k.Duration(at))
		}
		quiet = 0
	}
	return began
}

// outside is a telephone that a line of the service leads to. It rings and does
// not answer.
func (s *server) outside() (p *telephone, rings <-chan *call.Leg) {
	s.t.Helper()
	p = newTelephone(s.t)
	if err := p.endpoint.SetLines([]sip.Line{{ID: "ln_service", Mode: sip.ModeIP, Hosts: []string{"127.0.0.1"}}}); err != nil {
		s.t.Fatal(err)
	}
	legs := make(chan *call.Leg, 8)
	p.calls.OnInbound(func(l *call.Leg) {
		_ = l.Ring()
		legs <- l
	})
	s.call(http.MethodPost, "/lines", s.token, map[string]any{
		"id": "ln_a_outside", "name": "Outside", "mode": "ip", "hosts": []string{"192.0.2.1"}, "server": p.endpoint.Addrs().UDP.String(),
	}, nil)
	return p, legs
}

// ringsFor waits until an outside telephone rings and stops, and returns how
// long it rang.
func ringsFor(t *testing.T, rings <-chan *call.Leg) time.Duration {
	t.Helper()
	select {
	case l := <-rings:
		began := time.Now()
		ended(t, l, 20*time.Second, "the outside telephone stops to ring")
		return time.Since(began)
	case <-time.After(30 * time.Second):
		t.Fatal("the outside telephone does not ring")
		return 0
	}
}

// A number that nobody answers rings as long as was said. Then the flow goes on,
// and a customer whom an agent transferred comes back to that agent.
func TestUnansweredTransferComesBack(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, rings := s.outside()
	s.answers("7103", "  start: {type: transfer, to: {number: \"5550001\"}, timeout: 2s, failed: sorry}\n  sorry: {type: queue, queue: qu_service}\n")
	phone := newTelephone(t)
	leg := phone.dial(s, "7103", "+8613911117104", 440)
	if d := ringsFor(t, rings); d < time.Second || d > 5*time.Second {
		t.Errorf("the flow's transfer rang %s, want 2 s", d)
	}
	if c := s.one("%2B8613911117104", omni.Queued); c.QueueID != "qu_service" {
		t.Errorf("the flow went on to %s", c.QueueID)
	}
	leg.Hangup(call.CustomerDisconnect)

	agent := s.openDesk("agent@demo").softphone(950)
	_, ear := phone.dialCall(s, "9002", "+8613911117105", 440)
	id, _ := agent.answer()
	s.one("%2B8613911117105", omni.Connected)
	s.call(http.MethodPost, "/conversations/"+id+"/transfer", agent.token, map[string]any{"kind": "number", "target": "5550002", "ring": 3}, nil)
	if d := ringsFor(t, rings); d < 2*time.Second || d > 6*time.Second {
		t.Errorf("the agent's transfer rang %s, want 3 s", d)
	}
	if again, _ := agent.answer(); again != id {
		t.Errorf("the agent got %s back, want %s", again, id)
	}
	s.one("%2B8613911117105", omni.Connected)
	s.hears(ear, 950)
	talks, wrapped := 0, omni.EndReason("")
	for _, seg := range s.detail(id).Segments {
		switch seg.Kind {
		case omni.SegmentAgent:
			talks++
		case omni.SegmentWrapUp:
			wrapped = seg.EndReason
		}
	}
	if talks != 2 || wrapped != omni.Resumed {
		t.Errorf("%d talks of the agent, whose wrap-up ended by %q, want 2 and %q", talks, wrapped, omni.Resumed)
	}
}
