// Package setup has what people administer in an installation: teams, agents,
// queues, lines, numbers, devices, flows, calendars, break reasons and wrap-up
// codes, as the bodies of account.Record. The same JSON is the API's, the
// database's and, as YAML, that of `hotline apply`.
//
// Durations are whole seconds here (fields end in _s), because people type them.
// Load reads all of it at once for the processes that act on it.
package setup

import (
	"time"
)

// Meta is what every administered record carries beside its own fields. It
// comes from the account.Record and is not in the stored body.
type Meta struct {
	ID        string    `json:"id" readOnly:"true" doc:"Identifier, a short kind and a ULID or a chosen name"`
	Version   int64     `json:"version" readOnly:"true" doc:"Counts the changes; send it back with a change"`
	Demo      bool      `json:"demo" readOnly:"true" doc:"Seeded example data that can be removed in one go"`
	CreatedAt time.Time `json:"created_at" readOnly:"true"`
	UpdatedAt time.Time `json:"updated_at" readOnly:"true"`
}

// Labels are texts for people by language (BCP 47: zh-CN, en, ja).
type Labels map[string]string

// Team groups agents, queues and what a supervisor sees.
type Team struct {
	Meta
	Name        string `json:"name" minLength:"1" maxLength:"100"`
	Description string `json:"description" maxLength:"500"`
}

// Agent is somebody (or a desk phone) whom queues offer conversations to.
type Agent struct {
	Meta
	Name     string         `json:"name" minLength:"1" maxLength:"100"`
	UserID   string         `json:"user_id" doc:"The user who works as this agent; empty for a mere desk phone"`
	TeamID   string         `json:"team_id"`
	Skills   map[string]int `json:"skills" doc:"Level 1 to 5 by skill; a language is a skill (zh, en, ja)"`
	Queues   []string       `json:"queues" nullable:"false" doc:"Identifiers of the queues that this agent serves"`
	DeviceID string         `json:"device_id" doc:"Desk phone; empty means the browser's softphone"`
	Capacity int            `json:"capacity" minimum:"0" maximum:"20" doc:"Chats at the same time; a call is always alone"`
	Enabled  bool           `json:"enabled"`
}

// Relaxation widens the skills that a waiting conversation needs.
type Relaxation struct {
	AfterS int `json:"after_s" minimum:"1" maximum:"86400" doc:"Seconds in the queue after which it applies"`
	Level  int `json:"level" minimum:"0" maximum:"5" doc:"Level that suffices from then on; 0 drops the requirement"`
}

// Overflow is one step of what happens to those who cannot wait (any longer).
type Overflow struct {
	Action OverflowAction `json:"action"`
	Target string         `json:"target" maxLength:"200" doc:"Queue or flow identifier, or a number, as the action wants"`
}

// Announce is what those who wait hear.
type Announce struct {
	Music        string `json:"music" maxLength:"200" doc:"Name of a sound; default is the music that ships"`
	Position     bool   `json:"position" doc:"Say the position in the queue"`
	ExpectedWait bool   `json:"expected_wait" doc:"Say the expected wait"`
	IntervalS    int    `json:"interval_s" minimum:"0" maximum:"3600" doc:"Seconds between announcements; 0: never"`
}

// Callback is the offer to be called back instead of waiting.
type Callback struct {
	AfterS  int `json:"after_s" minimum:"0" maximum:"86400" doc:"Seconds in the queue after which it is offered; 0: never"`
	Retries int `json:"retries" minimum:"0" maximum:"10"`
	GapS    int `json:"gap_s" minimum:"0" maximum:"86400"`
}

// ServiceLevel is what the queue promises and how it is counted.
type ServiceLevel struct {
	ThresholdS int     `json:"threshold_s" minimum:"1" maximum:"3600"`
	Formula    Formula `json:"formula"`
	TargetPct  int     `json:"target_pct" minimum:"0" maximum:"100" doc:"Percentage that the pages colour against"`
}

// Queue is where conversations wait for an agent (domain terms: queue parameters).
type Queue struct {
	Meta
	Name             string         `json:"name" minLength:"1" maxLength:"100"`
	Labels           Labels         `json:"labels" doc:"Name for people by language"`
	TeamID           string         `json:"team_id"`
	Strategy         Strategy       `json:"strategy"`
	RingTimeoutS     int            `json:"ring_timeout_s" minimum:"3" maximum:"300"`
	MaxNoAnswer      int            `json:"max_no_answer" minimum:"1" maximum:"100" doc:"Missed offers before an agent counts as not responding"`
	WrapUpS          int            `json:"wrap_up_s" minimum:"0" maximum:"3600"`
	WrapUpExtensions int            `json:"wrap_up_extensions" minimum:"0" maximum:"10"`
	WrapUpExtendS    int            `json:"wrap_up_extend_s" minimum:"5" maximum:"600"`
	WrapUpRequired   bool           `json:"wrap_up_required" doc:"A code must be chosen"`
	MaxWaitS         int            `json:"max_wait_s" minimum:"0" maximum:"86400" doc:"0: no limit"`
	MaxLength        int            `json:"max_length" minimum:"0" maximum:"100000" doc:"0: no limit"`
	JoinEmpty        bool           `json:"join_empty" doc:"May be entered while no agent is logged in"`
	LeaveEmpty       bool           `json:"leave_empty" doc:"Is left when the last agent logs out"`
	Overflow         []Overflow     `json:"overflow" nullable:"false" maxItems:"10"`
	Priority         int            `json:"priority" minimum:"-1000" maximum:"1000"`
	AgeingPerS       int            `json:"ageing_per_s" minimum:"0" maximum:"1000" doc:"Score gained with each second of waiting"`
	Skills           map[string]int `json:"skills" doc:"Required level 1 to 5 by skill"`
	Relaxation       []Relaxation   `json:"relaxation" nullable:"false" maxItems:"10"`
	StickyAgentS     int            `json:"sticky_agent_s" minimum:"0" maximum:"3600" doc:"Seconds during which the customer's last agent goes first"`
	Announce         Announce       `json:"announce"`
	Callback         Callback       `json:"callback"`
	ServiceLevel     ServiceLevel   `json:"service_level"`
	Record           bool           `json:"record" doc:"Calls are recorded"`
	WidebandUplink   bool           `json:"wideband_uplink" doc:"Take Opus from the browser instead of relaying G.711"`
	Enabled          bool           `json:"enabled"`
}

// NewQueue returns a queue with the defaults of the domain terms.
func NewQueue() Queue {
	return Queue{
		Strategy: LeastOccupied, RingTimeoutS: 20, MaxNoAnswer: 3,
		WrapUpS: 30, WrapUpExtensions: 2, WrapUpExtendS: 30,
		MaxWaitS: 900, JoinEmpty: true, AgeingPerS: 1,
		Overflow:     []Overflow{{Action: OverflowCallback}, {Action: OverflowVoicemail}, {Action: OverflowEnd}},
		Relaxation:   []Relaxation{},
		Announce:     Announce{Music: "default", Position: true, IntervalS: 60},
		Callback:     Callback{Retries: 3, GapS: 300},
		ServiceLevel: ServiceLevel{ThresholdS: 20, Formula: SLStrict, TargetPct: 80},
		Record:       true, Enabled: true,
	}
}

// Line is a SIP trunk: one that we know by its address, or one that we register to.
type Line struct {
	Meta
	Name           string    `json:"name" minLength:"1" maxLength:"100"`
	Mode           LineMode  `json:"mode"`
	Hosts          []string  `json:"hosts" nullable:"false" maxItems:"64" doc:"Addresses or CIDR blocks from which its calls come"`
	Server         string    `json:"server" maxLength:"255" doc:"host or host:port that we register to and call through"`
	Username       string    `json:"username" maxLength:"100"`
	Password       string    `json:"password,omitempty" writeOnly:"true" maxLength:"200"`
	HasPassword    bool      `json:"has_password" readOnly:"true"`
	Transport      Transport `json:"transport"`
	Codecs         []string  `json:"codecs" nullable:"false" maxItems:"8" doc:"In order of preference: PCMA, PCMU, G722"`
	MaxCalls       int       `json:"max_calls" minimum:"0" maximum:"100000" doc:"0: no limit but the installation's"`
	CallsPerSecond int       `json:"calls_per_second" minimum:"0" maximum:"10000" doc:"0: no limit but the installation's"`
	CallerID       string    `json:"caller_id" maxLength:"32" doc:"Number shown on calls that we make"`
	DefaultCountry string    `json:"default_country" maxLength:"2" doc:"ISO 3166 code for numbers without a prefix; empty: the installation's"`
	InbandDigits   bool      `json:"inband_digits" doc:"Also look for keys in the sound"`
	Enabled        bool      `json:"enabled"`
}

// NewLine returns a line with its defaults.
func NewLine() Line {
	return Line{Mode: LineByAddress, Hosts: []string{}, Transport: TransportUDP, Codecs: []string{"PCMA", "PCMU", "G722"}, Enabled: true}
}

// Number is what callers dial, and where it leads.
type Number struct {
	Meta
	Number      string   `json:"number" minLength:"1" maxLength:"32" pattern:"^[+]?[0-9*#A-Za-z._-]+$" doc:"As it arrives in the request, or E.164"`
	Description string   `json:"description" maxLength:"200"`
	LineIDs     []string `json:"line_ids" nullable:"false" doc:"Only on these lines; empty: on all"`
	FlowID      string   `json:"flow_id" doc:"Flow that answers"`
	Language    string   `json:"language" maxLength:"20" doc:"Language of its conversations (BCP 47); empty: the customer's or the installation's"`
	TestPhone   bool     `json:"test_phone" doc:"Shown on the test phone"`
	Enabled     bool     `json:"enabled"`
}

// Device is a desk phone that registers with us.
type Device struct {
	Meta
	Name        string `json:"name" minLength:"1" maxLength:"100"`
	Username    string `json:"username" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9._-]+$"`
	Password    string `json:"password,omitempty" writeOnly:"true" maxLength:"200" doc:"At least 12 characters"`
	HasPassword bool   `json:"has_password" readOnly:"true"`
	DisplayName string `json:"display_name" maxLength:"100"`
	Enabled     bool   `json:"enabled"`
}

// Flow is what answers a number. Its text is the YAML of the flow language.
type Flow struct {
	Meta
	Name        string `json:"name" minLength:"1" maxLength:"100"`
	Description string `json:"description" maxLength:"500"`
	Draft       string `json:"draft" maxLength:"1000000" doc:"The text being worked on (YAML)"`
	Published   int    `json:"published" readOnly:"true" doc:"Version that answers calls; 0: none yet"`
	Latest      int    `json:"latest" readOnly:"true" doc:"Highest version that was ever published"`
}

// FlowVersion is one published text of a flow. It never changes.
type FlowVersion struct {
	FlowID      string    `json:"flow_id"`
	Version     int       `json:"version"`
	Text        string    `json:"text" doc:"YAML"`
	Note        string    `json:"note"`
	PublishedBy string    `json:"published_by" doc:"User"`
	PublishedAt time.Time `json:"published_at"`
}

// Hours is a stretch of a day, from HH:MM to HH:MM (24:00 is the end of the day).
type Hours struct {
	From string `json:"from" pattern:"^([01][0-9]|2[0-4]):[0-5][0-9]$"`
	To   string `json:"to" pattern:"^([01][0-9]|2[0-4]):[0-5][0-9]$"`
}

// SpecialDay is a date on which other hours hold: a holiday has none; a make-up
// workday has some.
type SpecialDay struct {
	Date  string  `json:"date" format:"date"`
	Name  string  `json:"name" maxLength:"100"`
	Hours []Hours `json:"hours" nullable:"false" maxItems:"10" doc:"Empty: closed all day"`
}

// Calendar tells when a business is open.
type Calendar struct {
	Meta
	Name     string              `json:"name" minLength:"1" maxLength:"100"`
	Timezone string              `json:"timezone" doc:"IANA name, such as Asia/Shanghai"`
	Week     map[Weekday][]Hours `json:"week" doc:"Hours by day of the week (mon … sun); a missing day is closed"`
	Days     []SpecialDay        `json:"days" nullable:"false" maxItems:"2000" doc:"Holidays and make-up workdays"`
}

// Break is a reason that agents choose for a break.
type Break struct {
	Meta
	Code    string `json:"code" pattern:"^[a-z][a-z0-9_]{0,31}$"`
	Labels  Labels `json:"labels"`
	Enabled bool   `json:"enabled"`
}

// WrapUpCode is a result that agents choose after a conversation.
type WrapUpCode struct {
	Meta
	Code         string   `json:"code" pattern:"^[a-z][a-z0-9_.]{0,63}$"`
	Category     string   `json:"category" maxLength:"64"`
	Labels       Labels   `json:"labels"`
	Queues       []string `json:"queues" nullable:"false" doc:"Only in these queues; empty: in all"`
	DoNotContact bool     `json:"do_not_contact" doc:"Choosing it records that the customer does not want to be contacted"`
	Enabled      bool     `json:"enabled"`
}
