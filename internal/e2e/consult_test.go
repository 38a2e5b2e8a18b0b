package e2e

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/journey"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/mediatest"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/omni"
)

// rung is an offer as a page gets it.
type rung struct {
	OfferID        string `json:"offer_id"`
	ConversationID string `json:"conversation_id"`
	Kind           string `json:"kind"`
	AskedBy        string `json:"asked_by"`
}

// ring waits for the next offer.
func (p *softphone) ring() (o rung) {
	p.s.t.Helper()
	if err := json.Unmarshal(p.wait("offer", 15*time.Second), &o); err != nil {
		p.s.t.Fatal(err)
	}
	return o
}

// take accepts the next offer; what the page hears is kept.
func (p *softphone) take() (rung, *hearing) {
	p.s.t.Helper()
	o := p.ring()
	h := p.open("rtc", o.ConversationID, o.OfferID)
	p.s.call(http.MethodPost, "/offers/"+o.OfferID+"/accept", p.token, nil, nil)
	return o, h
}

// do does something to a conversation.
func (p *softphone) do(id, what string, body any) {
	p.s.t.Helper()
	p.s.call(http.MethodPost, "/conversations/"+id+"/"+what, p.token, body, nil)
}

// consulted waits until who was asked has come.
func (s *server) consulted(id string) {
	s.t.Helper()
	s.eventually(10*time.Second, "the colleague is there", func() bool {
		var p journey.Parties
		s.call(http.MethodGet, "/conversations/"+id+"/parties", s.token, nil, &p)
		return p.Consult != nil && p.Consult.Answered
	})
}

// inCall is who is in a call, as id=state.
func (s *server) inCall(id string) string {
	s.t.Helper()
	var p journey.Parties
	s.call(http.MethodGet, "/conversations/"+id+"/parties", s.token, nil, &p)
	var all []string
	for _, m := range p.Parties {
		all = append(all, m.Kind+"="+m.State)
	}
	return strings.Join(all, " ")
}

// An agent asks a colleague in private, talks with both in turn, makes a
// conference, brings an outside number in, takes it out and leaves: each hears
// exactly whom they should, and everything is written down.
func TestConsultAndConference(t *testing.T) {
	t.Parallel()
	s := start(t)
	outside, rings := s.outside()
	phone := newTelephone(t)
	ann := s.openDesk("agent@demo").softphone(950)
	customer, ear := phone.dialCall(s, "9002", "+8613911117401", 440)
	o, annHears := ann.take()
	id := o.ConversationID
	s.one("%2B8613911117401", omni.Connected)
	bob := s.openDesk("agent2@demo").softphone(1330)
	callerHears := func() []int16 { return s.listen(ear) }

	ann.do(id, "consult", map[string]any{"kind": "agent", "target": bob.agentID})
	o, bobHears := bob.take()
	if o.Kind != "consult" || o.AskedBy != "Lin Wei" || o.ConversationID != id {
		t.Errorf("the colleague is offered %+v", o)
	}
	s.consulted(id)
	s.matrix("the caller, consult", callerHears)
	s.matrix("the agent, consult", annHears.last, 1330)
	s.matrix("the colleague, consult", bobHears.last, 950)
	if got := s.inCall(id); got != "customer=waiting agent=consulting agent=consulting" {
		t.Errorf("in the call: %s", got)
	}
	if c := s.detail(id).Conversation; c.State != omni.OnHold || c.AgentID != ann.agentID {
		t.Errorf("the conversation is %s with %s", c.State, c.AgentID)
	}
	var d omni.Detail
	s.call(http.MethodGet, "/conversations/"+id, bob.token, nil, &d) // the colleague reads it

	ann.do(id, "consult/swap", nil)
	s.matrix("the caller, swapped", callerHears, 950)
	s.matrix("the agent, swapped", annHears.last, 440)
	s.matrix("the colleague, swapped", bobHears.last)
	ann.do(id, "consult/swap", nil)
	s.matrix("the agent, swapped back", annHears.last, 1330)

	ann.do(id, "consult/merge", nil)
	s.matrix("the caller, conference", callerHears, 950, 1330)
	s.matrix("the agent, conference", annHears.last, 440, 1330)
	s.matrix("the colleague, conference", bobHears.last, 440, 950)

	ann.do(id, "consult", map[string]any{"kind": "number", "target": "5550001", "joins": true})
	far, farEar := outside.answerNext(rings, 1700)
	s.matrix("the caller, four in the call", callerHears, 950, 1330, 1700)
	s.matrix("the agent, four in the call", annHears.last, 440, 1330, 1700)
	s.matrix("the outside number", func() []int16 { return s.listen(farEar) }, 440, 950, 1330)
	if got := s.inCall(id); got != "customer=talking agent=talking agent=talking external=talking" {
		t.Errorf("in the call: %s", got)
	}
	var p journey.Parties
	s.call(http.MethodGet, "/conversations/"+id+"/parties", s.token, nil, &p)
	s.call(http.MethodDelete, "/conversations/"+id+"/parties/"+p.Parties[3].ID, ann.token, nil, nil)
	ended(t, far, 5*time.Second, "the outside number is out")

	ann.do(id, "leave", nil)
	s.matrix("the caller, the agent left", callerHears, 1330)
	s.matrix("the colleague alone", bobHears.last, 440)
	if c := s.detail(id).Conversation; c.State != omni.Connected || c.AgentID != bob.agentID {
		t.Errorf("the conversation is %s with %s", c.State, c.AgentID)
	}
	bob.do(id, "end", nil)
	ended(t, customer, 5*time.Second, "the caller is out")
	s.wantConsulted(id, ann.agentID, bob.agentID)
}

// answerNext answers the next call from the service with a tone.
func (p *telephone) answerNext(rings <-chan *call.Leg, hz float64) (*call.Leg, *call.Call) {
	p.t.Helper()
	select {
	case leg := <-rings:
		c, err := p.calls.NewCall(leg.ID(), leg)
		if err == nil {
			err = leg.Answer(p.t.Context())
		}
		if err == nil {
			err = c.Tone(hz)
		}
		if err != nil {
			p.t.Fatal(err)
		}
		return leg, c
	case <-time.After(10 * time.Second):
		p.t.Fatal("the outside telephone does not ring")
		return nil, nil
	}
}

// wantConsulted checks what is written of a call with a consultation and a
// conference: segments, events, figures and a recording without the
// consultation.
func (s *server) wantConsulted(id, ann, bob string) {
	t := s.t
	t.Helper()
	var d omni.Detail
	s.eventually(15*time.Second, "the recording is ready", func() bool {
		d = s.detail(id)
		return len(d.Recordings) == 1 && d.Recordings[0].State == omni.RecordingReady
	})
	var got []string
	var consult, hold time.Duration
	for _, seg := range d.Segments {
		who := map[string]string{ann: "ann", bob: "bob"}[seg.AgentID]
		switch seg.Kind {
		case omni.SegmentAgent, omni.SegmentConsult, omni.SegmentHold:
			got = append(got, who+" "+string(seg.Kind)+" "+string(seg.EndReason))
		}
		if seg.Kind == omni.SegmentConsult && seg.AgentID == bob {
			consult = seg.EndedAt.Sub(seg.StartedAt)
		}
		if seg.Kind == omni.SegmentHold {
			hold += seg.EndedAt.Sub(seg.StartedAt)
		}
	}
	want := "ann agent transferred, ann hold resumed, bob consult next_step, ann hold resumed, bob agent agent_disconnect"
	if strings.Join(got, ", ") != want {
		t.Errorf("segments %s\nwant     %s", strings.Join(got, ", "), want)
	}
	if hold > consult+5*time.Second || hold < time.Second {
		t.Errorf("the customer was on hold for %s, the consultation took %s", hold, consult)
	}
	count := map[string]int{}
	for _, e := range d.Events {
		count[e.Type]++
	}
	if count[omni.ConversationConsultStarted] != 2 || count[omni.ConversationPartyJoined] != 2 || count[omni.ConversationPartyLeft] != 2 ||
		count[omni.ConversationHeld] != 2 || count[omni.ConversationResumed] != 2 || count[omni.ConversationTransferred] != 1 {
		t.Errorf("events %v", count)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "recordings", "*", "*", "*", d.Recordings[0].ID+".wav"))
	if err != nil || len(files) != 1 {
		t.Fatalf("recording: %v, %v", files, err)
	}
	left, right, err := wav.Read(files[0])
	if err != nil {
		t.Fatal(err)
	}
	quiet, both := 0, 0
	for at := 0; at+4000 <= len(left); at += 4000 {
		one, two := mediatest.Level(right[at:at+4000], media.Rate8k, 950), mediatest.Level(right[at:at+4000], media.Rate8k, 1330)
		if one < -60 && two < -60 && mediatest.Level(left[at:at+4000], media.Rate8k, 440) > -25 {
			quiet++
		}
		if one > -25 && two > -25 {
			both++
		}
		if l := mediatest.Level(left[at:at+4000], media.Rate8k, 1330); l > -60 {
			t.Errorf("the colleague is in the customer's channel at %d s: %.1f dBFS", at/8000, l)
		}
	}
	t.Logf("half seconds of the recording: %d of private consultation, %d of conference", quiet, both)
	if quiet < int((consult-4*time.Second)/time.Second) || both == 0 {
		t.Errorf("the recording has %d quiet half seconds, consultation %s, and %d of conference", quiet, consult, both)
	}
}
