package agent

import "context"

// Change holds rows to persist, upserted whole by their ids (Presence by
// agent, QueueEntry by conversation). Applying it twice equals applying it
// once, so it may be spooled to disk and replayed.
type Change struct {
	Agents       []Agent       `json:"agents,omitempty"`
	Teams        []Team        `json:"teams,omitempty"`
	Queues       []Queue       `json:"queues,omitempty"`
	BreakReasons []BreakReason `json:"break_reasons,omitempty"`
	WrapUpCodes  []WrapUpCode  `json:"wrap_up_codes,omitempty"`
	Presences    []Presence    `json:"presences,omitempty"`
	Works        []Work        `json:"works,omitempty"`
	Offers       []Offer       `json:"offers,omitempty"`
	QueueEntries []QueueEntry  `json:"queue_entries,omitempty"`
	Deleted      []Ref         `json:"deleted,omitempty"`
}

// RefKind names the kind of a deleted row.
type RefKind string

// The kinds of rows that can be deleted.
const (
	RefAgent       RefKind = "agent"
	RefTeam        RefKind = "team"
	RefQueue       RefKind = "queue"
	RefBreakReason RefKind = "break_reason"
	RefWrapUpCode  RefKind = "wrap_up_code"
)

// Ref names a row to delete; one that is not there is no error.
type Ref struct {
	Kind RefKind `json:"kind"`
	ID   string  `json:"id"`
}

// State is everything a new leader needs to go on routing.
type State struct {
	Agents    []Agent
	Queues    []Queue
	Presences []Presence
	Works     []Work       // not idle
	Offers    []Offer      // pending, accepted or wrapping
	Entries   []QueueEntry // waiting or offered
}

// Store is what the package's users need of the store. Writes go through a
// Change. What is not there gives ErrNotFound.
type Store interface {
	Agents(ctx context.Context) ([]Agent, error)
	Agent(ctx context.Context, id string) (Agent, error)
	AgentByUser(ctx context.Context, userID string) (Agent, error)
	Teams(ctx context.Context) ([]Team, error)
	Queues(ctx context.Context) ([]Queue, error)
	Queue(ctx context.Context, id string) (Queue, error)
	BreakReasons(ctx context.Context) ([]BreakReason, error)
	WrapUpCodes(ctx context.Context) ([]WrapUpCode, error)
	Offer(ctx context.Context, id string) (Offer, error)
	// RoutingState reads what Restore wants, in one consistent view.
	RoutingState(ctx context.Context) (State, error)
}
