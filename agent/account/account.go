// Package account knows who may use an installation and what they may do:
// users and their roles, passwords (argon2id, RFC 9106), log-in with
// throttling, sessions, API tokens, the permission table, and the audit of
// every change. It also declares the versioned records in which everything
// that people administer is kept (package setup has their bodies).
//
// It does not know HTTP, calls or databases: Store is implemented elsewhere.
package account

import (
	"errors"
	"time"
)

// Errors of this package and of every Store.
var (
	// ErrNotFound means that there is no such record, or none that the asker may see.
	ErrNotFound = errors.New("account: not found")
	// ErrVersion means that somebody changed the record in the meantime.
	ErrVersion = errors.New("account: version is not the current one")
	// ErrTaken means that another record of the kind has the same key.
	ErrTaken = errors.New("account: key is already taken")
	// ErrInUse means that other records refer to the one to be deleted.
	ErrInUse = errors.New("account: record is in use")
	// ErrCredentials means that the log-in, session or token is not valid.
	ErrCredentials = errors.New("account: credentials are not valid")
	// ErrForbidden means that the role may not do this.
	ErrForbidden = errors.New("account: not permitted")
	// ErrState means that the present state of things does not allow it: an offer
	// that has gone, a hold of a call that is not connected.
	ErrState = errors.New("account: not possible in the present state")
	// ErrBusy means that the server has no room for another password check now.
	ErrBusy = errors.New("account: too many log-ins at once")
	// ErrAway: the process that would have to do it does not answer.
	ErrAway = errors.New("account: the process that carries it does not answer")
	// ErrUnavailable means that the database cannot be reached or cannot write now.
	ErrUnavailable = errors.New("account: the database is away")
)

// FieldError refuses a request because of one of its fields.
type FieldError struct {
	Field   string // as the request names it: code
	Code    string // stable kind of the fault: required, reference, scope
	Message string // what was expected, in English
}

// Error implements error.
func (e *FieldError) Error() string { return "account: " + e.Field + ": " + e.Message }

// Role is what a person is to the installation; it decides what they may do.
type Role string

// The roles.
const (
	RoleAgent      Role = "agent"
	RoleSupervisor Role = "supervisor"
	RoleAdmin      Role = "admin"
	RoleAuditor    Role = "auditor"
)

// Roles lists every role.
var Roles = []Role{RoleAgent, RoleSupervisor, RoleAdmin, RoleAuditor}

// User is somebody who may log in.
type User struct {
	ID           string    `json:"id"`
	Version      int64     `json:"-"`
	Email        string    `json:"email"` // lower case; unique
	Name         string    `json:"name"`
	Role         Role      `json:"role"`
	TeamID       string    `json:"team_id"`  // a supervisor's view is this team's; empty means all
	AgentID      string    `json:"agent_id"` // the agent this user works as; empty when none
	Language     string    `json:"language"` // BCP 47 of the pages: zh-CN, en, ja; empty: as the browser says
	PasswordHash string    `json:"password_hash,omitempty"`
	Disabled     bool      `json:"disabled"`
	Demo         bool      `json:"-"`
	CreatedAt    time.Time `json:"-"`
	UpdatedAt    time.Time `json:"-"`
}

// Session is one log-in of a browser. Its secret is never stored: only the hash.
type Session struct {
	ID        string    `json:"id"`
	Hash      string    `json:"hash"` // SHA-256 of the secret, hexadecimal
	UserID    string    `json:"user_id"`
	Address   string    `json:"address"`    // where the log-in came from
	UserAgent string    `json:"user_agent"` // shortened to 200 bytes
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`    // moved on at most once a minute
	ExpiresAt time.Time `json:"expires_at"` // absolute end, whatever happens
}

// Token is a secret with which a program uses the API. Its role bounds it; it
// can never do more than the user it belongs to.
type Token struct {
	ID        string    `json:"id"`
	Version   int64     `json:"-"`
	Name      string    `json:"name"`
	UserID    string    `json:"user_id"`
	Role      Role      `json:"role"`
	Hash      string    `json:"hash"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero: never
	CreatedAt time.Time `json:"-"`
}

// Actor is who does something: a logged-in user, or a program with a token.
type Actor struct {
	User      User
	Role      Role   // the user's, or the token's lesser one
	SessionID string // set for a browser
	TokenID   string // set for a program
	Address   string
}

// ID returns the user's id.
func (a Actor) ID() string { return a.User.ID }
