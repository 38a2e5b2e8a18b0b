package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/journey"
	"github.com/openhotline/hotline/omni"
)

type superviseInput struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Mode string `json:"mode" enum:"monitor,whisper,barge" doc:"monitor: hears all, heard by none; whisper: heard by the agent alone; barge: heard by all"`
	}
}

func (s *Server) registerSupervision() {
	const path = "/conversations/{id}/supervision"
	register(s, operation("supervise", http.MethodPut, path, tagDesk,
		"Listen to a running call, or change how one takes part; the sound comes over the live WebSocket (monitor.offer)", account.ActSupervise), s.supervise)
	end := operation("unsupervise", http.MethodDelete, path, tagDesk, "Leave a call that one listens to", account.ActSupervise)
	end.DefaultStatus = http.StatusNoContent
	register(s, end, func(ctx context.Context, in *idInput) (*empty, error) {
		if err := s.maySupervise(ctx, in.ID); err != nil {
			return nil, err
		}
		return nil, s.cfg.Supervision.Unsupervise(ctx, actor(ctx), in.ID)
	})
	register(s, operation("list-supervisors", http.MethodGet, path, tagDesk, "Who listens to a running call now", account.ActSupervise),
		func(ctx context.Context, in *idInput) (*list[journey.Monitoring], error) {
			if err := s.maySupervise(ctx, in.ID); err != nil {
				return nil, err
			}
			items, err := s.cfg.Supervision.Supervisors(ctx, in.ID)
			return newList(items, ""), err
		})
	register(s, deskOperation("take-over", http.MethodPost, "/conversations/{id}/take-over",
		"Take a call that one listens to out of its agent's hands", account.ActSupervise),
		func(ctx context.Context, in *idInput) (*empty, error) {
			if err := s.maySupervise(ctx, in.ID); err != nil {
				return nil, err
			}
			if actor(ctx).User.AgentID == "" {
				return nil, problem(ProblemForbidden, "this user does not work as an agent")
			}
			line := account.Entry{Action: "conversation.take_over", TargetID: in.ID}
			return nil, s.audited(ctx, line, func() error { return s.cfg.Supervision.TakeOver(ctx, actor(ctx), in.ID) })
		})
}

func (s *Server) supervise(ctx context.Context, in *superviseInput) (*one[journey.Monitoring], error) {
	if err := s.maySupervise(ctx, in.ID); err != nil {
		return nil, err
	}
	var m journey.Monitoring
	line := account.Entry{Action: "conversation." + in.Body.Mode, TargetID: in.ID}
	err := s.audited(ctx, line, func() (err error) {
		m, err = s.cfg.Supervision.Supervise(ctx, actor(ctx), in.ID, in.Body.Mode)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &one[journey.Monitoring]{m}, nil
}

// MayHear tells whether somebody who listens to a call as by may do so now, when
// it is in the hands of an agent or a queue (journey.Config). What by may at
// most is what it was; the user's role, team and agent are read again.
func (s *Server) MayHear(ctx context.Context, by account.Actor, agentID, queueID string) (bool, error) {
	u, err := s.user(ctx, by.User.ID)
	if errors.Is(err, account.ErrNotFound) {
		return false, nil
	}
	if err != nil || u.Disabled || !account.MayDelegate(u.Role, by.Role) || !account.Allowed(by.Role, account.ActSupervise) {
		return false, err
	}
	by.User = u
	g, err := s.sightOf(ctx, by)
	return g.agent(agentID) || g.queue(queueID), err
}

// maySupervise refuses conversations whose recordings the actor may not hear.
func (s *Server) maySupervise(ctx context.Context, conversationID string) error {
	if s.cfg.Supervision == nil {
		return account.ErrNotFound
	}
	c, err := s.cfg.Omni.Conversation(ctx, conversationID)
	if err != nil {
		return err
	}
	segments, err := s.cfg.Omni.ConversationSegments(ctx, conversationID)
	if err != nil {
		return err
	}
	g, err := s.sight(ctx)
	if err == nil && !g.hears(c, segments) {
		err = account.ErrNotFound
	}
	return err
}

// signalOfSupervisor passes on what a page says about the sound of a call that
// its user supervises.
func (s *Server) signalOfSupervisor(ctx context.Context, t *tab, e Envelope) {
	if s.cfg.Supervision == nil || !account.Allowed(t.actor.Role, account.ActSupervise) {
		t.fail(e.Type, problem(ProblemForbidden, "this user does not supervise"))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if err := s.cfg.Supervision.SuperviseSignal(ctx, t.actor, t.id, e.Type, e.Data, t.send); err != nil {
		s.log.Info("supervisor's message refused", "user", t.actor.User.ID, "type", e.Type, "error", err)
		t.fail(e.Type, err)
	}
}

// supervisorHere tells of a new page.
func (s *Server) supervisorHere(t *tab) {
	if s.cfg.Supervision != nil && account.Allowed(t.actor.Role, account.ActSupervise) {
		s.cfg.Supervision.SupervisorHere(t.actor.User.ID, t.send)
	}
}

// supervisorGone tells that a page has gone.
func (s *Server) supervisorGone(t *tab) {
	if s.cfg.Supervision != nil {
		s.cfg.Supervision.SupervisorGone(t.actor.User.ID, t.id)
	}
}

// hidesSupervision tells whether the installation keeps from the actor that
// supervisors listen.
func (s *Server) hidesSupervision(a account.Actor) bool {
	return s.cfg.HideSupervision && a.Role == account.RoleAgent
}

// withoutSupervision is a conversation as those see it from whom supervision is
// kept.
func withoutSupervision(d omni.Detail) omni.Detail {
	d.Segments = slices.DeleteFunc(slices.Clone(d.Segments), func(s omni.Segment) bool { return s.Kind == omni.SegmentMonitor })
	d.Legs = slices.DeleteFunc(slices.Clone(d.Legs), func(l omni.Leg) bool { return l.Party == omni.PartySupervisor })
	d.Events = slices.DeleteFunc(slices.Clone(d.Events), ofSupervision)
	return d
}

// ofSupervision tells whether an event says that somebody listens.
func ofSupervision(e omni.Event) bool {
	if strings.HasPrefix(e.Type, "monitor.") {
		return true
	}
	if e.Type != omni.SegmentStarted && e.Type != omni.SegmentEnded {
		return false
	}
	var d struct {
		Kind omni.SegmentKind `json:"kind"`
	}
	return json.Unmarshal(e.Data, &d) == nil && d.Kind == omni.SegmentMonitor
}
