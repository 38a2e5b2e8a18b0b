package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/omni"
)

// leader makes the supervisor one of a team.
func (w *world) leader(teamID, agentID string) {
	w.t.Helper()
	u := account.User{ID: "us_supervisor", Email: "supervisor@example.org", Name: "The supervisor", Role: account.RoleSupervisor, TeamID: teamID, AgentID: agentID}
	w.m.put(account.KindUser, u.ID, u.Email, u)
}

// secondTeam adds a team with a queue.
func (w *world) secondTeam() {
	w.m.put(account.KindTeam, "tm_two", "Two", setup.Team{Name: "Two"})
	q := setup.NewQueue()
	q.Name, q.TeamID = "Repairs", "tm_two"
	w.m.put(account.KindQueue, "qu_repairs", "Repairs", q)
}

// What a socket shows follows the rights of its user at once.
func TestLiveFollowsTheTeam(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.secondTeam()
	w.leader("tm_one", "")
	c := w.open(account.RoleSupervisor, "?after=0")
	sales, repairs := event(omni.QueueEntered, "cv_1", ""), event(omni.QueueEntered, "cv_2", "")
	sales.QueueID, repairs.QueueID = "qu_sales", "qu_repairs"
	w.m.commit(false, repairs, sales)
	if e := c.want(omni.QueueEntered); e.Seq != 2 {
		t.Errorf("the leader of team one sees event %d", e.Seq)
	}
	w.do(account.RoleAdmin, "PATCH", prefix+"/users/us_supervisor", `{"version":1,"team_id":"tm_two"}`).want(200)
	w.m.commit(false, sales, repairs, event(omni.ConversationHeld, "cv_1", ""))
	if e := c.want(omni.QueueEntered); e.Seq != 4 {
		t.Errorf("the leader of team two sees event %d", e.Seq)
	}
	// A queue that is given to the team is seen from then on.
	w.do(account.RoleAdmin, "PATCH", prefix+"/queues/qu_sales", `{"version":1,"team_id":"tm_two"}`).want(200)
	w.m.commit(false, sales)
	if e := c.want(omni.QueueEntered); e.Seq != 6 {
		t.Errorf("event %d", e.Seq)
	}
	w.do(account.RoleAdmin, "PATCH", prefix+"/users/us_supervisor", `{"version":2,"agent_id":"ag_two"}`).want(200)
	if code := c.closeCode(); code != closeResume {
		t.Errorf("who works as another agent is closed with %d", code)
	}
}

// Changes that were made past this server are noticed.
func TestChangesByOthersAreNoticed(t *testing.T) {
	t.Parallel()
	var revision atomic.Int64
	w := newWorld(t, func(c *Config) {
		c.Revision = func(context.Context) (string, error) { return fmt.Sprint(revision.Load()), nil }
	})
	w.secondTeam()
	w.leader("tm_one", "")
	w.do(account.RoleSupervisor, "GET", prefix+"/wallboard", nil) // fills what is kept
	c := w.open(account.RoleSupervisor, "?after=0")
	w.waitFor(func() bool { w.s.hub.mu.Lock(); defer w.s.hub.mu.Unlock(); return len(w.s.hub.tabs) == 1 })
	w.m.mu.Lock()
	w.leader("tm_two", "")
	w.m.mu.Unlock()
	revision.Add(1)
	w.heard("changed  ")
	repairs := event(omni.QueueEntered, "cv_2", "")
	repairs.QueueID = "qu_repairs"
	w.m.commit(false, repairs)
	c.want(omni.QueueEntered)
}

func TestSupervisorsKeepToTheirTeam(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.secondTeam()
	w.leader("tm_one", "")
	w.m.put(account.KindWrapUpCode, "wc_ours", "ours", setup.WrapUpCode{Code: "ours", Names: setup.Labels{"en": "x"}, QueueID: "qu_sales"})
	w.m.put(account.KindWrapUpCode, "wc_theirs", "theirs", setup.WrapUpCode{Code: "theirs", Names: setup.Labels{"en": "x"}, QueueID: "qu_repairs"})
	w.m.put(account.KindWrapUpCode, "wc_all", "all", setup.WrapUpCode{Code: "all", Names: setup.Labels{"en": "x"}})
	w.m.put(account.KindCalendar, "bc_all", "Hours", setup.Calendar{Name: "Hours", Timezone: "Asia/Tokyo"})
	as := account.RoleSupervisor
	w.do(as, "PATCH", prefix+"/agents/ag_one", `{"version":1,"queues":["qu_sales","qu_repairs"]}`).problem(422, ProblemValidation, "#/queues/1")
	w.do(as, "PATCH", prefix+"/agents/ag_one", `{"version":1,"user_id":"us_admin"}`).problem(403, ProblemForbidden, "")
	w.do(as, "PATCH", prefix+"/agents/ag_one", `{"version":1,"skills":{"zh":3}}`).want(200)
	w.do(as, "PATCH", prefix+"/wrapup-codes/wc_theirs", `{"version":1,"order":1}`).problem(403, ProblemForbidden, "")
	w.do(as, "DELETE", prefix+"/wrapup-codes/wc_all", nil).problem(403, ProblemForbidden, "")
	w.do(as, "PATCH", prefix+"/wrapup-codes/wc_ours", `{"version":1,"queue_id":"qu_repairs"}`).problem(403, ProblemForbidden, "")
	w.do(as, "PATCH", prefix+"/wrapup-codes/wc_ours", `{"version":1,"order":1}`).want(200)
	w.do(as, "PATCH", prefix+"/hours/bc_all", `{"version":1,"timezone":"Asia/Shanghai"}`).problem(403, ProblemForbidden, "")
	w.do(account.RoleAdmin, "PATCH", prefix+"/hours/bc_all",
		`{"version":1,"week":{"fri":[{"from":"20:00","to":"02:00"}]},"days":[{"date":"2026-10-10","name":"调休","hours":[],"workday":"fri"}]}`).want(200)
	var hours setup.Calendar
	file := "days:\n  - {date: 2026-10-01, to: 2026-10-03, name: 国庆节}\n  - {date: 2026-10-10, name: 国庆节调休, workday: mon}\n"
	w.do(account.RoleAdmin, "POST", prefix+"/hours/bc_all/days", map[string]any{"version": 2, "text": file}).want(200, &hours)
	if len(hours.Days) != 4 || hours.Days[3].Workday != "mon" || hours.Days[3].Name != "国庆节调休" || hours.Version != 3 {
		t.Errorf("imported %+v", hours)
	}
	w.do(account.RoleAdmin, "POST", prefix+"/hours/bc_all/days", map[string]any{"version": 3, "text": "days: [{date: tomorrow}]"}).problem(422, ProblemValidation, "#/text")
	w.do(as, "POST", prefix+"/hours/bc_all/days", map[string]any{"version": 3, "text": file}).problem(403, ProblemForbidden, "")
	w.do(account.RoleAdmin, "DELETE", prefix+"/teams/tm_two", nil).problem(409, ProblemInUse, "")
	w.do(account.RoleAdmin, "PATCH", prefix+"/queues/qu_repairs", `{"version":1,"team_id":""}`).want(200)
	w.leader("tm_two", "")
	w.do(account.RoleAdmin, "DELETE", prefix+"/teams/tm_two", nil).problem(409, ProblemInUse, "") // its leader
}

// The default overflow begins with what cannot be done yet: the answer says so,
// and the page's change of it is accepted.
func TestQueuesSayWhatCannotBeDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var q setup.Queue
	w.do(account.RoleAdmin, "POST", prefix+"/queues", `{"name":"Service"}`).want(201, &q)
	if len(q.NotYet) != 1 || q.NotYet[0] != "callback" {
		t.Errorf("not yet: %v", q.NotYet)
	}
	w.do(account.RoleAdmin, "PATCH", prefix+"/queues/"+q.ID, `{"version":1,"overflow":[{"kind":"end"}]}`).want(200, &q)
	q.NotYet = nil
	a := w.do(account.RoleAdmin, "GET", prefix+"/queues/"+q.ID, nil).want(200, &q)
	if len(q.NotYet) != 0 || strings.Contains(string(a.body), "overflow_not_yet") {
		t.Errorf("%s", a.body)
	}
	if strings.Contains(string(w.m.records[account.KindQueue][q.ID].Body), "overflow_not_yet") {
		t.Error("what follows from the queue is stored with it")
	}
}

// Who may not know of a conversation learns nothing by ending it.
func TestEndingTellsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.addConversations()
	w.do(account.RoleAgent, "POST", prefix+"/conversations/cv_other/end", nil).problem(404, ProblemNotFound, "")
	w.do(account.RoleAgent, "POST", prefix+"/conversations/cv_none/end", nil).problem(404, ProblemNotFound, "")
	// A leader who talked closes the call by force once it waits for another.
	w.leader("", "ag_one")
	d := w.m.conversations["cv_own"]
	d.Conversation.State = omni.Queued
	w.m.conversations["cv_own"] = d
	w.do(account.RoleSupervisor, "POST", prefix+"/conversations/cv_own/end", nil).want(204)
	w.heard("end  cv_own")
}

// awayStore is a database that cannot write, or is not there at all.
type awayStore struct {
	*memory
	writes, reads atomic.Bool
}

var errAway = fmt.Errorf("change: %w: %w", account.ErrUnavailable, errors.New("disk full"))

func (s *awayStore) Change(ctx context.Context, w []account.Write, e []account.Entry) ([]account.Record, error) {
	if s.writes.Load() {
		return nil, errAway
	}
	return s.memory.Change(ctx, w, e)
}

func (s *awayStore) Records(ctx context.Context, kind account.Kind, p account.Page) ([]account.Record, error) {
	if s.reads.Load() {
		return nil, errAway
	}
	return s.memory.Records(ctx, kind, p)
}

// A database that is away is said to be so, and nobody listens without a line in
// the audit.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	var store *awayStore
	w := newWorld(t, func(c *Config) {
		store = &awayStore{memory: c.Omni.(*memory)}
		c.Accounts = store
		c.Recordings = fstest.MapFS{"2026/own.wav": {Data: wavFile(7, []byte{1}, []byte{2})}}
	})
	w.addConversations()
	path := prefix + "/recordings/rc_own/audio"
	store.writes.Store(true)
	for range 2 {
		a := w.do(account.RoleAgent, "GET", path, nil)
		if a.problem(503, ProblemUnavailable, ""); a.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	w.do(account.RoleAdmin, "POST", prefix+"/teams", `{"name":"New"}`).problem(503, ProblemUnavailable, "")
	store.writes.Store(false)
	w.do(account.RoleAgent, "GET", path, nil).want(200)
	if n := len(w.m.audit); n != 1 || w.m.audit[0].Action != "recording.listen" {
		t.Errorf("%d lines in the audit", n)
	}
	store.reads.Store(true)
	w.do(account.RoleAdmin, "GET", prefix+"/queues", nil).problem(503, ProblemUnavailable, "")
}

func TestSessionsAreSwept(t *testing.T) {
	t.Parallel()
	var m *memory
	w := newWorld(t, func(c *Config) {
		m = c.Omni.(*memory)
		m.sessions["old"] = account.Session{Hash: "old", UserID: "us_agent", SeenAt: time.Now().Add(-13 * time.Hour), ExpiresAt: time.Now().Add(time.Hour)}
	})
	w.waitFor(func() bool { m.mu.Lock(); defer m.mu.Unlock(); return len(m.sessions) == 0 })
}
