package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/internal/redact"
)

// entry makes an audit line about what the request's actor does.
func (s *Server) entry(ctx context.Context, action, targetID, target string, before, after any) account.Entry {
	a := actor(ctx)
	e := account.Entry{
		ID: id.New(id.Audit), Time: s.now().UTC(), UserID: a.User.ID, UserName: a.User.Name, Role: a.Role, TokenID: a.TokenID,
		Address: sourceOf(ctx).Address.String(), Action: action, TargetID: targetID, Target: target, RequestID: requestID(ctx),
	}
	e.Before, e.After = redacted(before), redacted(after)
	return e
}

// redacted is the JSON of a value without its secrets.
func redacted(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return redact.JSON(b)
}

// audit adds a line about what has happened already; a failure is logged and not
// shown.
func (s *Server) audit(ctx context.Context, e account.Entry) {
	if err := s.auditFirst(ctx, e); err != nil {
		s.log.Error("audit line was not written", "action", e.Action, "target", e.TargetID, "error", err)
	}
}

// auditFirst adds a line about what must not happen without it.
func (s *Server) auditFirst(ctx context.Context, e account.Entry) error {
	line := s.entry(ctx, e.Action, e.TargetID, e.Target, nil, nil)
	_, err := s.cfg.Accounts.Change(ctx, nil, []account.Entry{line})
	return err
}

// audited does what others decide on and write (the router, a conversation's
// owner): first comes the line, without which nothing happens. Where it was then
// refused, a second line says so.
func (s *Server) audited(ctx context.Context, e account.Entry, do func() error) error {
	if err := s.auditFirst(ctx, e); err != nil {
		return err
	}
	err := do()
	if err != nil {
		e.Action += ".refused"
		s.audit(context.WithoutCancel(ctx), e)
	}
	return err
}

// changed tells sockets and the desk that administered records were changed; an
// empty kind stands for any.
func (s *Server) changed(ctx context.Context, kind account.Kind, ids ...string) {
	s.setupMoved()
	if s.cfg.Desk != nil {
		s.cfg.Desk.SetupChanged(context.WithoutCancel(ctx), kind, ids)
	}
}

// referenceError turns a missing record into a fault of the field that names it.
func referenceError(field, ref string, err error) error {
	if errors.Is(err, account.ErrNotFound) {
		return invalid(field, "reference", "there is no %q", ref)
	}
	return err
}

// AuditEntry is one line of the audit.
type AuditEntry struct {
	ID        string          `json:"id"`
	Time      time.Time       `json:"time"`
	UserID    string          `json:"user_id" doc:"Empty: the system, or an unknown person"`
	UserName  string          `json:"user_name"`
	Role      string          `json:"role"`
	TokenID   string          `json:"token_id"`
	Address   string          `json:"address"`
	Action    string          `json:"action" doc:"queue.update, user.login, recording.listen …"`
	TargetID  string          `json:"target_id"`
	Target    string          `json:"target" doc:"Name of the target at that time"`
	Before    json.RawMessage `json:"before,omitempty" doc:"Without secrets"`
	After     json.RawMessage `json:"after,omitempty" doc:"Without secrets"`
	RequestID string          `json:"request_id"`
}

type auditInput struct {
	Paging
	UserID   string    `query:"user_id"`
	TargetID string    `query:"target_id"`
	Action   string    `query:"action" doc:"Exact, or a beginning that ends in a dot: queue."`
	From     time.Time `query:"from"`
	To       time.Time `query:"to"`
}

func (s *Server) registerAudit() {
	register(s, operation("list-audit", http.MethodGet, "/audit", tagAudit, "Who did what, newest first", account.ActAudit),
		func(ctx context.Context, in *auditInput) (*list[AuditEntry], error) {
			limit := in.Limit
			if limit <= 0 {
				limit = 50
			}
			lines, err := s.cfg.Accounts.Audit(ctx, account.AuditQuery{
				UserID: in.UserID, TargetID: in.TargetID, Action: in.Action, From: in.From, To: in.To, Before: in.Cursor, Limit: limit + 1,
			})
			if err != nil {
				return nil, err
			}
			next := ""
			if len(lines) > limit {
				lines = lines[:limit]
				next = lines[limit-1].ID
			}
			items := make([]AuditEntry, 0, len(lines))
			for _, e := range lines {
				items = append(items, AuditEntry{
					ID: e.ID, Time: e.Time, UserID: e.UserID, UserName: e.UserName, Role: string(e.Role), TokenID: e.TokenID,
					Address: e.Address, Action: e.Action, TargetID: e.TargetID, Target: e.Target,
					Before: e.Before, After: e.After, RequestID: e.RequestID,
				})
			}
			return newList(items, next), nil
		})
}
