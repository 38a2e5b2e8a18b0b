package journey

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

type ask struct {
	in      input
	reply   chan []agent.Output // nil when nobody waits
	refused func(error)         // nil when nobody cares; must not block
}

// floor runs the router: one goroutine feeds it, commits what it decided, and
// only then lets the outputs out. Inputs that waited together share a commit.
type floor struct {
	router  *agent.Router
	asks    chan ask
	looks   chan func(*agent.Router, time.Time)
	write   func(context.Context, Write) error
	deliver func([]agent.Output)
	now     func() time.Time
	log     *slog.Logger
	done    chan struct{}
}

func newFloor(cfg agent.RouterConfig, write func(context.Context, Write) error, deliver func([]agent.Output), now func() time.Time, log *slog.Logger) *floor {
	return &floor{
		router:  agent.NewRouter(cfg),
		asks:    make(chan ask, asksAtOnce),
		looks:   make(chan func(*agent.Router, time.Time), 64),
		write:   write,
		deliver: deliver,
		now:     now,
		log:     log,
		done:    make(chan struct{}),
	}
}

// tellWait bounds how long a sender waits for room before an input is lost.
const tellWait = 5 * time.Second

// tell passes an input on without waiting for what follows from it. refused,
// which may be nil, is told when the router cannot apply it. It must not be
// called in the router's goroutine (see tellLater).
func (f *floor) tell(in input, refused ...func(error)) error {
	a := ask{in: in}
	if len(refused) > 0 {
		a.refused = refused[0]
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
	case f.asks <- ask{in: in}:
	default:
		f.log.Error("router input lost", "waiting", len(f.asks))
	}
}

// do passes an input on and waits until what follows from it is committed. The
// error is that of a refused input.
func (f *floor) do(ctx context.Context, in input) ([]agent.Output, error) {
	a := ask{in: in, reply: make(chan []agent.Output, 1)}
	select {
	case f.asks <- a:
	case <-f.done:
		return nil, ErrStopped
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case outs := <-a.reply:
		return outs, agent.Refusal(outs)
	case <-f.done:
		return nil, ErrStopped
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// look runs fn in the router's goroutine and waits for it; fn only reads.
func (f *floor) look(ctx context.Context, fn func(*agent.Router, time.Time)) error {
	ran := make(chan struct{})
	select {
	case f.looks <- func(r *agent.Router, now time.Time) { fn(r, now); close(ran) }:
	case <-f.done:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-ran:
		return nil
	case <-f.done:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run owns the router until ctx ends.
func (f *floor) run(ctx context.Context) error {
	defer close(f.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		f.arm(timer)
		select {
		case <-ctx.Done():
			f.finish(ctx)
			return context.Cause(ctx)
		case fn := <-f.looks:
			fn(f.router, f.now())
		case a := <-f.asks:
			f.decide(ctx, f.gather(a))
		case <-timer.C:
			f.decide(ctx, []ask{{in: func(at agent.At) agent.Input { return agent.Tick{At: at} }}})
		}
	}
}

// finish decides what was told before the end: who left must not be found
// waiting by the next process.
func (f *floor) finish(ctx context.Context) {
	for {
		select {
		case a := <-f.asks:
			f.decide(ctx, f.gather(a))
		default:
			return
		}
	}
}

// arm sets the timer to the router's next deadline.
func (f *floor) arm(timer *time.Timer) {
	wait := time.Hour
	if due, ok := f.router.NextDeadline(); ok {
		wait = max(due.Sub(f.now()), time.Millisecond)
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

func (f *floor) decide(ctx context.Context, asks []ask) {
	now := f.now()
	outs := make([][]agent.Output, len(asks))
	var w Write
	for i, a := range asks {
		outs[i] = f.router.Apply(a.in(agent.At(now)))
		w.Agent.Collect(outs[i])
		for _, o := range outs[i] {
			w.Omni.Events = append(w.Omni.Events, routingEvents(o, now)...)
			if r, ok := o.(agent.Refused); ok && a.reply == nil && a.refused == nil {
				f.log.Warn("router input refused", "input", fmt.Sprintf("%T", r.Input), "err", r.Err)
			}
		}
	}
	if err := f.write(context.WithoutCancel(ctx), w); err != nil {
		f.log.Error("routing not committed", "err", err)
		if errors.Is(err, ErrNotLeader) {
			return // the other node's decisions count; this process ends
		}
	}
	for i, a := range asks {
		f.deliver(outs[i])
		if a.reply != nil {
			a.reply <- outs[i]
		}
		if err := agent.Refusal(outs[i]); err != nil && a.refused != nil {
			a.refused(err)
		}
	}
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
			ev(omni.OfferCreated, of.ConversationID, of.AgentID, of.QueueID, map[string]any{"offer_id": of.ID, "expires_at": of.ExpiresAt}),
			ev(omni.RoutingExplained, of.ConversationID, of.AgentID, of.QueueID, map[string]any{"offer_id": of.ID, "explanation": of.Explanation}),
		}
	case agent.OfferEnded:
		typ, ok := offerEvents[o.Offer.State]
		if !ok {
			return nil
		}
		return []omni.Event{ev(typ, o.Offer.ConversationID, o.Offer.AgentID, o.Offer.QueueID, map[string]any{"offer_id": o.Offer.ID})}
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
		return []omni.Event{ev(omni.QueueEntered, o.Entry.ConversationID, o.Entry.PreferredAgent, o.Entry.QueueID, map[string]any{
			"entered_at": o.Entry.EnteredAt, "requeued": o.Requeued, "position": o.Position, "priority": o.Entry.Priority,
		})}
	case agent.Overflowed:
		out := []omni.Event{}
		if o.Reason == agent.OverflowMaxWait {
			out = append(out, ev(omni.QueueTimeout, o.Entry.ConversationID, "", o.Entry.QueueID, nil))
		}
		return append(out, ev(omni.QueueOverflowed, o.Entry.ConversationID, "", o.Entry.QueueID, map[string]any{"reason": o.Reason, "actions": o.Actions}))
	}
	return nil
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
