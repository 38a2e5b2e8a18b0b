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
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/omni"
	"github.com/openhotline/hotline/sip"
)

// depot is the database that nodes share, in memory: the office and the rows that
// they read at the begin of a term.
type depot struct {
	Store
	chair
	mu      sync.Mutex
	gate    chan struct{} // commits of the router wait for it; nil: they do not
	live    []omni.Conversation
	nodes   map[string]omni.Node
	offers  map[string]agent.Offer
	works   map[string]agent.Work
	entries map[string]agent.QueueEntry
	events  []omni.Event
	refuse  error // of the commits that close what was left
	illegal error // of the administered records
	reads   map[string]int
}

func newDepot() *depot {
	return &depot{nodes: map[string]omni.Node{}, offers: map[string]agent.Offer{}, works: map[string]agent.Work{}, entries: map[string]agent.QueueEntry{}, reads: map[string]int{}}
}

func (d *depot) Stand(ctx context.Context, node string) (Term, error) {
	return d.chair.Stand(ctx, node)
}
func (d *depot) Renew(ctx context.Context, t Term) error  { return d.chair.Renew(ctx, t) }
func (d *depot) Resign(ctx context.Context, t Term) error { return d.chair.Resign(ctx, t) }

func (d *depot) Route(ctx context.Context, t Term, w Write) error {
	d.mu.Lock()
	gate := d.gate
	d.mu.Unlock()
	if gate != nil {
		<-gate
	}
	d.chair.mu.Lock()
	err := d.holds(t)
	d.chair.mu.Unlock()
	if err != nil {
		return err
	}
	return d.Commit(ctx, w)
}

func (d *depot) Commit(_ context.Context, w Write) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(w.Omni.Conversations) > 0 && d.refuse != nil {
		return d.refuse
	}
	for _, o := range w.Agent.Offers {
		d.offers[o.ID] = o
	}
	for _, k := range w.Agent.Works {
		d.works[k.ID] = k
	}
	for _, e := range w.Agent.QueueEntries {
		d.entries[e.ConversationID] = e
	}
	for _, c := range w.Omni.Conversations {
		if i := slices.IndexFunc(d.live, func(v omni.Conversation) bool { return v.ID == c.ID }); i >= 0 {
			d.live[i] = c
		}
	}
	d.events = append(d.events, w.Omni.Events...)
	return nil
}

func (d *depot) RoutingState(context.Context) (s agent.State, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads["RoutingState"]++
	for _, o := range d.offers {
		if o.State == agent.OfferPending || o.State == agent.OfferAccepted || o.State == agent.OfferWrapping {
			s.Offers = append(s.Offers, o)
		}
	}
	for _, k := range d.works {
		if k.State != agent.Idle {
			s.Works = append(s.Works, k)
		}
	}
	for _, e := range d.entries {
		if e.State == agent.EntryWaiting || e.State == agent.EntryOffered {
			s.Entries = append(s.Entries, e)
		}
	}
	return s, nil
}

func (d *depot) Conversation(_ context.Context, id string) (omni.Conversation, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads["Conversation"]++
	for _, v := range d.live {
		if v.ID == id {
			return v, nil
		}
	}
	return omni.Conversation{}, omni.ErrNotFound
}

func (d *depot) LiveConversations(_ context.Context, node string) (list []omni.Conversation, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads["LiveConversations"]++
	for _, v := range d.live {
		if v.State != omni.Completed && (node == "" || v.NodeID == node) {
			list = append(list, v)
		}
	}
	return list, nil
}

func (d *depot) Lingering(ctx context.Context, node string) (over []string, err error) {
	s, err := d.RoutingState(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads["Lingering"]++
	d.reads["RoutingState"]--
	for _, v := range d.live {
		is := func(conversationID string) bool { return conversationID == v.ID }
		if v.NodeID == node && v.State == omni.Completed && (slices.ContainsFunc(s.Offers, func(o agent.Offer) bool { return is(o.ConversationID) }) ||
			slices.ContainsFunc(s.Works, func(k agent.Work) bool { return is(k.ConversationID) }) ||
			slices.ContainsFunc(s.Entries, func(e agent.QueueEntry) bool { return is(e.ConversationID) })) {
			over = append(over, v.ID)
		}
	}
	return over, err
}

func (*depot) OpenLegs(context.Context, string) ([]omni.Leg, error) { return nil, nil }
func (*depot) UnfinishedRecordings(context.Context, string) ([]omni.Recording, error) {
	return nil, nil
}
func (*depot) LeftRecordings(context.Context, []string) ([]omni.Recording, error) { return nil, nil }

func (d *depot) SetupRevision(context.Context) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return "", d.illegal
}

func (d *depot) ConversationSegments(context.Context, string) ([]omni.Segment, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads["ConversationSegments"]++
	return nil, nil
}

func (d *depot) Beat(_ context.Context, node string, _ bool) (omni.NodeState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.nodes[node].State
	d.nodes[node] = omni.Node{ID: node, State: omni.NodeLive, SeenAt: time.Now()}
	return was, nil
}

func (d *depot) StopNode(_ context.Context, node string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nodes[node] = omni.Node{ID: node, State: omni.NodeStopped, SeenAt: time.Now()}
	return nil
}

func (d *depot) DeclareDead(_ context.Context, _ Term, node string, limit time.Duration) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, ok := d.nodes[node]
	if !ok || n.State == omni.NodeStopped || time.Since(n.SeenAt) < limit {
		return false, nil
	}
	n.State = omni.NodeDead
	d.nodes[node] = n
	return true, nil
}

func (d *depot) Nodes(context.Context) (list []omni.Node, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.nodes {
		n.Silent = time.Since(n.SeenAt)
		list = append(list, n)
	}
	return list, nil
}

// count counts the events of a type of a conversation.
func (d *depot) count(typ, conversationID string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.events {
		if e.Type == typ && e.ConversationID == conversationID {
			n++
		}
	}
	return n
}

// hub joins the buses of nodes in memory. As the real one it carries out a command
// once per id, for as long as its first sender waits, and keeps the answer, that
// of a failure too, of which only the text travels.
type hub struct {
	mu       sync.Mutex
	handlers map[string]map[string]func(context.Context, []byte) ([]byte, error)
	cut      map[string]bool
	known    map[string]*carried
	late     map[string]time.Duration // by which answers to commands of a name are late
}

type carried struct {
	done chan struct{}
	out  []byte
	err  error
}

func newHub() *hub {
	return &hub{handlers: map[string]map[string]func(context.Context, []byte) ([]byte, error){}, cut: map[string]bool{}, known: map[string]*carried{},
		late: map[string]time.Duration{}}
}

// end is a node's bus.
type end struct {
	*hub
	node string
}

func (e end) Handle(name string, h func(context.Context, []byte) ([]byte, error)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.handlers[e.node] == nil {
		e.handlers[e.node] = map[string]func(context.Context, []byte) ([]byte, error){}
	}
	e.handlers[e.node][name] = h
}

func (e end) Command(ctx context.Context, commandID, node, name string, payload []byte) ([]byte, error) {
	e.mu.Lock()
	h := e.handlers[node][name]
	if len(payload) > 512<<10 {
		e.mu.Unlock()
		return nil, errors.New("too long")
	}
	if h == nil || e.cut[node] || e.cut[e.node] {
		e.mu.Unlock()
		return nil, ErrAway
	}
	k := e.known[commandID]
	if k == nil {
		k = &carried{done: make(chan struct{})}
		e.known[commandID] = k
		deadline, _ := ctx.Deadline()
		go func() {
			defer close(k.done)
			ctx, cancel := context.WithDeadline(context.Background(), deadline)
			defer cancel()
			if k.out, k.err = h(ctx, payload); k.err != nil {
				k.err = errors.New(k.err.Error())
			}
		}()
	}
	e.mu.Unlock()
	select {
	case <-k.done:
		e.mu.Lock()
		late := e.late[name]
		e.mu.Unlock()
		time.Sleep(late)
		return k.out, k.err
	case <-ctx.Done():
		return nil, errors.Join(ErrAway, context.Cause(ctx))
	}
}

// sever cuts a node off from the others, or joins it again.
func (h *hub) sever(node string, cut bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut[node] = cut
}

// silent is a signalling without peers.
type silent struct{}

func (silent) SetLines([]sip.Line) error     { return nil }
func (silent) SetDevices([]sip.Device) error { return nil }
func (silent) Registered(string) bool        { return false }

// newNode makes a node of an installation with one queue and one agent.
func newNode(name string, d *depot, h *hub) *Center {
	c := New(Config{NodeID: name, Shared: true, Bus: end{h, name}}, d, nil, silent{}, nil, slog.New(slog.DiscardHandler))
	a := setup.NewAgent()
	a.ID, a.Queues, a.Enabled = "ag_1", []string{"qu_1"}, true
	q := setup.NewQueue()
	q.ID, q.Name, q.Enabled, q.JoinEmpty, q.LeaveEmpty = "qu_1", "Sales", true, agent.EmptyYes, agent.EmptyNo
	c.records.Store(&installation{
		Installation: setup.Installation{Agents: []setup.Agent{a}, Queues: []setup.Queue{q}},
		agents:       map[string]setup.Agent{a.ID: a}, queues: map[string]setup.Queue{q.ID: q},
	})
	return c
}

// up runs a node's floor and answers other nodes until the returned function; the
// rest of Run is what tests do themselves.
func (c *Center) up(t *testing.T) (down func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	c.ctx = ctx
	if _, err := c.store.Beat(ctx, c.cfg.NodeID, true); err != nil {
		t.Fatal(err)
	}
	c.listen()
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.floor.run(ctx) }()
	<-c.floor.settled
	close(c.started)
	c.work.Go(func() { c.keepInStep(ctx) })
	if _, err := c.lookAround(ctx); err != nil {
		t.Fatal(err)
	}
	return func() {
		cancel()
		<-ended
		c.work.Wait()
		c.mail.close()
	}
}

// look is what watchNodes does at each beat, one after the other.
func (c *Center) look(ctx context.Context) error {
	nodes, err := c.beat(ctx)
	if err != nil {
		return err
	}
	return c.closeDead(ctx, nodes)
}

// carry gives a node a conversation that waits in the queue. Nobody runs it: see
// serve.
func (c *Center) carry(id string) *conversation {
	v := &conversation{
		center: c, id: id, log: c.log, sides: map[string]*side{}, inQueue: true, asked: enqueue(id),
		ops: make(chan func(), mailbox), done: make(chan struct{}), book: newLedger(omni.Conversation{ID: id, State: omni.Queued}, c.now),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conversations[id] = v
	return v
}

// serve does what is posted to a conversation, as its goroutine would.
func (v *conversation) serve() {
	v.center.work.Go(func() {
		for {
			select {
			case op := <-v.ops:
				op()
			case <-v.center.ctx.Done():
				return
			}
		}
	})
}

// in runs f where the conversation is served and waits for it.
func (v *conversation) in(f func()) {
	done := make(chan struct{})
	v.post(func() { f(); close(done) })
	<-done
}

func (c *Center) reached(t *testing.T) bool {
	t.Helper()
	s, err := c.seatOf(t.Context(), "ag_1")
	if err != nil {
		t.Fatal(err)
	}
	return s.Presence.Connected
}

func deviceUp(at agent.At) agent.Input { return agent.DeviceUp{At: at, AgentID: "ag_1"} }

// What a node passes on is applied once, also when the leader needs longer to
// answer than the node waits, and though more was told meanwhile.
func TestInputsOfASlowLeaderAreAppliedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDepot(), newHub()
		a, b := newNode("nd_a", d, h), newNode("nd_b", d, h)
		defer a.up(t)()
		defer b.up(t)()
		d.mu.Lock()
		gate := make(chan struct{})
		d.gate = gate
		d.mu.Unlock()
		answers := make(chan error, 1)
		go func() { _, err := b.floor.do(t.Context(), enqueue("cv_1")); answers <- err }()
		time.Sleep(time.Second)
		_ = b.floor.tell(enqueue("cv_2"))
		time.Sleep(4 * time.Second)
		_ = b.floor.tell(enqueue("cv_3"))
		time.Sleep(time.Second)
		d.mu.Lock()
		d.gate = nil
		d.mu.Unlock()
		close(gate)
		time.Sleep(5 * time.Second)
		if err := <-answers; err != nil {
			t.Error(err)
		}
		for _, id := range []string{"cv_1", "cv_2", "cv_3"} {
			if n := d.count(omni.QueueEntered, id); n != 1 {
				t.Errorf("%s entered the queue %d times", id, n)
			}
		}
	})
}

// A leader that loses the office answers for what it has decided; only the rest
// goes to the next one.
func TestALeaderAnswersForWhatItHasDecided(t *testing.T) {
	c := newNode("nd_a", newDepot(), newHub())
	term := Term{Node: "nd_a", Epoch: 7}
	c.floor.present.Store(&term)
	q := routing{From: "nd_b", Life: "one", Epoch: 7}
	for i, id := range []string{"cv_1", "cv_2", "cv_3"} {
		q.Inputs = append(q.Inputs, numbered{encodeItem(enqueue(id)(agent.At{})), uint64(i + 1), false})
	}
	go func() {
		if first := <-c.floor.asks; first.gone != "nd_b" {
			t.Errorf("first asked %+v", first)
		}
		(<-c.floor.asks).answer(verdict{err: agent.ErrUnknownQueue})
		(<-c.floor.asks).answer(verdict{err: ErrNotLeader})
		(<-c.floor.asks).answer(verdict{err: ErrNotLeader})
	}()
	for range 2 { // the answer may get lost
		faults, err := c.routeFor(t.Context(), q)
		if err != nil || len(faults) != 1 || !errors.Is(faults[0].err(), agent.ErrUnknownQueue) {
			t.Errorf("answers %+v, %v", faults, err)
		}
	}
	q.Inputs = q.Inputs[1:]
	if _, err := c.routeFor(t.Context(), q); !errors.Is(err, ErrNotLeader) {
		t.Errorf("the rest gives %v", err)
	}
	q.Epoch++
	if _, err := c.routeFor(t.Context(), q); !errors.Is(err, ErrNotLeader) {
		t.Errorf("another term gives %v", err)
	}
}

// A leader dies after it has committed an input and before it could answer: the
// next one, to which it is sent again, finds it applied.
func TestAnInputThatADeadLeaderAppliedIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDepot(), newHub()
		a, b := newNode("nd_a", d, h), newNode("nd_b", d, h)
		down := a.up(t)
		defer b.up(t)()
		b.carry("cv_1")
		for _, in := range []input{deviceUp, func(at agent.At) agent.Input {
			return agent.SetPresence{At: at, AgentID: "ag_1", State: agent.Available, By: agent.ByAgent}
		}, enqueue("cv_1")} {
			if _, err := b.floor.do(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
		var offer agent.Offer
		for _, o := range d.offers {
			offer = o
		}
		gate := make(chan struct{})
		d.mu.Lock()
		d.gate = gate
		d.live = []omni.Conversation{{ID: "cv_1", NodeID: "nd_b", State: omni.Queued}}
		d.mu.Unlock()
		answers := make(chan error, 1)
		go func() {
			_, err := b.floor.do(t.Context(), func(at agent.At) agent.Input { return agent.Accept{At: at, OfferID: offer.ID, AgentID: "ag_1"} })
			answers <- err
		}()
		time.Sleep(300 * time.Millisecond)
		h.sever("nd_a", true) // its answer does not arrive any more
		time.Sleep(2 * time.Second)
		d.mu.Lock()
		d.gate = nil
		d.mu.Unlock()
		close(gate) // it is committed
		synctest.Wait()
		d.pass("nd_b")
		if err := <-answers; err != nil {
			t.Errorf("the accept was answered with %v", err)
		}
		down()
	})
}

// A node that crashes and is back before it is missed has lost its open pages: the
// agents whose pages they were are not reached through it any more.
func TestNobodyIsReachedThroughAFormerProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDepot(), newHub()
		a, b := newNode("nd_a", d, h), newNode("nd_b", d, h)
		defer a.up(t)()
		down := b.up(t)
		if _, err := b.floor.do(t.Context(), deviceUp); err != nil || !a.reached(t) {
			t.Fatalf("reached %v, %v", a.reached(t), err)
		}
		down()
		defer newNode("nd_b", d, h).up(t)()
		time.Sleep(time.Second)
		if a.reached(t) {
			t.Error("the agent is reached through a process that is gone")
		}
	})
}

// A node that stops takes its open pages along.
func TestNobodyIsReachedThroughAStoppedNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDepot(), newHub()
		a, b := newNode("nd_a", d, h), newNode("nd_b", d, h)
		defer a.up(t)()
		down := b.up(t)
		if err := a.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := b.floor.do(t.Context(), deviceUp); err != nil || !a.reached(t) {
			t.Fatalf("reached %v, %v", a.reached(t), err)
		}
		down()
		_ = d.StopNode(t.Context(), "nd_b")
		for range 2 {
			if err := a.look(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if a.reached(t) {
			t.Error("the agent is reached through a node that has stopped")
		}
	})
}

// A node that was given up and is back still has its pages: its agents are reached
// again.
func TestANodeThatIsBackBringsItsAgents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDepot(), newHub()
		a, b := newNode("nd_a", d, h), newNode("nd_b", d, h)
		defer a.up(t)()
		defer b.up(t)()
		b.Connected(t.Context(), "ag_1", "so_1", "", func(string, any) bool { return true })
		time.Sleep(time.Second)
		if err := a.look(t.Context()); err != nil || !a.reached(t) {
			t.Fatalf("reached %v, %v", a.reached(t), err)
		}
		h.sever("nd_b", true)
		time.Sleep(nodeSilence)
		if err := a.look(t.Context()); err != nil || a.reached(t) {
			t.Fatalf("given up: reached %v, %v", a.reached(t), err)
		}
		h.sever("nd_b", false)
		if err := b.look(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if !a.reached(t) {
			t.Error("the agent is not reached, but has a page open")
		}
	})
}

// Inputs that are too long for one command together go in several.
func TestLongInputsArePassedOnInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, h := newDepot(), newHub()
		a, b := newNode("nd_a", d, h), newNode("nd_b", d, h)
		defer a.up(t)()
		defer b.up(t)()
		long := make([]string, 1000)
		for i := range long {
			long[i] = "qu_of_a_long_name_01"
		}
		for range sendBatch {
			b.tell(func(at agent.At) agent.Input {
				return agent.PutAgent{At: at, Agent: agent.Agent{ID: "ag_1", Queues: long}}
			})
		}
		if _, err := b.floor.do(t.Context(), enqueue("cv_1")); err != nil {
			t.Errorf("behind them: %v", err)
		}
	})
}
