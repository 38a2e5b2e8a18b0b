package account

import (
	"context"
	"encoding/json"
	"time"
)

// Kind is the kind of an administered record.
type Kind string

// The kinds of records. Their bodies are the types of package setup, but for
// users and tokens, whose bodies are User and Token.
const (
	KindUser        Kind = "user"         // key: e-mail address
	KindToken       Kind = "token"        // key: hash of the secret
	KindTeam        Kind = "team"         // key: name
	KindAgent       Kind = "agent"        // no key
	KindQueue       Kind = "queue"        // key: name
	KindLine        Kind = "line"         // key: name
	KindNumber      Kind = "number"       // key: the number
	KindDevice      Kind = "device"       // key: user name of the registration
	KindFlow        Kind = "flow"         // key: name; body has the draft and which version is published
	KindFlowVersion Kind = "flow_version" // key: FLOW_ID@VERSION; never changed once written
	KindCalendar    Kind = "calendar"     // key: name
	KindBreak       Kind = "break"        // key: code
	KindWrapUpCode  Kind = "wrapup_code"  // key: code
	KindNote        Kind = "note"         // installation-wide markers, such as "demo data was seeded"; key: id
)

// Record is one thing that people administer, as a versioned document.
type Record struct {
	Kind      Kind
	ID        string
	Version   int64  // 1 when created, one more with each change
	Key       string // unique within the kind unless empty; compared as bytes
	Body      json.RawMessage
	Demo      bool // seeded example data, removable
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Write is one change of a record within Store.Change.
type Write struct {
	Record Record // Version is the version that is replaced or deleted; 0: it must not exist yet
	Delete bool
}

// Page is one page of a list ordered by id.
type Page struct {
	After string // id of the last record of the page before
	Limit int    // 0: all
}

// Entry is one line of the audit: who did what to what, before and after. It is
// never changed. Before and After are redacted JSON objects.
type Entry struct {
	ID        string          `json:"id"`
	Time      time.Time       `json:"time"`
	UserID    string          `json:"user_id"` // empty: the system, or an unknown person
	UserName  string          `json:"user_name"`
	Role      Role            `json:"role"`
	TokenID   string          `json:"token_id"`
	Address   string          `json:"address"`
	Action    string          `json:"action"` // queue.update, user.login, recording.listen …
	TargetID  string          `json:"target_id"`
	Target    string          `json:"target"` // name of the target at that time
	Before    json.RawMessage `json:"before,omitempty"`
	After     json.RawMessage `json:"after,omitempty"`
	RequestID string          `json:"request_id"`
}

// AuditQuery selects lines of the audit, newest first.
type AuditQuery struct {
	UserID   string
	TargetID string
	Action   string    // exact, or a prefix that ends in a dot
	From, To time.Time // To is exclusive; zero: unbounded
	Before   string    // id of the last line of the page before
	Limit    int       // 0 means 100
}

// SessionFilter selects sessions to delete; the fields that are set must all match.
type SessionFilter struct {
	Hash          string
	UserID        string
	ExceptHash    string    // with UserID: all but this one
	ExpiredBefore time.Time // by ExpiresAt
	SeenBefore    time.Time
}

// Store keeps accounts, administered records and the audit. Errors are those of
// this package, possibly wrapped.
//
// In SQL: one table of records with primary key (kind, id) and a unique index on
// (kind, key) where key is not empty; one of sessions by hash; one of the audit.
type Store interface {
	// Record returns one record, or ErrNotFound.
	Record(ctx context.Context, kind Kind, id string) (Record, error)
	// RecordByKey returns the record with that key, or ErrNotFound.
	RecordByKey(ctx context.Context, kind Kind, key string) (Record, error)
	// Records returns records of a kind ordered by id.
	Records(ctx context.Context, kind Kind, page Page) ([]Record, error)
	// Change makes all writes and adds all audit lines in one transaction, or
	// none. It gives Version, CreatedAt (kept on replacement) and UpdatedAt, and
	// returns the records as stored, in the order of the writes; a deleted one as
	// it was. ErrVersion, ErrTaken, ErrNotFound (delete or replace of nothing).
	Change(ctx context.Context, writes []Write, audit []Entry) ([]Record, error)
	// Audit returns lines of the audit, newest first.
	Audit(ctx context.Context, q AuditQuery) ([]Entry, error)

	// Session returns the session with that hash, or ErrNotFound.
	Session(ctx context.Context, hash string) (Session, error)
	// PutSession inserts or replaces the session with that hash.
	PutSession(ctx context.Context, s Session) error
	// DeleteSessions deletes the matching sessions; an empty filter deletes none.
	DeleteSessions(ctx context.Context, f SessionFilter) (int, error)
}
