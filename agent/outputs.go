package agent

import "time"

// Output is something that the router did. Collect turns outputs into rows.
type Output interface{ output() }

type (
	// OfferCreated: ring this agent.
	OfferCreated struct {
		Offer Offer
		Work  Work // reserved
		Entry QueueEntry
	}
	// OfferEnded: an offer left pending (State says how), or an accepted one
	// went on to wrapping or completed.
	OfferEnded struct {
		Offer Offer
		From  OfferState
	}
	// WorkStateChanged: an agent's work on a conversation moved, or was parked
	// or extended (From equals Work.State).
	WorkStateChanged struct {
		Work Work
		From WorkState
	}
	// PresenceChanged carries the whole new row; From is the state before.
	PresenceChanged struct {
		Presence Presence
		From     PresenceState
	}
	// EntryQueued: a conversation waits. Requeued: it came back with its age.
	EntryQueued struct {
		Entry        QueueEntry
		Requeued     bool
		Position     int           // 1 is next
		ExpectedWait time.Duration // negative: unknown
	}
	// EntryEnded: a conversation does not wait any more: assigned or left.
	EntryEnded struct{ Entry QueueEntry }
	// Overflowed: the queue gave the conversation up. Actions are to be tried in
	// order; the router has forgotten the conversation.
	Overflowed struct {
		Entry   QueueEntry
		Reason  string
		Actions []OverflowAction
	}
	// PositionChanged: time to announce (every Announce.Repeat).
	PositionChanged struct {
		ConversationID string
		QueueID        string
		Position       int
		ExpectedWait   time.Duration // negative: unknown
	}
	// CallbackDue: time to offer a call back.
	CallbackDue struct {
		ConversationID string
		QueueID        string
	}
	// Refused: the input could not be applied and changed nothing.
	Refused struct {
		Input Input
		Err   error
	}
)

func (OfferCreated) output()     {}
func (OfferEnded) output()       {}
func (WorkStateChanged) output() {}
func (PresenceChanged) output()  {}
func (EntryQueued) output()      {}
func (EntryEnded) output()       {}
func (Overflowed) output()       {}
func (PositionChanged) output()  {}
func (CallbackDue) output()      {}
func (Refused) output()          {}

// Why a queue gave a conversation up.
const (
	OverflowMaxWait      = "max_wait"
	OverflowMaxLength    = "max_length"
	OverflowJoinEmpty    = "join_empty"
	OverflowLeaveEmpty   = "leave_empty"
	OverflowQueueRemoved = "queue_removed"
	OverflowNoAnswer     = "no_answer" // a direct offer without a fallback left
)

// Refusal returns the error of the first Refused output, or nil.
func Refusal(outs []Output) error {
	for _, o := range outs {
		if r, ok := o.(Refused); ok {
			return r.Err
		}
	}
	return nil
}

// Collect adds the rows of outputs to c. A row that changed again replaces the
// one collected shortly before; in a long change both may be there, and the
// last one is the valid one, as when they are upserted in order.
func (c *Change) Collect(outs []Output) {
	for _, o := range outs {
		switch o := o.(type) {
		case OfferCreated:
			c.Offers = put(c.Offers, o.Offer, func(a, b *Offer) bool { return a.ID == b.ID })
			c.Works = put(c.Works, o.Work, sameWork)
			c.QueueEntries = put(c.QueueEntries, o.Entry, sameEntry)
		case OfferEnded:
			c.Offers = put(c.Offers, o.Offer, func(a, b *Offer) bool { return a.ID == b.ID })
		case TakenOver:
			c.Offers = put(c.Offers, o.Offer, func(a, b *Offer) bool { return a.ID == b.ID })
			c.Works = put(c.Works, o.Work, sameWork)
		case WorkStateChanged:
			c.Works = put(c.Works, o.Work, sameWork)
		case PresenceChanged:
			c.Presences = put(c.Presences, o.Presence, func(a, b *Presence) bool { return a.AgentID == b.AgentID })
		case EntryQueued:
			c.QueueEntries = put(c.QueueEntries, o.Entry, sameEntry)
		case EntryEnded:
			c.QueueEntries = put(c.QueueEntries, o.Entry, sameEntry)
		case Overflowed:
			c.QueueEntries = put(c.QueueEntries, o.Entry, sameEntry)
		}
	}
}

func sameWork(a, b *Work) bool        { return a.ID == b.ID }
func sameEntry(a, b *QueueEntry) bool { return a.ConversationID == b.ConversationID }

// lookBack bounds how many rows are compared with a new one.
const lookBack = 24

// put replaces the row that is the same, or appends.
func put[T any](rows []T, row T, same func(a, b *T) bool) []T {
	for i := len(rows) - 1; i >= max(0, len(rows)-lookBack); i-- {
		if same(&rows[i], &row) {
			rows[i] = row
			return rows
		}
	}
	return append(rows, row)
}
