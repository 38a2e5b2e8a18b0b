package agent

import "slices"

// checkLight holds the cheap invariants after every event: at most one live
// voice reservation per agent, and one work per agent and conversation.
func (w *world) checkLight() {
	if len(w.offers) != len(w.r.offers) || len(w.convs) != len(w.r.entries) {
		w.t.Fatalf("event %d: model has %d offers, %d entries; router %d, %d", w.events, len(w.offers), len(w.convs), len(w.r.offers), len(w.r.entries))
	}
	reserved := w.reserved
	clear(reserved)
	for _, id := range w.offerID {
		if o := w.offers[id]; o.Channel == Voice {
			if reserved[o.AgentID]++; reserved[o.AgentID] > 1 {
				w.t.Fatalf("event %d: %s has two live voice reservations", w.events, o.AgentID)
			}
		}
	}
}

// checkFull compares the router's structures with a slow computation.
func (w *world) checkFull() {
	r := w.r
	for id, e := range r.entries {
		w.checkEntry(id, e)
	}
	for _, q := range r.queues {
		w.checkQueue(q)
	}
	busy, present, works := 0, 0, 0
	for _, a := range r.agents {
		if f := a.current(); f != a.flags {
			w.t.Fatalf("event %d: flags of %s are %+v, should be %+v", w.events, a.row.ID, a.flags, f)
		}
		if a.flags.busy {
			busy++
		}
		if a.flags.present {
			present++
		}
		works += len(a.works)
		for _, k := range a.works {
			w.checkWork(k)
		}
		for it := range a.own.all {
			if it.v.own != a || !it.v.placed || !a.flags.avail || it.v.direct == nil && !a.flags.active {
				w.t.Fatalf("event %d: own list of %s holds %+v", w.events, a.row.ID, it.v.row)
			}
		}
	}
	if busy != r.busy || present != r.present || works != len(w.works) {
		w.t.Fatalf("event %d: %d busy, %d present, %d works; router says %d, %d; model %d", w.events, busy, present, works, r.busy, r.present, len(w.works))
	}
	for i := 2; i < len(r.timers.heap); i++ {
		if t := r.timers.heap[i]; t.before(r.timers.heap[i/2]) || t.pos != i {
			w.t.Fatalf("event %d: timers out of order", w.events)
		}
	}
}

// checkWork: no agent is stuck. A reservation has a pending offer, alerting a
// deadline, wrap-up an end.
func (w *world) checkWork(k *work) {
	ok := true
	switch {
	case k.offer.row.State == OfferPending:
		e := w.r.entries[k.row.ConversationID]
		ok = e != nil && slices.Contains(e.offers, k.offer) && w.r.offers[k.row.ID] == k.offer && e.timer.pos > 0
	case k.row.State == Alerting:
		ok = k.timer.pos > 0 && w.r.accepted[k.row.ConversationID] == k
	case k.row.State == WrapUp:
		ok = k.timer.pos > 0 && !k.row.WrapUpUntil.Before(w.now)
	}
	if k.row.ConsultBy != "" {
		ok = ok && k.row.State != WrapUp && (!k.row.ConnectedAt.IsZero() || w.asks(k.row.ConsultBy, k.row.ConversationID, k.row.AgentID))
	}
	if !ok {
		w.t.Fatalf("event %d: stuck work %+v, offer %+v", w.events, k.row, k.offer.row)
	}
}

// asks reports whether an agent may ask others about a conversation: who asks
// still has it, and is not asked.
func (w *world) asks(agentID, conv, asked string) bool {
	k, err := w.r.workOf(agentID, conv)
	return err == nil && agentID != asked && k.row.State != WrapUp && k.row.State != Alerting && k.row.ConsultBy == ""
}

// checkEntry: an entry waits with a reason, a deadline and a place, or is
// being offered with a deadline; and no ready agent could take it.
func (w *world) checkEntry(conv string, e *entry) {
	if e.timer.pos == 0 || e.timer.at < w.now.UnixMilli() {
		w.t.Fatalf("event %d: %s has no deadline, or one that passed", w.events, conv)
	}
	if e.row.ConsultBy != "" && !w.asks(e.row.ConsultBy, conv, e.row.DirectAgent) {
		w.t.Fatalf("event %d: nobody asks for %+v any more", w.events, e.row)
	}
	if !e.placed {
		if len(e.offers) == 0 {
			w.t.Fatalf("event %d: %s neither waits nor is offered", w.events, conv)
		}
		return
	}
	if e.row.Reason == "" || e.row.State != EntryWaiting || len(e.offers) > 0 {
		w.t.Fatalf("event %d: waiting without a reason: %+v", w.events, e.row)
	}
	if e.direct == nil && w.now.Sub(e.row.EnteredAt) > e.q.row.MaxWait.Duration() {
		w.t.Fatalf("event %d: %s waits longer than max_wait", w.events, conv)
	}
	before := 0
	for _, o := range w.r.entries {
		if o.placed && o.q == e.q && o.key.less(e.key) {
			before++
		}
	}
	if p, _, ok := w.r.Position(conv); !ok || p != before+1 {
		w.t.Fatalf("event %d: position %d, counted %d", w.events, p, before+1)
	}
	w.checkConserving(e)
}

// checkConserving: nobody waits while an agent who could take it is ready.
func (w *world) checkConserving(e *entry) {
	if w.draining(e.q.row) && e.q != w.r.direct {
		return
	}
	for _, a := range w.agents {
		st := w.r.agents[a.ID]
		if st == nil || !st.flags.readyFor(e.row.Channel) {
			continue
		}
		switch {
		case e.direct != nil:
			if e.direct == st {
				w.t.Fatalf("event %d: %+v waits while %s is ready", w.events, e.row, a.ID)
			}
		case e.own != nil && e.own != st, e.avoids(st):
		case slices.Contains(a.Queues, e.row.QueueID) && fits(a, e.q.row, e.row.Skills, w.now.Sub(e.row.EnteredAt)):
			w.t.Fatalf("event %d: %+v waits while %s is ready and eligible", w.events, e.row, a.ID)
		}
	}
}

// checkQueue recounts members, classes and ready agents.
func (w *world) checkQueue(q *queueState) {
	loggedIn, avail, active, placed, offered := 0, 0, 0, 0, 0
	for _, m := range q.members {
		loggedIn += delta(false, m.a.flags.loggedIn)
		avail += delta(false, m.a.flags.avail)
		active += delta(false, m.a.flags.active)
	}
	for _, e := range w.r.entries {
		if e.q == q {
			placed += delta(false, e.placed)
			offered += delta(false, !e.placed)
		}
	}
	if loggedIn != q.loggedIn || avail != q.avail || active != q.active || placed != q.line.n || offered != q.offered {
		w.t.Fatalf("event %d: %s counts %d %d %d, line %d, offered %d; should be %d %d %d, %d, %d", w.events, q.row.ID,
			q.loggedIn, q.avail, q.active, q.line.n, q.offered, loggedIn, avail, active, placed, offered)
	}
	if e := q.nextToLeave(); e != nil {
		w.t.Fatalf("event %d: %+v stays in a queue that is to be left", w.events, e.row)
	}
	for _, c := range q.classes {
		w.checkClass(q, c)
	}
}

func (w *world) checkClass(q *queueState, c *class) {
	ready, entries := 0, 0
	active := make([]int, len(c.active))
	for _, m := range q.members {
		for i := range m.a.seats {
			s := &m.a.seats[i]
			if s.c != c {
				continue
			}
			ring, ok := c.ring(m.a)
			if !ok || ring != s.ring || s.in != m.a.flags.readyFor(c.channel) {
				w.t.Fatalf("event %d: seat %+v of %s, ring %d %v", w.events, s, m.a.row.ID, ring, ok)
			}
			active[ring] += delta(false, m.a.flags.active)
			ready += delta(false, s.in)
			if s.in && s.key != w.r.readyKey(s) {
				w.t.Fatalf("event %d: %s stands at %v, should at %v", w.events, m.a.row.ID, s.key, w.r.readyKey(s))
			}
		}
	}
	for _, e := range w.r.entries {
		entries += delta(false, e.c == c)
	}
	last := key{a: -1 << 63}
	for it := range c.ready.all {
		if !last.less(it.key) {
			w.t.Fatalf("event %d: ready list out of order", w.events)
		}
		last = it.key
	}
	if ready != c.ready.n || entries != c.entries || !slices.Equal(active, c.active) {
		w.t.Fatalf("event %d: class %v of %s has %d ready, %d entries, %v active; should be %d, %d, %v", w.events, c.needs, q.row.ID,
			c.ready.n, c.entries, c.active, ready, entries, active)
	}
}
