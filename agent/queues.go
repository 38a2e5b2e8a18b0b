package agent

import (
	"cmp"
	"slices"
)

func (r *Router) newQueue(row Queue) *queueState {
	return &queueState{row: row, handleMS: r.cfg.DefaultHandleTime.Milliseconds()}
}

func (r *Router) putQueue(in PutQueue) error {
	row := in.Queue.WithDefaults()
	if err := row.Validate(); err != nil {
		return err
	}
	q := r.queues[row.ID]
	if q == nil {
		q = r.newQueue(row)
		r.queues[row.ID] = q
		for _, a := range r.people {
			if slices.Contains(a.row.Queues, row.ID) {
				r.join(a, q, 0)
			}
		}
		return nil
	}
	entries := r.entriesOf(q)
	placed := make([]*entry, 0, q.line.n)
	for _, e := range entries {
		if e.placed {
			placed = append(placed, e)
			r.unplace(e)
		}
	}
	r.closeClasses(q)
	q.row = row
	for _, m := range q.members {
		m.order = topDownOrder(q, m.a)
	}
	for _, e := range entries {
		if e.direct == nil {
			e.c = r.classFor(q, e.row.Channel, e.row.Skills)
			e.c.entries++
		}
		e.rescore()
		if e.stickyMS > 0 {
			e.stickyMS = e.enteredMS + int64(row.StickyAgent)*1000
		}
	}
	for _, e := range placed {
		r.replace(e)
	}
	slices.SortFunc(placed, func(a, b *entry) int { return a.key.compare(b.key) })
	for _, e := range placed {
		if e.placed && (e.own != nil || e.c != nil && e.c.ready.n > 0) {
			r.dispatch(e)
		}
	}
	r.checkEmpty(q)
	return nil
}

// replace puts an entry back into line and lists without a word.
func (r *Router) replace(e *entry) {
	quiet := r.quiet
	r.quiet = true
	r.place(e, true)
	r.quiet = quiet
}

// entriesOf returns the entries of a queue in the order in which they came.
func (r *Router) entriesOf(q *queueState) []*entry {
	var es []*entry
	for _, e := range r.entries {
		if e.q == q {
			es = append(es, e)
		}
	}
	slices.SortFunc(es, func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) })
	return es
}

// closeClasses takes every seat of a queue away and forgets its classes.
func (r *Router) closeClasses(q *queueState) {
	for _, m := range q.members {
		m.a.seats = slices.DeleteFunc(m.a.seats, func(s seat) bool { return s.c.q == q })
	}
	q.classes = nil
}

func (r *Router) removeQueue(in RemoveQueue) error {
	q := r.queues[in.QueueID]
	if q == nil {
		return fmtUnknownQueue(in.QueueID)
	}
	delete(r.queues, in.QueueID)
	q.removed = true
	if q.draining == "" {
		r.drains = append(r.drains, q)
	}
	q.draining = OverflowQueueRemoved
	for _, c := range q.classes { // nobody is fed from it any more
		c.ready = ordered[agentState]{}
		clear(c.active)
	}
	for _, m := range q.members {
		m.a.seats = slices.DeleteFunc(m.a.seats, func(s seat) bool { return s.c.q == q })
		m.a.members = slices.DeleteFunc(m.a.members, func(o *member) bool { return o == m })
	}
	q.members, q.loggedIn, q.avail, q.active = nil, 0, 0, 0
	entries := r.entriesOf(q)
	for _, e := range entries { // before anybody is freed and fed
		if e.own != nil && e.direct == nil {
			e.stickyMS = 0
			r.relist(e, e.step)
		}
	}
	for _, e := range entries {
		if !e.placed && r.entries[e.row.ConversationID] == e {
			r.overflow(e, OverflowQueueRemoved)
		}
	}
	return nil
}
