package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/openhotline/hotline/omni"
)

var seals = newRow("seals", `seq recording_id conversation_id kind failure path bytes duration_ms sha256 started_at ended_at previous seal`,
	func(s *omni.Seal) []any {
		return []any{&s.Seq, &s.RecordingID, &s.ConversationID, &s.Kind, &s.Failure, &s.Path, &s.Bytes, &s.DurationMS, &s.SHA256,
			stamp{&s.StartedAt}, stamp{&s.EndedAt}, &s.Previous, &s.Value}
	})

var insertSeal = "INSERT INTO seals (" + strings.Join(seals.columns, ", ") + ") VALUES (" + placeholders(1, len(seals.columns)) + ")"

// lockSeals gives the end of the chain; the row stays locked until the
// transaction ends, so that seals follow each other in the order of commits.
const lockSeals = `INSERT INTO seal_head (id, seq, seal) VALUES (1, 0, '') ON CONFLICT (id) DO UPDATE SET seq = seal_head.seq
	RETURNING seq, seal`

// sealRecording seals a recording that is finished: once, or again when it is
// not what was sealed. That happens when a node was silent for so long that
// another one finished its recordings, and then finishes them itself.
func sealRecording(ctx context.Context, q querier, r *omni.Recording) error {
	if r.SHA256 == "" || r.State != omni.RecordingReady && r.State != omni.RecordingFailed {
		return nil
	}
	var seq int64
	var previous string
	if err := q.QueryRowContext(ctx, lockSeals).Scan(&seq, &previous); err != nil {
		return fmt.Errorf("seal %s: %w", r.ID, err)
	}
	var last omni.Seal
	err := q.QueryRowContext(ctx, "SELECT seq, previous, seal FROM seals WHERE recording_id = $1 ORDER BY seq DESC LIMIT 1", r.ID).
		Scan(&last.Seq, &last.Previous, &last.Value)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return fmt.Errorf("seal %s: %w", r.ID, err)
	case omni.NewSeal(last.Seq, last.Previous, *r).Value == last.Value:
		return nil
	}
	s := omni.NewSeal(seq+1, previous, *r)
	if _, err := q.ExecContext(ctx, insertSeal, seals.values(&s)...); err != nil {
		return fmt.Errorf("seal %s: %w", r.ID, err)
	}
	if _, err := q.ExecContext(ctx, "UPDATE seal_head SET seq = $1, seal = $2 WHERE id = 1", s.Seq, s.Value); err != nil {
		return fmt.Errorf("seal %s: %w", r.ID, err)
	}
	return nil
}
