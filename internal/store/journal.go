package store

import (
	"context"

	"github.com/openhotline/hotline/omni"
)

var (
	eventsAfter          = "SELECT e.seq, " + events.selects("e") + " FROM events e WHERE e.seq > $1 ORDER BY e.seq LIMIT $2"
	eventsOfConversation = "SELECT e.seq, " + events.selects("e") + " FROM events e WHERE e.conversation_id = $1 AND e.conversation_id <> '' ORDER BY e.conversation_seq"
)

// maxEvents bounds one read of the journal.
const maxEvents = 10_000

// Events returns the events after a seq in its order, at most limit of them
// (0 or less: 1000; never more than 10,000).
func (db *DB) Events(ctx context.Context, after int64, limit int) ([]omni.Event, error) {
	if limit <= 0 {
		limit = feedRead
	}
	rows, err := db.query(ctx, eventsAfter, after, int64(min(limit, maxEvents)))
	list, err := scanEvents(rows, err)
	return list, db.failed("events", err)
}

// Head is the seq of the last event, 0 before the first.
func (db *DB) Head(ctx context.Context) (int64, error) {
	var head int64
	err := db.queryRow(ctx, "SELECT coalesce(max(seq), 0) FROM events").Scan(&head)
	return head, db.failed("head", err)
}

// ConversationEvents returns the events of one conversation in their order; on
// PostgreSQL those of the last moment may have no seq yet.
func (db *DB) ConversationEvents(ctx context.Context, conversationID string) ([]omni.Event, error) {
	rows, err := db.query(ctx, eventsOfConversation, conversationID)
	list, err := scanEvents(rows, err)
	return list, db.failed("events of "+conversationID, err)
}
