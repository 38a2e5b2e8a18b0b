// Package journey takes one conversation from first ring to wrap-up: it finds
// number, customer and flow, lets the flow answer, hands the conversation to
// the router, joins the agent, records, and writes every step before the next
// one. It adapts the domain packages to one another; none of them knows this.
//
// Center is what the process runs. Each conversation has a goroutine that owns
// its state; the router has one of its own (floor).
package journey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/internal/phone"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/ivr/speak"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/omni"
	"github.com/openhotline/hotline/sip"
)

// Errors of the package.
var (
	// ErrStopped means that the process is stopping.
	ErrStopped = errors.New("journey: stopped")
	// ErrNotLeader means that another node decides about queues.
	ErrNotLeader = errors.New("journey: another node routes")
	// ErrAway means that the node that carries a conversation, or that routes,
	// does not answer.
	ErrAway = errors.New("journey: the node does not answer")
	// ErrUncertain means that the database went away while it committed: the
	// write may be there. Stores return it.
	ErrUncertain = errors.New("journey: the write may or may not be there")
	// ErrEnded means that the conversation has ended.
	ErrEnded = errors.New("journey: conversation has ended")
)

// Write is one atomic change of the store.
type Write struct {
	Omni  omni.Change
	Agent agent.Change
	Audit []account.Entry // lines about what is written
	// Patience is how long the write may wait to share a flush to disk.
	Patience time.Duration
}

// Store is what journeys read and write.
type Store interface {
	omni.Store
	account.Store
	Office
	RoutingState(ctx context.Context) (agent.State, error)
	// Lingering are the completed conversations of a node of which the router has an
	// offer, work or a place in a queue: their process died between the two.
	Lingering(ctx context.Context, nodeID string) ([]string, error)
	// Commit writes w in one transaction, or fails; it is ErrUncertain when nobody
	// knows which.
	Commit(ctx context.Context, w Write) error
	// Keep is Commit for what has happened already and must not be lost: while
	// the database is away it is kept on disk and written later.
	Keep(ctx context.Context, w Write) error
	// Route is Keep for what is decided in a term of this node: it is ErrNotLeader
	// when another node decides by now.
	Route(ctx context.Context, t Term, w Write) error

	// Beat notes a sign of life of a node and returns what it was thought to be
	// before: a node that reads omni.NodeDead was given up.
	Beat(ctx context.Context, nodeID string, starting bool) (omni.NodeState, error)
	// StopNode notes that a node has ended and left nothing behind.
	StopNode(ctx context.Context, nodeID string) error
	// DeclareDead gives a node up that was silent for limit; false: it was not.
	// It is ErrNotLeader when another node decides by now.
	DeclareDead(ctx context.Context, t Term, nodeID string, limit time.Duration) (bool, error)
	Nodes(ctx context.Context) ([]omni.Node, error)
	// SetupRevision changes with every administered record.
	SetupRevision(ctx context.Context) (string, error)
}

// Lines is what journeys tell the signalling; *sip.Endpoint has it.
type Lines interface {
	SetLines(lines []sip.Line) error
	SetDevices(devices []sip.Device) error
	Registered(deviceID string) bool
}

// Config sets a Center up. Recordings is required.
type Config struct {
	NodeID string
	// Shared tells that other nodes may use the same database: this one then
	// gives signs of life and looks after the others.
	Shared bool
	// NodeLimit is how long a node may be silent before the leader closes what it
	// left behind. Default 20s.
	NodeLimit time.Duration
	// Bus leads to the other nodes; nil: there is no way to them.
	Bus        Bus
	Language   string // of conversations that nothing else decides; default zh-CN
	Country    string // ISO 3166 code of numbers without a prefix; default CN
	Recordings string // folder
	// Free tells the bytes that are free on the disk of Recordings; nil: unknown.
	Free func() (bytes uint64, known bool)
	// Reserve is what recordings leave free of that disk, so that the database
	// and the spool go on. Default 256 MiB.
	Reserve   uint64
	Retention omni.Retention // of recordings
	Anchor    time.Duration  // how long a room waits for a lost agent; default 60s
	Rejoin    time.Duration  // within which a caller lost in an outage gets the old place; default 5min
	// PresenceGrace is how long an agent without connection keeps the presence. Default 30s.
	PresenceGrace time.Duration
	// EmergencyPrompt is a sound file for callers while the database is away;
	// empty: they are refused with 503.
	EmergencyPrompt string
	// HideSupervision keeps from agents that a supervisor listens.
	HideSupervision bool
	// MayHear tells whether somebody may listen to a call that is in the hands of
	// an agent (empty: of none), who took it from a queue or for whom it waits
	// there (empty: of none). It is asked when they begin, when the call changes
	// hands and when administered records change. nil: nobody may.
	MayHear func(ctx context.Context, by account.Actor, agentID, queueID string) (bool, error)
	Seed    uint64     // of the strategy random
	Flows   ivr.Config // what flows may do
	Now     func() time.Time
}

func (c Config) withDefaults() Config {
	c.Language = cmp.Or(c.Language, "zh-CN")
	c.Country = cmp.Or(c.Country, "CN")
	c.Anchor = cmp.Or(c.Anchor, 60*time.Second)
	c.Reserve = cmp.Or(c.Reserve, 256<<20)
	c.Rejoin = cmp.Or(c.Rejoin, 5*time.Minute)
	c.PresenceGrace = cmp.Or(c.PresenceGrace, 30*time.Second)
	c.NodeLimit = cmp.Or(c.NodeLimit, nodeSilence)
	if c.Now == nil {
		c.Now = func() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
	}
	return c
}

// Center runs every conversation of this process.
type Center struct {
	cfg     Config
	store   Store
	calls   *call.Control
	lines   Lines
	speaker *speak.Speaker
	runner  *ivr.Runner
	floor   *floor
	log     *slog.Logger
	now     func() time.Time
	work    sync.WaitGroup // goroutines of conversations
	records atomic.Pointer[installation]
	disk    diskWatch
	left    *leftovers
	fleet   fleet
	mail    *mail  // nil without a bus
	life    string // of this process among those of the node
	intakes intakes
	term    atomic.Pointer[Term] // the newest in which this node takes part
	compare chan struct{}        // holds one: conversations may be out of step with the router
	// reloading makes those take turns who read the records again.
	reloading sync.Mutex

	simulations simulations

	ctx      context.Context // of Run
	started  chan struct{}
	draining atomic.Bool

	mu            sync.Mutex
	conversations map[string]*conversation
	desks         map[string]*desk
	phones        map[string]*phoneCall

	watchers watchers
}

// New makes a center; Run starts it. calls must not take calls before Ready.
func New(cfg Config, store Store, calls *call.Control, lines Lines, speaker *speak.Speaker, log *slog.Logger) *Center {
	c := &Center{
		cfg: cfg.withDefaults(), store: store, calls: calls, lines: lines, speaker: speaker, log: log,
		started:       make(chan struct{}),
		life:          id.New("nl"),
		compare:       make(chan struct{}, 1),
		left:          newLeftovers(),
		conversations: map[string]*conversation{},
		desks:         map[string]*desk{},
		phones:        map[string]*phoneCall{},
	}
	c.now = c.cfg.Now
	flows := c.cfg.Flows
	flows.Calendar, flows.Flow, flows.Log, flows.Now = c.calendar, c.flow, log, c.now
	c.runner = ivr.NewRunner(flows)
	var send func(context.Context, Term, []ask) ([]error, error)
	if c.cfg.Bus != nil {
		c.mail = newMail(c.cfg.NodeID, c.postBag, c.fleet.lives, log)
		send = c.sendInputs
	}
	c.floor = newFloor(floorConfig{
		node: c.cfg.NodeID, router: agent.RouterConfig{Seed: c.cfg.Seed, PresenceGrace: c.cfg.PresenceGrace},
		office: store, write: store.Route, deliver: c.deliver, begin: c.beginTerm, send: send, contested: c.fleet.others, now: c.now, log: log,
	})
	c.records.Store(&installation{home: c.cfg.Country})
	return c
}

// setup is what is administered now.
func (c *Center) setup() *installation { return c.records.Load() }

// Ready is closed when calls may come: what the last process left is closed, and
// this node routes or knows who does.
func (c *Center) Ready() <-chan struct{} { return c.started }

// Run closes what a former process of this node left, takes its part in routing,
// and serves until ctx ends; it then ends the conversations and waits for them.
func (c *Center) Run(ctx context.Context) error {
	c.ctx = ctx
	if err := c.reload(ctx); err != nil {
		return err
	}
	if _, err := c.store.Beat(ctx, c.cfg.NodeID, true); err != nil {
		return err
	}
	if c.mail != nil {
		defer c.mail.close()
		c.listen()
	}
	floorCtx, stopFloor := context.WithCancelCause(context.WithoutCancel(ctx))
	floorDone := make(chan error, 1)
	go func() { floorDone <- c.floor.run(floorCtx) }()
	select {
	case <-c.floor.settled:
	case err := <-floorDone:
		stopFloor(err)
		return err
	case <-ctx.Done():
		stopFloor(context.Cause(ctx))
		<-floorDone
		return context.Cause(ctx)
	}
	c.calls.OnInbound(c.inbound)
	c.work.Go(func() { c.watchDisk(ctx) })
	c.work.Go(func() { c.keepInStep(ctx) })
	c.work.Go(func() { c.completeLeftovers(ctx) })
	if c.cfg.Shared {
		if _, err := c.lookAround(ctx); err != nil {
			c.log.Warn("no look at the other nodes", "err", err)
		}
		c.work.Go(func() { c.watchNodes(ctx) })
	}
	close(c.started)
	<-ctx.Done()
	c.draining.Store(true)
	c.work.Wait()
	stopFloor(context.Cause(ctx))
	<-floorDone
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), beatWithin)
	defer cancel()
	if err := c.store.StopNode(last, c.cfg.NodeID); err != nil {
		c.log.Warn("end of the node not noted", "err", err)
	}
	return context.Cause(ctx)
}

// Draining tells whether new calls are refused.
func (c *Center) Draining() bool { return c.draining.Load() }

// Drain refuses new calls from now on.
func (c *Center) Drain() { c.draining.Store(true) }

// Live is the number of conversations that are not over.
func (c *Center) Live() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conversations)
}

// reload reads the administered records and hands lines and devices on.
func (c *Center) reload(ctx context.Context) error {
	in, err := loadInstallation(ctx, c.store, c.cfg.Country)
	if in == nil {
		return err
	}
	if err != nil {
		c.log.Error("some flows cannot be used", "err", err)
	}
	c.records.Store(in)
	c.prepare(in)
	c.calls.SetLineSounds(in.sounds())
	if err := c.lines.SetLines(in.lines()); err != nil {
		c.log.Error("lines not set", "err", err)
	}
	if err := c.lines.SetDevices(in.devices()); err != nil {
		c.log.Error("devices not set", "err", err)
	}
	return nil
}

// prepare makes the prompts of flows and the system's own in the background, so
// that no caller waits for them.
func (c *Center) prepare(in *installation) {
	var prompts []ivr.Prompt
	languages := map[string]bool{c.cfg.Language: true}
	for _, f := range in.flows {
		prompts = append(prompts, f.Prompts()...)
		for _, l := range f.Languages {
			languages[l] = true
		}
	}
	for l := range languages {
		prompts = append(prompts, ivr.SystemPrompts(l)...)
	}
	c.work.Go(func() {
		if failed := c.speaker.Prepare(c.ctx, prompts, media.Rate8k); failed > 0 && c.ctx.Err() == nil {
			c.log.Warn("some prompts cannot be made: hotline doctor tells what is missing", "prompts", failed)
		}
	})
}

// beginTerm readies this node for a term. In its own it closes what would keep
// agents busy for nothing and reads what the router is rebuilt from; in every
// term the leader is told who can be reached here.
func (c *Center) beginTerm(ctx context.Context, t Term) (agent.State, []input, error) {
	ours := t.Node == c.cfg.NodeID
	first, err := c.closeOwn(ctx, ours)
	if err != nil {
		return agent.State{}, nil, err
	}
	first = append(first, c.reachable()...)
	c.fleet.current(t.Epoch)
	c.term.Store(&t)
	select {
	case <-c.started:
		c.outOfStep()
	default: // nothing is live yet
	}
	if !ours {
		return agent.State{}, first, nil
	}
	state, err := c.store.RoutingState(ctx)
	if err != nil {
		return state, nil, fmt.Errorf("routing state: %w", err)
	}
	in := c.setup()
	state.Agents, state.Queues = nil, nil
	for _, a := range in.Agents {
		if a.Enabled {
			state.Agents = append(state.Agents, a.Routing())
		}
	}
	for _, q := range in.Queues {
		if q.Enabled {
			state.Queues = append(state.Queues, q.Routing())
		}
	}
	for i := range state.Presences {
		state.Presences[i].Connected = false
	}
	return state, first, nil
}

// reachable tells who can be reached through this node: at an open page, or at a
// registered desk phone.
func (c *Center) reachable() []input {
	var up []input
	for _, a := range c.setup().Agents {
		if a.Enabled && (a.DeviceID == "" && !c.desk(a.ID).empty() || a.DeviceID != "" && c.lines.Registered(a.DeviceID)) {
			up = append(up, func(at agent.At) agent.Input { return agent.DeviceUp{At: at, AgentID: a.ID} })
		}
	}
	return up
}

// SetupChanged implements httpapi.Desk.
func (c *Center) SetupChanged(ctx context.Context, kind account.Kind, _ []string) {
	if err := c.resetup(ctx); err != nil {
		c.log.Error("records not reloaded", "kind", kind, "err", err)
	}
	c.askAllRights(ctx)
}

// resetup reads the administered records again and tells the router what it must
// know of them.
func (c *Center) resetup(ctx context.Context) error {
	c.reloading.Lock()
	defer c.reloading.Unlock()
	before := c.setup()
	if err := c.reload(ctx); err != nil {
		return err
	}
	after := c.setup()
	c.syncAgents(before, after)
	c.syncQueues(before, after)
	return nil
}

func (c *Center) syncAgents(before, after *installation) {
	for id, a := range after.agents {
		if !a.Enabled || before.agents[id].Version == a.Version {
			continue
		}
		routed := a.Routing()
		c.tell(func(at agent.At) agent.Input { return agent.PutAgent{At: at, Agent: routed} })
		if up := a.DeviceID == "" && !c.desk(id).empty() || a.DeviceID != "" && c.lines.Registered(a.DeviceID); up {
			c.tell(func(at agent.At) agent.Input { return agent.DeviceUp{At: at, AgentID: id} })
		}
	}
	for id, a := range before.agents {
		if now, ok := after.agents[id]; a.Enabled && (!ok || !now.Enabled) {
			c.tell(func(at agent.At) agent.Input { return agent.RemoveAgent{At: at, AgentID: id} })
		}
	}
}

func (c *Center) syncQueues(before, after *installation) {
	for _, q := range after.queues {
		if q.Enabled && before.queues[q.ID].Version != q.Version {
			routed := q.Routing()
			c.tell(func(at agent.At) agent.Input { return agent.PutQueue{At: at, Queue: routed} })
		}
	}
	for id, q := range before.queues {
		if now, ok := after.queues[id]; q.Enabled && (!ok || !now.Enabled) {
			c.tell(func(at agent.At) agent.Input { return agent.RemoveQueue{At: at, QueueID: id} })
		}
	}
}

// Registration follows a desk phone that came online or went offline.
func (c *Center) Registration(deviceID string, online bool) {
	a, ok := c.setup().owner(deviceID)
	if !ok {
		return
	}
	c.tell(func(at agent.At) agent.Input {
		if online {
			return agent.DeviceUp{At: at, AgentID: a.ID}
		}
		return agent.DeviceDown{At: at, AgentID: a.ID}
	})
}

func (c *Center) tell(in input) {
	if err := c.floor.tell(in); err != nil {
		c.log.Error("router not told", "err", err)
	}
}

func (c *Center) find(conversationID string) *conversation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conversations[conversationID]
}

func (c *Center) forget(v *conversation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conversations, v.id)
}

// each runs f for every live conversation.
func (c *Center) each(f func(*conversation)) {
	c.mu.Lock()
	all := make([]*conversation, 0, len(c.conversations))
	for _, v := range c.conversations {
		all = append(all, v)
	}
	c.mu.Unlock()
	for _, v := range all {
		f(v)
	}
}

func (c *Center) desk(agentID string) *desk {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.desks[agentID]
	if d == nil {
		d = &desk{agentID: agentID, legs: map[string]browserAudio{}}
		c.desks[agentID] = d
	}
	return d
}

// inbound takes a call of a line or a desk phone.
func (c *Center) inbound(leg *call.Leg) {
	info := leg.Info()
	if c.draining.Load() {
		_ = leg.Reject(503, "Service Unavailable")
		return
	}
	n, ok := c.setup().number(info.Dialled, info.LineID)
	if !ok {
		c.log.Info("number not found", "dialled", phone.Tail(info.Dialled), "line", info.LineID, "leg", info.ID)
		_ = leg.Reject(404, "Not Found")
		return
	}
	c.begin(leg, n, nil)
}

// begin starts the conversation of a customer's leg. typed may bring keys that
// do not come in the leg's audio.
func (c *Center) begin(leg *call.Leg, n numberRef, typed <-chan byte) {
	v := &conversation{
		center: c, id: id.New(id.Conversation), number: n, leg: leg, typed: typed,
		ops: make(chan func(), mailbox), done: make(chan struct{}), waits: make(chan waitEvent, 32), sides: map[string]*side{},
		supervisors: map[string]*supervisor{}, outsiders: map[string]*outsider{},
	}
	v.log = c.log.With("conversation", v.id)
	c.mu.Lock()
	c.conversations[v.id] = v
	c.mu.Unlock()
	c.work.Go(func() { v.run(c.ctx) })
}

// normalise gives a caller's number as identities keep it; empty for what is no
// number, such as a browser or the name of a desk phone.
func (c *Center) normalise(number, lineID string) string {
	n, err := phone.Normalise(number, c.setup().country(lineID))
	if err != nil || n.Kind == phone.Withheld || n.Kind == phone.Address {
		return ""
	}
	return n.String()
}

// humanQueue is where key 0 leads when a flow names nothing: the first queue
// that people see.
func (c *Center) humanQueue() string {
	for _, q := range c.setup().Queues {
		if q.Enabled {
			return q.ID
		}
	}
	return ""
}

// deskError translates errors of the router into those of the API.
func deskError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, agent.ErrUnknownOffer), errors.Is(err, agent.ErrUnknownAgent), errors.Is(err, ErrEnded):
		return fmt.Errorf("%w: %w", account.ErrNotFound, err)
	case errors.Is(err, agent.ErrTransition), errors.Is(err, agent.ErrNoWork), errors.Is(err, agent.ErrExtensions),
		errors.Is(err, agent.ErrCapacity), errors.Is(err, agent.ErrBadInput), errors.Is(err, omni.ErrMove), errors.Is(err, call.ErrState), errors.Is(err, call.ErrFull):
		return fmt.Errorf("%w: %w", account.ErrState, err)
	case errors.Is(err, ErrAway), errors.Is(err, ErrNoLeader), errors.Is(err, ErrNotLeader):
		return fmt.Errorf("%w: %w", account.ErrAway, err)
	}
	return err
}
