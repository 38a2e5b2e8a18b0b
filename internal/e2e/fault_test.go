package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/simulate"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/omni"
)

// detail reads a conversation with everything that belongs to it.
func (s *server) detail(conversationID string) omni.Detail {
	s.t.Helper()
	var d omni.Detail
	s.call(http.MethodGet, "/conversations/"+conversationID, s.token, nil, &d)
	return d
}

// one waits for the newest conversation of a caller in one of the states.
func (s *server) one(caller string, states ...omni.State) omni.Conversation {
	s.t.Helper()
	var found omni.Conversation
	s.eventually(10*time.Second, "conversation of "+caller, func() bool {
		for _, c := range s.conversations("caller=" + caller) {
			for _, st := range states {
				if c.State == st {
					found = c
					return true
				}
			}
			return false // only the newest counts
		}
		return false
	})
	return found
}

// waitingSince is when a conversation entered its queue, from the journal.
func (s *server) waitingSince(conversationID string) time.Time {
	s.t.Helper()
	for _, e := range s.detail(conversationID).Events {
		if e.Type == omni.QueueEntered {
			var d struct {
				EnteredAt time.Time `json:"entered_at"`
			}
			if err := json.Unmarshal(e.Data, &d); err != nil {
				s.t.Fatal(err)
			}
			return d.EnteredAt
		}
	}
	s.t.Fatalf("conversation %s never entered a queue", conversationID)
	return time.Time{}
}

// A process killed in calls loses nothing: recordings are valid files up to the
// last 200 ms, every conversation gets an honest end, open dialogs get BYE, and
// a caller who was waiting gets the old place back.
func TestKilledInCalls(t *testing.T) {
	s := start(t)
	phone := newTelephone(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	simulation := make(chan error, 1)
	go func() {
		_, err := simulate.Run(ctx, simulate.Config{
			Target: s.http, SIP: s.sip, Password: password, WebAgents: 1, SIPAgents: 2, Rate: 2, Duration: time.Minute,
			Talk: time.Minute, Patience: time.Minute, PickUp: 300 * time.Millisecond, Seed: 11,
		}, nil)
		simulation <- err
	}()
	s.eventually(20*time.Second, "three agents talk", func() bool { return len(s.conversations("state=connected")) >= 3 })
	waiting := phone.dial(s, "9002", "+8613911112222", 440)
	before := s.one("%2B8613911112222", omni.Queued, omni.Offered)
	since := s.waitingSince(before.ID)
	// Half a second of talk, so that the recordings have something to lose.
	connected := map[string]time.Time{}
	for _, c := range s.conversations("state=connected") {
		connected[c.ID] = c.AnsweredAt
	}
	time.Sleep(700 * time.Millisecond)

	s.kill()
	killed := time.Now()
	files := s.checkRecordings()
	if files < len(connected) {
		t.Errorf("%d recordings of %d calls", files, len(connected))
	}
	s.launch()
	t.Logf("ready %s after the start", s.readyIn.Round(time.Millisecond))
	if s.readyIn > 2*time.Second {
		t.Errorf("ready only %s after the restart", s.readyIn)
	}
	if end := ended(t, waiting, 5*time.Second, "BYE for the caller who was waiting"); !end.ByRemote {
		t.Errorf("the waiting caller's call ended with %+v", end)
	}
	stop()
	<-simulation
	for id, answered := range connected {
		s.checkKilled(id, answered, killed)
	}
	for _, c := range s.conversations("state=initiated&state=in_flow&state=queued&state=offered&state=connected&state=on_hold&state=wrap_up") {
		if c.CreatedAt.Before(killed) {
			t.Errorf("conversation %s is still %s", c.ID, c.State)
		}
	}
	again := phone.dial(s, "9002", "+8613911112222", 440)
	now := s.one("%2B8613911112222", omni.Queued, omni.Offered)
	if got := s.waitingSince(now.ID); !got.Equal(since) {
		t.Errorf("back in the queue since %s, the old place was from %s", got, since)
	}
	again.Hangup("customer_disconnect")
	ended(t, again, 5*time.Second, "hang-up")
}

// checkKilled holds one conversation to what must be known of it after a kill.
func (s *server) checkKilled(id string, answered, killed time.Time) {
	s.t.Helper()
	d := s.detail(id)
	if d.Conversation.State != omni.Completed || d.Conversation.EndReason != omni.SystemError {
		s.t.Errorf("conversation %s is %s, ended by %q", id, d.Conversation.State, d.Conversation.EndReason)
	}
	for _, seg := range d.Segments {
		if seg.EndedAt.IsZero() {
			s.t.Errorf("segment %s of %s is open", seg.Kind, id)
		}
	}
	if len(d.Recordings) != 1 {
		s.t.Errorf("conversation %s has %d recordings", id, len(d.Recordings))
		return
	}
	rec := d.Recordings[0]
	want := killed.Sub(answered)
	if got := time.Duration(rec.DurationMS) * time.Millisecond; got < want-300*time.Millisecond {
		s.t.Errorf("recording of %s has %s of %s: more than the last 200 ms are missing", id, got, want)
	}
	matches, err := filepath.Glob(filepath.Join(s.dir, "recordings", "*", "*", "*", rec.ID+".wav"))
	if err != nil || len(matches) != 1 {
		s.t.Errorf("file of recording %s: %v %v", rec.ID, matches, err)
		return
	}
	info, err := wav.Check(matches[0])
	if err != nil || info.Bytes != rec.Bytes {
		s.t.Errorf("recording %s: %d bytes in the row, %d in the file, %v", rec.ID, rec.Bytes, info.Bytes, err)
	}
}

// A caller who hangs up while an agent's phone rings takes the offer away
// within a second.
func TestCallerHangsUpWhileRinging(t *testing.T) {
	s := start(t)
	phone := newTelephone(t)
	desk := s.openDesk("agent@demo")
	leg := phone.dial(s, "9002", "+8613911113333", 440)
	offer := desk.wait("offer", 10*time.Second)
	leg.Hangup("customer_disconnect")
	gone := time.Now()
	desk.wait("offer.ended", 3*time.Second)
	if d := time.Since(gone); d > time.Second {
		t.Errorf("the offer went %s after the hang-up", d)
	}
	var o struct {
		OfferID string `json:"offer_id"`
	}
	if err := json.Unmarshal(offer, &o); err != nil {
		t.Fatal(err)
	}
	if status, body := s.try(http.MethodPost, "/offers/"+o.OfferID+"/accept", desk.token, nil, nil); status != http.StatusNotFound && status != http.StatusConflict {
		t.Errorf("accepting the offer that has gone: %d %s", status, body)
	}
	c := s.one("%2B8613911113333", omni.Completed)
	if c.EndReason != omni.CustomerDisconnect || !c.AnsweredAt.IsZero() {
		t.Errorf("the conversation ended by %s, answered at %s", c.EndReason, c.AnsweredAt)
	}
	s.eventually(3*time.Second, "the agent is idle again", func() bool { return len(s.works(desk.agentID)) == 0 })
}

// Accepting and hanging up at the same moment ends in a consistent state,
// whoever was faster.
func TestAcceptAndHangUpCross(t *testing.T) {
	s := start(t)
	phone := newTelephone(t)
	desk := s.openDesk("agent@demo")
	for i := range 12 {
		leg := phone.dial(s, "9002", "+8613911114444", 440)
		var o struct {
			OfferID        string `json:"offer_id"`
			ConversationID string `json:"conversation_id"`
		}
		if err := json.Unmarshal(desk.wait("offer", 10*time.Second), &o); err != nil {
			t.Fatal(err)
		}
		crossed := make(chan struct{})
		go func() {
			defer close(crossed)
			time.Sleep(time.Duration(i) * time.Millisecond)
			leg.Hangup("customer_disconnect")
		}()
		s.try(http.MethodPost, "/offers/"+o.OfferID+"/accept", desk.token, nil, nil)
		<-crossed
		s.eventually(5*time.Second, "conversation is complete and the agent idle", func() bool {
			return s.detail(o.ConversationID).Conversation.State == omni.Completed && len(s.works(desk.agentID)) == 0
		})
		for _, seg := range s.detail(o.ConversationID).Segments {
			if seg.EndedAt.IsZero() {
				t.Errorf("segment %s is open", seg.Kind)
			}
		}
	}
}

// works is what an agent works on, by the wallboard.
func (s *server) works(agentID string) []agent.Work {
	s.t.Helper()
	var b struct {
		Agents []agent.AgentSnapshot `json:"agents"`
	}
	s.call(http.MethodGet, "/wallboard", s.token, nil, &b)
	for _, a := range b.Agents {
		if a.AgentID == agentID {
			return a.Works
		}
	}
	s.t.Fatalf("agent %s is not on the wallboard", agentID)
	return nil
}

// A second signal while it drains ends the service at once, and everybody with
// a BYE and a complete record.
func TestStoppedInCalls(t *testing.T) {
	s := start(t)
	phone := newTelephone(t)
	leg := phone.dial(s, "9002", "+8613911115555", 440)
	s.one("%2B8613911115555", omni.Queued)
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.eventually(5*time.Second, "it drains", func() bool {
		res, err := http.Get(s.http + "/readyz") //nolint:noctx // bounded by the loop
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusServiceUnavailable
	})
	select {
	case <-leg.Done():
		t.Fatal("draining ended a call")
	case <-time.After(300 * time.Millisecond):
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	if end := ended(t, leg, 5*time.Second, "BYE"); !end.ByRemote {
		t.Errorf("the call ended with %+v", end)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the service ended with %v", err)
	}
	s.launch()
	c := s.one("%2B8613911115555", omni.Completed)
	if c.EndReason != omni.SystemError {
		t.Errorf("the conversation ended by %s", c.EndReason)
	}
}
