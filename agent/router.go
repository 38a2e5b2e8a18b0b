package agent

import "time"

// RouterConfig holds what the router is given once. The zero value works.
type RouterConfig struct {
	// Seed feeds the strategy random. Same seed and inputs, same outputs.
	Seed uint64
	// Epoch is the leader's lease epoch; it is part of the offers' ids.
	Epoch uint64
	// PresenceGrace is how long presence survives a lost connection. Defaults to 30s.
	PresenceGrace time.Duration
	// OfferGrace is how long a pending offer survives it. Defaults to 5s.
	OfferGrace time.Duration
	// ConnectTimeout is how long an accepted offer may take until the agent is
	// connected; then the agent counts as lost. Defaults to 15s.
	ConnectTimeout time.Duration
	// MissPause is how long an agent who just missed or rejected a conversation
	// is not offered it again while other agents could take it. Defaults to 10s.
	MissPause time.Duration
	// RejectPause is the same when there is nobody else, after a rejection.
	// Defaults to 3s.
	RejectPause time.Duration
	// RingAllLimit bounds the offers of one ring_all round. Defaults to 50.
	RingAllLimit int
	// MaxHops bounds overflows from queue to queue. Defaults to 4.
	MaxHops int
	// DefaultHandleTime stands in for the mean handle time of a queue that has
	// none yet. Defaults to 180s.
	DefaultHandleTime time.Duration
}

// Snapshot is the router's view of the floor at a time.
type Snapshot struct {
	At     time.Time       `json:"at"`
	Queues []QueueSnapshot `json:"queues" nullable:"false"`
	Agents []AgentSnapshot `json:"agents" nullable:"false"`
}

// QueueSnapshot is one queue now.
type QueueSnapshot struct {
	QueueID       string          `json:"queue_id"`
	Waiting       int             `json:"waiting"` // not yet offered
	Offered       int             `json:"offered"`
	LongestWaitMS int64           `json:"longest_wait_ms"`
	LoggedIn      int             `json:"logged_in"`
	Active        int             `json:"active"` // available, responding, reachable
	HandleTimeMS  int64           `json:"handle_time_ms"`
	Entries       []EntrySnapshot `json:"entries" nullable:"false"` // best placed first
}

// EntrySnapshot is one waiting or offered conversation.
type EntrySnapshot struct {
	ConversationID string     `json:"conversation_id"`
	State          EntryState `json:"state"`
	Position       int        `json:"position"`         // 0 while offered
	ExpectedWaitMS int64      `json:"expected_wait_ms"` // negative: unknown
	WaitedMS       int64      `json:"waited_ms"`
	Why            string     `json:"why"` // why it waits
}

// AgentSnapshot is one agent now.
type AgentSnapshot struct {
	AgentID  string   `json:"agent_id"`
	Presence Presence `json:"presence"`
	Works    []Work   `json:"works" nullable:"false"`
}

// Router decides who gets which conversation. It is not safe for concurrent
// use: one goroutine owns it.
type Router struct {
	cfg RouterConfig
}

// NewRouter returns a router without agents, queues or conversations.
func NewRouter(cfg RouterConfig) *Router { return &Router{cfg: cfg} }

// Apply takes one input and returns what follows from it, and from whatever
// was due by its time. The slice is the caller's.
func (r *Router) Apply(in Input) []Output { return nil }

// NextDeadline returns when the next Tick is wanted at the latest.
func (r *Router) NextDeadline() (time.Time, bool) { return time.Time{}, false }

// Snapshot returns a copy of what a wallboard shows.
func (r *Router) Snapshot(now time.Time) Snapshot { return Snapshot{At: now} }

// Position returns the place of a waiting conversation (1 is next) and the
// expected wait (negative: unknown).
func (r *Router) Position(conversationID string) (position int, expected time.Duration, ok bool) {
	return 0, 0, false
}
