package store

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/omni"
)

var nine = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func stay(id, conversation string, d time.Duration, why omni.EndReason) omni.Segment {
	return omni.Segment{ID: id, ConversationID: conversation, Kind: omni.SegmentQueue, QueueID: "qu_1", EndReason: why, StartedAt: nine, EndedAt: nine.Add(d)}
}

func openLite(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "hotline.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func commitSegments(t *testing.T, db *DB, list ...omni.Segment) {
	t.Helper()
	if _, err := db.Commit(t.Context(), Write{Omni: omni.Change{Segments: list}}); err != nil {
		t.Fatal(err)
	}
}

// asa is the mean wait of the queue's morning in seconds, from sheets and from
// segments.
func asa(t *testing.T, db *DB) (fast, slow float64) {
	t.Helper()
	q := insight.Query{By: insight.ByQueue, Granularity: insight.Whole, From: nine, To: nine.Add(8 * time.Hour)}
	for i, f := range []func(context.Context, insight.Query) ([]insight.Row, error){db.Figures, db.RecountFigures} {
		rows, err := f(t.Context(), q)
		if err != nil || len(rows) != 1 {
			t.Fatal(rows, err)
		}
		if i == 0 {
			fast = rows[0].Figure(insight.ASA).Value
		} else {
			slow = rows[0].Figure(insight.ASA).Value
		}
	}
	return fast, slow
}

// readToFold reads conversations as one who makes sheets does; what it returns
// moves them.
func readToFold(t *testing.T, db *DB, ids ...string) (fold func() int) {
	t.Helper()
	read, revisions := map[string][]omni.Segment{}, map[string]int64{}
	for _, id := range ids {
		list, err := db.ConversationSegments(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		var revision int64
		if err := db.queryRow(t.Context(), "SELECT revision FROM unsheeted WHERE conversation_id = $1", id).Scan(&revision); err != nil {
			t.Fatal(err)
		}
		read[id], revisions[id] = list, revision
	}
	list, err := json.Marshal(ids)
	if err != nil {
		t.Fatal(err)
	}
	return func() (n int) {
		err := db.exclusive(t.Context(), func(q querier) (err error) {
			n, err = db.fold(t.Context(), q, string(list), revisions, read)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

// A conversation that went into the sheets and came out again since it was read
// is not what was read.
func TestAConversationThatCameBackIsReadAgain(t *testing.T) {
	t.Parallel()
	db := openLite(t)
	commitSegments(t, db, stay("sg_1", "cv_1", 10*time.Second, omni.Answered))
	late := readToFold(t, db, "cv_1")
	if n, err := db.FoldSheets(t.Context()); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	commitSegments(t, db, stay("sg_1", "cv_1", 30*time.Second, omni.Answered))
	if n := late(); n != 0 {
		t.Errorf("%d conversations folded as they were before, want 0", n)
	}
	if fast, slow := asa(t, db); fast != 30 || slow != 30 {
		t.Errorf("ASA %v from sheets, %v from segments, want 30", fast, slow)
	}
}

// A conversation that is written between its reading and its folding stays
// unsheeted, and is folded as it is then.
func TestAWriteWhileSheetsAreMadeIsNotLost(t *testing.T) {
	t.Parallel()
	db := openLite(t)
	commitSegments(t, db, stay("sg_1", "cv_1", 10*time.Second, omni.Answered), stay("sg_2", "cv_2", 10*time.Second, omni.Answered))
	fold := readToFold(t, db, "cv_1", "cv_2")
	commitSegments(t, db, stay("sg_2", "cv_2", 30*time.Second, omni.Answered))
	if n := fold(); n != 1 {
		t.Errorf("%d conversations folded, want 1", n)
	}
	if left, err := db.Unsheeted(t.Context()); left != 1 || err != nil {
		t.Errorf("%d unsheeted, %v", left, err)
	}
	if n, err := db.FoldSheets(t.Context()); n != 1 || err != nil {
		t.Errorf("%d folded, %v", n, err)
	}
	if fast, slow := asa(t, db); fast != 20 || slow != 20 {
		t.Errorf("ASA %v from sheets, %v from segments, want 20", fast, slow)
	}
}

// Sheets that do not hold what a correction takes out are made again; until
// then the figures come from the segments.
func TestWrongSheetsAreMadeAgain(t *testing.T) {
	t.Parallel()
	db := openLite(t)
	commitSegments(t, db, stay("sg_1", "cv_1", 10*time.Second, omni.Answered))
	if _, err := db.FoldSheets(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.exclusive(t.Context(), func(q querier) error {
		_, err := q.ExecContext(t.Context(), "DELETE FROM sheets")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	commitSegments(t, db, stay("sg_1", "cv_1", 20*time.Second, omni.Answered))
	if fast, slow := asa(t, db); fast != 20 || slow != 20 {
		t.Errorf("ASA %v before sheets are made again, %v from segments", fast, slow)
	}
	if n, err := db.FoldSheets(t.Context()); n != 1 || err != nil {
		t.Errorf("%d folded, %v", n, err)
	}
	if fast, slow := asa(t, db); fast != 20 || slow != 20 {
		t.Errorf("ASA %v from new sheets, %v from segments", fast, slow)
	}
}

// A database of a version without sheets gets them in steps that can be
// interrupted, and its figures are right at every step.
func TestOldDatabasesGetTheirSheets(t *testing.T) {
	t.Parallel()
	db := openLite(t)
	var list []omni.Segment
	const batch = 20
	for i := range 10*batch + 10 {
		list = append(list, stay("sg_"+time.Duration(i).String(), "cv_"+time.Duration(i).String(), time.Duration(1+i%40)*time.Second, omni.Answered))
	}
	commitSegments(t, db, list...)
	if err := db.exclusive(t.Context(), func(q querier) error {
		if _, err := q.ExecContext(t.Context(), "DELETE FROM unsheeted"); err != nil {
			return err
		}
		return db.discardSheets(t.Context(), q)
	}); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for ready := false; !ready; steps++ {
		var err error
		if ready, err = db.markSome(t.Context(), 5*batch); err != nil {
			t.Fatal(err)
		}
		if fast, slow := asa(t, db); fast != slow {
			t.Errorf("step %d: ASA %v and %v", steps, fast, slow)
		}
	}
	if steps != 4 {
		t.Errorf("%d steps", steps)
	}
	stop, cancel := context.WithCancel(t.Context())
	err := db.foldAll(stop, batch, func(time.Duration, int) error { cancel(); return stop.Err() })
	if err == nil {
		t.Error("not interrupted")
	}
	if fast, slow := asa(t, db); fast != slow {
		t.Errorf("interrupted: ASA %v and %v", fast, slow)
	}
	if n, err := db.FoldSheets(t.Context()); n != len(list)-batch || err != nil {
		t.Errorf("%d folded after the interruption, %v", n, err)
	}
	if fast, slow := asa(t, db); fast != slow {
		t.Errorf("ASA %v and %v", fast, slow)
	}
}

// A damaged sheet stops neither figures nor folding: all are made again.
func TestADamagedSheetHeals(t *testing.T) {
	t.Parallel()
	for _, first := range []string{"figures", "fold"} {
		db := openLite(t)
		commitSegments(t, db, stay("sg_1", "cv_1", 10*time.Second, omni.Answered))
		if _, err := db.FoldSheets(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := db.exclusive(t.Context(), func(q querier) error {
			_, err := q.ExecContext(t.Context(), "UPDATE sheets SET body = $1", []byte{0xff, 1, 2})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		commitSegments(t, db, stay("sg_2", "cv_2", 20*time.Second, omni.Answered))
		if first == "figures" {
			if fast, slow := asa(t, db); fast != 15 || slow != 15 {
				t.Errorf("ASA %v, %v from segments", fast, slow)
			}
		}
		for range 2 {
			if _, err := db.FoldSheets(t.Context()); err != nil {
				t.Errorf("%s first: %v", first, err)
			}
		}
		if left, err := db.Unsheeted(t.Context()); left != 0 || err != nil {
			t.Errorf("%s first: %d unsheeted, %v", first, left, err)
		}
		if fast, slow := asa(t, db); fast != 15 || slow != 15 {
			t.Errorf("%s first: ASA %v from new sheets, %v", first, fast, slow)
		}
	}
}
