package journey

import (
	"strconv"
	"testing"
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
