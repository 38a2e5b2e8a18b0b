package insight

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/openhotline/hotline/agent"
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
	t, err := newTally(q)
	if err != nil {
		return nil, err
	}
	if err := t.fill(ctx, src); err != nil {
		return nil, err
	}
	periods, err := src.PresencePeriods(ctx, q.From, q.To)
	if err != nil {
		return nil, fmt.Errorf("insight: read presences: %w", err)
	}
	members := map[string][]load{}
	for id, in := range loggedIn(periods, q, t.now()) {
		if g, ok := groups[id]; ok {
			members[g] = append(members[g], load{in: in, busy: clip(union(t.spans[id], t.now()), q)})
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
		rows = append(rows, Row{ID: g, From: q.From, To: q.To, Figures: []Figure{count("agents", Members, n), f}})
	}
	slices.SortFunc(rows, func(a, b Row) int { return strings.Compare(a.ID, b.ID) })
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

func loggedIn(periods []PresencePeriod, q Query, now int64) map[string][]span {
	in := map[string][]span{}
	for _, p := range periods {
		if p.State != agent.Offline {
			in[p.AgentID] = append(in[p.AgentID], spanOf(p.From, p.To))
		}
	}
	for id, spans := range in {
		in[id] = clip(union(spans, now), q)
	}
	return in
}

// clip cuts a union to the query's time.
func clip(spans []span, q Query) []span {
	return without(spans, []span{{math.MinInt64, q.From.UnixMicro()}, {q.To.UnixMicro(), goesOn}})
}
