package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/openhotline/hotline/omni"
)

// SealReport is what VerifySeals found.
type SealReport struct {
	Sealed   int64 `json:"sealed"`   // seals in the chain
	Hold     int64 `json:"hold"`     // recordings that are what was sealed
	Deleted  int64 `json:"deleted"`  // of those that hold: their files are deleted as their rows say
	Unsealed int64 `json:"unsealed"` // finished with a file, and no seal: older than the chain, or failed as unsealed
	// Elsewhere counts by node the recordings whose files only that node can hold
	// to their seals: none of its files is in this folder.
	Elsewhere map[string]int64 `json:"elsewhere,omitempty"`
	// Resealed are the recordings that were sealed again, since the node that made
	// them was given up and finished them later than another one did.
	Resealed []string `json:"resealed,omitempty"`
	Head     string   `json:"head"` // the last seal; keep it elsewhere
	// Broken is what does not hold, in the order of the chain, up to MaxBroken;
	// BrokenCount is how much there is in all.
	Broken      []BrokenSeal `json:"broken,omitempty"`
	BrokenCount int64        `json:"broken_count"`
}

// MaxBroken bounds how much of what does not hold is listed.
const MaxBroken = 10_000

// BrokenSeal is something that does not hold.
type BrokenSeal struct {
	Seq         int64  `json:"seq"`
	RecordingID string `json:"recording_id"`
	// What is wrong: chain (the seals themselves), row, file, missing (the file),
	// cut (seals at the end are gone), head (the expected seal is not in the chain).
	What   string `json:"what"`
	Detail string `json:"detail"`
}

// sealWalk is one walk along the chain.
type sealWalk struct {
	db     *DB
	root   *os.Root
	node   string // whose files are here in any case; empty: everybody's
	rep    SealReport
	seq    int64  // of the last seal
	found  bool   // the expected head
	expect string // the expected head
	// missing are the files of other nodes that are not here, by node.
	missing map[string]*notHere
}

// notHere are files that are gone, or in another folder.
type notHere struct {
	count int64
	list  []BrokenSeal // up to MaxBroken
}

// VerifySeals walks the chain from its beginning: each seal, the row and the
// file of its recording. It tells everything that does not hold. node is the one
// on which it walks, empty: the only one. Folders need not be shared between
// nodes: files of a node that has none in the folder are counted as elsewhere.
// expect is a head that was noted before, which must be in the chain; empty: none.
func (db *DB) VerifySeals(ctx context.Context, folder, node, expect string) (SealReport, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return SealReport{}, fmt.Errorf("verify recordings: %w", err)
	}
	defer root.Close()
	w := sealWalk{db: db, root: root, node: node, expect: expect, found: expect == "", missing: map[string]*notHere{}}
	err = db.queryRow(ctx, `SELECT count(*) FROM recordings r WHERE r.state IN ('ready', 'failed') AND r.bytes > 0
		AND NOT EXISTS (SELECT 1 FROM seals s WHERE s.recording_id = r.id)`).Scan(&w.rep.Unsealed)
	if err != nil {
		return w.rep, db.failed("verify recordings", err)
	}
	if err := w.walk(ctx); err != nil {
		return w.rep, err
	}
	return w.rep, w.settle(ctx)
}

// walk walks to the end of the chain, and again as long as seals are added
// meanwhile.
func (w *sealWalk) walk(ctx context.Context) error {
	var seq int64
	var head string
	for {
		if err := w.goOn(ctx); err != nil {
			return err
		}
		if w.seq < seq {
			break // what the head had counted is not there
		}
		err := w.db.queryRow(ctx, "SELECT seq, seal FROM seal_head WHERE id = 1").Scan(&seq, &head)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return w.db.failed("verify recordings", err)
		}
		if err != nil || seq <= w.seq {
			break
		}
	}
	switch {
	case seq != w.seq || head != w.rep.Head:
		w.broken(BrokenSeal{Seq: w.seq + 1, What: "cut", Detail: fmt.Sprintf("the chain ends at %d, its head says %d", w.seq, seq)})
	case !w.found:
		w.broken(BrokenSeal{Seq: w.seq, What: "head", Detail: "the expected seal is not in the chain"})
	}
	return nil
}

// goOn walks on behind the last seal that was walked until there is none.
func (w *sealWalk) goOn(ctx context.Context) error {
	for {
		next, err := list(ctx, w.db, seals, "seals", "WHERE t.seq > $1 ORDER BY t.seq LIMIT 500", w.seq)
		if err != nil || len(next) == 0 {
			return err
		}
		for _, s := range next {
			if err := w.check(ctx, s); err != nil {
				return err
			}
			w.seq, w.rep.Head = s.Seq, s.Value
			w.rep.Sealed++
			w.found = w.found || s.Value == w.expect
		}
	}
}

// broken notes what does not hold.
func (w *sealWalk) broken(b BrokenSeal) {
	if w.rep.BrokenCount++; len(w.rep.Broken) < MaxBroken {
		w.rep.Broken = append(w.rep.Broken, b)
	}
}

// check holds one link to the one before and to its recording.
func (w *sealWalk) check(ctx context.Context, s omni.Seal) error {
	linked := true
	chain := func(detail string) {
		linked = false
		w.broken(BrokenSeal{Seq: s.Seq, RecordingID: s.RecordingID, What: "chain", Detail: detail})
	}
	if s.Seq == w.seq+2 {
		chain(fmt.Sprintf("number %d is gone", w.seq+1))
	} else if s.Seq != w.seq+1 {
		chain(fmt.Sprintf("numbers %d to %d are gone", w.seq+1, s.Seq-1))
	}
	if s.Previous != w.rep.Head {
		chain("it does not follow the seal before")
	}
	if s.Value != s.Compute() {
		chain("it is not the hash of its fields")
	}
	again := len(w.rep.Resealed)
	b, err := w.checkRecording(ctx, s)
	if err == nil && b.What != "" { // it may have been deleted, or sealed again, between the row and the file
		b, err = w.checkRecording(ctx, s)
	}
	if err != nil {
		return err
	}
	if b.What == "" {
		if linked && len(w.rep.Resealed) == again {
			w.rep.Hold++
		}
		return nil
	}
	if b.What != "missing" || w.node == "" {
		w.broken(b)
		return nil
	}
	var node string
	err = w.db.queryRow(ctx, "SELECT node_id FROM conversations WHERE id = $1", s.ConversationID).Scan(&node)
	switch {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return w.db.failed("verify recordings", err)
	case err != nil, node == w.node:
		w.broken(b)
		return nil
	}
	m := w.missing[node]
	if m == nil {
		m = &notHere{}
		w.missing[node] = m
	}
	if m.count++; len(m.list) < MaxBroken {
		m.list = append(m.list, b)
	}
	return nil
}

// checkRecording holds a seal to the row and the file of its recording; nothing
// is wrong where What is empty.
func (w *sealWalk) checkRecording(ctx context.Context, s omni.Seal) (b BrokenSeal, err error) {
	broken := func(what, detail string) (BrokenSeal, error) {
		return BrokenSeal{Seq: s.Seq, RecordingID: s.RecordingID, What: what, Detail: detail}, nil
	}
	var again bool
	if err := w.db.queryRow(ctx, "SELECT EXISTS (SELECT 1 FROM seals WHERE recording_id = $1 AND seq > $2)", s.RecordingID, s.Seq).Scan(&again); err != nil {
		return b, w.db.failed("verify recordings", err)
	}
	if again { // the newer seal is held to the row and the file
		w.rep.Resealed = append(w.rep.Resealed, s.RecordingID)
		return b, nil
	}
	r, err := w.db.Recording(ctx, s.RecordingID)
	if errors.Is(err, omni.ErrNotFound) {
		return broken("row", "it is gone")
	}
	if err != nil {
		return b, err
	}
	if field := s.Differs(r); field != "" {
		return broken("row", field+" was changed")
	}
	if r.State == omni.RecordingDeleted {
		w.rep.Deleted++
		return b, nil
	}
	f, err := w.root.Open(r.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return broken("missing", r.Path)
	}
	if err != nil {
		return b, fmt.Errorf("verify %s: %w", r.ID, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return b, fmt.Errorf("verify %s: %w", r.ID, err)
	}
	if hex.EncodeToString(h.Sum(nil)) != s.SHA256 {
		return broken("file", r.Path)
	}
	return b, nil
}

// settle tells whether what is missing of other nodes is gone, which it is when
// the folder has other files of theirs, or elsewhere.
func (w *sealWalk) settle(ctx context.Context) error {
	for node, m := range w.missing {
		here, err := w.has(ctx, node)
		if err != nil {
			return err
		}
		if !here {
			if w.rep.Elsewhere == nil {
				w.rep.Elsewhere = map[string]int64{}
			}
			w.rep.Elsewhere[node] = m.count
			continue
		}
		w.rep.Broken = append(w.rep.Broken, m.list...)
		w.rep.BrokenCount += m.count
	}
	slices.SortStableFunc(w.rep.Broken, func(a, b BrokenSeal) int { return cmp.Compare(a.Seq, b.Seq) })
	w.rep.Broken = w.rep.Broken[:min(len(w.rep.Broken), MaxBroken)]
	return nil
}

// has tells whether the folder has any file of a node.
func (w *sealWalk) has(ctx context.Context, node string) (bool, error) {
	for after := ""; ; {
		next, err := list(ctx, w.db, recordings, "recordings of a node", `JOIN conversations c ON c.id = t.conversation_id
			WHERE c.node_id = $1 AND t.state IN ('ready', 'failed') AND t.path <> '' AND t.id > $2 ORDER BY t.id LIMIT 500`, node, after)
		if err != nil || len(next) == 0 {
			return false, err
		}
		for _, r := range next {
			if _, err := w.root.Stat(r.Path); err == nil {
				return true, nil
			}
			after = r.ID
		}
	}
}
