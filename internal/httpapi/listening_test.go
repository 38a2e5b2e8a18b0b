package httpapi

import (
	"fmt"
	"testing"
	"time"
)

func TestListeningsBegin(t *testing.T) {
	t.Parallel()
	var l listenings
	at := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name            string
		user, recording string
		after           time.Duration
		want            bool
	}{
		{"the first request", "us_1", "rc_1", 0, true},
		{"a later piece", "us_1", "rc_1", 4 * time.Minute, false},
		{"a piece of a long recording", "us_1", "rc_1", 8 * time.Minute, false},
		{"somebody else", "us_2", "rc_1", 8 * time.Minute, true},
		{"another recording", "us_1", "rc_2", 8 * time.Minute, true},
		{"again after a while", "us_1", "rc_1", 14 * time.Minute, true},
	} {
		if got := l.begins(c.user, c.recording, at.Add(c.after)); got != c.want {
			t.Errorf("%s: begins %v, want %v", c.name, got, c.want)
		}
	}
	for i := range 3 * maxListenings {
		l.begins("us_1", fmt.Sprint("rc_many_", i), at)
		if len(l.last) > maxListenings {
			t.Fatalf("%d are remembered", len(l.last))
		}
	}
}
