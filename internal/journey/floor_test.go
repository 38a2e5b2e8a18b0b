package journey

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

// ground is a floor whose commits and deliveries are written down in order.
type ground struct {
	*floor
	mu     sync.Mutex
	steps  []string // commit, deliver
	writes []Write
	outs   []agent.Output
	fail   error         // of the next commits
	gate   chan struct{} // commits wait for it; nil: they do not
}

func newGround() *ground {
	g := &ground{}
	g.floor = newFloor(floorConfig{
		node: "nd_1", router: agent.RouterConfig{Seed: 1}, office: alone{}, write: g.commit, deliver: g.delivered,
		now: func() time.Time { return time.Now().UTC() }, log: slog.New(slog.DiscardHandler),
	})
	return g
}

// alone is the office of an installation with one node.
type alone struct{}

func (alone) Stand(_ context.Context, node string) (Term, error) {
	return Term{Node: node, Epoch: 1, Left: 10 * time.Second}, nil
}
func (alone) Renew(context.Context, Term) error  { return nil }
func (alone) Resign(context.Context, Term) error { return nil }

func (g *ground) commit(_ context.Context, _ Term, w Write) error {
	g.mu.Lock()
	gate := g.gate
	g.mu.Unlock()
	if gate != nil {
		<-gate
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.steps, g.writes = append(g.steps, "commit"), append(g.writes, w)
	return g.fail
}

func (g *ground) delivered(_ Term, outs []agent.Output) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(outs) > 0 {
		g.steps, g.outs = append(g.steps, "deliver"), append(g.outs, outs...)
	}
}

// begin runs the floor with one queue and one available agent; the returned
// function ends it.
func (g *ground) begin(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.run(ctx) }()
	for _, in := range []input{
		func(at agent.At) agent.Input {
			return agent.PutQueue{At: at, Queue: agent.DefaultQueue("qu_1", "Sales")}
		},
		func(at agent.At) agent.Input {
			return agent.PutAgent{At: at, Agent: agent.Agent{ID: "ag_1", Queues: []string{"qu_1"}}}
		},
		func(at agent.At) agent.Input { return agent.DeviceUp{At: at, AgentID: "ag_1"} },
		func(at agent.At) agent.Input {
			return agent.SetPresence{At: at, AgentID: "ag_1", State: agent.Available, By: agent.ByAgent}
		},
	} {
		if _, err := g.do(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.steps, g.writes, g.outs = nil, nil, nil
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("run ended with %v", err)
		}
	}
}

func enqueue(conversation string) input {
	return func(at agent.At) agent.Input {
		return agent.Enqueue{At: at, ConversationID: conversation, QueueID: "qu_1"}
	}
}

// What the router decided is committed, with its rows and events, before
// anybody hears of it.
func TestDecisionsAreCommittedBeforeTheyAreDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGround()
		defer g.begin(t)()
		g.gate = make(chan struct{})
		if err := g.tell(enqueue("cv_1")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(g.outs) > 0 {
			t.Fatalf("delivered before the commit: %+v", g.outs)
		}
		close(g.gate)
		synctest.Wait()
		if !slices.Equal(g.steps, []string{"commit", "deliver"}) {
			t.Errorf("steps %v", g.steps)
		}
		w := g.writes[0]
		if len(w.Agent.Offers) != 1 || w.Agent.Offers[0].AgentID != "ag_1" || len(w.Agent.Works) != 1 || len(w.Agent.QueueEntries) != 1 {
			t.Errorf("rows %+v", w.Agent)
		}
		var types []string
		for _, e := range w.Omni.Events {
			types = append(types, e.Type)
		}
		for _, want := range []string{omni.QueueEntered, omni.OfferCreated, omni.RoutingExplained} {
			if !slices.Contains(types, want) {
				t.Errorf("event %s is missing among %v", want, types)
			}
		}
	})
}

// Inputs that wait while a commit runs are decided together and share the next
// one; each asker still gets its own outputs.
func TestInputsThatWaitedTogetherShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGround()
		defer g.begin(t)()
		g.gate = make(chan struct{})
		_ = g.tell(enqueue("cv_0")) // is being committed
		synctest.Wait()
		const n = 40
		outs, errs := make([][]agent.Output, n), make([]error, n)
		var asking sync.WaitGroup
		for i := range n {
			asking.Go(func() {
				conversation := "cv_waiting_" + string(rune('A'+i))
				in := enqueue(conversation)
				if i == 7 {
					in = func(at agent.At) agent.Input {
						return agent.Enqueue{At: at, ConversationID: conversation, QueueID: "qu_none"}
					}
				}
				outs[i], errs[i] = g.do(t.Context(), in)
			})
		}
		synctest.Wait()
		close(g.gate)
		asking.Wait()
		if len(g.writes) != 2 || len(g.writes[1].Agent.QueueEntries) != n-1 {
			t.Fatalf("%d commits, the second with %d entries, want 2 with %d", len(g.writes), len(g.writes[len(g.writes)-1].Agent.QueueEntries), n-1)
		}
		for i := range n {
			if i == 7 {
				if !errors.Is(errs[i], agent.ErrUnknownQueue) {
					t.Errorf("the refused input gave %v", errs[i])
				}
				continue
			}
			if errs[i] != nil || len(outs[i]) == 0 {
				t.Errorf("input %d: %v, %d outputs", i, errs[i], len(outs[i]))
			}
			for _, o := range outs[i] {
				if q, ok := o.(agent.EntryQueued); ok && q.Entry.ConversationID != "cv_waiting_"+string(rune('A'+i)) {
					t.Errorf("asker %d got the entry of %s", i, q.Entry.ConversationID)
				}
			}
		}
	})
}

// A refused input is told to who asked, and changes nothing.
func TestRefusedInputs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGround()
		defer g.begin(t)()
		outs, err := g.do(t.Context(), func(at agent.At) agent.Input { return agent.Accept{At: at, OfferID: "of_none"} })
		if !errors.Is(err, agent.ErrUnknownOffer) || len(outs) != 1 {
			t.Errorf("outputs %+v, error %v", outs, err)
		}
		for _, w := range g.writes {
			if len(w.Agent.Offers)+len(w.Agent.Works)+len(w.Agent.QueueEntries)+len(w.Omni.Events) > 0 {
				t.Errorf("a refused input wrote %+v", w)
			}
		}
	})
}

// Who is no longer the leader delivers nothing: the other node's decisions
// count.
func TestWithoutTheLeaseNothingIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGround()
		defer g.begin(t)()
		g.fail = errors.Join(ErrNotLeader, errors.New("lease 4 is stale"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if outs, err := g.do(ctx, enqueue("cv_1")); err == nil {
			t.Errorf("the asker got %+v", outs)
		}
		if len(g.outs) > 0 {
			t.Errorf("delivered %+v", g.outs)
		}
	})
}

// While the database fails otherwise, calls go on: what could not be written is
// logged and delivered all the same.
func TestAFailingStoreDoesNotStopTheFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGround()
		defer g.begin(t)()
		g.fail = errors.New("disk on fire")
		if _, err := g.do(t.Context(), enqueue("cv_1")); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(g.outs, func(o agent.Output) bool { _, ok := o.(agent.OfferCreated); return ok }) {
			t.Errorf("no offer among %+v", g.outs)
		}
	})
}

// Deadlines of the router come without an input: an offer that nobody answers
// ends by itself.
func TestDeadlinesComeByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGround()
		defer g.begin(t)()
		if _, err := g.do(t.Context(), enqueue("cv_1")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(agent.DefaultQueue("qu_1", "").RingTimeout.Duration() + time.Second) // of the bubble's clock
		synctest.Wait()
		if !slices.ContainsFunc(g.outs, func(o agent.Output) bool {
			e, ok := o.(agent.OfferEnded)
			return ok && e.Offer.State == agent.OfferTimedOut
		}) {
			t.Errorf("the offer did not time out: %+v", g.outs)
		}
	})
}

// After the end everybody who asks is told so, at once, and those who wait are
// let go.
func TestShutdownLetsEverybodyGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGround()
		stop := g.begin(t)
		g.gate = make(chan struct{})
		_ = g.tell(enqueue("cv_0")) // holds the floor in a commit
		synctest.Wait()
		waits := make(chan error, 2)
		go func() { _, err := g.do(context.Background(), enqueue("cv_1")); waits <- err }()
		go func() { waits <- g.look(context.Background(), func(*agent.Router, time.Time) {}) }()
		synctest.Wait()
		go close(g.gate)
		stop()
		for range 2 {
			if err := <-waits; err != nil && !errors.Is(err, ErrStopped) {
				t.Errorf("who waited got %v", err)
			}
		}
		if _, err := g.do(context.Background(), enqueue("cv_2")); !errors.Is(err, ErrStopped) {
			t.Errorf("do after the end: %v", err)
		}
		if err := g.look(context.Background(), func(*agent.Router, time.Time) { t.Error("looked") }); !errors.Is(err, ErrStopped) {
			t.Errorf("look after the end: %v", err)
		}
	})
}

// The mailbox is bounded: an overloaded router refuses instead of growing.
func TestAnOverloadedFloorRefuses(t *testing.T) {
	g := newGround() // not running: nothing is taken out
	for range asksAtOnce {
		if err := g.tell(enqueue("cv_1")); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.tell(enqueue("cv_1")); !errors.Is(err, ErrFloorBusy) {
		t.Errorf("the input over the bound gave %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("asked too long")
	cancel(cause)
	if _, err := g.do(ctx, enqueue("cv_1")); !errors.Is(err, cause) {
		t.Errorf("do with an ended context gave %v", err)
	}
}

// Every way in which an offer ends has its word in the journal.
func TestOfferEndsHaveTheirEvents(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for state, want := range map[agent.OfferState]string{
		agent.OfferAccepted: omni.OfferAccepted, agent.OfferRejected: omni.OfferRejected, agent.OfferTimedOut: omni.OfferTimeout,
		agent.OfferCanceled: omni.OfferCanceled, agent.OfferRescinded: omni.OfferRescinded,
	} {
		got := routingEvents(agent.OfferEnded{Offer: agent.Offer{ID: "of_1", ConversationID: "cv_1", AgentID: "ag_1", QueueID: "qu_1", State: state}}, at)
		if len(got) != 1 || got[0].Type != want || got[0].ConversationID != "cv_1" || got[0].AgentID != "ag_1" || got[0].QueueID != "qu_1" || got[0].Time != at {
			t.Errorf("%s: %+v", state, got)
		}
	}
	if got := routingEvents(agent.OfferEnded{Offer: agent.Offer{State: agent.OfferWrapping}}, at); got != nil {
		t.Errorf("wrapping is no end of an offer: %+v", got)
	}
	over := agent.Overflowed{Entry: agent.QueueEntry{ConversationID: "cv_1", QueueID: "qu_1"}, Reason: agent.OverflowMaxWait}
	if got := routingEvents(over, at); len(got) != 2 || got[0].Type != omni.QueueTimeout || got[1].Type != omni.QueueOverflowed {
		t.Errorf("overflow after max_wait: %+v", got)
	}
	over.Reason = agent.OverflowMaxLength
	if got := routingEvents(over, at); len(got) != 1 || got[0].Type != omni.QueueOverflowed {
		t.Errorf("overflow by max_length: %+v", got)
	}
}
