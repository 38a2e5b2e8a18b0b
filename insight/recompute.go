package insight

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

// Recompute computes the figures per queue (counts, every service level, ASA)
// of the stays in queues that began within [q.From, q.To), from journal events
// alone, given in the order of Seq. Figures gives the same numbers from the
// segments. The events need:
//
//   - segment.started: conversation_id, queue_id, data {"kind"}; with the kind
//     "queue" its ts is when a wait begins. A missed offer neither ends nor
//     begins one: the conversation keeps its place and its age.
//   - segment.ended: conversation_id, data {"kind", "end_reason"}; with the kind
//     "queue" its ts is when the wait ends: "answered" when agent and customer
//     are connected, "customer_disconnect" when the customer hung up, anything
//     else when the queue or the flow took the conversation out.
//   - conversation.completed: conversation_id, data {"end_reason"}; it ends a
//     wait that no segment.ended did.
func Recompute(events iter.Seq[omni.Event], q Query) ([]Row, error) {
	q.By = ByQueue
	t, err := newTally(q)
	if err != nil {
		return nil, err
	}
	r := recount{t: t, open: map[string]stay{}}
	for e := range events {
		if err := r.event(e); err != nil {
			return nil, fmt.Errorf("insight: event %d %s: %w", e.Seq, e.Type, err)
		}
	}
	for _, s := range r.open {
		r.close(s, stillWaiting, time.Time{})
	}
	return r.t.result(func(c *counts, id string) []Figure { return c.queue.figures(nil, q.formula(id)) }), nil
}

// stay is a stay in a queue that is not over.
type stay struct {
	queue string
	from  time.Time
}

// recount follows the stays in queues through the journal.
type recount struct {
	t    *tally
	open map[string]stay // by conversation: it waits in one queue at a time
}

func (r *recount) event(e omni.Event) error {
	switch e.Type {
	case omni.SegmentStarted, omni.SegmentEnded, omni.ConversationCompleted:
	default:
		return nil
	}
	var data struct {
		Kind      omni.SegmentKind `json:"kind"`
		EndReason omni.EndReason   `json:"end_reason"`
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return err
	}
	s, waiting := r.open[e.ConversationID]
	if e.Type == omni.SegmentStarted {
		if data.Kind == omni.SegmentQueue {
			if waiting {
				r.close(s, removed, e.Time)
			}
			r.open[e.ConversationID] = stay{e.QueueID, e.Time}
		}
		return nil
	}
	if !waiting || e.Type == omni.SegmentEnded && data.Kind != omni.SegmentQueue {
		return nil
	}
	delete(r.open, e.ConversationID)
	r.close(s, outcomeFor(data.EndReason), e.Time)
	return nil
}

// close counts a stay.
func (r *recount) close(s stay, o outcome, at time.Time) {
	r.t.stay(s.queue, s.from, o, at.Sub(s.from))
}

// PresencePeriods makes presence periods from the journal's
// agent.presence_changed events (agent_id, ts, data {"presence"}), in the order
// of Seq. The last period of an agent is open; an event whose data says no
// presence is passed over. The result is in the order of agent and From.
func PresencePeriods(events iter.Seq[omni.Event]) []PresencePeriod {
	open := map[string]PresencePeriod{}
	var periods []PresencePeriod
	for e := range events {
		if e.Type != omni.AgentPresenceChanged {
			continue
		}
		var data struct {
			Presence agent.PresenceState `json:"presence"`
		}
		if err := json.Unmarshal(e.Data, &data); err != nil || data.Presence == "" {
			continue
		}
		p, ok := open[e.AgentID]
		if ok && p.State == data.Presence {
			continue
		}
		if ok {
			p.To = e.Time
			periods = append(periods, p)
		}
		open[e.AgentID] = PresencePeriod{AgentID: e.AgentID, State: data.Presence, From: e.Time}
	}
	for _, p := range open {
		periods = append(periods, p)
	}
	slices.SortFunc(periods, func(a, b PresencePeriod) int {
		if a.AgentID != b.AgentID {
			if a.AgentID < b.AgentID {
				return -1
			}
			return 1
		}
		return a.From.Compare(b.From)
	})
	return periods
}
