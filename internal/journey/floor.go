package journey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/omni"
)

// asksAtOnce bounds the inputs that wait for the router, and batch how many of
// them are decided and committed together.
const (
	asksAtOnce = 4096
	batch      = 256
)

// ErrFloorBusy means that the router has too many inputs to decide.
var ErrFloorBusy = errors.New("journey: the router is overloaded")

// input makes a router input for the time at which it is applied.
type input func(at agent.At) agent.Input

// ask is an input on its way to the router.
type ask struct {
	in     input
	gone   string       // instead of an input: a node through which nobody can be reached any more
	from   string       // the node that asks; empty: this one
	ours   bool         // of the leader here and of no use to another: Restore and Tick
	reply  chan verdict // nil when nobody waits; holds one
	then   func(error)  // hears of the outcome; nil when nobody cares; must not block
	until  time.Time    // after that it is of no use; zero: for ever
	term   uint64       // for which it was numbered, or, of another node, in which alone it is of use
	number uint64       // among those that are passed on; rises
	again  bool         // it was passed on in an earlier term, and may have been applied
}

// verdict is what became of an input.
type verdict struct {
	outs []agent.Output
	err  error // that of a refused input, or why it was not applied
}

// answer tells who asked.
func (a ask) answer(v verdict) {
	if a.reply != nil {
		a.reply <- v
	}
	if a.then != nil {
		a.then(v.err)
	}
}

// peek reads the router in its goroutine.
type peek struct {
	fn   func(*agent.Router, time.Time)
	done chan error // holds one
}

// floor is this process's way to the router, which one node of the installation
// runs at a time. One goroutine (run) owns it: in this node's terms it feeds the
// router, commits what was decided, and only then lets the outputs out; inputs
// that waited together share a commit. In another node's terms it passes the
// inputs on to that node. Either way they keep their order.
type floor struct {
	floorConfig
	asks  chan ask
	looks chan peek
	done  chan struct{}
	// settled is closed when the first term has begun, whose ever it is.
	settled chan struct{}
	present atomic.Pointer[Term]

	// ---- owned by run
	kept     []ask  // before those in asks
	numbered uint64 // the last number that was given to an input
	greeted  uint64 // the last term whose leader has heard of this process
	lastTry  time.Time
}

// floorConfig is what a floor is made of; begin and send may be nil.
type floorConfig struct {
	node   string
	router agent.RouterConfig
	office Office
	write  func(context.Context, Term, Write) error
	// deliver gets what the router did, after it is committed.
	deliver func(Term, []agent.Output)
	// begin readies this node for a term, its own or another's: it gives what
	// the router restores, and the inputs that go before all others.
	begin func(ctx context.Context, t Term) (agent.State, []input, error)
	// send passes inputs on to the node that routes, which applies each once in a
	// term however often it comes. There is an error for each of the first of them
	// that are applied; the others are to be sent again.
	send func(ctx context.Context, t Term, asks []ask) ([]error, error)
	// contested tells whether another node may take the office.
	contested func() bool
	now       func() time.Time
	log       *slog.Logger
}

func newFloor(cfg floorConfig) *floor {
	return &floor{
		floorConfig: cfg,
		asks:        make(chan ask, asksAtOnce),
		looks:       make(chan peek, 64),
		done:        make(chan struct{}),
		settled:     make(chan struct{}),
	}
}

// How long a sender waits for room before an input is lost, and how long an
// input waits for a node that routes.
const (
	tellWait  = 5 * time.Second
	tellLimit = time.Minute
	askLimit  = 10 * time.Second // when somebody waits for it
)

// tell passes an input on without waiting for what follows from it. then, which
// may be left out, is told when the router has applied or refused it. It must not
// be called in the router's goroutine (see tellLater).
func (f *floor) tell(in input, then ...func(error)) error {
	a := ask{in: in, until: f.now().Add(tellLimit)}
	if len(then) > 0 {
		a.then = then[0]
	}
	select {
	case f.asks <- a:
		return nil
	case <-f.done:
		return ErrStopped
	case <-time.After(tellWait):
		f.log.Error("router input lost", "waiting", len(f.asks))
		return ErrFloorBusy
	}
}

// tellLater is tell for the router's own goroutine: it never waits.
func (f *floor) tellLater(in input) {
	select {
	case f.asks <- ask{in: in, until: f.now().Add(tellLimit)}:
	default:
		f.log.Error("router input lost", "waiting", len(f.asks))
	}
}

// do passes an input on and waits until what follows from it is committed. The
// error is that of a refused input. The outputs are empty when another node
// routes.
func (f *floor) do(ctx context.Context, in input) ([]agent.Output, error) {
	v := f.ask(ctx, ask{in: in})
	return v.outs, v.err
}

// ask is do for an ask that is made already.
func (f *floor) ask(ctx context.Context, a ask) verdict {
	ctx, cancel := context.WithTimeoutCause(ctx, askLimit, ErrNoLeader)
	defer cancel()
	a.reply = make(chan verdict, 1)
	a.until, _ = ctx.Deadline()
	select {
	case f.asks <- a:
	case <-f.done:
		return verdict{err: ErrStopped}
	case <-ctx.Done():
		return verdict{err: context.Cause(ctx)}
	}
	select {
	case v := <-a.reply:
		return v
	case <-f.done:
		return verdict{err: ErrStopped}
	case <-ctx.Done():
		return verdict{err: context.Cause(ctx)}
	}
}

// look runs fn in the router's goroutine and waits for it; fn only reads. It is
// ErrNotLeader where another node routes.
func (f *floor) look(ctx context.Context, fn func(*agent.Router, time.Time)) error {
	p := peek{fn, make(chan error, 1)}
	select {
	case f.looks <- p:
	case <-f.done:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-p.done:
		return err
	case <-f.done:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leader is the router in one term of this node.
type leader struct {
	*floor
	term   Term
	held   *tenure
	router *agent.Router
	reach  reach
}

// lead runs the router until ctx ends; a cause of ErrNotLeader leaves to the
// next leader what was not decided. last: it ends when what was told is decided.
func (f *floor) lead(ctx context.Context, t Term, state agent.State, held *tenure, last bool) error {
	cfg := f.router
	cfg.Epoch = t.Epoch
	l := &leader{floor: f, term: t, held: held, router: agent.NewRouter(cfg), reach: reach{}}
	for l.inDoubt() { // it took long to begin
		select {
		case <-held.renewed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	restore := ask{in: func(at agent.At) agent.Input { return agent.Restore{At: at, State: state} }, ours: true, reply: make(chan verdict, 1)}
	if err := l.decide(ctx, []ask{restore}); err != nil {
		return err
	}
	if v := <-restore.reply; v.err != nil {
		return fmt.Errorf("restore the router: %w", v.err)
	}
	f.begun(t)
	if last {
		return l.finish(ctx)
	}
	f.log.Info("this node routes", "node", t.Node)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for paused := false; ; {
		asks, due, doubt := f.asks, timer.C, l.inDoubt()
		if doubt && !paused {
			l.log.Warn("routing pauses: the lease was not renewed, and another node may take it")
		}
		paused = doubt
		switch {
		case doubt:
			asks, due = nil, nil
		case len(f.kept) > 0:
			if err := l.decide(ctx, f.takeKept()); err != nil {
				return err
			}
			continue
		default:
			l.arm(timer)
		}
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); errors.Is(cause, ErrNotLeader) {
				return cause
			}
			return errors.Join(context.Cause(ctx), l.finish(ctx))
		case <-held.renewed:
		case p := <-f.looks:
			p.fn(l.router, f.now())
			p.done <- nil
		case a := <-asks:
			f.kept = f.gather(a)
		case <-due:
			f.kept = []ask{{in: func(at agent.At) agent.Input { return agent.Tick{At: at} }, ours: true}}
		}
	}
}

// finish decides what was told before the end: who left must not be found
// waiting by the next process.
func (l *leader) finish(ctx context.Context) error {
	for !l.inDoubt() {
		if len(l.kept) == 0 && len(l.asks) == 0 {
			return nil
		}
		if len(l.kept) == 0 {
			l.kept = l.gather(<-l.asks)
		}
		if err := l.decide(ctx, l.takeKept()); err != nil {
			return err
		}
	}
	return nil
}

// arm sets the timer to the router's next deadline.
func (l *leader) arm(timer *time.Timer) {
	wait := time.Hour
	if due, ok := l.router.NextDeadline(); ok {
		wait = max(due.Sub(l.now()), time.Millisecond)
	}
	timer.Reset(wait)
}

// gather takes along what waits behind the first input.
func (f *floor) gather(first ask) []ask {
	asks := []ask{first}
	for len(asks) < batch {
		select {
		case a := <-f.asks:
			asks = append(asks, a)
		default:
			return asks
		}
	}
	return asks
}

// takeKept takes a batch of what was kept over a change of the leader.
func (f *floor) takeKept() []ask {
	n := min(len(f.kept), batch)
	asks := f.kept[:n:n]
	f.kept = f.kept[n:]
	return asks
}

// inputs are those of an ask that concern the router.
func (l *leader) inputs(a ask, now time.Time) []agent.Input {
	if a.gone != "" {
		return l.reach.gone(a.gone, agent.At(now))
	}
	in := a.in(agent.At(now))
	again := a.again || a.from == "" && a.term != 0
	if !l.reach.concerns(in, cmp.Or(a.from, l.node)) || again && l.applied(in) {
		return nil
	}
	return []agent.Input{in}
}

// stale tells that an ask is for another term: whoever sent it asks again.
func (l *leader) stale(a ask) bool {
	return (a.from != "" || a.gone != "") && a.term != 0 && a.term != l.term.Epoch
}

// decide applies inputs, commits what follows, and lets it out. The error is
// ErrNotLeader: another node decides by now, and the inputs go to it.
func (l *leader) decide(ctx context.Context, asks []ask) error {
	now := l.now()
	outs := make([][]agent.Output, len(asks))
	var w Write
	for i, a := range asks {
		if l.stale(a) {
			continue
		}
		for _, in := range l.inputs(a, now) {
			outs[i] = append(outs[i], l.router.Apply(in)...)
		}
		w.Agent.Collect(outs[i])
		for _, o := range outs[i] {
			w.Omni.Events = append(w.Omni.Events, routingEvents(o, now)...)
			if r, ok := o.(agent.Refused); ok && a.reply == nil && a.then == nil {
				l.log.Warn("router input refused", "input", fmt.Sprintf("%T", r.Input), "err", r.Err)
			}
		}
	}
	within, cancel := l.writeWithin(ctx)
	err := l.write(within, l.term, w)
	cancel()
	if err != nil {
		l.log.Error("routing not committed", "err", err)
		if errors.Is(err, ErrNotLeader) {
			l.keep(asks)
			return err
		}
	}
	for i, a := range asks {
		if l.stale(a) {
			a.answer(verdict{err: ErrNotLeader})
			continue
		}
		l.deliver(l.term, outs[i])
		a.answer(verdict{outs[i], agent.Refusal(outs[i])})
	}
	return nil
}

// routingEvents says in the journal's words what the router did.
func routingEvents(o agent.Output, now time.Time) []omni.Event {
	ev := func(typ, conversation, agentID, queueID string, data any) omni.Event {
		return newEvent(typ, now, conversation, agentID, queueID, data)
	}
	switch o := o.(type) {
	case agent.OfferCreated:
		of := o.Offer
		return []omni.Event{
			ev(omni.OfferCreated, of.ConversationID, of.AgentID, of.QueueID, offerData(of, map[string]any{"expires_at": of.ExpiresAt})),
			ev(omni.RoutingExplained, of.ConversationID, of.AgentID, of.QueueID, map[string]any{"offer_id": of.ID, "explanation": of.Explanation}),
		}
	case agent.OfferEnded:
		typ, ok := offerEvents[o.Offer.State]
		if !ok {
			return nil
		}
		return []omni.Event{ev(typ, o.Offer.ConversationID, o.Offer.AgentID, o.Offer.QueueID, offerData(o.Offer, nil))}
	case agent.WorkStateChanged:
		return []omni.Event{ev(omni.AgentWorkStateChanged, o.Work.ConversationID, o.Work.AgentID, o.Work.QueueID, map[string]any{
			"from": o.From, "to": o.Work.State, "wrap_up_until": o.Work.WrapUpUntil, "extensions": o.Work.Extensions,
		})}
	case agent.PresenceChanged:
		p := o.Presence
		return []omni.Event{ev(omni.AgentPresenceChanged, "", p.AgentID, "", map[string]any{
			"from": o.From, "presence": p.State, "reason": p.Reason, "set_by": p.SetBy, "since": p.Since,
			"next": p.Next, "next_reason": p.NextReason, "not_responding": p.NotResponding, "connected": p.Connected,
		})}
	case agent.EntryQueued:
		if o.Entry.ConsultBy != "" {
			return nil // the customer waits in no queue
		}
		return []omni.Event{ev(omni.QueueEntered, o.Entry.ConversationID, o.Entry.PreferredAgent, o.Entry.QueueID, map[string]any{
			"entered_at": o.Entry.EnteredAt, "requeued": o.Requeued, "position": o.Position, "priority": o.Entry.Priority,
		})}
	case agent.Overflowed:
		if o.Entry.ConsultBy != "" {
			return nil
		}
		out := []omni.Event{}
		if o.Reason == agent.OverflowMaxWait {
			out = append(out, ev(omni.QueueTimeout, o.Entry.ConversationID, "", o.Entry.QueueID, nil))
		}
		return append(out, ev(omni.QueueOverflowed, o.Entry.ConversationID, "", o.Entry.QueueID, map[string]any{"reason": o.Reason, "actions": o.Actions}))
	}
	return nil
}

// offerData is what the journal says of an offer.
func offerData(o agent.Offer, more map[string]any) map[string]any {
	d := map[string]any{"offer_id": o.ID}
	if o.ConsultBy != "" {
		d["consult_by"] = o.ConsultBy
	}
	maps.Copy(d, more)
	return d
}

var offerEvents = map[agent.OfferState]string{
	agent.OfferAccepted:  omni.OfferAccepted,
	agent.OfferRejected:  omni.OfferRejected,
	agent.OfferTimedOut:  omni.OfferTimeout,
	agent.OfferCanceled:  omni.OfferCanceled,
	agent.OfferRescinded: omni.OfferRescinded,
}

func newEvent(typ string, at time.Time, conversation, agentID, queueID string, data any) omni.Event {
	return omni.Event{
		ID: id.New(id.Event), Type: typ, Time: at, ConversationID: conversation,
		AgentID: agentID, QueueID: queueID, Data: mustJSON(data),
	}
}
