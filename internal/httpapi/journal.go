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

// filter decides which events one actor sees: those that name an agent or queue
// within sight, and whatever else happens in conversations in which one of them
// has a part. It learns of those from the events.
type filter struct {
	sight   sight
	mine    map[string]part // by conversation
	unaware bool            // supervision is kept from the actor
}

// part is what makes a conversation's events visible.
type part int

const (
	offered part = iota + 1 // while it rings at the actor
	had
)

// newFilter makes the filter of an actor.
func (s *Server) newFilter(ctx context.Context, a account.Actor) (*filter, error) {
	g, err := s.sightOf(ctx, a)
	f := &filter{sight: g, mine: map[string]part{}, unaware: s.hidesSupervision(a)}
	if err != nil || g.all {
		return f, err
	}
	// The newest conversations are enough: older ones no longer make events.
	recent, _, err := s.cfg.Omni.Conversations(ctx, omni.Filter{View: &g.team}, omni.Page{Limit: 100})
	for _, c := range recent {
		f.mine[c.ID] = had
	}
	return f, err
}

func (f *filter) sees(e omni.Event) bool {
	switch {
	case f.unaware && ofSupervision(e):
		return false
	case f.sight.all:
		return true
	case e.AgentID != "" && f.sight.agent(e.AgentID):
		switch e.Type {
		case omni.OfferCreated:
			f.learn(e.ConversationID, offered)
		case omni.OfferAccepted, omni.ConversationConnected:
			f.learn(e.ConversationID, had)
		case omni.OfferRejected, omni.OfferTimeout, omni.OfferCanceled, omni.OfferRescinded:
			if f.mine[e.ConversationID] == offered { // not theirs in the end
				delete(f.mine, e.ConversationID)
			}
		}
		return true
	case e.QueueID != "" && f.sight.queue(e.QueueID):
		f.learn(e.ConversationID, had)
		return true
	}
	return e.ConversationID != "" && f.mine[e.ConversationID] != 0
}

// maxRemembered bounds what a filter keeps; beyond it, it starts anew.
const maxRemembered = 5000

func (f *filter) learn(conversationID string, p part) {
	if conversationID == "" || f.mine[conversationID] == had {
		return
	}
	if len(f.mine) >= maxRemembered {
		clear(f.mine)
	}
	f.mine[conversationID] = p
}
