package insight

import (
	"iter"
	"time"

	"github.com/openhotline/hotline/omni"
)

// Recompute computes the figures per queue (counts, every service level, ASA)
// of the queue entries within [q.From, q.To) from journal events alone, in the
// order of Seq. It needs:
//
//   - queue.entered: conversation_id, queue_id, ts
//   - conversation.connected: conversation_id, agent_id, ts (the wait ends here)
//   - queue.overflowed: conversation_id, data {"reason"}
//   - conversation.flow_entered, conversation.transferred: conversation_id
//   - conversation.completed: conversation_id, data {"end_reason"}
func Recompute(events iter.Seq[omni.Event], q Query) ([]Row, error) { return nil, nil }

// PresencePeriods makes presence periods from the journal's
// agent.presence_changed events (agent_id, ts, data {"presence"}), in the order
// of Seq. The last period of an agent is open.
func PresencePeriods(events iter.Seq[omni.Event]) []PresencePeriod { return nil }

// ErlangC is the result of an Erlang C calculation.
type ErlangC struct {
	WaitProbability float64       // Pw: share of callers who wait
	ASA             time.Duration // mean wait of all callers
	ServiceLevel    float64       // share answered within the threshold
	Occupancy       float64
}
