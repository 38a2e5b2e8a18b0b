package ivr

import (
	"context"
	"errors"
	"time"
)

// Errors that a Session returns and Run understands.
var (
	// ErrHangup means that the customer is gone. Cancel the context of Run with
	// it as cause, or return it from any method: Run then ends cleanly.
	ErrHangup = errors.New("ivr: customer hung up")
	// ErrNotFound means that there is no such flow, version, queue or calendar.
	ErrNotFound = errors.New("ivr: not found")
	// ErrBroken means that a text does not pass Parse.
	ErrBroken = errors.New("ivr: flow is not valid")
	// ErrUnsupported means that the channel cannot do this (an echo in a chat).
	ErrUnsupported = errors.New("ivr: not possible on this channel")
)

// Session is a conversation as a flow sees it: a call or, later, a chat. Run
// calls it from one goroutine, but for Collect, which Run also calls while Echo,
// Tone, Voicemail or an HTTP request is under way (see KeySpec). Every method
// returns when ctx ends, with its cause as error; context.Cause(ctx) is
// ErrHangup after the customer left.
//
// Keypad implements the key handling of Play and Collect for a phone call.
type Session interface {
	// Info tells what is known about the conversation; it does not change.
	Info() Info
	// SetLanguage changes the language from now on (BCP 47: zh-CN, en, ja).
	SetLanguage(ctx context.Context, language string) error
	// Play plays or sends prompts in order and returns when they are heard, or
	// when a key ended them. A prompt that cannot be made is skipped and logged;
	// an error means that nothing can be played at all.
	Play(ctx context.Context, prompts []Prompt, opt PlayOptions) (Played, error)
	// Collect waits for keys.
	Collect(ctx context.Context, spec KeySpec) (Keys, error)
	// Sensitive tells that what the customer types from now on is nobody's to
	// keep (a card number), or no longer is. While it is, recordings are silent;
	// keys are never kept anywhere. An error means that this cannot be held to:
	// Run then asks for nothing.
	Sensitive(ctx context.Context, on bool) error
	// Queue hands the conversation to a queue and returns when that is over one
	// way or another. The adapter plays music and announcements meanwhile
	// (Announcement composes the prompts).
	Queue(ctx context.Context, req QueueRequest) (QueueResult, error)
	// Transfer hands the conversation to an agent or an outside number and
	// returns when that is over. Queues and flows are handled by Run itself.
	Transfer(ctx context.Context, req TransferRequest) (TransferResult, error)
	// Voicemail records the customer until ctx ends, req.Max is reached or
	// req.Silence passes in silence. The greeting was played and the beep, where
	// wanted, too.
	Voicemail(ctx context.Context, req VoicemailRequest) (VoicemailResult, error)
	// Echo returns the customer's audio to the customer until ctx ends.
	Echo(ctx context.Context) error
	// Tone plays a sine of hz at level dBFS until ctx ends.
	Tone(ctx context.Context, hz, level float64) error
	// Step tells that a node was entered or left by a choice: the flow path of
	// the journal and of the agent's screen. It must not block for long.
	Step(ctx context.Context, step Step)
	// Human is the queue that key 0 reaches when the flow names none.
	Human() string
}

// Info is what is known about a conversation when its flow starts. Expressions
// see it as call.caller, call.dialled and so on.
type Info struct {
	ConversationID string
	Channel        string // voice
	Caller         string // E.164 or as received; empty when withheld
	Dialled        string
	LineID         string
	NumberID       string
	Language       string // BCP 47; empty: the flow's default
	CustomerID     string
	CustomerName   string
	VIP            bool
	Simulated      bool
}

// Prompt is something to be heard or read: a text, or a named sound.
type Prompt struct {
	Text     string `json:"text,omitempty"`
	Language string `json:"language,omitempty"` // BCP 47 of Text; of Sound: which recording to prefer
	Sound    string `json:"sound,omitempty"`    // name without folder and extension; wins over Text
	// Parts say the same in pieces for which recordings ship (Japanese numbers):
	// they are used when no engine can speak Text.
	Parts []Prompt `json:"parts,omitempty"`
}

// PlayOptions say which keys end a prompt.
type PlayOptions struct {
	// BargeIn lets any key end the playing; the key is kept for Collect. Without
	// it keys pressed meanwhile are thrown away at the end.
	BargeIn bool
	// Escape is the key sequence that asks for a human ("0" or "*0"); it ends the
	// playing at once even without BargeIn. Empty: none.
	Escape string
}

// Played tells how Play ended.
type Played struct {
	Interrupted bool // by a key, which waits for Collect
	Escaped     bool // by the escape, which is used up
}

// KeySpec says which keys are wanted and when it is enough.
//
// The zero Max wants no key at all: Collect then returns only for the escape or
// when ctx ends, and leaves other keys for later. Run uses this while something
// else is under way.
type KeySpec struct {
	Min, Max     int           // number of keys; complete when Max is reached
	FirstTimeout time.Duration // until the first key; 0: only ctx ends it
	KeyTimeout   time.Duration // between keys; 0: FirstTimeout
	Terminator   string        // a key that completes the input and is not part of it; empty: none
	Choices      []string      // complete as soon as one is typed that begins no other
	Escape       string        // asks for a human; empty: none
}

// Why tells why Collect returned.
type Why string

// The reasons.
const (
	Complete   Why = "complete"   // Max, a choice, or the terminator
	Incomplete Why = "incomplete" // some keys, then nothing for KeyTimeout, fewer than Min
	NoInput    Why = "no_input"   // nothing at all
	Escaped    Why = "escaped"    // the customer wants a human
)

// Keys is what was typed. Never log Digits.
type Keys struct {
	Digits string
	Why    Why
}

// Announce says what those who wait hear; nil in a QueueRequest means what the
// queue itself is set to.
type Announce struct {
	Position     bool
	ExpectedWait bool
	Repeat       time.Duration
}

// QueueRequest asks for an agent.
type QueueRequest struct {
	Queue    string         // identifier or name
	Skills   map[string]int // wanted in addition to the queue's own, level 1–5
	Priority int            // added to the queue's own
	Music    string         // name of a sound; empty: the queue's
	Announce *Announce
	MaxWait  time.Duration // 0: the queue's
	Agent    string        // preferred agent, or empty
	Human    bool          // asked for by key 0
}

// QueueOutcome tells how a stay in a queue ended.
type QueueOutcome string

// The outcomes.
const (
	// QueueDone: an agent (or whoever the agent transferred to) talked with the
	// customer and the conversation is over, or the customer left.
	QueueDone QueueOutcome = "done"
	// QueueReleased: the agent is done and the customer stays for the next node.
	QueueReleased QueueOutcome = "released"
	// QueueOverflow: the queue gave up; Overflow says what should follow.
	QueueOverflow QueueOutcome = "overflow"
)

// Overflow is what follows when a queue gives up: kind number, voicemail,
// callback, ticket, flow or end. Overflow to another queue stays in Queue.
type Overflow struct {
	Kind   string
	Target string
	Reason string // max_wait, full, no_agent
}

// QueueResult is the end of a stay in a queue.
type QueueResult struct {
	Outcome  QueueOutcome
	Overflow Overflow
}

// TransferRequest hands the conversation over. Kind is agent or number.
type TransferRequest struct {
	Kind    string
	Target  string
	Timeout time.Duration // ringing; 0: the adapter's default
}

// TransferResult tells how a transfer ended.
type TransferResult struct {
	Answered bool   // false: nobody answered; the flow goes on at `failed`
	Released bool   // the other party is done and the customer stays
	Reason   string // busy, no_answer, refused, unreachable
}

// VoicemailRequest asks for a recording of the customer.
type VoicemailRequest struct {
	Mailbox string        // queue, team or free name; empty: the last queue
	Max     time.Duration // never 0
	Silence time.Duration // ends after so much silence; 0: does not
}

// VoicemailResult is what became of a recording.
type VoicemailResult struct {
	RecordingID string
	Duration    time.Duration
}

// Step is one step of the way through a flow.
type Step struct {
	Flow    string // identifier of the flow
	Version int
	Node    string
	Kind    Kind
	Choice  string // what led on from the node: a menu key, "open", "closed", "human"; empty on entering
	Label   string // for people, in the flow's default language; may be empty
}

// Store keeps the published versions of flows.
type Store interface {
	// PublishedFlow returns the version that answers calls now. ErrNotFound when
	// nothing was published.
	PublishedFlow(ctx context.Context, flowID string) (Version, error)
	// FlowVersion returns one version. ErrNotFound.
	FlowVersion(ctx context.Context, flowID string, version int) (Version, error)
	// PublishFlow stores v as the next version and makes it the published one, in
	// one transaction; v.Number is given by the store and returned.
	PublishFlow(ctx context.Context, v Version) (Version, error)
	// RollbackFlow makes an older version the published one. ErrNotFound.
	RollbackFlow(ctx context.Context, flowID string, version int) error
}

// Version is one published text of a flow. It never changes.
type Version struct {
	FlowID      string
	Number      int
	Text        string // YAML
	Note        string
	PublishedBy string // user
	PublishedAt time.Time
}
