package httpapi

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/insight"
)

// Whose figures a role may see becomes part of the query, and a table that
// nobody could read is refused before it is computed.
func TestFiguresAreScopedAndBounded(t *testing.T) {
	t.Parallel()
	var asked insight.Query
	w := newWorld(t, func(c *Config) {
		c.Figures = func(_ context.Context, q insight.Query) ([]insight.Row, error) { asked = q; return nil, nil }
	})
	path := func(by, granularity, to, more string) string {
		return prefix + "/figures?by=" + by + "&granularity=" + granularity + "&from=2026-03-01T00:00:00Z&to=" + to + "T00:00:00Z" + more
	}
	w.do(account.RoleAdmin, "GET", path("total", "hour", "2026-03-02", ""), nil).want(200)
	if len(asked.IDs)+len(asked.Agents) > 0 || asked.Now.IsZero() || asked.By != insight.ByTotal {
		t.Errorf("an administrator's total asks for %+v", asked)
	}
	w.do(account.RoleAgent, "GET", path("total", "day", "2026-03-02", ""), nil).want(200)
	if !slices.Equal(asked.IDs, []string{"qu_sales"}) || !slices.Equal(asked.Agents, []string{"ag_one"}) {
		t.Errorf("an agent's total asks for %+v", asked)
	}
	w.do(account.RoleAgent, "GET", path("agent", "day", "2026-03-02", "&id=ag_two"), nil).want(200)
	if !slices.Equal(asked.IDs, []string{"none"}) {
		t.Errorf("an agent who asks for another asks for %+v", asked)
	}
	w.do(account.RoleAdmin, "GET", path("queue", "hour", "2026-04-10", ""), nil).problem(422, ProblemValidation, "from")
	for i := range 80 {
		w.m.put(account.KindAgent, fmt.Sprint("ag_more", i), "", setup.Agent{Name: "More", Enabled: true})
	}
	w.do(account.RoleAdmin, "GET", path("agent", "half_hour", "2026-03-27", ""), nil).problem(422, ProblemValidation, "from")
	w.do(account.RoleAdmin, "GET", path("agent", "half_hour", "2026-03-20", ""), nil).want(200)
}
