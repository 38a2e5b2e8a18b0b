package httpapi

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/journey"
	"github.com/openhotline/hotline/omni"
)

// floorOfOne records what supervisors ask of it.
type floorOfOne struct{ *desk }

func (d floorOfOne) Supervise(_ context.Context, by account.Actor, id, mode string) (journey.Monitoring, error) {
	return journey.Monitoring{ConversationID: id, UserID: by.User.ID, Mode: mode}, d.note("supervise", by.User.ID, id, mode)
}
func (d floorOfOne) Unsupervise(_ context.Context, by account.Actor, id string) error {
	return d.note("unsupervise", by.User.ID, id)
}
func (d floorOfOne) TakeOver(_ context.Context, by account.Actor, id string) error {
	return d.note("take-over", by.User.AgentID, id)
}
func (d floorOfOne) Supervisors(context.Context, string) ([]journey.Monitoring, error) {
	return []journey.Monitoring{{Mode: "monitor"}}, nil
}
func (d floorOfOne) SuperviseSignal(_ context.Context, by account.Actor, _, kind string, data json.RawMessage, _ func(string, any) bool) error {
	return d.note("signal", by.User.ID, kind, string(data))
}
func (d floorOfOne) SupervisorGone(userID, _ string) { _ = d.note("gone", userID) }

func TestSupervision(t *testing.T) {
	t.Parallel()
	d := newDesk()
	w := newWorld(t, func(c *Config) { c.Supervision = floorOfOne{d} })
	w.addConversations()
	const own, other = prefix + "/conversations/cv_own", prefix + "/conversations/cv_other"
	var m journey.Monitoring
	w.do(account.RoleSupervisor, "PUT", own+"/supervision", `{"mode":"whisper"}`).want(200, &m)
	if m.ConversationID != "cv_own" || m.UserID != "us_supervisor" || m.Mode != "whisper" {
		t.Errorf("answer %+v", m)
	}
	w.do(account.RoleSupervisor, "PUT", own+"/supervision", `{"mode":"shout"}`).problem(422, ProblemValidation, "#/mode")
	w.do(account.RoleAgent, "PUT", own+"/supervision", `{"mode":"monitor"}`).problem(403, ProblemForbidden, "")
	w.do(account.RoleAuditor, "PUT", own+"/supervision", `{"mode":"monitor"}`).problem(403, ProblemForbidden, "")
	w.do(account.RoleAdmin, "GET", own+"/supervision", nil).want(200)
	w.do(account.RoleAdmin, "POST", own+"/take-over", nil).problem(403, ProblemForbidden, "") // is no agent
	w.do(account.RoleSupervisor, "DELETE", own+"/supervision", nil).want(204)

	// A supervisor with a team has its calls only.
	u, err := w.s.user(t.Context(), "us_supervisor")
	if err != nil {
		t.Fatal(err)
	}
	u.TeamID, u.AgentID = "tm_one", "ag_two"
	w.m.put(account.KindUser, u.ID, u.Email, u)
	w.m.conversations["cv_foreign"] = omni.Detail{Conversation: omni.Conversation{ID: "cv_foreign", CustomerID: "cu_b", AgentID: "ag_three", State: omni.Connected}}
	w.do(account.RoleSupervisor, "PUT", own+"/supervision", `{"mode":"monitor"}`).want(200)
	for _, path := range []string{prefix + "/conversations/cv_foreign", prefix + "/conversations/cv_none"} {
		w.do(account.RoleSupervisor, "PUT", path+"/supervision", `{"mode":"monitor"}`).problem(404, ProblemNotFound, "")
		w.do(account.RoleSupervisor, "GET", path+"/supervision", nil).problem(404, ProblemNotFound, "")
		w.do(account.RoleSupervisor, "DELETE", path+"/supervision", nil).problem(404, ProblemNotFound, "")
		w.do(account.RoleSupervisor, "POST", path+"/take-over", nil).problem(404, ProblemNotFound, "")
	}
	w.do(account.RoleSupervisor, "POST", own+"/take-over", nil).want(204)
	d.err = account.ErrState
	w.do(account.RoleSupervisor, "POST", own+"/take-over", nil).problem(409, ProblemState, "")
	w.do(account.RoleSupervisor, "PUT", other+"/supervision", `{"mode":"barge"}`).problem(409, ProblemState, "")
	d.err = nil

	lines, err := w.m.Audit(t.Context(), account.AuditQuery{Action: "conversation.", Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, l := range lines {
		actions = append(actions, strings.TrimPrefix(l.Action, "conversation.")+" "+l.TargetID+" "+l.UserID)
	}
	slices.Sort(actions)
	want := []string{"monitor cv_own us_supervisor", "take_over cv_own us_supervisor", "whisper cv_own us_supervisor"}
	if !slices.Equal(actions, want) {
		t.Errorf("audit has %q, want %q", actions, want)
	}
}

func TestSupervisorsSocket(t *testing.T) {
	t.Parallel()
	d := newDesk()
	w := newWorld(t, func(c *Config) { c.Supervision = floorOfOne{d} })
	boss := w.open(account.RoleSupervisor, "")
	if err := boss.conn.WriteJSON(map[string]any{"type": "monitor.offer", "data": map[string]string{"conversation_id": "cv_own"}}); err != nil {
		t.Fatal(err)
	}
	if got := <-d.seen; got != `signal us_supervisor monitor.offer {"conversation_id":"cv_own"}` {
		t.Errorf("the desk was asked %s", got)
	}
	_ = boss.conn.Close()
	if got := <-d.seen; got != "gone us_supervisor" {
		t.Errorf("the desk was told %s", got)
	}
	auditor := w.open(account.RoleAuditor, "")
	if err := auditor.conn.WriteJSON(map[string]any{"type": "monitor.offer", "data": map[string]string{}}); err != nil {
		t.Fatal(err)
	}
	if e := auditor.next(); e.Type != "error" || !strings.Contains(string(e.Data), "forbidden") {
		t.Errorf("an auditor's offer gave %s %s", e.Type, e.Data)
	}
}

func TestSupervisionIsKeptFromAgents(t *testing.T) {
	t.Parallel()
	for _, hide := range []bool{false, true} {
		w := newWorld(t, func(c *Config) { c.HideSupervision = hide })
		w.addConversations()
		kind := func(k omni.SegmentKind) json.RawMessage { return json.RawMessage(`{"kind":"` + string(k) + `"}`) }
		own := w.m.conversations["cv_own"]
		own.Segments = append(own.Segments, omni.Segment{ID: "sg_m", Kind: omni.SegmentMonitor})
		own.Legs = []omni.Leg{{ID: "lg_a", Party: omni.PartyAgent}, {ID: "lg_s", Party: omni.PartySupervisor}}
		own.Events = []omni.Event{
			{ID: "ev_1", Type: omni.ConversationConnected}, {ID: "ev_2", Type: omni.MonitorStarted},
			{ID: "ev_3", Type: omni.SegmentStarted, Data: kind(omni.SegmentMonitor)}, {ID: "ev_4", Type: omni.SegmentStarted, Data: kind(omni.SegmentAgent)},
		}
		w.m.conversations["cv_own"] = own
		for role, hidden := range map[account.Role]bool{account.RoleAgent: hide, account.RoleSupervisor: false} {
			var d omni.Detail
			w.do(role, "GET", prefix+"/conversations/cv_own", nil).want(200, &d)
			segments, legs, events := 2, 2, 4
			if hidden {
				segments, legs, events = 1, 1, 2
			}
			if len(d.Segments) != segments || len(d.Legs) != legs || len(d.Events) != events {
				t.Errorf("hide %t, %s: %d segments, %d legs, %d events", hide, role, len(d.Segments), len(d.Legs), len(d.Events))
			}
			f, err := w.s.newFilter(t.Context(), account.Actor{User: account.User{AgentID: "ag_one"}, Role: role})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range own.Events {
				e.ConversationID, e.AgentID = "cv_own", "ag_one"
				if sees := f.sees(e); sees == (hidden && ofSupervision(e)) {
					t.Errorf("hide %t, %s: sees %s: %t", hide, role, e.ID, sees)
				}
			}
		}
	}
}
