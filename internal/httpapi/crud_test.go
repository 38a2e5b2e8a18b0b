package httpapi

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
)

func TestResourceLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var q setup.Queue
	w.do(account.RoleAdmin, "POST", prefix+"/queues", `{"name":"Service","ring_timeout":15,"skills":[{"skill":"zh","level":3}]}`).want(201, &q)
	if q.Version != 1 || q.RingTimeout != 15 || q.WrapUpTime != 30 || q.MaxWait != 900 || !strings.HasPrefix(q.ID, "qu_") || !q.Enabled {
		t.Fatalf("created %+v", q)
	}
	if got := <-w.desk.seen; got != "changed queue "+q.ID {
		t.Errorf("desk heard %q", got)
	}
	w.do(account.RoleAdmin, "POST", prefix+"/queues", `{"name":"Service"}`).problem(409, ProblemTaken, "")
	w.do(account.RoleAdmin, "PATCH", prefix+"/queues/"+q.ID, `{"version":1,"name":"Service 2","announce":{"music":"","position":true,"expected_wait":false,"repeat":30}}`).want(200, &q)
	if q.Version != 2 || q.Name != "Service 2" || q.RingTimeout != 15 || q.Announce.Repeat != 30 || len(q.Skills) != 1 {
		t.Fatalf("changed to %+v", q)
	}
	w.do(account.RoleAdmin, "PATCH", prefix+"/queues/"+q.ID, `{"version":1,"name":"late"}`).problem(409, ProblemVersion, "")
	var l struct {
		Items []setup.Queue
		Next  string
	}
	w.do(account.RoleAgent, "GET", prefix+"/queues?limit=1", nil).want(200, &l)
	if len(l.Items) != 1 || l.Next == "" {
		t.Fatalf("first page %+v", l)
	}
	w.do(account.RoleAgent, "GET", prefix+"/queues?limit=1&cursor="+l.Next, nil).want(200, &l)
	if len(l.Items) != 1 || l.Items[0].ID != "qu_sales" {
		t.Fatalf("second page %+v", l)
	}
	w.do(account.RoleAdmin, "DELETE", prefix+"/queues/qu_sales", nil).problem(409, ProblemInUse, "")
	w.do(account.RoleAdmin, "DELETE", prefix+"/queues/"+q.ID+"?version=1", nil).problem(409, ProblemVersion, "")
	w.do(account.RoleAdmin, "DELETE", prefix+"/queues/"+q.ID, nil).want(204)
	w.do(account.RoleAdmin, "GET", prefix+"/queues/"+q.ID, nil).problem(404, ProblemNotFound, "")

	var audit struct{ Items []AuditEntry }
	w.do(account.RoleAuditor, "GET", prefix+"/audit?action=queue.&target_id="+q.ID, nil).want(200, &audit)
	var actions []string
	for _, e := range audit.Items {
		actions = append(actions, e.Action)
	}
	if got := strings.Join(actions, " "); got != "queue.delete queue.update queue.create" {
		t.Errorf("audit has %q", got)
	}
	if u := audit.Items[1]; !strings.Contains(string(u.Before), `"Service"`) || !strings.Contains(string(u.After), `"Service 2"`) || u.UserID != "us_admin" || u.RequestID == "" {
		t.Errorf("audit line %+v", u)
	}
}

func TestFaultsNameTheField(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	tests := []struct{ name, path, body, pointer, code string }{
		{"missing name", "/queues", `{}`, "#/name", "required"},
		{"unknown field", "/queues", `{"name":"x","nmae":"y"}`, "#/nmae", "unknown"},
		{"wrong type", "/queues", `{"name":"x","ring_timeout":"long"}`, "#/ring_timeout", "type"},
		{"too small", "/queues", `{"name":"x","ring_timeout":0}`, "#/ring_timeout", "too_small"},
		{"choice", "/queues", `{"name":"x","strategy":"best"}`, "#/strategy", "one_of"},
		{"nested", "/queues", `{"name":"x","service_level":{"threshold":20,"formula":"SL-X"}}`, "#/service_level/formula", "one_of"},
		{"nested item", "/queues", `{"name":"x","skills":[{"skill":"zh","level":9}]}`, "#/skills/0/level", "too_large"},
		{"domain rule", "/queues", `{"name":"x","relaxation":[{"after":30,"level":2},{"after":10,"level":1}]}`, "#/relaxation/1/after", "invalid"},
		{"reference", "/queues", `{"name":"x","team_id":"tm_none"}`, "#/team_id", "reference"},
		{"reference in a list", "/agents", `{"name":"x","queues":["qu_sales","qu_none"]}`, "#/queues/1", "reference"},
		{"twice in a list", "/agents", `{"name":"x","queues":["qu_sales","qu_sales"]}`, "#/queues/1", "unique"},
		{"skill level", "/agents", `{"name":"x","skills":{"zh":7}}`, "#/skills/zh", "invalid"},
		{"line without hosts", "/lines", `{"name":"x","mode":"ip"}`, "#/hosts", "required"},
		{"line host", "/lines", `{"name":"x","mode":"ip","hosts":["10.0.0.0/40"]}`, "#/hosts/0", "format"},
		{"line codec", "/lines", `{"name":"x","mode":"ip","hosts":["10.0.0.1"],"codecs":["PCMA","G729"]}`, "#/codecs/1", "one_of"},
		{"register without server", "/lines", `{"name":"x","mode":"register"}`, "#/server", "required"},
		{"number", "/numbers", `{"number":"90 00"}`, "#/number", "pattern"},
		{"device password", "/devices", `{"name":"x","username":"x","password":"short"}`, "#/password", "too_small"},
		{"time zone", "/hours", `{"name":"x","timezone":"Mars/Base"}`, "#/timezone", "one_of"},
		{"day", "/hours", `{"name":"x","timezone":"Asia/Tokyo","week":{"day":[]}}`, "#/week/day", "unknown"},
		{"overlap", "/hours", `{"name":"x","timezone":"Asia/Tokyo","week":{"mon":[{"from":"09:00","to":"12:00"},{"from":"11:00","to":"13:00"}]}}`, "#/week/mon", "invalid"},
		{"date twice", "/hours", `{"name":"x","timezone":"Asia/Tokyo","days":[{"date":"2026-10-01","name":"","hours":[]},{"date":"2026-10-01","name":"","hours":[]}]}`, "#/days/1/date", "unique"},
		{"make-up workday", "/hours", `{"name":"x","timezone":"Asia/Tokyo","days":[{"date":"2026-10-01","name":"","hours":[],"workday":"monday"}]}`, "#/days/0/workday", "one_of"},
		{"overflow that cannot be done", "/queues", `{"name":"x","overflow":[{"kind":"end"},{"kind":"ticket"}]}`, "#/overflow/1/kind", "one_of"},
		{"callback that cannot be offered", "/queues", `{"name":"x","callback":{"offer_after":60,"retries":2,"gap":300}}`, "#/callback/offer_after", "too_large"},
		{"break id", "/breaks", `{"id":"Long Lunch","names":{}}`, "#/id", "pattern"},
		{"chosen id", "/teams", `{"id":"qu_x","name":"x"}`, "#/id", "pattern"},
		{"user e-mail", "/users", `{"email":"nobody","name":"x","role":"agent"}`, "#/email", "format"},
		{"user role", "/users", `{"email":"a@b.c","name":"x","role":"boss"}`, "#/role", "one_of"},
		{"user password short", "/users", `{"email":"a@b.c","name":"x","role":"agent","password":"short"}`, "#/password", "too_small"},
		{"user password common", "/users", `{"email":"a@b.c","name":"x","role":"agent","password":"Password12345"}`, "#/password", "weak_password"},
		{"token role", "/tokens", `{"name":"x","role":"agent","user_id":"us_auditor"}`, "#/role", "invalid"},
		{"token end", "/tokens", `{"name":"x","role":"agent","expires_at":"2001-01-01T00:00:00Z"}`, "#/expires_at", "too_small"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			p := w.do(account.RoleAdmin, "POST", prefix+c.path, c.body).problem(http.StatusUnprocessableEntity, ProblemValidation, c.pointer)
			if p.Errors[0].Code != c.code || p.Errors[0].Message == "" {
				t.Errorf("code is %+v, want %s", p.Errors[0], c.code)
			}
		})
	}
	w.do(account.RoleAdmin, "POST", prefix+"/queues", `{"name":`).problem(400, ProblemMalformed, "")
	w.do(account.RoleAdmin, "POST", prefix+"/queues", `[1]`).problem(422, ProblemValidation, "#")
	w.do(account.RoleAdmin, "GET", prefix+"/queues?limit=9999", nil).problem(422, ProblemValidation, "limit")
	w.do(account.RoleAdmin, "GET", prefix+"/queues?wrong=1", nil).problem(422, ProblemValidation, "wrong")
	w.do(account.RoleAdmin, "GET", prefix+"/conversations?cursor=bad", nil).problem(422, ProblemValidation, "cursor")
	w.do(account.RoleAdmin, "GET", prefix+"/conversations?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", nil).problem(422, ProblemValidation, "to")
	w.do(account.RoleAdmin, "GET", prefix+"/conversations?state=gone", nil).problem(422, ProblemValidation, "")
	w.do(account.RoleAdmin, "PATCH", prefix+"/queues/qu_sales", `{"name":"x"}`).problem(422, ProblemValidation, "#/version")
}

func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	secret := "never to be seen 4711"
	res := w.do(account.RoleAdmin, "POST", prefix+"/devices", map[string]any{"name": "d", "username": "d1", "password": secret}).want(201)
	var d setup.Device
	res.want(201, &d)
	if strings.Contains(string(res.body), secret) || !d.HasPassword {
		t.Errorf("device shows %s", res.body)
	}
	w.do(account.RoleAdmin, "PATCH", prefix+"/devices/"+d.ID, `{"version":1,"name":"renamed"}`).want(200)
	stored, err := setup.All[setup.Device](t.Context(), w.m, account.KindDevice)
	if err != nil || len(stored) != 1 || stored[0].Password != secret || stored[0].Name != "renamed" {
		t.Errorf("stored is %+v, %v", stored, err)
	}
	w.do(account.RoleAdmin, "POST", prefix+"/users", map[string]any{"email": "n@example.org", "name": "N", "role": "agent", "password": secret}).want(201)
	for _, path := range []string{"/devices", "/users", "/tokens", "/audit", "/devices/" + d.ID} {
		body := string(w.do(account.RoleAdmin, "GET", prefix+path, nil).want(200).body)
		if strings.Contains(body, secret) || strings.Contains(body, "argon2id") || strings.Contains(body, `"hash"`) {
			t.Errorf("%s shows a secret: %s", path, body)
		}
	}
}

func TestFlowVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	var f setup.Flow
	w.do(account.RoleAdmin, "POST", prefix+"/flows", `{"name":"Main"}`).want(201, &f)
	var d FlowDraft
	w.do(account.RoleAdmin, "PUT", prefix+"/flows/"+f.ID+"/draft", `{"version":1,"text":"nonsense: ["}`).want(200, &d)
	if d.Validation.Valid || len(d.Validation.Problems) == 0 || d.Flow.Draft != "nonsense: [" {
		t.Fatalf("draft %+v", d)
	}
	w.do(account.RoleAdmin, "POST", prefix+"/flows/"+f.ID+"/publish", `{"version":2}`).problem(422, ProblemValidation, "#/draft")
	w.do(account.RoleAdmin, "POST", prefix+"/flows/"+f.ID+"/rollback", `{"version":2,"to_version":3}`).problem(422, ProblemValidation, "#/to_version")
	var names struct{ Items []map[string]any }
	w.do(account.RoleAgent, "GET", prefix+"/flow-names", nil).want(200, &names)
	at := slices.IndexFunc(names.Items, func(n map[string]any) bool { return n["id"] == f.ID })
	if at < 0 || len(names.Items[at]) != 3 || names.Items[at]["name"] != "Main" || names.Items[at]["published"] != false {
		t.Errorf("an agent is told %v; name and whether it is published are theirs to know, the text is not", names.Items)
	}
	var paged []any
	for cursor := ""; ; {
		var page struct {
			Items []map[string]any
			Next  string
		}
		w.do(account.RoleAgent, "GET", prefix+"/flow-names?limit=1&cursor="+cursor, nil).want(200, &page)
		for _, n := range page.Items {
			paged = append(paged, n["id"])
		}
		if cursor = page.Next; cursor == "" || len(paged) > len(names.Items) {
			break
		}
	}
	if len(paged) != len(names.Items) || len(paged) < 2 {
		t.Errorf("one by one %v, at once %v", paged, names.Items)
	}
	var v FlowValidation
	w.do(account.RoleAuditor, "POST", prefix+"/flows/"+f.ID+"/validate", `{"text":""}`).want(200, &v)
	if v.Valid {
		t.Error("the stored draft is not valid")
	}
	var versions struct{ Items []setup.FlowVersion }
	w.do(account.RoleAdmin, "GET", prefix+"/flows/"+f.ID+"/versions", nil).want(200, &versions)
	if len(versions.Items) != 0 {
		t.Error("nothing was published")
	}
}

// How a registration stands is told and never stored: neither is it taken from a
// client, nor does the audit have it.
func TestRegistrationsAreTold(t *testing.T) {
	t.Parallel()
	registered := map[string]bool{}
	w := newWorld(t, func(c *Config) {
		c.LineState = func(lineID string) *setup.Registration {
			return &setup.Registration{Registered: registered[lineID], Status: 403, Error: "no"}
		}
		c.DeviceOnline = func(deviceID string) bool { return registered[deviceID] }
	})
	var line setup.Line
	w.do(account.RoleAdmin, "POST", prefix+"/lines", `{"name":"Carrier","mode":"register","server":"sip.example.org","username":"u","password":"p"}`).want(201, &line)
	if line.Registration == nil || line.Registration.Registered || line.Registration.Status != 403 {
		t.Errorf("new line: %+v", line.Registration)
	}
	var device setup.Device
	w.do(account.RoleAdmin, "POST", prefix+"/devices", `{"name":"Desk","username":"desk1","password":"a long password"}`).want(201, &device)
	registered[line.ID], registered[device.ID] = true, true
	w.do(account.RoleAdmin, "GET", prefix+"/lines/"+line.ID, nil).want(200, &line)
	w.do(account.RoleAdmin, "GET", prefix+"/devices/"+device.ID, nil).want(200, &device)
	if !line.Registration.Registered || !device.Online {
		t.Errorf("line %+v, device %+v", line.Registration, device)
	}
	w.do(account.RoleAdmin, "PATCH", prefix+"/devices/"+device.ID, `{"version":1,"online":true}`).problem(422, ProblemValidation, "#/online")
	w.do(account.RoleAdmin, "PATCH", prefix+"/lines/"+line.ID, `{"version":1,"enabled":false}`).want(200, &line)
	w.do(account.RoleAdmin, "GET", prefix+"/lines/"+line.ID, nil).want(200, &line)
	stored, err := w.m.Record(t.Context(), account.KindLine, line.ID)
	if err != nil || strings.Contains(string(stored.Body), "registered") {
		t.Errorf("stored: %s %v", stored.Body, err)
	}
	var off setup.Line
	w.do(account.RoleAdmin, "GET", prefix+"/lines/"+line.ID, nil).want(200, &off)
	if off.Registration != nil {
		t.Errorf("a line that is not in use: %+v", off.Registration)
	}
}
