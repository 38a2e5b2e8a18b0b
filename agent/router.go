package agent

import (
	"cmp"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"
)

// RouterConfig holds what the router is given once. The zero value works.
type RouterConfig struct {
	// Seed feeds the strategy random. Same seed and inputs, same outputs.
	Seed uint64
	// Epoch is the leader's lease epoch; it is part of the offers' ids.
	Epoch uint64
	// PresenceGrace is how long presence survives a lost connection. Defaults to 30s.
	PresenceGrace time.Duration
	// OfferGrace is how long a pending offer survives it. Defaults to 5s.
	OfferGrace time.Duration
	// ConnectTimeout is how long an accepted offer may take until the agent is
	// connected; then the agent counts as lost. Defaults to 15s.
	ConnectTimeout time.Duration
	// MissPause is how long an agent who just missed or rejected a conversation
	// is not offered it again while other agents could take it. Defaults to 10s.
	MissPause time.Duration
	// RejectPause is the same when there is nobody else, after a rejection.
	// Defaults to 3s.
	RejectPause time.Duration
	// RingAllLimit bounds the offers of one ring_all round. Defaults to 50.
	RingAllLimit int
	// MaxHops bounds overflows from queue to queue. Defaults to 4.
	MaxHops int
	// DefaultHandleTime stands in for the mean handle time of a queue that has
	// none yet. Defaults to 180s.
	DefaultHandleTime time.Duration
}

func (c RouterConfig) withDefaults() RouterConfig {
	c.PresenceGrace = cmp.Or(c.PresenceGrace, 30*time.Second)
	c.OfferGrace = cmp.Or(c.OfferGrace, 5*time.Second)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, 15*time.Second)
	c.MissPause = cmp.Or(c.MissPause, 10*time.Second)
	c.RejectPause = cmp.Or(c.RejectPause, 3*time.Second)
	c.RingAllLimit = cmp.Or(c.RingAllLimit, 50)
	c.MaxHops = cmp.Or(c.MaxHops, 4)
	c.DefaultHandleTime = cmp.Or(c.DefaultHandleTime, 180*time.Second)
	return c
}

// stepLimit bounds what becomes due in one step; the rest follows with the next
// Tick, which NextDeadline wants at once.
const stepLimit = 100

// Router decides who gets which conversation. It is not safe for concurrent
// use: one goroutine owns it.
type Router struct {
	cfg RouterConfig
	now time.Time // of the input
	ms  int64     // the same in ms since 1970; never goes back

	agents   map[string]*agentState
	people   []*agentState // in order of appearance, without the removed
	queues   map[string]*queueState
	direct   *queueState       // of offers to a named agent without a queue
	entries  map[string]*entry // by conversation
	offers   map[string]*offer // pending
	accepted map[string]*work  // accepted but not connected, by conversation
	drains   []*queueState     // to be given up
	hungry   []*agentState     // became ready in this step
	timers   timers
	rng      *rand.Rand
	seq      int64
	offerSeq uint64

	virtual   int64 // µs, see advance
	virtualMS int64
	busy      int
	present   int

	out   []Output
	quiet bool // while restoring
	needs []SkillNeed
	picks []*agentState
}

// NewRouter returns a router without agents, queues or conversations.
func NewRouter(cfg RouterConfig) *Router {
	cfg = cfg.withDefaults()
	r := &Router{
		cfg: cfg, agents: map[string]*agentState{}, queues: map[string]*queueState{},
		entries: map[string]*entry{}, offers: map[string]*offer{}, accepted: map[string]*work{},
		rng: rand.New(rand.NewPCG(cfg.Seed, 0x686f746c696e65)),
	}
	r.direct = r.newQueue(DefaultQueue("", ""))
	return r
}

// Apply takes one input and returns what follows from it, and from whatever
// was due by its time. The slice is the caller's.
func (r *Router) Apply(in Input) []Output {
	r.out = nil
	if t := in.when(); t.After(r.now) {
		r.now = t.UTC().Truncate(time.Microsecond)
		r.ms = max(r.ms, r.now.UnixMilli())
	}
	r.advance()
	if _, answer := in.(Accept); !answer { // who accepts at the last moment is not too late
		r.fire()
	}
	if err := r.handle(in); err != nil {
		r.emit(Refused{Input: in, Err: err})
	}
	r.fire()
	r.drain()
	for i := 0; i < len(r.hungry); i++ { // grows while others are freed
		if a := r.hungry[i]; a.hungry {
			r.feed(a)
		}
	}
	clear(r.hungry)
	r.hungry = r.hungry[:0]
	out := r.out
	r.out = nil
	return out
}

// fire lets happen what is due.
func (r *Router) fire() {
	for range stepLimit {
		t := r.timers.first()
		if t == nil || t.at > r.ms {
			return
		}
		switch o := t.owner.(type) {
		case *entry:
			r.entryDue(o)
		case *work:
			r.workDue(o)
		case *agentState:
			r.deviceDue(o)
		}
	}
}

// handle applies one input.
func (r *Router) handle(in Input) error {
	switch in := in.(type) {
	case Tick:
		return nil
	case Enqueue:
		return r.enqueue(in)
	case OfferTo:
		return r.offerTo(in)
	case Leave:
		return r.leave(in)
	case Alert:
		return r.alert(in)
	case Accept:
		return r.accept(in)
	case Reject:
		return r.reject(in)
	case Connect:
		return r.connect(in)
	case Hold:
		return r.shift(in.AgentID, in.ConversationID, OnHold)
	case Resume:
		return r.shift(in.AgentID, in.ConversationID, Connected)
	case Consult:
		return r.shift(in.AgentID, in.ConversationID, Consulting)
	case ConsultWith:
		return r.consultWith(in)
	case EndConsult:
		return r.endConsult(in)
	case JoinCall:
		return r.joinCall(in)
	case Park:
		return r.park(in)
	case EndWork:
		return r.finishTalk(in)
	case ExtendWrapUp:
		return r.extendWrapUp(in)
	case FinishWrapUp:
		return r.finishWrapUp(in)
	case TakeOver:
		return r.takeOver(in)
	case LoseAgent:
		return r.loseAgent(in)
	case Drop:
		return r.dropConversation(in)
	}
	return r.handleFloor(in)
}

// handleFloor applies the inputs about people and queues.
func (r *Router) handleFloor(in Input) error {
	switch in := in.(type) {
	case SetPresence:
		return r.setPresence(in)
	case SetNext:
		return r.setNext(in)
	case DeviceUp:
		return r.deviceUp(in)
	case DeviceDown:
		return r.deviceDown(in)
	case PutAgent:
		return r.putAgent(in)
	case RemoveAgent:
		return r.removeAgent(in)
	case PutQueue:
		return r.putQueue(in)
	case RemoveQueue:
		return r.removeQueue(in)
	case Restore:
		return r.restore(in)
	}
	return ErrBadInput
}

func (r *Router) emit(o Output) {
	if r.quiet {
		return
	}
	if r.out == nil {
		r.out = make([]Output, 0, 6)
	}
	r.out = append(r.out, o)
}

// NextDeadline returns when the next Tick is wanted at the latest.
func (r *Router) NextDeadline() (time.Time, bool) {
	if len(r.drains) > 0 {
		return r.now, true
	}
	t := r.timers.first()
	if t == nil {
		return time.Time{}, false
	}
	return time.UnixMilli(t.at).UTC(), true
}

// offerID makes the next offer's id: a ULID of the time, the leader's epoch and
// a counter, so that it needs no randomness and no two leaders share one.
func (r *Router) offerID() string {
	var u ulid.ULID
	_ = u.SetTime(uint64(max(0, r.ms))) // fits 48 bits until the year 10889
	binary.BigEndian.PutUint32(u[6:10], uint32(r.cfg.Epoch))
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], r.offerSeq)
	copy(u[10:], n[2:])
	return "of_" + u.String()
}
