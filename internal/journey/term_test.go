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
)

// chair is an office in memory that tests take away.
type chair struct {
	mu       sync.Mutex
	term     Term
	until    time.Time
	away     error         // of every call
	slow     time.Duration // how long a look takes
	resigned int
}

const chairTime = 10 * time.Second

func (o *chair) Stand(ctx context.Context, node string) (Term, error) {
	o.mu.Lock()
	slow := o.slow
	o.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return Term{}, context.Cause(ctx)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.away != nil {
		return Term{}, o.away
	}
	if time.Now().Before(o.until) && o.term.Node != node {
		t := o.term
		t.Left = time.Until(o.until)
		return t, nil
	}
	return o.give(node), nil
}

// give makes node the holder; mu is held.
func (o *chair) give(node string) Term {
	o.term = Term{Node: node, Epoch: o.term.Epoch + 1, Left: chairTime}
	o.until = time.Now().Add(chairTime)
	return o.term
}

// pass gives the office to another node.
func (o *chair) pass(node string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.give(node)
}

func (o *chair) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.away = err
}

func (o *chair) holds(t Term) error {
	if o.term.Node != t.Node || o.term.Epoch != t.Epoch {
		return ErrNotLeader
	}
	return nil
}

func (o *chair) Renew(_ context.Context, t Term) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.away != nil {
		return o.away
	}
	if err := o.holds(t); err != nil {
		return err
	}
	o.until = time.Now().Add(chairTime)
	return nil
}

func (o *chair) Resign(_ context.Context, t Term) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.holds(t) == nil {
		o.until = time.Time{}
		o.resigned++
	}
	return nil
}

// chairman is a floor at a chair; what it passes on and decides is written down.
type chairman struct {
	*floor
	chair   *chair
	mu      sync.Mutex
	sent    []agent.Input
	numbers []uint64 // of all that was sent
	fail    error    // of sending
	outs    []agent.Output
	terms   []Term
	rival   bool
	wait    func(context.Context) // of every commit; nil: none
	late    int                   // outputs that were let out when another node could have the office
}

func newSeat(o *chair) *chairman {
	s := &chairman{chair: o}
	s.floor = newFloor(floorConfig{
		node: "nd_1", router: agent.RouterConfig{Seed: 1}, office: o,
		write: func(ctx context.Context, t Term, _ Write) error {
			if s.wait != nil {
				s.wait(ctx)
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			return o.holds(t)
		},
		deliver: func(_ Term, outs []agent.Output) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.outs = append(s.outs, outs...)
			o.mu.Lock()
			defer o.mu.Unlock()
			if len(outs) > 0 && time.Now().After(o.until) {
				s.late++
			}
		},
		begin: func(_ context.Context, t Term) (agent.State, []input, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.terms = append(s.terms, t)
			queue := agent.DefaultQueue("qu_1", "Sales")
			queue.JoinEmpty = agent.EmptyYes
			return agent.State{Queues: []agent.Queue{queue}}, nil, nil
		},
		send: func(_ context.Context, _ Term, asks []ask) ([]error, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, a := range asks {
				s.numbers = append(s.numbers, a.number)
			}
			if s.fail != nil {
				return nil, s.fail
			}
			for _, a := range asks {
				s.sent = append(s.sent, a.in(agent.At{}))
			}
			return make([]error, len(asks)), nil
		},
		contested: func() bool { return s.rival },
		now:       func() time.Time { return time.Now().UTC() }, log: slog.New(slog.DiscardHandler),
	})
	return s
}

// leads tells whether this node routes.
func (f *floor) leads() bool {
	t := f.present.Load()
	return t != nil && t.Node == f.node
}

func (s *chairman) start(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	<-s.settled
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("run ended with %v", err)
		}
	}
}

func (s *chairman) failing(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// queued lists the conversations that waited in the router here, in order.
func (s *chairman) queued() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, o := range s.outs {
		if q, ok := o.(agent.EntryQueued); ok {
			ids = append(ids, q.Entry.ConversationID)
		}
	}
	return ids
}

func (s *chairman) passed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, in := range s.sent {
		ids = append(ids, in.(agent.Enqueue).ConversationID)
	}
	return ids
}

// A node that loses the office goes on: what it had not decided, and all that
// follows, goes to the node that routes now; when that one is gone, it routes
// again, in a new term and with a router made anew.
func TestLosingTheOfficeStopsRoutingOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &chair{}
		s := newSeat(o)
		defer s.start(t)()
		if _, err := s.do(t.Context(), enqueue("cv_1")); err != nil || !s.leads() {
			t.Fatalf("leads %v, %v", s.leads(), err)
		}
		o.pass("nd_2")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := s.do(ctx, enqueue("cv_2")); err != nil { // the write is refused, the input passed on
			t.Fatal(err)
		}
		if _, err := s.do(ctx, enqueue("cv_3")); err != nil {
			t.Fatal(err)
		}
		if got := s.queued(); !slices.Equal(got, []string{"cv_1"}) {
			t.Errorf("decided here: %v", got)
		}
		if got := s.passed(); !slices.Equal(got, []string{"cv_2", "cv_3"}) || s.leads() {
			t.Errorf("passed on: %v, leads %v", got, s.leads())
		}
		if err := s.look(ctx, func(*agent.Router, time.Time) { t.Error("looked") }); !errors.Is(err, ErrNotLeader) {
			t.Errorf("a look at the router gives %v", err)
		}
		for _, a := range []ask{{gone: "nd_3"}, {in: enqueue("cv_theirs"), from: "nd_3"}} { // for a leader only
			if v := s.ask(ctx, a); !errors.Is(v.err, ErrNotLeader) {
				t.Errorf("%+v gives %v", a, v.err)
			}
		}
		began := time.Now()
		time.Sleep(chairTime) // of the bubble's clock: nobody renews for nd_2
		for !s.leads() {
			time.Sleep(50 * time.Millisecond)
		}
		if took := time.Since(began); took > chairTime+standEvery {
			t.Errorf("took over only after %s", took)
		}
		if _, err := s.do(t.Context(), enqueue("cv_4")); err != nil {
			t.Fatal(err)
		}
		if got := s.queued(); !slices.Equal(got, []string{"cv_1", "cv_4"}) {
			t.Errorf("decided here: %v", got)
		}
		var epochs []uint64
		for _, t := range s.terms {
			epochs = append(epochs, t.Epoch)
		}
		if !slices.Equal(epochs, []uint64{1, 2, 3}) {
			t.Errorf("terms %v", epochs)
		}
	})
}

// A node that loses the office before its router is rebuilt passes on what it was
// told, and nothing of its own router's: no other node can read that, and whatever
// came behind it would wait.
func TestALeadersOwnInputsStayWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &chair{}
		s := newSeat(o)
		begin := s.begin
		s.begin = func(ctx context.Context, t Term) (agent.State, []input, error) {
			if t.Node == "nd_1" {
				o.pass("nd_2") // before the router's first write
			}
			return begin(ctx, t)
		}
		defer s.start(t)()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := s.do(ctx, enqueue("cv_1")); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, in := range s.sent {
			if encodeItem(in).Kind != "Enqueue" {
				t.Errorf("a %T was passed on", in)
			}
		}
	})
}

// Inputs that cannot be passed on wait, in their order and under their numbers, so
// that they are applied once; without anybody to take them they are given up.
func TestInputsWaitForTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &chair{}
		o.pass("nd_2")
		s := newSeat(o)
		s.fail = ErrAway
		defer s.start(t)()
		o.mu.Lock()
		o.until = time.Now().Add(time.Hour) // nd_2 goes on leading
		o.mu.Unlock()
		refused := make(chan error, 4)
		_ = s.tell(enqueue("cv_1"))
		time.Sleep(3 * time.Second)
		_ = s.tell(enqueue("cv_2"))
		time.Sleep(time.Second)
		s.mu.Lock()
		numbers := s.numbers
		same := !slices.ContainsFunc(numbers, func(n uint64) bool { return n != 1 && n != 2 })
		s.fail = nil
		s.mu.Unlock()
		if len(numbers) < 10 || !same {
			t.Errorf("tried under the numbers %v", numbers)
		}
		time.Sleep(time.Second)
		if got := s.passed(); !slices.Equal(got, []string{"cv_1", "cv_2"}) {
			t.Errorf("passed on %v", got)
		}
		s.mu.Lock()
		s.fail = ErrAway
		s.mu.Unlock()
		_ = s.tell(enqueue("cv_3"), func(err error) { refused <- err })
		time.Sleep(tellLimit + 2*time.Second)
		if len(refused) != 1 {
			t.Fatalf("refused %d times", len(refused))
		}
		if err := <-refused; !errors.Is(err, ErrNoLeader) {
			t.Errorf("after a minute without the leader: %v", err)
		}
	})
}

// What was told before the end is not lost: it waits for a leader that is slow to
// answer, for one that is not known yet, and is decided here when there is none.
func TestTheLastInputsFindTheirLeader(t *testing.T) {
	for _, c := range []struct {
		name  string
		begin func(*chairman)
		after func(*chairman)
		here  bool
	}{
		{"a leader that does not answer at once", func(s *chairman) { s.failing(ErrAway) }, func(s *chairman) {
			time.Sleep(3 * time.Second)
			s.failing(nil)
		}, false},
		{"the look for a leader is cut off", func(s *chairman) {
			s.chair.mu.Lock()
			s.chair.slow = 900 * time.Millisecond
			s.chair.mu.Unlock()
			time.Sleep(1500 * time.Millisecond)
		}, nil, false},
		{"nobody routes any more", func(s *chairman) {
			s.failing(ErrAway)
			s.chair.mu.Lock()
			s.chair.until = time.Now()
			s.chair.mu.Unlock()
		}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &chair{}
				o.pass("nd_2")
				s := newSeat(o)
				stop := s.start(t)
				c.begin(s)
				_ = s.tell(enqueue("cv_1"))
				var after sync.WaitGroup
				if c.after != nil {
					after.Go(func() { c.after(s) })
				}
				began := time.Now()
				stop()
				after.Wait()
				got := s.passed()
				if c.here {
					got = s.queued()
				}
				if !slices.Equal(got, []string{"cv_1"}) || s.leads() {
					t.Errorf("handed on %v, leads %v", got, s.leads())
				}
				if took := time.Since(began); took > drainWithin+sendEvery {
					t.Errorf("took %s", took)
				}
			})
		})
	}
}

// Who stops passes on what was told before, in its order.
func TestTheLastInputsArePassedOnInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &chair{}
		o.pass("nd_2")
		s := newSeat(o)
		s.fail = ErrAway
		stop := s.start(t)
		_ = s.tell(enqueue("cv_1"))
		time.Sleep(time.Second)
		s.mu.Lock()
		s.fail = nil
		for _, id := range []string{"cv_2", "cv_3", "cv_4"} {
			s.asks <- ask{in: enqueue(id), until: time.Now().Add(time.Minute)}
		}
		s.mu.Unlock()
		stop()
		if got := s.passed(); !slices.Equal(got, []string{"cv_1", "cv_2", "cv_3", "cv_4"}) {
			t.Errorf("passed on %v", got)
		}
	})
}

// A lease that cannot be renewed stops decisions before another node may have
// it, if there is another node, and they go on when it is renewed after all.
func TestDoubtPausesRouting(t *testing.T) {
	for _, rival := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			o := &chair{}
			s := newSeat(o)
			s.rival = rival
			defer s.start(t)()
			o.fail(errors.New("database is away"))
			time.Sleep(chairTime)
			_ = s.tell(enqueue("cv_1"))
			time.Sleep(time.Second)
			if got := len(s.queued()); got == 0 != rival {
				t.Errorf("another node: %v; %d decisions in doubt", rival, got)
			}
			o.fail(nil)
			time.Sleep(chairTime / 2)
			if got := s.queued(); !slices.Equal(got, []string{"cv_1"}) || !s.leads() || len(s.terms) != 1 {
				t.Errorf("when it is renewed: %v, leads %v, terms %v", got, s.leads(), s.terms)
			}
		})
	}
}

// Nothing is let out when another node may route already: neither by a commit
// that takes long, nor because it took long to begin.
func TestDecisionsEndBeforeTheLeaseDoes(t *testing.T) {
	for _, slow := range []string{"commit", "begin"} {
		t.Run("slow "+slow, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &chair{}
				s := newSeat(o)
				s.rival = true
				begin := s.begin
				s.begin = func(ctx context.Context, t Term) (agent.State, []input, error) {
					if slow == "begin" {
						o.fail(errors.New("database is away"))
						time.Sleep(chairTime / 2)
					}
					return begin(ctx, t)
				}
				stop := s.start(t)
				if slow == "commit" {
					time.Sleep(1200 * time.Millisecond)  // so that one begins shortly before decisions end
					s.wait = func(ctx context.Context) { // as the store, before it keeps a write on disk
						select {
						case <-time.After(3 * time.Second):
						case <-ctx.Done():
						}
					}
					o.fail(errors.New("database is away"))
				}
				for range 15 * 10 {
					_ = s.tell(enqueue("cv_1"))
					time.Sleep(100 * time.Millisecond)
				}
				s.mu.Lock()
				if s.late > 0 || len(s.outs) == 0 {
					t.Errorf("%d times too late among %d outputs", s.late, len(s.outs))
				}
				s.mu.Unlock()
				o.pass("nd_2")
				o.fail(nil)
				stop()
			})
		})
	}
}

// An agent is gone when the last node through which they were reached says so,
// or has died.
func TestReachOverSeveralNodes(t *testing.T) {
	r := reach{}
	up := func(id string) agent.Input { return agent.DeviceUp{AgentID: id} }
	down := func(id string) agent.Input { return agent.DeviceDown{AgentID: id} }
	for i, c := range []struct {
		in   agent.Input
		node string
		want bool
	}{
		{up("ag_1"), "nd_1", true}, {up("ag_1"), "nd_2", true}, {up("ag_2"), "nd_2", true},
		{down("ag_1"), "nd_1", false}, {down("ag_1"), "nd_2", true}, {up("ag_1"), "nd_1", true},
		{agent.Tick{}, "nd_1", true},
	} {
		if got := r.concerns(c.in, c.node); got != c.want {
			t.Errorf("step %d: %v, want %v", i, got, c.want)
		}
	}
	_ = r.concerns(up("ag_1"), "nd_2")
	gone := r.gone("nd_2", agent.At(time.Now()))
	if len(gone) != 1 || gone[0].(agent.DeviceDown).AgentID != "ag_2" {
		t.Errorf("nd_2 died: %+v", gone)
	}
}
