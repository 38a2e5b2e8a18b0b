package agent

import (
	"cmp"
	"fmt"
	"slices"
)

// work is one agent's work on one conversation.
type work struct {
	row   Work
	a     *agentState
	q     *queueState
	offer *offer
	timer timer
}

func fmtUnknownQueue(id string) error { return fmt.Errorf("%w: %s", ErrUnknownQueue, id) }

// moveWork changes a work's state and reports it.
func (r *Router) moveWork(w *work, to WorkState) {
	from := w.row.State
	w.row.State, w.row.Since = to, r.now
	r.emit(WorkStateChanged{Work: w.row, From: from})
}

// dropWork ends a work: the agent is done with the conversation.
func (r *Router) dropWork(w *work, reason string) {
	r.timers.stop(&w.timer)
	w.row.EndedAt, w.row.EndReason = r.now, reason
	r.moveWork(w, Idle)
	a := w.a
	a.works = slices.DeleteFunc(a.works, func(x *work) bool { return x == w })
	if r.accepted[w.row.ConversationID] == w {
		delete(r.accepted, w.row.ConversationID)
	}
}

// moveOffer moves an offer that is not pending any more, and reports it.
func (r *Router) moveOffer(o *offer, to OfferState) {
	from := o.row.State
	o.row.State = to
	r.emit(OfferEnded{Offer: o.row, From: from})
}

// endWork ends an accepted work without further wrap-up.
func (r *Router) endWork(w *work, reason string) {
	r.unask(w.row.AgentID, w.row.ConversationID, reason)
	if !w.row.ConnectedAt.IsZero() && w.row.ConsultBy == "" {
		w.q.handled(r.now.Sub(w.row.ConnectedAt).Milliseconds())
	}
	r.moveOffer(w.offer, OfferCompleted)
	r.dropWork(w, reason)
}

// workOf finds an agent's accepted work on a conversation.
func (r *Router) workOf(agentID, conversationID string) (*work, error) {
	if a := r.agents[agentID]; a != nil {
		for _, w := range a.works {
			if w.row.ConversationID == conversationID && w.offer.row.State != OfferPending {
				return w, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: agent %s, conversation %s", ErrNoWork, agentID, conversationID)
}

// pending finds a pending offer and checks whose it is.
func (r *Router) pending(offerID, agentID string) (*offer, error) {
	o := r.offers[offerID]
	if o == nil || agentID != "" && o.row.AgentID != agentID {
		return nil, fmt.Errorf("%w: %s", ErrUnknownOffer, offerID)
	}
	return o, nil
}

func (r *Router) alert(in Alert) error {
	o, err := r.pending(in.OfferID, "")
	if err != nil {
		return err
	}
	if err := MoveWork(o.w.row.State, Alerting); err != nil {
		return err
	}
	r.moveWork(o.w, Alerting)
	return nil
}

func (r *Router) accept(in Accept) error {
	o, err := r.pending(in.OfferID, in.AgentID)
	if err != nil {
		return err
	}
	e, w, a := o.e, o.w, o.a
	delete(r.offers, o.row.ID)
	o.row.State, o.row.EndedAt = OfferAccepted, r.now
	r.emit(OfferEnded{Offer: o.row, From: OfferPending})
	e.offers = slices.DeleteFunc(e.offers, func(x *offer) bool { return x == o })
	if len(e.offers) == 0 {
		e.q.offered--
	}
	if w.row.State == Reserved {
		r.moveWork(w, Alerting)
	}
	r.accepted[w.row.ConversationID] = w
	r.timers.set(&w.timer, r.ms+r.cfg.ConnectTimeout.Milliseconds())
	if a.p.Missed > 0 {
		a.p.Missed = 0
		r.tellPresence(a, a.p.State)
	}
	e.row.State, e.row.UpdatedAt = EntryAssigned, r.now
	r.emit(EntryEnded{Entry: e.row})
	if e.direct == nil {
		e.q.answered(e, r.ms)
	}
	r.forget(e, OfferRescinded)
	return nil
}

func (r *Router) reject(in Reject) error {
	o, err := r.pending(in.OfferID, in.AgentID)
	if err != nil {
		return err
	}
	r.missed(o.e, []*offer{o}, OfferRejected)
	return nil
}

func (r *Router) connect(in Connect) error {
	w, err := r.workOf(in.AgentID, in.ConversationID)
	if err != nil {
		return err
	}
	if w.row.State != Alerting {
		return fmt.Errorf("%w: %s to %s", ErrTransition, w.row.State, Connected)
	}
	r.timers.stop(&w.timer)
	delete(r.accepted, in.ConversationID)
	w.row.ConnectedAt = r.now
	if w.row.ConsultBy == "" {
		w.a.p.Contacts++
	}
	r.moveWork(w, Connected)
	r.refresh(w.a)
	return nil
}

// shift moves a work between talking, hold and consultation.
func (r *Router) shift(agentID, conversationID string, to WorkState) error {
	w, err := r.workOf(agentID, conversationID)
	if err != nil {
		return err
	}
	if w.row.State == Alerting {
		return fmt.Errorf("%w: %s to %s", ErrTransition, w.row.State, to)
	}
	if err := MoveWork(w.row.State, to); err != nil {
		return err
	}
	r.moveWork(w, to)
	return nil
}

func (r *Router) park(in Park) error {
	w, err := r.workOf(in.AgentID, in.ConversationID)
	if err != nil {
		return err
	}
	if w.row.Channel == Voice || w.row.State == WrapUp || w.row.State == Alerting {
		return fmt.Errorf("%w: a %s in %s is not parked", ErrTransition, w.row.Channel, w.row.State)
	}
	if w.row.Parked == in.Parked {
		return nil
	}
	if c := w.a.row.Capacity; !in.Parked && (w.a.nChat >= c.Units(Chat) || w.a.nVoice > 0 && !c.Mixed) {
		return ErrCapacity
	}
	w.row.Parked = in.Parked
	r.moveWork(w, w.row.State)
	r.update(w.a)
	return nil
}

func (r *Router) finishTalk(in EndWork) error {
	w, err := r.workOf(in.AgentID, in.ConversationID)
	if err != nil {
		return err
	}
	if w.row.State == WrapUp {
		return fmt.Errorf("%w: %s to %s", ErrTransition, WrapUp, WrapUp)
	}
	if w.row.State == Alerting || w.row.ConsultBy != "" || w.q.row.WrapUpTime == 0 {
		r.endWork(w, in.Reason)
		r.update(w.a)
		return nil
	}
	r.unask(in.AgentID, in.ConversationID, in.Reason)
	w.row.EndReason = in.Reason
	w.row.WrapUpUntil = r.now.Add(w.q.row.WrapUpTime.Duration())
	// The wrap-up of a parked text stays parked unless there is room for it.
	w.row.Parked = w.row.Parked && !r.unparks(w)
	r.timers.set(&w.timer, w.row.WrapUpUntil.UnixMilli())
	r.moveOffer(w.offer, OfferWrapping)
	r.moveWork(w, WrapUp)
	r.update(w.a)
	return nil
}

// unparks reports whether a parked work fits the agent's capacity.
func (r *Router) unparks(w *work) bool {
	c := w.a.row.Capacity
	return w.a.nChat < c.Units(Chat) && (w.a.nVoice == 0 || c.Mixed)
}

func (r *Router) wrapping(agentID, conversationID string) (*work, error) {
	w, err := r.workOf(agentID, conversationID)
	if err != nil {
		return nil, err
	}
	if w.row.State != WrapUp {
		return nil, fmt.Errorf("%w: %s is not %s", ErrTransition, w.row.State, WrapUp)
	}
	return w, nil
}

func (r *Router) extendWrapUp(in ExtendWrapUp) error {
	w, err := r.wrapping(in.AgentID, in.ConversationID)
	if err != nil {
		return err
	}
	if w.row.Extensions >= w.q.row.WrapUpExtensions || w.q.row.WrapUpExtension == 0 {
		return ErrExtensions
	}
	w.row.Extensions++
	w.row.WrapUpUntil = w.row.WrapUpUntil.Add(w.q.row.WrapUpExtension.Duration())
	r.timers.set(&w.timer, w.row.WrapUpUntil.UnixMilli())
	r.emit(WorkStateChanged{Work: w.row, From: WrapUp})
	return nil
}

func (r *Router) finishWrapUp(in FinishWrapUp) error {
	w, err := r.wrapping(in.AgentID, in.ConversationID)
	if err != nil {
		return err
	}
	r.endWork(w, WrappedUp)
	r.update(w.a)
	return nil
}

// Why a wrap-up ended: the agent finished it, its time ran out, or a transfer
// came back to the agent who made it.
const (
	WrappedUp      = "wrapped_up"
	WrapUpExpired  = "expired"
	WrapUpReturned = "returned"
)

// workDue ends a wrap-up whose time is over, or counts an agent as lost who
// accepted and was never connected.
func (r *Router) workDue(w *work) {
	if w.row.State == WrapUp {
		r.endWork(w, WrapUpExpired)
		r.update(w.a)
		return
	}
	r.requeue(w)
}

func (r *Router) loseAgent(in LoseAgent) error {
	w, err := r.workOf(in.AgentID, in.ConversationID)
	if err != nil {
		return err
	}
	if w.row.State == WrapUp {
		return fmt.Errorf("%w: %s to %s", ErrTransition, WrapUp, Reserved)
	}
	r.requeue(w)
	return nil
}

// dropConversation forgets a conversation whose process is gone.
func (r *Router) dropConversation(in Drop) error {
	if e := r.entries[in.ConversationID]; e != nil {
		e.row.State, e.row.Reason, e.row.UpdatedAt = EntryLeft, in.Reason, r.now
		r.emit(EntryEnded{Entry: e.row})
		r.forget(e, OfferCanceled)
	}
	for _, w := range r.worksOn(in.ConversationID) {
		if w.row.State != Idle { // it ended with who asked
			r.endWork(w, in.Reason)
			r.update(w.a)
		}
	}
	return nil
}

// worksOn lists every agent's work on a conversation, oldest first.
func (r *Router) worksOn(conversationID string) []*work {
	var works []*work
	for _, a := range r.agents {
		for _, w := range a.works {
			if w.row.ConversationID == conversationID {
				works = append(works, w)
			}
		}
	}
	slices.SortFunc(works, func(a, b *work) int { return cmp.Compare(a.timer.seq, b.timer.seq) })
	return works
}

// AgentLost is the end reason of a work whose agent got lost.
const AgentLost = "agent_lost"

// requeue ends a lost agent's work and puts the customer at the top. Who only
// consulted did not have the customer.
func (r *Router) requeue(w *work) {
	a := w.a
	r.endWork(w, AgentLost)
	r.settle(a)
	if w.row.ConsultBy != "" {
		r.update(a)
		return
	}
	if r.entries[w.row.ConversationID] == nil { // else it is queued elsewhere already
		row := w.entry()
		row.Top, row.Missed, row.PreferredAgent = true, nil, ""
		row.DirectAgent, row.DirectWait, row.FallbackAgent = "", 0, ""
		q := r.queues[row.QueueID]
		if q == nil {
			q = r.queues[row.FallbackQueue]
		}
		if q == nil {
			row.DirectAgent = a.row.ID // keeps it out of any class
			e := r.newEntry(row, r.direct)
			r.overflow(e, AgentLost)
		} else {
			row.QueueID, row.FallbackQueue = q.row.ID, ""
			e := r.newEntry(row, q)
			r.avoid(e, a, OfferRejected)
			e.listMissed()
			r.place(e, true)
			r.dispatch(e)
			r.checkEmpty(q)
		}
	}
	r.update(a)
}

// entry returns what the work's queue entry was, for the customer to wait anew:
// who came to consult and stayed has the customer now.
func (w *work) entry() QueueEntry {
	if w.row.Entry != nil {
		row := *w.row.Entry
		row.ConsultBy = ""
		return row
	}
	return QueueEntry{
		ConversationID: w.row.ConversationID, QueueID: w.row.QueueID, Channel: w.row.Channel, EnteredAt: w.row.StartedAt,
	}
}
