package httpapi

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhotline/hotline/agent/account"
)

// operations lists every operation by id.
func operations(api huma.API) map[string]*huma.Operation {
	out := map[string]*huma.Operation{}
	for _, item := range api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Head, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				out[op.OperationID] = op
			}
		}
	}
	return out
}

// TestPermissionMatrix calls every operation as every role and as nobody, and
// compares what was let through with testdata/permissions.txt, which people review.
func TestPermissionMatrix(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ops := operations(w.s.api)
	var lines []string
	for id, op := range ops {
		path := strings.ReplaceAll(op.Path, "{id}", "xx_none")
		var body any
		if op.Method != "GET" && op.Method != "HEAD" && op.Method != "DELETE" {
			body = `{"x_unknown":1}` // never valid: what is let through changes nothing
		}
		public := op.Metadata["action"].(account.Action) == ""
		var allowed []string
		for _, role := range append([]account.Role{""}, account.Roles...) {
			a := w.do(role, op.Method, path, body)
			refused := a.StatusCode == 403 && (len(a.body) == 0 || strings.Contains(string(a.body), "does not have"))
			switch {
			case role == "" && (a.StatusCode == 401) == public:
				t.Errorf("%s as nobody gave %d", id, a.StatusCode)
			case role != "" && a.StatusCode == 401:
				t.Errorf("%s as %s gave 401", id, role)
			case a.StatusCode >= 500:
				t.Errorf("%s as %s gave %d: %s", id, role, a.StatusCode, a.body)
			case role != "" && !refused:
				allowed = append(allowed, string(role))
			}
		}
		if public {
			allowed = []string{"everybody"}
		}
		lines = append(lines, fmt.Sprintf("%-24s %s\n", id, strings.Join(allowed, " ")))
	}
	slices.Sort(lines)
	got := strings.Join(lines, "")
	const file = "testdata/permissions.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the matrix is now\n%s", got)
	}
}

func TestAgentsSeeTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.addConversations()
	var l struct{ Items []ConversationItem }
	ids := func() string {
		var out []string
		for _, c := range l.Items {
			out = append(out, c.ID)
		}
		return strings.Join(out, " ")
	}
	w.do(account.RoleAgent, "GET", prefix+"/conversations", nil).want(200, &l)
	if ids() != "cv_own" {
		t.Errorf("agent lists %s", ids())
	}
	w.do(account.RoleAgent, "GET", prefix+"/conversations?agent=ag_two", nil).problem(403, ProblemForbidden, "")
	w.do(account.RoleAgent, "GET", prefix+"/conversations/cv_own", nil).want(200)
	w.do(account.RoleAgent, "GET", prefix+"/conversations/cv_same_customer", nil).want(200)
	w.do(account.RoleAgent, "GET", prefix+"/conversations/cv_other", nil).problem(404, ProblemNotFound, "")
	w.do(account.RoleAgent, "GET", prefix+"/recordings/rc_other/audio", nil).problem(404, ProblemNotFound, "")
	w.do(account.RoleAuditor, "GET", prefix+"/conversations", nil).want(200, &l)
	if ids() != "cv_same_customer cv_own cv_other" {
		t.Errorf("auditor lists %s", ids())
	}
	w.do(account.RoleAdmin, "GET", prefix+"/conversations?state=completed&state=connected", nil).want(200, &l)
	if ids() != "cv_same_customer cv_own cv_other" {
		t.Errorf("two states list %s", ids())
	}
	w.do(account.RoleAdmin, "GET", prefix+"/conversations?state=connected", nil).want(200, &l)
	if ids() != "cv_own" {
		t.Errorf("one state lists %s", ids())
	}
	// A supervisor with a team sees its conversations only.
	u, err := w.s.user(t.Context(), "us_supervisor")
	if err != nil {
		t.Fatal(err)
	}
	u.TeamID = "tm_one"
	w.m.put(account.KindUser, u.ID, u.Email, u)
	w.do(account.RoleSupervisor, "GET", prefix+"/conversations", nil).want(200, &l)
	if ids() != "cv_own" {
		t.Errorf("supervisor of team one lists %s", ids())
	}
	w.do(account.RoleSupervisor, "GET", prefix+"/conversations/cv_other", nil).problem(404, ProblemNotFound, "")
	w.do(account.RoleSupervisor, "PUT", prefix+"/agents/ag_two/presence", `{"presence":"available"}`).problem(404, ProblemNotFound, "")
	w.do(account.RoleSupervisor, "PUT", prefix+"/agents/ag_one/presence", `{"presence":"available"}`).want(204)
	w.do(account.RoleSupervisor, "PATCH", prefix+"/agents/ag_two", `{"version":1,"name":"x"}`).problem(403, ProblemForbidden, "")
	w.do(account.RoleSupervisor, "PATCH", prefix+"/agents/ag_one", `{"version":1,"team_id":""}`).problem(403, ProblemForbidden, "")
	w.do(account.RoleSupervisor, "PATCH", prefix+"/agents/ag_one", `{"version":1,"name":"x"}`).want(200)
	w.do(account.RoleSupervisor, "POST", prefix+"/queues", `{"name":"x"}`).problem(403, ProblemForbidden, "")
	w.do(account.RoleSupervisor, "POST", prefix+"/queues", `{"name":"x","team_id":"tm_one"}`).want(201)
}
