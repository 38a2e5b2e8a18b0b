package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/openhotline/hotline/agent/account"
)

// User is a user as clients see them.
type User struct {
	ID        string       `json:"id" readOnly:"true"`
	Version   int64        `json:"version" readOnly:"true" doc:"Counts the changes; send it back with a change"`
	Email     string       `json:"email" format:"email" maxLength:"254"`
	Name      string       `json:"name" minLength:"1" maxLength:"100"`
	Role      account.Role `json:"role"`
	TeamID    string       `json:"team_id" doc:"Team that a supervisor sees; empty: all"`
	AgentID   string       `json:"agent_id" doc:"Agent as whom this user works; empty: none"`
	Language  string       `json:"language" maxLength:"20" doc:"BCP 47; empty: as the browser says"`
	Disabled  bool         `json:"disabled"`
	Demo      bool         `json:"demo" readOnly:"true"`
	CreatedAt time.Time    `json:"created_at" readOnly:"true"`
	UpdatedAt time.Time    `json:"updated_at" readOnly:"true"`
}

func userOf(u account.User) User {
	return User{
		ID: u.ID, Version: u.Version, Email: u.Email, Name: u.Name, Role: u.Role, TeamID: u.TeamID, AgentID: u.AgentID,
		Language: u.Language, Disabled: u.Disabled, Demo: u.Demo, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}

// Me is who is logged in, and what they may do.
type Me struct {
	User        User             `json:"user"`
	Role        account.Role     `json:"role" doc:"The user's, or the lesser one of the token"`
	Permissions []account.Action `json:"permissions"`
	Token       string           `json:"token,omitempty" doc:"For programs: only after a log-in with ?token=true"`
	ICEServers  []ICEServer      `json:"ice_servers,omitempty" nullable:"false" doc:"For agents: what their browser asks for its public address and for a relay"`
}

func meOf(a account.Actor) Me {
	return Me{User: userOf(a.User), Role: a.Role, Permissions: account.Granted(a.Role)}
}

type loginInput struct {
	Token bool `query:"token" doc:"Return the session's secret for use as a bearer token, instead of a cookie"`
	Body  struct {
		Email    string `json:"email" minLength:"1" maxLength:"254"`
		Password string `json:"password" minLength:"1" maxLength:"1024"`
	}
}

type loginOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      Me
}

func (s *Server) registerAccount() {
	register(s, operation("login", http.MethodPost, "/login", tagAccount, "Log in", ""), s.login)
	out := operation("logout", http.MethodPost, "/logout", tagAccount, "Log out", account.ActSelf)
	out.DefaultStatus = http.StatusNoContent
	register(s, out, s.logout)
	register(s, operation("get-me", http.MethodGet, "/me", tagAccount, "Who is logged in", account.ActSelf),
		func(ctx context.Context, _ *struct{}) (*one[Me], error) {
			me := meOf(actor(ctx))
			if me.User.AgentID != "" || account.Allowed(actor(ctx).User.Role, account.ActSupervise) {
				me.ICEServers = s.cfg.ICEServers
			}
			return &one[Me]{me}, nil
		})
	register(s, operation("update-me", http.MethodPatch, "/me", tagAccount, "Change one's own profile or password", account.ActSelf), s.updateMe)
}

func (s *Server) login(ctx context.Context, in *loginInput) (*loginOutput, error) {
	r := requestOf(ctx)
	if !secure(ctx) && !loopback(r.Host) {
		return nil, problem(ProblemHTTPSRequired, "passwords and the microphone need the HTTPS address: "+s.httpsAddress(r))
	}
	secret, a, err := s.service.Login(ctx, in.Body.Email, in.Body.Password, sourceOf(ctx))
	if err != nil {
		var throttled *account.ThrottledError
		switch {
		case errors.As(err, &throttled):
			err = errors.Join(problem(ProblemThrottled, throttled.Error()), err)
		case errors.Is(err, account.ErrCredentials):
			s.audit(ctx, account.Entry{Action: "user.login_failed", Target: account.NormalEmail(in.Body.Email)})
		}
		return nil, err
	}
	ctx = context.WithValue(ctx, keyActor, a)
	s.audit(ctx, account.Entry{Action: "user.login", TargetID: a.User.ID, Target: a.User.Email})
	out := &loginOutput{Body: meOf(a)}
	if in.Token {
		out.Body.Token = secret
		return out, nil
	}
	out.SetCookie = http.Cookie{
		Name: sessionCookie(r), Value: secret, Path: "/", HttpOnly: true, Secure: secure(ctx),
		SameSite: http.SameSiteLaxMode, MaxAge: int((7 * 24 * time.Hour).Seconds()),
	}
	return out, nil
}

type logoutOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

func (s *Server) logout(ctx context.Context, _ *struct{}) (*logoutOutput, error) {
	a := actor(ctx)
	if a.SessionID != "" {
		if err := s.service.Logout(ctx, secretOf(ctx)); err != nil {
			return nil, err
		}
		s.audit(ctx, account.Entry{Action: "user.logout", TargetID: a.User.ID, Target: a.User.Email})
		s.hub.endSession(a.SessionID)
	}
	return &logoutOutput{http.Cookie{
		Name: sessionCookie(requestOf(ctx)), Path: "/", HttpOnly: true, Secure: secure(ctx), SameSite: http.SameSiteLaxMode, MaxAge: -1,
	}}, nil
}

type updateMeInput struct {
	Body struct {
		Language    *string `json:"language,omitempty" maxLength:"20" doc:"BCP 47: zh-CN, en, ja"`
		Name        *string `json:"name,omitempty" minLength:"1" maxLength:"100"`
		Password    *string `json:"password,omitempty" maxLength:"1024" doc:"New password; ends all other sessions"`
		OldPassword *string `json:"old_password,omitempty" maxLength:"1024" doc:"Required with a new password"`
	}
}

func (s *Server) updateMe(ctx context.Context, in *updateMeInput) (*one[Me], error) {
	a := actor(ctx)
	rec, err := s.cfg.Accounts.Record(ctx, account.KindUser, a.User.ID)
	if err != nil {
		return nil, err
	}
	u, err := account.DecodeUser(rec)
	if err != nil {
		return nil, err
	}
	before := u
	if in.Body.Language != nil {
		u.Language = *in.Body.Language
	}
	if in.Body.Name != nil {
		u.Name = *in.Body.Name
	}
	if in.Body.Password != nil {
		if in.Body.OldPassword == nil {
			return nil, invalid("old_password", "required", "the present password is required for a new one")
		}
		ok, err := s.service.VerifyPassword(ctx, u, *in.Body.OldPassword, sourceOf(ctx))
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, invalid("old_password", "invalid", "the present password is not right")
		}
		if u.PasswordHash, err = s.hashPassword(ctx, *in.Body.Password, u); err != nil {
			return nil, err
		}
	}
	u, err = s.saveUser(ctx, "user.update_self", before, u)
	if err != nil {
		return nil, err
	}
	if in.Body.Password != nil {
		if err := s.service.EndSessions(ctx, u.ID, secretOf(ctx)); err != nil {
			return nil, err
		}
	}
	a.User = u
	return &one[Me]{meOf(a)}, nil
}

// hashPassword applies the password rule; its errors name the field.
func (s *Server) hashPassword(ctx context.Context, password string, u account.User) (string, error) {
	hash, err := s.service.HashPassword(ctx, password, u)
	switch {
	case errors.Is(err, account.ErrPasswordShort):
		return "", invalid("password", "too_small", "expected at least %d characters", account.MinPassword)
	case errors.Is(err, account.ErrPasswordLong):
		return "", invalid("password", "too_large", "expected at most %d characters", account.MaxPassword)
	case errors.Is(err, account.ErrPasswordCommon):
		return "", invalid("password", "weak_password", "it is among the passwords that are tried first")
	case errors.Is(err, account.ErrPasswordSelf):
		return "", invalid("password", "weak_password", "it contains the name or the address")
	}
	return hash, err
}
