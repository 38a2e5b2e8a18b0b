package journey

import (
	"encoding/json"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/omni"
)

// ledger keeps the rows of one conversation and gathers what has changed since
// the last commit: whole rows, and the events that say what happened. It
// belongs to the conversation's goroutine.
type ledger struct {
	conv     omni.Conversation
	open     map[string]*omni.Segment
	segments map[string]omni.Segment // changed since the last take
	legs     map[string]omni.Leg
	records  map[string]omni.Recording
	change   omni.Change
	audit    []account.Entry // written with the next change
	dirty    bool
	now      func() time.Time
}

func newLedger(conv omni.Conversation, now func() time.Time) *ledger {
	return &ledger{
		conv: conv, now: now, dirty: true,
		open:     map[string]*omni.Segment{},
		segments: map[string]omni.Segment{},
		legs:     map[string]omni.Leg{},
		records:  map[string]omni.Recording{},
	}
}

// event adds an event of this conversation. Data is marshalled at once, so the
// caller may go on using it; it holds ids, codes and durations, never digits,
// texts or names.
func (l *ledger) event(typ string, data any, at ...func(*omni.Event)) {
	ev := newEvent(typ, l.now(), l.conv.ID, "", "", data)
	for _, set := range at {
		set(&ev)
	}
	l.change.Events = append(l.change.Events, ev)
}

// mustJSON encodes event data, which is of our own types and cannot fail.
func mustJSON(data any) json.RawMessage {
	if data == nil {
		return nil
	}
	raw, err := json.Marshal(data)
	if err != nil {
		panic("journey: event data: " + err.Error())
	}
	return raw
}

// of names agent and queue of an event.
func of(agentID, queueID string) func(*omni.Event) {
	return func(e *omni.Event) { e.AgentID, e.QueueID = agentID, queueID }
}

// move changes the conversation's state by the table.
func (l *ledger) move(to omni.State) error {
	if l.conv.State == to {
		return nil
	}
	if err := omni.Move(l.conv.State, to); err != nil {
		return err
	}
	l.conv.State, l.dirty = to, true
	return nil
}

// update changes fields of the conversation's row.
func (l *ledger) update(f func(*omni.Conversation)) {
	f(&l.conv)
	l.dirty = true
}

// begin opens a segment; fill sets its particulars.
func (l *ledger) begin(kind omni.SegmentKind, fill func(*omni.Segment)) *omni.Segment {
	s := &omni.Segment{ID: id.New(id.Segment), ConversationID: l.conv.ID, Kind: kind, StartedAt: l.now()}
	if fill != nil {
		fill(s)
	}
	l.open[s.ID] = s
	l.segments[s.ID] = *s
	l.event(omni.SegmentStarted, map[string]any{"kind": s.Kind}, of(s.AgentID, s.QueueID), inSegment(s.ID))
	return s
}

func inSegment(segmentID string) func(*omni.Event) {
	return func(e *omni.Event) { e.SegmentID = segmentID }
}

// end closes a segment; closing nil or a closed one changes nothing.
func (l *ledger) end(s *omni.Segment, why omni.EndReason) {
	if s == nil || l.open[s.ID] == nil {
		return
	}
	s.EndedAt, s.EndReason = l.now(), why
	delete(l.open, s.ID)
	l.segments[s.ID] = *s
	l.event(omni.SegmentEnded, map[string]any{
		"kind": s.Kind, "end_reason": why, "duration_ms": s.EndedAt.Sub(s.StartedAt).Milliseconds(),
	}, of(s.AgentID, s.QueueID), inSegment(s.ID))
}

// put notes a changed segment that stays open.
func (l *ledger) put(s *omni.Segment) { l.segments[s.ID] = *s }

func (l *ledger) leg(row omni.Leg)             { l.legs[row.ID] = row }
func (l *ledger) recording(row omni.Recording) { l.records[row.ID] = row }

// putBack takes a change in again that could not be written. Rows that changed
// since stay as they are now.
func (l *ledger) putBack(c omni.Change) {
	l.dirty = l.dirty || len(c.Conversations) > 0
	for _, s := range c.Segments {
		keepNewer(l.segments, s.ID, s)
	}
	for _, row := range c.Legs {
		keepNewer(l.legs, row.ID, row)
	}
	for _, row := range c.Recordings {
		keepNewer(l.records, row.ID, row)
	}
	l.change.Customers = append(c.Customers, l.change.Customers...)
	l.change.Identities = append(c.Identities, l.change.Identities...)
	l.change.Messages = append(c.Messages, l.change.Messages...)
	l.change.Consents = append(c.Consents, l.change.Consents...)
	l.change.Events = append(c.Events, l.change.Events...)
}

func keepNewer[T any](rows map[string]T, id string, older T) {
	if _, newer := rows[id]; !newer {
		rows[id] = older
	}
}

// take returns what has changed and begins anew.
func (l *ledger) take() omni.Change {
	c := l.change
	if l.dirty {
		c.Conversations = append(c.Conversations, l.conv)
	}
	for _, s := range l.segments {
		c.Segments = append(c.Segments, s)
	}
	for _, row := range l.legs {
		c.Legs = append(c.Legs, row)
	}
	for _, row := range l.records {
		c.Recordings = append(c.Recordings, row)
	}
	l.change, l.dirty = omni.Change{}, false
	clear(l.segments)
	clear(l.legs)
	clear(l.records)
	return c
}
