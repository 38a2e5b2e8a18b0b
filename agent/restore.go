package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// restore rebuilds the router from rows. Nobody can be reached at first: agents
// have PresenceGrace to come back before they become offline.
func (r *Router) restore(in Restore) error {
	if len(r.agents)+len(r.queues)+len(r.entries) > 0 {
		return fmt.Errorf("%w: restore into a router in use", ErrBadInput)
	}
	r.quiet = true
	s := in.State
	for _, q := range s.Queues {
		if err := r.putQueue(PutQueue{Queue: q}); err != nil {
			r.quiet = false
			return err
		}
	}
	for _, a := range s.Agents {
		if err := r.putAgent(PutAgent{Agent: a}); err != nil {
			r.quiet = false
			return err
		}
	}
	wereUp := r.restorePresences(s.Presences)
	offers := make(map[string]Offer, len(s.Offers))
	for _, o := range s.Offers {
		offers[o.ID] = o
	}
	r.restoreEntries(s.Entries, offers)
	r.quiet = false
	for _, w := range s.Works {
		r.restoreWork(w, offers)
	}
	for _, e := range r.entriesByAge() { // an offer that is gone means waiting
		if !e.placed && len(e.offers) == 0 {
			r.place(e, true)
		}
	}
	for _, a := range wereUp {
		r.tellPresence(a, a.p.State)
	}
	for _, a := range slices.Clone(r.people) {
		r.watchDevice(a)
		r.update(a)
	}
	for _, q := range s.Queues {
		r.checkEmpty(r.queues[q.ID])
	}
	return nil
}

// restorePresences sets presences and returns who was reachable.
func (r *Router) restorePresences(rows []Presence) []*agentState {
	var up []*agentState
	for _, p := range rows {
		a := r.agents[p.AgentID]
		if a == nil {
			continue
		}
		if p.Connected {
			up = append(up, a)
		}
		a.p = p
		a.p.Connected, a.downMS = false, r.ms
		r.refresh(a)
		a.occupied = r.virtual + p.BalanceMS*1000
		if !p.IdleSince.IsZero() {
			a.idleMS, a.p.IdleSince = p.IdleSince.UnixMilli(), p.IdleSince
		}
	}
	return up
}

// restoreEntries makes the entries again, oldest first; those that were being
// offered wait for their offers.
func (r *Router) restoreEntries(rows []QueueEntry, offers map[string]Offer) {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b QueueEntry) int {
		if c := a.EnteredAt.Compare(b.EnteredAt); c != 0 {
			return c
		}
		return strings.Compare(a.ConversationID, b.ConversationID)
	})
	pending := map[string]bool{}
	for _, o := range offers {
		if o.State == OfferPending {
			pending[o.ConversationID] = true
		}
	}
	for _, row := range rows {
		q := r.queues[row.QueueID]
		if q == nil {
			if row.DirectAgent == "" {
				continue
			}
			q = r.direct
		}
		e := r.newEntry(row, q)
		e.ringMS = never
		if row.DirectAgent != "" {
			e.direct = r.agents[row.DirectAgent]
			e.directMS = r.ms + int64(row.DirectWait)*1000
			if e.direct == nil {
				r.quiet = false
				r.fallBack(e)
				r.quiet = true
				continue
			}
		}
		if row.ConsultBy != "" && row.DirectAgent == "" {
			r.spareAsker(e)
		}
		for _, id := range row.Missed {
			until := row.UpdatedAt.UnixMilli() + r.cfg.MissPause.Milliseconds()
			if a := r.agents[id]; a != nil && until > r.ms && id != row.ConsultBy {
				e.avoid = append(e.avoid, avoidance{a, until})
			}
		}
		if row.State != EntryOffered || !pending[row.ConversationID] {
			r.place(e, true)
		}
	}
}

// restoreWork makes a work and its offer again.
func (r *Router) restoreWork(row Work, offers map[string]Offer) {
	a := r.agents[row.AgentID]
	if a == nil {
		a = r.ghost(row.AgentID)
	}
	q := r.queues[row.QueueID]
	if q == nil {
		q = r.direct
	}
	or, known := offers[row.ID]
	if !known {
		or = Offer{
			ID: row.ID, ConversationID: row.ConversationID, QueueID: row.QueueID, AgentID: row.AgentID,
			Channel: row.Channel, State: OfferAccepted, CreatedAt: row.StartedAt, ExpiresAt: row.StartedAt, EndedAt: row.StartedAt,
		}
		if row.State == WrapUp {
			or.State = OfferWrapping
		}
	}
	r.seq++
	w := &work{row: row, a: a, q: q}
	w.timer = timer{seq: r.seq, owner: w}
	w.offer = &offer{row: or, a: a, w: w, e: r.entries[row.ConversationID]}
	a.works = append(a.works, w)
	switch {
	case or.State == OfferPending && (w.offer.e == nil || w.offer.e.placed):
		or.State, or.EndedAt = OfferCanceled, r.now
		w.offer.row = or
		r.emit(OfferEnded{Offer: or, From: OfferPending})
		r.dropWork(w, string(OfferCanceled))
	case or.State == OfferPending:
		e := w.offer.e
		r.offers[or.ID] = w.offer
		if len(e.offers) == 0 {
			e.q.offered++
		}
		e.offers = append(e.offers, w.offer)
		e.ringMS = or.ExpiresAt.UnixMilli()
		r.setEntryTimer(e)
	case row.State == WrapUp:
		r.timers.set(&w.timer, row.WrapUpUntil.UnixMilli())
	case row.State == Alerting || row.State == Reserved:
		r.accepted[row.ConversationID] = w
		r.timers.set(&w.timer, r.ms+r.cfg.ConnectTimeout.Milliseconds())
	}
	r.refresh(a)
}

// ghost stands in for an agent whose record is gone while their work is not.
func (r *Router) ghost(agentID string) *agentState {
	r.seq++
	a := &agentState{seq: r.seq, removed: true, absentAt: r.virtual, idleMS: r.ms}
	a.row.ID = agentID
	a.p = Presence{AgentID: agentID, State: Offline, SetBy: BySystem, Since: r.now, UpdatedAt: time.Time{}}
	a.timer = timer{seq: a.seq, owner: a}
	r.agents[agentID] = a
	return a
}

// entriesByAge returns every entry in the order of restoring.
func (r *Router) entriesByAge() []*entry {
	es := make([]*entry, 0, len(r.entries))
	for _, e := range r.entries {
		es = append(es, e)
	}
	slices.SortFunc(es, func(a, b *entry) int { return int(a.seq - b.seq) })
	return es
}
