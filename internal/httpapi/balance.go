package httpapi

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/openhotline/hotline/insight"
)

// BalanceGroup is how evenly work was spread among agents who serve the same
// queues with the same skills.
type BalanceGroup struct {
	Queues  []string         `json:"queues" nullable:"false" doc:"That its agents serve"`
	Skills  map[string]int   `json:"skills" doc:"Level 1 to 5 by skill, that its agents have"`
	Agents  []string         `json:"agents" nullable:"false" doc:"Who belongs to it now"`
	Figures []insight.Figure `json:"figures" nullable:"false" doc:"N-AGENTS: whose times are compared, because they share at least 80 % of the logged-in time of who was there longest. BALANCE: least / most occupied time among those; not defined for fewer than two"`
}

// BalanceBody lists the groups in which somebody was logged in.
type BalanceBody struct {
	Groups []BalanceGroup `json:"groups" nullable:"false"`
}

type balanceInput struct {
	From time.Time `query:"from" required:"true"`
	To   time.Time `query:"to" required:"true" doc:"Exclusive; at most 32 days after from"`
}

// balance groups the agents whom the actor sees by what they do.
func (s *Server) balance(ctx context.Context, in *balanceInput) (*one[BalanceBody], error) {
	switch span := in.To.Sub(in.From); {
	case span <= 0:
		return nil, badParameter("to", "too_small", "to must lie after from")
	case span > maxHourSpan:
		return nil, badParameter("from", "too_large", "the span is longer than 32 days")
	case s.cfg.Balance == nil:
		return nil, problem(ProblemUnavailable, "")
	}
	g, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	r, err := s.roster(ctx)
	if err != nil {
		return nil, err
	}
	of, groups := map[string]string{}, map[string]*BalanceGroup{}
	for _, a := range r.agents {
		if !a.Enabled || !g.agent(a.ID) {
			continue
		}
		queues := append([]string{}, a.Queues...)
		slices.Sort(queues)
		same, err := json.Marshal([]any{queues, a.Skills})
		if err != nil {
			return nil, err
		}
		key := string(same)
		if groups[key] == nil {
			groups[key] = &BalanceGroup{Queues: queues, Skills: a.Skills}
		}
		groups[key].Agents, of[a.ID] = append(groups[key].Agents, a.ID), key
	}
	rows, err := s.cfg.Balance(ctx, insight.Query{Granularity: insight.Whole, From: in.From, To: in.To, Now: s.now()}, of)
	if err != nil {
		return nil, err
	}
	body := BalanceBody{Groups: []BalanceGroup{}}
	for _, row := range rows {
		group := groups[row.ID]
		group.Figures = row.Figures
		body.Groups = append(body.Groups, *group)
	}
	return &one[BalanceBody]{body}, nil
}
