// Package agent keeps the people who answer (teams, skills, presence, work)
// and decides who gets which waiting conversation: the ACD router, a pure and
// deterministic state machine. Inputs carry their time, outputs say what
// happened and what to do; the router has no clock, no I/O and no randomness
// but a seeded one. Whoever runs it persists the rows of its outputs first and
// acts on them afterwards.
//
// The package knows conversations, customers and flows by their ids only.
package agent

import (
	"errors"
	"time"
)

// Errors of the package. Refused outputs and the Store wrap them.
var (
	ErrNotFound     = errors.New("agent: not found")
	ErrUnknownAgent = errors.New("agent: unknown agent")
	ErrUnknownQueue = errors.New("agent: unknown queue")
	ErrUnknownOffer = errors.New("agent: no such pending offer")
	ErrNoWork       = errors.New("agent: the agent has no such work")
	ErrTransition   = errors.New("agent: no such transition of the work state")
	ErrCapacity     = errors.New("agent: capacity is used up")
	ErrExtensions   = errors.New("agent: wrap-up cannot be extended any more")
	ErrBadInput     = errors.New("agent: bad input")
	ErrNotQueued    = errors.New("agent: the conversation is not queued")
)

// Channel is the class of capacity that a conversation uses: voice, or chat
// for every kind of text.
type Channel string

// The channels of capacity.
const (
	Voice Channel = "voice"
	Chat  Channel = "chat"
)

// Default units of capacity per channel.
const (
	DefaultVoiceUnits = 1
	DefaultChatUnits  = 4
)

// Capacity says how much an agent handles at once. The zero value is one call,
// or else up to four text conversations.
type Capacity struct {
	Voice int `json:"voice"` // calls at once; 0 means 1
	Chat  int `json:"chat"`  // text conversations at once; 0 means 4
	// Mixed lets calls and text conversations run side by side. By default a
	// call is exclusive: nothing beside it, and none while texts are open.
	// Parked texts never count.
	Mixed bool `json:"mixed"`
}

// Units returns how many conversations of a channel the agent may hold.
func (c Capacity) Units(ch Channel) int {
	if ch == Voice {
		if c.Voice > 0 {
			return c.Voice
		}
		return DefaultVoiceUnits
	}
	if c.Chat > 0 {
		return c.Chat
	}
	return DefaultChatUnits
}

// Agent is a person who answers conversations.
type Agent struct {
	ID       string         `json:"id"`
	UserID   string         `json:"user_id"`
	Name     string         `json:"name"`
	TeamID   string         `json:"team_id"`
	Skills   map[string]int `json:"skills"`                  // skill → level 1–5
	Queues   []string       `json:"queues" nullable:"false"` // ids of the queues served
	DeviceID string         `json:"device_id"`               // SIP desk phone; empty: the browser softphone
	Capacity Capacity       `json:"capacity"`
	Demo     bool           `json:"demo"`
}

// Team scopes queues, agents and what a supervisor sees.
type Team struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Demo bool   `json:"demo"`
}

// BreakReason is a configurable reason for a break.
type BreakReason struct {
	ID    string            `json:"id"`    // lunch, meeting, training …
	Names map[string]string `json:"names"` // BCP 47 language → what people read
	Order int               `json:"order"`
}

// WrapUpCode is a disposition that an agent chooses after a conversation.
type WrapUpCode struct {
	ID           string            `json:"id"`
	Category     string            `json:"category"`
	Code         string            `json:"code"`
	Names        map[string]string `json:"names"`    // BCP 47 language → what people read
	QueueID      string            `json:"queue_id"` // empty: every queue
	Required     bool              `json:"required"` // the queue wants a code before wrap-up ends
	DoNotContact bool              `json:"do_not_contact"`
	Order        int               `json:"order"`
}

// PresenceState is what an agent chose to be, apart from what they work on.
type PresenceState string

// The presence states.
const (
	Offline   PresenceState = "offline"
	Available PresenceState = "available"
	Break     PresenceState = "break"
)

// SetBy tells who chose a presence.
type SetBy string

// Who may choose a presence.
const (
	ByAgent      SetBy = "agent"
	BySupervisor SetBy = "supervisor"
	BySystem     SetBy = "system"
)

// Presence is an agent's presence row: the chosen state, the one chosen to
// follow when the current work ends, and what routing must remember of the
// agent over a restart.
type Presence struct {
	AgentID string        `json:"agent_id"`
	State   PresenceState `json:"presence"`
	Reason  string        `json:"reason"` // id of a BreakReason, with break
	SetBy   SetBy         `json:"set_by"`
	SetByID string        `json:"set_by_id"` // user id, empty for the system
	Since   time.Time     `json:"since"`

	Next       PresenceState `json:"next,omitempty"` // applies when the current work ends
	NextReason string        `json:"next_reason,omitempty"`
	NextBy     SetBy         `json:"next_by,omitempty"`
	NextByID   string        `json:"next_by_id,omitempty"`

	NotResponding bool `json:"not_responding"` // missed max_no_answer offers; setting a presence clears it
	Missed        int  `json:"missed"`         // offers missed in a row
	Connected     bool `json:"connected"`      // the workbench or desk phone is reachable

	BalanceMS int64     `json:"balance_ms"` // occupied above (+) or below the mean of those present; least_occupied
	Contacts  int       `json:"contacts"`   // conversations answered since the agent logged in
	IdleSince time.Time `json:"idle_since,omitzero"`
	UpdatedAt time.Time `json:"updated_at"`
}
