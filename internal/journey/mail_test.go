package journey

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// wires brings bags in memory, with the bus's promise: once per id.
type wires struct {
	mu    sync.Mutex
	cut   map[string]bool
	seen  map[string]bool
	tries int
	lose  bool // what is sent to a node that is cut off is lost; else only the answer
	got   []letter
}

func (w *wires) post(_ context.Context, commandID, node string, b bag) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries++
	if w.lose && w.cut[node] {
		return ErrAway
	}
	if !w.seen[commandID] {
		w.seen[commandID] = true
		w.got = append(w.got, b.Letters...)
	}
	if w.cut[node] { // it arrived, its answer does not
		return ErrAway
	}
	return nil
}

// state is what has arrived, and after how many tries.
func (w *wires) state() (got []letter, tries int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.got), w.tries
}

// Letters arrive in order and once, also when answers get lost; those for a dead
// node are dropped, and the end waits for what is under way.
func TestLettersArriveInOrderOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wires{cut: map[string]bool{"nd_2": true}, seen: map[string]bool{}}
		var lives atomic.Bool
		lives.Store(true)
		m := newMail("nd_1", w.post, func(string) bool { return lives.Load() }, slog.New(slog.DiscardHandler))
		const n = 250
		for i := range n {
			m.to("nd_2", letter{Do: letterPage, Kind: fmt.Sprint(i)})
		}
		m.to("nd_1", letter{Do: letterPage}) // to itself: nothing
		time.Sleep(3 * time.Second)
		w.mu.Lock()
		if w.tries < 5 {
			t.Errorf("%d tries in three seconds", w.tries)
		}
		w.cut = nil
		w.mu.Unlock()
		time.Sleep(time.Second)
		got, _ := w.state()
		if len(got) != n {
			t.Fatalf("%d of %d letters", len(got), n)
		}
		for i, l := range got {
			if l.Kind != fmt.Sprint(i) {
				t.Fatalf("letter %d is %s", i, l.Kind)
			}
		}
		w.mu.Lock()
		w.cut, w.tries = map[string]bool{"nd_3": true}, 0
		w.mu.Unlock()
		lives.Store(false)
		m.to("nd_3", letter{Do: letterPage})
		synctest.Wait()
		time.Sleep(time.Second)
		if _, tries := w.state(); tries != 1 {
			t.Errorf("%d tries to a dead node", tries)
		}
		m.to("nd_2", letter{Do: letterGone})
		m.close()
		if got, _ = w.state(); got[len(got)-1].Do != letterGone {
			last := got[len(got)-1]
			t.Errorf("the last letter is %+v", last)
		}
		m.to("nd_2", letter{Do: letterPage}) // after the end: nothing
	})
}

// A node that lives and did not get its letters is told so once it gets any again,
// also when it was thought dead meanwhile or there was no room for them.
func TestLostLettersAreTold(t *testing.T) {
	for _, why := range []string{"no answer", "thought dead", "no room", "no room, then thought dead"} {
		t.Run(why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wires{cut: map[string]bool{"nd_2": true}, lose: true, seen: map[string]bool{}}
				var lives atomic.Bool
				lives.Store(why != "thought dead")
				m := newMail("nd_1", w.post, func(string) bool { return lives.Load() }, slog.New(slog.DiscardHandler))
				defer m.close()
				m.to("nd_2", letter{Do: letterPage})
				synctest.Wait()
				for range letterQueue * 2 {
					if strings.HasPrefix(why, "no room") {
						m.to("nd_2", letter{Do: letterPage})
					}
				}
				if why == "no answer" {
					time.Sleep(mailLimit + time.Second)
				}
				lives.Store(why != "no room, then thought dead")
				w.mu.Lock()
				w.cut = nil
				w.mu.Unlock()
				time.Sleep(time.Second)
				if lives.Store(true); strings.HasSuffix(why, "thought dead") {
					m.to("nd_2", letter{Do: letterHello})
				}
				time.Sleep(time.Second)
				got, _ := w.state()
				lost := 0
				for _, l := range got {
					if l.Do == letterLost {
						lost++
					}
				}
				if lost != 1 {
					t.Errorf("told %d times among %d letters", lost, len(got))
				}
			})
		})
	}
}
