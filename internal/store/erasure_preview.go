package store

import (
	"context"

	"github.com/openhotline/hotline/omni"
)

// erasable are the conversations c of the customer $1 that no legal hold keeps.
const erasable = `c.customer_id = $1 AND NOT EXISTS
	(SELECT 1 FROM recordings h WHERE h.conversation_id = c.id AND h.legal_hold = $2)`

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
	count("SELECT count(*) FROM conversations c WHERE "+erasable, of, &p.Conversations)
	count("SELECT count(*) FROM conversations c WHERE c.customer_id = $1 AND c.state <> $2", []any{customerID, omni.Completed}, &p.Open)
	count("SELECT count(*), coalesce(sum(r.bytes), 0) FROM recordings r JOIN conversations c ON c.id = r.conversation_id WHERE "+
		erasable+" AND r.state <> $3", append(of, omni.RecordingDeleted), &p.Recordings, &p.Bytes)
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
