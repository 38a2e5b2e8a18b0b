package agent

import (
	"cmp"
	"fmt"
	"slices"
)

// entry is a conversation that waits or is being offered.
type entry struct {
	row    QueueEntry
	seq    int64
	q      *queueState
	c      *class      // nil for direct offers
	step   int         // of the relaxation
	score0 int64       // score at the time zero: score = score0 + ageing × now
	placed bool        // waiting: in the line, and in one of the lists below
	own    *agentState // waits in this agent's own list, else in the class
	key    key
	offers []*offer // pending

	direct   *agentState // whom a direct offer is for at present
	fallback bool        // and whether that is the fallback agent
	refused  string      // why a colleague who was asked does not come

	enteredMS  int64
	stickyMS   int64 // end of the preferred agent's time; 0: none
	ringMS     int64 // end of the pending offers
	directMS   int64 // end of waiting for the named agent
	announceMS int64
	callbackMS int64
	avoid      []avoidance

	waits    []WaitCause
	band     int8  // where it entered the line, for the expected wait
	bandAtMS int64 // and when
	timer    timer
}

// avoidance keeps an entry from an agent who just missed it.
type avoidance struct {
	a     *agentState
	until int64
}

func (e *entry) avoids(a *agentState) bool {
	for _, v := range e.avoid {
		if v.a == a {
			return true
		}
	}
	return false
}

// priority is the queue's plus the entry's own.
func (e *entry) priority() int { return e.q.row.Priority + e.row.Priority }

// score is priority plus ageing times age, in thousandths of a point.
func (e *entry) score(ms int64) int64 { return e.score0 + int64(e.q.row.Ageing)*ms }

// topBonus places a lost agent's customer before everybody.
const topBonus = 1 << 60

// rescore computes what depends on the queue's parameters.
func (e *entry) rescore() {
	e.score0 = int64(e.priority())*1000 - int64(e.q.row.Ageing)*e.enteredMS
	a := -e.score0
	if e.row.Top {
		a -= topBonus
	}
	e.key = key{a: a, b: e.enteredMS, c: e.seq}
}

// stepNow is the relaxation step that the entry's age has reached.
func (e *entry) stepNow(ms int64) int {
	if e.c == nil || e.c.steps == 0 {
		return 0
	}
	step := 0
	for step < e.c.steps && ms >= e.enteredMS+int64(e.q.row.Relaxation[step].After)*1000 {
		step++
	}
	return step
}

func (r *Router) enqueue(in Enqueue) error {
	q := r.queues[in.QueueID]
	switch {
	case in.ConversationID == "":
		return &FieldError{"conversation_id", "is empty"}
	case q == nil:
		return fmt.Errorf("%w: %s", ErrUnknownQueue, in.QueueID)
	case in.Priority < -maxPriority || in.Priority > maxPriority:
		return &FieldError{"priority", fmt.Sprintf("%d is out of range", in.Priority)}
	}
	for i, s := range in.Skills {
		if s.Skill == "" || s.Level < 1 || s.Level > 5 {
			return &FieldError{fmt.Sprintf("skills[%d]", i), "wants a name and a level of 1 to 5"}
		}
	}
	row := QueueEntry{
		ConversationID: in.ConversationID, QueueID: in.QueueID, Channel: channelOr(in.Channel),
		Priority: in.Priority, Skills: in.Skills, PreferredAgent: in.PreferredAgent,
		Top: in.Top, EnteredAt: in.EnteredAt, Hops: in.Hops, AnnounceEvery: max(in.AnnounceEvery, 0),
	}
	if old := r.entries[in.ConversationID]; old != nil {
		if row.EnteredAt.IsZero() && old.q == q {
			row.EnteredAt = old.row.EnteredAt
		}
		r.forget(old, OfferCanceled)
	}
	if row.EnteredAt.IsZero() || row.EnteredAt.After(r.now) {
		row.EnteredAt = r.now
	}
	if w := r.accepted[in.ConversationID]; w != nil { // never connected
		r.endWork(w, "requeued")
		r.update(w.a)
	}
	e := r.newEntry(row, q)
	if why := r.refuses(q, e); why != "" {
		r.overflow(e, why)
		return nil
	}
	r.place(e, false)
	r.dispatch(e)
	r.checkEmpty(q)
	return nil
}

func channelOr(ch Channel) Channel {
	if ch == "" {
		return Voice
	}
	return ch
}

// newEntry makes an entry that is nowhere yet but known by its conversation.
func (r *Router) newEntry(row QueueEntry, q *queueState) *entry {
	r.seq++
	e := &entry{row: row, q: q, seq: r.seq, enteredMS: row.EnteredAt.UnixMilli(), ringMS: never, band: -1}
	e.timer = timer{seq: e.seq, owner: e}
	if row.DirectAgent == "" {
		e.c = r.classFor(q, row.Channel, row.Skills)
		e.c.entries++
		if q.row.StickyAgent > 0 && row.PreferredAgent != "" {
			e.stickyMS = e.enteredMS + int64(q.row.StickyAgent)*1000
		}
	}
	if q.row.Callback.OfferAfter > 0 {
		e.callbackMS = e.enteredMS + int64(q.row.Callback.OfferAfter)*1000
	}
	e.rescore()
	r.entries[row.ConversationID] = e
	return e
}

// refuses tells why a queue does not let an entry join, or "".
func (r *Router) refuses(q *queueState, e *entry) string {
	if e.row.Top {
		return ""
	}
	switch {
	case q.row.MaxLength > 0 && q.line.n+q.offered >= q.row.MaxLength:
		return OverflowMaxLength
	case q.row.JoinEmpty == EmptyNo && q.loggedIn == 0,
		q.row.JoinEmpty == EmptyStrict && q.avail == 0:
		return OverflowJoinEmpty
	}
	return ""
}

// place makes an entry wait: in its queue's line, and either in its class or
// in the own list of the one agent it waits for.
func (r *Router) place(e *entry, requeued bool) {
	e.step = e.stepNow(r.ms)
	e.own = r.waitsFor(e)
	e.placed = true
	e.row.State, e.row.UpdatedAt = EntryWaiting, r.now
	e.q.line.insert(e.key, e)
	if e.own != nil {
		e.own.own.insert(e.key, e)
	} else if e.c != nil {
		e.c.waiting[e.step].insert(e.key, e)
	}
	position := e.q.line.rank(e.key) + 1
	if e.band < 0 {
		e.band, e.bandAtMS = int8(bandOf(position)), r.ms
	}
	if e.announceMS == 0 {
		e.announceMS = r.ms + e.announceEvery()
	}
	r.noteWait(e)
	r.setEntryTimer(e)
	r.emit(EntryQueued{Entry: e.row, Requeued: requeued, Position: position, ExpectedWait: e.q.expected(position)})
}

// announceEvery is how many milliseconds lie between two announcements.
func (e *entry) announceEvery() int64 {
	return int64(cmp.Or(e.row.AnnounceEvery, e.q.row.Announce.Repeat)) * 1000
}

// waitsFor returns the one agent whom an entry waits for, or nil.
func (r *Router) waitsFor(e *entry) *agentState {
	if e.direct != nil {
		return e.direct
	}
	if e.stickyMS <= r.ms {
		return nil
	}
	a := r.agents[e.row.PreferredAgent]
	if a == nil || !a.flags.active || e.avoids(a) {
		return nil
	}
	for i := range a.seats {
		if s := &a.seats[i]; s.c == e.c && s.ring <= e.step {
			return a
		}
	}
	return nil
}

// unplace takes an entry out of line and lists.
func (r *Router) unplace(e *entry) {
	if !e.placed {
		return
	}
	e.placed = false
	e.q.line.remove(e.key)
	switch {
	case e.own != nil:
		e.own.own.remove(e.key)
		e.own = nil
	case e.c != nil:
		e.c.waiting[e.step].remove(e.key)
	}
}

// noteWait remembers why the entry waits, when the reason is a new one.
func (r *Router) noteWait(e *entry) {
	why := r.whyWaits(e)
	e.row.Reason = why
	if n := len(e.waits); n > 0 && e.waits[n-1].Why == why || n >= 8 {
		return
	}
	e.waits = append(e.waits, WaitCause{Why: why, FromMS: max(0, r.ms-e.enteredMS)})
}

// whyWaits tells why an entry waits, as a code.
func (r *Router) whyWaits(e *entry) string {
	switch {
	case e.direct != nil:
		return WaitDirect
	case e.own != nil:
		return WaitSticky
	case e.q.loggedIn == 0:
		return WaitNobodyLoggedIn
	case e.q.active == 0:
		return WaitNobodyActive
	case e.c.activeUpTo(e.step) == 0:
		return WaitNoSkill
	case len(e.avoid) > 0 && e.c.readyUpTo(e.step) > 0:
		return WaitJustMissed
	}
	return WaitAllBusy
}

// setEntryTimer sets the next deadline of an entry.
func (r *Router) setEntryTimer(e *entry) {
	if !e.placed {
		r.timers.set(&e.timer, e.ringMS)
		return
	}
	at := e.enteredMS + int64(e.q.row.MaxWait)*1000
	if e.direct != nil {
		at = e.directMS
	}
	at = min(at, e.announceMS)
	if e.callbackMS > 0 {
		at = min(at, e.callbackMS)
	}
	if e.own != nil && e.direct == nil {
		at = min(at, e.stickyMS)
	}
	if e.c != nil && e.step < e.c.steps {
		at = min(at, e.enteredMS+int64(e.q.row.Relaxation[e.step].After)*1000)
	}
	for _, v := range e.avoid {
		at = min(at, v.until)
	}
	r.timers.set(&e.timer, at)
}

// entryDue does what is due to an entry.
func (r *Router) entryDue(e *entry) {
	if !e.placed {
		r.missed(e, slices.Clone(e.offers), OfferTimedOut)
		return
	}
	if e.direct != nil && r.ms >= e.directMS {
		r.fallBack(e)
		return
	}
	if e.direct == nil && r.ms >= e.enteredMS+int64(e.q.row.MaxWait)*1000 {
		r.overflow(e, OverflowMaxWait)
		return
	}
	lapsed := len(e.avoid)
	e.avoid = slices.DeleteFunc(e.avoid, func(v avoidance) bool { return v.until <= r.ms })
	moved := len(e.avoid) != lapsed
	if moved {
		e.listMissed()
	}
	sticky := e.own != nil && e.direct == nil && r.ms >= e.stickyMS
	if step := e.stepNow(r.ms); step != e.step || sticky {
		r.relist(e, step)
		moved = true
	}
	if e.callbackMS > 0 && r.ms >= e.callbackMS {
		e.callbackMS = 0
		r.emit(CallbackDue{ConversationID: e.row.ConversationID, QueueID: e.row.QueueID})
	}
	if r.ms >= e.announceMS {
		for repeat := e.announceEvery(); e.announceMS <= r.ms; {
			e.announceMS += repeat
		}
		p := e.q.line.rank(e.key) + 1
		r.emit(PositionChanged{ConversationID: e.row.ConversationID, QueueID: e.row.QueueID, Position: p, ExpectedWait: e.q.expected(p)})
	}
	if moved {
		r.noteWait(e)
		r.dispatch(e)
	}
	if e.placed {
		r.setEntryTimer(e)
	}
}

// relist moves a waiting entry to the list it belongs to now.
func (r *Router) relist(e *entry, step int) {
	if e.own != nil {
		e.own.own.remove(e.key)
	} else {
		e.c.waiting[e.step].remove(e.key)
	}
	e.step = step
	if e.own = r.waitsFor(e); e.own != nil {
		e.own.own.insert(e.key, e)
		return
	}
	e.c.waiting[e.step].insert(e.key, e)
}

func (e *entry) listMissed() {
	e.row.Missed = nil
	for _, v := range e.avoid {
		e.row.Missed = append(e.row.Missed, v.a.row.ID)
	}
}

// releaseOwn lets go who waits for an agent that is not there any more. Who
// was sent to this very agent outlasts a reload of the workbench.
func (r *Router) releaseOwn(a *agentState) {
	for _, e := range a.own.values() {
		switch {
		case e.own != a:
			continue
		case e.direct != nil:
			if !a.flags.avail {
				r.fallBack(e)
			}
			continue
		}
		a.own.remove(e.key)
		e.own = nil
		e.stickyMS = 0
		e.c.waiting[e.step].insert(e.key, e)
		r.noteWait(e)
		r.setEntryTimer(e)
		r.dispatch(e)
	}
}

// freeOwn releases the sticky entries of an agent whose skills or queues changed.
func (r *Router) freeOwn(a *agentState) {
	for _, e := range a.own.values() {
		if e.direct == nil && e.placed {
			r.relist(e, e.step)
			r.setEntryTimer(e)
			if e.own == nil {
				r.dispatch(e)
			}
		}
	}
}

// forget takes an entry out of the router; pending offers end in the given
// state and their agents are fed.
func (r *Router) forget(e *entry, how OfferState) {
	r.unplace(e)
	r.timers.stop(&e.timer)
	if r.entries[e.row.ConversationID] == e {
		delete(r.entries, e.row.ConversationID)
	}
	if e.c != nil {
		e.c.entries--
	}
	offers := slices.Clone(e.offers)
	for _, o := range offers {
		r.endOffer(o, how)
	}
	for _, o := range offers {
		r.update(o.a)
	}
}

// overflow gives an entry up.
func (r *Router) overflow(e *entry, why string) {
	e.row.State, e.row.Reason, e.row.UpdatedAt = EntryOverflowed, why, r.now
	actions := e.q.row.Overflow
	if e.row.Hops >= r.cfg.MaxHops {
		actions = slices.DeleteFunc(slices.Clone(actions), func(o OverflowAction) bool { return o.Kind == OverflowQueue })
	}
	if len(actions) == 0 {
		actions = []OverflowAction{{Kind: OverflowEnd}}
	}
	r.emit(Overflowed{Entry: e.row, Reason: why, Actions: actions})
	r.forget(e, OfferCanceled)
}

func (r *Router) leave(in Leave) error {
	if e := r.entries[in.ConversationID]; e != nil {
		e.row.State, e.row.Reason, e.row.UpdatedAt = EntryLeft, in.Reason, r.now
		r.emit(EntryEnded{Entry: e.row})
		r.forget(e, OfferCanceled)
		return nil
	}
	// Accepted but not connected yet: the agent is set free without wrap-up.
	if w := r.accepted[in.ConversationID]; w != nil {
		r.endWork(w, in.Reason)
		r.update(w.a)
		return nil
	}
	return fmt.Errorf("%w: %s", ErrNotQueued, in.ConversationID)
}

// checkEmpty marks a queue whose waiting conversations must leave because
// nobody is there any more.
func (r *Router) checkEmpty(q *queueState) {
	if q.draining != "" || q.line.n == 0 || !q.deserted() {
		return
	}
	q.draining = OverflowLeaveEmpty
	r.drains = append(r.drains, q)
}

// deserted reports whether the rule leave_empty applies now.
func (q *queueState) deserted() bool {
	return q.row.LeaveEmpty == EmptyYes && q.loggedIn == 0 || q.row.LeaveEmpty == EmptyStrict && q.avail == 0
}

// drain gives up the conversations of deserted and removed queues, a bounded
// number per step.
func (r *Router) drain() {
	for n := 0; len(r.drains) > 0 && n < stepLimit; {
		q := r.drains[0]
		e := q.nextToLeave()
		if e == nil {
			q.draining = ""
			r.drains = slices.Delete(r.drains, 0, 1)
			continue
		}
		r.overflow(e, q.draining)
		n++
	}
}

// nextToLeave returns the first entry that must leave a removed or deserted
// queue, or nil. Who waits for a named agent stays in a deserted one.
func (q *queueState) nextToLeave() *entry {
	if !q.removed && !q.deserted() {
		return nil
	}
	for it := range q.line.all {
		if q.removed || it.v.direct == nil {
			return it.v
		}
	}
	return nil
}
