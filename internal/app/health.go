package app

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/openhotline/hotline/internal/httpapi"
	"github.com/openhotline/hotline/omni"
)

// ready tells why calls cannot be taken.
func (s *service) ready(ctx context.Context) map[string]string {
	out := map[string]string{}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := s.db.Ping(ctx); err != nil {
		out["database"] = "does not answer"
	} else if n := s.db.Spooled(); n > 0 {
		out["database"] = fmt.Sprintf("does not take writes: %d wait on disk", n)
	}
	select {
	case <-s.center.Ready():
	default:
		out["routing"] = "starting"
	}
	if s.center.Draining() {
		out["calls"] = "draining"
	}
	return out
}

// warnings tells what works only in part while calls are taken.
func (s *service) warnings(context.Context) map[string]string {
	out := map[string]string{}
	if h := s.center.RecordingHealth(); h.Failing != "" {
		out["recordings"] = "calls are not recorded, or only in part: " + string(h.Failing)
	}
	if s.center.RoutedBy() == "" {
		out["routing"] = "no node routes at present: callers wait"
	}
	if n := s.db.Rejected(); n > 0 {
		out["database"] = fmt.Sprintf("%d writes were refused for good; they are in spool.rejected", n)
	}
	return out
}

// counts are what the metrics show of calls, queues and recordings.
func (s *service) counts() httpapi.Counts {
	h := s.center.RecordingHealth()
	c := httpapi.Counts{
		Calls: s.center.Live(), Waiting: map[string]int{}, Offers: map[string]int{},
		FailedRecordings: map[string]int{}, DiskFree: -1, Spooled: s.db.Spooled(),
	}
	for _, reason := range omni.RecordingFailures {
		c.FailedRecordings[string(reason)] = h.Failed[reason]
	}
	if h.FreeKnown {
		c.DiskFree = int64(min(h.Free, math.MaxInt64))
	}
	if s.center.RoutedBy() != s.nodeID {
		return c // the node that routes shows the queues
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	snap, err := s.center.Snapshot(ctx)
	if err != nil {
		return c
	}
	for _, q := range snap.Queues {
		c.Waiting[q.QueueID], c.Offers[q.QueueID] = q.Waiting, q.Offered
	}
	return c
}
