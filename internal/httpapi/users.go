package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/id"
)

type idInput struct {
	ID string `path:"id" maxLength:"60"`
}

type userInput struct {
	Body struct {
		ID       string       `json:"id,omitempty" maxLength:"60" pattern:"^us_[0-9A-Za-z_-]+$" doc:"A chosen identifier; made when absent"`
		Email    string       `json:"email" format:"email" maxLength:"254"`
		Name     string       `json:"name" minLength:"1" maxLength:"100"`
		Role     account.Role `json:"role"`
		Password string       `json:"password,omitempty" maxLength:"1024" doc:"At least 12 characters; without one the user cannot log in"`
		TeamID   string       `json:"team_id,omitempty"`
		AgentID  string       `json:"agent_id,omitempty"`
		Language string       `json:"language,omitempty" maxLength:"20"`
		Disabled bool         `json:"disabled,omitempty"`
	}
}

type userPatch struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Version  int64         `json:"version" minimum:"1" doc:"Version that is being changed"`
		Email    *string       `json:"email,omitempty" format:"email" maxLength:"254"`
		Name     *string       `json:"name,omitempty" minLength:"1" maxLength:"100"`
		Role     *account.Role `json:"role,omitempty"`
		Password *string       `json:"password,omitempty" maxLength:"1024" doc:"New password; ends all sessions of the user"`
		TeamID   *string       `json:"team_id,omitempty"`
		AgentID  *string       `json:"agent_id,omitempty"`
		Language *string       `json:"language,omitempty" maxLength:"20"`
		Disabled *bool         `json:"disabled,omitempty"`
	}
}

type deleteInput struct {
	ID      string `path:"id" maxLength:"60"`
	Version int64  `query:"version" minimum:"0" doc:"Version that is to be deleted; 0 or absent: any"`
}

func (s *Server) registerUsers() {
	register(s, operation("list-users", http.MethodGet, "/users", tagSetup, "List users", account.ActUsersRead), s.listUsers)
	create := operation("create-user", http.MethodPost, "/users", tagSetup, "Create a user", account.ActUsers)
	create.DefaultStatus = http.StatusCreated
	register(s, create, s.createUser)
	register(s, operation("get-user", http.MethodGet, "/users/{id}", tagSetup, "Get a user", account.ActUsersRead), s.getUser)
	register(s, operation("update-user", http.MethodPatch, "/users/{id}", tagSetup, "Change a user", account.ActUsers), s.updateUser)
	del := operation("delete-user", http.MethodDelete, "/users/{id}", tagSetup, "Delete a user", account.ActUsers)
	del.DefaultStatus = http.StatusNoContent
	register(s, del, s.deleteUser)
}

func (s *Server) listUsers(ctx context.Context, in *Paging) (*list[User], error) {
	records, next, err := s.page(ctx, account.KindUser, *in)
	if err != nil {
		return nil, err
	}
	users := make([]User, 0, len(records))
	for _, r := range records {
		u, err := account.DecodeUser(r)
		if err != nil {
			return nil, err
		}
		users = append(users, userOf(u))
	}
	return newList(users, next), nil
}

func (s *Server) user(ctx context.Context, userID string) (account.User, error) {
	r, err := s.cfg.Accounts.Record(ctx, account.KindUser, userID)
	if err != nil {
		return account.User{}, err
	}
	return account.DecodeUser(r)
}

func (s *Server) getUser(ctx context.Context, in *idInput) (*one[User], error) {
	u, err := s.user(ctx, in.ID)
	return &one[User]{userOf(u)}, err
}

func (s *Server) createUser(ctx context.Context, in *userInput) (*one[User], error) {
	b := in.Body
	u := account.User{
		ID: b.ID, Email: account.NormalEmail(b.Email), Name: b.Name, Role: b.Role, TeamID: b.TeamID,
		AgentID: b.AgentID, Language: b.Language, Disabled: b.Disabled,
	}
	if u.ID == "" {
		u.ID = id.New(id.User)
	}
	if err := s.checkUser(ctx, u); err != nil {
		return nil, err
	}
	if b.Password != "" {
		hash, err := s.hashPassword(ctx, b.Password, u)
		if err != nil {
			return nil, err
		}
		u.PasswordHash = hash
	}
	u, err := s.saveUser(ctx, "user.create", account.User{}, u)
	return &one[User]{userOf(u)}, err
}

// checkUser checks what the user refers to.
func (s *Server) checkUser(ctx context.Context, u account.User) error {
	if !strings.Contains(u.Email, "@") {
		return invalid("email", "format", "expected an e-mail address")
	}
	if err := s.refers(ctx, account.KindTeam, "team_id", u.TeamID); err != nil {
		return err
	}
	return s.refers(ctx, account.KindAgent, "agent_id", u.AgentID)
}

func (s *Server) updateUser(ctx context.Context, in *userPatch) (*one[User], error) {
	u, err := s.user(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	before, b := u, in.Body
	u.Version = b.Version
	set(&u.Email, b.Email)
	set(&u.Name, b.Name)
	set(&u.Role, b.Role)
	set(&u.TeamID, b.TeamID)
	set(&u.AgentID, b.AgentID)
	set(&u.Language, b.Language)
	set(&u.Disabled, b.Disabled)
	u.Email = account.NormalEmail(u.Email)
	if err := s.checkUser(ctx, u); err != nil {
		return nil, err
	}
	if self := actor(ctx).User.ID == u.ID; self && (u.Disabled || u.Role != before.Role) {
		return nil, invalid("role", "invalid", "nobody takes away their own role")
	}
	if b.Password != nil {
		if u.PasswordHash, err = s.hashPassword(ctx, *b.Password, u); err != nil {
			return nil, err
		}
	}
	u, err = s.saveUser(ctx, "user.update", before, u)
	if err != nil {
		return nil, err
	}
	if b.Password != nil || u.Disabled || u.Role != before.Role {
		keep := ""
		if actor(ctx).User.ID == u.ID {
			keep = secretOf(ctx)
		}
		if err := s.service.EndSessions(ctx, u.ID, keep); err != nil {
			return nil, err
		}
		s.hub.recheck(u.ID)
	}
	return &one[User]{userOf(u)}, nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (s *Server) deleteUser(ctx context.Context, in *deleteInput) (*empty, error) {
	if actor(ctx).User.ID == in.ID {
		return nil, problem(ProblemState, "nobody deletes themselves")
	}
	u, err := s.user(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Version != 0 {
		u.Version = in.Version
	}
	rec, err := u.Record()
	if err != nil {
		return nil, err
	}
	entry := s.entry(ctx, "user.delete", u.ID, u.Email, userOf(u), nil)
	if _, err := s.cfg.Accounts.Change(ctx, []account.Write{{Record: rec, Delete: true}}, []account.Entry{entry}); err != nil {
		return nil, err
	}
	if err := s.service.EndSessions(ctx, u.ID, ""); err != nil {
		return nil, err
	}
	s.hub.recheck(u.ID)
	s.changed(ctx, account.KindUser, u.ID)
	return nil, nil
}

// saveUser stores a user with its audit line.
func (s *Server) saveUser(ctx context.Context, action string, before, u account.User) (account.User, error) {
	rec, err := u.Record()
	if err != nil {
		return u, err
	}
	var was any
	if before.ID != "" {
		was = auditUser(before)
	}
	entry := s.entry(ctx, action, u.ID, u.Email, was, auditUser(u))
	stored, err := s.cfg.Accounts.Change(ctx, []account.Write{{Record: rec}}, []account.Entry{entry})
	if err != nil {
		return u, err
	}
	s.changed(ctx, account.KindUser, u.ID)
	return account.DecodeUser(stored[0])
}

// auditUser is a user for the audit: whether the password changed can be seen,
// the hash cannot.
func auditUser(u account.User) any {
	mark := ""
	if u.PasswordHash != "" {
		mark = account.HashSecret(u.PasswordHash)[:8]
	}
	return struct {
		User
		Mark string `json:"password_mark"`
	}{userOf(u), mark}
}

// Token is an API token as clients see it.
type Token struct {
	ID        string       `json:"id"`
	Version   int64        `json:"version"`
	Name      string       `json:"name"`
	UserID    string       `json:"user_id"`
	Role      account.Role `json:"role"`
	ExpiresAt time.Time    `json:"expires_at,omitzero" doc:"Absent: never"`
	CreatedAt time.Time    `json:"created_at"`
}

// NewTokenBody is a new token with its secret, which is shown this once.
type NewTokenBody struct {
	Token  Token  `json:"token"`
	Secret string `json:"secret"`
}

type tokenInput struct {
	Body struct {
		Name      string       `json:"name" minLength:"1" maxLength:"100"`
		UserID    string       `json:"user_id,omitempty" doc:"Whose token it is; absent: one's own"`
		Role      account.Role `json:"role" doc:"At most the user's"`
		ExpiresAt time.Time    `json:"expires_at,omitzero" doc:"Absent: never"`
	}
}

func tokenOf(t account.Token) Token {
	return Token{ID: t.ID, Version: t.Version, Name: t.Name, UserID: t.UserID, Role: t.Role, ExpiresAt: t.ExpiresAt, CreatedAt: t.CreatedAt}
}

func (s *Server) registerTokens() {
	register(s, operation("list-tokens", http.MethodGet, "/tokens", tagSetup, "List API tokens", account.ActTokensRead),
		func(ctx context.Context, in *Paging) (*list[Token], error) {
			records, next, err := s.page(ctx, account.KindToken, *in)
			if err != nil {
				return nil, err
			}
			tokens := make([]Token, 0, len(records))
			for _, r := range records {
				t, err := account.DecodeToken(r)
				if err != nil {
					return nil, err
				}
				tokens = append(tokens, tokenOf(t))
			}
			return newList(tokens, next), nil
		})
	create := operation("create-token", http.MethodPost, "/tokens", tagSetup, "Create an API token", account.ActTokens)
	create.DefaultStatus = http.StatusCreated
	register(s, create, s.createToken)
	del := operation("delete-token", http.MethodDelete, "/tokens/{id}", tagSetup, "Revoke an API token", account.ActTokens)
	del.DefaultStatus = http.StatusNoContent
	register(s, del, s.deleteToken)
}

func (s *Server) createToken(ctx context.Context, in *tokenInput) (*one[NewTokenBody], error) {
	owner := actor(ctx).User
	if in.Body.UserID != "" && in.Body.UserID != owner.ID {
		u, err := s.user(ctx, in.Body.UserID)
		if err != nil {
			return nil, referenceError("user_id", in.Body.UserID, err)
		}
		owner = u
	}
	if !account.MayDelegate(owner.Role, in.Body.Role) {
		return nil, invalid("role", "invalid", "a token of a user with role %s cannot have role %s", owner.Role, in.Body.Role)
	}
	if e := in.Body.ExpiresAt; !e.IsZero() && !e.After(s.now()) {
		return nil, invalid("expires_at", "too_small", "expected a time in the future")
	}
	t, secret := account.NewToken(in.Body.Name, owner.ID, in.Body.Role, in.Body.ExpiresAt.UTC())
	rec, err := t.Record()
	if err != nil {
		return nil, err
	}
	entry := s.entry(ctx, "token.create", t.ID, t.Name, nil, tokenOf(t))
	stored, err := s.cfg.Accounts.Change(ctx, []account.Write{{Record: rec}}, []account.Entry{entry})
	if err != nil {
		return nil, err
	}
	if t, err = account.DecodeToken(stored[0]); err != nil {
		return nil, err
	}
	return &one[NewTokenBody]{NewTokenBody{Token: tokenOf(t), Secret: secret}}, nil
}

func (s *Server) deleteToken(ctx context.Context, in *deleteInput) (*empty, error) {
	rec, err := s.cfg.Accounts.Record(ctx, account.KindToken, in.ID)
	if err != nil {
		return nil, err
	}
	t, err := account.DecodeToken(rec)
	if err != nil {
		return nil, err
	}
	if in.Version != 0 {
		rec.Version = in.Version
	}
	entry := s.entry(ctx, "token.delete", t.ID, t.Name, tokenOf(t), nil)
	_, err = s.cfg.Accounts.Change(ctx, []account.Write{{Record: rec, Delete: true}}, []account.Entry{entry})
	s.hub.recheck(t.UserID)
	return nil, err
}

// refers checks that a reference leads to a record, or is empty.
func (s *Server) refers(ctx context.Context, kind account.Kind, field, ref string) error {
	if ref == "" {
		return nil
	}
	if _, err := s.cfg.Accounts.Record(ctx, kind, ref); err != nil {
		return referenceError(field, ref, err)
	}
	return nil
}

// checkLabels checks texts for people by language.
func checkLabels(field string, l setup.Labels) error {
	for lang, text := range l {
		if len(lang) < 2 || len(lang) > 20 || len(text) > 200 {
			return invalid(field, "invalid", "expected texts of at most 200 bytes by language (BCP 47)")
		}
	}
	return nil
}
