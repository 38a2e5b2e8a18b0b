package store

import (
	"errors"
	"testing"

	"github.com/openhotline/hotline/omni"
)

// A sequencer whose connection broke after it numbered events hands them on
// when it leads again, and starts anew when another led meanwhile.
func TestFeedResumes(t *testing.T) {
	f := newFeed(nil, 5, false)
	f.push([]omni.Event{{Seq: 6}, {Seq: 7}})
	if list, _, err := f.next(t.Context()); err != nil || len(list) != 2 || f.delivered != 7 {
		t.Fatal(list, err)
	}
	f.begin(9, true)
	if f.delivered != 7 || f.head != 9 {
		t.Errorf("resumed at %d of %d, want 7 of 9", f.delivered, f.head)
	}
	f.begin(20, false)
	if f.delivered != 20 || f.head != 20 {
		t.Errorf("begun at %d of %d, want 20 of 20", f.delivered, f.head)
	}
	f.push([]omni.Event{{Seq: 20}, {Seq: 21}})
	if list, _, err := f.next(t.Context()); err != nil || len(list) != 1 || list[0].Seq != 21 {
		t.Errorf("after the beginning: %+v, %v", list, err)
	}
}

func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "x", "MC4A", cursor{1_700_000_000_000_000, "cv_01J"}.String(), cursor{-1, ""}.String(), cursor{0, "a.b"}.String()} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := parseCursor(s)
		if err != nil {
			if !errors.Is(err, omni.ErrCursor) {
				t.Fatal(err)
			}
			return
		}
		if again, err := parseCursor(c.String()); err != nil || again != c {
			t.Fatalf("%q: %+v comes back as %+v, %v", s, c, again, err)
		}
	})
}
