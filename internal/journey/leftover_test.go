package journey

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

// archive is a store of recordings alone.
type archive struct {
	Store
	refuse func(omni.Recording) error // of writes
	away   error                      // of the whole database
	mu     sync.Mutex
	dir    string // of the files
	left   *leftovers
	rows   map[string]omni.Recording
	events []omni.Event
	tries  map[string][]time.Time // of writing a recording as complete
}

func (s *archive) Recording(_ context.Context, id string) (omni.Recording, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away != nil {
		return omni.Recording{}, s.away
	}
	return s.rows[id], nil
}

func (s *archive) Commit(_ context.Context, w Write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := w.Omni.Recordings[0]
	if r.State == omni.RecordingReady {
		s.tries[r.ID] = append(s.tries[r.ID], time.Now())
	}
	if err := s.refuse(r); err != nil {
		return err
	}
	s.rows[r.ID] = r
	s.events = append(s.events, w.Omni.Events...)
	return nil
}

// states counts the rows by state.
func (s *archive) states() map[omni.RecordingState]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[omni.RecordingState]int{}
	for _, r := range s.rows {
		n[r.State]++
	}
	return n
}

func (s *archive) setAway(away error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// completing runs a center that completes n recordings, rc_0 first, until stop;
// before is called before it begins.
func completing(t *testing.T, n int, refuse func(omni.Recording) error, before ...func(*archive)) (s *archive, stop func()) {
	t.Helper()
	dir := t.TempDir()
	s = &archive{refuse: refuse, dir: dir, rows: map[string]omni.Recording{}, tries: map[string][]time.Time{}}
	c := New(Config{NodeID: "nd_a", Recordings: dir}, s, nil, silent{}, nil, slog.New(slog.DiscardHandler))
	s.left = c.left
	for i := range n {
		r := omni.Recording{ID: fmt.Sprintf("rc_%d", i), ConversationID: "cv_1", Kind: recordCall, State: omni.RecordingRunning, StartedAt: time.Now()}
		r.Path = r.ID + ".wav"
		s.rows[r.ID] = r
		if err := os.WriteFile(filepath.Join(dir, r.Path), nil, 0o600); err != nil { // it died before the header
			t.Fatal(err)
		}
		c.left.add(r)
	}
	for _, do := range before {
		do(s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.completeLeftovers(ctx) }()
	return s, func() { cancel(); <-done }
}

// A recording that the database refuses holds up no other one, is tried again with
// growing pauses of no fixed length, and has failed in the end; one that somebody
// else has completed is tried once.
func TestARefusedRecordingHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s, stop := completing(t, 20, func(r omni.Recording) error {
			switch {
			case r.ID == "rc_0" && r.State == omni.RecordingReady:
				return errors.New("the chain of seals is damaged")
			case r.ID == "rc_1":
				return omni.ErrChanged
			}
			return nil
		})
		synctest.Wait()
		if n := s.states(); n[omni.RecordingReady] != 18 || n[omni.RecordingRunning] != 2 || !time.Now().Equal(began) {
			t.Errorf("after %s: %v", time.Since(began), n)
		}
		time.Sleep(time.Hour)
		stop()
		r, tries := s.rows["rc_0"], s.tries["rc_0"]
		if r.State != omni.RecordingFailed || r.Failure != omni.FailedUnsealed || r.SHA256 != "" || r.Bytes == 0 || len(tries) != completeTries {
			t.Errorf("after %d tries: %+v", len(tries), r)
		}
		if n := len(s.tries["rc_1"]); n != 1 {
			t.Errorf("what somebody else has completed was tried %d times", n)
		}
		pause, even := completeAgain, 0
		for i := range tries[1:] {
			gap := tries[i+1].Sub(tries[i])
			if gap < pause/2 || gap > 3*pause/2 {
				t.Errorf("pause %d is %s, want about %s", i, gap, pause)
			}
			if gap == pause {
				even++
			}
			pause = min(2*pause, completeMost)
		}
		if even == len(tries)-1 {
			t.Error("the pauses have no jitter")
		}
		failed := 0
		for _, e := range s.events {
			if e.Type == omni.RecordingFailedEvent {
				failed++
			}
		}
		if failed != 1 || len(s.events) != 19 {
			t.Errorf("%d events, %d of them say that a recording failed", len(s.events), failed)
		}
	})
}

// One that cannot even be written down as failed is left alone.
func TestARecordingThatCannotFailIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stop := completing(t, 1, func(omni.Recording) error { return errors.New("the row is damaged") })
		time.Sleep(time.Hour)
		stop()
		if n := len(s.tries["rc_0"]); n != completeTries || s.rows["rc_0"].State != omni.RecordingRunning {
			t.Errorf("%d tries, %+v", n, s.rows["rc_0"])
		}
	})
}

// One that is found again while it is being completed keeps its tries and its pauses,
// and nothing is kept of it when it is over.
func TestARecordingFoundAgainKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left *leftovers
		found := 0
		s, stop := completing(t, 1, func(r omni.Recording) error {
			if r.State != omni.RecordingReady {
				return nil
			}
			if found < completeTries {
				found++
				left.add(r)
			}
			return errors.New("the chain of seals is damaged")
		}, func(s *archive) { left = s.left })
		time.Sleep(time.Hour)
		stop()
		tries := s.tries["rc_0"]
		if s.rows["rc_0"].State != omni.RecordingFailed || len(tries) != completeTries || len(left.known) != 0 {
			t.Errorf("after %d tries: %+v, known are %v", len(tries), s.rows["rc_0"], left.known)
		}
		for i := range tries[1:] {
			if gap := tries[i+1].Sub(tries[i]); gap < completeAgain/2 {
				t.Errorf("tried again after %s", gap)
			}
		}
	})
}

// While the database is away, or does not answer, nothing fails, however long that
// takes.
func TestRecordingsWaitForTheDatabase(t *testing.T) {
	for _, away := range []error{account.ErrUnavailable, context.DeadlineExceeded} {
		t.Run(away.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, stop := completing(t, 5, func(omni.Recording) error { return nil }, func(s *archive) { s.setAway(away) })
				defer stop()
				time.Sleep(24 * time.Hour)
				s.setAway(nil)
				time.Sleep(2 * completeMost)
				if n := s.states(); n[omni.RecordingReady] != 5 {
					t.Errorf("%v", n)
				}
			})
		})
	}
}

// A row that is never written in time, for instance since another transaction holds
// the end of the chain of seals, is tried for longer than a refused one, not for ever.
func TestASlowRecordingIsNotTriedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, stop := completing(t, 1, func(r omni.Recording) error {
			if r.State == omni.RecordingReady {
				return fmt.Errorf("commit: %w", context.DeadlineExceeded)
			}
			return nil
		})
		time.Sleep(time.Hour)
		stop()
		if r, n := s.rows["rc_0"], len(s.tries["rc_0"]); r.State != omni.RecordingFailed || r.Failure != omni.FailedUnsealed || n != patientTries {
			t.Errorf("after %d tries: %+v", n, r)
		}
	})
}

// A folder that is not mounted yet fails no recording: they are complete once it is.
// One that stays away fails them after about ten minutes.
func TestRecordingsWaitForTheirFiles(t *testing.T) {
	tests := []struct {
		name string
		away time.Duration
		want omni.RecordingState
	}{
		{"mounted after five minutes", 5 * time.Minute, omni.RecordingReady},
		{"mounted after an hour", time.Hour, omni.RecordingFailed},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var failed atomic.Int64 // when, in nanoseconds
				s, stop := completing(t, 2, func(r omni.Recording) error {
					if r.State == omni.RecordingFailed {
						failed.Store(int64(time.Since(began)))
					}
					return nil
				}, func(s *archive) {
					if err := os.Rename(s.dir, s.dir+".away"); err != nil {
						t.Fatal(err)
					}
				})
				time.Sleep(c.away)
				if err := os.Rename(s.dir+".away", s.dir); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * completeMost)
				stop()
				for _, r := range s.rows {
					if r.State != c.want || c.want == omni.RecordingReady && len(r.SHA256) != 64 || c.want == omni.RecordingFailed && r.Failure != omni.FailedDamaged {
						t.Errorf("%+v", r)
					}
				}
				if after := time.Duration(failed.Load()); c.want == omni.RecordingFailed && (after < 7*time.Minute || after > 14*time.Minute) {
					t.Errorf("failed after %s", after)
				}
			})
		})
	}
}

// A file that cannot be read to its end has no hash, and whoever asks for it is told.
func TestAFileThatCannotBeReadHasNoHash(t *testing.T) {
	c := New(Config{NodeID: "nd_a", Recordings: t.TempDir()}, &archive{}, nil, silent{}, nil, slog.New(slog.DiscardHandler))
	r := omni.Recording{ID: "rc_1", Path: ".", Bytes: 58} // a folder opens, but does not read
	if err := c.sum(t.Context(), &r); err == nil || r.SHA256 != "" {
		t.Errorf("hash %q, %v", r.SHA256, err)
	}
}
