package agent

import (
	"cmp"
	"slices"
	"time"
)

// Snapshot is the router's view of the floor at a time.
type Snapshot struct {
	At     time.Time       `json:"at"`
	Queues []QueueSnapshot `json:"queues" nullable:"false"`
	Agents []AgentSnapshot `json:"agents" nullable:"false"`
}

// QueueSnapshot is one queue now.
type QueueSnapshot struct {
	QueueID       string `json:"queue_id"`
	Waiting       int    `json:"waiting"` // not yet offered
	Offered       int    `json:"offered"`
	LongestWaitMS int64  `json:"longest_wait_ms"`
	LoggedIn      int    `json:"logged_in"`
	Active        int    `json:"active"` // available, responding, reachable
	HandleTimeMS  int64  `json:"handle_time_ms"`
	// Entries are those being offered, then at most 500 who wait, best placed first.
	Entries []EntrySnapshot `json:"entries" nullable:"false"`
}

// EntrySnapshot is one waiting or offered conversation.
type EntrySnapshot struct {
	ConversationID string     `json:"conversation_id"`
	State          EntryState `json:"state"`
	Position       int        `json:"position"`         // 0 while offered
	ExpectedWaitMS int64      `json:"expected_wait_ms"` // negative: unknown
	WaitedMS       int64      `json:"waited_ms"`
	Why            string     `json:"why"` // why it waits
}

// AgentSnapshot is one agent now.
type AgentSnapshot struct {
	AgentID  string   `json:"agent_id"`
	Presence Presence `json:"presence"`
	Works    []Work   `json:"works" nullable:"false"`
}

// snapshotEntries bounds the waiting conversations that a snapshot lists per queue.
const snapshotEntries = 500

// Snapshot returns a copy of what a wallboard shows.
func (r *Router) Snapshot(now time.Time) Snapshot {
	ms := max(r.ms, now.UnixMilli())
	s := Snapshot{At: now, Queues: []QueueSnapshot{}, Agents: []AgentSnapshot{}}
	offered := map[*queueState][]*entry{}
	for _, e := range r.entries {
		if !e.placed {
			offered[e.q] = append(offered[e.q], e)
		}
	}
	for _, q := range r.queues {
		es := offered[q]
		slices.SortFunc(es, func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) })
		s.Queues = append(s.Queues, r.queueSnapshot(q, es, ms))
	}
	slices.SortFunc(s.Queues, func(a, b QueueSnapshot) int { return cmp.Compare(a.QueueID, b.QueueID) })
	for _, a := range r.people {
		as := AgentSnapshot{AgentID: a.row.ID, Presence: a.p, Works: make([]Work, 0, len(a.works))}
		for _, w := range a.works {
			as.Works = append(as.Works, w.row)
		}
		s.Agents = append(s.Agents, as)
	}
	slices.SortFunc(s.Agents, func(a, b AgentSnapshot) int { return cmp.Compare(a.AgentID, b.AgentID) })
	return s
}

func (r *Router) queueSnapshot(q *queueState, offered []*entry, ms int64) QueueSnapshot {
	s := QueueSnapshot{
		QueueID: q.row.ID, Waiting: q.line.n, Offered: q.offered, LoggedIn: q.loggedIn,
		Active: q.active, HandleTimeMS: q.handleMS, Entries: make([]EntrySnapshot, 0, min(q.line.n, snapshotEntries)+len(offered)),
	}
	for _, e := range offered {
		s.Entries = append(s.Entries, EntrySnapshot{
			ConversationID: e.row.ConversationID, State: e.row.State, WaitedMS: ms - e.enteredMS,
		})
		s.LongestWaitMS = max(s.LongestWaitMS, ms-e.enteredMS)
	}
	position := 0
	for it := range q.line.all {
		e := it.v
		s.LongestWaitMS = max(s.LongestWaitMS, ms-e.enteredMS)
		if position++; position > snapshotEntries {
			continue
		}
		s.Entries = append(s.Entries, EntrySnapshot{
			ConversationID: e.row.ConversationID, State: e.row.State, Position: position,
			ExpectedWaitMS: waitMS(q.expected(position)), WaitedMS: ms - e.enteredMS, Why: r.whyWaits(e),
		})
	}
	return s
}

func waitMS(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return d.Milliseconds()
}

// Position returns the place of a waiting conversation (1 is next) and the
// expected wait (negative: unknown).
func (r *Router) Position(conversationID string) (position int, expected time.Duration, ok bool) {
	e := r.entries[conversationID]
	if e == nil || !e.placed {
		return 0, 0, false
	}
	position = e.q.line.rank(e.key) + 1
	return position, e.q.expected(position), true
}

// PresenceOf returns an agent's presence row.
func (r *Router) PresenceOf(agentID string) (Presence, bool) {
	a := r.agents[agentID]
	if a == nil || a.removed {
		return Presence{}, false
	}
	return a.p, true
}

// WorksOf returns an agent's live works.
func (r *Router) WorksOf(agentID string) []Work {
	a := r.agents[agentID]
	if a == nil {
		return nil
	}
	ws := make([]Work, 0, len(a.works))
	for _, w := range a.works {
		ws = append(ws, w.row)
	}
	return ws
}

// PendingOffer returns a pending offer.
func (r *Router) PendingOffer(id string) (Offer, bool) {
	o := r.offers[id]
	if o == nil {
		return Offer{}, false
	}
	return o.row, true
}
