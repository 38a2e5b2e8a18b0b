// Package insight computes figures from what conversations left behind: counts,
// service levels, times, occupancy and load balance per queue and per agent, by
// half hour, day and week; the same service level again from the journal alone;
// and Erlang C for staffing. Every figure carries the code of its formula, so
// that the number on a page and the number in a contract can be compared.
//
// The functions are pure: they read segments and events and keep nothing.
package insight

import (
	"context"
	"errors"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

// ErrQuery is wrapped by every complaint about a Query.
var ErrQuery = errors.New("insight: bad query")

// By says what a row stands for.
type By string

// What a row may stand for.
const (
	ByQueue By = "queue"
	ByAgent By = "agent"
)

// Granularity is the length of a row's interval in calendar time.
type Granularity string

// The granularities. Days begin at midnight of the query's location, weeks on
// Monday; a day of 23 or 25 hours has 46 or 50 half hours.
const (
	HalfHour Granularity = "half_hour"
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
	IDs         []string       // queues or agents; empty: all
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

// Source is what figures are computed from.
type Source interface {
	// EachSegment yields all segments of every conversation that has one
	// overlapping [from, to), ordered by conversation, then by StartedAt.
	// An error of yield ends it and is returned.
	EachSegment(ctx context.Context, from, to time.Time, yield func(omni.Segment) error) error
	// PresencePeriods returns the periods overlapping [from, to) of every agent,
	// in the order of agent and From. PresencePeriods of this package makes them
	// from journal events.
	PresencePeriods(ctx context.Context, from, to time.Time) ([]PresencePeriod, error)
}
