package calendar

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const shop = `
name: Shop
timezone: Asia/Shanghai
week:
  mon: [{from: "09:00", to: "12:00"}, {from: "13:00", to: "18:00"}]
  tue: [{from: "09:00", to: "18:00"}]
  wed: [{from: "09:00", to: "18:00"}]
  thu: [{from: "09:00", to: "18:00"}]
  fri: [{from: "20:00", to: "02:00"}]
days:
  - {date: 2026-10-01, name: 国庆节}
  - {date: 2026-10-10, name: 国庆节调休, workday: mon}
  - {date: 2026-12-24, name: short day, hours: [{from: "10:00", to: "24:00"}]}
`

func at(t *testing.T, s string) time.Time {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	v, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
	if err != nil {
		t.Fatal(err)
	}
	return v.UTC() // asked in another zone than the calendar's
}

func TestOpen(t *testing.T) {
	c, err := Parse([]byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	for when, want := range map[string]bool{
		"2026-11-23 08:59": false, "2026-11-23 09:00": true, "2026-11-23 11:59": true, "2026-11-23 12:00": false, "2026-11-23 13:00": true,
		"2026-11-27 19:59": false, "2026-11-27 23:30": true, "2026-11-28 01:59": true, "2026-11-28 02:00": false, // over midnight
		"2026-11-29 10:00": false, // Sunday
		"2026-10-01 10:00": false, // a holiday on a Thursday
		"2026-10-10 10:00": true,  // a Saturday that is worked, with Monday's hours
		"2026-10-10 12:30": false,
		"2026-12-24 09:30": false, "2026-12-24 23:59": true, "2026-12-25 00:00": false,
	} {
		if got := c.Open(at(t, when)); got != want {
			t.Errorf("%s: open %t", when, got)
		}
	}
}

func TestNextOpen(t *testing.T) {
	c, err := Parse([]byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	for when, want := range map[string]string{
		"2026-11-23 10:00": "2026-11-23 10:00", // is open
		"2026-11-23 12:10": "2026-11-23 13:00",
		"2026-11-23 18:00": "2026-11-24 09:00",
		"2026-11-28 03:00": "2026-11-30 09:00", // over the weekend
		"2026-09-30 19:00": "2026-10-02 20:00", // over the holiday
		"2026-10-10 01:30": "2026-10-10 01:30", // still Friday's hours
	} {
		if got, ok := c.NextOpen(at(t, when)); !ok || !got.Equal(at(t, want)) {
			t.Errorf("%s: %v, %t, want %s", when, got, ok, want)
		}
	}
	closed := Calendar{}
	if err := closed.Prepare(); err != nil {
		t.Fatal(err)
	}
	if _, ok := closed.NextOpen(time.Now()); ok {
		t.Error("a calendar without hours opens")
	}
}

func TestSummerTime(t *testing.T) {
	c, err := Parse([]byte(`{"timezone": "America/New_York", "week": {"sun": [{"from": "02:30", "to": "04:00"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	// 2026-03-08 has no 02:30: the clock goes from 02:00 to 03:00.
	got, ok := c.NextOpen(time.Date(2026, 3, 8, 5, 0, 0, 0, time.UTC))
	if !ok || got.Sub(time.Date(2026, 3, 8, 7, 0, 0, 0, time.UTC)).Abs() > time.Hour || !c.Open(got) {
		t.Errorf("got %v, %t", got, ok)
	}
}

func TestImport(t *testing.T) {
	c, err := Parse([]byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	days, err := ParseDays([]byte("days:\n  - {date: 2027-02-06, to: 2027-02-12, name: 春节}\n  - {date: 2027-02-13, name: 春节调休, workday: mon}\n  - {date: 2026-10-01, name: National Day, hours: [{from: \"10:00\", to: \"11:00\"}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Import(days); err != nil {
		t.Fatal(err)
	}
	for when, want := range map[string]bool{"2027-02-09 10:00": false, "2027-02-13 10:00": true, "2026-10-01 10:30": true, "2026-10-10 10:00": true} {
		if c.Open(at(t, when)) != want {
			t.Errorf("%s: open %t", when, !want)
		}
	}
	if name, ok := c.Special(at(t, "2027-02-09 10:00")); !ok || name != "春节" {
		t.Errorf("got %q, %t", name, ok)
	}
	before := len(c.Days)
	if err := c.Import([]Day{{Date: "tomorrow"}}); !errors.Is(err, ErrInvalid) || len(c.Days) != before {
		t.Errorf("a wrong import: %v", err)
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"zone":     {`timezone: Mars/Base`, "timezone"},
		"local":    {`timezone: Local`, "timezone"},
		"weekday":  {`week: {monday: []}`, "week"},
		"time":     {`week: {mon: [{from: "9:00", to: "18:00"}]}`, "week.mon[0]"},
		"overlap":  {`week: {mon: [{from: "09:00", to: "12:00"}, {from: "11:00", to: "13:00"}]}`, "overlap"},
		"date":     {`days: [{date: 2026-02-30}]`, "days[0].date"},
		"twice":    {"days: [{date: 2026-02-03}, {date: 2026-02-03}]", "twice"},
		"workday":  {"days: [{date: 2026-02-03, workday: monday}]", "days[0].workday"},
		"key":      {"hours: {}", "hours"},
		"not yaml": {"week: [", "not valid"},
	} {
		if _, err := Parse([]byte(c.text)); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
