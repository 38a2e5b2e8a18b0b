// Package ivr answers conversations by flows: a YAML language of nodes that say,
// ask, branch, look up, queue and transfer, its validation with line and
// column, and the interpreter that runs a flow over a Session.
//
// It knows prompts, keys and queues by name. It does not know SIP, audio or
// agents: a Session does that, and a scripted one tests flows (ivr/flowtest).
package ivr

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/vm"
	"github.com/ohler55/ojg/jp"
)

// Kind is what a node does.
type Kind string

// The kinds of nodes.
const (
	KindSay       Kind = "say"
	KindPlay      Kind = "play"
	KindAsk       Kind = "ask"
	KindBranch    Kind = "branch"
	KindSet       Kind = "set"
	KindLanguage  Kind = "language"
	KindHours     Kind = "hours"
	KindHTTP      Kind = "http"
	KindQueue     Kind = "queue"
	KindTransfer  Kind = "transfer"
	KindVoicemail Kind = "voicemail"
	KindEcho      Kind = "echo"
	KindTone      Kind = "tone"
	KindEnd       Kind = "end"
)

// Kinds lists every kind of node.
var Kinds = []Kind{KindSay, KindPlay, KindAsk, KindBranch, KindSet, KindLanguage, KindHours, KindHTTP,
	KindQueue, KindTransfer, KindVoicemail, KindEcho, KindTone, KindEnd}

// Severity tells a problem that forbids publishing from one that does not.
type Severity string

// The severities.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is something wrong in the text of a flow, for people.
type Problem struct {
	Severity Severity `json:"severity"`
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line"`   // from 1; 0: the whole text
	Column   int      `json:"column"` // from 1, in characters
	Path     string   `json:"path"`   // nodes.menu.choices.1
	Message  string   `json:"message"`
	Allowed  []string `json:"allowed,omitempty"` // values or keys that are allowed there

	Code   string            `json:"code"`             // stable kind of the problem, for translation
	Params map[string]string `json:"params,omitempty"` // what the message names, by code
}

// String formats the problem as FILE:LINE:COLUMN: path: message.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File + ":")
	}
	fmt.Fprintf(&b, "%d:%d: %s: ", p.Line, p.Column, p.Severity)
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if len(p.Allowed) > 0 {
		b.WriteString(" (allowed: " + strings.Join(p.Allowed, ", ") + ")")
	}
	return b.String()
}

// Failed reports whether the problems forbid publishing.
func Failed(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}

// Texts are the wordings of one text by language (BCP 47).
type Texts map[string]string

// Flow is a checked flow, ready to run. It is not changed after Parse and may
// run many times at once.
type Flow struct {
	ID        string // given by whoever loads it; Parse takes it from the text's `flow`
	Version   int    // 0: a draft
	Name      string
	Title     Texts
	Languages []string // first: the default
	Start     string
	Human     string // node that key 0 leads to; empty: Session.Human
	Vars      map[string]any
	Texts     map[string]Texts
	Nodes     map[string]*Node
	Order     []string // names of the nodes as written
}

// Node is one node of a flow. Only the fields of its kind are set.
type Node struct {
	Name          string
	Kind          Kind
	Label         Texts
	Next          string // where it goes on; empty: the flow ends
	Failed        string // where it goes on when it did not work out
	Line          int
	column        int
	Text          *Texts // say, ask, voicemail, end; nil: none
	EveryLanguage bool   // say, ask: the text in all languages, one after another
	Sound         string // play
	BargeIn       bool

	Ask       *Ask
	Cases     []Case      // branch; Next is `otherwise`
	Set       []Assign    // set, in order
	Language  string      // language: a tag …
	LangExpr  *vm.Program // … or an expression that gives one
	Hours     *Hours
	HTTP      *HTTP
	Queue     *Queue
	Transfer  *Transfer
	Voicemail *Voicemail
	Max       time.Duration // echo, tone
	Hertz     float64       // tone
	Level     float64       // tone, dBFS
}

// Ask wants keys of the customer.
type Ask struct {
	Digits     bool // a string of digits is collected: the escape is *0
	Min, Max   int
	Timeout    time.Duration // until the first key
	KeyTimeout time.Duration // between keys
	Terminator string
	Retries    int // further tries after the first
	Choices    []Choice
	Save       string // variable that gets the keys
	Sensitive  bool   // card digits and the like: see Session.Sensitive
	Invalid    *Texts // said when what was typed is no choice; nil: a default
	Silent     *Texts // said when nothing was typed; nil: a default
}

// Choice is one entry of a menu.
type Choice struct {
	Keys  string
	Next  string
	Label Texts
}

// Case is one way of a branch.
type Case struct {
	If   *vm.Program
	Text string
	Next string
}

// Assign sets a variable to the value of an expression.
type Assign struct {
	Name  string
	Value *vm.Program
}

// Hours asks a business calendar.
type Hours struct {
	Calendar string // identifier or name
	Open     string
	Closed   string
}

// HTTP asks a server.
type HTTP struct {
	Method  string
	URL     string // with {variables}
	Headers map[string]string
	Body    any           // sent as JSON; its texts with {variables}; nil: none
	Timeout time.Duration // of one try
	Retries int
	Save    map[string]jp.Expr // variable ← JSON path
	Status  string             // variable that gets the status code
}

// Queue waits for an agent.
type Queue struct {
	Queue    string
	Skills   map[string]int
	Priority int
	Music    string
	Announce *Announce
	MaxWait  time.Duration
	Overflow string // node that replaces the queue's own overflow action
}

// Transfer hands the conversation over. Kind is queue, flow, agent or number.
type Transfer struct {
	Kind    string
	Target  string
	Timeout time.Duration
}

// Voicemail records the customer.
type Voicemail struct {
	Mailbox string
	Max     time.Duration
	Silence time.Duration
	Beep    bool
}

// Parse reads and checks the text of a flow. All problems are reported, not the
// first only. The flow is nil exactly when Failed(problems).
func Parse(text []byte) (*Flow, []Problem) { return ParseFile("", text) }
