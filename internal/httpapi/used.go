package httpapi

import (
	"context"
	"fmt"
	"slices"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
)

// inUse says who refers to a record that was to be deleted.
func inUse(what, name string) error {
	return problem(ProblemInUse, fmt.Sprintf("%s %s refers to it", what, name))
}

func (s *Server) teamUsed(ctx context.Context, id string) error {
	agents, err := setup.All[setup.Agent](ctx, s.cfg.Accounts, account.KindAgent)
	if err != nil {
		return err
	}
	for _, a := range agents {
		if a.TeamID == id {
			return inUse("agent", a.Name)
		}
	}
	queues, err := setup.All[setup.Queue](ctx, s.cfg.Accounts, account.KindQueue)
	if err != nil {
		return err
	}
	for _, q := range queues {
		if q.TeamID == id {
			return inUse("queue", q.Name)
		}
	}
	return s.userWith(ctx, func(u account.User) bool { return u.TeamID == id })
}

// userWith refuses when there is such a user.
func (s *Server) userWith(ctx context.Context, such func(account.User) bool) error {
	records, err := s.cfg.Accounts.Records(ctx, account.KindUser, account.Page{})
	if err != nil {
		return err
	}
	for _, r := range records {
		u, err := account.DecodeUser(r)
		if err != nil {
			return err
		}
		if such(u) {
			return inUse("user", u.Email)
		}
	}
	return nil
}

func (s *Server) agentUsed(ctx context.Context, id string) error {
	return s.userWith(ctx, func(u account.User) bool { return u.AgentID == id })
}

func (s *Server) queueUsed(ctx context.Context, id string) error {
	agents, err := setup.All[setup.Agent](ctx, s.cfg.Accounts, account.KindAgent)
	if err != nil {
		return err
	}
	for _, a := range agents {
		if slices.Contains(a.Queues, id) {
			return inUse("agent", a.Name)
		}
	}
	queues, err := setup.All[setup.Queue](ctx, s.cfg.Accounts, account.KindQueue)
	if err != nil {
		return err
	}
	for _, q := range queues {
		for _, o := range q.Overflow {
			if o.Kind == agent.OverflowQueue && o.Target == id {
				return inUse("queue", q.Name)
			}
		}
	}
	codes, err := setup.All[setup.WrapUpCode](ctx, s.cfg.Accounts, account.KindWrapUpCode)
	if err != nil {
		return err
	}
	for _, c := range codes {
		if c.QueueID == id {
			return inUse("wrap-up code", c.Code)
		}
	}
	return nil
}

func (s *Server) lineUsed(ctx context.Context, id string) error {
	numbers, err := setup.All[setup.Number](ctx, s.cfg.Accounts, account.KindNumber)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if slices.Contains(n.LineIDs, id) {
			return inUse("number", n.Number)
		}
	}
	return nil
}

func (s *Server) deviceUsed(ctx context.Context, id string) error {
	agents, err := setup.All[setup.Agent](ctx, s.cfg.Accounts, account.KindAgent)
	if err != nil {
		return err
	}
	for _, a := range agents {
		if a.DeviceID == id {
			return inUse("agent", a.Name)
		}
	}
	return nil
}

func (s *Server) flowUsed(ctx context.Context, id string) error {
	numbers, err := setup.All[setup.Number](ctx, s.cfg.Accounts, account.KindNumber)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if n.FlowID == id {
			return inUse("number", n.Number)
		}
	}
	queues, err := setup.All[setup.Queue](ctx, s.cfg.Accounts, account.KindQueue)
	if err != nil {
		return err
	}
	for _, q := range queues {
		for _, o := range q.Overflow {
			if o.Kind == agent.OverflowFlow && o.Target == id {
				return inUse("queue", q.Name)
			}
		}
	}
	return nil
}
