package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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

// SealReport is what VerifySeals found.
type SealReport struct {
	Sealed   int64 `json:"sealed"`
	Deleted  int64 `json:"deleted"`  // of these, whose files are deleted as their rows say
	Unsealed int64 `json:"unsealed"` // finished with a file, and no seal: older than the chain
	// Resealed are the recordings that were sealed again, since the node that made
	// them was given up and finished them later than another one did.
	Resealed []string    `json:"resealed,omitempty"`
	Head     string      `json:"head"` // the last seal; keep it elsewhere
	Broken   *BrokenSeal `json:"broken,omitempty"`
}

// BrokenSeal is the first link of the chain that does not hold.
type BrokenSeal struct {
	Seq         int64  `json:"seq"`
	RecordingID string `json:"recording_id"`
	// What is wrong: chain (the seals themselves), row, file, missing (the file),
	// cut (seals at the end are gone), head (the expected seal is not in the chain).
	What   string `json:"what"`
	Detail string `json:"detail"`
}

// VerifySeals walks the chain from its beginning: each seal, the row and the
// file of its recording. It stops at the first link that does not hold. expect
// is a head that was noted before, which must be in the chain; empty: none.
func (db *DB) VerifySeals(ctx context.Context, folder, expect string) (rep SealReport, err error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return rep, fmt.Errorf("verify recordings: %w", err)
	}
	defer root.Close()
	err = db.queryRow(ctx, `SELECT count(*) FROM recordings r WHERE r.state IN ('ready', 'failed') AND r.bytes > 0
		AND NOT EXISTS (SELECT 1 FROM seals s WHERE s.recording_id = r.id)`).Scan(&rep.Unsealed)
	if err != nil {
		return rep, db.failed("verify recordings", err)
	}
	found := expect == ""
	var seq int64
	var head string
	for { // again as long as seals are added meanwhile
		if err := db.walkSeals(ctx, root, &rep, func(s *omni.Seal) { found = found || s.Value == expect }); err != nil || rep.Broken != nil {
			return rep, err
		}
		if rep.Sealed < seq {
			break // what the head had counted is not there
		}
		err = db.queryRow(ctx, "SELECT seq, seal FROM seal_head WHERE id = 1").Scan(&seq, &head)
		if err != nil || seq <= rep.Sealed {
			break
		}
	}
	switch {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return rep, db.failed("verify recordings", err)
	case seq != rep.Sealed || head != rep.Head:
		rep.Broken = &BrokenSeal{Seq: rep.Sealed + 1, What: "cut", Detail: fmt.Sprintf("the chain ends at %d, its head says %d", rep.Sealed, seq)}
	case !found:
		rep.Broken = &BrokenSeal{Seq: rep.Sealed, What: "head", Detail: "the expected seal is not in the chain"}
	}
	return rep, nil
}

// walkSeals goes on behind the last seal that was walked, until there is none or
// one does not hold.
func (db *DB) walkSeals(ctx context.Context, root *os.Root, rep *SealReport, holds func(*omni.Seal)) error {
	for {
		next, err := list(ctx, db, seals, "seals", "WHERE t.seq > $1 ORDER BY t.seq LIMIT 500", rep.Sealed)
		if err != nil || len(next) == 0 {
			return err
		}
		for _, s := range next {
			rep.Broken, err = db.checkSeal(ctx, root, s, rep)
			if err != nil || rep.Broken != nil {
				return err
			}
			rep.Sealed, rep.Head = s.Seq, s.Value
			holds(&s)
		}
	}
}

// checkSeal holds one link to the one before and to its recording.
func (db *DB) checkSeal(ctx context.Context, root *os.Root, s omni.Seal, rep *SealReport) (*BrokenSeal, error) {
	broken := func(what, detail string) (*BrokenSeal, error) {
		return &BrokenSeal{Seq: s.Seq, RecordingID: s.RecordingID, What: what, Detail: detail}, nil
	}
	switch {
	case s.Seq != rep.Sealed+1:
		return broken("chain", fmt.Sprintf("number %d is gone", rep.Sealed+1))
	case s.Previous != rep.Head:
		return broken("chain", "it does not follow the seal before")
	case s.Value != s.Compute():
		return broken("chain", "it is not the hash of its fields")
	}
	b, err := db.checkRecording(ctx, root, s, rep)
	if err == nil && b != nil { // it may have been deleted, or sealed again, between the row and the file
		b, err = db.checkRecording(ctx, root, s, rep)
	}
	return b, err
}

// checkRecording holds a seal to the row and the file of its recording.
func (db *DB) checkRecording(ctx context.Context, root *os.Root, s omni.Seal, rep *SealReport) (*BrokenSeal, error) {
	broken := func(what, detail string) (*BrokenSeal, error) {
		return &BrokenSeal{Seq: s.Seq, RecordingID: s.RecordingID, What: what, Detail: detail}, nil
	}
	var again bool
	if err := db.queryRow(ctx, "SELECT EXISTS (SELECT 1 FROM seals WHERE recording_id = $1 AND seq > $2)", s.RecordingID, s.Seq).Scan(&again); err != nil {
		return nil, db.failed("verify recordings", err)
	}
	if again { // the newer seal is held to the row and the file
		rep.Resealed = append(rep.Resealed, s.RecordingID)
		return nil, nil //nolint:nilnil // nothing is broken
	}
	r, err := db.Recording(ctx, s.RecordingID)
	if errors.Is(err, omni.ErrNotFound) {
		return broken("row", "it is gone")
	}
	if err != nil {
		return nil, err
	}
	if field := s.Differs(r); field != "" {
		return broken("row", field+" was changed")
	}
	if r.State == omni.RecordingDeleted {
		rep.Deleted++
		return nil, nil //nolint:nilnil // nothing is broken
	}
	f, err := root.Open(r.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return broken("missing", r.Path)
	}
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", r.ID, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, fmt.Errorf("verify %s: %w", r.ID, err)
	}
	if hex.EncodeToString(h.Sum(nil)) != s.SHA256 {
		return broken("file", r.Path)
	}
	return nil, nil //nolint:nilnil // nothing is broken
}
