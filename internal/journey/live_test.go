package journey

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/ivr/speak"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/omni"
)

// faults keeps what is logged as an error: whatever the tables say cannot happen.
type faults struct {
	slog.Handler
	mu   sync.Mutex
	list []string
}

func (f *faults) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (f *faults) WithAttrs([]slog.Attr) slog.Handler           { return f }
func (f *faults) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool { fmt.Fprintf(&b, " %s=%v", a.Key, a.Value); return true })
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, b.String())
	return nil
}

// take gives the faults so far.
func (f *faults) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.list
	f.list = nil
	return list
}

// liveFlows are the flows of a liveCall.
var liveFlows = map[string]string{
	"fl_main": "nodes:\n  start: {type: queue, queue: qu_1}\n",
	"fl_card": "nodes:\n  start: {type: ask, text: {en: Card}, digits: 4, sensitive: true, timeout: 60s, save: card, next: done}\n  done: {type: end}\n",
	"fl_next": "nodes:\n  start: {type: ask, text: {en: Key}, digits: 1, timeout: 60s, save: key, next: q}\n  q: {type: queue, queue: qu_1}\n",
}

// liveCall is a call with its goroutine, its room and the router, whose legs are
// quiet; time is fake. Agents are called ann, bob and cho.
type liveCall struct {
	t      *testing.T
	c      *Center
	v      *conversation
	calls  *call.Control
	typed  chan byte
	legs   map[string]*call.Leg // agents' last ones
	faults *faults
	kept   *liveDepot
	over   chan struct{}
}

// liveDepot is a depot that keeps the segments of a call, too.
type liveDepot struct {
	*depot
	segments map[string]omni.Segment // of the call's goroutine
}

func (b *liveDepot) Keep(ctx context.Context, w Write) error {
	for _, s := range w.Omni.Segments {
		b.segments[s.ID] = s
	}
	return b.Commit(ctx, w)
}

// live begins a call that waits in its queue; call it in a bubble of synctest.
func live(t *testing.T) *liveCall {
	t.Helper()
	l := &liveCall{t: t, typed: make(chan byte, 64), legs: map[string]*call.Leg{}, faults: &faults{},
		kept: &liveDepot{newDepot(), map[string]omni.Segment{}}, over: make(chan struct{})}
	log := slog.New(l.faults)
	engine := media.NewEngine(media.EngineConfig{Shards: 1})
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan struct{})
	go func() { defer close(ran); _ = engine.Run(ctx) }()
	l.calls = call.New(call.Config{}, nil, engine, nil, log)
	l.c = newNode("nd_a", l.kept.depot, newHub())
	l.c.store = l.kept
	l.c.log, l.c.calls, l.c.speaker = log, l.calls, speak.New(speak.Config{Log: slog.New(slog.DiscardHandler)})
	l.c.cfg.Recordings = t.TempDir()
	l.c.records.Store(liveRecords(t))
	down := l.c.up(t)
	t.Cleanup(func() {
		l.customer().Hangup(call.CustomerDisconnect)
		down()
		l.calls.Close()
		stop()
		<-ran
	})
	leg, err := l.calls.NewQuietLeg(call.Info{ID: "lg_customer", Kind: call.Browser, Party: call.Customer, Codec: "PCMA"})
	if err != nil {
		t.Fatal(err)
	}
	v := l.c.carry("cv_1")
	v.ctx, v.leg, v.typed, v.inQueue = l.c.ctx, leg, l.typed, false
	v.log = log
	v.waits, v.supervisors, v.outsiders = make(chan waitEvent, 32), map[string]*supervisor{}, map[string]*outsider{}
	v.book.conv.State, v.book.conv.Language = omni.Initiated, "en"
	l.v = v
	if err := v.pickUp(); err != nil {
		t.Fatal(err)
	}
	v.enter("fl_main")()
	l.c.work.Go(v.listen)
	l.c.work.Go(l.run)
	time.Sleep(2 * time.Second)
	return l
}

// liveRecords are three agents, of whom bob speaks no Japanese, a queue and the
// flows.
func liveRecords(t *testing.T) *installation {
	t.Helper()
	in := &installation{agents: map[string]setup.Agent{}, queues: map[string]setup.Queue{}, flows: map[string]*ivr.Flow{}, version: map[string]int{}}
	q := setup.NewQueue()
	q.ID, q.Name, q.Enabled, q.JoinEmpty, q.LeaveEmpty = "qu_1", "Sales", true, agent.EmptyYes, agent.EmptyNo
	in.Queues, in.queues[q.ID] = []setup.Queue{q}, q
	for _, who := range []string{"ann", "bob", "cho"} {
		a := setup.NewAgent()
		a.ID, a.Name, a.Queues, a.Enabled = "ag_"+who, who, []string{q.ID}, true
		if who != "bob" {
			a.Skills = map[string]int{"ja": 3}
		}
		in.Agents, in.agents[a.ID] = append(in.Agents, a), a
	}
	for flowID, nodes := range liveFlows {
		flow, problems := ivr.Parse([]byte("flow: " + flowID + "\nlanguages: [en]\nstart: start\n" + nodes))
		if flow == nil {
			t.Fatal(flowID, problems)
		}
		in.flows[flowID], in.version[flowID] = flow, 1
		in.Flows = append(in.Flows, setup.Flow{Meta: setup.Meta{ID: flowID}, Name: flowID, Published: 1})
	}
	return in
}

// run is the conversation's goroutine from the begun call on.
func (l *liveCall) run() {
	defer close(l.over)
	defer close(l.v.done)
	l.v.carryOn(l.c.ctx)
}

func (l *liveCall) customer() *call.Leg { return l.v.leg }

// in runs f in the conversation's goroutine, or here once it is over.
func (l *liveCall) in(f func()) {
	done := make(chan struct{})
	if l.v.post(func() { f(); close(done) }) {
		select {
		case <-done:
			return
		case <-l.over:
		}
	}
	<-l.over
	f()
}

// comes has an agent at work.
func (l *liveCall) comes(who string) {
	l.t.Helper()
	for _, in := range []input{
		func(at agent.At) agent.Input { return agent.DeviceUp{At: at, AgentID: "ag_" + who} },
		func(at agent.At) agent.Input {
			return agent.SetPresence{At: at, AgentID: "ag_" + who, State: agent.Available, By: agent.ByAgent}
		},
	} {
		if _, err := l.c.floor.do(l.t.Context(), in); err != nil {
			l.t.Fatal(err)
		}
	}
	time.Sleep(time.Second)
}

// accepts has an agent take what rings, if anything does.
func (l *liveCall) accepts(who string) bool {
	l.t.Helper()
	offerID := ""
	l.in(func() {
		if s := l.v.sideOf("ag_" + who); s != nil && s.state == ringing {
			offerID = s.offer.ID
		}
	})
	if offerID == "" || l.c.AcceptOffer(l.t.Context(), "ag_"+who, offerID) != nil {
		return false
	}
	l.sounds(who)
	return true
}

// sounds opens an agent's audio, again where there was some.
func (l *liveCall) sounds(who string) {
	l.t.Helper()
	leg, err := l.calls.NewQuietLeg(call.Info{ID: fmt.Sprint("lg_", who, len(l.legs), time.Now().UnixNano()), Kind: call.Browser, Party: call.Agent, Codec: "PCMA"})
	if err != nil {
		l.t.Fatal(err)
	}
	l.legs[who] = leg
	l.in(func() {
		if err := l.v.browserLeg("ag_"+who, leg); err != nil {
			leg.Hangup(call.AgentLost)
		}
	})
	select {
	case <-l.over:
		leg.Hangup(call.AgentLost)
	default:
	}
	time.Sleep(time.Second)
}

// does is what an agent does.
func (l *liveCall) does(who, what, target string) error {
	a := action{Do: what, ConversationID: l.v.id, AgentID: "ag_" + who, Kind: target, Target: target}
	if what == actConsult {
		a.Kind = "agent"
	}
	return l.c.act(l.t.Context(), a)
}

// types presses keys.
func (l *liveCall) types(keys string) {
	for i := range len(keys) {
		select {
		case l.typed <- keys[i]:
		default:
		}
	}
	time.Sleep(500 * time.Millisecond)
}

// state is where the call stands: the conversation's state, who leads, and who
// hears what.
func (l *liveCall) state() (s string) {
	s = "over"
	l.in(func() {
		if l.v.gone {
			return
		}
		p := l.v.parties()
		s = string(l.v.book.conv.State) + " lead=" + strings.TrimPrefix(p.LeadID, "ag_")
		for _, m := range p.Parties {
			s += " " + strings.TrimPrefix(m.ID, "ag_") + "=" + m.State
		}
	})
	return s
}

func (l *liveCall) want(when, want string) {
	l.t.Helper()
	if got := l.state(); got != want {
		l.t.Errorf("%s: %s, want %s", when, got, want)
	}
}

// segments lists the segments of some kinds in the order of their beginning.
func (l *liveCall) segments(kinds ...omni.SegmentKind) string {
	var list []omni.Segment
	l.in(func() {
		for _, s := range l.kept.segments {
			if slices.Contains(kinds, s.Kind) {
				list = append(list, s)
			}
		}
	})
	slices.SortFunc(list, func(a, b omni.Segment) int { return compareTimes(a.StartedAt, b.StartedAt, a.ID, b.ID) })
	var all []string
	for _, s := range list {
		all = append(all, strings.TrimSuffix(fmt.Sprintf("%s %s", s.Kind, s.EndReason), " "))
	}
	return strings.Join(all, ", ")
}

// events are those so far.
func (l *liveCall) events() (list []omni.Event) {
	l.in(func() {
		l.kept.mu.Lock()
		defer l.kept.mu.Unlock()
		list = slices.Clone(l.kept.events)
	})
	return list
}

// count counts events of a type.
func (l *liveCall) count(typ string) (n int) {
	for _, e := range l.events() {
		if e.Type == typ {
			n++
		}
	}
	return n
}

// ends hangs the customer up and checks that nothing is left of the call.
func (l *liveCall) ends() {
	l.t.Helper()
	l.customer().Hangup(call.CustomerDisconnect)
	time.Sleep(2 * time.Minute) // wrap-ups run out
	l.in(func() {
		for _, s := range l.v.book.open {
			l.t.Errorf("segment %s of %s goes on", s.Kind, s.AgentID)
		}
	})
	if legs, calls := l.calls.Legs(), l.calls.Calls(); legs+calls > 0 {
		l.t.Errorf("%d legs and %d calls are left", legs, calls)
	}
	select {
	case <-l.over:
	default:
		l.in(func() { l.t.Errorf("the conversation does not end: flow %v, sides %+v", l.v.flow != nil, l.v.sides) })
	}
	for _, f := range l.faults.take() {
		l.t.Error(f)
	}
}

// talks begins a call that ann has.
func talks(t *testing.T) *liveCall {
	t.Helper()
	l := live(t)
	l.comes("ann")
	if !l.accepts("ann") {
		t.Fatalf("ann has no offer: %s, %v", l.state(), l.faults.take())
	}
	l.want("talking", "connected lead=ann customer=talking ann=talking")
	return l
}

// inBubble runs a test of a live call in fake time.
func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
