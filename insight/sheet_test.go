package insight

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

// shelf is a Source that has sheets of some of its conversations.
type shelf struct {
	fake
	sheeted map[string]bool
	sheets  map[SheetKey]*Sheet
}

func (s *shelf) EachSegment(_ context.Context, which Which, from, to time.Time, yield func(omni.Segment) error) error {
	chosen := map[string]bool{}
	in := func(at time.Time) bool { return !at.Before(from) && at.Before(to) }
	for _, seg := range s.segments {
		if which != Begun || in(seg.StartedAt) || seg.EndReason == omni.Transferred && in(seg.EndedAt) {
			chosen[seg.ConversationID] = which == Overlapping || s.sheeted[seg.ConversationID] == (which == Begun)
		}
	}
	for _, seg := range s.segments {
		if chosen[seg.ConversationID] {
			if err := yield(seg); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *shelf) EachSheet(_ context.Context, by By, _ []string, from, to time.Time, yield func(string, int64, *Sheet) error) error {
	for k, sheet := range s.sheets {
		if k.By != by || k.Day < DayOf(from) || k.Day > DayOf(to) {
			continue
		}
		if err := yield(k.ID, k.Day, sheet); err != nil {
			return err
		}
	}
	return nil
}

// file changes the sheets by a book, as a store does.
func (s *shelf) file(t *testing.T, b *Book) {
	t.Helper()
	for _, k := range b.Keys() {
		sheet := &Sheet{}
		if old := s.sheets[k]; old != nil {
			sheet = old
		}
		if err := b.Apply(k, sheet); err != nil {
			t.Fatal(err)
		}
		again := &Sheet{}
		if err := again.Decode(k.Day, sheet.Encode(k.Day)); err != nil {
			t.Fatal(err)
		}
		if s.sheets[k] = again; again.Empty() {
			delete(s.sheets, k)
		}
	}
}

// conversationOf gives the segments of a conversation, in order.
func (s *shelf) conversationOf(id string) []omni.Segment {
	var list []omni.Segment
	for _, seg := range s.segments {
		if seg.ConversationID == id {
			list = append(list, seg)
		}
	}
	return list
}

var clockChange = time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC) // Berlin's clocks go forward

// lively makes a history of three days around a change of the clocks: waits,
// overflows, missed offers, holds, transfers, wrap-ups, agents in two calls.
func lively(rng *rand.Rand, conversations int) *shelf {
	s := &shelf{sheeted: map[string]bool{}, sheets: map[SheetKey]*Sheet{}}
	us := func(n int64) time.Duration { return time.Duration(rng.Int64N(n)) * time.Microsecond }
	reasons := []omni.EndReason{omni.Answered, omni.Answered, omni.Answered, omni.CustomerDisconnect, omni.MaxWait, omni.SystemError}
	for i := range conversations {
		conv := fmt.Sprintf("cv_%04d", i)
		at := clockChange.Sub(morning) - 36*time.Hour + us(72*3600e6)
		step := func(kind omni.SegmentKind, queue, who string, d time.Duration, why omni.EndReason) {
			s.add(conv, kind, queue, who, at, d, why)
		}
		for range 1 + rng.IntN(3) {
			queue, who := fmt.Sprint("qu_", rng.IntN(3)), fmt.Sprint("ag_", rng.IntN(4))
			wait, why := 1+us(90e6), reasons[rng.IntN(len(reasons))]
			wait = max(wait.Truncate(time.Microsecond), time.Microsecond)
			step(omni.SegmentQueue, queue, "", wait, why)
			step(omni.SegmentOffer, queue, fmt.Sprint("ag_", rng.IntN(4)), wait/2+1, omni.AgentTimeout)
			if at += wait; why != omni.Answered {
				if why == omni.MaxWait {
					continue // on to another queue
				}
				break
			}
			d := time.Second + us(3000e6)
			if rng.IntN(50) == 0 {
				d += 9 * time.Hour
			}
			end := []omni.EndReason{omni.Transferred, omni.CustomerDisconnect, omni.AgentLost}[rng.IntN(3)]
			step(omni.SegmentAgent, queue, who, d, end)
			if rng.IntN(3) == 0 {
				s.add(conv, omni.SegmentHold, queue, who, at+d/4, d/4, omni.Resumed)
			}
			at += d
			s.add(conv, omni.SegmentWrapUp, queue, who, at, time.Second+us(90e6), omni.WrappedUp)
			if end == omni.CustomerDisconnect {
				break
			}
		}
	}
	for i := range s.segments { // microseconds, as stores keep them
		x := &s.segments[i]
		x.StartedAt, x.EndedAt = x.StartedAt.Truncate(time.Microsecond), x.EndedAt.Truncate(time.Microsecond)
	}
	slices.SortStableFunc(s.segments, inOrder)
	for a := range 4 {
		from := clockChange.Add(-40 * time.Hour)
		for _, state := range []agent.PresenceState{agent.Available, agent.Break, agent.Available, agent.Offline, agent.Available} {
			to := from.Add(us(20 * 3600e6))
			s.periods = append(s.periods, PresencePeriod{fmt.Sprint("ag_", a), state, from, to})
			from = to
		}
		s.periods[len(s.periods)-1].To = time.Time{}
	}
	return s
}

func randomQuery(t *testing.T, rng *rand.Rand) Query {
	t.Helper()
	zones := []string{"UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Asia/Shanghai"}
	loc, err := time.LoadLocation(zones[rng.IntN(len(zones))])
	if err != nil {
		t.Skipf("time zone data: %v", err)
	}
	q := Query{
		By:          []By{ByQueue, ByAgent, ByTotal}[rng.IntN(3)],
		Granularity: []Granularity{HalfHour, Hour, Day, Week, Whole}[rng.IntN(5)],
		From:        clockChange.Add(-40*time.Hour + time.Duration(rng.Int64N(40*3600e6))*time.Microsecond),
		To:          clockChange.Add(time.Duration(1+rng.Int64N(50*3600e6)) * time.Microsecond),
		Location:    loc,
		Targets:     map[string]agent.ServiceLevel{"qu_1": {Threshold: agent.Seconds(1 + rng.IntN(60)), Formula: agent.SLFair}},
	}
	if rng.IntN(2) == 0 {
		q.From, q.To = q.From.Truncate(time.Hour), q.To.Truncate(15*time.Minute)
	}
	if rng.IntN(3) == 0 {
		q.IDs, q.Agents = []string{"qu_1", "qu_2", "ag_1"}, []string{"ag_2", "ag_3"}
	}
	if rng.IntN(3) == 0 {
		q.Now = clockChange.Add(time.Duration(rng.Int64N(30*3600e6)) * time.Microsecond)
	}
	return q
}

func requireSame(t *testing.T, s *shelf, q Query) {
	t.Helper()
	fast, err := Figures(t.Context(), s, q)
	if err != nil {
		t.Fatal(err)
	}
	slow, err := Recount(t.Context(), s, q)
	if err != nil {
		t.Fatal(err)
	}
	if len(fast) != len(slow) {
		t.Fatalf("%+v: %d rows from sheets, %d from segments", q, len(fast), len(slow))
	}
	for i := range fast {
		if !reflect.DeepEqual(fast[i], slow[i]) {
			t.Fatalf("%+v\nfrom sheets   %+v\nfrom segments %+v", q, fast[i], slow[i])
		}
	}
}

// Whatever part of the conversations the sheets count, whatever was corrected
// or erased, and in every zone, the figures are those of the segments.
func TestSheetsGiveTheFiguresOfTheSegments(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 7))
		s := lively(rng, 150)
		for range 8 {
			var b Book
			for i := range 150 {
				conv := fmt.Sprintf("cv_%04d", i)
				switch before := s.conversationOf(conv); {
				case len(before) == 0:
				case !s.sheeted[conv] && rng.IntN(3) > 0:
					b.Add(before)
					s.sheeted[conv] = true
				case s.sheeted[conv] && rng.IntN(10) == 0: // corrected
					b.Remove(before)
					s.sheeted[conv] = false
					for j := range s.segments {
						if s.segments[j].ConversationID == conv && rng.IntN(2) == 0 {
							s.segments[j].EndedAt = s.segments[j].EndedAt.Add(time.Duration(rng.IntN(3e6)) * time.Microsecond)
						}
					}
				case s.sheeted[conv] && rng.IntN(30) == 0: // erased
					b.Remove(before)
					s.segments = slices.DeleteFunc(s.segments, func(x omni.Segment) bool { return x.ConversationID == conv })
				}
			}
			s.file(t, &b)
			for range 6 {
				requireSame(t, s, randomQuery(t, rng))
			}
		}
		var b Book // take everything out
		for conv := range s.sheeted {
			if s.sheeted[conv] {
				b.Remove(s.conversationOf(conv))
			}
		}
		if s.file(t, &b); len(s.sheets) != 0 {
			t.Fatalf("seed %d: %d sheets are left", seed, len(s.sheets))
		}
	}
}

func TestZonesWithoutWholeQuartersAreCountedFromSegments(t *testing.T) {
	loc := time.FixedZone("odd", 44*60+30)
	rng := rand.New(rand.NewPCG(1, 1))
	s := lively(rng, 60)
	var b Book
	for i := range 60 {
		conv := fmt.Sprintf("cv_%04d", i)
		b.Add(s.conversationOf(conv))
		s.sheeted[conv] = true
	}
	s.file(t, &b)
	q := Query{By: ByQueue, Granularity: Hour, From: clockChange.Add(-30 * time.Hour), To: clockChange.Add(30 * time.Hour), Location: loc}
	requireSame(t, s, q)
	cal, err := newCalendar(q)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := cal.quarters(); ok {
		t.Error("an hour that begins within a quarter was taken from sheets")
	}
}

func TestWhatIsNotInASheetCannotBeTakenOut(t *testing.T) {
	seg := []omni.Segment{{ConversationID: "cv_1", Kind: omni.SegmentAgent, QueueID: "qu_1", AgentID: "ag_1", StartedAt: morning, EndedAt: morning.Add(time.Minute)}}
	var b Book
	b.Remove(seg)
	for _, k := range b.Keys() {
		if err := b.Apply(k, &Sheet{}); !errors.Is(err, ErrSheet) {
			t.Errorf("%v: %v", k, err)
		}
	}
}

func TestOpenWorkEndsNow(t *testing.T) {
	f := &fake{periods: []PresencePeriod{{AgentID: "ag_1", State: agent.Available, From: morning}}}
	f.add("cv_1", omni.SegmentAgent, "qu_a", "ag_1", 30*time.Minute, 0, "")
	q := whole(ByAgent)
	q.Now = morning.Add(time.Hour)
	rows, err := Figures(t.Context(), f, q)
	if err != nil {
		t.Fatal(err)
	}
	want(t, rows[0], map[string]float64{Occupancy: 0.5, Usage: 0.5})
}

func TestTotalsAddQueuesAndAgentsUp(t *testing.T) {
	f := talked()
	f.periods = []PresencePeriod{{AgentID: "ag_1", State: agent.Available, From: morning, To: morning.Add(time.Hour)}}
	rows, err := Figures(t.Context(), f, whole(ByTotal))
	if err != nil || len(rows) != 1 || rows[0].ID != "" {
		t.Fatal(rows, err)
	}
	want(t, rows[0], map[string]float64{Offered: 2, Answered: 2, ASA: 60, AHT: 540, Transfers: 1, Accuracy: 1, Occupancy: 18.0 / 66})
}

func FuzzSheet(f *testing.F) {
	rng := rand.New(rand.NewPCG(3, 4))
	s := lively(rng, 40)
	var b Book
	for i := range 40 {
		b.Add(s.conversationOf(fmt.Sprintf("cv_%04d", i)))
	}
	for _, k := range b.Keys() {
		var sheet Sheet
		if err := b.Apply(k, &sheet); err != nil {
			f.Fatal(err)
		}
		f.Add(k.Day, sheet.Encode(k.Day))
	}
	f.Fuzz(func(t *testing.T, day int64, in []byte) {
		day %= 1 << 20
		var sheet, again Sheet
		if err := sheet.Decode(day, in); err != nil {
			if !errors.Is(err, ErrSheet) || !sheet.Empty() {
				t.Fatal(err)
			}
			return
		}
		if err := again.Decode(day, sheet.Encode(day)); err != nil || !reflect.DeepEqual(again, sheet) {
			t.Fatalf("round trip of %x: %+v, %v", in, again, err)
		}
		if err := again.Decode(day, sheet.Encode(day)); err != nil || !reflect.DeepEqual(again.quarters, sheet.quarters) {
			t.Fatalf("again into the same memory: %+v, %v", again, err)
		}
	})
}
