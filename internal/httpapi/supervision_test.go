package httpapi

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
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
func (d floorOfOne) SupervisorHere(userID string, send func(string, any) bool) {
	_ = d.note("here", userID)
	send("monitor.resume", journey.Monitoring{ConversationID: "cv_own", UserID: userID, Mode: "barge"})
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
	want := []string{
		"barge cv_other us_supervisor", "barge.refused cv_other us_supervisor", "monitor cv_own us_supervisor",
		"take_over cv_own us_supervisor", "take_over cv_own us_supervisor", "take_over.refused cv_own us_supervisor",
		"whisper cv_own us_supervisor",
	}
	if !slices.Equal(actions, want) {
		t.Errorf("audit has %q, want %q", actions, want)
	}
}

// noAudit is a store that cannot write lines of the audit.
type noAudit struct {
	account.Store
	broken atomic.Bool
}

func (a *noAudit) Change(ctx context.Context, writes []account.Write, lines []account.Entry) ([]account.Record, error) {
	if len(lines) > 0 && a.broken.Load() {
		return nil, account.ErrUnavailable
	}
	return a.Store.Change(ctx, writes, lines)
}

func TestNothingIsDoneToOthersWithoutALineInTheAudit(t *testing.T) {
	t.Parallel()
	d, a := newDesk(), &noAudit{}
	w := newWorld(t, func(c *Config) {
		a.Store = c.Accounts
		c.Accounts, c.Desk, c.Supervision = a, d, floorOfOne{d}
	})
	w.addConversations()
	own := w.m.conversations["cv_own"]
	u, err := w.s.user(t.Context(), "us_supervisor")
	if err != nil {
		t.Fatal(err)
	}
	u.AgentID = "ag_two"
	w.m.put(account.KindUser, u.ID, u.Email, u)
	for _, broken := range []bool{true, false} {
		a.broken.Store(broken)
		for _, c := range []struct{ method, path, body, does string }{
			{"PUT", "/conversations/cv_own/supervision", `{"mode":"monitor"}`, "supervise us_supervisor cv_own monitor"},
			{"PUT", "/conversations/cv_own/supervision", `{"mode":"barge"}`, "supervise us_supervisor cv_own barge"},
			{"POST", "/conversations/cv_own/take-over", "", "take-over ag_two cv_own"},
			{"POST", "/conversations/cv_own/end", "", "end  cv_own"},
			{"PUT", "/agents/ag_one/presence", `{"presence":"offline"}`, "presence ag_one offline "},
		} {
			w.m.conversations["cv_own"] = own
			var body any
			if c.body != "" {
				body = c.body
			}
			got := w.do(account.RoleSupervisor, c.method, prefix+c.path, body)
			if broken {
				got.problem(503, ProblemUnavailable, "")
			}
			select {
			case did := <-d.seen:
				if broken || did != c.does {
					t.Errorf("%s %s, audit broken %t: the desk did %q", c.method, c.path, broken, did)
				}
			default:
				if !broken {
					t.Errorf("%s %s: nothing was done", c.method, c.path)
				}
			}
		}
	}
}

func TestMayHear(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.m.put(account.KindAgent, "ag_three", "", setup.Agent{Name: "Agent Three", TeamID: "tm_two", Enabled: true})
	lead := account.User{ID: "us_lead", Email: "lead@example.org", Role: account.RoleSupervisor, TeamID: "tm_one"}
	for _, c := range []struct {
		name           string
		is             account.User
		as             account.Role
		agentID, queue string
		want           bool
	}{
		{"an agent of the team", lead, account.RoleSupervisor, "ag_one", "", true},
		{"a foreign agent in the team's queue", lead, account.RoleSupervisor, "ag_three", "qu_sales", true},
		{"a foreign agent by direct transfer", lead, account.RoleSupervisor, "ag_three", "", false},
		{"a foreign queue", lead, account.RoleSupervisor, "", "qu_none", false},
		{"nobody's", lead, account.RoleSupervisor, "", "", false},
		{"the team was changed", account.User{Role: account.RoleSupervisor, TeamID: "tm_two"}, account.RoleSupervisor, "ag_one", "qu_sales", false},
		{"the team was taken away", account.User{Role: account.RoleSupervisor}, account.RoleSupervisor, "ag_three", "", true},
		{"the role was taken away", account.User{Role: account.RoleAgent, TeamID: "tm_one"}, account.RoleSupervisor, "ag_one", "", false},
		{"no administrator any more", lead, account.RoleAdmin, "ag_one", "", false},
		{"disabled", account.User{Role: account.RoleSupervisor, Disabled: true}, account.RoleSupervisor, "ag_one", "", false},
	} {
		u := c.is
		u.ID, u.Email = lead.ID, lead.Email
		w.m.put(account.KindUser, u.ID, u.Email, u)
		got, err := w.s.MayHear(t.Context(), account.Actor{User: lead, Role: c.as}, c.agentID, c.queue)
		if err != nil || got != c.want {
			t.Errorf("%s: %t, %v", c.name, got, err)
		}
	}
	if may, err := w.s.MayHear(t.Context(), account.Actor{User: account.User{ID: "us_gone"}, Role: account.RoleSupervisor}, "ag_one", ""); may || err != nil {
		t.Errorf("a deleted user: %t, %v", may, err)
	}
}

func TestSupervisorsSocket(t *testing.T) {
	t.Parallel()
	d := newDesk()
	w := newWorld(t, func(c *Config) { c.Supervision = floorOfOne{d} })
	boss := w.open(account.RoleSupervisor, "")
	if got := <-d.seen; got != "here us_supervisor" {
		t.Errorf("the desk was told %s", got)
	}
	if e := boss.next(); e.Type != "monitor.resume" || !strings.Contains(string(e.Data), "barge") {
		t.Errorf("the new page is told %s %s", e.Type, e.Data)
	}
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
