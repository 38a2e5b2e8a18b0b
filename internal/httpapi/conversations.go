package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/omni"
)

// ConversationItem is a conversation in a list, with the customer's name.
type ConversationItem struct {
	omni.Conversation
	CustomerName string `json:"customer_name"`
}

type conversationsInput struct {
	Paging
	State     []omni.State `query:"state,explode" doc:"Any of these; may be repeated"`
	Agent     string       `query:"agent"`
	Queue     string       `query:"queue"`
	Customer  string       `query:"customer"`
	Caller    string       `query:"caller" maxLength:"64" doc:"The caller's number, or its beginning"`
	Q         string       `query:"q" maxLength:"200" doc:"In names, numbers, subject and notes"`
	From      time.Time    `query:"from"`
	To        time.Time    `query:"to" doc:"Exclusive"`
	Simulated string       `query:"simulated" enum:"true,false" doc:"Only simulated ones, or none of them"`
}

func (s *Server) registerConversations() {
	register(s, operation("list-conversations", http.MethodGet, "/conversations", tagConversations, "List conversations, newest first", account.ActConversations), s.listConversations)
	register(s, operation("get-conversation", http.MethodGet, "/conversations/{id}", tagConversations,
		"Get a conversation with its segments, legs, recordings, events, routing explanation and customer", account.ActConversations),
		func(ctx context.Context, in *idInput) (*one[omni.Detail], error) {
			d, err := s.cfg.Omni.Detail(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			if err := s.maySee(ctx, d.Conversation, d.Segments); err != nil {
				return nil, err
			}
			return &one[omni.Detail]{d}, nil
		})
}

func (s *Server) listConversations(ctx context.Context, in *conversationsInput) (*list[ConversationItem], error) {
	f := omni.Filter{
		States: in.State, AgentID: in.Agent, QueueID: in.Queue, CustomerID: in.Customer,
		Caller: in.Caller, Text: in.Q, From: in.From, To: in.To,
	}
	if in.Simulated != "" {
		b := in.Simulated == "true"
		f.Simulated = &b
	}
	a := actor(ctx)
	if a.Role == account.RoleAgent && in.Customer == "" {
		if f.AgentID != "" && f.AgentID != a.User.AgentID {
			return nil, problem(ProblemForbidden, "agents list their own conversations, or those of one customer")
		}
		f.AgentID = a.User.AgentID
		if f.AgentID == "" {
			return newList[ConversationItem](nil, ""), nil
		}
	}
	if err := f.Validate(); err != nil {
		return nil, err
	}
	items, next, err := s.cfg.Omni.Conversations(ctx, f, omni.Page{Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return s.withNames(ctx, items, next)
}

// withNames adds the customers' names.
func (s *Server) withNames(ctx context.Context, items []omni.Conversation, next string) (*list[ConversationItem], error) {
	names := map[string]string{}
	scope, err := s.scope(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]ConversationItem, 0, len(items))
	for _, c := range items {
		if !scope.conversation(c) {
			continue
		}
		name, ok := names[c.CustomerID]
		if !ok && c.CustomerID != "" {
			if cu, err := s.cfg.Omni.Customer(ctx, c.CustomerID); err == nil {
				name = cu.Name
			}
			names[c.CustomerID] = name
		}
		out = append(out, ConversationItem{c, name})
	}
	return newList(out, next), nil
}

// view is what a supervisor's team makes visible; the zero view shows all.
type view struct {
	limited bool
	agents  map[string]bool
	queues  map[string]bool
}

// scope gives the view of the request's actor: a supervisor with a team sees
// the conversations of its agents and queues.
func (s *Server) scope(ctx context.Context) (view, error) { return s.scopeOf(ctx, actor(ctx)) }

func (s *Server) scopeOf(ctx context.Context, a account.Actor) (view, error) {
	if a.Role != account.RoleSupervisor || a.User.TeamID == "" {
		return view{}, nil
	}
	v := view{limited: true, agents: map[string]bool{}, queues: map[string]bool{}}
	agents, err := setup.All[setup.Agent](ctx, s.cfg.Accounts, account.KindAgent)
	if err != nil {
		return v, err
	}
	for _, ag := range agents {
		if ag.TeamID == a.User.TeamID {
			v.agents[ag.ID] = true
		}
	}
	queues, err := setup.All[setup.Queue](ctx, s.cfg.Accounts, account.KindQueue)
	if err != nil {
		return v, err
	}
	for _, q := range queues {
		if q.TeamID == a.User.TeamID {
			v.queues[q.ID] = true
		}
	}
	return v, nil
}

func (v view) conversation(c omni.Conversation) bool {
	return !v.limited || v.agents[c.AgentID] || v.queues[c.QueueID] || c.AgentID == "" && c.QueueID == ""
}

// maySee refuses conversations that an agent has no part in: not theirs, never
// offered to them, and no other conversation of a customer they are talking to.
func (s *Server) maySee(ctx context.Context, c omni.Conversation, segments []omni.Segment) error {
	a := actor(ctx)
	if a.Role != account.RoleAgent {
		v, err := s.scope(ctx)
		if err == nil && !v.conversation(c) {
			err = account.ErrNotFound
		}
		return err
	}
	own := a.User.AgentID
	if own == "" {
		return account.ErrNotFound
	}
	if c.AgentID == own || slices.ContainsFunc(segments, func(sg omni.Segment) bool { return sg.AgentID == own }) {
		return nil
	}
	if c.CustomerID != "" {
		mine, _, err := s.cfg.Omni.Conversations(ctx, omni.Filter{AgentID: own, CustomerID: c.CustomerID}, omni.Page{Limit: 1})
		if err != nil {
			return err
		}
		if len(mine) > 0 {
			return nil
		}
	}
	return account.ErrNotFound
}
