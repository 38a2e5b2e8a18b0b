package agent

import (
	"cmp"
	"slices"
)

// dispatch offers a waiting entry to the best ready agent, if there is one. An
// agent who became free in this very step is fed first, since somebody older
// may wait for them.
func (r *Router) dispatch(e *entry) {
	for e.placed {
		if e.own != nil {
			if e.own.flags.readyFor(e.row.Channel) {
				r.feed(e.own)
			}
			return
		}
		r.picks = r.pick(r.picks[:0], e)
		if len(r.picks) == 0 {
			return
		}
		if i := slices.IndexFunc(r.picks, func(a *agentState) bool { return a.hungry }); i >= 0 {
			r.feed(r.picks[i])
			continue
		}
		r.offer(e, r.picks)
	}
}

// pick appends the ready agents who are to be offered an entry: the best one,
// or for ring_all everybody up to the limit.
func (r *Router) pick(to []*agentState, e *entry) []*agentState {
	c, limit := e.c, 1
	if c.ready.n == 0 {
		return to
	}
	switch e.q.row.Strategy {
	case RingAll:
		limit = r.cfg.RingAllLimit
	case Random:
		if a := r.draw(e); a != nil {
			return append(to, a)
		}
	}
	for it := range c.ready.all {
		if int(it.key.a>>ringShift) > e.step {
			break
		}
		if e.avoids(it.v) {
			continue
		}
		if to = append(to, it.v); len(to) == limit {
			break
		}
	}
	return to
}

// draw picks at random among the ready agents of the earliest ring.
func (r *Router) draw(e *entry) *agentState {
	first, _ := e.c.ready.first()
	ring := int(first.key.a >> ringShift)
	if ring > e.step {
		return nil
	}
	n := e.c.readyUpTo(ring)
	at := r.rng.IntN(n)
	for range n {
		if a := e.c.ready.at(at).v; !e.avoids(a) {
			return a
		}
		at = (at + 1) % n
	}
	return nil
}

// feed gives a ready agent what waits: first who waits for them alone, then the
// highest score among the heads of all lists they may serve. Only who is still
// ready then enters the ready lists.
func (r *Router) feed(a *agentState) {
	for a.flags.voice || a.flags.chat {
		e := a.nextOwn()
		if e == nil {
			e = r.nextFor(a)
		}
		if e == nil {
			break
		}
		if e.own == nil && e.q.row.Strategy == RingAll {
			r.sated(a)
			r.dispatch(e) // rings others as well
			continue
		}
		r.offer(e, []*agentState{a})
	}
	r.sated(a)
}

// sated puts an agent who was fed into the ready lists.
func (r *Router) sated(a *agentState) {
	if a.hungry {
		a.hungry = false
		r.seatReady(a)
	}
}

// nextOwn returns the first entry that waits for the agent alone.
func (a *agentState) nextOwn() *entry {
	for it := range a.own.all {
		if a.flags.readyFor(it.v.row.Channel) {
			return it.v
		}
	}
	return nil
}

// nextFor returns the waiting entry with the highest score that the agent may
// take. Ties go to the older, then to the one that came first. Of an entry that
// cannot win only the key is looked at.
func (r *Router) nextFor(a *agentState) *entry {
	var best *entry
	var bestKey key
	for i := range a.seats {
		s := &a.seats[i]
		if !a.flags.readyFor(s.c.channel) {
			continue
		}
		grown := s.c.ageing * r.ms // what age has added to the scores in this queue
		for step := s.ring; step < len(s.c.waiting); step++ {
			for it := range s.c.waiting[step].all {
				k := key{it.key.a - grown, it.key.b, it.key.c}
				if best != nil && !k.less(bestKey) {
					break
				}
				if !it.v.avoids(a) {
					best, bestKey = it.v, k
					break
				}
			}
		}
	}
	return best
}

// offer is a reservation at work.
type offer struct {
	row Offer
	e   *entry
	a   *agentState
	w   *work
}

// offer reserves agents for an entry that waits or is new.
func (r *Router) offer(e *entry, agents []*agentState) {
	var one [1]*Explanation
	explained := one[:0]
	for _, a := range agents {
		explained = append(explained, r.explain(e, a, agents))
	}
	r.unplace(e)
	e.q.offered++
	e.ringMS = r.ms + int64(e.q.row.RingTimeout)*1000
	e.row.State, e.row.Reason, e.row.UpdatedAt = EntryOffered, "", r.now
	expires := r.now.Add(e.q.row.RingTimeout.Duration())
	row := e.row
	for i, a := range agents {
		r.offerSeq++
		o := &offer{e: e, a: a, row: Offer{
			ID: r.offerID(), ConversationID: e.row.ConversationID, QueueID: e.row.QueueID, AgentID: a.row.ID,
			Channel: e.row.Channel, State: OfferPending, Direct: e.direct != nil, ConsultBy: e.row.ConsultBy,
			CreatedAt: r.now, ExpiresAt: expires, Explanation: explained[i],
		}}
		r.seq++
		o.w = &work{a: a, q: e.q, offer: o, row: Work{
			ID: o.row.ID, AgentID: a.row.ID, ConversationID: e.row.ConversationID, QueueID: e.row.QueueID,
			Channel: e.row.Channel, ConsultBy: e.row.ConsultBy, State: Reserved, Since: r.now, StartedAt: r.now, Entry: &row,
		}}
		o.w.timer = timer{seq: r.seq, owner: o.w}
		r.offers[o.row.ID] = o
		e.offers = append(e.offers, o)
		a.works = append(a.works, o.w)
		e.q.offers++
		for _, m := range a.members {
			if m.q == e.q {
				m.lastOffer = e.q.offers
			}
		}
		r.emit(OfferCreated{Offer: o.row, Work: o.w.row, Entry: e.row})
		r.refresh(a)
	}
	r.setEntryTimer(e)
}

// endOffer ends a pending offer and frees its agent; the caller looks after the
// entry and feeds the agent.
func (r *Router) endOffer(o *offer, how OfferState) {
	o.row.State, o.row.EndedAt = how, r.now
	r.emit(OfferEnded{Offer: o.row, From: OfferPending})
	delete(r.offers, o.row.ID)
	e := o.e
	e.offers = slices.DeleteFunc(e.offers, func(x *offer) bool { return x == o })
	if len(e.offers) == 0 {
		e.q.offered--
		e.ringMS = never
	}
	r.dropWork(o.w, string(how))
}

// missed ends offers of an entry that were not taken. When none is left the
// entry goes back to its place, with its age, and avoids who just missed it.
func (r *Router) missed(e *entry, offers []*offer, how OfferState) {
	for _, o := range offers {
		r.endOffer(o, how)
		if a := o.a; how == OfferTimedOut && !a.removed {
			a.p.Missed++
			if limit := e.q.row.MaxNoAnswer; limit > 0 && a.p.Missed >= limit {
				a.p.NotResponding = true
			}
			r.tellPresence(a, a.p.State)
		}
		r.settle(o.a)
	}
	for _, o := range offers {
		r.avoid(e, o.a, how)
	}
	if len(e.offers) == 0 {
		if e.direct != nil {
			if e.row.ConsultBy != "" {
				e.refused = e.direct.whyNotAsked(how)
			}
			r.fallBack(e)
		} else {
			e.avoid = slices.DeleteFunc(e.avoid, func(v avoidance) bool { return v.until <= r.ms })
			e.listMissed()
			r.place(e, true)
			r.dispatch(e)
			r.checkEmpty(e.q)
		}
	}
	for _, o := range offers {
		if o.a.p.NotResponding { // then their other offers are in vain as well
			r.withdraw(o.a)
		}
		r.update(o.a)
	}
}

// avoid keeps an entry from the agent who just missed or rejected it: for
// MissPause while others could take it, else shortly after a rejection.
func (r *Router) avoid(e *entry, a *agentState, how OfferState) {
	if e.c == nil || how == OfferRescinded || !a.flags.active {
		return
	}
	if how == OfferTimedOut && e.q.row.Strategy == RingAll {
		return // everybody missed it
	}
	e.avoid = slices.DeleteFunc(e.avoid, func(v avoidance) bool { return v.a == a })
	step := e.stepNow(r.ms)
	others := e.c.activeUpTo(step) - 1
	for _, v := range e.avoid {
		if v.a.flags.active && v.a.fits(e.c, step) {
			others--
		}
	}
	switch {
	case others > 0:
		e.avoid = append(e.avoid, avoidance{a, r.ms + r.cfg.MissPause.Milliseconds()})
	case how == OfferRejected:
		e.avoid = append(e.avoid, avoidance{a, r.ms + r.cfg.RejectPause.Milliseconds()})
	}
}

// fits reports whether an agent has a seat in a class at a step.
func (a *agentState) fits(c *class, step int) bool {
	for i := range a.seats {
		if s := &a.seats[i]; s.c == c {
			return s.ring <= step
		}
	}
	return false
}

// withdraw takes back the pending offers of an agent who cannot take them.
func (r *Router) withdraw(a *agentState) {
	for _, w := range slices.Clone(a.works) {
		if o := w.offer; o != nil && o.row.State == OfferPending {
			r.missed(o.e, []*offer{o}, OfferRescinded)
		}
	}
}

func (r *Router) offerTo(in OfferTo) error {
	if in.ConversationID == "" {
		return &FieldError{"conversation_id", "is empty"}
	}
	a, err := r.agentByID(in.AgentID)
	if err != nil {
		return err
	}
	q := r.direct
	if in.QueueID != "" {
		if q = r.queues[in.QueueID]; q == nil {
			return fmtUnknownQueue(in.QueueID)
		}
	}
	if in.EnteredAt.IsZero() || in.EnteredAt.After(r.now) {
		in.EnteredAt = r.now
	}
	if old := r.entries[in.ConversationID]; old != nil {
		r.forget(old, OfferCanceled)
	}
	e := r.newEntry(QueueEntry{
		ConversationID: in.ConversationID, QueueID: in.QueueID, Channel: channelOr(in.Channel),
		EnteredAt: in.EnteredAt, State: EntryWaiting, UpdatedAt: r.now,
		DirectAgent: in.AgentID, DirectWait: in.Wait, FallbackAgent: in.FallbackAgent, FallbackQueue: in.FallbackQueue,
	}, q)
	r.tryDirect(e, a, in.Wait)
	return nil
}

// tryDirect offers an entry to a named agent, lets it wait for them, or falls
// back.
func (r *Router) tryDirect(e *entry, a *agentState, wait Seconds) {
	for _, w := range slices.Clone(a.works) {
		if w.row.ConversationID == e.row.ConversationID && w.row.State == WrapUp {
			r.endWork(w, WrapUpReturned)
			r.settle(a)
		}
	}
	e.direct, e.directMS = a, r.ms+int64(wait)*1000
	e.row.DirectAgent = a.row.ID
	switch {
	case a.flags.readyFor(e.row.Channel):
		r.offer(e, []*agentState{a})
	case wait > 0 && a.flags.avail:
		r.place(e, false)
	default:
		r.fallBack(e)
	}
}

// fallBack is what happens to a direct offer that failed.
func (r *Router) fallBack(e *entry) {
	r.unplace(e)
	tried := e.direct
	e.direct = nil
	if next := r.agents[e.row.FallbackAgent]; next != nil && !next.removed {
		e.row.FallbackAgent, e.fallback = "", true
		r.tryDirect(e, next, 0)
	} else if q := r.queues[e.row.FallbackQueue]; q != nil {
		row := e.row
		row.QueueID, row.Top = row.FallbackQueue, true
		row.DirectAgent, row.FallbackAgent, row.FallbackQueue, row.DirectWait = "", "", "", 0
		r.forget(e, OfferCanceled)
		n := r.newEntry(row, q)
		n.waits = e.waits
		if tried != nil {
			r.avoid(n, tried, OfferTimedOut)
			n.listMissed()
		}
		r.place(n, true)
		r.dispatch(n)
		r.checkEmpty(q)
	} else if e.row.ConsultBy != "" {
		r.overflow(e, cmp.Or(e.refused, tried.whyNotAsked("")))
	} else {
		r.overflow(e, OverflowNoAnswer)
	}
	if tried != nil {
		r.update(tried)
	}
}
