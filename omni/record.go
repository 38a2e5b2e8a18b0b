// Package omni keeps what is said between customers and the firm: customers
// and their identities, conversations on every channel, messages, segments,
// legs, recordings, and the journal of events from which all of it can be
// replayed. It knows nothing of calls, routing or databases.
package omni

import (
	"encoding/json"
	"time"
)

// Channel is the medium of a conversation.
type Channel string

// Voice is the channel of telephone and browser calls.
const Voice Channel = "voice"

// Direction tells who began a conversation.
type Direction string

// The directions.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// InitiationMethod tells how a conversation came to be.
type InitiationMethod string

// The initiation methods of a conversation.
const (
	ByInbound       InitiationMethod = "inbound"
	ByOutbound      InitiationMethod = "outbound"
	ByTransfer      InitiationMethod = "transfer"
	ByQueueTransfer InitiationMethod = "queue_transfer"
	ByCallback      InitiationMethod = "callback"
	ByAPI           InitiationMethod = "api"
	ByMonitor       InitiationMethod = "monitor"
	BySimulated     InitiationMethod = "simulated"
)

// Customer is a person who contacts the firm.
type Customer struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Language  string    `json:"language"` // BCP 47: zh-CN, en, ja; empty when unknown
	VIP       bool      `json:"vip"`
	Note      string    `json:"note"`
	Demo      bool      `json:"demo"` // seeded example data, removable
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// The kinds of a Consent: to being contacted, and to being recorded in one
// conversation.
const (
	ConsentContact   = "contact"
	ConsentRecording = "recording"
)

// Consent is what a customer said, once, about something that needs their
// consent. It is never changed; the newest of a kind holds.
type Consent struct {
	ID             string    `json:"id"`
	CustomerID     string    `json:"customer_id"`
	Kind           string    `json:"kind" doc:"contact: that the firm contacts them; recording: that this conversation is recorded"`
	Given          bool      `json:"given" doc:"false: refused"`
	ConversationID string    `json:"conversation_id" doc:"In which they said it"`
	AgentID        string    `json:"agent_id" doc:"To whom"`
	WrapUpCode     string    `json:"wrap_up_code" doc:"By which it was recorded"`
	CreatedAt      time.Time `json:"created_at"`
}

// Identity is one way to recognise a customer, unique by kind, value and scope.
type Identity struct {
	ID         string    `json:"id"`
	CustomerID string    `json:"customer_id"`
	Kind       string    `json:"kind"`  // phone, email, openid, …
	Value      string    `json:"value"` // phone numbers in E.164 where possible
	Scope      string    `json:"scope"` // the account in which the value is unique; empty for phones
	VerifiedBy string    `json:"verified_by"`
	CreatedAt  time.Time `json:"created_at"`
}

// Conversation is one session with a customer on one channel: the routed unit.
type Conversation struct {
	ID               string           `json:"id"`
	CustomerID       string           `json:"customer_id"`
	Channel          Channel          `json:"channel"`
	Direction        Direction        `json:"direction"`
	InitiationMethod InitiationMethod `json:"initiation_method"`
	State            State            `json:"state"`
	Language         string           `json:"language"`
	LineID           string           `json:"line_id"`
	NumberID         string           `json:"number_id"`
	DialledNumber    string           `json:"dialled_number"`
	CallerNumber     string           `json:"caller_number"`
	FlowID           string           `json:"flow_id"`
	FlowVersion      int              `json:"flow_version"`
	FlowPath         []string         `json:"flow_path" nullable:"false"` // nodes passed and choices made, for people
	QueueID          string           `json:"queue_id"`                   // the last queue
	AgentID          string           `json:"agent_id"`                   // the last agent
	Subject          string           `json:"subject"`
	EndReason        EndReason        `json:"end_reason"`
	WrapUpCode       string           `json:"wrap_up_code" doc:"Of the agent who talked last of those who chose one; each agent's own is in the segments"`
	WrapUpNote       string           `json:"wrap_up_note"`
	NodeID           string           `json:"node_id"` // the process that owns it while it lives
	Simulated        bool             `json:"simulated"`
	Demo             bool             `json:"demo"`
	EventCount       int64            `json:"event_count"` // number of the last event of this conversation
	CreatedAt        time.Time        `json:"created_at"`
	AnsweredAt       time.Time        `json:"answered_at,omitzero"` // first agent connected
	EndedAt          time.Time        `json:"ended_at,omitzero"`    // the customer was gone
	CompletedAt      time.Time        `json:"completed_at,omitzero"`
}

// SegmentKind is the kind of stay that a segment describes.
type SegmentKind string

// The kinds of segments. Hold and offer nest in agent and queue.
const (
	SegmentFlow    SegmentKind = "flow"
	SegmentBot     SegmentKind = "bot"
	SegmentQueue   SegmentKind = "queue"
	SegmentOffer   SegmentKind = "offer"
	SegmentAgent   SegmentKind = "agent"
	SegmentHold    SegmentKind = "hold"
	SegmentConsult SegmentKind = "consult"
	SegmentMonitor SegmentKind = "monitor"
	SegmentWrapUp  SegmentKind = "wrap_up"
)

// Segment is one stay of a conversation. Every metric is computed from segments.
type Segment struct {
	ID             string          `json:"id"`
	ConversationID string          `json:"conversation_id"`
	ParentID       string          `json:"parent_id"`
	Kind           SegmentKind     `json:"kind"`
	QueueID        string          `json:"queue_id"`
	AgentID        string          `json:"agent_id"`
	FlowID         string          `json:"flow_id"`
	OfferID        string          `json:"offer_id"`
	EndReason      EndReason       `json:"end_reason"`
	Explanation    json.RawMessage `json:"explanation,omitempty"` // routing explanation, on offers
	WrapUpCode     string          `json:"wrap_up_code,omitempty" doc:"On segments of kind agent: what this agent chose in the wrap-up"`
	WrapUpNote     string          `json:"wrap_up_note,omitempty"`
	Demo           bool            `json:"demo"`
	StartedAt      time.Time       `json:"started_at"`
	EndedAt        time.Time       `json:"ended_at,omitzero"`
}

// Party is the role of a leg in a call.
type Party string

// The parties of a call.
const (
	PartyCustomer   Party = "customer"
	PartyAgent      Party = "agent"
	PartySupervisor Party = "supervisor"
	PartyExternal   Party = "external"
	PartyBot        Party = "bot"
)

// Leg is one party's media in a call.
type Leg struct {
	ID             string    `json:"id"`
	ConversationID string    `json:"conversation_id"`
	Party          Party     `json:"party"`
	AgentID        string    `json:"agent_id"`
	LineID         string    `json:"line_id"`
	DeviceID       string    `json:"device_id"`
	Transport      string    `json:"transport"` // udp, tcp, tls, webrtc
	Codec          string    `json:"codec"`
	SIPCallID      string    `json:"sip_call_id"`
	Dialog         []byte    `json:"-"` // what a restarted process needs to end or take over the dialog
	EndReason      EndReason `json:"end_reason"`
	SIPStatus      int       `json:"sip_status"`
	Stats          LegStats  `json:"stats"`
	StartedAt      time.Time `json:"started_at"`
	AnsweredAt     time.Time `json:"answered_at,omitzero"`
	EndedAt        time.Time `json:"ended_at,omitzero"`
}

// LegStats is what a leg's media did, for people and for quality figures.
type LegStats struct {
	PacketsReceived uint64  `json:"packets_received"`
	PacketsSent     uint64  `json:"packets_sent"`
	PacketsLost     uint64  `json:"packets_lost"`
	PacketsLate     uint64  `json:"packets_late"`
	JitterMS        float64 `json:"jitter_ms"`
	RoundTripMS     float64 `json:"round_trip_ms"`
	MOS             float64 `json:"mos"` // 1–4.5, ITU-T G.107 estimate; 0 when unknown
}

// RecordingState is what became of a recording.
type RecordingState string

// The states of a recording.
const (
	RecordingRunning RecordingState = "running"
	RecordingReady   RecordingState = "ready"
	RecordingFailed  RecordingState = "failed" // incomplete, or never begun; what was kept plays
	RecordingDeleted RecordingState = "deleted"
)

// RecordingFailure says why a recording failed.
type RecordingFailure string

// The reasons for a failure.
const (
	FailedDiskFull RecordingFailure = "disk_full"
	FailedWrite    RecordingFailure = "write_error"
	FailedTooLong  RecordingFailure = "too_long" // 4 GiB, about three days
	FailedDamaged  RecordingFailure = "damaged"  // the file of a process that died cannot be read
	// The file of a process that died is whole, but the database did not take it as
	// complete: it is not sealed.
	FailedUnsealed RecordingFailure = "unsealed"
)

// RecordingFailures lists every reason.
var RecordingFailures = []RecordingFailure{FailedDiskFull, FailedWrite, FailedTooLong, FailedDamaged, FailedUnsealed}

// Recording is a stereo sound file of a call: the caller left, the agent right.
type Recording struct {
	ID             string         `json:"id"`
	ConversationID string         `json:"conversation_id"`
	Kind           string         `json:"kind"` // call or voicemail
	State          RecordingState `json:"state"`
	// Failure is set with the state failed, and stays when what was kept is deleted.
	Failure     RecordingFailure `json:"failure,omitempty" doc:"Why the recording is incomplete; bytes and duration_ms tell what was kept"`
	Path        string           `json:"-"` // below the recordings folder; empty: there never was a file
	Bytes       int64            `json:"bytes"`
	DurationMS  int64            `json:"duration_ms"`
	SHA256      string           `json:"sha256" doc:"Of the file when it was finished, in hex; sealed in the chain of recordings"`
	LegalHold   bool             `json:"legal_hold" doc:"Neither retention nor erasure deletes it"` // this and the next three are written by Hold alone
	HoldBy      string           `json:"hold_by,omitempty" doc:"User who holds it"`
	HoldReason  string           `json:"hold_reason,omitempty"`
	HoldAt      time.Time        `json:"hold_at,omitzero"`
	Demo        bool             `json:"demo"`
	StartedAt   time.Time        `json:"started_at"`
	EndedAt     time.Time        `json:"ended_at,omitzero"`
	DeleteAfter time.Time        `json:"delete_after,omitzero"`
}

// Message is one item of a conversation that people read.
type Message struct {
	ID             string          `json:"id"`
	ConversationID string          `json:"conversation_id"`
	Seq            int64           `json:"seq"` // per conversation, gap-free, given by the store
	Kind           string          `json:"kind"`
	Author         string          `json:"author"` // customer, an agent's id, flow, bot, system
	Text           string          `json:"text"`
	Data           json.RawMessage `json:"data,omitempty"`
	CreatedAt      time.Time       `json:"created_at"`
}
