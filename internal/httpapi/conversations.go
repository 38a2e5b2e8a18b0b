package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/openhotline/hotline/agent/account"
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
			if s.hidesSupervision(actor(ctx)) {
				d = withoutSupervision(d)
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
	g, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	if actor(ctx).Role == account.RoleAgent && in.Customer == "" && f.AgentID != "" && f.AgentID != g.own {
		return nil, problem(ProblemForbidden, "agents list their own conversations, or those of one customer")
	}
	if f.View, err = g.conversations(ctx, in.Customer); err != nil {
		return nil, err
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

// withNames adds the customers' names, in one question to the database.
func (s *Server) withNames(ctx context.Context, items []omni.Conversation, next string) (*list[ConversationItem], error) {
	var ids []string
	for _, c := range items {
		if c.CustomerID != "" {
			ids = append(ids, c.CustomerID)
		}
	}
	slices.Sort(ids)
	names, err := s.cfg.Omni.CustomerNames(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	out := make([]ConversationItem, 0, len(items))
	for _, c := range items {
		out = append(out, ConversationItem{c, names[c.CustomerID]})
	}
	return newList(out, next), nil
}

// maySee refuses what the actor's sight does not reach: to them it does not exist.
func (s *Server) maySee(ctx context.Context, c omni.Conversation, segments []omni.Segment) error {
	g, err := s.sight(ctx)
	if err != nil {
		return err
	}
	sees, err := g.conversation(ctx, c, segments)
	if err == nil && !sees {
		err = account.ErrNotFound
	}
	return err
}
