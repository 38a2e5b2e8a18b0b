package journey

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// The nodes of living conversations outlast those of any number that are over.
func TestOwnersOfLivingCallsAreKept(t *testing.T) {
	var f fleet
	f.owns("b", "living")
	for i := range 3 * maxOwners {
		f.owns("c", strconv.Itoa(i))
		if i%(maxOwners/2) == 0 && f.owner("living") != "b" {
			t.Fatalf("forgotten after %d others", i)
		}
	}
	if n := len(f.owners) + len(f.former); n > 2*maxOwners {
		t.Errorf("%d conversations are remembered", n)
	}
	f.forget("b")
	if node := f.owner("living"); node != "" {
		t.Errorf("a dead node's call is %q's", node)
	}
}

// Nothing is kept of who sent something once: neither a name for each node that
// ever wrote a letter, nor a note about who says no name.
func TestNothingIsKeptOfPassingNodes(t *testing.T) {
	var f fleet
	for i := range 100 {
		over, err := f.takeTurn(t.Context(), strconv.Itoa(i))
		if err != nil {
			t.Fatal(err)
		}
		over()
	}
	if len(f.turns) != 0 {
		t.Errorf("%d turns are kept of nodes whose letters are read", len(f.turns))
	}
	if f.speaks("", false) || len(f.foreign) != 0 {
		t.Errorf("noted about nobody: %v", f.foreign)
	}
}

// Letters of a node are read by one after the other; who waits for too long goes
// away, and the turn with the last one.
func TestLettersAreReadInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f fleet
		first, err := f.takeTurn(t.Context(), "b")
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.takeTurn(short, "b"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("two read at once: %v", err)
		}
		if other, err := f.takeTurn(t.Context(), "c"); err != nil {
			t.Error(err)
		} else {
			other()
		}
		time.AfterFunc(time.Second, first)
		second, err := f.takeTurn(t.Context(), "b")
		if err != nil {
			t.Fatal(err)
		}
		if len(f.turns) != 1 {
			t.Errorf("%d turns while letters of one node are read", len(f.turns))
		}
		second()
		if len(f.turns) != 0 {
			t.Errorf("%d turns are left", len(f.turns))
		}
	})
}
