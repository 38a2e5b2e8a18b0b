package agent

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Seconds is a whole number of seconds, as people set it and JSON carries it.
type Seconds int64

// Duration returns s as a time.Duration.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// Strategy says which of the ready and eligible agents gets a conversation.
type Strategy string

// The strategies. All break ties by the longest idle time.
const (
	LeastOccupied  Strategy = "least_occupied"  // least time occupied, absences made up for (default)
	LongestIdle    Strategy = "longest_idle"    // longest since the last work or since becoming available
	RoundRobin     Strategy = "round_robin"     // longest since the last offer of this queue
	FewestContacts Strategy = "fewest_contacts" // fewest conversations answered since log-in
	BestSkill      Strategy = "best_skill"      // highest sum of levels of the required skills
	RingAll        Strategy = "ring_all"        // everybody at once; the first to accept gets it
	TopDown        Strategy = "top_down"        // the order of Queue.Order, then by id
	Random         Strategy = "random"          // drawn from the router's seed
)

// Strategies lists every strategy.
var Strategies = []Strategy{LeastOccupied, LongestIdle, RoundRobin, FewestContacts, BestSkill, RingAll, TopDown, Random}

// SkillNeed is a skill that a conversation needs, at a level of 1–5 or above.
type SkillNeed struct {
	Skill string `json:"skill"`
	Level int    `json:"level" minimum:"1" maximum:"5"`
}

// RelaxStep lowers what is required once a conversation has waited. Steps add
// up; agents who fit an earlier step keep preference over those of a later.
type RelaxStep struct {
	After Seconds `json:"after"`           // since entering the queue
	Skill string  `json:"skill,omitempty"` // empty: every required skill
	Level int     `json:"level"`           // at most this level is required; 0: not required any more
}

// EmptyRule says what a queue without agents does with a conversation.
type EmptyRule string

// The rules for join_empty and leave_empty.
const (
	EmptyYes    EmptyRule = "yes"    // join: always; leave: when no agent of the queue is logged in
	EmptyNo     EmptyRule = "no"     // join: not when no agent is logged in; leave: never
	EmptyStrict EmptyRule = "strict" // as no/yes, but agents on a break or not responding do not count
)

// OverflowKind is what happens to a conversation that a queue gives up.
type OverflowKind string

// The overflow actions.
const (
	OverflowQueue     OverflowKind = "queue"     // Target: queue id; the age is kept
	OverflowNumber    OverflowKind = "number"    // Target: number to dial
	OverflowVoicemail OverflowKind = "voicemail" // Target: mailbox, may be empty
	OverflowCallback  OverflowKind = "callback"
	OverflowTicket    OverflowKind = "ticket"
	OverflowFlow      OverflowKind = "flow" // Target: flow id
	OverflowEnd       OverflowKind = "end"  // a polite end
)

// OverflowKinds lists every overflow action.
var OverflowKinds = []OverflowKind{OverflowQueue, OverflowNumber, OverflowVoicemail, OverflowCallback, OverflowTicket, OverflowFlow, OverflowEnd}

// NotYetKinds are the overflow actions that cannot be done yet: a queue passes
// them over.
var NotYetKinds = []OverflowKind{OverflowCallback, OverflowTicket}

// NotYet lists the queue's overflow actions that are passed over.
func (q Queue) NotYet() []OverflowKind {
	var kinds []OverflowKind
	for _, o := range q.Overflow {
		if slices.Contains(NotYetKinds, o.Kind) && !slices.Contains(kinds, o.Kind) {
			kinds = append(kinds, o.Kind)
		}
	}
	return kinds
}

// OverflowAction is one thing to try when a queue gives a conversation up.
type OverflowAction struct {
	Kind   OverflowKind `json:"kind"`
	Target string       `json:"target,omitempty"`
}

// Announce is what a waiting caller hears.
type Announce struct {
	Music        string  `json:"music"` // name of the hold music; empty: the default
	Position     bool    `json:"position"`
	ExpectedWait bool    `json:"expected_wait"`
	Repeat       Seconds `json:"repeat"` // between announcements; default 60
}

// Callback says when a waiting caller is offered to be called back.
type Callback struct {
	OfferAfter Seconds `json:"offer_after"` // 0: off
	Retries    int     `json:"retries"`
	Gap        Seconds `json:"gap"` // between tries
}

// Formula is the code of a service level formula (package insight computes it).
type Formula string

// The service level formulas.
const (
	SLStrict   Formula = "SL-STRICT"
	SLOffered  Formula = "SL-OFFERED"
	SLAnswered Formula = "SL-ANSWERED"
	SLRemoved  Formula = "SL-REMOVED"
	SLFair     Formula = "SL-FAIR"
)

// ServiceLevel is a queue's target.
type ServiceLevel struct {
	Threshold Seconds `json:"threshold"` // default 20
	Formula   Formula `json:"formula"`   // default SL-STRICT
}

// Queue is where conversations wait for an agent, with every parameter.
// Zero means none wherever that makes sense; DefaultQueue gives the defaults.
type Queue struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	TeamID   string   `json:"team_id"`
	Strategy Strategy `json:"strategy"`
	Order    []string `json:"order,omitempty"` // agent ids, for top_down

	RingTimeout Seconds `json:"ring_timeout"`  // per offer; default 20
	MaxNoAnswer int     `json:"max_no_answer"` // misses before not_responding; 0: never

	WrapUpTime       Seconds `json:"wrap_up_time"`       // after-call work; 0: none
	WrapUpExtension  Seconds `json:"wrap_up_extension"`  // length of one extension
	WrapUpExtensions int     `json:"wrap_up_extensions"` // how often it may be extended

	MaxWait    Seconds          `json:"max_wait"`    // default 900
	MaxLength  int              `json:"max_length"`  // 0: no limit
	JoinEmpty  EmptyRule        `json:"join_empty"`  // default yes
	LeaveEmpty EmptyRule        `json:"leave_empty"` // default no
	Overflow   []OverflowAction `json:"overflow" nullable:"false"`

	Priority   int         `json:"priority"` // points
	Ageing     int         `json:"ageing"`   // points per second of age; default 1
	Skills     []SkillNeed `json:"skills" nullable:"false"`
	Relaxation []RelaxStep `json:"relaxation" nullable:"false"`

	StickyAgent  Seconds      `json:"sticky_agent"` // the preferred agent first, this long
	Announce     Announce     `json:"announce"`
	Callback     Callback     `json:"callback"`
	ServiceLevel ServiceLevel `json:"service_level"`
	Demo         bool         `json:"demo"`
}

// DefaultQueue returns a queue with the default of every parameter.
func DefaultQueue(id, name string) Queue {
	return Queue{
		ID: id, Name: name, MaxNoAnswer: 3,
		WrapUpTime: 30, WrapUpExtension: 30, WrapUpExtensions: 2,
		Ageing:   1,
		Overflow: []OverflowAction{{Kind: OverflowCallback}, {Kind: OverflowVoicemail}, {Kind: OverflowEnd}},
		Announce: Announce{Position: true, ExpectedWait: true},
		Callback: Callback{Retries: 2, Gap: 300},
		Skills:   []SkillNeed{}, Relaxation: []RelaxStep{},
	}.WithDefaults()
}

// WithDefaults fills the parameters for which zero has no meaning.
func (q Queue) WithDefaults() Queue {
	q.Strategy = cmp.Or(q.Strategy, LeastOccupied)
	q.RingTimeout = cmp.Or(q.RingTimeout, 20)
	q.MaxWait = cmp.Or(q.MaxWait, 900)
	q.JoinEmpty = cmp.Or(q.JoinEmpty, EmptyYes)
	q.LeaveEmpty = cmp.Or(q.LeaveEmpty, EmptyNo)
	q.Announce.Repeat = cmp.Or(q.Announce.Repeat, 60)
	q.ServiceLevel.Threshold = cmp.Or(q.ServiceLevel.Threshold, 20)
	q.ServiceLevel.Formula = cmp.Or(q.ServiceLevel.Formula, SLStrict)
	if len(q.Overflow) == 0 {
		q.Overflow = []OverflowAction{{Kind: OverflowEnd}}
	}
	return q
}

// FieldError names the field of a record that is wrong and what is allowed.
type FieldError struct {
	Field   string // JSON name, with index: relaxation[1].level
	Problem string
}

func (e *FieldError) Error() string { return fmt.Sprintf("agent: %s: %s", e.Field, e.Problem) }

// Unwrap lets errors.Is find ErrBadInput.
func (e *FieldError) Unwrap() error { return ErrBadInput }

// Validate checks the ranges of every parameter and returns a *FieldError.
func (q Queue) Validate() error {
	const day = 24 * 3600
	for _, r := range []struct {
		field        string
		v, low, high int64
	}{
		{"ring_timeout", int64(q.RingTimeout), 1, 600},
		{"max_no_answer", int64(q.MaxNoAnswer), 0, 1000},
		{"wrap_up_time", int64(q.WrapUpTime), 0, day},
		{"wrap_up_extension", int64(q.WrapUpExtension), 0, day},
		{"wrap_up_extensions", int64(q.WrapUpExtensions), 0, 100},
		{"max_wait", int64(q.MaxWait), 1, day},
		{"max_length", int64(q.MaxLength), 0, 1_000_000},
		{"priority", int64(q.Priority), -maxPriority, maxPriority},
		{"ageing", int64(q.Ageing), 0, maxAgeing},
		{"sticky_agent", int64(q.StickyAgent), 0, day},
		{"announce.repeat", int64(q.Announce.Repeat), 5, day},
		{"callback.offer_after", int64(q.Callback.OfferAfter), 0, day},
		{"callback.retries", int64(q.Callback.Retries), 0, 100},
		{"callback.gap", int64(q.Callback.Gap), 0, day},
		{"service_level.threshold", int64(q.ServiceLevel.Threshold), 1, day},
	} {
		if r.v < r.low || r.v > r.high {
			return &FieldError{r.field, fmt.Sprintf("%d is not within %d and %d", r.v, r.low, r.high)}
		}
	}
	return q.validateWords()
}

// Limits that keep scores within 64 bits.
const (
	maxPriority = 1_000_000
	maxAgeing   = 1000
)

func (q Queue) validateWords() error {
	if q.ID == "" {
		return &FieldError{"id", "is empty"}
	}
	if !slices.Contains(Strategies, q.Strategy) {
		return &FieldError{"strategy", fmt.Sprintf("%q is none of %v", q.Strategy, Strategies)}
	}
	rules := []EmptyRule{EmptyYes, EmptyNo, EmptyStrict}
	if !slices.Contains(rules, q.JoinEmpty) {
		return &FieldError{"join_empty", fmt.Sprintf("%q is none of %v", q.JoinEmpty, rules)}
	}
	if !slices.Contains(rules, q.LeaveEmpty) {
		return &FieldError{"leave_empty", fmt.Sprintf("%q is none of %v", q.LeaveEmpty, rules)}
	}
	formulas := []Formula{SLStrict, SLOffered, SLAnswered, SLRemoved, SLFair}
	if !slices.Contains(formulas, q.ServiceLevel.Formula) {
		return &FieldError{"service_level.formula", fmt.Sprintf("%q is none of %v", q.ServiceLevel.Formula, formulas)}
	}
	for i, o := range q.Overflow {
		if !slices.Contains(OverflowKinds, o.Kind) {
			return &FieldError{fmt.Sprintf("overflow[%d].kind", i), fmt.Sprintf("%q is none of %v", o.Kind, OverflowKinds)}
		}
		if (o.Kind == OverflowQueue || o.Kind == OverflowNumber || o.Kind == OverflowFlow) && o.Target == "" {
			return &FieldError{fmt.Sprintf("overflow[%d].target", i), "is empty"}
		}
		if o.Kind == OverflowQueue && o.Target == q.ID {
			return &FieldError{fmt.Sprintf("overflow[%d].target", i), "is the queue itself"}
		}
	}
	for i, s := range q.Skills {
		if s.Skill == "" || s.Level < 1 || s.Level > 5 {
			return &FieldError{fmt.Sprintf("skills[%d]", i), "wants a name and a level of 1 to 5"}
		}
	}
	if len(q.Relaxation) > maxSteps {
		return &FieldError{"relaxation", fmt.Sprintf("has more than %d steps", maxSteps)}
	}
	for i, s := range q.Relaxation {
		if s.Level < 0 || s.Level > 5 {
			return &FieldError{fmt.Sprintf("relaxation[%d].level", i), "is not within 0 and 5"}
		}
		if s.After < 1 || i > 0 && s.After <= q.Relaxation[i-1].After {
			return &FieldError{fmt.Sprintf("relaxation[%d].after", i), "must grow from step to step"}
		}
	}
	return nil
}

// maxSteps bounds the steps of a relaxation.
const maxSteps = 15

// Validate checks an agent's skills and capacity and returns a *FieldError.
func (a Agent) Validate() error {
	if a.ID == "" {
		return &FieldError{"id", "is empty"}
	}
	for s, l := range a.Skills {
		if s == "" || l < 1 || l > 5 {
			return &FieldError{"skills." + s, "wants a name and a level of 1 to 5"}
		}
	}
	if a.Capacity.Voice < 0 || a.Capacity.Voice > 100 {
		return &FieldError{"capacity.voice", "is not within 0 and 100"}
	}
	if a.Capacity.Chat < 0 || a.Capacity.Chat > 100 {
		return &FieldError{"capacity.chat", "is not within 0 and 100"}
	}
	return nil
}
