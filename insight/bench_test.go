package insight

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/openhotline/hotline/omni"
)

// stream yields many answered conversations without keeping them.
type stream struct{ conversations int }

func (s stream) EachSegment(_ context.Context, _ Which, from, to time.Time, yield func(omni.Segment) error) error {
	step := to.Sub(from) / time.Duration(s.conversations)
	queues, agents := make([]string, 20), make([]string, 500)
	for i := range queues {
		queues[i] = fmt.Sprint("qu_", i)
	}
	for i := range agents {
		agents[i] = fmt.Sprint("ag_", i)
	}
	for i := range s.conversations {
		at := from.Add(time.Duration(i) * step)
		seg := omni.Segment{ConversationID: fmt.Sprint("cv_", i), QueueID: queues[i%20], AgentID: agents[i%500]}
		for _, k := range []struct {
			kind omni.SegmentKind
			d    time.Duration
			why  omni.EndReason
		}{
			{omni.SegmentFlow, 10, omni.NextStep}, {omni.SegmentQueue, 15, omni.Answered},
			{omni.SegmentAgent, 200, omni.CustomerDisconnect}, {omni.SegmentWrapUp, 30, omni.WrappedUp},
		} {
			seg.Kind, seg.StartedAt, seg.EndedAt, seg.EndReason = k.kind, at, at.Add(k.d*time.Second), k.why
			if err := yield(seg); err != nil {
				return err
			}
			at = seg.EndedAt
		}
	}
	return nil
}

func (stream) EachSheet(context.Context, By, []string, time.Time, time.Time, func(string, int64, *Sheet) error) error {
	return ErrNoSheets
}

func (stream) PresencePeriods(context.Context, time.Time, time.Time) ([]PresencePeriod, error) {
	return nil, nil
}

// A day of a million conversations in half hours, from segments and without
// reading a database.
func BenchmarkReportOverAMillionConversations(b *testing.B) {
	q := Query{By: ByQueue, Granularity: HalfHour, From: morning, To: morning.Add(24 * time.Hour), Location: time.FixedZone("UTC+8", 8*3600)}
	b.ReportAllocs()
	for b.Loop() {
		if rows, err := Figures(b.Context(), stream{1_000_000}, q); err != nil || len(rows) == 0 {
			b.Fatal(len(rows), err)
		}
	}
}
