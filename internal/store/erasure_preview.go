package store

import (
	"context"

	"github.com/openhotline/hotline/omni"
)

// erasable are the conversations c of the customer $1 that no legal hold keeps.
const erasable = `c.customer_id = $1 AND NOT EXISTS
	(SELECT 1 FROM recordings h WHERE h.conversation_id = c.id AND h.legal_hold = $2)`

// erasesSomething is of those the ones of which an earlier erasure left something.
const erasesSomething = erasable + ` AND (c.caller_number <> '' OR c.subject <> '' OR c.wrap_up_note <> '' OR c.flow_path NOT IN ('', 'null', '[]')
	OR EXISTS (SELECT 1 FROM messages m WHERE m.conversation_id = c.id AND (m.text <> '' OR m.data <> ''))
	OR EXISTS (SELECT 1 FROM segments s WHERE s.conversation_id = c.id AND s.wrap_up_note <> '')
	OR EXISTS (SELECT 1 FROM recordings r WHERE r.conversation_id = c.id AND r.state <> $3))`

// ErasurePreview counts what an erasure of the customer would erase now, and
// lists what a legal hold would keep. It changes nothing.
func (db *DB) ErasurePreview(ctx context.Context, customerID string) (omni.ErasurePreview, error) {
	p := omni.ErasurePreview{CustomerID: customerID, Kept: []omni.HeldPart{}}
	if _, err := db.Customer(ctx, customerID); err != nil {
		return p, err
	}
	var err error
	count := func(text string, args []any, into ...any) {
		if err == nil {
			err = db.queryRow(ctx, text, args...).Scan(into...)
		}
	}
	of := []any{customerID, true}
	count("SELECT count(*) FROM identities WHERE customer_id = $1", of[:1], &p.Identities)
	there := append(of[:2:2], omni.RecordingDeleted)
	count("SELECT count(*) FROM conversations c WHERE "+erasesSomething, there, &p.Conversations)
	count("SELECT count(*) FROM conversations c WHERE c.customer_id = $1 AND c.state <> $2", []any{customerID, omni.Completed}, &p.Open)
	count("SELECT count(*), coalesce(sum(r.bytes), 0) FROM recordings r JOIN conversations c ON c.id = r.conversation_id WHERE "+
		erasable+" AND r.state <> $3", there, &p.Recordings, &p.Bytes)
	count("SELECT count(*) FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE "+
		erasable+" AND (m.text <> '' OR m.data <> '')", of, &p.Messages)
	count("SELECT count(*) FROM segments s JOIN conversations c ON c.id = s.conversation_id WHERE "+
		erasable+" AND s.wrap_up_note <> ''", of, &p.Notes)
	if err != nil {
		return p, db.failed("erasure preview of "+customerID, err)
	}
	held, err := list(ctx, db, recordings, "erasure preview of "+customerID,
		"JOIN conversations c ON c.id = t.conversation_id WHERE c.customer_id = $1 AND t.legal_hold = $2 ORDER BY t.started_at, t.id", of...)
	for _, r := range held {
		p.Kept = append(p.Kept, omni.HeldPart{ConversationID: r.ConversationID, RecordingID: r.ID,
			StartedAt: r.StartedAt, HeldAt: r.HoldAt, Reason: r.HoldReason})
	}
	return p, err
}
