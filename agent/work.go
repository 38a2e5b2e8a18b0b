package agent

import (
	"fmt"
	"slices"
	"time"
)

// WorkState is where one agent is with one conversation.
type WorkState string

// The work states. Idle means that the agent is done with the conversation.
const (
	Idle       WorkState = "idle"
	Reserved   WorkState = "reserved"
	Alerting   WorkState = "alerting"
	Connected  WorkState = "connected"
	OnHold     WorkState = "on_hold"
	Consulting WorkState = "consulting"
	WrapUp     WorkState = "wrap_up"
)

// WorkStates lists every work state.
var WorkStates = []WorkState{Idle, Reserved, Alerting, Connected, OnHold, Consulting, WrapUp}

// workMoves is the whole table: a move that is not here does not exist.
var workMoves = map[WorkState][]WorkState{
	Idle:       {Reserved},
	Reserved:   {Alerting, Idle},                   // Idle: withdrawn before it rang
	Alerting:   {Connected, Idle},                  // Idle: not answered, or never connected
	Connected:  {OnHold, Consulting, WrapUp, Idle}, // Idle: agent lost, or a queue without wrap-up
	OnHold:     {Connected, Consulting, WrapUp, Idle},
	Consulting: {Connected, OnHold, WrapUp, Idle},
	WrapUp:     {Idle},
}

// MoveWork checks the move of a work state; the error wraps ErrTransition.
func MoveWork(from, to WorkState) error {
	if !slices.Contains(workMoves[from], to) {
		return fmt.Errorf("%w: %s to %s", ErrTransition, from, to)
	}
	return nil
}

// Work is one agent's work on one conversation: a row from the reservation
// until the wrap-up is done. ID is the offer's id.
type Work struct {
	ID             string    `json:"id"`
	AgentID        string    `json:"agent_id"`
	ConversationID string    `json:"conversation_id"`
	QueueID        string    `json:"queue_id"` // empty: a direct offer without a queue
	Channel        Channel   `json:"channel"`
	ConsultBy      string    `json:"consult_by,omitempty" doc:"The agent who asks, while this one only consults"`
	State          WorkState `json:"state"`
	Parked         bool      `json:"parked"` // a parked text uses no capacity
	Since          time.Time `json:"since"`  // of the state
	StartedAt      time.Time `json:"started_at"`
	ConnectedAt    time.Time `json:"connected_at,omitzero"`
	WrapUpUntil    time.Time `json:"wrap_up_until,omitzero"`
	Extensions     int       `json:"extensions"`        // of the wrap-up, used
	EndedAt        time.Time `json:"ended_at,omitzero"` // with Idle
	EndReason      string    `json:"end_reason"`
	// Entry is what the queue entry was, so that a lost agent's customer can be
	// queued again. It is shared and must not be changed.
	Entry *QueueEntry `json:"entry,omitempty"`
}

// OfferState is the state of an offer (reservation).
type OfferState string

// The offer states.
const (
	OfferPending   OfferState = "pending"
	OfferAccepted  OfferState = "accepted"
	OfferRejected  OfferState = "rejected"
	OfferTimedOut  OfferState = "timeout"
	OfferCanceled  OfferState = "canceled"  // the customer left, or routing changed its mind
	OfferRescinded OfferState = "rescinded" // somebody else took it, or the agent cannot be reached
	OfferWrapping  OfferState = "wrapping"
	OfferCompleted OfferState = "completed"
)

// OfferStates lists every offer state.
var OfferStates = []OfferState{OfferPending, OfferAccepted, OfferRejected, OfferTimedOut, OfferCanceled, OfferRescinded, OfferWrapping, OfferCompleted}

var offerMoves = map[OfferState][]OfferState{
	OfferPending:  {OfferAccepted, OfferRejected, OfferTimedOut, OfferCanceled, OfferRescinded},
	OfferAccepted: {OfferWrapping, OfferCompleted},
	OfferWrapping: {OfferCompleted},
}

// MoveOffer checks the move of an offer's state; the error wraps ErrTransition.
func MoveOffer(from, to OfferState) error {
	if !slices.Contains(offerMoves[from], to) {
		return fmt.Errorf("%w: offer %s to %s", ErrTransition, from, to)
	}
	return nil
}

// Offer is a conversation offered to an agent.
type Offer struct {
	ID             string       `json:"id"`
	ConversationID string       `json:"conversation_id"`
	QueueID        string       `json:"queue_id"`
	AgentID        string       `json:"agent_id"`
	Channel        Channel      `json:"channel"`
	State          OfferState   `json:"state"`
	Direct         bool         `json:"direct"`               // a transfer to this agent
	ConsultBy      string       `json:"consult_by,omitempty"` // the agent who asks, where it is about consulting
	CreatedAt      time.Time    `json:"created_at"`
	ExpiresAt      time.Time    `json:"expires_at"`
	EndedAt        time.Time    `json:"ended_at,omitzero"` // when it left pending
	Explanation    *Explanation `json:"explanation,omitempty"`
}

// EntryState is where a conversation is with a queue.
type EntryState string

// The states of a queue entry.
const (
	EntryWaiting    EntryState = "waiting"
	EntryOffered    EntryState = "offered"
	EntryAssigned   EntryState = "assigned"   // an agent accepted
	EntryLeft       EntryState = "left"       // the customer left or the flow took it back
	EntryOverflowed EntryState = "overflowed" // the queue gave it up
)

// QueueEntry is one conversation in a queue: a row. ID is the conversation's
// id: a conversation waits in one place at a time.
type QueueEntry struct {
	ConversationID string      `json:"conversation_id"`
	QueueID        string      `json:"queue_id"`
	Channel        Channel     `json:"channel"`
	State          EntryState  `json:"state"`
	ConsultBy      string      `json:"consult_by,omitempty"` // the agent who asks, where not the customer waits
	Priority       int         `json:"priority"`             // points added to the queue's
	Skills         []SkillNeed `json:"skills,omitempty"`
	PreferredAgent string      `json:"preferred_agent,omitempty"`
	Top            bool        `json:"top,omitempty"`            // before everybody else: a lost agent's customer
	EnteredAt      time.Time   `json:"entered_at"`               // kept over missed offers
	Hops           int         `json:"hops,omitempty"`           // overflows from queue to queue so far
	Missed         []string    `json:"missed,omitempty"`         // agents who just missed or rejected it
	Reason         string      `json:"reason"`                   // why it waits, or why it left
	AnnounceEvery  Seconds     `json:"announce_every,omitempty"` // 0: the queue's interval
	UpdatedAt      time.Time   `json:"updated_at"`
	// Direct offers only.
	DirectAgent   string  `json:"direct_agent,omitempty"`
	DirectWait    Seconds `json:"direct_wait,omitempty"`
	FallbackAgent string  `json:"fallback_agent,omitempty"`
	FallbackQueue string  `json:"fallback_queue,omitempty"`
}
