package insight

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

var morning = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// fake is a Source with its data in memory.
type fake struct {
	segments []omni.Segment
	periods  []PresencePeriod
	err      error
}

func (f *fake) EachSegment(_ context.Context, _ Which, _, _ time.Time, yield func(omni.Segment) error) error {
	if f.err != nil {
		return f.err
	}
	slices.SortStableFunc(f.segments, inOrder)
	for _, s := range f.segments {
		if err := yield(s); err != nil {
			return err
		}
	}
	return nil
}

func inOrder(a, b omni.Segment) int {
	if c := strings.Compare(a.ConversationID, b.ConversationID); c != 0 {
		return c
	}
	return a.StartedAt.Compare(b.StartedAt)
}

func (f *fake) EachSheet(context.Context, By, []string, time.Time, time.Time, func(string, int64, *Sheet) error) error {
	return ErrNoSheets
}

func (f *fake) PresencePeriods(context.Context, time.Time, time.Time) ([]PresencePeriod, error) {
	return f.periods, f.err
}

// add appends a segment that begins after so much of the morning.
func (f *fake) add(conv string, kind omni.SegmentKind, queue, agentID string, after, length time.Duration, why omni.EndReason) {
	s := omni.Segment{
		ID: fmt.Sprint("sg_", len(f.segments)), ConversationID: conv, Kind: kind, QueueID: queue, AgentID: agentID,
		EndReason: why, StartedAt: morning.Add(after),
	}
	if length > 0 {
		s.EndedAt = s.StartedAt.Add(length)
	}
	f.segments = append(f.segments, s)
}

func whole(by By) Query {
	return Query{By: by, Granularity: Whole, From: morning, To: morning.Add(8 * time.Hour)}
}

func want(t *testing.T, r Row, values map[string]float64) {
	t.Helper()
	for code, v := range values {
		f := r.Figure(code)
		if math.IsNaN(v) {
			if f.Defined {
				t.Errorf("%s %s is %v, want not defined", r.ID, code, f.Value)
			}
			continue
		}
		if !f.Defined || math.Abs(f.Value-v) > 0.0005 {
			t.Errorf("%s %s is %v (defined %v), want %v", r.ID, code, f.Value, f.Defined, v)
		}
	}
}

// worked is the worked example of the service levels: 100 offered, 70 answered
// within 20 s, 15 later, 4 abandoned within 5 s, 5 within 20 s, 6 later.
func worked() *fake {
	f := &fake{}
	n := 0
	stay := func(count int, wait time.Duration, why omni.EndReason) {
		for range count {
			n++
			f.add(fmt.Sprintf("cv_%03d", n), omni.SegmentQueue, "qu_a", "", time.Duration(n)*time.Minute, wait, why)
		}
	}
	stay(70, 12*time.Second, omni.Answered)
	stay(15, 40*time.Second, omni.Answered)
	stay(4, 5*time.Second, omni.CustomerDisconnect)
	stay(5, 20*time.Second, omni.CustomerDisconnect)
	stay(6, 21*time.Second, omni.CustomerDisconnect)
	return f
}

func TestTheWorkedExampleOfTheServiceLevels(t *testing.T) {
	rows, err := Figures(t.Context(), worked(), whole(ByQueue))
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	want(t, rows[0], map[string]float64{
		Offered: 100, Answered: 85, Abandoned: 11, Short: 4, Removed: 0, Waiting: 0,
		"SL-STRICT": 70.0 / 96, "SL-OFFERED": 0.70, "SL-ANSWERED": 70.0 / 85, "SL-REMOVED": 0.79, "SL-FAIR": 70.0 / 91,
		ASA: (70*12 + 15*40) / 85.0,
	})
	for code, percent := range map[string]string{"SL-STRICT": "72.9", "SL-OFFERED": "70.0", "SL-ANSWERED": "82.4", "SL-REMOVED": "79.0", "SL-FAIR": "76.9"} {
		if got := fmt.Sprintf("%.1f", 100*rows[0].Figure(code).Value); got != percent {
			t.Errorf("%s is %s %%, want %s", code, got, percent)
		}
	}
	if f := rows[0].Figure("SL-STRICT"); !f.Target {
		t.Error("the default formula is not marked as the target")
	}
}

func TestTheTargetsOfAQueueCount(t *testing.T) {
	q := whole(ByQueue)
	q.Targets = map[string]agent.ServiceLevel{"qu_a": {Threshold: 10, Formula: agent.SLFair}}
	rows, err := Figures(t.Context(), worked(), q)
	if err != nil {
		t.Fatal(err)
	}
	want(t, rows[0], map[string]float64{"SL-FAIR": 0, "SL-REMOVED": 0.04})
	if !rows[0].Figure("SL-FAIR").Target || rows[0].Figure("SL-STRICT").Target {
		t.Error("the wrong formula is marked as the target")
	}
}

func TestEveryOutcomeOfAQueue(t *testing.T) {
	f := &fake{}
	for i, why := range []omni.EndReason{omni.MaxWait, omni.OverflowTransfer, omni.NextStep, omni.NoAgent, omni.SystemError, omni.TelecomProblem} {
		f.add(fmt.Sprint("cv_", i), omni.SegmentQueue, "qu_a", "", time.Minute, time.Minute, why)
	}
	f.add("cv_w", omni.SegmentQueue, "qu_a", "", time.Minute, 0, "")
	f.add("cv_before", omni.SegmentQueue, "qu_a", "", -time.Minute, time.Hour, omni.Answered)
	rows, err := Figures(t.Context(), f, whole(ByQueue))
	if err != nil {
		t.Fatal(err)
	}
	want(t, rows[0], map[string]float64{Offered: 6, Removed: 6, Waiting: 1, Abandoned: 0, "SL-STRICT": 0, "SL-ANSWERED": math.NaN(), ASA: math.NaN()})
}

// talked is a conversation that was answered, held, transferred and answered again.
func talked() *fake {
	f := &fake{}
	m := time.Minute
	f.add("cv_1", omni.SegmentFlow, "", "", 0, m, omni.NextStep)
	f.add("cv_1", omni.SegmentQueue, "qu_a", "", m, m, omni.Answered)
	f.add("cv_1", omni.SegmentOffer, "qu_a", "ag_0", m, 20*time.Second, omni.AgentTimeout)
	f.add("cv_1", omni.SegmentOffer, "qu_a", "ag_1", m+20*time.Second, 40*time.Second, omni.Answered)
	f.add("cv_1", omni.SegmentAgent, "qu_a", "ag_1", 2*m, 10*m, omni.Transferred)
	f.add("cv_1", omni.SegmentHold, "qu_a", "ag_1", 4*m, m, omni.Resumed)
	f.add("cv_1", omni.SegmentHold, "qu_a", "ag_1", 6*m, m, omni.Resumed)
	f.add("cv_1", omni.SegmentQueue, "qu_b", "", 12*m, m, omni.Answered)
	f.add("cv_1", omni.SegmentWrapUp, "qu_a", "ag_1", 12*m, 2*m, omni.WrappedUp)
	f.add("cv_1", omni.SegmentAgent, "qu_b", "ag_2", 13*m, 5*m, omni.CustomerDisconnect)
	f.add("cv_1", omni.SegmentWrapUp, "qu_b", "ag_2", 18*m, m, omni.WrappedUp)
	return f
}

func TestHandleTimesAndTransfers(t *testing.T) {
	rows, err := Figures(t.Context(), talked(), whole(ByQueue))
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	want(t, rows[0], map[string]float64{
		Offered: 1, Answered: 1, Talk: 480, Hold: 120, WrapUp: 120, AHT: 720, Transfers: 1, Accuracy: 1, ASA: 60,
	})
	want(t, rows[1], map[string]float64{Talk: 300, Hold: 0, WrapUp: 60, AHT: 360, Transfers: 0, Accuracy: math.NaN()})
}

func TestATransferThatDoesNotStay(t *testing.T) {
	tests := []struct {
		name string
		add  func(f *fake)
	}{
		{"transferred again", func(f *fake) {
			f.segments[9].EndReason = omni.Transferred
		}},
		{"queued again", func(f *fake) {
			f.segments[9].EndReason = omni.AgentLost
			f.add("cv_1", omni.SegmentQueue, "qu_b", "", 18*time.Minute, time.Minute, omni.CustomerDisconnect)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := talked()
			tt.add(f)
			rows, err := Figures(t.Context(), f, whole(ByQueue))
			if err != nil {
				t.Fatal(err)
			}
			want(t, rows[0], map[string]float64{Transfers: 1, Accuracy: 0})
		})
	}
}

func TestFiguresOfAgents(t *testing.T) {
	f := talked()
	h := time.Hour
	f.periods = []PresencePeriod{
		{AgentID: "ag_0", State: agent.Offline, From: morning.Add(-h), To: morning.Add(h)},
		{AgentID: "ag_0", State: agent.Available, From: morning.Add(h)},
		{AgentID: "ag_1", State: agent.Available, From: morning.Add(-h), To: morning.Add(h)},
		{AgentID: "ag_1", State: agent.Break, From: morning.Add(h), To: morning.Add(2 * h)},
		{AgentID: "ag_1", State: agent.Offline, From: morning.Add(2 * h)},
		{AgentID: "ag_2", State: agent.Available, From: morning, To: morning.Add(15 * time.Minute)},
		{AgentID: "ag_2", State: agent.Offline, From: morning.Add(15 * time.Minute)}, // logs out in the call
	}
	rows, err := Figures(t.Context(), f, whole(ByAgent))
	if err != nil || len(rows) != 3 {
		t.Fatal(rows, err)
	}
	want(t, rows[0], map[string]float64{Offered: 1, Missed: 1, Answered: 0, Occupancy: 0, Usage: 0, AHT: math.NaN()})
	want(t, rows[1], map[string]float64{Offered: 1, Answered: 1, AHT: 720, Occupancy: 12.0 / 60, Usage: 12.0 / 120, Transfers: 1})
	want(t, rows[2], map[string]float64{Answered: 1, AHT: 360, Occupancy: 6.0 / 19, Usage: 6.0 / 19})
}

func TestIntervalsFollowTheCalendarOfThePlace(t *testing.T) {
	load := func(name string) *time.Location {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Skipf("time zone data: %v", err)
		}
		return loc
	}
	berlin, kolkata, beirut, lordHowe := load("Europe/Berlin"), load("Asia/Kolkata"), load("Asia/Beirut"), load("Australia/Lord_Howe")
	at := func(loc *time.Location, s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, loc)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	tests := []struct {
		name       string
		g          Granularity
		when       time.Time
		from, to   time.Time
		lengthWant time.Duration
	}{
		{"half hour", HalfHour, at(berlin, "2026-03-02 09:44"), at(berlin, "2026-03-02 09:30"), at(berlin, "2026-03-02 10:00"), 30 * time.Minute},
		{"half hour east of UTC by 5:30", HalfHour, at(kolkata, "2026-03-02 09:59"), at(kolkata, "2026-03-02 09:30"), at(kolkata, "2026-03-02 10:00"), 30 * time.Minute},
		{"day", Day, at(kolkata, "2026-03-02 00:00"), at(kolkata, "2026-03-02 00:00"), at(kolkata, "2026-03-03 00:00"), 24 * time.Hour},
		{"day of 23 hours", Day, at(berlin, "2026-03-29 12:00"), at(berlin, "2026-03-29 00:00"), at(berlin, "2026-03-30 00:00"), 23 * time.Hour},
		{"day of 25 hours", Day, at(berlin, "2026-10-25 02:30"), at(berlin, "2026-10-25 00:00"), at(berlin, "2026-10-26 00:00"), 25 * time.Hour},
		{"midnight that does not exist", Day, at(beirut, "2026-03-29 12:00"), at(beirut, "2026-03-29 01:00"), at(beirut, "2026-03-30 00:00"), 23 * time.Hour},
		{"hour", Hour, at(kolkata, "2026-03-02 09:44"), at(kolkata, "2026-03-02 09:00"), at(kolkata, "2026-03-02 10:00"), time.Hour},
		{"hour in which the clock goes back by half", Hour, at(lordHowe, "2026-04-05 01:10"), at(lordHowe, "2026-04-05 01:00"), at(lordHowe, "2026-04-05 01:00").Add(time.Hour), time.Hour},
		{"the half that comes again", Hour, at(lordHowe, "2026-04-05 01:00").Add(70 * time.Minute), at(lordHowe, "2026-04-05 01:00").Add(time.Hour), at(lordHowe, "2026-04-05 02:00"), 30 * time.Minute},
		{"week from Monday", Week, at(berlin, "2026-03-01 23:59"), at(berlin, "2026-02-23 00:00"), at(berlin, "2026-03-02 00:00"), 168 * time.Hour},
		{"week over a year", Week, at(berlin, "2026-01-01 00:00"), at(berlin, "2025-12-29 00:00"), at(berlin, "2026-01-05 00:00"), 168 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cal, err := newCalendar(Query{Granularity: tt.g, Location: tt.when.Location(), From: tt.when.AddDate(-1, 0, 0), To: tt.when.AddDate(1, 0, 0)})
			if err != nil {
				t.Fatal(err)
			}
			i, ok := cal.of(tt.when.UnixMicro())
			from, to := cal.times[i], cal.times[i+1]
			if !ok || !from.Equal(tt.from) || !to.Equal(tt.to) || to.Sub(from) != tt.lengthWant {
				t.Errorf("%v is in %v to %v, want %v to %v", tt.when, from, to, tt.from, tt.to)
			}
			if b := cal.whole(from); !b.from.Equal(from) || cal.whole(to).from.Before(to) {
				t.Error("intervals overlap")
			}
		})
	}
}

func TestBadQueries(t *testing.T) {
	for _, change := range []func(*Query){
		func(q *Query) { q.By = "team" },
		func(q *Query) { q.Granularity = "minute" },
		func(q *Query) { q.To = q.From },
	} {
		q := whole(ByQueue)
		change(&q)
		if _, err := Figures(t.Context(), worked(), q); !errors.Is(err, ErrQuery) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	broken := &fake{err: errors.New("no database")}
	if _, err := Figures(t.Context(), broken, whole(ByQueue)); !errors.Is(err, broken.err) {
		t.Errorf("error of the source: %v", err)
	}
}

func TestErlangCGoldenValues(t *testing.T) {
	tests := []struct {
		calls      float64
		interval   time.Duration
		aht        time.Duration
		agents     int
		pw, asa, s float64
	}{
		{100, 30 * time.Minute, 180 * time.Second, 13, .28527, 17.12, .7956},
		{100, 30 * time.Minute, 180 * time.Second, 14, .17413, 7.84, .88835},
		{60, 15 * time.Minute, 240 * time.Second, 20, .25608, 15.36, .81651},
		{400, 30 * time.Minute, 300 * time.Second, 74, .28349, 11.60, .82613},
	}
	for _, tt := range tests {
		got, err := ErlangC(tt.calls, tt.interval, tt.aht, 20*time.Second, tt.agents)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.WaitProbability-tt.pw) > 5e-6 || math.Abs(got.ASA.Seconds()-tt.asa) > 5e-3 || math.Abs(got.ServiceLevel-tt.s) > 5e-5 {
			t.Errorf("%v calls, %d agents: %+v, want %v %v %v", tt.calls, tt.agents, got, tt.pw, tt.asa, tt.s)
		}
	}
	last, _ := ErlangC(400, 30*time.Minute, 300*time.Second, 20*time.Second, 74)
	if math.Abs(last.Occupancy-.9009) > 5e-5 {
		t.Errorf("occupancy %v", last.Occupancy)
	}
	if _, err := ErlangC(100, 30*time.Minute, 180*time.Second, 0, 10); !errors.Is(err, ErrOverload) {
		t.Errorf("overload: %v", err)
	}
	if s, err := AgentsFor(100, 30*time.Minute, 180*time.Second, 20*time.Second, 0.8); err != nil || s.Agents != 14 {
		t.Errorf("agents for 80 %%: %+v %v", s, err)
	}
	if _, err := ErlangC(100, 0, time.Second, 0, 1); !errors.Is(err, ErrQuery) {
		t.Errorf("no interval: %v", err)
	}
}

// The golden value again, as a figure: 100 calls of a half hour that took 180 s
// each need 14 agents for 80 % within 20 s, and fewer for a longer threshold.
// Short abandons ask for nobody; longer intervals have no such figure.
func TestAgentsNeededInAHalfHour(t *testing.T) {
	f := &fake{}
	for i := range 100 {
		id, at := fmt.Sprint("cv_", i), time.Duration(i)*time.Second
		f.add(id, omni.SegmentQueue, "qu_a", "", at, 10*time.Second, omni.Answered)
		f.add(id, omni.SegmentAgent, "qu_a", "ag_1", at+10*time.Second, 180*time.Second, omni.CustomerDisconnect)
	}
	for i := range 7 {
		f.add(fmt.Sprint("cv_short", i), omni.SegmentQueue, "qu_a", "", time.Minute, 3*time.Second, omni.CustomerDisconnect)
	}
	f.add("cv_left", omni.SegmentQueue, "qu_b", "", time.Minute, 60*time.Second, omni.CustomerDisconnect) // nobody handled one
	q := Query{By: ByQueue, Granularity: HalfHour, From: morning, To: morning.Add(30 * time.Minute)}
	for threshold, agents := range map[agent.Seconds]float64{20: 14, 0: 14, 300: 11} { // 0: the default
		q.Targets = map[string]agent.ServiceLevel{"qu_a": {Threshold: threshold}}
		rows, err := Figures(t.Context(), f, q)
		if err != nil || len(rows) != 2 {
			t.Fatal(rows, err)
		}
		if got := rows[0].Figure(Needed); got.Value != agents || !got.Defined || got.Unit != Count {
			t.Errorf("threshold %d: %+v, want %v agents", threshold, got, agents)
		}
		if got := rows[1].Figure(Needed); got.Defined {
			t.Errorf("without a handled call: %+v", got)
		}
	}
	q.Granularity = Day
	rows, err := Figures(t.Context(), f, q)
	if err != nil || len(rows) == 0 || rows[0].Figure(Needed).Name != "" {
		t.Errorf("of a day: %+v, %v", rows, err)
	}
}

// journal writes the events that segments of queues leave.
func journal(segments []omni.Segment) []omni.Event {
	var events []omni.Event
	add := func(s omni.Segment, typ string, at time.Time, data map[string]any) {
		raw, _ := json.Marshal(data)
		events = append(events, omni.Event{Type: typ, Time: at, ConversationID: s.ConversationID, SegmentID: s.ID, AgentID: s.AgentID, QueueID: s.QueueID, Data: raw})
	}
	for _, s := range segments {
		add(s, omni.SegmentStarted, s.StartedAt, map[string]any{"kind": s.Kind})
		if !s.EndedAt.IsZero() {
			add(s, omni.SegmentEnded, s.EndedAt, map[string]any{"kind": s.Kind, "end_reason": s.EndReason})
		}
	}
	slices.SortStableFunc(events, func(a, b omni.Event) int { return a.Time.Compare(b.Time) })
	for i := range events {
		events[i].Seq = int64(i + 1)
	}
	return events
}

func TestTheJournalAloneGivesTheSameServiceLevel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	f := &fake{}
	reasons := []omni.EndReason{omni.Answered, omni.Answered, omni.Answered, omni.CustomerDisconnect, omni.MaxWait, omni.NextStep, omni.SystemError}
	for i := range 3000 {
		conv := fmt.Sprintf("cv_%04d", i)
		at := time.Duration(rng.IntN(28000)) * time.Second
		for range 1 + rng.IntN(3) { // transfers lead to further queues
			queue := fmt.Sprint("qu_", rng.IntN(4))
			wait := time.Duration(1+rng.IntN(60_000_000)) * time.Microsecond
			why := reasons[rng.IntN(len(reasons))]
			if rng.IntN(200) == 0 {
				f.add(conv, omni.SegmentQueue, queue, "", at, 0, "")
				break
			}
			f.add(conv, omni.SegmentQueue, queue, "", at, wait, why)
			f.add(conv, omni.SegmentOffer, queue, "ag_1", at, wait, why)
			if at += wait; why != omni.Answered {
				break
			}
			talk := time.Duration(1+rng.IntN(600)) * time.Second
			f.add(conv, omni.SegmentAgent, queue, "ag_1", at, talk, omni.Transferred)
			at += talk
		}
	}
	q := Query{By: ByQueue, Granularity: HalfHour, From: morning.Add(time.Hour), To: morning.Add(7 * time.Hour)}
	rows, err := Figures(t.Context(), f, q)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Recompute(slices.Values(journal(f.segments)), q)
	if err != nil {
		t.Fatal(err)
	}
	codes := []string{Offered, Answered, Abandoned, Short, Removed, Waiting, ASA, "SL-STRICT", "SL-OFFERED", "SL-ANSWERED", "SL-REMOVED", "SL-FAIR"}
	find := func(r Row) Row {
		for _, a := range again {
			if a.ID == r.ID && a.From.Equal(r.From) {
				return a
			}
		}
		return Row{}
	}
	compared := 0
	for _, r := range rows {
		if r.Figure(Offered).Value+r.Figure(Waiting).Value == 0 {
			continue // talk alone
		}
		compared++
		a := find(r)
		for _, code := range codes {
			if !reflect.DeepEqual(r.Figure(code), a.Figure(code)) {
				t.Fatalf("%s %v %s: %+v from segments, %+v from the journal", r.ID, r.From, code, r.Figure(code), a.Figure(code))
			}
		}
	}
	if compared != 4*12 || compared != len(again) {
		t.Errorf("%d rows compared, %d recomputed", compared, len(again))
	}
}

func TestAnEndWithoutASegmentEndsTheWait(t *testing.T) {
	events := journal([]omni.Segment{{ID: "sg_1", ConversationID: "cv_1", Kind: omni.SegmentQueue, QueueID: "qu_a", StartedAt: morning}})
	events = append(events, omni.Event{Seq: 2, Type: omni.ConversationCompleted, ConversationID: "cv_1", Time: morning.Add(time.Minute), Data: json.RawMessage(`{"end_reason":"customer_disconnect"}`)})
	rows, err := Recompute(slices.Values(events), whole(ByQueue))
	if err != nil {
		t.Fatal(err)
	}
	want(t, rows[0], map[string]float64{Offered: 1, Abandoned: 1})
	events[1].Data = json.RawMessage(`{`)
	if _, err := Recompute(slices.Values(events), whole(ByQueue)); err == nil {
		t.Error("broken data gave no error")
	}
}

func TestPresencePeriodsFromTheJournal(t *testing.T) {
	ev := func(agentID, presence string, after time.Duration) omni.Event {
		return omni.Event{Type: omni.AgentPresenceChanged, AgentID: agentID, Time: morning.Add(after), Data: json.RawMessage(`{"presence":"` + presence + `"}`)}
	}
	got := PresencePeriods(slices.Values([]omni.Event{
		ev("ag_2", "available", 0), ev("ag_1", "available", 1), ev("ag_1", "available", 2), ev("ag_1", "break", 3), ev("ag_1", "offline", 5),
	}))
	at := func(d time.Duration) time.Time { return morning.Add(d) }
	wanted := []PresencePeriod{
		{"ag_1", agent.Available, at(1), at(3)}, {"ag_1", agent.Break, at(3), at(5)}, {"ag_1", agent.Offline, at(5), time.Time{}},
		{"ag_2", agent.Available, at(0), time.Time{}},
	}
	if !reflect.DeepEqual(got, wanted) {
		t.Errorf("%+v, want %+v", got, wanted)
	}
}

func TestLoadBalanceComparesWhoWasThereTogether(t *testing.T) {
	f := &fake{}
	for i, minutes := range []int{45, 60, 5} {
		id := fmt.Sprint("ag_", i)
		in := morning
		if i == 2 {
			in = morning.Add(6 * time.Hour) // came late: does not count
		}
		f.periods = append(f.periods, PresencePeriod{AgentID: id, State: agent.Available, From: in})
		f.add("cv_"+id, omni.SegmentAgent, "qu_a", id, 7*time.Hour, time.Duration(minutes)*time.Minute, omni.CustomerDisconnect)
	}
	rows, err := LoadBalance(t.Context(), f, whole(ByAgent), map[string]string{"ag_0": "en", "ag_1": "en", "ag_2": "en"})
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	want(t, rows[0], map[string]float64{"N-AGENTS": 2, Balance: 0.75})
}

func TestCSV(t *testing.T) {
	rows, err := Figures(t.Context(), worked(), whole(ByQueue))
	if err != nil {
		t.Fatal(err)
	}
	rows[0].Name = "=1+1, \"sales\""
	var b strings.Builder
	if err := WriteCSV(&b, rows); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if !strings.HasPrefix(lines[0], "id,name,from,to,offered [N-OFFERED],answered [N-ANSWERED]") || !strings.Contains(lines[0], "service_level [SL-STRICT]") {
		t.Errorf("heading %s", lines[0])
	}
	if !strings.HasPrefix(lines[1], `qu_a,"'=1+1, ""sales""",2026-03-02T09:00:00Z,2026-03-02T17:00:00Z,100,85,11,4,0,0,0.7292,0.7000,0.8235,0.7900,0.7692,16.9`) {
		t.Errorf("line %s", lines[1])
	}
}

func TestSpans(t *testing.T) {
	s := func(pairs ...int) []span {
		var ss []span
		for i := 0; i < len(pairs); i += 2 {
			ss = append(ss, span{int64(pairs[i]), int64(pairs[i+1])})
		}
		return ss
	}
	if got := union(s(5, 9, 1, 3, 2, 4, 8, 12, 7, 7), 20); !reflect.DeepEqual(got, s(1, 4, 5, 12)) {
		t.Errorf("union %v", got)
	}
	tests := []struct{ a, b, want []span }{
		{s(0, 10), s(2, 4, 6, 8), s(0, 2, 4, 6, 8, 10)},
		{s(0, 4, 6, 10), s(2, 8), s(0, 2, 8, 10)},
		{s(0, 4), s(0, 4), nil},
		{s(0, 4), nil, s(0, 4)},
		{s(2, 4, 5, 6), s(0, 10), nil},
	}
	for _, tt := range tests {
		if got := without(tt.a, tt.b); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%v without %v is %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
}

// A consultation is hold of the customer for who asks, busy time for who is
// asked, and no offer of the queue unless the colleague gets to talk with the
// customer; a hand-over by it is a transfer.
func TestConsultationsCountForThoseWhoTalk(t *testing.T) {
	f := &fake{}
	f.add("cv_1", omni.SegmentOffer, "qu_a", "ann", 0, 5*time.Second, omni.Answered)
	f.segments[0].OfferID = "of_1"
	f.add("cv_1", omni.SegmentAgent, "qu_a", "ann", 5*time.Second, 100*time.Second, omni.Transferred)
	f.segments[1].ID, f.segments[1].OfferID = "sg_ann", "of_1"
	for i, o := range []struct {
		id, agent string
		why       omni.EndReason
	}{{"of_2", "eve", omni.AgentRejected}, {"of_3", "bob", omni.Answered}} {
		f.add("cv_1", omni.SegmentOffer, "qu_a", o.agent, time.Duration(30+5*i)*time.Second, 5*time.Second, o.why)
		f.segments[2+i].ParentID, f.segments[2+i].OfferID = "sg_ann", o.id
	}
	f.add("cv_1", omni.SegmentHold, "qu_a", "ann", 30*time.Second, 30*time.Second, omni.Resumed)
	f.add("cv_1", omni.SegmentConsult, "qu_a", "bob", 40*time.Second, 20*time.Second, omni.NextStep)
	f.add("cv_1", omni.SegmentAgent, "qu_a", "bob", 60*time.Second, 60*time.Second, omni.CustomerDisconnect)
	f.segments[6].OfferID = "of_3"
	rows, err := Figures(t.Context(), f, whole(ByAgent))
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v, %v", rows, err)
	}
	want(t, rows[0], map[string]float64{Offered: 1, Answered: 1, Talk: 70, Hold: 30, Transfers: 1, Accuracy: 1})
	want(t, rows[1], map[string]float64{Offered: 1, Answered: 1, Rejected: 0, Talk: 60, Hold: 0, Transfers: 0, Usage: 1, Occupancy: 1})
	// The colleague, who had joined before, hands the customer over once more.
	f.segments[6].EndReason = omni.Transferred
	if rows, err = Figures(t.Context(), f, whole(ByAgent)); err != nil {
		t.Fatal(err)
	}
	want(t, rows[0], map[string]float64{Accuracy: 0})
}
