package insight

import (
	"context"
	"fmt"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

// LoadBalance computes how evenly work is spread: per group of agents of equal
// skill, the least occupied time divided by the most, among those who share at
// least 80 % of their logged-in time. groups names each agent's group. A group
// with fewer than two such agents has a figure that is not defined.
//
// Who shares: the agents whose common logged-in time with the one logged in
// longest is at least 80 % of that one's.
func LoadBalance(ctx context.Context, src Source, q Query, groups map[string]string) ([]Row, error) {
	q.By = ByAgent
	cal, err := newCalendar(q)
	if err != nil {
		return nil, err
	}
	t := tally{q: q, cal: cal, rows: map[rowKey]*counts{}, busy: map[string][]span{}}
	err = src.EachSegment(ctx, q.From, q.To, func(s omni.Segment) error {
		if s.Kind == omni.SegmentAgent || s.Kind == omni.SegmentWrapUp {
			t.busy[s.AgentID] = append(t.busy[s.AgentID], span{s.StartedAt, s.EndedAt})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("insight: read segments: %w", err)
	}
	periods, err := src.PresencePeriods(ctx, q.From, q.To)
	if err != nil {
		return nil, fmt.Errorf("insight: read presences: %w", err)
	}
	members := map[string][]load{}
	for id, in := range loggedIn(periods, q) {
		if g, ok := groups[id]; ok {
			members[g] = append(members[g], load{in: in, busy: clip(union(t.busy[id], q.To), q)})
		}
	}
	rows := make([]Row, 0, len(members))
	for g, ms := range members {
		lo, hi, n := spread(ms)
		f := ratio("load_balance", Balance, lo.Seconds(), hi.Seconds())
		f.Defined = f.Defined && n > 1
		if !f.Defined {
			f.Value = 0
		}
		rows = append(rows, Row{ID: g, From: q.From, To: q.To, Figures: []Figure{count("agents", "N-AGENTS", n), f}})
	}
	sortRows(rows)
	return rows, nil
}

type load struct{ in, busy []span }

// spread returns the least and most occupied time among those who share 80 %
// of the longest logged-in time, and how many they are.
func spread(ms []load) (lo, hi time.Duration, n int) {
	longest := 0
	for i := range ms {
		if length(ms[i].in) > length(ms[longest].in) {
			longest = i
		}
	}
	all := length(ms[longest].in)
	for _, m := range ms {
		if common(ms[longest].in, m.in)*10 < all*8 {
			continue
		}
		d := length(m.busy)
		if n == 0 || d < lo {
			lo = d
		}
		hi = max(hi, d)
		n++
	}
	return lo, hi, n
}

func loggedIn(periods []PresencePeriod, q Query) map[string][]span {
	in := map[string][]span{}
	for _, p := range periods {
		if p.State != agent.Offline {
			in[p.AgentID] = append(in[p.AgentID], span{p.From, p.To})
		}
	}
	for id, spans := range in {
		in[id] = clip(union(spans, q.To), q)
	}
	return in
}

// clip cuts a union to the query's time.
func clip(spans []span, q Query) []span {
	return without(spans, []span{{time.Time{}, q.From}, {q.To, q.To.AddDate(1000, 0, 0)}})
}
