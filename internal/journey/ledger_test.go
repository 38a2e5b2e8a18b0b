package journey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

// clock is a time that only the test moves.
type clock struct{ t time.Time }

func newClock() *clock { return &clock{time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time        { return c.t }
func (c *clock) after(d time.Duration) { c.t = c.t.Add(d) }

func testLedger(state omni.State) (*ledger, *clock) {
	c := newClock()
	return newLedger(omni.Conversation{ID: "cv_1", State: state, CreatedAt: c.t}, c.now), c
}

// What was taken is not taken again; what changes later comes with the next
// take, with the whole row.
func TestTakeGivesEveryChangeOnce(t *testing.T) {
	l, c := testLedger(omni.Initiated)
	s := l.begin(omni.SegmentFlow, func(s *omni.Segment) { s.FlowID = "fl_1" })
	l.leg(omni.Leg{ID: "lg_1"})
	l.recording(omni.Recording{ID: "rc_1"})
	first := l.take()
	if len(first.Conversations) != 1 || len(first.Segments) != 1 || len(first.Legs) != 1 || len(first.Recordings) != 1 || len(first.Events) != 1 {
		t.Fatalf("first take: %+v", first)
	}
	if again := l.take(); !isEmpty(again) {
		t.Errorf("a second take without a change gives %+v", again)
	}
	c.after(time.Second)
	l.end(s, omni.NextStep)
	second := l.take()
	if len(second.Conversations) != 0 || len(second.Segments) != 1 || len(second.Events) != 1 {
		t.Fatalf("second take: %+v", second)
	}
	if got := second.Segments[0]; got.FlowID != "fl_1" || got.StartedAt != first.Segments[0].StartedAt || got.EndedAt != c.t {
		t.Errorf("the row is not whole: %+v", got)
	}
	if !first.Segments[0].EndedAt.IsZero() {
		t.Error("a change that was taken has changed afterwards")
	}
}

// Several changes of one row between two takes are one row, the last.
func TestARowThatChangesTwiceIsWrittenOnce(t *testing.T) {
	l, _ := testLedger(omni.InFlow)
	l.leg(omni.Leg{ID: "lg_1", Codec: "PCMU"})
	l.leg(omni.Leg{ID: "lg_1", Codec: "PCMA"})
	l.update(func(c *omni.Conversation) { c.Language = "ja" })
	l.update(func(c *omni.Conversation) { c.Language = "en" })
	c := l.take()
	if len(c.Legs) != 1 || c.Legs[0].Codec != "PCMA" {
		t.Errorf("legs %+v", c.Legs)
	}
	if len(c.Conversations) != 1 || c.Conversations[0].Language != "en" {
		t.Errorf("conversations %+v", c.Conversations)
	}
}

// The ledger moves as the table says and no other way; a refused move changes
// nothing.
func TestLedgerFollowsTheTableOfStates(t *testing.T) {
	for _, from := range omni.States {
		for _, to := range omni.States {
			l, _ := testLedger(from)
			l.take()
			err := l.move(to)
			want := omni.Move(from, to)
			if from == to {
				want = nil // staying is no move
			}
			if (err == nil) != (want == nil) || err != nil && !errors.Is(err, omni.ErrMove) {
				t.Errorf("%s to %s: %v, the table says %v", from, to, err, want)
			}
			changed := err == nil && from != to
			if got := l.take(); (len(got.Conversations) == 1) != changed || changed && got.Conversations[0].State != to {
				t.Errorf("%s to %s: written %+v", from, to, got.Conversations)
			}
		}
	}
}

// A segment ends once: the first reason stands, and there is one event.
func TestSegmentsEndOnce(t *testing.T) {
	l, c := testLedger(omni.Queued)
	s := l.begin(omni.SegmentQueue, func(s *omni.Segment) { s.QueueID = "qu_1" })
	c.after(90 * time.Second)
	l.end(s, omni.Answered)
	ended := c.t
	c.after(time.Second)
	l.end(s, omni.CustomerDisconnect)
	l.end(nil, omni.CustomerDisconnect)
	got := l.take()
	if len(got.Segments) != 1 || got.Segments[0].EndReason != omni.Answered || got.Segments[0].EndedAt != ended {
		t.Errorf("segments %+v", got.Segments)
	}
	var ends []omni.Event
	for _, e := range got.Events {
		if e.Type == omni.SegmentEnded {
			ends = append(ends, e)
		}
	}
	if len(ends) != 1 || ends[0].SegmentID != s.ID || ends[0].QueueID != "qu_1" || ends[0].ConversationID != "cv_1" {
		t.Fatalf("ends %+v", ends)
	}
	var data struct {
		EndReason  omni.EndReason `json:"end_reason"`
		DurationMS int64          `json:"duration_ms"`
	}
	if err := json.Unmarshal(ends[0].Data, &data); err != nil || data.EndReason != omni.Answered || data.DurationMS != 90_000 {
		t.Errorf("data %s: %+v %v", ends[0].Data, data, err)
	}
	l.end(s, omni.CustomerDisconnect)
	if got := l.take(); !isEmpty(got) {
		t.Errorf("ending it after the take gives %+v", got)
	}
}

// Events keep the order in which things happened, and what they were told.
func TestEventsKeepTheirOrderAndData(t *testing.T) {
	l, c := testLedger(omni.InFlow)
	data := map[string]any{"n": 1}
	l.event(omni.ConversationQueued, data, of("ag_1", "qu_1"))
	data["n"] = 2 // the caller goes on using it
	c.after(time.Second)
	l.event(omni.ConversationOffered, nil)
	got := l.take().Events
	if len(got) != 2 || got[0].Type != omni.ConversationQueued || got[1].Type != omni.ConversationOffered {
		t.Fatalf("events %+v", got)
	}
	if string(got[0].Data) != `{"n":1}` || got[0].AgentID != "ag_1" || got[0].QueueID != "qu_1" || got[1].Data != nil {
		t.Errorf("events %+v", got)
	}
	if got[0].ID == got[1].ID || !got[0].Time.Before(got[1].Time) {
		t.Errorf("ids %s and %s, times %s and %s", got[0].ID, got[1].ID, got[0].Time, got[1].Time)
	}
}

// What could not be written comes with the next take, in its order, and rows that
// changed since are as they are now.
func TestPutBack(t *testing.T) {
	l, _ := testLedger(omni.InFlow)
	s := l.begin(omni.SegmentFlow, nil)
	l.leg(omni.Leg{ID: "lg_1", Codec: "PCMU"})
	l.leg(omni.Leg{ID: "lg_2"})
	first := l.take()
	l.leg(omni.Leg{ID: "lg_1", Codec: "PCMA"})
	l.end(s, omni.NextStep)
	l.putBack(first)
	c := l.take()
	if len(c.Conversations) != 1 || len(c.Legs) != 2 || len(c.Segments) != 1 || c.Segments[0].EndedAt.IsZero() {
		t.Errorf("after putting back: %+v", c)
	}
	for _, leg := range c.Legs {
		if leg.ID == "lg_1" && leg.Codec != "PCMA" {
			t.Error("an older row replaced the newer one")
		}
	}
	if len(c.Events) != 2 || c.Events[0].Type != omni.SegmentStarted || c.Events[1].Type != omni.SegmentEnded {
		t.Errorf("events %+v", c.Events)
	}
}

// keepless is a store whose Keep answers as the test says.
type keepless struct {
	Store
	err  error
	kept []Write
}

func (k *keepless) Keep(_ context.Context, w Write) error {
	if k.err != nil {
		return k.err
	}
	k.kept = append(k.kept, w)
	return nil
}

// What somebody did is not confirmed when it could be kept nowhere, and is not
// lost when it can be again.
func TestNothingIsConfirmedThatIsKeptNowhere(t *testing.T) {
	store := &keepless{err: fmt.Errorf("spool: %w", account.ErrUnavailable)}
	l, _ := testLedger(omni.InFlow)
	l.take()
	v := &conversation{
		center: &Center{store: store}, log: slog.New(slog.DiscardHandler), ctx: t.Context(), book: l,
		ops: make(chan func(), 1), done: make(chan struct{}),
	}
	ask := func() error {
		answer := make(chan error, 1)
		go func() {
			answer <- v.ask(t.Context(), func() error { l.update(func(c *omni.Conversation) { c.WrapUpNote = "note" }); return nil })
		}()
		(<-v.ops)()
		v.answerAll(v.save())
		return <-answer
	}
	if err := ask(); !errors.Is(err, account.ErrUnavailable) {
		t.Errorf("confirmed with %v", err)
	}
	store.err = nil
	v.answerAll(v.save())
	if len(store.kept) != 1 || store.kept[0].Omni.Conversations[0].WrapUpNote != "note" {
		t.Errorf("kept %+v", store.kept)
	}
	if err := ask(); err != nil {
		t.Error(err)
	}
	store.err = errors.New("refused, and kept aside")
	if err := ask(); err == nil {
		t.Error("a refused write is confirmed")
	}
	if c := l.take(); !isEmpty(c) {
		t.Errorf("what was refused for good is tried again: %+v", c)
	}
}
