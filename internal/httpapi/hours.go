package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/calendar"
	"github.com/openhotline/hotline/internal/id"
)

// calendars are the business hours.
var calendars = resource[setup.Calendar]{
	kind: account.KindCalendar, idKind: id.Calendar, path: "/hours", name: "hours", plural: "hours", tag: tagSetup,
	read: account.ActHoursRead, write: account.ActHours, required: []string{"name", "timezone"},
	fresh: func() setup.Calendar {
		return setup.Calendar{Week: map[setup.Weekday][]setup.Hours{}, Days: []setup.SpecialDay{}}
	},
	key: func(c setup.Calendar) string { return c.Name }, title: func(c setup.Calendar) string { return c.Name },
	meta: func(c *setup.Calendar) *setup.Meta { return &c.Meta }, check: checkCalendar,
	team: func(context.Context, setup.Calendar) (string, error) { return "", nil },
}

// checkCalendar checks hours by the rules of those who use them.
func checkCalendar(_ context.Context, c *setup.Calendar, _ *setup.Calendar) error {
	if c.Timezone == "" {
		return invalid("timezone", "one_of", "expected an IANA name, such as Asia/Shanghai")
	}
	err := c.Calendar().Prepare()
	var fault *calendar.FieldError
	if errors.As(err, &fault) {
		return invalid(fault.Field, fault.Code, "%s", fault.Problem)
	}
	return err
}

type daysInput struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Version int64  `json:"version" minimum:"1" doc:"Version that is being changed"`
		Text    string `json:"text" minLength:"1" maxLength:"1000000" doc:"YAML or JSON with days: each has date, to for several days, name, and hours or workday (mon … sun)"`
	}
}

func (s *Server) registerDays() {
	op := operation("import-days", http.MethodPost, "/hours/{id}/days", tagSetup, "Import a year's holidays and make-up workdays", account.ActHours)
	op.Description = "Days of the same date are replaced, the others stay."
	register(s, op, s.importDays)
}

func (s *Server) importDays(ctx context.Context, in *daysInput) (*one[setup.Calendar], error) {
	v, err := calendars.get(ctx, s, in.ID)
	if err != nil {
		return nil, err
	}
	was := clone(v)
	cal := v.Calendar()
	days, err := calendar.ParseDays([]byte(in.Body.Text))
	if err == nil {
		err = cal.Import(days)
	}
	if errors.Is(err, calendar.ErrInvalid) {
		return nil, invalid("text", "syntax", "%s", err)
	}
	if err != nil {
		return nil, err
	}
	v.Days, v.Version = setup.SpecialDays(cal.Days), in.Body.Version
	return calendars.save(ctx, s, "update", v, &was)
}
