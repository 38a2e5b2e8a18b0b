package journey

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/omni"
)

func TestWhoseACallIs(t *testing.T) {
	v := waitingCall(omni.Queued)
	v.book.conv.QueueID, v.book.conv.AgentID = "qu_1", "ag_before"
	if h := v.inHands(); h != (hands{queueID: "qu_1"}) {
		t.Errorf("waiting: %+v", h)
	}
	v.talking = &side{offer: agent.Offer{AgentID: "ag_1", QueueID: "qu_1"}}
	if h := v.inHands(); h != (hands{"ag_1", "qu_1"}) {
		t.Errorf("from the queue: %+v", h)
	}
	v.direct = "ag_1"
	if h := v.inHands(); h != (hands{agentID: "ag_1"}) {
		t.Errorf("from a colleague: %+v", h)
	}
	v.talking.offer.AgentID = "ag_2" // the colleague did not answer
	if h := v.inHands(); h != (hands{"ag_2", "qu_1"}) {
		t.Errorf("from the queue after all: %+v", h)
	}
}

func TestRightsAreAskedAgain(t *testing.T) {
	away := errors.New("database is away")
	for name, c := range map[string]struct {
		may   bool
		err   error
		moves bool // the call changes hands while it is asked
		stays bool
	}{
		"who still may":               {may: true, stays: true},
		"who may not":                 {},
		"of whom nobody knows":        {may: true, err: away},
		"is asked for others already": {moves: true, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			v := waitingCall(omni.Connected)
			v.ctx, v.ops = t.Context(), make(chan func(), 4)
			v.center.cfg.HideSupervision = true
			v.talking = &side{offer: agent.Offer{AgentID: "ag_1", QueueID: "qu_1"}}
			var told []string
			by := account.Actor{User: account.User{ID: "us_1"}, Role: account.RoleSupervisor}
			o := &supervisor{by: by, userID: "us_1", name: "Amara", mode: call.Monitor, send: func(kind string, data any) bool {
				told = append(told, kind+" "+string(mustJSON(data)))
				return true
			}}
			o.stay = v.book.begin(omni.SegmentMonitor, nil)
			v.supervisors = map[string]*supervisor{"us_1": o}
			v.center.conversations = map[string]*conversation{v.id: v}
			v.center.watchers.put("us_1", v.id)
			v.center.cfg.MayHear = func(_ context.Context, got account.Actor, agentID, queueID string) (bool, error) {
				if got.User.ID != "us_1" || agentID != "ag_1" || queueID != "qu_1" {
					t.Errorf("asked for %+v, %s, %s", got, agentID, queueID)
				}
				if c.moves {
					v.talking.offer.AgentID = "ag_2"
				}
				return c.may, c.err
			}
			var loop = make(chan struct{})
			stop := make(chan struct{})
			go func() { // the conversation's goroutine
				defer close(loop)
				for {
					select {
					case op := <-v.ops:
						op()
						v.answerAll(nil)
					case <-stop:
						return
					}
				}
			}()
			v.center.askAllRights(t.Context())
			close(stop)
			<-loop
			if _, stays := v.supervisors["us_1"]; stays != c.stays {
				t.Fatalf("listens: %t", stays)
			}
			if c.stays {
				if len(told)+len(v.book.audit) > 0 {
					t.Errorf("told %q, audit %+v", told, v.book.audit)
				}
				return
			}
			if len(told) != 1 || told[0] != `monitor.closed {"conversation_id":"cv_1","reason":"rights"}` {
				t.Errorf("the page was told %q", told)
			}
			if a := v.book.audit; len(a) != 1 || a[0].Action != "conversation.supervision_revoked" || a[0].TargetID != "cv_1" ||
				string(a[0].After) != `{"mode":"monitor","reason":"rights","user_id":"us_1"}` {
				t.Errorf("audit %+v", a)
			}
			ended := v.book.change.Events[len(v.book.change.Events)-2:]
			if ended[0].Type != omni.MonitorEnded || !strings.Contains(string(ended[0].Data), `"reason":"rights"`) || ended[1].Type != omni.SegmentEnded {
				t.Errorf("events %+v", ended)
			}
		})
	}
	c := &Center{}
	if err := c.mayHear(t.Context(), account.Actor{}, hands{"ag_1", "qu_1"}); !errors.Is(err, account.ErrForbidden) {
		t.Errorf("without rights: %v", err)
	}
}
