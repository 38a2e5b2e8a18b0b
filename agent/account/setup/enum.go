package setup

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
