// Package bot understands what a customer writes or says in one of the industry
// packs, answers, asks back, fills slots over several turns, knows when it does
// not know, and names the skill group that a person of should take over.
//
// It runs offline, trained in the process (nlu), and answers from the pack's
// texts, articles (faq) and declared look-ups; a language model may be put
// behind it for what it does not know itself (Assistant). All that it remembers
// of a conversation is the State, which the caller keeps: any process can take
// the next turn. It knows nothing of calls, channels and agents.
package bot

import (
	"context"
	"errors"
	"regexp"
	"time"

	"github.com/openhotline/hotline/bot/entity"
)

// ErrUnknownPack is returned for a pack that is not there.
var ErrUnknownPack = errors.New("bot: unknown pack")

// State is what the bot remembers of a conversation. The zero value begins one.
type State struct {
	Language string                 `json:"language,omitempty"` // zh, en or ja
	Active   string                 `json:"active,omitempty"`   // the intent that is worked on, or was last
	Slots    map[entity.Kind]string `json:"slots,omitempty"`
	Pending  Pending                `json:"pending,omitzero"`
	// Waiting are intents that were left for another one before they were done.
	Waiting []string `json:"waiting,omitempty"`
	// Failures counts turns in a row that were not understood; two hand over.
	Failures int `json:"failures,omitempty"`
	// Last is the last reply, for "say that again"; Said the customer's last
	// text and Same how often it came in a row.
	Last  string `json:"last,omitempty"`
	Said  string `json:"said,omitempty"`
	Same  int    `json:"same,omitempty"`
	Turns int    `json:"turns,omitempty"`
	// Asked is the text with which the topic began.
	Asked string `json:"asked,omitempty"`
	// HandedOver tells that a person has been asked for.
	HandedOver bool `json:"handed_over,omitempty"`
	// Anger is how angry the customer has been so far, 0 to 3; Urgent, that it
	// must be quick.
	Anger  int  `json:"anger,omitempty"`
	Urgent bool `json:"urgent,omitempty"`
	// NotFound counts look-ups in a row that did not know the number.
	NotFound int `json:"not_found,omitempty"`
}

// PendingKind is what the bot's last question was for.
type PendingKind string

// The kinds of questions.
const (
	PendingSlot     PendingKind = "slot"
	PendingChoice   PendingKind = "choice"
	PendingHandOver PendingKind = "hand_over" // "shall I put you through?"
)

// Pending is the bot's open question.
type Pending struct {
	Kind    PendingKind `json:"kind,omitempty"`
	Slot    entity.Kind `json:"slot,omitempty"`
	Choices []Choice    `json:"choices,omitempty"`
}

// Choice is one of the things that the customer may have meant.
type Choice struct {
	Intent  string `json:"intent,omitempty"`
	Article string `json:"article,omitempty"`
	Label   string `json:"label"`
}

// Action is what the bot does in a turn.
type Action string

// The actions.
const (
	Answer     Action = "answer"       // from a text, an article or a look-up
	Ask        Action = "ask"          // for a slot
	Choices    Action = "choices"      // up to three, to choose from
	Offer      Action = "offer"        // to put the customer through
	HandOver   Action = "hand_over"    // to a person of Packet.Group
	SmallTalk  Action = "small_talk"   // greeting, thanks and the like
	Close      Action = "close"        // the customer is done
	NotKnown   Action = "not_known"    // not understood: asked to say it otherwise
	Unreadable Action = "unreadable"   // nothing, or far too much
	Refuse     Action = "out_of_scope" // understood as nothing of this firm's
)

// Source is where an answer comes from.
type Source struct {
	Article string  `json:"article,omitempty"`
	Intent  string  `json:"intent,omitempty"`
	Lookup  string  `json:"lookup,omitempty"`
	P       float64 `json:"p,omitempty"`
}

// Guess is an intent with its probability.
type Guess struct {
	Intent string  `json:"intent"`
	P      float64 `json:"p"`
}

// Decision is one turn's outcome with its reasons.
type Decision struct {
	Action Action `json:"action"`
	Reply  string `json:"reply"`
	// Intent is what the turn is about: of a reply to the bot's question it is
	// the intent that the question was for. Empty: not understood.
	Intent string  `json:"intent,omitempty"`
	P      float64 `json:"p,omitempty"`
	// Topic is the pack's own intent that the turn or the conversation is about,
	// even where the turn itself is small talk or not sure; what a ticket would
	// be filed under.
	Topic    string          `json:"topic,omitempty"`
	Guesses  []Guess         `json:"guesses,omitempty"`
	Entities []entity.Entity `json:"entities,omitempty"`
	Sources  []Source        `json:"sources,omitempty"`
	// Reasons are the steps that led here, as fixed words in their order.
	Reasons []string `json:"reasons"`
	Mood    Mood     `json:"mood"`
	Packet  *Packet  `json:"packet,omitempty"` // with Action HandOver
	Before  State    `json:"before"`
	After   State    `json:"after"`
}

// Mood is how the customer speaks.
type Mood struct {
	Name string `json:"name"` // neutral, positive, negative or angry
	Rude bool   `json:"rude,omitempty"`
}

// Packet is what the person who takes over gets.
type Packet struct {
	Summary  string                 `json:"summary"`
	Intent   string                 `json:"intent,omitempty"`
	Slots    map[entity.Kind]string `json:"slots,omitempty"`
	Group    string                 `json:"group"`
	Mood     Mood                   `json:"mood"`
	Priority int                    `json:"priority"` // added to the queue's, -5 to 10
	Reason   string                 `json:"reason"`   // human_wanted, failed_twice, complaint, accepted, lookup_failed, not_found, not_helped, specialist
}

// Lookup performs a declared action of a pack: business data by slots. It has
// its own time limit; any error gives the intent's fallback text. An error that
// has a method NotFound() bool that returns true says that the service answered
// and does not know the number: the customer is asked to check it, once. One
// that has Fallback() string may bring a text of its own.
type Lookup interface {
	Do(ctx context.Context, action, language string, slots map[entity.Kind]string) (fields map[string]string, err error)
}

// Question is what an Assistant is asked when the bot itself is not sure.
type Question struct {
	Pack, Language, Text string
	Articles             []Grounding // what may be said
}

// Grounding is an article that an answer may rest on.
type Grounding struct{ ID, Question, Answer string }

// Reply is an Assistant's answer with the articles it rests on, and the tools
// as tool:NAME.
type Reply struct {
	Text  string
	Cites []string
}

// ErrNoAnswer is returned by an Assistant that finds no answer in the articles.
var ErrNoAnswer = errors.New("bot: no answer in the articles")

// Assistant answers from articles: a language model. Any error falls back to
// what the bot says by itself.
type Assistant interface {
	Answer(ctx context.Context, q Question) (Reply, error)
}

// Gap is a question that was not answered.
type Gap struct {
	Pack     string `json:"pack"`
	Language string `json:"language"`
	// Text is the question without personal data (entity.Mask).
	Text string `json:"text"`
	// Intent is the likeliest one of the pack, or "".
	Intent string `json:"intent,omitempty"`
	// Reason is not_understood, or the reason of the hand-over.
	Reason string `json:"reason"`
	// At is set by who keeps it.
	At time.Time `json:"at,omitzero"`
}

// Gaps is told of every question that was not answered. It must not block.
type Gaps interface{ Add(Gap) }

// GapStore keeps questions that were not answered, as many as it has room for.
type GapStore interface {
	// KeepGaps adds questions, which come in their order; the oldest go.
	KeepGaps(ctx context.Context, gaps []Gap) error
	// ListGaps returns those of a pack in a language, the oldest first.
	ListGaps(ctx context.Context, pack, language string) ([]Gap, error)
}

// Checks are the customer's patterns of codes, by slot, and an example of each
// that is shown to who gives another.
type Checks struct {
	Patterns map[entity.Kind]*regexp.Regexp
	Examples map[entity.Kind]string
}
