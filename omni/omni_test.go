package omni

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// The table of states as facts and text have it, in all pairs.
func TestMovesInAllPairs(t *testing.T) {
	t.Parallel()
	allowed := map[string]bool{
		"initiated in_flow": true,
		"in_flow queued":    true, "in_flow completed": true,
		"queued offered": true, "queued in_flow": true, "queued completed": true,
		"offered connected": true, "offered queued": true,
		"connected on_hold": true, "connected wrap_up": true, "connected queued": true, "connected in_flow": true,
		"on_hold connected": true, "on_hold wrap_up": true,
		"wrap_up completed": true,
	}
	found := 0
	for _, from := range append(States, "strange", "") {
		for _, to := range append(States, "strange", "") {
			err := Move(from, to)
			want := allowed[string(from)+" "+string(to)]
			if want != (err == nil) || err != nil && !errors.Is(err, ErrMove) {
				t.Errorf("%s to %s: %v", from, to, err)
			}
			if err == nil {
				found++
			}
		}
	}
	if found != len(allowed) {
		t.Errorf("%d moves, want %d", found, len(allowed))
	}
	for from := range moves {
		for _, to := range moves[from] {
			if from == to {
				t.Errorf("%s moves to itself", from)
			}
		}
	}
}

func TestEveryStateIsReachedAndLeft(t *testing.T) {
	t.Parallel()
	reached := map[State]bool{Initiated: true}
	for next := []State{Initiated}; len(next) > 0; next = next[1:] {
		for _, to := range moves[next[0]] {
			if !reached[to] {
				reached[to] = true
				next = append(next, to)
			}
		}
	}
	for _, s := range States {
		if !reached[s] {
			t.Errorf("%s is never reached", s)
		}
		if len(moves[s]) == 0 && s != Completed {
			t.Errorf("%s is never left", s)
		}
		if live := s.Live(); live == (s == WrapUp || s == Completed) {
			t.Errorf("%s: live %v", s, live)
		}
	}
}

func TestStrength(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		p    Presented
		want Strength
	}{
		{"caller ID", Presented{Kind: IdentityPhone, Value: "+8613800138000", VerifiedBy: VerifiedByCallerID}, Suggested},
		{"nothing known about it", Presented{Kind: IdentityPhone, Value: "+8613800138000"}, Suggested},
		{"said in an SMS", Presented{Kind: IdentityPhone, Value: "+8613800138000", VerifiedBy: VerifiedBySMS}, Certain},
		{"one-time password", Presented{Kind: IdentityPhone, Value: "+8613800138000", VerifiedBy: VerifiedByOTP}, Certain},
		{"app user", Presented{Kind: IdentityAppUser, Value: "u1", VerifiedBy: VerifiedByHMAC}, Certain},
		{"app user without proof", Presented{Kind: IdentityAppUser, Value: "u1"}, Suggested},
		{"withheld", Presented{Kind: IdentityPhone, Value: "Anonymous", VerifiedBy: VerifiedByCallerID}, NoMatch},
		{"empty", Presented{Kind: IdentityPhone, Value: " "}, NoMatch},
		{"privacy number with extension", Presented{Kind: IdentityPhone, Value: "+8617000000000,1234", VerifiedBy: VerifiedBySMS}, NoMatch},
		{"another privacy number", Presented{Kind: IdentityPhone, Value: "95013;ext=77"}, NoMatch},
	} {
		if got := c.p.Strength(); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

type finder func(kind, value, scope string) (Customer, Identity, error)

func (f finder) CustomerByIdentity(_ context.Context, kind, value, scope string) (Customer, Identity, error) {
	return f(kind, value, scope)
}

func TestRecognise(t *testing.T) {
	t.Parallel()
	now := time.Now()
	nobody := finder(func(string, string, string) (Customer, Identity, error) { return Customer{}, Identity{}, ErrNotFound })
	phone := Presented{Kind: IdentityPhone, Value: "+8613800138000", VerifiedBy: VerifiedByCallerID, Name: "王", Language: "zh-CN"}
	r, err := Recognise(t.Context(), nobody, phone, now)
	if err != nil || !r.New || r.Customer.Name != "王" || r.Identity.CustomerID != r.Customer.ID || len(r.Change().Identities) != 1 || len(r.Change().Customers) != 1 {
		t.Errorf("a new number: %+v, %v", r, err)
	}
	withheld := phone
	withheld.Value = "anonymous"
	never := finder(func(string, string, string) (Customer, Identity, error) {
		t.Error("a withheld number is looked up")
		return Customer{}, Identity{}, nil
	})
	r, err = Recognise(t.Context(), never, withheld, now)
	if err != nil || !r.New || r.Identity.ID != "" || len(r.Change().Identities) != 0 || len(r.Change().Customers) != 1 {
		t.Errorf("a withheld number: %+v, %v", r, err)
	}
	known := func(verified string) finder {
		return func(_, value, _ string) (Customer, Identity, error) {
			return Customer{ID: "cu_1"}, Identity{ID: "ci_1", CustomerID: "cu_1", Kind: IdentityPhone, Value: value, VerifiedBy: verified}, nil
		}
	}
	for _, c := range []struct {
		before, now string
		want        Strength
	}{
		{VerifiedByCallerID, VerifiedByCallerID, Suggested},
		{VerifiedByOTP, VerifiedByCallerID, Suggested},
		{VerifiedByCallerID, VerifiedBySMS, Suggested},
		{VerifiedByOTP, VerifiedBySMS, Certain},
	} {
		p := phone
		p.VerifiedBy = c.now
		r, err := Recognise(t.Context(), known(c.before), p, now)
		if err != nil || r.New || r.Strength != c.want || r.Customer.ID != "cu_1" || len(r.Change().Customers) != 0 {
			t.Errorf("%s then %s: %+v, %v", c.before, c.now, r, err)
		}
	}
	away := errors.New("away")
	if _, err := Recognise(t.Context(), finder(func(string, string, string) (Customer, Identity, error) { return Customer{}, Identity{}, away }), phone, now); !errors.Is(err, away) {
		t.Errorf("a failing store gives %v", err)
	}
}

func TestRetention(t *testing.T) {
	t.Parallel()
	end := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	for _, c := range []struct {
		name string
		r    Retention
		kind string
		want time.Time
	}{
		{"default", Retention{}, "call", end.Add(90 * day)},
		{"own", Retention{Recordings: 7 * day}, "call", end.Add(7 * day)},
		{"for ever", Retention{Recordings: -1}, "call", time.Time{}},
		{"voicemail as calls", Retention{Recordings: 7 * day}, "voicemail", end.Add(7 * day)},
		{"voicemail shorter", Retention{Recordings: -1, Voicemail: day}, "voicemail", end.Add(day)},
	} {
		if got := c.r.DeleteAfter(c.kind, end); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	rec := Recording{State: RecordingReady, DeleteAfter: end}
	held, running, forever := rec, rec, rec
	held.LegalHold, running.State, forever.DeleteAfter = true, RecordingRunning, time.Time{}
	if !rec.Expired(end) || rec.Expired(end.Add(-1)) || held.Expired(end) || running.Expired(end) || forever.Expired(end) {
		t.Error("Expired is wrong")
	}
}

func TestFilterAndPage(t *testing.T) {
	t.Parallel()
	now := time.Now()
	if err := (Filter{States: States, From: now, To: now}).Validate(); err != nil {
		t.Error(err)
	}
	for name, f := range map[string]Filter{"state": {States: []State{"x"}}, "span": {From: now, To: now.Add(-1)}} {
		if err := f.Validate(); !errors.Is(err, ErrFilter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for limit, want := range map[int]int{-1: DefaultPage, 0: DefaultPage, 1: 1, MaxPage: MaxPage, MaxPage + 1: MaxPage} {
		if got := (Page{Limit: limit}).Size(); got != want {
			t.Errorf("limit %d gives %d", limit, got)
		}
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	build := func(types ...string) []Event {
		var out []Event
		for i, typ := range types {
			typ, segment, _ := strings.Cut(typ, " ")
			e, err := NewEvent(typ, "cv_1", time.Now(), map[string]int{"n": i})
			if err != nil {
				t.Fatal(err)
			}
			e.ConversationSeq, e.SegmentID = int64(i+1), segment
			out = append(out, e)
		}
		return out
	}
	good := build(ConversationInitiated, SegmentStarted+" a", ConversationQueued, SegmentEnded+" a", ConversationCompleted, RecordingDeletedEvent)
	for _, events := range [][]Event{nil, good, good[:2]} {
		if err := Audit(events); err != nil {
			t.Error(err)
		}
	}
	gap, foreign := build(ConversationInitiated, ConversationQueued), build(ConversationInitiated, ConversationQueued)
	gap[1].ConversationSeq, foreign[1].ConversationID = 3, "cv_2"
	for name, events := range map[string][]Event{
		"a gap": gap, "a foreign event": foreign,
		"no beginning":             build(ConversationQueued),
		"two beginnings":           build(ConversationInitiated, ConversationInitiated),
		"goes on after completed":  build(ConversationInitiated, ConversationCompleted, ConversationQueued),
		"completed twice":          build(ConversationInitiated, ConversationCompleted, ConversationCompleted),
		"an open segment":          build(ConversationInitiated, SegmentStarted+" a", ConversationCompleted),
		"a segment started twice":  build(ConversationInitiated, SegmentStarted+" a", SegmentStarted+" a"),
		"a segment that never was": build(ConversationInitiated, SegmentEnded+" a"),
	} {
		if err := Audit(events); !errors.Is(err, ErrJournal) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewEvent("x", "", time.Now(), func() {}); err == nil {
		t.Error("data that cannot be marshalled is taken")
	}
}
