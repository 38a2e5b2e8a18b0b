package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

type presenceBody struct {
	Presence agent.PresenceState `json:"presence"`
	Reason   string              `json:"reason,omitempty" maxLength:"48" doc:"Break reason; required with break"`
	Next     bool                `json:"next,omitempty" doc:"Applies when the current work ends"`
}

type presenceInput struct{ Body presenceBody }

type presenceOfInput struct {
	ID   string `path:"id" maxLength:"60"`
	Body presenceBody
}

type digitsInput struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Digits string `json:"digits" minLength:"1" maxLength:"64" pattern:"^[0-9A-D*#,]+$" doc:"A comma is a pause"`
	}
}

type transferInput struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Kind   string `json:"kind" enum:"agent,queue,flow,number"`
		Target string `json:"target" minLength:"1" maxLength:"64" doc:"Identifier of the agent, queue or flow, or the number"`
		Ring   int    `json:"ring,omitempty" minimum:"0" maximum:"300" doc:"Seconds for which a number rings before the customer comes back; 0 means 30"`
	}
}

type noteInput struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Note string `json:"note" maxLength:"10000" doc:"The whole text; it replaces what was kept before"`
	}
}

type wrapUpInput struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Code string `json:"code,omitempty" maxLength:"64" doc:"Wrap-up code of the queue from which this agent took the conversation; required where the queue says so"`
		Note string `json:"note,omitempty" maxLength:"10000"`
	}
}

// deskOperation answers with 204: what follows comes over the live WebSocket.
func deskOperation(id, method, path, summary string, action account.Action) huma.Operation {
	op := operation(id, method, path, tagDesk, summary, action)
	op.DefaultStatus = http.StatusNoContent
	return op
}

// own returns the agent as whom the request's user works.
func own(ctx context.Context) (string, error) {
	if ag := actor(ctx).User.AgentID; ag != "" {
		return ag, nil
	}
	return "", problem(ProblemForbidden, "this user does not work as an agent")
}

func (s *Server) registerDesk() {
	register(s, deskOperation("set-my-presence", http.MethodPut, "/agents/me/presence", "Set one's own presence", account.ActDesk),
		func(ctx context.Context, in *presenceInput) (*empty, error) {
			ag, err := own(ctx)
			if err != nil {
				return nil, err
			}
			return nil, s.setPresence(ctx, ag, in.Body)
		})
	register(s, deskOperation("set-presence", http.MethodPut, "/agents/{id}/presence", "Set an agent's presence", account.ActPresenceOthers),
		func(ctx context.Context, in *presenceOfInput) (*empty, error) {
			g, err := s.sight(ctx)
			if err != nil {
				return nil, err
			}
			if !g.agent(in.ID) {
				return nil, account.ErrNotFound
			}
			line := account.Entry{Action: "agent.presence", TargetID: in.ID, Target: string(in.Body.Presence)}
			return nil, s.audited(ctx, line, func() error { return s.setPresence(ctx, in.ID, in.Body) })
		})
	s.agentOperation("accept-offer", "/offers/{id}/accept", "Accept an offer", s.cfg.deskCall(Desk.AcceptOffer))
	s.agentOperation("reject-offer", "/offers/{id}/reject", "Reject an offer", s.cfg.deskCall(Desk.RejectOffer))
	s.agentOperation("hold", "/conversations/{id}/hold", "Put the customer on hold", s.cfg.deskCall(Desk.Hold))
	s.agentOperation("resume", "/conversations/{id}/resume", "Take the customer off hold", s.cfg.deskCall(Desk.Resume))
	s.agentOperation("start-recording", "/conversations/{id}/recording/start",
		"Record what no rule records, where the queue allows it (record_on_demand)", s.cfg.deskCall(Desk.StartRecording))
	s.agentOperation("pause-recording", "/conversations/{id}/recording/pause",
		"Keep what is said from the recording; silence of the same length stands for it", s.cfg.deskCall(Desk.PauseRecording))
	s.agentOperation("resume-recording", "/conversations/{id}/recording/resume", "Record again after a pause", s.cfg.deskCall(Desk.ResumeRecording))
	s.agentOperation("extend-wrap-up", "/conversations/{id}/wrap-up/extend", "Extend the wrap-up", s.cfg.deskCall(Desk.ExtendWrapUp))
	register(s, deskOperation("end-conversation", http.MethodPost, "/conversations/{id}/end",
		"End one's part of a conversation; supervisors and admins force-close those of others", account.ActDesk), s.endConversation)
	register(s, deskOperation("send-digits", http.MethodPost, "/conversations/{id}/digits", "Send keys to the other side", account.ActDesk),
		func(ctx context.Context, in *digitsInput) (*empty, error) {
			ag, err := own(ctx)
			if err != nil {
				return nil, err
			}
			return nil, s.cfg.Desk.Digits(ctx, ag, in.ID, in.Body.Digits)
		})
	register(s, deskOperation("transfer-conversation", http.MethodPost, "/conversations/{id}/transfer", "Transfer blind", account.ActDesk), s.transfer)
	register(s, deskOperation("keep-note", http.MethodPut, "/conversations/{id}/note", "Keep the note about one's part while it is being written", account.ActDesk),
		func(ctx context.Context, in *noteInput) (*empty, error) {
			ag, err := own(ctx)
			if err != nil {
				return nil, err
			}
			return nil, s.cfg.Desk.Note(ctx, ag, in.ID, in.Body.Note)
		})
	register(s, deskOperation("wrap-up", http.MethodPost, "/conversations/{id}/wrap-up", "Finish the wrap-up", account.ActDesk),
		func(ctx context.Context, in *wrapUpInput) (*empty, error) {
			ag, err := own(ctx)
			if err != nil {
				return nil, err
			}
			return nil, s.cfg.Desk.WrapUp(ctx, ag, in.ID, in.Body.Code, in.Body.Note)
		})
}

// deskCall makes a method of the desk callable once the desk is there.
func (c *Config) deskCall(method func(Desk, context.Context, string, string) error) func(context.Context, string, string) error {
	return func(ctx context.Context, agentID, id string) error { return method(c.Desk, ctx, agentID, id) }
}

// agentOperation registers what an agent does to one thing without further data.
func (s *Server) agentOperation(id, path, summary string, do func(ctx context.Context, agentID, id string) error) {
	register(s, deskOperation(id, http.MethodPost, path, summary, account.ActDesk), func(ctx context.Context, in *idInput) (*empty, error) {
		ag, err := own(ctx)
		if err != nil {
			return nil, err
		}
		return nil, do(ctx, ag, in.ID)
	})
}

func (s *Server) setPresence(ctx context.Context, agentID string, b presenceBody) error {
	if b.Presence == agent.Break && b.Reason == "" {
		return invalid("reason", "required", "a break needs a reason")
	}
	if b.Presence != agent.Break && b.Reason != "" {
		return invalid("reason", "invalid", "only a break has a reason")
	}
	if err := s.refers(ctx, account.KindBreak, "reason", b.Reason); err != nil {
		return err
	}
	return s.cfg.Desk.SetPresence(ctx, actor(ctx), agentID, string(b.Presence), b.Reason, b.Next)
}

func (s *Server) endConversation(ctx context.Context, in *idInput) (*empty, error) {
	a := actor(ctx)
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
	talks := c.State == omni.Connected || c.State == omni.OnHold
	if ag := a.User.AgentID; ag != "" && (c.AgentID == ag && talks || !account.Allowed(a.Role, account.ActForceClose)) {
		return nil, s.cfg.Desk.End(ctx, a, ag, in.ID)
	}
	if !account.Allowed(a.Role, account.ActForceClose) {
		return nil, problem(ProblemForbidden, "this user does not work as an agent")
	}
	if c.State == omni.Completed {
		return nil, account.ErrState
	}
	line := account.Entry{Action: "conversation.force_close", TargetID: in.ID}
	return nil, s.audited(ctx, line, func() error { return s.cfg.Desk.End(ctx, a, "", in.ID) })
}

func (s *Server) transfer(ctx context.Context, in *transferInput) (*empty, error) {
	ag, err := own(ctx)
	if err != nil {
		return nil, err
	}
	b := in.Body
	kinds := map[string]account.Kind{"agent": account.KindAgent, "queue": account.KindQueue, "flow": account.KindFlow}
	if kind, ok := kinds[b.Kind]; ok {
		if err := s.refers(ctx, kind, "target", b.Target); err != nil {
			return nil, err
		}
	} else if strings.Trim(b.Target, "+0123456789*#") != "" {
		return nil, invalid("target", "format", "expected a telephone number")
	}
	if b.Kind == "agent" && b.Target == ag {
		return nil, invalid("target", "invalid", "nobody transfers to themselves")
	}
	return nil, s.cfg.Desk.Transfer(ctx, ag, in.ID, b.Kind, b.Target, time.Duration(b.Ring)*time.Second)
}
