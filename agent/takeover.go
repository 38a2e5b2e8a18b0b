package agent

import "fmt"

// TakeOver: a supervisor who works as an agent takes a conversation out of
// another agent's hands while they talk. That agent's work ends as with EndWork;
// the new one is connected at once, whatever the presence.
type TakeOver struct {
	At
	ConversationID string
	From           string // the agent who has it
	AgentID        string // who takes it
	Reason         string // why the work of From ends
}

// TakenOver tells of a conversation that was taken over. Offer is the accepted
// one of the agent who has it now.
type TakenOver struct {
	Offer Offer
	Work  Work // as it began; what follows says that it is connected
	From  string
}

func (TakenOver) output() {}

func (r *Router) takeOver(in TakeOver) error {
	w, err := r.workOf(in.From, in.ConversationID)
	if err != nil {
		return err
	}
	if w.row.State == Alerting || w.row.State == WrapUp || w.row.ConsultBy != "" {
		return fmt.Errorf("%w: a conversation in %s is not taken over", ErrTransition, w.row.State)
	}
	a := r.agents[in.AgentID]
	if a == nil || a.removed {
		return fmt.Errorf("%w: %s", ErrUnknownAgent, in.AgentID)
	}
	if w.a == a || !a.roomFor(w.row.Channel) {
		return ErrCapacity
	}
	r.offerSeq++
	o := &offer{a: a, row: Offer{
		ID: r.offerID(), ConversationID: in.ConversationID, QueueID: w.row.QueueID, AgentID: in.AgentID, Channel: w.row.Channel,
		State: OfferAccepted, Direct: true, CreatedAt: r.now, ExpiresAt: r.now, EndedAt: r.now,
	}}
	r.seq++
	o.w = &work{a: a, q: w.q, offer: o, row: Work{
		ID: o.row.ID, AgentID: in.AgentID, ConversationID: in.ConversationID, QueueID: w.row.QueueID, Channel: w.row.Channel,
		State: Reserved, Since: r.now, StartedAt: r.now, Entry: w.row.Entry,
	}}
	o.w.timer = timer{seq: r.seq, owner: o.w}
	a.works = append(a.works, o.w)
	r.emit(TakenOver{Offer: o.row, Work: o.w.row, From: in.From})
	if err := r.finishTalk(EndWork{At: in.At, ConversationID: in.ConversationID, AgentID: in.From, Reason: in.Reason}); err != nil {
		return err
	}
	r.moveWork(o.w, Alerting)
	o.w.row.ConnectedAt = r.now
	a.p.Contacts++
	r.moveWork(o.w, Connected)
	r.update(a)
	return nil
}

// roomFor tells whether the agent's capacity has room for one more of a channel.
func (a *agentState) roomFor(ch Channel) bool {
	c := a.row.Capacity
	if ch == Voice {
		return a.nVoice < c.Units(Voice) && (c.Mixed || a.nChat == 0)
	}
	return a.nChat < c.Units(Chat) && (c.Mixed || a.nVoice == 0)
}
