package ivr

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"time"

	"github.com/openhotline/hotline/internal/calendar"
)

// Vars are the variables of a running flow: strings, float64, bool, nil, and
// what JSON gives. They may hold what the customer typed: never log them.
type Vars map[string]any

// Config is what flows need beside a Session. The zero value works: no
// calendars, no other flows, no HTTP to private addresses.
type Config struct {
	// Calendar returns a business calendar by identifier or name.
	Calendar func(ctx context.Context, name string) (*calendar.Calendar, error)
	// Flow returns a published flow, for transfers to flows.
	Flow func(ctx context.Context, id string) (*Flow, error)
	// AllowHTTP lists networks of loop-back, private or otherwise special
	// addresses that http nodes may reach. Public ones are always allowed.
	AllowHTTP []netip.Prefix
	// Transport answers http nodes instead of the network, in scripted tests.
	// nil: the network, guarded by AllowHTTP.
	Transport http.RoundTripper
	// MaxResponse bounds the body of an answer in bytes. Defaults to 256 KiB.
	MaxResponse int64
	// MaxSteps bounds the nodes of one run. Defaults to 1000.
	MaxSteps int
	// MaxTime bounds one run without its stays in queues and transfers. Defaults to 1 h.
	MaxTime time.Duration
	// Now is the clock of calendars and of `now` in expressions. Defaults to time.Now.
	Now func() time.Time
	// Log defaults to slog.Default.
	Log *slog.Logger
}

// End tells how a run ended.
type End string

// The ends of a run. After all but EndHangup and EndHandled the caller of Run
// ends the conversation.
const (
	EndFlow     End = "flow"     // an end node, or the last node
	EndHangup   End = "hangup"   // the customer left
	EndHandled  End = "handled"  // a queue or transfer took the conversation to its end
	EndLimit    End = "limit"    // too many steps, or too long
	EndOverflow End = "overflow" // the queue gave up and nothing else was left; Reason says why
	EndError    End = "error"    // not even a human could be reached
)

// Result is the end of a run.
type Result struct {
	End    End
	Flow   string // the flow and node where it ended
	Node   string
	Steps  int
	Reason string // of EndOverflow: max_wait, full, no_agent
	Human  bool   // the customer asked for a human by key
	Vars   Vars
}

// Runner runs flows. It may be used from many goroutines.
type Runner struct {
	cfg  Config
	http *http.Client
}

// NewRunner makes a runner.
func NewRunner(cfg Config) *Runner {
	cfg = cfg.withDefaults()
	client := newClient(cfg.AllowHTTP)
	if cfg.Transport != nil {
		client.Transport = cfg.Transport
	}
	return &Runner{cfg: cfg, http: client}
}

func (c Config) withDefaults() Config {
	c.MaxResponse = cmp.Or(c.MaxResponse, 256<<10)
	c.MaxSteps = cmp.Or(c.MaxSteps, 1000)
	c.MaxTime = cmp.Or(c.MaxTime, time.Hour)
	c.Log = cmp.Or(c.Log, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Calendar == nil {
		c.Calendar = func(context.Context, string) (*calendar.Calendar, error) { return nil, ErrNotFound }
	}
	if c.Flow == nil {
		c.Flow = func(context.Context, string) (*Flow, error) { return nil, ErrNotFound }
	}
	return c
}

// Run is NewRunner(Config{}).Run.
func Run(ctx context.Context, flow *Flow, s Session, vars Vars) (Result, error) {
	return NewRunner(Config{}).Run(ctx, flow, s, vars)
}

// Run runs a flow from its start node to an end. vars are set before the flow's
// own. A hang-up is not an error; the error tells why the end is EndError.
func (r *Runner) Run(ctx context.Context, flow *Flow, s Session, vars Vars) (Result, error) {
	x := &run{Runner: r, s: s, info: s.Info(), left: r.cfg.MaxTime}
	x.log = r.cfg.Log.With("conversation", x.info.ConversationID)
	x.enter(flow)
	maps.Copy(x.vars, vars)
	x.language = x.info.Language
	if err := x.greet(ctx); err != nil {
		return x.end(ctx, err)
	}
	return x.end(ctx, x.walk(ctx))
}

// Errors by which a node tells where the run goes; they never leave Run.
var (
	errHuman   = errors.New("ivr: a human is wanted")
	errEnded   = errors.New("ivr: the flow has ended") // x.result is set
	errTooMany = errors.New("ivr: too many steps")
	errTooLong = errors.New("ivr: too long in the flow")
)

// run is one run of a flow.
type run struct {
	*Runner
	s        Session
	log      *slog.Logger
	info     Info
	flow     *Flow
	vars     Vars
	secret   []string // variables that hold what is sensitive
	language string
	node     *Node
	steps    int
	left     time.Duration // of MaxTime
	human    bool          // by key 0
	helped   bool          // a human was already reached for because of a fault
	result   Result
}

// enter makes a flow the current one; its variables are set, others stay.
func (x *run) enter(flow *Flow) {
	x.forget()
	x.flow = flow
	if x.vars == nil {
		x.vars = Vars{"call": callVars(x.info)}
	}
	maps.Copy(x.vars, flow.Vars)
}

// callVars is what expressions see as `call`.
func callVars(i Info) map[string]any {
	return map[string]any{
		"id": i.ConversationID, "channel": i.Channel, "language": i.Language, "caller": i.Caller, "dialled": i.Dialled,
		"line": i.LineID, "number": i.NumberID, "customer": i.CustomerID, "customer_name": i.CustomerName,
		"vip": i.VIP, "simulated": i.Simulated,
	}
}

// greet settles the language: the conversation's where the flow has it, else
// the flow's default.
func (x *run) greet(ctx context.Context) error {
	return x.speak(ctx, x.flow.nearest(x.language))
}

// speak changes the language.
func (x *run) speak(ctx context.Context, language string) error {
	x.vars["language"] = language
	if language == x.language {
		return nil
	}
	x.language = language
	return x.s.SetLanguage(ctx, language)
}

// walk goes from node to node until the run ends.
func (x *run) walk(ctx context.Context) error {
	name := x.flow.Start
	for {
		next, err := x.step(ctx, name)
		for err != nil && !x.over(ctx, err) {
			next, err = x.rescue(ctx, err)
		}
		if err != nil {
			return err
		}
		if next == "" {
			x.result.End = EndFlow
			return errEnded
		}
		name = next
	}
}

// over reports whether an error ends the run.
func (x *run) over(ctx context.Context, err error) bool {
	return errors.Is(err, errEnded) || hungUp(ctx, err) || x.helped && !errors.Is(err, errHuman)
}

func hungUp(ctx context.Context, err error) bool {
	return errors.Is(err, ErrHangup) || ctx.Err() != nil
}

// step runs one node and returns the name of the next.
func (x *run) step(ctx context.Context, name string) (next string, err error) {
	if x.steps++; x.steps > x.cfg.MaxSteps {
		return "", errTooMany
	}
	n := x.flow.Nodes[name]
	if n == nil { // Parse does not let this happen
		return "", fmt.Errorf("node %q: %w", name, ErrNotFound)
	}
	x.node = n
	x.s.Step(ctx, Step{Flow: x.flow.ID, Version: x.flow.Version, Node: name, Kind: n.Kind, Label: x.flow.Label(name)})
	if n.Kind == KindQueue || n.Kind == KindTransfer {
		return x.hand(ctx, n)
	}
	start := time.Now()
	limited, cancel := context.WithTimeoutCause(ctx, x.left, errTooLong)
	defer cancel()
	next, err = x.do(limited, n)
	x.left -= time.Since(start)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		err = errTooLong
	}
	return next, err
}

// rescue sends the customer to a human: by key, or because something failed.
func (x *run) rescue(ctx context.Context, cause error) (next string, err error) {
	if errors.Is(cause, errHuman) {
		x.human = !errors.Is(cause, errGaveUp)
		x.choose(ctx, "human", "")
		return x.reachHuman(ctx, true)
	}
	x.helped = true
	node := ""
	if x.node != nil {
		node = x.node.Name
	}
	x.log.Error("flow failed", "flow", x.flow.ID, "version", x.flow.Version, "node", node, "steps", x.steps, "error", cause)
	x.choose(ctx, "fault", "")
	if _, err := x.s.Play(ctx, []Prompt{System(x.language, "technical_human", nil)}, PlayOptions{}); hungUp(ctx, err) {
		return "", ErrHangup
	}
	next, err = x.reachHuman(ctx, false)
	if err != nil && !errors.Is(err, errEnded) && !hungUp(ctx, err) {
		err = fmt.Errorf("%w; after: %w", err, cause)
	}
	return next, err
}

// reachHuman goes to the flow's node for it, or to the session's queue.
func (x *run) reachHuman(ctx context.Context, wanted bool) (next string, err error) {
	if x.steps++; x.steps > 2*x.cfg.MaxSteps {
		return "", errTooMany
	}
	if n := x.flow.Nodes[x.flow.Human]; n != nil {
		x.node = n
		x.s.Step(ctx, Step{Flow: x.flow.ID, Version: x.flow.Version, Node: n.Name, Kind: n.Kind, Label: x.flow.Label(n.Name)})
		return x.hand(ctx, n)
	}
	n := &Node{Name: "human", Kind: KindQueue, Queue: &Queue{Queue: x.s.Human()}}
	x.node = n
	x.s.Step(ctx, Step{Flow: x.flow.ID, Version: x.flow.Version, Node: n.Name, Kind: n.Kind})
	if wanted {
		if err := x.play(ctx, []Prompt{System(x.language, "connecting", nil)}, PlayOptions{}); err != nil {
			return "", err
		}
	}
	return x.hand(ctx, n)
}

// choose notes what led on from the current node.
func (x *run) choose(ctx context.Context, choice, label string) {
	step := Step{Flow: x.flow.ID, Version: x.flow.Version, Choice: choice, Label: label}
	if x.node != nil {
		step.Node, step.Kind = x.node.Name, x.node.Kind
	}
	x.s.Step(ctx, step)
}

// end turns what stopped the walk into a result.
func (x *run) end(ctx context.Context, err error) (Result, error) {
	x.forget()
	res := x.result
	res.Flow, res.Steps, res.Human, res.Vars = x.flow.ID, x.steps, x.human, x.vars
	if x.node != nil {
		res.Node = x.node.Name
	}
	switch {
	case errors.Is(err, errEnded):
		return res, nil
	case hungUp(ctx, err):
		res.End = EndHangup
		return res, nil
	case errors.Is(err, errTooMany), errors.Is(err, errTooLong):
		res.End = EndLimit
	default:
		res.End = EndError
	}
	if _, playErr := x.s.Play(ctx, []Prompt{System(x.language, "technical", nil)}, PlayOptions{}); hungUp(ctx, playErr) {
		res.End = EndHangup
		return res, nil
	}
	return res, fmt.Errorf("flow %s, node %s: %w", res.Flow, res.Node, err)
}

// nearest returns the flow's language nearest to a tag, or its default.
func (f *Flow) nearest(language string) string {
	t := make(Texts, len(f.Languages))
	for _, l := range f.Languages {
		t[l] = l
	}
	return t.In(language, f)
}
