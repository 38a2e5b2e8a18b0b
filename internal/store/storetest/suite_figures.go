package storetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/omni"
)

// clockChange is when Berlin's clocks go forward; the histories lie around it.
var clockChange = time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)

// history plays conversations into a store, step by step as calls do: through
// queues, overflows, missed offers, holds, transfers and wrap-ups. Some never
// end, some are demo data.
type history struct {
	rng   *rand.Rand
	plays []*play
}

// play is one conversation and the writes that are still to come.
type play struct {
	conv  omni.Conversation
	steps []omni.Change
	made  []omni.Segment // as written last
}

func newHistory(seed uint64, conversations int) *history {
	h := &history{rng: rand.New(rand.NewPCG(seed, 11))}
	for i := range conversations {
		h.plays = append(h.plays, h.play(i))
	}
	return h
}

func (h *history) upTo(d time.Duration) time.Duration {
	return time.Duration(1+h.rng.Int64N(int64(d))) / time.Microsecond * time.Microsecond
}

// play writes the steps of one conversation. Each segment is written when it
// begins and again when it ends.
func (h *history) play(i int) *play {
	at := clockChange.Add(-40*time.Hour + h.upTo(80*time.Hour))
	p := &play{conv: Conversation(at)}
	p.conv.ID = fmt.Sprintf("cv_%05d_%s", h.rng.IntN(100_000), p.conv.ID) // not in the order of time
	p.conv.Demo = i%7 == 0
	write := func(s omni.Segment, typ string, when time.Time) {
		e := Event(p.conv.ID, typ, when)
		e.SegmentID, e.AgentID, e.QueueID = s.ID, s.AgentID, s.QueueID
		e.Data, _ = json.Marshal(map[string]any{"kind": s.Kind, "end_reason": s.EndReason}) // plain values
		p.steps = append(p.steps, omni.Change{Segments: []omni.Segment{s}, Events: []omni.Event{e}})
	}
	stay := func(kind omni.SegmentKind, queue, who string, from, to time.Time, why omni.EndReason) {
		s := omni.Segment{ID: id.New(id.Segment), ConversationID: p.conv.ID, Kind: kind, QueueID: queue, AgentID: who, StartedAt: from}
		write(s, omni.SegmentStarted, from)
		s.EndedAt, s.EndReason = to, why
		write(s, omni.SegmentEnded, to)
	}
	reasons := []omni.EndReason{omni.Answered, omni.Answered, omni.Answered, omni.CustomerDisconnect, omni.MaxWait, omni.SystemError}
	stay(omni.SegmentFlow, "", "", at, at.Add(h.upTo(time.Minute)), omni.NextStep)
	for range 1 + h.rng.IntN(3) {
		queue, who := fmt.Sprint("qu_", h.rng.IntN(3)), fmt.Sprint("ag_", h.rng.IntN(4))
		why, end := reasons[h.rng.IntN(len(reasons))], at.Add(h.upTo(90*time.Second))
		stay(omni.SegmentOffer, queue, fmt.Sprint("ag_", h.rng.IntN(4)), at, end, omni.AgentTimeout)
		stay(omni.SegmentQueue, queue, "", at, end, why)
		if at = end; why == omni.MaxWait {
			continue
		}
		if why != omni.Answered {
			break
		}
		talk := h.upTo(40 * time.Minute)
		left := []omni.EndReason{omni.Transferred, omni.CustomerDisconnect, omni.AgentLost}[h.rng.IntN(3)]
		if h.rng.IntN(3) == 0 {
			stay(omni.SegmentHold, queue, who, at.Add((talk / 4).Truncate(time.Microsecond)), at.Add((talk / 2).Truncate(time.Microsecond)), omni.Resumed)
		}
		stay(omni.SegmentAgent, queue, who, at, at.Add(talk), left)
		at = at.Add(talk)
		stay(omni.SegmentWrapUp, queue, who, at, at.Add(h.upTo(2*time.Minute)), omni.WrappedUp)
		if left == omni.CustomerDisconnect {
			break
		}
	}
	if h.rng.IntN(10) == 0 {
		p.steps = p.steps[:1+h.rng.IntN(len(p.steps))] // goes on
		return p
	}
	done := p.conv
	done.State, done.CompletedAt = omni.Completed, at
	p.steps = append(p.steps, omni.Change{Conversations: []omni.Conversation{done}})
	return p
}

// begin writes the presences, and returns how many events there will be when
// everything is played.
func (h *history) begin(t testing.TB, db *store.DB) int64 {
	t.Helper()
	c := presences(h.rng)
	Commit(t, db, c)
	total := len(c.Events)
	AwaitHead(t, db, int64(total)) // presences without a seq are not read
	for _, p := range h.plays {
		for _, step := range p.steps {
			total += len(step.Events)
		}
	}
	return int64(total)
}

// next writes the next step of a conversation; false when there is none.
func (p *play) next(t testing.TB, db *store.DB) bool {
	if len(p.steps) == 0 {
		return false
	}
	c := p.steps[0]
	p.steps = p.steps[1:]
	if len(p.made) == 0 && len(c.Conversations) == 0 {
		c.Conversations = []omni.Conversation{p.conv}
	}
	for _, s := range c.Segments {
		if i := slices.IndexFunc(p.made, func(m omni.Segment) bool { return m.ID == s.ID }); i >= 0 {
			p.made[i] = s
		} else {
			p.made = append(p.made, s)
		}
	}
	if _, err := db.Commit(t.Context(), store.Write{Omni: c}); err != nil {
		t.Error(err)
		return false
	}
	return true
}

// correct changes a segment that has ended, late.
func (p *play) correct(t testing.TB, db *store.DB, rng *rand.Rand) {
	if len(p.made) == 0 {
		return
	}
	s := &p.made[rng.IntN(len(p.made))]
	if s.EndedAt.IsZero() {
		return
	}
	s.EndedAt = s.EndedAt.Add(time.Duration(rng.IntN(5e6)) * time.Microsecond)
	if s.Kind == omni.SegmentQueue {
		s.EndReason = omni.CustomerDisconnect
	}
	if _, err := db.Commit(t.Context(), store.Write{Omni: omni.Change{Segments: []omni.Segment{*s}}}); err != nil {
		t.Error(err)
	}
}

// presences logs agents in and out around the history.
func presences(rng *rand.Rand) omni.Change {
	var c omni.Change
	for a := range 4 {
		at := clockChange.Add(-60 * time.Hour)
		for _, state := range []agent.PresenceState{agent.Available, agent.Break, agent.Available, agent.Offline, agent.Available} {
			data, _ := json.Marshal(map[string]any{"presence": state}) // plain values
			c.Events = append(c.Events, omni.Event{ID: id.New(id.Event), Type: omni.AgentPresenceChanged, Time: at, AgentID: fmt.Sprint("ag_", a), Data: data})
			at = at.Add(time.Duration(1+rng.Int64N(20*3600e6)) * time.Microsecond)
		}
	}
	slices.SortStableFunc(c.Events, func(a, b omni.Event) int { return a.Time.Compare(b.Time) })
	return c
}

// anyQuery asks for figures in a random zone, span and grain.
func anyQuery(t testing.TB, rng *rand.Rand) insight.Query {
	t.Helper()
	zones := []string{"UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Asia/Tokyo"}
	loc, err := time.LoadLocation(zones[rng.IntN(len(zones))])
	if err != nil {
		t.Skipf("time zone data: %v", err)
	}
	q := insight.Query{
		By:          []insight.By{insight.ByQueue, insight.ByAgent, insight.ByTotal}[rng.IntN(3)],
		Granularity: []insight.Granularity{insight.HalfHour, insight.Hour, insight.Day, insight.Week, insight.Whole}[rng.IntN(5)],
		From:        clockChange.Add(-42*time.Hour + time.Duration(rng.Int64N(42*3600e6))*time.Microsecond), Location: loc,
		To:      clockChange.Add(time.Duration(1+rng.Int64N(45*3600e6)) * time.Microsecond),
		Targets: map[string]agent.ServiceLevel{"qu_1": {Threshold: agent.Seconds(1 + rng.IntN(60)), Formula: agent.SLFair}},
	}
	if rng.IntN(2) == 0 {
		q.From, q.To = q.From.Truncate(30*time.Minute), q.To.Truncate(15*time.Minute)
	}
	if rng.IntN(3) == 0 {
		q.IDs, q.Agents = []string{"qu_1", "qu_2", "ag_1"}, []string{"ag_2", "ag_3"}
	}
	if rng.IntN(3) == 0 {
		q.Now = clockChange.Add(time.Duration(rng.Int64N(40*3600e6)) * time.Microsecond)
	}
	return q
}

// sameFigures compares the figures of sheets with those of the segments.
func sameFigures(t testing.TB, db *store.DB, q insight.Query) {
	t.Helper()
	fast, slow := must[[]insight.Row](t)(db.Figures(t.Context(), q)), must[[]insight.Row](t)(db.RecountFigures(t.Context(), q))
	if len(fast) != len(slow) {
		t.Fatalf("%+v: %d rows, %d from the segments", q, len(fast), len(slow))
	}
	for i := range fast {
		if !reflect.DeepEqual(fast[i], slow[i]) {
			t.Fatalf("%+v\nfigures       %+v\nfrom segments %+v", q, fast[i], slow[i])
		}
	}
}

// sameAsJournal compares the figures of queues with those that the journal
// alone gives. Corrected segments have no events, so it comes before them.
func sameAsJournal(t testing.TB, db *store.DB, q insight.Query) {
	t.Helper()
	q.By = insight.ByQueue
	var journal []omni.Event
	if err := db.EachEvent(t.Context(), 0, func(e omni.Event) error { journal = append(journal, e); return nil }); err != nil {
		t.Fatal(err)
	}
	again := must[[]insight.Row](t)(insight.Recompute(slices.Values(journal), q))
	rows := slices.DeleteFunc(must[[]insight.Row](t)(db.Figures(t.Context(), q)), func(r insight.Row) bool {
		return r.Figure(insight.Offered).Value+r.Figure(insight.Waiting).Value == 0 // talk alone
	})
	if len(rows) != len(again) {
		t.Fatalf("%+v: %d rows, %d from the journal", q, len(rows), len(again))
	}
	for i, r := range again {
		for _, f := range r.Figures {
			if got := rows[i].Figure(f.Code); got != f {
				t.Fatalf("%s %s: %+v, from the journal %+v", r.ID, r.From, got, f)
			}
		}
	}
}

// figures plays a history in, moves it into the sheets bit by bit, corrects and
// erases some of it, and compares all the time. Then everything is made again
// in another store from a backup, as after an upgrade.
func figures(t *testing.T, open Opener) {
	db, _ := open(t)
	h := newHistory(5, 70)
	total := h.begin(t, db)
	for more := true; more; {
		more = false
		for _, p := range h.plays {
			for range 1 + h.rng.IntN(12) {
				more = p.next(t, db) || more
			}
		}
		must[int](t)(db.FoldSheets(t.Context()))
		for range 3 {
			sameFigures(t, db, anyQuery(t, h.rng))
		}
	}
	AwaitHead(t, db, total)
	for range 10 {
		sameAsJournal(t, db, anyQuery(t, h.rng))
	}
	strange := anyQuery(t, h.rng)
	strange.IDs, strange.Agents = []string{"qu_1\x00", "\xff"}, []string{"\x00"}
	sameFigures(t, db, strange)
	left := must[int](t)(db.Unsheeted(t.Context()))
	if left == 0 || left > 25 {
		t.Errorf("%d of 70 conversations are in no sheet", left)
	}
	for round := range 6 {
		for range 10 {
			h.plays[h.rng.IntN(len(h.plays))].correct(t, db, h.rng)
		}
		for range 3 {
			sameFigures(t, db, anyQuery(t, h.rng))
		}
		if round%2 == 0 {
			must[int](t)(db.FoldSheets(t.Context()))
		}
	}
	if n := must[int](t)(db.DeleteDemo(t.Context())); n < 6 {
		t.Errorf("%d conversations erased", n)
	}
	for range 10 {
		sameFigures(t, db, anyQuery(t, h.rng))
	}
	db = restored(t, db, open)
	sameFigures(t, db, anyQuery(t, h.rng)) // before the sheets are made
	if n := must[int](t)(db.FoldSheets(t.Context())); n < 35 {
		t.Errorf("%d conversations entered the sheets", n)
	}
	for range 10 {
		q := anyQuery(t, h.rng)
		sameFigures(t, db, q)
		balanced(t, db, q)
	}
}

// balanced checks the figures of two groups of agents for what holds of all.
func balanced(t testing.TB, db *store.DB, q insight.Query) {
	t.Helper()
	q.Granularity, q.IDs, q.Agents = insight.Whole, nil, nil
	rows := must[[]insight.Row](t)(db.LoadBalance(t.Context(), q, map[string]string{"ag_0": "one", "ag_1": "one", "ag_2": "one", "ag_3": "alone"}))
	for _, r := range rows {
		n, f := r.Figure(insight.Members), r.Figure(insight.Balance)
		if n.Value < 1 || f.Value < 0 || f.Value > 1 || f.Defined && n.Value < 2 || r.ID == "alone" && f.Defined {
			t.Errorf("%+v: %+v", q, r)
		}
	}
}

// restored copies a store into a new one.
func restored(t *testing.T, db *store.DB, open Opener) *store.DB {
	t.Helper()
	path := t.TempDir() + "/backup.tar"
	must[store.Manifest](t)(db.BackupTo(t.Context(), path, ""))
	fresh, _ := open(t)
	must[store.Manifest](t)(fresh.Restore(t.Context(), path, "", false))
	return fresh
}

// figuresMeanwhile writes, corrects, folds and erases at the same time, on
// PostgreSQL through two nodes; figures stay right throughout.
func figuresMeanwhile(t *testing.T, open Opener) {
	db, url := open(t)
	nodes := []*store.DB{db, db}
	if db.Dialect() == "postgres" {
		second := must[*store.DB](t)(store.Open(t.Context(), url, nil))
		defer second.Close()
		nodes[1] = second
	}
	h := newHistory(17, 70)
	h.begin(t, db)
	var writers, others sync.WaitGroup
	done := make(chan struct{})
	for n, node := range nodes {
		writers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(n), 3))
			mine := []*play{}
			for i, p := range h.plays {
				if i%2 == n {
					mine = append(mine, p)
				}
			}
			for more := true; more; {
				more = false
				for _, p := range mine {
					more = p.next(t, node) || more
					if rng.IntN(8) == 0 {
						p.correct(t, node, rng)
					}
				}
			}
		})
		others.Go(func() {
			for {
				if _, err := node.FoldSheets(t.Context()); err != nil {
					t.Error(err)
				}
				select {
				case <-done:
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
	}
	writers.Wait()
	if _, err := db.DeleteDemo(t.Context()); err != nil {
		t.Error(err)
	}
	close(done)
	others.Wait()
	for range 12 {
		sameFigures(t, db, anyQuery(t, h.rng))
	}
	must[int](t)(db.FoldSheets(t.Context()))
	for range 12 {
		sameFigures(t, db, anyQuery(t, h.rng))
	}
}
