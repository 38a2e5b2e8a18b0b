package httpapi

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/insight"
)

func TestBalanceComparesAgentsWhoDoTheSame(t *testing.T) {
	t.Parallel()
	var asked map[string]string
	w := newWorld(t, func(c *Config) {
		c.Balance = func(_ context.Context, q insight.Query, groups map[string]string) ([]insight.Row, error) {
			asked = groups
			var rows []insight.Row
			for _, id := range slices.Compact(slices.Sorted(maps.Values(groups))) {
				rows = append(rows, insight.Row{ID: id, Figures: []insight.Figure{{Code: insight.Balance, Value: 0.9, Defined: true}}})
			}
			return rows, nil
		}
	})
	for id, a := range map[string]setup.Agent{
		"ag_three": {Name: "Three", TeamID: "tm_one", Queues: []string{"qu_b", "qu_a"}, Skills: map[string]int{"en": 3, "zh": 5}, Enabled: true},
		"ag_four":  {Name: "Four", TeamID: "tm_one", Queues: []string{"qu_a", "qu_b"}, Skills: map[string]int{"zh": 5, "en": 3}, Enabled: true},
		"ag_five":  {Name: "Five", TeamID: "tm_one", Queues: []string{"qu_a", "qu_b"}, Skills: map[string]int{"zh": 5, "en": 2}, Enabled: true},
		"ag_six":   {Name: "Six", TeamID: "tm_one", Queues: []string{"qu_a", "qu_b"}, Skills: map[string]int{"zh": 5, "en": 3}},
	} {
		w.m.put(account.KindAgent, id, "", a)
	}
	const span = "?from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z"
	var b BalanceBody
	w.do(account.RoleAdmin, "GET", prefix+"/figures/balance"+span, nil).want(200, &b)
	if len(asked) != 5 || asked["ag_three"] != asked["ag_four"] || asked["ag_three"] == asked["ag_five"] || asked["ag_six"] != "" {
		t.Errorf("groups %v", asked)
	}
	if i := slices.IndexFunc(b.Groups, func(g BalanceGroup) bool { return slices.Contains(g.Agents, "ag_three") }); i < 0 ||
		!slices.Equal(b.Groups[i].Agents, []string{"ag_four", "ag_three"}) || !slices.Equal(b.Groups[i].Queues, []string{"qu_a", "qu_b"}) ||
		b.Groups[i].Skills["en"] != 3 || b.Groups[i].Figures[0].Value != 0.9 {
		t.Errorf("%+v", b.Groups)
	}
	u, err := w.s.user(t.Context(), "us_supervisor")
	if err != nil {
		t.Fatal(err)
	}
	u.TeamID = "tm_two"
	w.m.put(account.KindUser, u.ID, u.Email, u)
	w.do(account.RoleSupervisor, "GET", prefix+"/figures/balance"+span, nil).want(200, &b)
	if len(asked) != 0 || len(b.Groups) != 0 {
		t.Errorf("a supervisor of another team is told of %v", asked)
	}
	w.do(account.RoleAgent, "GET", prefix+"/figures/balance"+span, nil).problem(403, ProblemForbidden, "")
	w.do(account.RoleAdmin, "GET", prefix+"/figures/balance?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", nil).problem(422, ProblemValidation, "to")
	w.do(account.RoleAdmin, "GET", prefix+"/figures/balance?from=2026-03-01T00:00:00Z&to=2026-05-01T00:00:00Z", nil).problem(422, ProblemValidation, "from")
}
