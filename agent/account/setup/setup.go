// Package setup has what people administer in an installation: teams, agents,
// queues, lines, numbers, devices, flows, calendars, break reasons and wrap-up
// codes, as the bodies of account.Record. The same JSON is the API's, the
// database's and, as YAML, that of `hotline apply`.
//
// Agents, queues, teams, breaks and wrap-up codes have the JSON of the types of
// package agent, so that a record's body can be decoded as either.
// Load reads all of it at once for the processes that act on it.
package setup

import (
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/calendar"
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

// Team groups agents, queues and what a supervisor sees. Its JSON is agent.Team's.
type Team struct {
	Meta
	Name        string `json:"name" minLength:"1" maxLength:"100"`
	Description string `json:"description" maxLength:"500"`
}

// Agent is somebody (or a desk phone) whom queues offer conversations to. Its
// JSON is agent.Agent's.
type Agent struct {
	Meta
	Name     string         `json:"name" minLength:"1" maxLength:"100"`
	UserID   string         `json:"user_id" doc:"The user who works as this agent; empty for a mere desk phone"`
	TeamID   string         `json:"team_id"`
	Skills   map[string]int `json:"skills" doc:"Level 1 to 5 by skill; a language is a skill (zh, en, ja)"`
	Queues   []string       `json:"queues" nullable:"false" doc:"Identifiers of the queues that this agent serves"`
	DeviceID string         `json:"device_id" doc:"Desk phone; empty means the browser's softphone"`
	Capacity agent.Capacity `json:"capacity" doc:"How much at once; 0 means 1 call, or 4 chats"`
	Enabled  bool           `json:"enabled" doc:"Off: gets no offers"`
}

// NewAgent returns an agent with the defaults.
func NewAgent() Agent { return Agent{Skills: map[string]int{}, Queues: []string{}, Enabled: true} }

// Routing is what the router knows of the agent.
func (a Agent) Routing() agent.Agent {
	return agent.Agent{
		ID: a.ID, UserID: a.UserID, Name: a.Name, TeamID: a.TeamID, Skills: a.Skills,
		Queues: a.Queues, DeviceID: a.DeviceID, Capacity: a.Capacity, Demo: a.Demo,
	}
}

// Queue is where conversations wait for an agent. Its JSON is agent.Queue's,
// with what only calls need added; times are seconds.
type Queue struct {
	Meta
	Name             string                 `json:"name" minLength:"1" maxLength:"100"`
	Names            Labels                 `json:"names" doc:"Name for people by language; falls back to name"`
	TeamID           string                 `json:"team_id"`
	Strategy         agent.Strategy         `json:"strategy"`
	Order            []string               `json:"order" nullable:"false" doc:"Agents in order, for top_down"`
	RingTimeout      agent.Seconds          `json:"ring_timeout" minimum:"1" maximum:"600"`
	MaxNoAnswer      int                    `json:"max_no_answer" minimum:"0" maximum:"1000" doc:"Missed offers before an agent counts as not responding; 0: never"`
	WrapUpTime       agent.Seconds          `json:"wrap_up_time" minimum:"0" maximum:"86400"`
	WrapUpExtension  agent.Seconds          `json:"wrap_up_extension" minimum:"0" maximum:"86400" doc:"Length of one extension"`
	WrapUpExtensions int                    `json:"wrap_up_extensions" minimum:"0" maximum:"100"`
	MaxWait          agent.Seconds          `json:"max_wait" minimum:"1" maximum:"86400"`
	MaxLength        int                    `json:"max_length" minimum:"0" maximum:"1000000" doc:"0: no limit"`
	JoinEmpty        agent.EmptyRule        `json:"join_empty" doc:"May be entered while nobody is logged in"`
	LeaveEmpty       agent.EmptyRule        `json:"leave_empty" doc:"Is left when the last agent logs out"`
	Overflow         []agent.OverflowAction `json:"overflow" nullable:"false" maxItems:"10" doc:"Tried in order when the queue gives a conversation up"`
	NotYet           []agent.OverflowKind   `json:"overflow_not_yet,omitempty" readOnly:"true" doc:"Kinds of overflow above that this version cannot do and passes over"`
	Priority         int                    `json:"priority" minimum:"-1000000" maximum:"1000000"`
	Ageing           int                    `json:"ageing" minimum:"0" maximum:"1000" doc:"Points gained with each second of waiting"`
	Skills           []agent.SkillNeed      `json:"skills" nullable:"false" maxItems:"50"`
	Relaxation       []agent.RelaxStep      `json:"relaxation" nullable:"false" maxItems:"15" doc:"Steps that lower what is required once a conversation has waited"`
	StickyAgent      agent.Seconds          `json:"sticky_agent" minimum:"0" maximum:"86400" doc:"How long the customer's last agent goes first"`
	Announce         agent.Announce         `json:"announce"`
	Callback         agent.Callback         `json:"callback"`
	ServiceLevel     agent.ServiceLevel     `json:"service_level"`
	Record           bool                   `json:"record" doc:"Calls are recorded, as record_share says"`
	RecordShare      int                    `json:"record_share" minimum:"0" maximum:"100" doc:"Percent of the conversations that are recorded, chosen by their identifiers; 0 means 100"`
	RecordOnDemand   bool                   `json:"record_on_demand" doc:"The agent may begin to record what no rule records"`
	RecordNotice     bool                   `json:"record_notice" doc:"Callers are told before; who did not hear it to its end is not recorded"`
	RecordNoticeText Labels                 `json:"record_notice_text" doc:"What they are told, by language; without it the text that ships"`
	RecordRefusal    string                 `json:"record_refusal" enum:",1,2,3,4,5,6,7,8,9" doc:"Key by which a caller refuses after the notice; empty: none"`
	WidebandUplink   bool                   `json:"wideband_uplink" doc:"Take Opus from the browser instead of relaying G.711"`
	Enabled          bool                   `json:"enabled" doc:"Off: takes no more conversations"`
}

// NewQueue returns a queue with the default of every parameter.
func NewQueue() Queue {
	d := agent.DefaultQueue("", "")
	return Queue{
		Names: Labels{}, Strategy: d.Strategy, Order: []string{}, RingTimeout: d.RingTimeout, MaxNoAnswer: d.MaxNoAnswer,
		WrapUpTime: d.WrapUpTime, WrapUpExtension: d.WrapUpExtension, WrapUpExtensions: d.WrapUpExtensions,
		MaxWait: d.MaxWait, MaxLength: d.MaxLength, JoinEmpty: d.JoinEmpty, LeaveEmpty: d.LeaveEmpty,
		Overflow: d.Overflow, Priority: d.Priority, Ageing: d.Ageing, Skills: d.Skills, Relaxation: d.Relaxation,
		StickyAgent: d.StickyAgent, Announce: d.Announce, Callback: d.Callback, ServiceLevel: d.ServiceLevel, Record: true,
		RecordShare: 100, RecordNoticeText: Labels{}, Enabled: true,
	}
}

// Routing is what the router knows of the queue.
func (q Queue) Routing() agent.Queue {
	return agent.Queue{
		ID: q.ID, Name: q.Name, TeamID: q.TeamID, Strategy: q.Strategy, Order: q.Order,
		RingTimeout: q.RingTimeout, MaxNoAnswer: q.MaxNoAnswer,
		WrapUpTime: q.WrapUpTime, WrapUpExtension: q.WrapUpExtension, WrapUpExtensions: q.WrapUpExtensions,
		MaxWait: q.MaxWait, MaxLength: q.MaxLength, JoinEmpty: q.JoinEmpty, LeaveEmpty: q.LeaveEmpty,
		Overflow: q.Overflow, Priority: q.Priority, Ageing: q.Ageing, Skills: q.Skills, Relaxation: q.Relaxation,
		StickyAgent: q.StickyAgent, Announce: q.Announce, Callback: q.Callback, ServiceLevel: q.ServiceLevel, Demo: q.Demo,
	}.WithDefaults()
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
	// Registration is not stored: the process that answers says how it stands.
	Registration *Registration `json:"registration,omitempty" readOnly:"true" doc:"How our registration at the other side stands; absent for a line known by its address, and for one that is not in use"`
}

// Registration is how our registration at a line's other side stands.
type Registration struct {
	Registered bool      `json:"registered"`
	Since      time.Time `json:"since" doc:"Of the present state"`
	Status     int       `json:"status" doc:"Last SIP answer; 0: none yet"`
	Error      string    `json:"error,omitempty" doc:"Why not, in English"`
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
	// Online is not stored: the process that answers says whether it is registered there.
	Online bool `json:"online" readOnly:"true" doc:"It is registered and can be rung"`
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
	Date    string  `json:"date" format:"date"`
	Name    string  `json:"name" maxLength:"100"`
	Hours   []Hours `json:"hours" nullable:"false" maxItems:"10" doc:"Empty: closed all day, unless workday is set"`
	Workday Weekday `json:"workday,omitempty" doc:"A make-up workday: the hours of that day of the week hold"`
}

// Calendar tells when a business is open.
type Calendar struct {
	Meta
	Name     string              `json:"name" minLength:"1" maxLength:"100"`
	Timezone string              `json:"timezone" doc:"IANA name, such as Asia/Shanghai"`
	Week     map[Weekday][]Hours `json:"week" doc:"Hours by day of the week (mon … sun); a missing day is closed"`
	Days     []SpecialDay        `json:"days" nullable:"false" maxItems:"2000" doc:"Holidays and make-up workdays"`
}

// Calendar gives what tells when the business is open; Prepare it.
func (c Calendar) Calendar() *calendar.Calendar {
	cal := &calendar.Calendar{Name: c.Name, Zone: c.Timezone, Week: map[string][]calendar.Span{}}
	for day, hours := range c.Week {
		cal.Week[string(day)] = spans(hours)
	}
	for _, d := range c.Days {
		cal.Days = append(cal.Days, calendar.Day{Date: d.Date, Name: d.Name, Hours: spans(d.Hours), Workday: string(d.Workday)})
	}
	return cal
}

// SpecialDays gives the days of what tells when the business is open.
func SpecialDays(days []calendar.Day) []SpecialDay {
	out := make([]SpecialDay, 0, len(days))
	for _, d := range days {
		day := SpecialDay{Date: d.Date, Name: d.Name, Hours: []Hours{}, Workday: Weekday(d.Workday)}
		for _, h := range d.Hours {
			day.Hours = append(day.Hours, Hours{From: h.From, To: h.To})
		}
		out = append(out, day)
	}
	return out
}

func spans(hours []Hours) []calendar.Span {
	out := make([]calendar.Span, 0, len(hours))
	for _, h := range hours {
		out = append(out, calendar.Span{From: h.From, To: h.To})
	}
	return out
}

// Break is a reason that agents choose for a break; its id is a chosen word
// (lunch). Its JSON is agent.BreakReason's.
type Break struct {
	Meta
	Names Labels `json:"names" doc:"What people read, by language"`
	Order int    `json:"order"`
}

// WrapUpCode is a result that agents choose after a conversation. Its JSON is
// agent.WrapUpCode's.
type WrapUpCode struct {
	Meta
	Category     string `json:"category" maxLength:"64"`
	Code         string `json:"code" pattern:"^[a-z][a-z0-9_.]{0,63}$"`
	Names        Labels `json:"names" doc:"What people read, by language"`
	QueueID      string `json:"queue_id" doc:"Only in this queue; empty: in all"`
	Required     bool   `json:"required" doc:"The queue wants a code before the wrap-up ends"`
	DoNotContact bool   `json:"do_not_contact" doc:"Choosing it records that the customer does not want to be contacted"`
	Order        int    `json:"order"`
}
