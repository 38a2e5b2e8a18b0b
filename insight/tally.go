package insight

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

// counts is what is added up for one row.
type counts struct {
	queue            queueCount // by queue
	offers, answered int        // by agent
	missed, rejected int
	handled          int
	talk, hold, wrap time.Duration
	transfers, right int
	busy, idle, in   time.Duration // busy, available without work, logged in
}

// tally adds up the rows of a query. It is a ledger.
type tally struct {
	q      Query
	cal    *calendar
	part   span                 // unless zero, only what begins within counts, and no busy time
	cells  map[string][]*counts // by queue or agent, then by interval
	unused []counts             // made together
	spans  map[string][]span    // by agent: talking or wrapping up
	queues map[string]bool      // wanted; nil: all
	agents map[string]bool
}

var _ ledger = (*tally)(nil)

func newTally(q Query) (*tally, error) {
	cal, err := newCalendar(q)
	if err != nil {
		return nil, err
	}
	switch q.By {
	case ByQueue, ByAgent, ByTotal:
	default:
		return nil, fmt.Errorf("%w: by %q is none of queue, agent, total", ErrQuery, q.By)
	}
	t := &tally{q: q, cal: cal, cells: map[string][]*counts{}, spans: map[string][]span{}}
	t.queues, t.agents = set(q.IDs), set(q.IDs)
	if q.By == ByTotal {
		t.agents = set(q.Agents)
	}
	return t, nil
}

func set(ids []string) map[string]bool {
	if len(ids) == 0 {
		return nil
	}
	m := make(map[string]bool, len(ids))
	for _, id := range ids {
		m[id] = true
	}
	return m
}

// wants tells whether the query counts a queue or an agent.
func (t *tally) wants(by By, id string) bool {
	if id == "" || t.q.By != by && t.q.By != ByTotal {
		return false
	}
	ids := t.queues
	if by == ByAgent {
		ids = t.agents
	}
	return ids == nil || ids[id]
}

// at returns the counts of a queue's or agent's row, or nil when the query does
// not want it.
func (t *tally) at(by By, id string, when time.Time) *counts {
	us := when.UnixMicro()
	if !t.wants(by, id) || t.part != (span{}) && (us < t.part.from || us >= t.part.to) {
		return nil
	}
	i, ok := t.cal.of(us)
	if !ok {
		return nil
	}
	return t.cell(t.column(id), i)
}

// column returns the cells of a queue or agent.
func (t *tally) column(id string) []*counts {
	if t.q.By == ByTotal {
		id = ""
	}
	col := t.cells[id]
	if col == nil {
		col = make([]*counts, t.cal.intervals())
		t.cells[id] = col
	}
	return col
}

func (t *tally) cell(column []*counts, i int) *counts {
	if column[i] == nil {
		if len(t.unused) == 0 {
			t.unused = make([]counts, 64)
		}
		column[i], t.unused = &t.unused[0], t.unused[1:]
	}
	return column[i]
}

func (t *tally) stay(queueID string, at time.Time, o outcome, wait time.Duration) {
	if c := t.at(ByQueue, queueID, at); c != nil {
		c.queue.add(o, wait, t.q.target(queueID).Threshold.Duration())
	}
}

func (t *tally) offer(agentID string, at time.Time, why omni.EndReason) {
	if t.q.By != ByAgent {
		return
	}
	c := t.at(ByAgent, agentID, at)
	if c == nil {
		return
	}
	c.offers++
	switch why {
	case omni.AgentTimeout:
		c.missed++
	case omni.AgentRejected:
		c.rejected++
	}
}

// whose returns the row of an agent's work: the agent's, or the queue's.
func (t *tally) whose(queueID, agentID string, at time.Time) *counts {
	if t.q.By == ByAgent {
		return t.at(ByAgent, agentID, at)
	}
	return t.at(ByQueue, queueID, at)
}

func (t *tally) talk(queueID, agentID string, at time.Time, w talk) {
	c := t.whose(queueID, agentID, at)
	if c == nil {
		return
	}
	c.answered++
	if w.ended {
		c.handled++
		c.talk += w.talk
		c.hold += w.hold
		c.wrap += w.wrap
	}
}

func (t *tally) transfer(queueID, agentID string, at time.Time, right bool) {
	if c := t.whose(queueID, agentID, at); c != nil {
		c.transfers++
		if right {
			c.right++
		}
	}
}

func (t *tally) busy(agentID string, s span) {
	if t.part == (span{}) && t.wants(ByAgent, agentID) {
		t.spans[agentID] = append(t.spans[agentID], s)
	}
}

// now is when what goes on ends for the figures.
func (t *tally) now() int64 {
	to := t.q.To.UnixMicro()
	if t.q.Now.IsZero() {
		return to
	}
	return min(to, t.q.Now.UnixMicro())
}

// presences adds busy, idle and logged-in time by agent.
func (t *tally) presences(periods []PresencePeriod) {
	available, loggedIn := map[string][]span{}, map[string][]span{}
	for _, p := range periods {
		if p.State == agent.Offline || !t.wants(ByAgent, p.AgentID) {
			continue
		}
		loggedIn[p.AgentID] = append(loggedIn[p.AgentID], spanOf(p.From, p.To))
		if p.State == agent.Available {
			available[p.AgentID] = append(available[p.AgentID], spanOf(p.From, p.To))
		}
	}
	for id, busy := range t.spans {
		busy = union(busy, t.now())
		t.spans[id] = busy
		t.spread(id, busy, func(c *counts, d time.Duration) { c.busy += d; c.in += d })
	}
	for id, in := range loggedIn { // work after logging out counts as logged in
		t.spread(id, without(union(in, t.now()), t.spans[id]), func(c *counts, d time.Duration) { c.in += d })
	}
	for id, free := range available {
		t.spread(id, without(union(free, t.now()), t.spans[id]), func(c *counts, d time.Duration) { c.idle += d })
	}
}

func (t *tally) spread(id string, spans []span, add func(*counts, time.Duration)) {
	col := t.column(id)
	for _, s := range spans {
		t.cal.each(s, func(i int, d time.Duration) { add(t.cell(col, i), d) })
	}
}

// result makes the rows, ordered by id and time.
func (t *tally) result(figures func(c *counts, id string) []Figure) []Row {
	n := 0
	for _, col := range t.cells {
		for _, c := range col {
			if c != nil {
				n++
			}
		}
	}
	rows := make([]Row, 0, n)
	for _, id := range slices.Sorted(maps.Keys(t.cells)) {
		for i, c := range t.cells[id] {
			if c != nil {
				rows = append(rows, Row{ID: id, From: t.cal.times[i], To: t.cal.times[i+1], Figures: figures(c, id)})
			}
		}
	}
	return rows
}

// figures appends the figures of a row.
func (c *counts) figures(fs []Figure, q Query, id string) []Figure {
	if q.By == ByAgent {
		fs = append(fs,
			count("offered", Offered, c.offers), count("answered", Answered, c.answered),
			count("missed", Missed, c.missed), count("rejected", Rejected, c.rejected),
		)
	} else {
		fs = c.queue.figures(fs, q.formula(id))
	}
	fs = append(fs,
		mean("aht", AHT, c.talk+c.hold+c.wrap, c.handled),
		total("talk", Talk, c.talk), total("hold", Hold, c.hold), total("wrap_up", WrapUp, c.wrap),
		count("transfers", Transfers, c.transfers),
		ratio("transfer_accuracy", Accuracy, float64(c.right), float64(c.transfers)),
	)
	if q.By == ByQueue && q.Granularity == HalfHour {
		fs = append(fs, c.needed(q.target(id)))
	}
	if q.By != ByQueue {
		fs = append(fs,
			ratio("occupancy", Occupancy, c.busy.Seconds(), (c.busy+c.idle).Seconds()),
			ratio("utilisation", Usage, c.busy.Seconds(), c.in.Seconds()),
		)
	}
	return fs
}
