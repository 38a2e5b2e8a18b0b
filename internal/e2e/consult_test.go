package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
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
	if err := json.Unmarshal(p.wait("offer", 30*time.Second), &o); err != nil {
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
	s.eventually(30*time.Second, "the colleague is there", func() bool {
		var p journey.Parties
		s.call(http.MethodGet, "/conversations/"+id+"/parties", s.token, nil, &p)
		return p.Consult != nil && p.Consult.Answered
	})
}

// inCall is who is in a call, each as kind=state.
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

// areInCall waits until exactly these are in a call.
func (s *server) areInCall(id, want string) {
	s.t.Helper()
	s.eventually(30*time.Second, "in the call are "+want, func() bool { return s.inCall(id) == want })
}

// talk is a call that Ann (950 Hz) has with a caller (440 Hz); Bob (1330 Hz) is
// there, too.
type talk struct {
	id       string
	ann, bob *softphone
	annHears *hearing
	customer *call.Leg
	ear      *call.Call // of the caller
}

// annTalks has somebody call and Ann answer.
func (s *server) annTalks(from string) (k talk) {
	s.t.Helper()
	k.ann = s.openDesk("agent@demo").softphone(950)
	k.customer, k.ear = newTelephone(s.t).dialCall(s, "9002", from, 440)
	o, hears := k.ann.take()
	k.id, k.annHears = o.ConversationID, hears
	s.one(url.QueryEscape(from), omni.Connected)
	k.bob = s.openDesk("agent2@demo").softphone(1330)
	return k
}

// An agent asks a colleague in private, talks with both in turn, makes a
// conference, brings an outside number in, takes it out and leaves: each hears
// exactly whom they should, and everything is written down.
func TestConsultAndConference(t *testing.T) {
	t.Parallel()
	s := start(t)
	outside, rings := s.outside()
	k := s.annTalks("+8613911117401")
	id, ann, bob, ear, annHears, customer := k.id, k.ann, k.bob, k.ear, k.annHears, k.customer
	callerHears := func() []int16 { return s.listen(ear) }

	asked := time.Now()
	ann.do(id, "consult", map[string]any{"kind": "agent", "target": bob.agentID})
	o, bobHears := bob.take()
	if o.Kind != "consult" || o.AskedBy != "Lin Wei" || o.ConversationID != id {
		t.Errorf("the colleague is offered %+v", o)
	}
	s.consulted(id)
	private := time.Now()
	asking := private.Sub(asked)
	s.matrix("the caller, consult", callerHears)
	s.matrix("the agent, consult", annHears.last, 1330)
	s.matrix("the colleague, consult", bobHears.last, 950)
	s.areInCall(id, "customer=waiting agent=consulting agent=consulting")
	s.isWith(id, omni.OnHold, ann.agentID)
	var d omni.Detail
	s.call(http.MethodGet, "/conversations/"+id, bob.token, nil, &d) // the colleague reads it

	alone := time.Since(private)
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
	s.areInCall(id, "customer=talking agent=talking agent=talking external=talking")
	var p journey.Parties
	s.call(http.MethodGet, "/conversations/"+id+"/parties", s.token, nil, &p)
	s.call(http.MethodDelete, "/conversations/"+id+"/parties/"+p.Parties[3].ID, ann.token, nil, nil)
	ended(t, far, 20*time.Second, "the outside number is out")

	ann.do(id, "leave", nil)
	s.matrix("the caller, the agent left", callerHears, 1330)
	s.matrix("the colleague alone", bobHears.last, 440)
	s.isWith(id, omni.Connected, bob.agentID)
	bob.do(id, "end", nil)
	ended(t, customer, 20*time.Second, "the caller is out")
	s.wantConsulted(id, ann.agentID, bob.agentID, asking, alone)
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
	case <-time.After(30 * time.Second):
		p.t.Fatal("the outside telephone does not ring")
		return nil, nil
	}
}

// wantConsulted checks what is written of a call with a consultation and a
// conference: segments, events, figures and a recording without the
// consultation. The colleague was there after asking, and then at first alone
// with the agent for at least a time.
func (s *server) wantConsulted(id, ann, bob string, asking, alone time.Duration) {
	t := s.t
	t.Helper()
	var d omni.Detail
	s.eventually(30*time.Second, "the recording is ready", func() bool {
		d = s.detail(id)
		return len(d.Recordings) == 1 && d.Recordings[0].State == omni.RecordingReady && d.Conversation.EndReason != ""
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
	if hold > consult+asking+time.Second || hold < time.Second {
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
		if l := mediatest.Level(left[at:at+4000], media.Rate8k, 1330); l > -45 { // a gap in the customer's tone sounds a little there
			t.Errorf("the colleague is in the customer's channel at %d s: %.1f dBFS", at/8000, l)
		}
	}
	t.Logf("half seconds of the recording: %d of private consultation, %d of conference", quiet, both)
	if quiet < int(2*alone/time.Second)-2 || quiet == 0 || both == 0 {
		t.Errorf("the recording has %d quiet half seconds, at first alone %s, and %d of conference", quiet, alone, both)
	}
}

// notConsulted waits for the end of a consultation and gives its reason.
func (p *softphone) notConsulted() string {
	p.s.t.Helper()
	var m struct{ Reason string }
	if err := json.Unmarshal(p.wait("consult.ended", 30*time.Second), &m); err != nil {
		p.s.t.Fatal(err)
	}
	return m.Reason
}

// free waits until an agent has no work.
func (s *server) free(agentID string) {
	s.t.Helper()
	s.eventually(15*time.Second, agentID+" is free", func() bool { return len(s.works(agentID)) == 0 })
}

// Whatever goes wrong with a consultation, the customer stays with an agent: who
// is asked declines, is busy, hangs up, or does not exist; the agent changes
// their mind, or is lost; the customer hangs up.
func TestConsultationsThatFail(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, rings := s.outside()
	k := s.annTalks("+8613911117402")
	id, ann, bob, ear, annHears := k.id, k.ann, k.bob, k.ear, k.annHears

	s.nobodyComes(id, ann, bob, rings)
	s.matrix("the caller, after all of this", func() []int16 { return s.listen(ear) }, 950)
	s.matrix("the agent, after all of this", annHears.last, 440)
	s.areInCall(id, "customer=talking agent=talking")

	s.free(bob.agentID)
	s.together(id, ann, bob)
	if status, _ := s.try(http.MethodPost, "/conversations/"+id+"/transfer", ann.token, wishFor(bob), nil); status != http.StatusConflict {
		t.Errorf("transferred in a consultation: %d", status)
	}
	bob.do(id, "end", nil) // the colleague hangs up
	if why := ann.notConsulted(); why != "left" {
		t.Errorf("the colleague hung up: %s", why)
	}
	s.free(bob.agentID)
	s.matrix("the caller, the colleague hung up", func() []int16 { return s.listen(ear) }, 950)

	// The agent hands over in private, and the colleague's customer hangs up while
	// the agent, who wraps up, is asked in turn.
	s.together(id, ann, bob)
	ann.do(id, "consult/complete", nil)
	s.matrix("the caller, handed over", func() []int16 { return s.listen(ear) }, 1330)
	s.isWith(id, omni.Connected, bob.agentID)
	s.together(id, bob, ann)
	ear.CustomerLeg().Hangup(call.CustomerDisconnect)
	s.eventually(30*time.Second, "the call is over", func() bool { return s.detail(id).Conversation.EndReason == omni.CustomerDisconnect })
	s.free(ann.agentID)
	s.eventually(30*time.Second, "no segment but wrap-ups goes on", func() bool {
		return !slices.ContainsFunc(s.detail(id).Segments, func(seg omni.Segment) bool { return seg.EndedAt.IsZero() && seg.Kind != omni.SegmentWrapUp })
	})
}

// wishFor is the wish to speak with a colleague.
func wishFor(colleague *softphone) map[string]any {
	return map[string]any{"kind": "agent", "target": colleague.agentID}
}

// together has an agent consult a colleague, who takes it.
func (s *server) together(id string, by, colleague *softphone) {
	s.t.Helper()
	by.do(id, "consult", wishFor(colleague))
	colleague.take()
	s.consulted(id)
}

// nobodyComes has an agent ask for a colleague in every way in which nobody comes.
func (s *server) nobodyComes(id string, ann, bob *softphone, rings <-chan *call.Leg) {
	t := s.t
	t.Helper()
	ask := wishFor(bob)
	ann.do(id, "consult", ask)
	s.call(http.MethodPost, "/offers/"+bob.ring().OfferID+"/reject", bob.token, nil, nil)
	if why := ann.notConsulted(); why != "rejected" {
		t.Errorf("declined: %s", why)
	}
	s.free(bob.agentID)
	ann.do(id, "consult", ask)
	if status, _ := s.try(http.MethodPost, "/conversations/"+id+"/consult", ann.token, ask, nil); status != http.StatusConflict {
		t.Errorf("asked twice: %d", status)
	}
	for _, step := range []string{"complete", "merge", "swap"} { // nobody has come
		if status, _ := s.try(http.MethodPost, "/conversations/"+id+"/consult/"+step, ann.token, nil, nil); status != http.StatusConflict {
			t.Errorf("%s with nobody: %d", step, status)
		}
	}
	bob.ring()
	ann.do(id, "consult/cancel", nil)
	if why := ann.notConsulted(); why != "canceled" {
		t.Errorf("taken back: %s", why)
	}
	s.free(bob.agentID)
	s.call(http.MethodPut, "/agents/me/presence", bob.token, map[string]string{"presence": "break", "reason": "lunch"}, nil)
	ann.do(id, "consult", ask)
	if why := ann.notConsulted(); why != "unavailable" {
		t.Errorf("on a break: %s", why)
	}
	s.call(http.MethodPut, "/agents/me/presence", bob.token, map[string]string{"presence": "available"}, nil)
	ann.do(id, "consult", map[string]any{"kind": "number", "target": "5550009"})
	select {
	case leg := <-rings:
		if err := leg.Reject(486, "Busy Here"); err != nil {
			t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the outside telephone does not ring")
	}
	if why := ann.notConsulted(); why != "busy" {
		t.Errorf("a busy number: %s", why)
	}
}

// An agent whose page is reloaded in a private consultation is back in it; one
// who is lost for good leaves the customer with the colleague.
func TestConsultOutlivesTheAgentsPage(t *testing.T) {
	t.Parallel()
	s := start(t, "--calls-anchor", "10s")
	k := s.annTalks("+8613911117403")
	id, ann, bob, ear, annHears := k.id, k.ann, k.bob, k.ear, k.annHears
	callerHears := func() []int16 { return s.listen(ear) }
	ann.do(id, "consult", map[string]any{"kind": "agent", "target": bob.agentID})
	_, bobHears := bob.take()
	s.consulted(id)
	s.matrix("the agent, in private", annHears.last, 1330)
	_ = annHears.leg.Close() // reloaded
	annHears = ann.open("rtc", id, "lg_ann_again")
	s.matrix("the agent, back", annHears.last, 1330)
	_ = bobHears.leg.Close()
	bobHears = bob.open("rtc", id, "lg_bob_again")
	s.matrix("the colleague, back", bobHears.last, 950)
	s.matrix("the caller, both are back", callerHears)
	s.areInCall(id, "customer=waiting agent=consulting agent=consulting")

	_ = annHears.leg.Close()
	_ = ann.conn.Close()
	s.isWith(id, omni.Connected, bob.agentID)
	s.matrix("the caller, the agent is lost", callerHears, 1330)
	s.matrix("the colleague, the agent is lost", bobHears.last, 440)
	var ends []string
	for _, seg := range s.detail(id).Segments {
		if seg.Kind == omni.SegmentAgent {
			ends = append(ends, string(seg.EndReason))
		}
	}
	if strings.Join(ends, " ") != "agent_lost " {
		t.Errorf("agents' segments end by %q", ends)
	}
}

// An agent who is lost while a colleague is being brought in leaves the customer
// with comfort until the colleague comes, and again when the colleague leaves.
func TestComfortIsForWhoIsAlone(t *testing.T) {
	t.Parallel()
	s := start(t)
	k := s.annTalks("+8613911117404")
	id, ann, bob, ear, annHears := k.id, k.ann, k.bob, k.ear, k.annHears
	hearsComfort := func(when string) {
		t.Helper()
		s.eventually(30*time.Second, when+": the caller hears the comfort", func() bool {
			heard := s.listen(ear)
			return mediatest.DBFS(heard) > -45 && mediatest.Level(heard, media.Rate8k, 950) < -45 && mediatest.Level(heard, media.Rate8k, 1330) < -45
		})
	}
	ann.do(id, "consult", map[string]any{"kind": "agent", "target": bob.agentID, "joins": true})
	offer := bob.ring()
	_ = annHears.leg.Close()
	_ = ann.conn.Close()
	hearsComfort("the agent is lost")
	bob.open("rtc", id, offer.OfferID)
	s.call(http.MethodPost, "/offers/"+offer.OfferID+"/accept", bob.token, nil, nil)
	s.eventually(30*time.Second, "the caller hears the colleague alone", func() bool {
		heard := s.listen(ear)
		tone := mediatest.Level(heard, media.Rate8k, 1330)
		return tone > -25 && mediatest.DBFS(heard) < tone+0.2
	})
	bob.do(id, "leave", nil)
	hearsComfort("the colleague has left")
}
