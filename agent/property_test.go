package agent

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

var (
	propertyEvents = flag.Int("events", 1_050_000, "random events of the property test")
	propertySeed   = flag.Uint64("seed", 0, "seed of the property test; 0: a new one each run")
)

// world drives one router with random events and watches it with a model that
// is fed by the outputs alone.
type world struct {
	t      testing.TB
	rng    *rand.Rand
	r, two *Router // two: the same inputs once more, nil when not wanted
	now    time.Time
	late   time.Duration // how late the last tick was
	events int

	queues   []Queue
	agents   []Agent
	nextID   int
	entries  map[string]*seen // by conversation
	convs    []string         // keys of entries, for drawing
	offers   map[string]Offer // pending
	offerID  []string
	works    map[string]Work // live, by id
	workID   []string
	counts   map[string]int
	presence map[string]Presence
	rows     *rows          // a store for rebuilding; nil when not wanted
	reserved map[string]int // scratch of checkLight
}

// seen is what the model knows of an entry.
type seen struct {
	row      QueueEntry
	entered  time.Time
	queuedAt time.Time
	offers   int // pending
}

var skillNames = []string{"sales", "tech", "en", "ja", "vip"}

func newWorld(t testing.TB, seed uint64, strategies []Strategy, twice bool) *world {
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 7)), now: day, entries: map[string]*seen{},
		offers: map[string]Offer{}, works: map[string]Work{}, counts: map[string]int{},
		reserved: map[string]int{}, presence: map[string]Presence{},
	}
	cfg := RouterConfig{Seed: seed, Epoch: 3, RingAllLimit: 6}
	w.r = NewRouter(cfg)
	if twice {
		w.two = NewRouter(cfg)
	}
	for i, s := range strategies {
		q := w.randomQueue(fmt.Sprintf("qu_%d", i), s)
		w.queues = append(w.queues, q)
		w.apply(PutQueue{At(w.now), q})
	}
	for i := range 16 {
		a := w.randomAgent(fmt.Sprintf("ag_%02d", i))
		w.agents = append(w.agents, a)
		w.apply(PutAgent{At(w.now), a})
		w.apply(DeviceUp{At(w.now), a.ID})
		w.apply(SetPresence{At: At(w.now), AgentID: a.ID, State: Available, By: ByAgent})
	}
	return w
}

func pickOne[T any](rng *rand.Rand, s []T) T { return s[rng.IntN(len(s))] }

func (w *world) randomQueue(id string, s Strategy) Queue {
	rng := w.rng
	q := DefaultQueue(id, id)
	q.Strategy = s
	q.RingTimeout = Seconds(5 + rng.IntN(20))
	q.MaxNoAnswer = rng.IntN(4)
	q.WrapUpTime = Seconds(rng.IntN(3) * 10)
	q.MaxWait = Seconds(60 + rng.IntN(300))
	q.MaxLength = rng.IntN(2) * 15
	q.JoinEmpty = pickOne(rng, []EmptyRule{EmptyYes, EmptyYes, EmptyNo, EmptyStrict})
	q.LeaveEmpty = pickOne(rng, []EmptyRule{EmptyNo, EmptyNo, EmptyYes, EmptyStrict})
	q.Priority = rng.IntN(3) * 20
	q.Ageing = rng.IntN(3)
	q.StickyAgent = Seconds(rng.IntN(2) * 20)
	q.Announce.Repeat = Seconds(20 + rng.IntN(60))
	q.Callback.OfferAfter = Seconds(rng.IntN(2) * 45)
	if rng.IntN(2) == 0 {
		q.Skills = []SkillNeed{{pickOne(rng, skillNames), 1 + rng.IntN(3)}}
	}
	if rng.IntN(3) > 0 {
		q.Relaxation = []RelaxStep{{After: 10, Level: 2}, {After: 25, Level: 1}, {After: 60, Level: 0}}[:1+rng.IntN(3)]
	}
	q.Order = []string{"ag_03", "ag_01", "ag_07"}
	return q
}

func (w *world) randomAgent(id string) Agent {
	rng := w.rng
	a := Agent{ID: id, Skills: map[string]int{}}
	for _, s := range skillNames {
		if l := rng.IntN(7); l > 0 && l <= 5 {
			a.Skills[s] = l
		}
	}
	for _, q := range w.queues {
		if rng.IntN(3) > 0 {
			a.Queues = append(a.Queues, q.ID)
		}
	}
	if rng.IntN(3) == 0 {
		a.Capacity = Capacity{Voice: 1, Chat: 1 + rng.IntN(4), Mixed: rng.IntN(2) == 0}
	}
	return a
}

// apply gives an input to the router and its outputs to the model.
func (w *world) apply(in Input) []Output {
	w.events++
	w.counts[reflect.TypeOf(in).Name()]++
	w.late = 0
	if at, ok := w.r.NextDeadline(); ok && at.Before(w.now) {
		w.late = w.now.Sub(at)
	}
	outs := w.r.Apply(in)
	if w.two != nil {
		if again := w.two.Apply(in); !reflect.DeepEqual(outs, again) {
			w.t.Fatalf("event %d %T: same inputs gave %+v and then %+v", w.events, in, outs, again)
		}
	}
	if w.rows != nil {
		w.rows.commit(outs)
	}
	for _, o := range outs {
		w.see(in, o)
	}
	return outs
}

func (w *world) fail(in Input, format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf("event %d %T %+v: %s", w.events, in, in, fmt.Sprintf(format, args...))
}

// see checks one output against the model and brings the model up to date.
func (w *world) see(in Input, o Output) {
	w.counts["> "+reflect.TypeOf(o).Name()]++
	switch o := o.(type) {
	case EntryQueued:
		w.seeQueued(in, o)
	case EntryEnded:
		w.dropEntry(o.Entry.ConversationID)
	case Overflowed:
		if len(o.Actions) == 0 || o.Reason == "" {
			w.fail(in, "overflow without action or reason: %+v", o)
		}
		w.dropEntry(o.Entry.ConversationID)
	case OfferCreated:
		w.seeOffer(in, o)
	case OfferEnded:
		if o.From == OfferPending {
			w.endOffer(in, o.Offer)
		}
		if err := MoveOffer(o.From, o.Offer.State); err != nil {
			w.fail(in, "%v", err)
		}
	case TakenOver:
		w.works[o.Work.ID] = o.Work
		w.workID = append(w.workID, o.Work.ID)
	case WorkStateChanged:
		w.seeWork(in, o)
	case PresenceChanged:
		w.presence[o.Presence.AgentID] = o.Presence
	}
}

func (w *world) seeQueued(in Input, o EntryQueued) {
	s := w.entries[o.Entry.ConversationID]
	if s == nil {
		s = &seen{entered: o.Entry.EnteredAt}
		w.entries[o.Entry.ConversationID] = s
		w.convs = append(w.convs, o.Entry.ConversationID)
	}
	if o.Requeued && !o.Entry.EnteredAt.Equal(s.entered) && !o.Entry.Top {
		w.fail(in, "age lost: %v, was %v", o.Entry.EnteredAt, s.entered)
	}
	if o.Position < 1 || o.Entry.Reason == "" {
		w.fail(in, "queued without position or reason: %+v", o)
	}
	s.row, s.entered, s.queuedAt = o.Entry, o.Entry.EnteredAt, w.now
}

func (w *world) dropEntry(conv string) {
	if w.entries[conv] == nil {
		return
	}
	delete(w.entries, conv)
	i := slices.Index(w.convs, conv)
	w.convs[i] = w.convs[len(w.convs)-1]
	w.convs = w.convs[:len(w.convs)-1]
}

func (w *world) seeOffer(in Input, o OfferCreated) {
	s := w.entries[o.Offer.ConversationID]
	if s == nil { // a direct offer that never waited
		s = &seen{entered: o.Entry.EnteredAt}
		w.entries[o.Offer.ConversationID] = s
		w.convs = append(w.convs, o.Offer.ConversationID)
	}
	if !o.Entry.EnteredAt.Equal(s.entered) {
		w.fail(in, "age lost with the offer: %v, was %v", o.Entry.EnteredAt, s.entered)
	}
	w.checkEligible(in, o)
	w.checkNoPassing(in, o)
	s.row = o.Entry
	s.offers++
	if s.offers > 1 && w.queue(o.Offer.QueueID).Strategy != RingAll {
		w.fail(in, "%d pending offers of %s", s.offers, o.Offer.ConversationID)
	}
	if x := o.Offer.Explanation; x == nil || len(x.Candidates) == 0 || x.AgentID != o.Offer.AgentID {
		w.fail(in, "offer without explanation: %+v", o.Offer)
	}
	w.offers[o.Offer.ID] = o.Offer
	w.offerID = append(w.offerID, o.Offer.ID)
	w.works[o.Work.ID] = o.Work
	w.workID = append(w.workID, o.Work.ID)
	w.checkCapacity(in, o.Offer.AgentID)
}

func (w *world) endOffer(in Input, o Offer) {
	if _, ok := w.offers[o.ID]; !ok {
		w.fail(in, "offer %s ended twice", o.ID)
	}
	delete(w.offers, o.ID)
	i := slices.Index(w.offerID, o.ID)
	w.offerID = slices.Delete(w.offerID, i, i+1)
	if s := w.entries[o.ConversationID]; s != nil {
		s.offers--
	}
}

func (w *world) seeWork(in Input, o WorkStateChanged) {
	if o.From != o.Work.State {
		if err := MoveWork(o.From, o.Work.State); err != nil {
			w.fail(in, "%v", err)
		}
	}
	was, ok := w.works[o.Work.ID]
	if !ok || was.State != o.From {
		w.fail(in, "work %s was %s, output says from %s", o.Work.ID, was.State, o.From)
	}
	if o.Work.State == Idle {
		delete(w.works, o.Work.ID)
		i := slices.Index(w.workID, o.Work.ID)
		w.workID = slices.Delete(w.workID, i, i+1)
		return
	}
	w.works[o.Work.ID] = o.Work
	w.checkCapacity(in, o.Work.AgentID)
}

func (w *world) queue(id string) Queue {
	for _, q := range w.queues {
		if q.ID == id {
			return q
		}
	}
	return DefaultQueue("", "")
}

func (w *world) agent(id string) Agent {
	for _, a := range w.agents {
		if a.ID == id {
			return a
		}
	}
	return Agent{}
}

// fits is the slow reference for skills and relaxation.
func fits(a Agent, q Queue, needs []SkillNeed, age time.Duration) bool {
	for _, n := range slices.Concat(q.Skills, needs) {
		level := n.Level
		for _, s := range q.Relaxation {
			if age >= s.After.Duration() && (s.Skill == "" || s.Skill == n.Skill) {
				level = min(level, s.Level)
			}
		}
		if a.Skills[n.Skill] < level {
			return false
		}
	}
	return true
}

// checkEligible checks an offer's agent by the rows alone.
func (w *world) checkEligible(in Input, o OfferCreated) {
	p, ok := w.presence[o.Offer.AgentID]
	a, q := w.agent(o.Offer.AgentID), w.queue(o.Offer.QueueID)
	switch {
	case !ok || p.State != Available || !p.Connected || p.NotResponding || p.Next != "" && p.Next != Available:
		w.fail(in, "offer to an agent who is %+v", p)
	case o.Offer.Direct:
	case !slices.Contains(a.Queues, o.Offer.QueueID):
		w.fail(in, "offer to %s, who is not in %s", a.ID, o.Offer.QueueID)
	case !fits(a, q, o.Entry.Skills, w.now.Sub(o.Entry.EnteredAt)):
		w.fail(in, "offer to %s, whose skills %v do not fit %v %v after %v", a.ID, a.Skills, q.Skills, o.Entry.Skills, w.now.Sub(o.Entry.EnteredAt))
	}
}

// checkNoPassing: nobody older of the same queue, priority and skills waits
// whom this agent could have taken, except sticky or just-missed ones.
func (w *world) checkNoPassing(in Input, o OfferCreated) {
	x := o.Offer.Explanation
	if o.Offer.Direct || o.Entry.Top || x.Rule == RuleSticky {
		return
	}
	q := w.queue(o.Offer.QueueID)
	for _, conv := range w.convs {
		s := w.entries[conv]
		if s.offers > 0 || s.row.State != EntryWaiting || s.row.QueueID != o.Offer.QueueID || s.row.DirectAgent != "" ||
			s.row.Priority != o.Entry.Priority || s.row.Channel != o.Entry.Channel || conv == o.Offer.ConversationID ||
			s.entered.UnixMilli() >= o.Entry.EnteredAt.UnixMilli() {
			continue
		}
		if !slices.Equal(mergeNeeds(nil, nil, s.row.Skills), mergeNeeds(nil, nil, o.Entry.Skills)) {
			continue
		}
		sticky := s.row.PreferredAgent != "" && w.now.Sub(s.entered) <= q.StickyAgent.Duration()+w.late
		missed := slices.Contains(s.row.Missed, o.Offer.AgentID) && w.now.Sub(s.queuedAt) <= 10*time.Second+w.late
		asks := s.row.ConsultBy == o.Offer.AgentID // nobody consults themselves
		if !sticky && !missed && !asks && !w.draining(q) {
			w.fail(in, "%s (entered %v) is passed over by %s for %s (entered %v); %+v", conv, s.entered, o.Offer.AgentID, o.Offer.ConversationID, o.Entry.EnteredAt, s.row)
		}
	}
}

func (w *world) draining(q Queue) bool {
	qs := w.r.queues[q.ID]
	return qs == nil || qs.draining != ""
}

// checkCapacity checks one agent's live works against their capacity.
func (w *world) checkCapacity(in Input, agentID string) {
	voice, chat := 0, 0
	for _, id := range w.workID {
		switch k := w.works[id]; {
		case k.AgentID != agentID || k.Parked:
		case k.Channel == Voice:
			voice++
		default:
			chat++
		}
	}
	c := w.agent(agentID).Capacity
	if voice > c.Units(Voice) || chat > max(c.Units(Chat), DefaultChatUnits) || !c.Mixed && voice > 0 && chat > 0 {
		w.fail(in, "capacity of %s exceeded: %d voice, %d chat, %+v", agentID, voice, chat, c)
	}
}
