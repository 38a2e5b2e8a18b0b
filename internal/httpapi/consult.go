package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/journey"
)

type consultInput struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Kind   string `json:"kind" enum:"agent,queue,number"`
		Target string `json:"target" minLength:"1" maxLength:"64" doc:"Identifier of the agent or queue, or the number"`
		Joins  bool   `json:"joins,omitempty" doc:"Who answers talks with the customer at once; otherwise the customer hears music while agent and colleague talk in private"`
		Ring   int    `json:"ring,omitempty" minimum:"0" maximum:"300" doc:"Seconds for which a number rings; 0 means 30"`
	}
}

type toFlowInput struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Flow string `json:"flow" minLength:"1" maxLength:"64" doc:"Identifier of the flow"`
	}
}

type partyInput struct {
	ID      string `path:"id" maxLength:"60"`
	PartyID string `path:"party_id" maxLength:"60"`
}

func (s *Server) registerConsult() {
	register(s, deskOperation("consult", http.MethodPost, "/conversations/{id}/consult",
		"Ask a colleague, somebody of a queue or an outside number, in private or into the call; what becomes of it comes over the live WebSocket (parties, consult.ended)",
		account.ActDesk), s.consult)
	for _, step := range []struct{ name, summary string }{
		{journey.ConsultComplete, "Hand the customer over to who is consulted"},
		{journey.ConsultCancel, "End the consultation and go back to the customer"},
		{journey.ConsultSwap, "Talk with the customer while who is consulted waits, or the other way round"},
		{journey.ConsultMerge, "Make a conference of customer, agent and who is consulted"},
	} {
		s.agentOperation(step.name+"-consult", "/conversations/{id}/consult/"+step.name, step.summary,
			func(ctx context.Context, agentID, id string) error {
				return s.cfg.Desk.ChangeConsult(ctx, agentID, id, step.name)
			})
	}
	register(s, deskOperation("send-to-flow", http.MethodPost, "/conversations/{id}/flow",
		"Have a flow serve the customer while the agent waits on hold; its end comes over the live WebSocket (parties, flow.ended)",
		account.ActDesk), s.sendToFlow)
	s.agentOperation("take-back-from-flow", "/conversations/{id}/flow/take-back",
		"Take the customer back from a flow before its end", s.cfg.deskCall(Desk.TakeBack))
	s.agentOperation("leave-conversation", "/conversations/{id}/leave", "Leave a conference, or a customer who is with a flow; the call goes on with the others, or with the flow", s.cfg.deskCall(Desk.Leave))
	register(s, operation("list-parties", http.MethodGet, "/conversations/{id}/parties", tagDesk,
		"Who is in a running call, and whom its agent asks", account.ActDesk), s.parties)
	remove := operation("remove-party", http.MethodDelete, "/conversations/{id}/parties/{party_id}", tagDesk,
		"Take a colleague or an outside number out of a call", account.ActDesk)
	remove.DefaultStatus = http.StatusNoContent
	register(s, remove, func(ctx context.Context, in *partyInput) (*empty, error) {
		ag, err := own(ctx)
		if err != nil {
			return nil, err
		}
		return nil, s.cfg.Desk.RemoveParty(ctx, ag, in.ID, in.PartyID)
	})
}

func (s *Server) consult(ctx context.Context, in *consultInput) (*empty, error) {
	ag, err := own(ctx)
	if err != nil {
		return nil, err
	}
	b := in.Body
	kinds := map[string]account.Kind{"agent": account.KindAgent, "queue": account.KindQueue}
	if kind, ok := kinds[b.Kind]; ok {
		if err := s.refers(ctx, kind, "target", b.Target); err != nil {
			return nil, err
		}
	} else if strings.Trim(b.Target, "+0123456789*#") != "" {
		return nil, invalid("target", "format", "expected a telephone number")
	}
	if b.Kind == "agent" && b.Target == ag {
		return nil, invalid("target", "invalid", "nobody consults themselves")
	}
	return nil, s.cfg.Desk.StartConsult(ctx, ag, in.ID, b.Kind, b.Target, b.Joins, time.Duration(b.Ring)*time.Second)
}

func (s *Server) sendToFlow(ctx context.Context, in *toFlowInput) (*empty, error) {
	ag, err := own(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.refers(ctx, account.KindFlow, "flow", in.Body.Flow); err != nil {
		return nil, err
	}
	return nil, s.cfg.Desk.SendToFlow(ctx, ag, in.ID, in.Body.Flow)
}

func (s *Server) parties(ctx context.Context, in *idInput) (*one[journey.Parties], error) {
	c, err := s.cfg.Omni.Conversation(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	segments, err := s.cfg.Omni.ConversationSegments(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.maySee(ctx, c, segments); err != nil {
		return nil, err
	}
	p, err := s.cfg.Desk.Parties(ctx, in.ID)
	return &one[journey.Parties]{p}, err
}
