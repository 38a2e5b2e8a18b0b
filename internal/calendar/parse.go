package calendar

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// MaxDays bounds the special days of a calendar.
const MaxDays = 2000

// Parse reads a calendar from YAML or JSON and checks it. Errors are ErrInvalid.
func Parse(text []byte) (*Calendar, error) {
	var c Calendar
	if err := decode(text, &c); err != nil {
		return nil, err
	}
	if err := c.Prepare(); err != nil {
		return nil, err
	}
	return &c, nil
}

// ParseDays reads a yearly file of holidays and make-up workdays:
//
//	days:
//	  - {date: 2026-10-01, name: 国庆节}
//	  - {date: 2026-10-10, name: 国庆节调休, workday: mon}
//	  - {date: 2026-12-24, hours: [{from: "09:00", to: "13:00"}]}
//
// `to` beside `date` covers several days. The days come back one by one.
func ParseDays(text []byte) ([]Day, error) {
	var file struct {
		Name string `yaml:"name"`
		Days []struct {
			Date    string `yaml:"date"`
			To      string `yaml:"to"`
			Name    string `yaml:"name"`
			Hours   []Span `yaml:"hours"`
			Workday string `yaml:"workday"`
		} `yaml:"days"`
	}
	if err := decode(text, &file); err != nil {
		return nil, err
	}
	var days []Day
	for i, d := range file.Days {
		from, err := time.Parse(time.DateOnly, d.Date)
		if err != nil {
			return nil, fault(fmt.Sprintf("days[%d].date", i), "format", "%q is not a date like 2026-10-01", d.Date)
		}
		to, err := time.Parse(time.DateOnly, cmp.Or(d.To, d.Date))
		if err != nil || to.Before(from) || to.Sub(from) > 366*24*time.Hour {
			return nil, fault(fmt.Sprintf("days[%d].to", i), "invalid", "%q is not a date within a year after %s", d.To, d.Date)
		}
		for at := from; !at.After(to); at = at.AddDate(0, 0, 1) {
			days = append(days, Day{Date: at.Format(time.DateOnly), Name: d.Name, Hours: d.Hours, Workday: d.Workday})
		}
		if len(days) > MaxDays {
			return nil, fault("days", "too_large", "more than %d", MaxDays)
		}
	}
	return days, nil
}

// Import puts days into the calendar, in place of those of the same date, and
// checks the result. The calendar is unchanged when that fails.
func (c *Calendar) Import(days []Day) error {
	byDate := make(map[string]Day, len(c.Days)+len(days))
	for _, d := range slices.Concat(c.Days, days) {
		byDate[d.Date] = d
	}
	merged := Calendar{Name: c.Name, Zone: c.Zone, Week: c.Week}
	for _, d := range byDate {
		merged.Days = append(merged.Days, d)
	}
	slices.SortFunc(merged.Days, func(a, b Day) int { return cmp.Compare(a.Date, b.Date) })
	if err := merged.Prepare(); err != nil {
		return err
	}
	*c = merged
	return nil
}

// Prepare checks a calendar that was not made by Parse and makes it usable.
// Call it again after a change of its fields. Errors are ErrInvalid.
func (c *Calendar) Prepare() error {
	zone, err := time.LoadLocation(cmp.Or(c.Zone, "UTC"))
	if err != nil || c.Zone == "Local" {
		return fault("timezone", "one_of", "%q is not a zone such as Asia/Shanghai", c.Zone)
	}
	c.zone = zone
	c.week = [7][]span{}
	for name, hours := range c.Week {
		day := slices.Index(Weekdays, name)
		if day < 0 {
			return fault("week."+name, "unknown", "%q is none of %s", name, strings.Join(Weekdays, ", "))
		}
		spans, err := parseSpans("week."+name, hours)
		if err != nil {
			return err
		}
		c.week[(day+1)%7] = spans
	}
	return c.prepareDays()
}

func (c *Calendar) prepareDays() error {
	if len(c.Days) > MaxDays {
		return fault("days", "too_large", "more than %d", MaxDays)
	}
	c.dates = make(map[date]special, len(c.Days))
	for i, d := range c.Days {
		at, err := time.Parse(time.DateOnly, d.Date)
		if err != nil {
			return fault(fmt.Sprintf("days[%d].date", i), "format", "%q is not a date like 2026-10-01", d.Date)
		}
		if _, twice := c.dates[dateOf(at)]; twice {
			return fault(fmt.Sprintf("days[%d].date", i), "unique", "%s comes twice", d.Date)
		}
		spans, err := parseSpans(fmt.Sprintf("days[%d].hours", i), d.Hours)
		if err != nil {
			return err
		}
		if d.Workday != "" {
			day := slices.Index(Weekdays, d.Workday)
			if day < 0 || len(spans) > 0 {
				return fault(fmt.Sprintf("days[%d].workday", i), "one_of", "%q is none of %s, or there are hours too", d.Workday, strings.Join(Weekdays, ", "))
			}
			spans = c.week[(day+1)%7]
		}
		c.dates[dateOf(at)] = special{name: d.Name, spans: spans}
	}
	return nil
}

func parseSpans(field string, hours []Span) ([]span, error) {
	spans := make([]span, 0, len(hours))
	for i, h := range hours {
		from, ok1 := minutes(h.From)
		to, ok2 := minutes(h.To)
		if !ok1 || !ok2 || from == 24*60 {
			return nil, fault(fmt.Sprintf("%s[%d]", field, i), "format", "%q to %q is not a time like 09:00 to 18:00", h.From, h.To)
		}
		if to <= from {
			to += 24 * 60
		}
		spans = append(spans, span{from, to})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to {
			return nil, fault(field, "invalid", "hours overlap at %02d:%02d", spans[i].from/60, spans[i].from%60)
		}
	}
	return spans, nil
}

// minutes reads HH:MM, at most 24:00.
func minutes(s string) (int, bool) {
	hh, mm, ok := strings.Cut(s, ":")
	if !ok || len(hh) != 2 || len(mm) != 2 {
		return 0, false
	}
	h, err1 := strconv.ParseUint(hh, 10, 8)
	m, err2 := strconv.ParseUint(mm, 10, 8)
	if err1 != nil || err2 != nil || m > 59 || h*60+m > 24*60 {
		return 0, false
	}
	return int(h*60 + m), true
}

func decode(text []byte, v any) error {
	if len(text) > 1<<20 {
		return fmt.Errorf("%w: more than 1 MiB", ErrInvalid)
	}
	if err := yaml.UnmarshalWithOptions(text, v, yaml.DisallowUnknownField()); err != nil {
		return fmt.Errorf("%w: %s", ErrInvalid, yaml.FormatError(err, false, false))
	}
	return nil
}
