package agent

import "fmt"

type (
	// ConsultWith: an agent who has a conversation asks a colleague, named or of a
	// queue, to talk about it. The colleague is offered it like any other work;
	// who asks goes on working, and is never asked themselves. One is asked at a
	// time. When nobody takes it the entry is Overflowed, and nothing else follows.
	ConsultWith struct {
		At
		ConversationID string
		AgentID        string // who asks
		With           string // a named colleague; empty: somebody of the queue
		QueueID        string // with With: whose ring and wrap-up times apply, may be empty
	}
	// EndConsult: an agent asks no longer. The pending offer is canceled; a
	// colleague who consults is free at once, without wrap-up.
	EndConsult struct {
		At
		ConversationID string
		AgentID        string // who asks
		Reason         string
	}
	// JoinCall: a colleague who was asked talks with the customer from now on, as
	// their agent or beside theirs; their work is like any other.
	JoinCall struct {
		At
		ConversationID string
		AgentID        string // the colleague
	}
)

// Why a colleague who was asked cannot be had, beside the reasons of queues.
const (
	ConsultBusy        = "busy"        // works at the limit of their capacity
	ConsultUnavailable = "unavailable" // not available, or cannot be reached
	ConsultRejected    = "rejected"
)

func (r *Router) consultWith(in ConsultWith) error {
	w, err := r.workOf(in.AgentID, in.ConversationID)
	switch {
	case err != nil:
		return err
	case w.row.State == Alerting || w.row.State == WrapUp || w.row.ConsultBy != "":
		return fmt.Errorf("%w: nobody is asked about a conversation in %s", ErrTransition, w.row.State)
	case r.entries[in.ConversationID] != nil || r.accepted[in.ConversationID] != nil:
		return fmt.Errorf("%w: somebody is being asked", ErrTransition)
	case in.With == in.AgentID:
		return &FieldError{"with", "is who asks"}
	}
	q := r.direct
	if in.QueueID != "" {
		if q = r.queues[in.QueueID]; q == nil {
			return fmtUnknownQueue(in.QueueID)
		}
	}
	row := QueueEntry{
		ConversationID: in.ConversationID, QueueID: in.QueueID, Channel: w.row.Channel, ConsultBy: in.AgentID,
		EnteredAt: r.now, State: EntryWaiting, UpdatedAt: r.now, DirectAgent: in.With,
	}
	if in.With != "" {
		a, err := r.agentByID(in.With)
		if err != nil {
			return err
		}
		r.tryDirect(r.newEntry(row, q), a, 0)
		return nil
	}
	if in.QueueID == "" {
		return &FieldError{"queue_id", "is empty"}
	}
	e := r.newEntry(row, q)
	r.spareAsker(e)
	if why := r.refuses(q, e); why != "" {
		r.overflow(e, why)
		return nil
	}
	r.place(e, false)
	r.dispatch(e)
	r.checkEmpty(q)
	return nil
}

// spareAsker keeps a consultation from who asks for it.
func (r *Router) spareAsker(e *entry) {
	if a := r.agents[e.row.ConsultBy]; a != nil {
		e.avoid = append(e.avoid, avoidance{a, never})
		e.listMissed()
	}
}

// whyNotAsked tells why a named colleague cannot be offered a consultation.
func (a *agentState) whyNotAsked(how OfferState) string {
	switch {
	case how == OfferRejected:
		return ConsultRejected
	case how == OfferTimedOut:
		return OverflowNoAnswer
	case a == nil || !a.flags.active:
		return ConsultUnavailable
	}
	return ConsultBusy
}

func (r *Router) endConsult(in EndConsult) error {
	if a := r.agents[in.AgentID]; a == nil {
		return fmt.Errorf("%w: %s", ErrUnknownAgent, in.AgentID)
	}
	r.unask(in.AgentID, in.ConversationID, in.Reason)
	for _, w := range r.worksOn(in.ConversationID) {
		if w.row.ConsultBy == in.AgentID && w.offer.row.State != OfferPending {
			r.endWork(w, in.Reason)
			r.update(w.a)
		}
	}
	return nil
}

// unask takes back what an agent asked and nobody has come for yet.
func (r *Router) unask(agentID, conversationID, reason string) {
	if e := r.entries[conversationID]; e != nil && e.row.ConsultBy == agentID {
		e.row.State, e.row.Reason, e.row.UpdatedAt = EntryLeft, reason, r.now
		r.emit(EntryEnded{Entry: e.row})
		r.forget(e, OfferCanceled)
	}
	if w := r.accepted[conversationID]; w != nil && w.row.ConsultBy == agentID {
		r.endWork(w, reason)
		r.update(w.a)
	}
}

func (r *Router) joinCall(in JoinCall) error {
	w, err := r.workOf(in.AgentID, in.ConversationID)
	if err != nil {
		return err
	}
	if w.row.ConsultBy == "" || w.row.ConnectedAt.IsZero() {
		return fmt.Errorf("%w: agent %s does not consult", ErrTransition, in.AgentID)
	}
	w.row.ConsultBy = ""
	w.row.ConnectedAt = r.now
	w.a.p.Contacts++
	r.moveWork(w, w.row.State)
	r.refresh(w.a)
	return nil
}
