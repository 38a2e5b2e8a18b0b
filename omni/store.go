package omni

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ErrNotFound is returned when no record has the wanted id or identity.
var ErrNotFound = errors.New("omni: not found")

// ErrChanged is returned for an edit of what somebody else changed meanwhile.
var ErrChanged = errors.New("omni: changed by somebody else")

// ErrCursor is returned for a cursor that no earlier page gave.
var ErrCursor = errors.New("omni: cursor is not one of ours")

// ErrFilter is returned for a filter whose values contradict each other or do
// not exist.
var ErrFilter = errors.New("omni: bad filter")

// FilterError is an ErrFilter that names the field.
type FilterError struct {
	Field   string // as the API has it: state, to
	Problem string
}

// Error implements error.
func (e *FilterError) Error() string { return ErrFilter.Error() + ": " + e.Field + " " + e.Problem }

// Unwrap lets errors.Is find ErrFilter.
func (e *FilterError) Unwrap() error { return ErrFilter }

// Store reads what the journal and its rows say. Writing goes through Change.
// Every method returns ErrNotFound where a single record is missing and an
// empty slice where a list is empty.
type Store interface {
	Conversation(ctx context.Context, id string) (Conversation, error)
	// Conversations lists newest first.
	Conversations(ctx context.Context, f Filter, p Page) (items []Conversation, next string, err error)
	// Detail is a conversation with everything that belongs to it.
	Detail(ctx context.Context, id string) (Detail, error)
	// LiveConversations are those that are not completed and belong to the
	// node, oldest first; of every node when nodeID is empty.
	LiveConversations(ctx context.Context, nodeID string) ([]Conversation, error)
	// OpenLegs are the legs without an end of the node's conversations, with
	// their persisted dialogs; of every node when nodeID is empty.
	OpenLegs(ctx context.Context, nodeID string) ([]Leg, error)
	// LostInQueue finds the newest conversation of the same caller and dialled
	// number that waited in a queue when its process died, since the given
	// time, with the segment that tells since when it waited.
	LostInQueue(ctx context.Context, caller, dialled string, since time.Time) (Conversation, Segment, error)

	// Segments are those that overlap [from, to), ordered by start.
	Segments(ctx context.Context, from, to time.Time) ([]Segment, error)
	ConversationSegments(ctx context.Context, conversationID string) ([]Segment, error)

	Customer(ctx context.Context, id string) (Customer, error)
	// CustomerNames are the names by id of those that exist.
	CustomerNames(ctx context.Context, ids []string) (map[string]string, error)
	// Customers lists newest first.
	Customers(ctx context.Context, f CustomerFilter, p Page) (items []Customer, next string, err error)
	CustomerByIdentity(ctx context.Context, kind, value, scope string) (Customer, Identity, error)
	Identities(ctx context.Context, customerID string) ([]Identity, error)
	// Consents are what a customer said, newest first.
	Consents(ctx context.Context, customerID string) ([]Consent, error)

	Recording(ctx context.Context, id string) (Recording, error)
	// UnfinishedRecordings are running recordings of the node's conversations.
	UnfinishedRecordings(ctx context.Context, nodeID string) ([]Recording, error)
	// LeftRecordings are running recordings of completed conversations, but for
	// those of the living nodes, which complete their own: their processes died,
	// and nobody completes them unless somebody was about to.
	LeftRecordings(ctx context.Context, living []string) ([]Recording, error)
	// ExpiredRecordings are those that may be deleted now, oldest first.
	ExpiredRecordings(ctx context.Context, now time.Time, limit int) ([]Recording, error)

	// Events are those after a seq, in order; at most limit.
	Events(ctx context.Context, after int64, limit int) ([]Event, error)
	// Head is the seq of the last event, 0 before the first.
	Head(ctx context.Context) (int64, error)
	ConversationEvents(ctx context.Context, conversationID string) ([]Event, error)
}

// Detail is a conversation with everything that belongs to it, each list in
// the order of time.
type Detail struct {
	Conversation Conversation `json:"conversation"`
	Customer     *Customer    `json:"customer,omitempty"`
	Identities   []Identity   `json:"identities" nullable:"false"`
	Segments     []Segment    `json:"segments" nullable:"false"`
	Legs         []Leg        `json:"legs" nullable:"false"`
	Recordings   []Recording  `json:"recordings" nullable:"false"`
	Messages     []Message    `json:"messages" nullable:"false"`
	Events       []Event      `json:"events" nullable:"false"`
}

// Filter chooses conversations; an empty field does not restrict.
type Filter struct {
	States     []State
	AgentID    string
	QueueID    string
	CustomerID string
	Channel    Channel
	Caller     string // the caller's number, or its beginning
	Text       string // in names, numbers, subject and notes
	From, To   time.Time
	Simulated  *bool
	Demo       *bool
	View       *View // nil: everybody's
}

// View restricts what is found to that in which some agents and queues had a
// part. The zero View finds nothing.
type View struct {
	Agents []string // who talked in the conversation
	Queues []string // in which it waited, or from which it was taken
}

// Part tells whether the view's agents or queues had a part in a conversation.
// segments are the conversation's.
func (v View) Part(c Conversation, segments []Segment) bool {
	if slices.Contains(v.Agents, c.AgentID) && c.AgentID != "" || slices.Contains(v.Queues, c.QueueID) && c.QueueID != "" {
		return true
	}
	return slices.ContainsFunc(segments, func(s Segment) bool {
		switch s.Kind {
		case SegmentAgent:
			return slices.Contains(v.Agents, s.AgentID) || slices.Contains(v.Queues, s.QueueID) && s.QueueID != ""
		case SegmentQueue:
			return slices.Contains(v.Queues, s.QueueID) && s.QueueID != ""
		}
		return false
	})
}

// CustomerFilter chooses customers; an empty field does not restrict.
type CustomerFilter struct {
	Text string // in names, notes and identities
	View *View  // only those with a conversation in it; nil: everybody
}

// Validate refuses states that do not exist and a span that ends before it begins.
func (f Filter) Validate() error {
	for _, s := range f.States {
		if _, ok := moves[s]; !ok && s != Completed {
			return &FilterError{"state", string(s) + " does not exist"}
		}
	}
	if !f.From.IsZero() && !f.To.IsZero() && f.To.Before(f.From) {
		return &FilterError{"to", "lies before from"}
	}
	return nil
}

// The bounds of a page.
const (
	DefaultPage = 50
	MaxPage     = 500
)

// Page asks for the part of a list that follows Cursor.
type Page struct {
	Cursor string // as a list returned it; empty for the first page
	Limit  int    // 0: DefaultPage; never more than MaxPage
}

// Size is the number of items the page holds at most.
func (p Page) Size() int {
	switch {
	case p.Limit <= 0:
		return DefaultPage
	case p.Limit > MaxPage:
		return MaxPage
	}
	return p.Limit
}
