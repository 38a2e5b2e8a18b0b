package omni

import (
	"encoding/json"
	"time"
)

// Event is one entry of the journal (CloudEvents 1.0 attributes under our
// names, plus Seq). Personal data is not in it: it lives in rows that can be
// erased.
type Event struct {
	Seq             int64           `json:"seq"` // gap-free over the installation, in commit order; 0 until the store gave it
	ID              string          `json:"id"`
	Type            string          `json:"type"`
	Time            time.Time       `json:"ts"`
	ConversationID  string          `json:"conversation_id,omitempty"`
	ConversationSeq int64           `json:"conversation_seq,omitempty"` // gap-free within the conversation
	SegmentID       string          `json:"segment_id,omitempty"`
	AgentID         string          `json:"agent_id,omitempty"`
	QueueID         string          `json:"queue_id,omitempty"`
	CausationID     string          `json:"causation_id,omitempty"`
	Data            json.RawMessage `json:"data,omitempty"`
}

// The types of events.
const (
	ConversationInitiated   = "conversation.initiated"
	ConversationFlowEntered = "conversation.flow_entered"
	ConversationQueued      = "conversation.queued"
	ConversationOffered     = "conversation.offered"
	ConversationConnected   = "conversation.connected"
	ConversationHeld        = "conversation.held"
	ConversationResumed     = "conversation.resumed"
	ConversationTransferred = "conversation.transferred"
	// The agent asks somebody else, who comes or does not; parties come and leave.
	ConversationConsultStarted = "conversation.consult_started"
	ConversationConsultEnded   = "conversation.consult_ended"
	// The customer is back from a flow for whose end the agent waited.
	ConversationFlowLeft      = "conversation.flow_left"
	ConversationPartyJoined   = "conversation.party_joined"
	ConversationPartyLeft     = "conversation.party_left"
	ConversationWrapUpStarted = "conversation.wrap_up_started"
	ConversationWrappedUp     = "conversation.wrapped_up" // by one agent; SegmentID is that agent's
	ConversationCompleted     = "conversation.completed"

	OfferCreated   = "offer.created"
	OfferAccepted  = "offer.accepted"
	OfferRejected  = "offer.rejected"
	OfferTimeout   = "offer.timeout"
	OfferCanceled  = "offer.canceled"
	OfferRescinded = "offer.rescinded"

	SegmentStarted = "segment.started"
	SegmentEnded   = "segment.ended"

	QueueEntered    = "queue.entered"
	QueueTimeout    = "queue.timeout"
	QueueOverflowed = "queue.overflowed"
	// QueueOverflowSkipped: an action of the overflow was passed over, since it
	// cannot be done.
	QueueOverflowSkipped = "queue.overflow_skipped"

	RoutingExplained      = "routing.explained"
	AgentPresenceChanged  = "agent.presence_changed"
	AgentWorkStateChanged = "agent.work_state_changed"
	AgentMediaLost        = "agent.media_lost"
	AgentMediaResumed     = "agent.media_resumed"

	// A supervisor hears a call, takes part in another way, and leaves it.
	MonitorStarted     = "monitor.started"
	MonitorModeChanged = "monitor.mode_changed"
	MonitorEnded       = "monitor.ended"

	RecordingStarted      = "recording.started"
	RecordingPausedEvent  = "recording.paused"
	RecordingResumedEvent = "recording.resumed"
	RecordingReadyEvent   = "recording.ready"
	RecordingFailedEvent  = "recording.failed"
	RecordingDeletedEvent = "recording.deleted"
	RecordingHeld         = "recording.held" // from being deleted
	RecordingReleased     = "recording.released"

	RecordingConsented = "recording.consented" // the notice was heard and not refused
	RecordingRefused   = "recording.refused"   // a Consent was written
	RecordingSkipped   = "recording.skipped"   // wanted by a rule; refused, or the notice was not heard

	MessageReceived = "message.received"

	CustomerErased = "customer.erased"

	CustomerContactRefused = "customer.contact_refused" // a Consent was written
)

// CustomerEdit changes some fields of a customer and leaves the others to whoever
// changes them at the same moment.
type CustomerEdit struct {
	CustomerID string  `json:"customer_id"`
	Name       *string `json:"name,omitempty"` // nil: left alone, as the others
	Language   *string `json:"language,omitempty"`
	VIP        *bool   `json:"vip,omitempty"`
	Note       *string `json:"note,omitempty"`
	// At becomes the customer's UpdatedAt, or what is just later than the one
	// before: each edit has its own.
	At time.Time `json:"at"`
	// Of is the UpdatedAt of the customer that is being changed: the change is
	// refused (ErrChanged) when it is another by now. Zero: whatever it is.
	Of time.Time `json:"of,omitzero"`
}

// Hold keeps a recording from being deleted, or lets it go again. Holding what is
// deleted is refused (ErrNotFound).
type Hold struct {
	RecordingID string    `json:"recording_id"`
	On          bool      `json:"on"`
	By          string    `json:"by"` // user
	Reason      string    `json:"reason"`
	At          time.Time `json:"at"`
}

// Change is one atomic write: rows of the store and the events that say what
// happened. A row replaces the row of the same id. Applying a change twice
// equals applying it once, so a change may be spooled and replayed; with edits
// of customers it may not.
type Change struct {
	Customers     []Customer     `json:"customers,omitempty"`
	CustomerEdits []CustomerEdit `json:"customer_edits,omitempty"`
	Identities    []Identity     `json:"identities,omitempty"`
	Conversations []Conversation `json:"conversations,omitempty"`
	Segments      []Segment      `json:"segments,omitempty"`
	Legs          []Leg          `json:"legs,omitempty"`
	Recordings    []Recording    `json:"recordings,omitempty"` // one that is deleted stays so
	// StillRunning are recordings: the change is refused (ErrChanged) when one of
	// them is finished or deleted by now. Such a change is never spooled.
	StillRunning []string  `json:"-"`
	Holds        []Hold    `json:"holds,omitempty"`
	Messages     []Message `json:"messages,omitempty"`
	Erasures     []Erasure `json:"erasures,omitempty"`
	Erasing      []Erasing `json:"-"` // never spooled
	Consents     []Consent `json:"consents,omitempty"`
	Events       []Event   `json:"events,omitempty"`
}
