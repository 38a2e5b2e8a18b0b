package ivr

import (
	"context"
	"log/slog"
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
	EndFlow    End = "flow"    // an end node, or the last node
	EndHangup  End = "hangup"  // the customer left
	EndHandled End = "handled" // a queue or transfer took the conversation to its end
	EndLimit   End = "limit"   // too many steps, or too long
	EndError   End = "error"   // not even a human could be reached
)

// Result is the end of a run.
type Result struct {
	End   End
	Flow  string // the flow and node where it ended
	Node  string
	Steps int
	Human bool // the customer asked for a human by key
	Vars  Vars
}

// Runner runs flows. It may be used from many goroutines.
type Runner struct{ cfg Config }

// NewRunner makes a runner.
func NewRunner(cfg Config) *Runner { return &Runner{cfg: cfg} }

// Run is NewRunner(Config{}).Run.
func Run(ctx context.Context, flow *Flow, s Session, vars Vars) (Result, error) {
	return NewRunner(Config{}).Run(ctx, flow, s, vars)
}

// Run runs a flow from its start node to an end. vars are set before the flow's
// own. A hang-up is not an error; the error tells why the end is EndError.
func (r *Runner) Run(ctx context.Context, flow *Flow, s Session, vars Vars) (Result, error) {
	return Result{End: EndError, Flow: flow.ID}, ErrUnsupported
}
