package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
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
	s.eventually(30*time.Second, "conversation of "+caller, func() bool {
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

// isWith waits until a conversation is in a state with an agent.
func (s *server) isWith(conversationID string, state omni.State, agentID string) {
	s.t.Helper()
	s.eventually(30*time.Second, fmt.Sprintf("%s is %s with %s", conversationID, state, agentID), func() bool {
		c := s.detail(conversationID).Conversation
		return c.State == state && c.AgentID == agentID
	})
}

// waitingSince waits until a conversation has entered its queue, which can be
// after it shows as queued, and returns since when it waits, from the journal.
func (s *server) waitingSince(conversationID string) time.Time {
	s.t.Helper()
	var d struct {
		EnteredAt time.Time `json:"entered_at"`
	}
	s.eventually(30*time.Second, conversationID+" has entered a queue", func() bool {
		events := s.detail(conversationID).Events
		i := slices.IndexFunc(events, func(e omni.Event) bool { return e.Type == omni.QueueEntered })
		if i < 0 {
			return false
		}
		if err := json.Unmarshal(events[i].Data, &d); err != nil {
			s.t.Fatal(err)
		}
		return true
	})
	return d.EnteredAt
}

// A caller who hangs up while an agent's phone rings takes the offer away
// within a second; a machine that stands still for a moment gets two more tries.
func TestCallerHangsUpWhileRinging(t *testing.T) {
	s := start(t)
	phone := newTelephone(t)
	desk := s.openDesk("agent@demo")
	var offer json.RawMessage
	for try := 1; ; try++ {
		leg := phone.dial(s, "9002", "+8613911113333", 440)
		offer = desk.wait("offer", 30*time.Second)
		leg.Hangup("customer_disconnect")
		gone := time.Now()
		desk.wait("offer.ended", 30*time.Second)
		d := time.Since(gone)
		if d <= time.Second {
			break
		}
		if t.Logf("the offer went %s after the hang-up", d); try == 3 {
			t.Fatal("it never went within a second")
		}
		s.one("%2B8613911113333", omni.Completed)
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
	s.eventually(10*time.Second, "the agent is idle again", func() bool { return len(s.works(desk.agentID)) == 0 })
}

// Accepting and hanging up at the same moment ends in a consistent state,
// whoever was faster.
func TestAcceptAndHangUpCross(t *testing.T) {
	t.Parallel()
	s := start(t)
	phone := newTelephone(t)
	desk := s.openDesk("agent@demo")
	for i := range 12 {
		leg := phone.dial(s, "9002", "+8613911114444", 440)
		var o struct {
			OfferID        string `json:"offer_id"`
			ConversationID string `json:"conversation_id"`
		}
		if err := json.Unmarshal(desk.wait("offer", 30*time.Second), &o); err != nil {
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
		s.eventually(15*time.Second, "conversation is complete and the agent idle", func() bool {
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
	t.Parallel()
	s := start(t)
	phone := newTelephone(t)
	leg := phone.dial(s, "9002", "+8613911115555", 440)
	s.one("%2B8613911115555", omni.Queued)
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	s.eventually(30*time.Second, "it drains", func() bool {
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
	if end := ended(t, leg, 20*time.Second, "BYE"); !end.ByRemote {
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
