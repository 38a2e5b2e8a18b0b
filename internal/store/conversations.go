package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/openhotline/hotline/omni"
)

// selectConversations reads the columns and the number of the last event.
var selectConversations = "SELECT " + conversations.selects("c") +
	", coalesce(k.events, 0) FROM conversations c LEFT JOIN counters k ON k.conversation_id = c.id"

func eventCount(c *omni.Conversation) any { return &c.EventCount }

func (db *DB) conversations(ctx context.Context, op, tail string, args ...any) ([]omni.Conversation, error) {
	rows, err := db.query(ctx, selectConversations+" "+tail, args...)
	list, err := scanAll(conversations, rows, err, eventCount)
	for i := range list {
		if list[i].FlowPath == nil {
			list[i].FlowPath = []string{}
		}
	}
	return list, db.failed(op, err)
}

// Conversation returns one conversation.
func (db *DB) Conversation(ctx context.Context, id string) (omni.Conversation, error) {
	list, err := db.conversations(ctx, "conversation "+id, "WHERE c.id = $1", id)
	if err != nil {
		return omni.Conversation{}, err
	}
	if len(list) == 0 {
		return omni.Conversation{}, missing("conversation " + id)
	}
	return list[0], nil
}

// Conversations lists those that the filter chooses, newest first.
func (db *DB) Conversations(ctx context.Context, f omni.Filter, p omni.Page) ([]omni.Conversation, string, error) {
	if err := f.Validate(); err != nil {
		return nil, "", err
	}
	w := filtered(f, db.dialect)
	if err := w.before("c", p.Cursor); err != nil {
		return nil, "", err
	}
	tail := w.String() + " ORDER BY c.created_at DESC, c.id DESC" + w.limit(p.Size()+1)
	list, err := db.conversations(ctx, "conversations", tail, w.args...)
	if err != nil {
		return nil, "", err
	}
	list, next := page(list, p.Size(), func(c *omni.Conversation) cursor { return cursor{micros(c.CreatedAt), c.ID} })
	return list, next, nil
}

func filtered(f omni.Filter, d dialect) *where {
	w := &where{}
	if len(f.States) > 0 {
		args := make([]any, len(f.States))
		for i, s := range f.States {
			args[i] = string(s)
		}
		w.add("c.state IN ("+strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ")+")", args...)
		if !slices.Contains(f.States, omni.Completed) {
			w.add("c.state <> 'completed'") // the few that live have an index
		}
	}
	equal := func(column, value string) {
		if value != "" {
			w.add("c."+column+" = ?", value)
		}
	}
	equal("customer_id", f.CustomerID)
	equal("channel", string(f.Channel))
	if f.AgentID != "" { // whoever had a part in it, not only the last
		w.add(`c.id IN (SELECT a.id FROM conversations a WHERE a.agent_id = ? UNION
			SELECT s.conversation_id FROM segments s WHERE s.agent_id = ? AND s.agent_id <> '' AND s.kind = 'agent')`, f.AgentID, f.AgentID)
	}
	if f.QueueID != "" {
		w.add("(c.queue_id = ? OR EXISTS (SELECT 1 FROM segments s WHERE s.conversation_id = c.id AND s.queue_id = ? AND s.kind = 'queue'))", f.QueueID, f.QueueID)
	}
	if f.Caller != "" {
		w.add("lower(c.caller_number) LIKE ? ESCAPE '!'", like(f.Caller)+"%")
	}
	if f.Text != "" {
		t := "%" + like(f.Text) + "%"
		w.add(d.folding(`(c.id = ? OR lower(c.caller_number) LIKE ? ESCAPE '!' OR lower(c.dialled_number) LIKE ? ESCAPE '!'
			OR lower(c.subject) LIKE ? ESCAPE '!' OR EXISTS (SELECT 1 FROM segments s WHERE s.conversation_id = c.id
			AND s.wrap_up_note <> '' AND lower(s.wrap_up_note) LIKE ? ESCAPE '!') OR c.customer_id IN
			(SELECT u.id FROM customers u WHERE lower(u.name) LIKE ? ESCAPE '!' OR lower(u.note) LIKE ? ESCAPE '!'))`, f.Text),
			clean(f.Text), t, t, t, t, t, t)
	}
	if f.View != nil {
		w.seen(*f.View)
	}
	if !f.From.IsZero() {
		w.add("c.created_at >= ?", micros(f.From))
	}
	if !f.To.IsZero() {
		w.add("c.created_at < ?", micros(f.To))
	}
	if f.Simulated != nil {
		w.add("c.simulated = ?", *f.Simulated)
	}
	if f.Demo != nil {
		w.add("c.demo = ?", *f.Demo)
	}
	return w
}

// seen restricts to conversations c in which the view's agents or queues had a
// part (omni.View.Part).
func (w *where) seen(v omni.View) {
	w.conditions = append(w.conditions, w.part(v))
}

// part is the condition of seen.
func (w *where) part(v omni.View) string {
	agents := w.in(v.Agents)
	if len(v.Queues) == 0 { // few of many: their indexes find them
		return "c.id IN (SELECT a.id FROM conversations a WHERE a.agent_id IN (" + agents + `) UNION
			SELECT s.conversation_id FROM segments s WHERE s.agent_id IN (` + agents + ") AND s.agent_id <> '' AND s.kind = 'agent')"
	}
	queues := w.in(v.Queues)
	return "(c.agent_id IN (" + agents + ") OR c.queue_id IN (" + queues + `) OR EXISTS (SELECT 1 FROM segments s
		WHERE s.conversation_id = c.id AND (s.kind = 'agent' AND s.agent_id IN (` + agents + `)
		OR s.kind IN ('queue', 'agent') AND s.queue_id IN (` + queues + "))))"
}

// LiveConversations are those of the node (all when empty) that are not
// completed, oldest first.
func (db *DB) LiveConversations(ctx context.Context, nodeID string) ([]omni.Conversation, error) {
	tail := "WHERE c.state <> 'completed' ORDER BY c.created_at, c.id"
	if nodeID == "" {
		return db.conversations(ctx, "live conversations", tail)
	}
	return db.conversations(ctx, "live conversations", "WHERE c.node_id = $1 AND "+strings.TrimPrefix(tail, "WHERE "), nodeID)
}

// OpenLegs are the legs without an end of the node's conversations (of all
// when empty), with their dialogs.
func (db *DB) OpenLegs(ctx context.Context, nodeID string) ([]omni.Leg, error) {
	const of = "JOIN conversations c ON c.id = t.conversation_id WHERE t.ended_at = 0"
	if nodeID == "" {
		return list(ctx, db, legs, "open legs", of+" ORDER BY t.started_at, t.id")
	}
	return list(ctx, db, legs, "open legs", of+" AND c.node_id = $1 ORDER BY t.started_at, t.id", nodeID)
}

// LostInQueue finds the newest conversation of the same caller and dialled
// number that waited in a queue when the system failed, since the given time,
// and the first queue segment of its last wait.
func (db *DB) LostInQueue(ctx context.Context, caller, dialled string, since time.Time) (omni.Conversation, omni.Segment, error) {
	const lost = `WHERE c.caller_number = $1 AND c.dialled_number = $2 AND c.created_at >= $3 AND c.ended_at >= $4
		AND c.end_reason = 'system_error' AND EXISTS (SELECT 1 FROM segments s WHERE s.conversation_id = c.id
			AND s.kind = 'queue' AND s.end_reason = 'system_error')
		ORDER BY c.created_at DESC, c.id DESC LIMIT 1`
	found, err := db.conversations(ctx, "lost in queue", lost, caller, dialled, micros(since.Add(-maxStay)), micros(since))
	if err != nil {
		return omni.Conversation{}, omni.Segment{}, err
	}
	if len(found) == 0 {
		return omni.Conversation{}, omni.Segment{}, missing("lost in queue")
	}
	waits, err := list(ctx, db, segments, "lost in queue",
		"WHERE t.conversation_id = $1 AND t.kind = 'queue' AND t.end_reason = 'system_error' ORDER BY t.started_at LIMIT 1", found[0].ID)
	if err != nil || len(waits) == 0 {
		return omni.Conversation{}, omni.Segment{}, err
	}
	return found[0], waits[0], nil
}

// maxStay bounds how long before a span a segment that overlaps it may have
// begun, unless it is still open.
const maxStay = 7 * 24 * time.Hour

// overlapping chooses segments within a span: $1 its beginning, $2 its end, $3
// maxStay before the beginning.
const overlapping = `t.started_at < $2 AND (t.started_at >= $3 AND (t.ended_at > $1 OR t.ended_at = 0 OR t.started_at >= $1)
	OR t.ended_at = 0 AND t.started_at < $3)`

// Segments are those that overlap [from, to), by start. A segment that lasted
// longer than seven days is found by its first seven only.
func (db *DB) Segments(ctx context.Context, from, to time.Time) ([]omni.Segment, error) {
	return list(ctx, db, segments, "segments", "WHERE "+overlapping+" ORDER BY t.started_at, t.id",
		micros(from), micros(to), micros(from.Add(-maxStay)))
}

// ConversationSegments are the segments of a conversation by start.
func (db *DB) ConversationSegments(ctx context.Context, conversationID string) ([]omni.Segment, error) {
	return list(ctx, db, segments, "segments of "+conversationID, "WHERE t.conversation_id = $1 ORDER BY t.started_at, t.id", conversationID)
}

// Detail is a conversation with everything that belongs to it.
func (db *DB) Detail(ctx context.Context, id string) (omni.Detail, error) {
	var d omni.Detail
	var err error
	if d.Conversation, err = db.Conversation(ctx, id); err != nil {
		return omni.Detail{}, err
	}
	d.Identities = []omni.Identity{}
	if cu := d.Conversation.CustomerID; cu != "" {
		found, err := list(ctx, db, customers, "customer "+cu, "WHERE t.id = $1", cu)
		if err != nil {
			return omni.Detail{}, err
		}
		if len(found) > 0 {
			d.Customer = &found[0]
		}
		if d.Identities, err = db.Identities(ctx, cu); err != nil {
			return omni.Detail{}, err
		}
	}
	if d.Segments, err = db.ConversationSegments(ctx, id); err != nil {
		return omni.Detail{}, err
	}
	if d.Legs, err = list(ctx, db, legs, "legs of "+id, "WHERE t.conversation_id = $1 ORDER BY t.started_at, t.id", id); err != nil {
		return omni.Detail{}, err
	}
	if d.Recordings, err = list(ctx, db, recordings, "recordings of "+id, "WHERE t.conversation_id = $1 ORDER BY t.started_at, t.id", id); err != nil {
		return omni.Detail{}, err
	}
	if d.Messages, err = list(ctx, db, messages, "messages of "+id, "WHERE t.conversation_id = $1 ORDER BY t.seq", id); err != nil {
		return omni.Detail{}, err
	}
	d.Events, err = db.ConversationEvents(ctx, id)
	return d, err
}
