package setup

import (
	"testing"

	"github.com/openhotline/hotline/internal/id"
)

// The share of recorded conversations is what was set, and who is recorded with
// a smaller share is with a larger one.
func TestShareOfRecordings(t *testing.T) {
	t.Parallel()
	const n = 20_000
	ids := make([]string, n)
	for i := range ids {
		ids[i] = id.New(id.Conversation)
	}
	for _, c := range []struct {
		share int
		want  float64
	}{{0, 1}, {1, .01}, {20, .2}, {50, .5}, {100, 1}} {
		count := 0
		for _, cv := range ids {
			q := Queue{Record: true, RecordShare: c.share}
			yes := q.Records(cv)
			if yes != q.Records(cv) {
				t.Fatal("decided twice, differently")
			}
			if yes {
				count++
			}
			if yes && c.share == 20 && !(Queue{Record: true, RecordShare: 50}).Records(cv) {
				t.Fatalf("%s is recorded at 20 %% and not at 50 %%", cv)
			}
		}
		if got := float64(count) / n; got < c.want-.012 || got > c.want+.012 {
			t.Errorf("%d %%: %.3f are recorded", c.share, got)
		}
	}
	if (Queue{RecordShare: 100}).Records("cv_1") {
		t.Error("recorded though the queue does not record")
	}
}
