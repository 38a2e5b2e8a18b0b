package ivr

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/calendar"
)

// randomFlow makes a flow of n nodes of all kinds, at random.
func randomFlow(r *rand.Rand, n int) string {
	node := func() string { return fmt.Sprintf("n%d", r.IntN(n)) }
	var b strings.Builder
	b.WriteString("flow: fl_random\nlanguages: [en, ja]\nstart: n0\n")
	if r.IntN(2) == 0 {
		b.WriteString("human: person\n")
	}
	b.WriteString("vars: {x: 1}\nnodes:\n  person: {type: queue, queue: humans}\n")
	text := "{en: Hello, ja: もしもし}"
	for i := range n {
		var s string
		switch Kinds[r.IntN(len(Kinds))] {
		case KindSay:
			s = fmt.Sprintf("{type: say, text: %s, barge_in: %t, next: %s}", text, r.IntN(2) == 0, node())
		case KindPlay:
			s = fmt.Sprintf("{type: play, sound: music, next: %s}", node())
		case KindAsk:
			if r.IntN(2) == 0 {
				s = fmt.Sprintf("{type: ask, text: %s, choices: {1: %s, 2: %s, \"*\": %s}, retries: %d}", text, node(), node(), node(), r.IntN(3))
			} else {
				s = fmt.Sprintf("{type: ask, text: %s, digits: {min: %d, max: 6}, save: x, next: %s, failed: %s}", text, r.IntN(6), node(), node())
			}
		case KindBranch:
			s = fmt.Sprintf("{type: branch, cases: [{if: \"x == '1'\", next: %s}, {if: \"x > 3\", next: %s}], otherwise: %s}", node(), node(), node())
		case KindSet:
			s = fmt.Sprintf("{type: set, set: {x: \"x + 1\"}, next: %s}", node())
		case KindLanguage:
			s = fmt.Sprintf("{type: language, language: ja, next: %s}", node())
		case KindHours:
			s = fmt.Sprintf("{type: hours, calendar: c, open: %s, closed: %s}", node(), node())
		case KindHTTP:
			s = fmt.Sprintf("{type: http, url: \"http://127.0.0.1:9/{x}\", next: %s, failed: %s}", node(), node())
		case KindQueue:
			s = fmt.Sprintf("{type: queue, queue: q%d, next: %s}", i, node())
		case KindTransfer:
			s = fmt.Sprintf("{type: transfer, to: {agent: a}, next: %s, failed: %s}", node(), node())
		case KindVoicemail:
			s = fmt.Sprintf("{type: voicemail, next: %s}", node())
		case KindEcho:
			s = fmt.Sprintf("{type: echo, max: 5s, next: %s}", node())
		case KindTone:
			s = fmt.Sprintf("{type: tone, max: 5s, next: %s}", node())
		case KindEnd:
			s = fmt.Sprintf("{type: end, text: %s}", text)
		}
		fmt.Fprintf(&b, "  n%d: %s\n", i, s)
	}
	return b.String()
}

func mustParse(t *testing.T, text string) *Flow {
	t.Helper()
	f, problems := Parse([]byte(text))
	if f == nil {
		t.Fatalf("%v\n%s", problems, text)
	}
	return f
}

// caller is a customer at random who, from a given interaction on, does one
// thing: asks for a human or hangs up.
type caller struct {
	mu     sync.Mutex
	r      *rand.Rand
	left   int  // interactions until the decision
	hangup bool // hang up instead of asking for a human
	ended  context.CancelCauseFunc

	decided bool
	after   []string // what happened after the decision
	node    string
}

// decide counts interactions; true from the decisive one on.
func (c *caller) decide() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left >= 0 {
		return false
	}
	if !c.decided && c.hangup {
		c.ended(ErrHangup)
	}
	c.decided = true
	return true
}

func (c *caller) note(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.decided {
		c.after = append(c.after, what)
	}
}

func (c *caller) Info() Info                                { return Info{ConversationID: "cv_x"} }
func (c *caller) SetLanguage(context.Context, string) error { return nil }
func (c *caller) Sensitive(context.Context, bool) error     { return nil }
func (c *caller) Human() string                             { return "humans" }
func (c *caller) Step(_ context.Context, st Step) {
	if st.Choice == "" {
		c.note("node " + st.Node)
	}
}

func (c *caller) Play(ctx context.Context, _ []Prompt, opt PlayOptions) (Played, error) {
	// Where no escape is offered the customer is on the way to a person.
	if (opt.Escape != "" || c.hangup) && c.decide() && opt.Escape != "" {
		return Played{Escaped: true}, context.Cause(ctx)
	}
	return Played{}, context.Cause(ctx)
}

func (c *caller) Collect(ctx context.Context, spec KeySpec) (Keys, error) {
	if ctx.Err() != nil {
		return Keys{}, context.Cause(ctx)
	}
	if spec.FirstTimeout == 0 { // something else is under way: now or never
		if c.decide() {
			if c.hangup {
				return Keys{}, context.Cause(ctx)
			}
			return Keys{Why: Escaped}, nil // as it was pressed in time
		}
		<-ctx.Done()
		return Keys{}, context.Cause(ctx)
	}
	if c.decide() {
		if spec.Escape == "" {
			return Keys{Digits: "0", Why: Complete}, context.Cause(ctx)
		}
		return Keys{Why: Escaped}, context.Cause(ctx)
	}
	switch c.r.IntN(4) {
	case 0:
		return Keys{Why: NoInput}, nil
	case 1:
		return Keys{Digits: "99", Why: Complete}, nil
	}
	return Keys{Digits: string(rune('1' + c.r.IntN(2))), Why: Complete}, nil
}

func (c *caller) Queue(ctx context.Context, req QueueRequest) (QueueResult, error) {
	c.note("queue " + req.Queue)
	if c.decided || c.hangup && c.decide() {
		return QueueResult{Outcome: QueueDone}, context.Cause(ctx)
	}
	return QueueResult{Outcome: []QueueOutcome{QueueReleased, QueueReleased, QueueOverflow}[c.r.IntN(3)], Overflow: Overflow{Kind: "voicemail"}}, nil
}

func (c *caller) Transfer(ctx context.Context, _ TransferRequest) (TransferResult, error) {
	c.note("transfer")
	return TransferResult{Answered: c.r.IntN(2) == 0, Released: true}, context.Cause(ctx)
}

// quickly is anything with a time limit: it takes a moment.
func (c *caller) quickly(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-time.After(100 * time.Microsecond):
	}
	return context.Cause(ctx)
}

func (c *caller) Voicemail(ctx context.Context, _ VoicemailRequest) (VoicemailResult, error) {
	return VoicemailResult{RecordingID: "rc"}, c.quickly(ctx)
}
func (c *caller) Echo(ctx context.Context) error               { return c.quickly(ctx) }
func (c *caller) Tone(ctx context.Context, _, _ float64) error { return c.quickly(ctx) }

// Wherever the customer is, key 0 leads to a human with nothing in between, and
// a hang-up ends the flow with nothing after it.
func TestKeyZeroAndHangupFromEverywhere(t *testing.T) {
	runs := 1500
	if testing.Short() {
		runs = 200
	}
	open := &calendar.Calendar{}
	if err := open.Prepare(); err != nil {
		t.Fatal(err)
	}
	runner := NewRunner(Config{
		Log: slog.New(slog.DiscardHandler), MaxSteps: 60,
		Calendar: func(context.Context, string) (*calendar.Calendar, error) { return open, nil },
	})
	reached, hungUp := 0, 0
	for seed := range uint64(runs) {
		r := rand.New(rand.NewPCG(seed, 7))
		text := randomFlow(r, 1+r.IntN(12))
		flow := mustParse(t, text)
		ctx, cancel := context.WithCancelCause(t.Context())
		c := &caller{r: r, left: r.IntN(30), hangup: r.IntN(3) == 0, ended: cancel}
		res, err := runner.Run(ctx, flow, c, nil)
		cancel(nil)
		switch {
		case !c.decided:
		case c.hangup:
			hungUp++
			if err != nil || res.End != EndHangup || len(c.after) > 0 {
				t.Fatalf("seed %d: after a hang-up: %+v, %v, %v\n%s", seed, res, err, c.after, text)
			}
		default:
			// The first thing after the wish is the human (a transfer node that was
			// already asked for is a person too).
			i := slices.IndexFunc(c.after, func(s string) bool { return strings.HasPrefix(s, "queue") })
			if i < 0 || i > 2 || res.End == EndError {
				t.Fatalf("seed %d: after key 0: %+v, %v, %v\n%s", seed, res, err, c.after, text)
			}
			reached++
		}
	}
	t.Logf("%d runs: %d reached a human by key 0, %d hung up", runs, reached, hungUp)
	if reached < runs/10 || hungUp < runs/20 {
		t.Error("the test reached too little")
	}
}

// A flow that goes round in circles ends with a human, not with silence.
func TestLoopsEnd(t *testing.T) {
	flow := mustParse(t, `
flow: fl_loop
languages: [en]
start: a
nodes:
  a: {type: set, set: {x: "1"}, next: b}
  b: {type: set, set: {x: "2"}, next: a}
`)
	d := &dumb{}
	res, err := NewRunner(Config{Log: slog.New(slog.DiscardHandler)}).Run(t.Context(), flow, d, nil)
	if err != nil || res.End != EndHandled || !slices.Equal(d.queued, []string{"default"}) {
		t.Errorf("got %+v, %v, queues %v", res, err, d.queued)
	}
}

// broken is a session on which one thing fails.
type broken struct {
	dumb
	fails string
}

var errBroken = errors.New("broken")

func (b *broken) Queue(ctx context.Context, req QueueRequest) (QueueResult, error) {
	if strings.Contains(b.fails, "queue") {
		return QueueResult{}, errBroken
	}
	return b.dumb.Queue(ctx, req)
}

func (b *broken) Play(ctx context.Context, p []Prompt, o PlayOptions) (Played, error) {
	if strings.Contains(b.fails, "play") {
		return Played{}, errBroken
	}
	return b.dumb.Play(ctx, p, o)
}

func TestFaultsLeadToAHuman(t *testing.T) {
	const text = `
flow: fl_fault
languages: [en]
start: NODE
human: person
nodes:
  say: {type: say, text: {en: Hello}, next: person}
  echo: {type: echo, next: person}
  message: {type: voicemail, next: person}
  other: {type: queue, queue: broken, failed: message}
  jump: {type: transfer, to: {flow: fl_none}}
  person: {type: queue, queue: humans}
`
	for _, c := range []struct {
		start, fails string
		end          End
		node         string
	}{
		{"echo", "", EndHandled, "person"},
		{"message", "", EndHandled, "person"},
		{"jump", "", EndHandled, "person"},
		{"say", "play", EndHandled, "person"},
		{"say", "queue", EndError, "person"},
		{"other", "queue", EndError, "person"},
	} {
		flow := mustParse(t, strings.Replace(text, "NODE", c.start, 1))
		res, err := NewRunner(Config{Log: slog.New(slog.DiscardHandler)}).Run(t.Context(), flow, &broken{fails: c.fails}, nil)
		if res.End != c.end || res.Node != c.node || (err != nil) != (c.end == EndError) {
			t.Errorf("%s, %s fails: %+v, %v", c.start, c.fails, res, err)
		}
	}
}

func TestTimeInTheFlowIsBounded(t *testing.T) {
	flow := mustParse(t, `
flow: fl_long
languages: [en]
start: a
nodes:
  a: {type: tone, max: 1h, next: a}
`)
	s := &endless{}
	res, err := NewRunner(Config{Log: slog.New(slog.DiscardHandler), MaxTime: 20 * time.Millisecond}).Run(t.Context(), flow, s, nil)
	if err != nil || res.End != EndHandled || len(s.queued) != 1 {
		t.Errorf("got %+v, %v, queues %v", res, err, s.queued)
	}
}

// endless is a session whose tone sounds until somebody stops it.
type endless struct{ dumb }

func (e *endless) Tone(ctx context.Context, _, _ float64) error {
	<-ctx.Done()
	return context.Cause(ctx)
}
