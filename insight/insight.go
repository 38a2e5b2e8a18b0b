// Package insight computes figures from what conversations left behind: counts,
// service levels, times, occupancy and load balance per queue and per agent, by
// half hour, hour, day and week; the same service level again from the journal alone;
// and Erlang C for staffing. Every figure carries the code of its formula, so
// that the number on a page and the number in a contract can be compared.
//
// The functions are pure: they read and keep nothing. A store keeps sheets of
// what they need, so that a million conversations are reported in well under two
// seconds; the segments alone give the same figures, slowly (Recount).
package insight

import (
	"context"
	"errors"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

// The errors of this package. Test with errors.Is.
var (
	ErrQuery    = errors.New("insight: bad query")
	ErrNoSheets = errors.New("insight: the sheets are not complete")
	ErrSheet    = errors.New("insight: a sheet is damaged or does not hold what is taken out of it")
)

// By says what a row stands for.
type By string

// What a row may stand for.
const (
	ByQueue By = "queue"
	ByAgent By = "agent"
	ByTotal By = "total" // all queues and agents together
)

// Granularity is the length of a row's interval in calendar time.
type Granularity string

// The granularities. Days begin at midnight of the query's location, weeks on
// Monday; a day of 23 or 25 hours has 46 or 50 half hours.
const (
	HalfHour Granularity = "half_hour"
	Hour     Granularity = "hour"
	Day      Granularity = "day"
	Week     Granularity = "week"
	Whole    Granularity = "whole" // one interval from From to To
)

// Query says which figures are wanted.
type Query struct {
	By          By
	Granularity Granularity
	From, To    time.Time
	Location    *time.Location // default UTC
	IDs         []string       // queues or agents, with ByTotal queues; empty: all
	Agents      []string       // with ByTotal, whose occupancy counts; empty: all
	// Now is until when what still goes on counts, when it lies before To. Zero: To.
	Now time.Time
	// Targets gives the service level target of each queue; one that is missing
	// has 20 s and SL-STRICT.
	Targets map[string]agent.ServiceLevel
}

// Unit is what a figure's value counts.
type Unit string

// The units of figures.
const (
	Count   Unit = "count"
	Seconds Unit = "seconds"
	Ratio   Unit = "ratio" // 0 to 1
)

// Figure is one number with the code of the formula it comes from. A figure
// whose formula divides by nothing has Defined false.
type Figure struct {
	Name    string  `json:"name"` // offered, answered, service_level …
	Code    string  `json:"code"`
	Unit    Unit    `json:"unit"`
	Value   float64 `json:"value"`
	Defined bool    `json:"defined"`
	Target  bool    `json:"target,omitempty"` // the service level by the queue's own formula
}

// Row holds the figures of one queue or agent in one interval.
type Row struct {
	ID      string    `json:"id"`             // queue or agent
	Name    string    `json:"name,omitempty"` // filled in by who shows it
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Figures []Figure  `json:"figures" nullable:"false"`
}

// Figure returns the figure with the code, or one that is not defined.
func (r Row) Figure(code string) Figure {
	for _, f := range r.Figures {
		if f.Code == code {
			return f
		}
	}
	return Figure{Code: code}
}

// PresencePeriod is a time during which an agent's presence did not change.
type PresencePeriod struct {
	AgentID string
	State   agent.PresenceState
	From    time.Time
	To      time.Time // zero: still so
}

// Which chooses conversations.
type Which int

// The choices.
const (
	// Overlapping are those with a segment that overlaps the span.
	Overlapping Which = iota
	// Unsheeted are those of them that no sheet counts yet: live, new or just
	// changed.
	Unsheeted
	// Begun are those that the sheets count and of which a segment began, or was
	// ended by a transfer, within the span.
	Begun
)

// Source is what figures are computed from, as it was at one moment.
type Source interface {
	// EachSegment yields all segments of the conversations chosen for [from, to),
	// ordered by conversation, StartedAt and ID. An error of yield ends it and is
	// returned.
	EachSegment(ctx context.Context, which Which, from, to time.Time, yield func(omni.Segment) error) error
	// EachSheet yields the sheets of queues or agents (of those named; of all
	// when ids is empty) whose day overlaps [from, to), with the day (DayOf). A
	// sheet is good until yield returns. Where sheets and unsheeted
	// conversations together are not everything, it returns ErrNoSheets at once.
	EachSheet(ctx context.Context, by By, ids []string, from, to time.Time, yield func(id string, day int64, s *Sheet) error) error
	// PresencePeriods returns the periods overlapping [from, to) of every agent,
	// in the order of agent and From. PresencePeriods of this package makes them
	// from journal events.
	PresencePeriods(ctx context.Context, from, to time.Time) ([]PresencePeriod, error)
}
