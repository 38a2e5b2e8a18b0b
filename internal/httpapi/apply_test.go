package httpapi_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/httpapi"
	"github.com/openhotline/hotline/internal/httpapi/apply"
)

const shop = `
teams:
  - name: Shop
queues:
  - name: Orders
    team_id: Shop
    ring_timeout: 15
    overflow:
      - {kind: queue, target: Returns}
      - {kind: end}
    order: [Li Na]
  - name: Returns
    id: qu_returns
agents:
  - name: Li Na
    user_id: lina@example.org
    team_id: Shop
    queues: [Orders, qu_returns]
    skills: {zh: 5}
users:
  - email: lina@example.org
    name: Li Na
    role: agent
    password: quiet violet harbour
    agent_id: Li Na
lines:
  - name: trunk
    mode: ip
    hosts: [192.0.2.0/24]
numbers:
  - number: "+8675512345678"
    line_ids: [trunk]
breaks:
  - id: tea
    names: {en: Tea, zh-CN: 茶歇, ja: お茶}
`

func plan(t *testing.T, url, token, text string) *apply.Plan {
	t.Helper()
	d, err := apply.Read("shop.yaml", []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := apply.NewPlan(t.Context(), &apply.Client{Base: url, Token: token}, d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestApply(t *testing.T) {
	t.Parallel()
	store, url, token := httpapi.NewAPIForTest(t)
	p := plan(t, url, token, shop)
	var out strings.Builder
	if err := p.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"+ queues Orders", "+ agents Li Na", `password: "***"`, "8 of 8 change"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the dry run lacks %q:\n%s", want, out.String())
		}
	}
	if queues, err := setup.All[setup.Queue](t.Context(), store, account.KindQueue); err != nil || len(queues) != 1 {
		t.Fatalf("a dry run changed something: %d %v", len(queues), err)
	}
	if err := p.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	in, err := setup.Load(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]setup.Queue{}
	for _, q := range in.Queues {
		byName[q.Name] = q
	}
	q := byName["Orders"]
	if q.RingTimeout != 15 || q.Overflow[0].Target != "qu_returns" || len(q.Order) != 1 || !strings.HasPrefix(q.Order[0], "ag_") || !strings.HasPrefix(q.TeamID, "tm_") {
		t.Errorf("queue %+v", q)
	}
	if a := in.Agents[0]; a.Name != "Li Na" && in.Agents[1].Name != "Li Na" && in.Agents[2].Name != "Li Na" {
		t.Errorf("agents %+v", in.Agents)
	}
	if again := plan(t, url, token, shop); again.Changes() != 0 {
		var out strings.Builder
		_ = again.Print(&out)
		t.Errorf("applying twice changes:\n%s", out.String())
	}
	p = plan(t, url, token, strings.Replace(shop, "ring_timeout: 15", "ring_timeout: 25", 1))
	out.Reset()
	if err := p.Print(&out); err != nil || !strings.Contains(out.String(), "ring_timeout: 15 -> 25") || p.Changes() != 1 {
		t.Errorf("the difference is\n%s", out.String())
	}
	if err := p.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestApplyFaultsHaveAPlace(t *testing.T) {
	t.Parallel()
	_, url, token := httpapi.NewAPIForTest(t)
	read := []struct{ name, text, want string }{
		{"section", "queue: []\n", "x.yaml:1:1: queue: there is no such section (allowed: teams, hours,"},
		{"field", "queues:\n  - name: a\n    ring_timeuot: 3\n", "x.yaml:3:5: queues[0].ring_timeuot: unexpected property (allowed: ageing,"},
		{"value", "queues:\n  - name: a\n  - name: b\n    ring_timeout: long\n", "x.yaml:4:5: queues[1].ring_timeout: expected integer"},
		{"choice", "queues:\n  - {name: a, strategy: best}\n", `x.yaml:2:15: queues[0].strategy: expected value to be one of "least_occupied`},
		{"item of a list", "queues:\n  - name: a\n    skills:\n      - {skill: zh, level: 9}\n", "x.yaml:4:21: queues[0].skills.0.level: expected number <= 5"},
		{"no name", "queues:\n  - ring_timeout: 3\n", "x.yaml:2:5: queues[0]: has neither id nor name"},
		{"no list", "queues: {}\n", "x.yaml:1:9: queues: is not a list"},
		{"syntax", "queues: [\n", "x.yaml:"},
		{"file", "flows:\n  - name: a\n    file: none.yaml\n", "x.yaml:3:5: flows[0].file: cannot be read"},
	}
	for _, c := range read {
		t.Run(c.name, func(t *testing.T) {
			_, err := apply.Read("x.yaml", []byte(c.text), fstest.MapFS{})
			var ps apply.Problems
			if !errors.As(err, &ps) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	refused := []struct{ name, text, want string }{
		{"reference", "numbers:\n  - number: \"1\"\n    flow_id: none\n", `shop.yaml:3:5: numbers[0].flow_id: there is no "none"`},
		{"missing field", "users:\n  - email: a@b.c\n", "shop.yaml:2:5: users[0].name: expected required property"},
		{"flow text", "flows:\n  - name: a\n    text: |\n      nodes: [\n", "shop.yaml:"},
	}
	for _, c := range refused {
		t.Run(c.name, func(t *testing.T) {
			err := plan(t, url, token, c.text).Apply(t.Context())
			var ps apply.Problems
			if !errors.As(err, &ps) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	d, err := apply.Read("x.yaml", []byte(shop), nil)
	if err != nil {
		t.Fatal(err)
	}
	var p *httpapi.Problem
	if _, err := apply.NewPlan(t.Context(), &apply.Client{Base: url, Token: "hlt_wrong"}, d); !errors.As(err, &p) || p.Type != httpapi.ProblemUnauthenticated {
		t.Errorf("wrong token: %v", err)
	}
}

func FuzzApplyRead(f *testing.F) {
	f.Add([]byte(shop))
	f.Add([]byte("queues: [{name: a, skills: {}}]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := apply.Read("x.yaml", b, nil)
		if (d == nil) == (err == nil) {
			t.Fatal("neither a document nor faults")
		}
	})
}
