package agent

import (
	"fmt"
	"slices"
)

// agentState is an agent at work.
type agentState struct {
	row     Agent
	p       Presence
	seq     int64
	removed bool
	members []*member
	seats   []seat
	works   []*work
	own     ordered[entry] // entries that wait for this agent alone
	flags   flags
	hungry  bool // became ready in this step, was not fed yet and so is in no ready list
	idleMS  int64

	nVoice, nChat int   // works that use capacity
	occupied      int64 // µs, balanced: see balance
	busySince     int64 // ms
	absentAt      int64 // virtual time when the agent was last present
	downMS        int64 // since when unreachable; 0: reachable
	timer         timer
}

// flags are what an agent's presence and work amount to.
type flags struct {
	loggedIn bool
	avail    bool // available and responding
	active   bool // avail, reachable and not leaving
	voice    bool // active with capacity for a call
	chat     bool // active with capacity for a text
	present  bool // available or busy
	busy     bool
}

func (f flags) readyFor(ch Channel) bool {
	if ch == Voice {
		return f.voice
	}
	return f.chat
}

// current computes the flags from presence, reachability and work.
func (a *agentState) current() flags {
	a.nVoice, a.nChat = 0, 0
	for _, w := range a.works {
		switch {
		case w.row.Parked:
		case w.row.Channel == Voice:
			a.nVoice++
		default:
			a.nChat++
		}
	}
	var f flags
	f.busy = a.nVoice+a.nChat > 0
	f.loggedIn = !a.removed && a.p.State != Offline
	f.avail = f.loggedIn && a.p.State == Available && !a.p.NotResponding
	f.active = f.avail && a.p.Connected && (a.p.Next == "" || a.p.Next == Available)
	f.present = !a.removed && a.p.State == Available || f.busy
	mixed := a.row.Capacity.Mixed
	f.voice = f.active && a.nVoice < a.row.Capacity.Units(Voice) && (mixed || a.nChat == 0)
	f.chat = f.active && a.nChat < a.row.Capacity.Units(Chat) && (mixed || a.nVoice == 0)
	return f
}

// advance moves the virtual time on: it grows by the share of the present
// agents who are occupied. An agent who was absent is set forward by what
// passed meanwhile, so that least_occupied neither floods who comes late nor
// forgets who worked more.
func (r *Router) advance() {
	if r.present > 0 {
		r.virtual += (r.ms - r.virtualMS) * 1000 * int64(r.busy) / int64(r.present)
	}
	r.virtualMS = r.ms
}

// balance keeps occupied time and the counts of the virtual time.
func (r *Router) balance(a *agentState, was, is flags) {
	if !was.present && is.present {
		a.occupied += r.virtual - a.absentAt
		r.present++
	}
	if !was.busy && is.busy {
		a.busySince = r.ms
		r.busy++
	}
	if was.busy && !is.busy {
		a.occupied += (r.ms - a.busySince) * 1000
		r.busy--
	}
	if was.present && !is.present {
		a.absentAt = r.virtual
		r.present--
	}
}

// refresh brings flags, counts and ready lists up to date with an agent.
func (r *Router) refresh(a *agentState) {
	was, is := a.flags, a.current()
	a.flags = is
	if is != was {
		if is.voice && !was.voice || is.chat && !was.chat {
			a.hungry = true
			r.hungry = append(r.hungry, a)
		}
		if was.busy && !is.busy || !was.avail && is.avail {
			a.idleMS = r.ms
			a.p.IdleSince = r.now
		}
		r.balance(a, was, is)
	}
	if was.loggedIn != is.loggedIn || was.avail != is.avail || was.active != is.active {
		for _, m := range a.members {
			m.q.loggedIn += delta(was.loggedIn, is.loggedIn)
			m.q.avail += delta(was.avail, is.avail)
			m.q.active += delta(was.active, is.active)
			r.checkEmpty(m.q)
		}
	}
	d := delta(was.active, is.active)
	for i := range a.seats {
		s := &a.seats[i]
		if d != 0 {
			s.c.active[s.ring] += d
		}
		if want := is.readyFor(s.c.channel); s.in || want && !a.hungry {
			r.reseat(s, want)
		}
	}
}

// seatReady puts an agent into the ready lists of their classes.
func (r *Router) seatReady(a *agentState) {
	for i := range a.seats {
		s := &a.seats[i]
		r.reseat(s, a.flags.readyFor(s.c.channel))
	}
}

// reseat puts a seat's agent into the ready list, moves or removes them.
func (r *Router) reseat(s *seat, want bool) {
	var k key
	if want {
		if k = r.readyKey(s); s.in && k == s.key {
			return
		}
	}
	if s.in {
		s.c.ready.remove(s.key)
		s.in = false
	}
	if want {
		s.c.ready.insert(k, s.m.a)
		s.in, s.key = true, k
	}
}

func delta(was, is bool) int {
	switch {
	case was == is:
		return 0
	case is:
		return 1
	}
	return -1
}

// update brings everything up to date after a change of an agent, and gives
// them what waits.
func (r *Router) update(a *agentState) {
	r.settle(a)
	if !a.flags.active {
		r.releaseOwn(a)
	}
	r.feed(a)
	if a.removed && len(a.works) == 0 {
		r.timers.stop(&a.timer)
		delete(r.agents, a.row.ID)
	}
}

// settle applies a next presence when the work is over, and refreshes.
func (r *Router) settle(a *agentState) {
	if a.p.Next != "" && len(a.works) == 0 {
		p := &a.p
		r.choose(a, p.Next, p.NextReason, p.NextBy, p.NextByID)
	}
	r.refresh(a)
}

// choose sets a presence at once.
func (r *Router) choose(a *agentState, s PresenceState, reason string, by SetBy, byID string) {
	from := a.p.State
	if s != Break {
		reason = ""
	}
	if from != s || a.p.Reason != reason {
		a.p.Since = r.now
	}
	if from == Offline && s != Offline {
		a.p.Contacts = 0
	}
	a.p.State, a.p.Reason, a.p.SetBy, a.p.SetByID = s, reason, by, byID
	a.p.Next, a.p.NextReason, a.p.NextBy, a.p.NextByID = "", "", "", ""
	a.p.NotResponding, a.p.Missed = false, 0
	r.tellPresence(a, from)
}

// tellPresence reports an agent's presence row.
func (r *Router) tellPresence(a *agentState, from PresenceState) {
	a.p.UpdatedAt = r.now
	at := r.virtual
	if !a.flags.present {
		at = a.absentAt
	}
	a.p.BalanceMS = (a.occupied - at) / 1000
	r.emit(PresenceChanged{Presence: a.p, From: from})
}

func (r *Router) putAgent(in PutAgent) error {
	if err := in.Agent.Validate(); err != nil {
		return err
	}
	a := r.agents[in.Agent.ID]
	if a == nil {
		r.seq++
		a = &agentState{seq: r.seq, absentAt: r.virtual, idleMS: r.ms}
		a.p = Presence{AgentID: in.Agent.ID, State: Offline, SetBy: BySystem, Since: r.now, UpdatedAt: r.now}
		a.occupied = r.virtual
		a.timer = timer{seq: a.seq, owner: a}
		a.row.ID = in.Agent.ID
		r.agents[in.Agent.ID] = a
		r.people = append(r.people, a)
	} else if a.removed {
		a.removed = false
		r.people = append(r.people, a)
	}
	r.unseat(a)
	last := make(map[string]int64, len(a.members))
	for _, m := range a.members {
		last[m.q.row.ID] = m.lastOffer
	}
	r.quitAll(a)
	a.row = in.Agent
	for _, id := range slices.Compact(slices.Sorted(slices.Values(a.row.Queues))) {
		if q := r.queues[id]; q != nil {
			r.join(a, q, last[id])
		}
	}
	r.freeOwn(a)
	r.update(a)
	return nil
}

// join makes an agent a member of a queue, with a seat in each class.
func (r *Router) join(a *agentState, q *queueState, lastOffer int64) {
	m := &member{a: a, q: q, lastOffer: lastOffer, order: topDownOrder(q, a)}
	q.members = append(q.members, m)
	a.members = append(a.members, m)
	q.loggedIn += delta(false, a.flags.loggedIn)
	q.avail += delta(false, a.flags.avail)
	q.active += delta(false, a.flags.active)
	for _, c := range q.classes {
		r.sit(m, c)
	}
}

// topDownOrder is an agent's place in the queue's order; who is not in it comes
// after, in the order of first appearance.
func topDownOrder(q *queueState, a *agentState) int64 {
	if i := slices.Index(q.row.Order, a.row.ID); i >= 0 {
		return int64(i)
	}
	return int64(len(q.row.Order)) + a.seq
}

// unseat takes an agent out of every class.
func (r *Router) unseat(a *agentState) {
	for i := range a.seats {
		s := &a.seats[i]
		if a.flags.active {
			s.c.active[s.ring]--
		}
		r.reseat(s, false)
	}
	a.seats = a.seats[:0]
}

// quitAll ends an agent's memberships; the seats must be gone.
func (r *Router) quitAll(a *agentState) {
	for _, m := range a.members {
		q := m.q
		q.members = slices.DeleteFunc(q.members, func(o *member) bool { return o == m })
		q.loggedIn -= delta(false, a.flags.loggedIn)
		q.avail -= delta(false, a.flags.avail)
		q.active -= delta(false, a.flags.active)
		r.checkEmpty(q)
	}
	a.members = nil
}

func (r *Router) removeAgent(in RemoveAgent) error {
	a, err := r.agentByID(in.AgentID)
	if err != nil {
		return err
	}
	a.removed = true
	r.people = slices.DeleteFunc(r.people, func(o *agentState) bool { return o == a })
	r.unseat(a)
	r.quitAll(a)
	r.withdraw(a)
	r.update(a)
	return nil
}

func (r *Router) agentByID(id string) (*agentState, error) {
	a := r.agents[id]
	if a == nil || a.removed {
		return nil, fmt.Errorf("%w: %s", ErrUnknownAgent, id)
	}
	return a, nil
}

func checkPresence(s PresenceState, by SetBy) error {
	switch s {
	case Offline, Available, Break:
	default:
		return &FieldError{"presence", fmt.Sprintf("%q is none of [offline available break]", s)}
	}
	switch by {
	case ByAgent, BySupervisor, BySystem:
		return nil
	}
	return &FieldError{"set_by", fmt.Sprintf("%q is none of [agent supervisor system]", by)}
}

func (r *Router) setPresence(in SetPresence) error {
	a, err := r.agentByID(in.AgentID)
	if err != nil {
		return err
	}
	if err := checkPresence(in.State, in.By); err != nil {
		return err
	}
	if !a.p.Connected {
		a.downMS = r.ms // the grace begins anew
	}
	r.choose(a, in.State, in.Reason, in.By, in.ByID)
	r.refresh(a)
	if !a.flags.active && in.State != Available {
		r.withdraw(a)
	}
	r.watchDevice(a)
	r.update(a)
	return nil
}

func (r *Router) setNext(in SetNext) error {
	a, err := r.agentByID(in.AgentID)
	if err != nil {
		return err
	}
	if in.State != "" {
		if err := checkPresence(in.State, in.By); err != nil {
			return err
		}
	}
	p := &a.p
	p.Next, p.NextReason, p.NextBy, p.NextByID = in.State, in.Reason, in.By, in.ByID
	if in.State == "" {
		p.NextReason, p.NextBy, p.NextByID = "", "", ""
	}
	if in.State != Break {
		p.NextReason = ""
	}
	if in.State == "" || len(a.works) > 0 {
		r.tellPresence(a, p.State)
	}
	r.update(a)
	return nil
}

func (r *Router) deviceUp(in DeviceUp) error {
	a, err := r.agentByID(in.AgentID)
	if err != nil {
		return err
	}
	if !a.p.Connected {
		a.p.Connected, a.downMS = true, 0
		r.tellPresence(a, a.p.State)
	}
	r.watchDevice(a)
	r.update(a)
	return nil
}

func (r *Router) deviceDown(in DeviceDown) error {
	a, err := r.agentByID(in.AgentID)
	if err != nil {
		return err
	}
	if a.p.Connected {
		a.p.Connected, a.downMS = false, r.ms
		r.tellPresence(a, a.p.State)
	}
	r.watchDevice(a)
	r.update(a)
	return nil
}

// watchDevice sets the deadline of an agent who cannot be reached.
func (r *Router) watchDevice(a *agentState) {
	at := int64(never)
	if !a.p.Connected && a.downMS > 0 {
		if a.p.State != Offline {
			at = a.downMS + r.cfg.PresenceGrace.Milliseconds()
		}
		for _, w := range a.works {
			if w.offer != nil && w.offer.row.State == OfferPending {
				at = min(at, a.downMS+r.cfg.OfferGrace.Milliseconds())
			}
		}
	}
	r.timers.set(&a.timer, at)
}

// deviceDue does what is due to an agent who cannot be reached.
func (r *Router) deviceDue(a *agentState) {
	if a.p.Connected {
		r.timers.stop(&a.timer)
		return
	}
	gone := r.ms - a.downMS
	if gone >= r.cfg.OfferGrace.Milliseconds() {
		r.withdraw(a)
	}
	if gone >= r.cfg.PresenceGrace.Milliseconds() && a.p.State != Offline {
		r.choose(a, Offline, "", BySystem, "")
	}
	r.watchDevice(a)
	r.update(a)
}
