package insight

import (
	"time"

	"github.com/openhotline/hotline/omni"
)

// ledger is told what a conversation adds to the figures. Rows of a query and
// sheets are ledgers, so both count the same.
type ledger interface {
	// stay is one stay in a queue; wait means nothing while it goes on.
	stay(queueID string, at time.Time, o outcome, wait time.Duration)
	// offer is one offer to an agent.
	offer(agentID string, at time.Time, why omni.EndReason)
	// talk is an agent's part in a conversation.
	talk(queueID, agentID string, at time.Time, t talk)
	// transfer is one made by an agent; right says that it stayed where it went.
	transfer(queueID, agentID string, at time.Time, right bool)
	// busy is a time in which an agent talked, held, consulted or wrapped up.
	busy(agentID string, s span)
}

// talk is how long the parts of an agent's work took; they count once it ended.
type talk struct {
	ended            bool
	talk, hold, wrap time.Duration
}

// post tells the ledger what one conversation's segments, ordered by time, add.
func post(segments []omni.Segment, to ledger) {
	for i := range segments {
		s := &segments[i]
		switch s.Kind {
		case omni.SegmentQueue:
			to.stay(s.QueueID, s.StartedAt, outcomeOf(s), s.EndedAt.Sub(s.StartedAt))
		case omni.SegmentOffer:
			if !onlyConsulted(segments, s) {
				to.offer(s.AgentID, s.StartedAt, s.EndReason)
			}
		case omni.SegmentAgent:
			postTalk(segments, i, to)
		case omni.SegmentWrapUp, omni.SegmentConsult:
			to.busy(s.AgentID, spanOf(s.StartedAt, s.EndedAt))
		}
	}
}

// onlyConsulted reports whether an offer asked a colleague of who had the
// customer, and the colleague did not get to talk with the customer.
func onlyConsulted(segments []omni.Segment, offer *omni.Segment) bool {
	asked := false
	for i := range segments {
		s := &segments[i]
		if s.Kind != omni.SegmentAgent {
			continue
		}
		if s.OfferID == offer.OfferID && offer.OfferID != "" {
			return false
		}
		asked = asked || s.ID == offer.ParentID
	}
	return asked
}

// postTalk tells of an agent segment with its holds, its wrap-up and its transfer.
func postTalk(segments []omni.Segment, i int, to ledger) {
	s := &segments[i]
	to.busy(s.AgentID, spanOf(s.StartedAt, s.EndedAt))
	var t talk
	if !s.EndedAt.IsZero() {
		t.ended = true
		t.hold, t.wrap = holdAndWrapUp(segments, i)
		t.talk = s.EndedAt.Sub(s.StartedAt) - t.hold
	}
	to.talk(s.QueueID, s.AgentID, s.StartedAt, t)
	if s.EndReason == omni.Transferred {
		to.transfer(s.QueueID, s.AgentID, s.EndedAt, arrived(segments, i))
	}
}

// outcomeOf tells how a queue segment ended.
func outcomeOf(s *omni.Segment) outcome {
	if s.EndedAt.IsZero() {
		return stillWaiting
	}
	return outcomeFor(s.EndReason)
}

// outcomeFor tells what an end reason means for a queue. Abandoned is who hung
// up; whatever the system ended is not.
func outcomeFor(why omni.EndReason) outcome {
	switch why {
	case omni.Answered:
		return answered
	case omni.CustomerDisconnect:
		return abandoned
	}
	return removed
}

// holdAndWrapUp sums up the holds within an agent segment and the wrap-up that
// follows it.
func holdAndWrapUp(segments []omni.Segment, i int) (hold, wrap time.Duration) {
	s := &segments[i]
	for j := range segments {
		n := &segments[j]
		if n.EndedAt.IsZero() || n.AgentID != s.AgentID {
			continue
		}
		switch {
		case n.Kind == omni.SegmentHold && (n.ParentID == s.ID || n.ParentID == "" && !n.StartedAt.Before(s.StartedAt) && !n.EndedAt.After(s.EndedAt)):
			hold += n.EndedAt.Sub(n.StartedAt)
		case n.Kind == omni.SegmentWrapUp && lastTalk(segments, j) == i:
			wrap += n.EndedAt.Sub(n.StartedAt)
		}
	}
	return hold, wrap
}

// lastTalk returns the agent segment that a wrap-up belongs to, or -1.
func lastTalk(segments []omni.Segment, wrapUp int) int {
	w := &segments[wrapUp]
	for i := len(segments) - 1; i >= 0; i-- {
		s := &segments[i]
		if s.Kind == omni.SegmentAgent && s.AgentID == w.AgentID && !s.StartedAt.After(w.StartedAt) {
			return i
		}
	}
	return -1
}

// arrived reports whether the conversation stayed where the transfer sent it:
// not transferred again, and not queued again.
func arrived(segments []omni.Segment, i int) bool {
	queues, first := 0, omni.SegmentKind("")
	for j := range segments {
		s := &segments[j]
		end := segments[i].EndedAt
		stayed := s.Kind == omni.SegmentAgent && (s.EndedAt.IsZero() || s.EndedAt.After(end)) // had joined before
		if j == i || s.StartedAt.Before(end) && !stayed {
			continue
		}
		switch s.Kind {
		case omni.SegmentAgent:
			if s.EndReason == omni.Transferred {
				return false
			}
		case omni.SegmentQueue:
			queues++
		case omni.SegmentFlow:
		default:
			continue
		}
		if first == "" {
			first = s.Kind
		}
	}
	if first == omni.SegmentQueue {
		queues--
	}
	return queues == 0
}
