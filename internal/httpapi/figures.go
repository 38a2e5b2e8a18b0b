package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/omni"
)

// WallboardBody is the live state of queues and agents.
type WallboardBody struct {
	At     time.Time             `json:"at"`
	Queues []agent.QueueSnapshot `json:"queues"`
	Agents []agent.AgentSnapshot `json:"agents"`
	Live   []ConversationItem    `json:"live" doc:"Conversations whose customer is still there, oldest first; at most 500"`
	// LiveTotal tells a cut list from a whole one.
	LiveTotal int `json:"live_total" doc:"How many there are"`
}

// FiguresBody is a table of figures.
type FiguresBody struct {
	Rows []insight.Row `json:"rows"`
}

type figuresInput struct {
	By          insight.By          `query:"by" required:"true"`
	Granularity insight.Granularity `query:"granularity" required:"true"`
	From        time.Time           `query:"from" required:"true"`
	To          time.Time           `query:"to" required:"true" doc:"Exclusive"`
	ID          []string            `query:"id,explode" maxItems:"200" doc:"Only these queues or agents, with by=total queues; may be repeated"`
	Zone        string              `query:"zone" maxLength:"64" doc:"IANA name of the time zone in which days begin; default UTC"`
	Format      string              `query:"format" enum:"json,csv"`
}

// figuresOutput is JSON, or CSV written by the body function.
type figuresOutput struct {
	Body func(huma.Context)
}

func (s *Server) registerFigures() {
	register(s, operation("get-wallboard", http.MethodGet, "/wallboard", tagFigures, "Queues, agents and live conversations now", account.ActWallboard), s.wallboard)
	op := operation("get-figures", http.MethodGet, "/figures", tagFigures, "Figures per queue, per agent or of all together, each with the code of its formula", account.ActFigures)
	op.Description = "At most 400 days; half hours and hours at most 32 days; at most 100,000 rows. Agents see their own figures and those of their queues."
	op.Responses = map[string]*huma.Response{"200": {
		Description: "The figures, as JSON or CSV (format=csv)",
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: s.schema(FiguresBody{})},
			"text/csv":         {Schema: &huma.Schema{Type: huma.TypeString}},
		},
	}}
	register(s, op, s.figures)
	register(s, operation("get-load-balance", http.MethodGet, "/figures/balance", tagFigures,
		"How evenly work was spread among agents who do the same", account.ActWallboard), s.balance)
}

func (s *Server) wallboard(ctx context.Context, _ *struct{}) (*one[WallboardBody], error) {
	if s.cfg.Wallboard == nil {
		return nil, problem(ProblemUnavailable, "")
	}
	snap, err := s.cfg.Wallboard(ctx)
	if err != nil {
		return nil, err
	}
	g, err := s.sight(ctx)
	if err != nil {
		return nil, err
	}
	body := WallboardBody{At: snap.At}
	for _, q := range snap.Queues {
		if g.queue(q.QueueID) {
			body.Queues = append(body.Queues, q)
		}
	}
	for _, a := range snap.Agents {
		if g.agent(a.AgentID) {
			body.Agents = append(body.Agents, a)
		}
	}
	live, err := s.cfg.Omni.LiveConversations(ctx, "")
	if err != nil {
		return nil, err
	}
	live = slices.DeleteFunc(live, func(c omni.Conversation) bool { return !g.all && !g.team.Part(c, nil) }) // whose it is now
	body.LiveTotal = len(live)
	if len(live) > omni.MaxPage {
		live = live[:omni.MaxPage]
	}
	named, err := s.withNames(ctx, live, "")
	if err != nil {
		return nil, err
	}
	body.Live = named.Body.Items
	return &one[WallboardBody]{body}, nil
}

// The bounds of one request.
const (
	maxSpan     = 400 * 24 * time.Hour
	maxHourSpan = 32 * 24 * time.Hour // of half hours and hours
	maxRows     = 100_000
)

// grains are the shortest intervals of the granularities that are hours.
var grains = map[insight.Granularity]time.Duration{
	insight.HalfHour: 30 * time.Minute, insight.Hour: time.Hour, insight.Day: 23 * time.Hour, insight.Week: 167 * time.Hour,
}

func badParameter(name, code, message string) error {
	return problem(ProblemValidation, "", FieldError{Parameter: name, Code: code, Message: message})
}

func (s *Server) figures(ctx context.Context, in *figuresInput) (*figuresOutput, error) {
	if !in.From.Before(in.To) {
		return nil, badParameter("to", "too_small", "to must lie after from")
	}
	span := in.To.Sub(in.From)
	if grain := grains[in.Granularity]; span > maxSpan || grain > 0 && grain <= time.Hour && span > maxHourSpan {
		return nil, badParameter("from", "too_large", "the span is too long for this granularity")
	}
	zone, err := time.LoadLocation(in.Zone)
	if err != nil || in.Zone == "Local" {
		return nil, badParameter("zone", "one_of", "expected an IANA name, such as Asia/Shanghai")
	}
	q := insight.Query{By: in.By, Granularity: in.Granularity, From: in.From, To: in.To, Location: zone, Now: s.now()}
	if err := s.figureScope(ctx, in, &q); err != nil {
		return nil, err
	}
	if err := s.boundRows(ctx, q); err != nil {
		return nil, err
	}
	if s.cfg.Figures == nil {
		return nil, problem(ProblemUnavailable, "")
	}
	rows, err := s.cfg.Figures(ctx, q)
	if errors.Is(err, insight.ErrQuery) {
		return nil, badParameter("granularity", "invalid", err.Error()) // the others were checked
	}
	if err != nil {
		return nil, err
	}
	if err := s.nameRows(ctx, in.By, rows); err != nil {
		return nil, err
	}
	return &figuresOutput{Body: func(hc huma.Context) { s.writeFigures(hc, in, rows) }}, nil
}

// boundRows refuses a table that nobody could read.
func (s *Server) boundRows(ctx context.Context, q insight.Query) error {
	grain, n := grains[q.Granularity], len(q.IDs)
	switch {
	case grain == 0 || q.By == insight.ByTotal:
		return nil
	case n == 0 && q.By == insight.ByAgent:
		r, err := s.roster(ctx)
		if err != nil {
			return err
		}
		n = len(r.agents)
	case n == 0:
		n = len(q.Targets)
	}
	if n*int(q.To.Sub(q.From)/grain+1) > maxRows {
		return badParameter("from", "too_large", "that would be more than 100000 rows: choose a shorter span, longer intervals or fewer agents")
	}
	return nil
}

// nameRows adds the names of queues or agents, as far as they still exist.
func (s *Server) nameRows(ctx context.Context, by insight.By, rows []insight.Row) error {
	if by == insight.ByTotal {
		return nil // the pages have a word for it
	}
	r, err := s.roster(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{}
	if by == insight.ByAgent {
		for _, a := range r.agents {
			names[a.ID] = a.Name
		}
	} else {
		for _, q := range r.queues {
			names[q.ID] = q.Name
		}
	}
	for i := range rows {
		if rows[i].Name == "" {
			rows[i].Name = names[rows[i].ID]
		}
	}
	return nil
}

// figureScope sets which queues or agents the actor may see figures of, and the
// service levels that the queues promise. No ids mean all.
func (s *Server) figureScope(ctx context.Context, in *figuresInput, q *insight.Query) error {
	r, err := s.roster(ctx)
	if err != nil {
		return err
	}
	q.Targets = map[string]agent.ServiceLevel{}
	for _, u := range r.queues {
		q.Targets[u.ID] = u.ServiceLevel
	}
	a := actor(ctx)
	g, err := s.sight(ctx)
	if err != nil {
		return err
	}
	if g.all {
		q.IDs = in.ID
		return nil
	}
	seen := g.team.Queues
	if a.Role == account.RoleAgent {
		if seen, err = s.servedQueues(ctx, g.own); err != nil {
			return err
		}
	}
	switch in.By {
	case insight.ByAgent:
		q.IDs = among(in.ID, g.team.Agents)
	case insight.ByTotal:
		q.IDs, q.Agents = among(in.ID, seen), among(nil, g.team.Agents)
	default:
		q.IDs = among(in.ID, seen)
	}
	return nil
}

// among lists the wanted that are allowed, all of those when none is wanted. It
// is never empty, which would mean all.
func among(wanted, allowed []string) []string {
	ids := allowed
	if len(wanted) > 0 {
		ids = slices.DeleteFunc(slices.Clone(wanted), func(want string) bool { return !slices.Contains(allowed, want) })
	}
	if len(ids) == 0 {
		return []string{"none"}
	}
	return ids
}

// servedQueues are the queues whose figures an agent sees.
func (s *Server) servedQueues(ctx context.Context, agentID string) ([]string, error) {
	if agentID == "" {
		return nil, nil
	}
	r, err := s.cfg.Accounts.Record(ctx, account.KindAgent, agentID)
	if err != nil {
		return nil, err
	}
	a, err := setup.Decode[setup.Agent](r)
	return a.Queues, err
}

func (s *Server) writeFigures(hc huma.Context, in *figuresInput, rows []insight.Row) {
	if in.Format == "csv" {
		hc.SetHeader("Content-Type", "text/csv; charset=utf-8")
		hc.SetHeader("Content-Disposition", `attachment; filename="figures-`+string(in.By)+"-"+in.From.Format(time.DateOnly)+`.csv"`)
		hc.SetStatus(http.StatusOK)
		if err := insight.WriteCSV(hc.BodyWriter(), rows); err != nil {
			s.log.Debug("figures were not sent", "error", err)
		}
		return
	}
	hc.SetHeader("Content-Type", "application/json")
	hc.SetStatus(http.StatusOK)
	if rows == nil {
		rows = []insight.Row{}
	}
	if err := s.api.Marshal(hc.BodyWriter(), "application/json", FiguresBody{Rows: rows}); err != nil {
		s.log.Debug("figures were not sent", "error", err)
	}
}
