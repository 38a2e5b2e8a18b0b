package httpapi

import (
	"context"
	"net/http"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

// EventsBody is a stretch of the journal.
type EventsBody struct {
	Items []omni.Event `json:"items" doc:"In order of seq; a role may not see every one"`
	Next  int64        `json:"next" doc:"Ask with after=next for what follows"`
	Head  int64        `json:"head" doc:"Seq of the last event of all; next = head means that nothing is missing"`
}

type eventsInput struct {
	After int64 `query:"after" minimum:"0" doc:"Events after this seq"`
	Limit int   `query:"limit" minimum:"0" maximum:"1000" doc:"Events that are looked at; 0 means 200"`
}

func (s *Server) registerJournal() {
	register(s, operation("list-events", http.MethodGet, "/events", tagLive, "The journal of events, as far as the role may see it", account.ActJournal), s.events)
}

func (s *Server) events(ctx context.Context, in *eventsInput) (*one[EventsBody], error) {
	limit := in.Limit
	if limit == 0 {
		limit = 200
	}
	head, err := s.cfg.Journal.Head(ctx)
	if err != nil {
		return nil, err
	}
	events, err := s.cfg.Journal.Events(ctx, in.After, limit)
	if err != nil {
		return nil, err
	}
	f, err := s.newFilter(ctx, actor(ctx))
	if err != nil {
		return nil, err
	}
	body := EventsBody{Next: in.After, Head: head}
	for _, e := range events {
		if f.sees(e) {
			body.Items = append(body.Items, e)
		}
		body.Next = e.Seq
	}
	body.Head = max(body.Head, body.Next)
	return &one[EventsBody]{body}, nil
}

// filter decides which events one actor sees. It learns: an event that names
// the agent makes the later events of that conversation visible.
type filter struct {
	all   bool
	team  view
	agent string
	mine  map[string]bool // conversations of the agent
}

// newFilter makes the filter of an actor.
func (s *Server) newFilter(ctx context.Context, a account.Actor) (*filter, error) {
	f := &filter{agent: a.User.AgentID, mine: map[string]bool{}}
	if a.Role != account.RoleAgent {
		v, err := s.scopeOf(ctx, a)
		f.team, f.all = v, !v.limited
		return f, err
	}
	if f.agent == "" {
		return f, nil
	}
	// The newest conversations are enough: older ones no longer make events.
	recent, _, err := s.cfg.Omni.Conversations(ctx, omni.Filter{AgentID: f.agent}, omni.Page{Limit: 100})
	for _, c := range recent {
		f.mine[c.ID] = true
	}
	return f, err
}

func (f *filter) sees(e omni.Event) bool {
	if f.all {
		return true
	}
	if f.team.limited {
		if f.team.agents[e.AgentID] || f.team.queues[e.QueueID] {
			f.remember(e.ConversationID)
			return true
		}
		return f.mine[e.ConversationID]
	}
	if f.agent == "" {
		return false
	}
	if e.AgentID == f.agent {
		f.remember(e.ConversationID)
		return true
	}
	return e.ConversationID != "" && f.mine[e.ConversationID]
}

// maxRemembered bounds what a filter keeps; beyond it, it starts anew.
const maxRemembered = 5000

func (f *filter) remember(conversationID string) {
	if conversationID == "" {
		return
	}
	if len(f.mine) >= maxRemembered {
		clear(f.mine)
	}
	f.mine[conversationID] = true
}
