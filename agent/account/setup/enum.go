package setup

// Strategy is how a queue chooses among free agents.
type Strategy string

// The strategies.
const (
	LeastOccupied  Strategy = "least_occupied"
	LongestIdle    Strategy = "longest_idle"
	RoundRobin     Strategy = "round_robin"
	FewestContacts Strategy = "fewest_contacts"
	BestSkill      Strategy = "best_skill"
	RingAll        Strategy = "ring_all"
	TopDown        Strategy = "top_down"
	Random         Strategy = "random"
)

// Strategies lists every strategy.
var Strategies = []Strategy{LeastOccupied, LongestIdle, RoundRobin, FewestContacts, BestSkill, RingAll, TopDown, Random}

// OverflowAction is what an overflow step does.
type OverflowAction string

// The overflow actions.
const (
	OverflowQueue     OverflowAction = "queue"
	OverflowNumber    OverflowAction = "number"
	OverflowFlow      OverflowAction = "flow"
	OverflowVoicemail OverflowAction = "voicemail"
	OverflowCallback  OverflowAction = "callback"
	OverflowTicket    OverflowAction = "ticket"
	OverflowEnd       OverflowAction = "end"
)

// OverflowActions lists every overflow action.
var OverflowActions = []OverflowAction{OverflowQueue, OverflowNumber, OverflowFlow, OverflowVoicemail, OverflowCallback, OverflowTicket, OverflowEnd}

// Formula is the code of a service level formula.
type Formula string

// The service level formulas.
const (
	SLStrict   Formula = "SL-STRICT"
	SLOffered  Formula = "SL-OFFERED"
	SLAnswered Formula = "SL-ANSWERED"
	SLRemoved  Formula = "SL-REMOVED"
	SLFair     Formula = "SL-FAIR"
)

// Formulas lists every service level formula.
var Formulas = []Formula{SLStrict, SLOffered, SLAnswered, SLRemoved, SLFair}

// LineMode is how a line is known to be itself.
type LineMode string

// The line modes.
const (
	LineByAddress  LineMode = "ip"
	LineByRegister LineMode = "register"
)

// LineModes lists every line mode.
var LineModes = []LineMode{LineByAddress, LineByRegister}

// Transport carries SIP.
type Transport string

// The transports.
const (
	TransportUDP Transport = "udp"
	TransportTCP Transport = "tcp"
	TransportTLS Transport = "tls"
)

// Transports lists every transport.
var Transports = []Transport{TransportUDP, TransportTCP, TransportTLS}

// Weekday is a day of the week.
type Weekday string

// Weekdays lists the days of the week from Monday.
var Weekdays = []Weekday{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
