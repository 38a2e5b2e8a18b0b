// Package calendar tells when a business is open: hours by weekday in a zone,
// holidays, and make-up workdays (调休), on which a weekend day is worked in
// exchange for a holiday. It knows dates and nothing of who asks.
package calendar

import (
	"errors"
	"fmt"
	"time"
)

// ErrInvalid is returned for a calendar that cannot be used; the message names
// the field and what is allowed.
var ErrInvalid = errors.New("calendar: not valid")

// FieldError is an ErrInvalid that names the field.
type FieldError struct {
	Field   string // days[0].date
	Code    string // stable kind of the fault: one_of, unknown, format, unique, too_large, invalid
	Problem string
}

// Error implements error.
func (e *FieldError) Error() string { return ErrInvalid.Error() + ": " + e.Field + ": " + e.Problem }

// Unwrap lets errors.Is find ErrInvalid.
func (e *FieldError) Unwrap() error { return ErrInvalid }

func fault(field, code, format string, args ...any) error {
	return &FieldError{field, code, fmt.Sprintf(format, args...)}
}

// Span is a stretch of a day: from HH:MM to HH:MM, 24:00 being the day's end.
// A span whose end is not after its start reaches into the next day.
type Span struct {
	From string `json:"from" yaml:"from"`
	To   string `json:"to" yaml:"to"`
}

// Day is a date on which other hours hold: a holiday has none, a make-up
// workday has some. Workday, for a day without hours, takes those of that
// weekday (mon … sun).
type Day struct {
	Date    string `json:"date" yaml:"date"` // YYYY-MM-DD
	Name    string `json:"name,omitempty" yaml:"name,omitempty"`
	Hours   []Span `json:"hours" yaml:"hours,omitempty"`
	Workday string `json:"workday,omitempty" yaml:"workday,omitempty"`
}

// Calendar is a business calendar. Its JSON and YAML are those of the API.
type Calendar struct {
	Name string            `json:"name" yaml:"name"`
	Zone string            `json:"timezone" yaml:"timezone"` // IANA name; empty: UTC
	Week map[string][]Span `json:"week" yaml:"week"`         // by mon … sun; a missing day is closed
	Days []Day             `json:"days" yaml:"days,omitempty"`

	zone  *time.Location
	week  [7][]span
	dates map[date]special
}

type span struct{ from, to int } // minutes of the day; to may exceed 24 h

type date struct {
	year  int
	month time.Month
	day   int
}

type special struct {
	name  string
	spans []span
}

// Weekdays are the keys of Calendar.Week, from Monday.
var Weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// Open reports whether the business is open at that moment.
func (c *Calendar) Open(at time.Time) bool {
	at = at.In(c.zone)
	minute := at.Hour()*60 + at.Minute()
	for _, s := range c.on(dateOf(at)) {
		if minute >= s.from && minute < s.to {
			return true
		}
	}
	for _, s := range c.on(dateOf(at.AddDate(0, 0, -1))) {
		if minute+24*60 < s.to {
			return true
		}
	}
	return false
}

// NextOpen returns the first moment from at on at which the business is open:
// at itself while it is. ok is false when that is not within 400 days.
func (c *Calendar) NextOpen(at time.Time) (next time.Time, ok bool) {
	if c.Open(at) {
		return at, true
	}
	local := at.In(c.zone)
	for i := range 400 {
		day := date{local.Year(), local.Month(), local.Day() + i}
		for _, s := range c.on(day.normal(c.zone)) {
			from := time.Date(day.year, day.month, day.day, s.from/60, s.from%60, 0, 0, c.zone)
			// An hour that the change to summer time leaves out ends an hour later.
			for _, t := range []time.Time{from, from.Add(time.Hour)} {
				if !t.Before(at) && c.Open(t) {
					return t, true
				}
			}
		}
	}
	return time.Time{}, false
}

// Special returns the name of the holiday or make-up workday on which at falls.
func (c *Calendar) Special(at time.Time) (name string, ok bool) {
	s, ok := c.dates[dateOf(at.In(c.zone))]
	return s.name, ok
}

// on returns the hours of a date, in order.
func (c *Calendar) on(d date) []span {
	if s, ok := c.dates[d]; ok {
		return s.spans
	}
	return c.week[time.Date(d.year, d.month, d.day, 12, 0, 0, 0, time.UTC).Weekday()]
}

func dateOf(t time.Time) date {
	y, m, d := t.Date()
	return date{y, m, d}
}

// normal carries days over the end of the month.
func (d date) normal(zone *time.Location) date {
	return dateOf(time.Date(d.year, d.month, d.day, 12, 0, 0, 0, zone))
}
