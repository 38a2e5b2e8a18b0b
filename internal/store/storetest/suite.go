package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/omni"
)

// Opener opens a fresh and empty store; opening its URL again finds the same.
type Opener func(t testing.TB) (db *store.DB, url string)

// patience bounds every wait of the suite.
const patience = 20 * time.Second

// Run runs the whole suite.
func Run(t *testing.T, open Opener) {
	for name, test := range map[string]func(*testing.T, Opener){
		"rows come back as they were":         roundTrip,
		"writing again changes nothing":       idempotent,
		"numbers have no gaps under load":     concurrent,
		"a bad write spoils no other":         refused,
		"events reach listeners in order":     listeners,
		"identities belong to the first":      identities,
		"conversations are found and paged":   filters,
		"segments overlap a span":             segments,
		"live things are found by node":       live,
		"a lost place in the queue is found":  lostInQueue,
		"leases fence writes":                 leases,
		"nodes give signs of life":            nodes,
		"what is over lingers in routing":     lingering,
		"messages are numbered":               messages,
		"what customers said is kept":         consents,
		"customers are edited by field":       customerEdits,
		"records have versions and keys":      records,
		"sessions and audit":                  accounts,
		"routing state is rebuilt":            routing,
		"flows are published and go back":     flows,
		"figures are those of the segments":   figures,
		"figures while calls go on":           figuresMeanwhile,
		"demo data can be removed":            demoData,
		"recordings expire unless held":       recordings,
		"what is held is not deleted":         heldOrDeleted,
		"finished recordings are sealed":      sealed,
		"seals are verified meanwhile":        sealedMeanwhile,
		"given up, a node seals again":        sealedAgain,
		"all that is broken is told":          sealedAll,
		"seals of nodes that share no folder": sealedElsewhere,
		"a customer's data is erased":         erasure,
		"recordings are finished once":        finishedOnce,
		"strange text is kept":                strangeText,
		"a store opens again with everything": reopen,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// Now is a time that both databases keep exactly.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Conversation makes a conversation that began at the given time.
func Conversation(at time.Time) omni.Conversation {
	return omni.Conversation{ID: id.New(id.Conversation), Channel: omni.Voice, Direction: omni.Inbound,
		InitiationMethod: omni.ByInbound, State: omni.Initiated, Language: "zh-CN", DialledNumber: "9000",
		CallerNumber: "+8613800138000", FlowPath: []string{}, NodeID: "nd_1", CreatedAt: at}
}

// Event makes an event of a conversation (none when empty).
func Event(conversationID, typ string, at time.Time) omni.Event {
	return omni.Event{ID: id.New(id.Event), Type: typ, Time: at, ConversationID: conversationID}
}

// Commit writes or fails the test.
func Commit(t testing.TB, db *store.DB, c omni.Change) []omni.Event {
	t.Helper()
	events, err := db.Commit(t.Context(), store.Write{Omni: c})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// Eventually asks until ok says yes.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("in vain: %s", what)
		}
	}
}

// AwaitHead waits until n events have their seq.
func AwaitHead(t testing.TB, db *store.DB, n int64) {
	t.Helper()
	Eventually(t, fmt.Sprintf("head %d", n), func() bool {
		head, err := db.Head(context.Background())
		return err == nil && head >= n
	})
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func equal[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

// RequireGapless checks every number of the whole journal.
func RequireGapless(t testing.TB, db *store.DB, want int) {
	t.Helper()
	AwaitHead(t, db, int64(want))
	var after int64
	perConversation := map[string]int64{}
	total := 0
	for {
		events, err := db.Events(context.Background(), after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			if e.Seq != after+1 {
				t.Fatalf("seq %d follows %d", e.Seq, after)
			}
			after = e.Seq
			if e.ConversationID == "" {
				continue
			}
			if e.ConversationSeq != perConversation[e.ConversationID]+1 {
				t.Fatalf("%s: number %d follows %d", e.ConversationID, e.ConversationSeq, perConversation[e.ConversationID])
			}
			perConversation[e.ConversationID]++
		}
		total += len(events)
	}
	if total != want {
		t.Fatalf("%d events in the journal, want %d", total, want)
	}
}

func roundTrip(t *testing.T, open Opener) {
	db, _ := open(t)
	now := Now()
	cu := omni.Customer{ID: id.New(id.Customer), Name: "王小明", Language: "zh-CN", VIP: true, Note: "喜欢安静", CreatedAt: now, UpdatedAt: now}
	ci := omni.Identity{ID: id.New(id.Identity), CustomerID: cu.ID, Kind: "phone", Value: "+8613800138000", VerifiedBy: "caller_id", CreatedAt: now}
	cv := Conversation(now)
	cv.CustomerID, cv.State, cv.FlowPath = cu.ID, omni.Completed, []string{"menu", "1 销售"}
	cv.FlowID, cv.FlowVersion, cv.QueueID, cv.AgentID, cv.Subject = "fl_main", 3, "qu_sales", "ag_1", "报价"
	cv.EndReason, cv.WrapUpCode, cv.WrapUpNote, cv.Simulated = omni.CustomerDisconnect, "sold", "好", true
	cv.AnsweredAt, cv.EndedAt, cv.CompletedAt = now.Add(time.Second), now.Add(time.Minute), now.Add(2*time.Minute)
	sg := omni.Segment{ID: id.New(id.Segment), ConversationID: cv.ID, Kind: omni.SegmentQueue, QueueID: "qu_sales",
		EndReason: omni.Answered, Explanation: []byte(`{"rule":"strategy"}`), WrapUpCode: "sold", WrapUpNote: "好", StartedAt: now, EndedAt: now.Add(time.Second)}
	lg := omni.Leg{ID: id.New(id.Leg), ConversationID: cv.ID, Party: omni.PartyCustomer, LineID: "ln_1", Transport: "udp",
		Codec: "PCMA", SIPCallID: "abc@host", Dialog: []byte{0, 1, 255}, SIPStatus: 200,
		Stats: omni.LegStats{PacketsReceived: 1 << 40, JitterMS: 1.5, MOS: 4.2}, StartedAt: now, AnsweredAt: now}
	rc := omni.Recording{ID: id.New(id.Recording), ConversationID: cv.ID, Kind: "call", State: omni.RecordingFailed, Failure: omni.FailedDiskFull,
		Path: "2026/11/a.wav", Bytes: 1 << 33, DurationMS: 60_000, StartedAt: now, EndedAt: now.Add(time.Minute), DeleteAfter: now.AddDate(0, 3, 0)}
	ms := omni.Message{ID: id.New(id.Message), ConversationID: cv.ID, Kind: "text", Author: "customer", Text: "你好", Data: []byte(`{"a":1}`), CreatedAt: now}
	ev := Event(cv.ID, omni.ConversationInitiated, now)
	ev.SegmentID, ev.AgentID, ev.QueueID, ev.CausationID, ev.Data = sg.ID, "ag_1", "qu_sales", "ev_0", []byte(`{"x":[1,2]}`)
	out := Commit(t, db, omni.Change{Customers: []omni.Customer{cu}, Identities: []omni.Identity{ci}, Conversations: []omni.Conversation{cv},
		Segments: []omni.Segment{sg}, Legs: []omni.Leg{lg}, Recordings: []omni.Recording{rc}, Messages: []omni.Message{ms}, Events: []omni.Event{ev}})
	if len(out) != 1 || out[0].ConversationSeq != 1 || db.Dialect() == "sqlite" && out[0].Seq != 1 {
		t.Errorf("events of the commit: %+v", out)
	}
	AwaitHead(t, db, 1)

	d := must[omni.Detail](t)(db.Detail(t.Context(), cv.ID))
	cv.EventCount, ms.Seq, ev.Seq, ev.ConversationSeq = 1, 1, 1, 1
	equal(t, "conversation", d.Conversation, cv)
	equal(t, "customer", *d.Customer, cu)
	equal(t, "identities", d.Identities, []omni.Identity{ci})
	equal(t, "segments", d.Segments, []omni.Segment{sg})
	equal(t, "legs", d.Legs, []omni.Leg{lg})
	equal(t, "recordings", d.Recordings, []omni.Recording{rc})
	equal(t, "messages", d.Messages, []omni.Message{ms})
	equal(t, "events", d.Events, []omni.Event{ev})
	equal(t, "journal", must[[]omni.Event](t)(db.Events(t.Context(), 0, 10)), []omni.Event{ev})
	equal(t, "recording", must[omni.Recording](t)(db.Recording(t.Context(), rc.ID)), rc)
	if _, err := db.Conversation(t.Context(), "cv_none"); !errors.Is(err, omni.ErrNotFound) || !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a missing conversation gives %v", err)
	}
	if _, err := db.Detail(t.Context(), "cv_none"); !errors.Is(err, omni.ErrNotFound) {
		t.Errorf("a missing detail gives %v", err)
	}
}

func idempotent(t *testing.T, open Opener) {
	db, _ := open(t)
	cv := Conversation(Now())
	first := Event(cv.ID, omni.ConversationInitiated, Now())
	c := omni.Change{Conversations: []omni.Conversation{cv}, Events: []omni.Event{first, Event("", omni.AgentPresenceChanged, Now())},
		Messages: []omni.Message{{ID: id.New(id.Message), ConversationID: cv.ID, Kind: "text", CreatedAt: Now()}}}
	Commit(t, db, c)
	AwaitHead(t, db, 2)
	again := Commit(t, db, c)
	if again[0].ConversationSeq != 1 || again[0].Seq != 1 || again[1].Seq != 2 {
		t.Errorf("known events come back as %+v", again)
	}
	c.Events = []omni.Event{Event(cv.ID, "x", Now()), first, Event(cv.ID, "y", Now()), first}
	mixed := Commit(t, db, c)
	equal(t, "numbers of a mixed write", []int64{mixed[0].ConversationSeq, mixed[1].ConversationSeq, mixed[2].ConversationSeq, mixed[3].ConversationSeq}, []int64{2, 1, 3, 1})
	RequireGapless(t, db, 4)
	d := must[omni.Detail](t)(db.Detail(t.Context(), cv.ID))
	if len(d.Messages) != 1 || d.Messages[0].Seq != 1 || d.Conversation.EventCount != 3 {
		t.Errorf("after writing again: %+v", d)
	}
}

// concurrent lets many goroutines write to shared and own conversations.
func concurrent(t *testing.T, open Opener) {
	db, _ := open(t)
	const writers, writes = 16, 20
	shared := []omni.Conversation{Conversation(Now()), Conversation(Now()), Conversation(Now())}
	Commit(t, db, omni.Change{Conversations: shared})
	var mu sync.Mutex
	var heard []int64
	db.OnCommit(func(events []omni.Event) {
		mu.Lock()
		defer mu.Unlock()
		for _, e := range events {
			heard = append(heard, e.Seq)
		}
	})
	var wg sync.WaitGroup
	for n := range writers {
		wg.Go(func() {
			own := Conversation(Now())
			for i := range writes {
				a, b := shared[(n+i)%3], shared[(n+i+1)%3]
				c := omni.Change{Conversations: []omni.Conversation{own, a}, Events: []omni.Event{
					Event(own.ID, "own", Now()), Event(a.ID, "a", Now()), Event(b.ID, "b", Now()), Event("", "none", Now())}}
				if _, err := db.Commit(t.Context(), store.Write{Omni: c}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	const total = writers * writes * 4
	RequireGapless(t, db, total)
	Eventually(t, "every event heard", func() bool { mu.Lock(); defer mu.Unlock(); return len(heard) >= total })
	mu.Lock()
	defer mu.Unlock()
	for i, seq := range heard {
		if seq != int64(i+1) {
			t.Fatalf("listener got seq %d as number %d", seq, i+1)
		}
	}
}

func refused(t *testing.T, open Opener) {
	db, _ := open(t)
	lease := must[store.Lease](t)(db.Acquire(t.Context(), "router", "nd_1", time.Minute))
	stale := lease
	stale.Epoch--
	var wg sync.WaitGroup
	for n := range 60 {
		wg.Go(func() {
			w := store.Write{Omni: omni.Change{Events: []omni.Event{Event("cv_x", "e", Now())}}, Lease: &lease}
			if n%3 == 0 {
				w.Lease = &stale
			}
			_, err := db.Commit(t.Context(), w)
			if n%3 == 0 && !errors.Is(err, store.ErrStaleLease) || n%3 != 0 && err != nil {
				t.Errorf("write %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	RequireGapless(t, db, 40)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Commit(gone, store.Write{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled commit gives %v", err)
	}
}

func listeners(t *testing.T, open Opener) {
	db, _ := open(t)
	Commit(t, db, omni.Change{Events: []omni.Event{Event("", "before", Now())}})
	AwaitHead(t, db, 1)
	got := make(chan omni.Event, 64)
	ready := make(chan struct{}, 64)
	cancel := db.Subscribe(func(events []omni.Event) {
		for _, e := range events {
			got <- e
		}
		ready <- struct{}{}
	})
	var sent []omni.Event
	for range 5 {
		sent = append(sent, Commit(t, db, omni.Change{Events: []omni.Event{Event("", "e", Now()), Event("", "e", Now())}})...)
	}
	for i := range sent {
		select {
		case e := <-got:
			if e.Type == "before" { // still on its way when we subscribed
				e = <-got
			}
			if e.ID != sent[i].ID || e.Seq != int64(i+2) {
				t.Fatalf("event %d is %+v", i, e)
			}
		case <-time.After(patience):
			t.Fatal("an event did not come")
		}
	}
	cancel()
	Commit(t, db, omni.Change{Events: []omni.Event{Event("", "after", Now())}})
	AwaitHead(t, db, 12)
	if len(got) != 0 {
		t.Error("an event came after the end of the subscription")
	}
}

func identities(t *testing.T, open Opener) {
	db, _ := open(t)
	now := Now()
	found := make([]omni.Recognition, 8)
	var wg sync.WaitGroup
	for i := range found { // the same unknown number rings at once
		wg.Go(func() {
			r, err := omni.Recognise(t.Context(), db, omni.Presented{Kind: omni.IdentityPhone, Value: "+81312345678", VerifiedBy: omni.VerifiedByCallerID}, now)
			if err != nil {
				t.Error(err)
			}
			cv := Conversation(now)
			cv.CustomerID = r.Customer.ID
			c := r.Change()
			c.Conversations = []omni.Conversation{cv}
			if _, err := db.Commit(t.Context(), store.Write{Omni: c}); err != nil {
				t.Error(err)
			}
			found[i] = r
		})
	}
	wg.Wait()
	owner, known, err := db.CustomerByIdentity(t.Context(), omni.IdentityPhone, "+81312345678", "")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(found, func(r omni.Recognition) bool { return r.Customer.ID == owner.ID }) {
		t.Error("the identity belongs to nobody who rang")
	}
	r := must[omni.Recognition](t)(omni.Recognise(t.Context(), db, omni.Presented{Kind: omni.IdentityPhone, Value: "+81312345678", VerifiedBy: omni.VerifiedByCallerID}, now))
	if r.New || r.Strength != omni.Suggested || r.Customer.ID != owner.ID {
		t.Errorf("the next call is recognised as %+v", r)
	}
	known.VerifiedBy = omni.VerifiedByOTP
	Commit(t, db, omni.Change{Identities: []omni.Identity{known}})
	r = must[omni.Recognition](t)(omni.Recognise(t.Context(), db, omni.Presented{Kind: omni.IdentityPhone, Value: "+81312345678", VerifiedBy: omni.VerifiedBySMS}, now))
	if r.Strength != omni.Certain {
		t.Errorf("two verified identities give strength %d", r.Strength)
	}
	list, _, err := db.Customers(t.Context(), omni.CustomerFilter{Text: "1234567"}, omni.Page{})
	if err != nil || len(list) != 1 || list[0].ID != owner.ID {
		t.Errorf("search by number finds %v, %v", list, err)
	}
}

// customerEdits come from two nodes at once (on SQLite from two requests): those of
// different fields all last, and of those that know one state of the customer
// the first lasts and the others are refused whole, their lines of the audit
// with them.
func customerEdits(t *testing.T, open Opener) {
	db, url := open(t)
	nodes := []*store.DB{db, db}
	if db.Dialect() == "postgres" {
		other := must[*store.DB](t)(store.Open(t.Context(), url, nil))
		defer other.Close()
		nodes[1] = other
	}
	now := Now()
	born := omni.Customer{ID: "cu_1", Name: "a", Note: "b", CreatedAt: now, UpdatedAt: now}
	Commit(t, db, omni.Change{Customers: []omni.Customer{born}})
	edit := func(node int, e omni.CustomerEdit) error {
		e.At = now // of a clock that stands still
		event := Event("", "customer.updated", now)
		_, err := nodes[node].CommitOmni(t.Context(), omni.Change{CustomerEdits: []omni.CustomerEdit{e}, Events: []omni.Event{event}},
			account.Entry{ID: id.New(id.Audit), Time: now, Action: "customer.update", TargetID: e.CustomerID})
		return err
	}
	lines := func(of string) int {
		return len(must[[]account.Entry](t)(db.Audit(t.Context(), account.AuditQuery{TargetID: of})))
	}
	name, note, vip, language := "Wang", "prefers mornings", true, "zh-CN"
	var wg sync.WaitGroup
	for i, e := range []omni.CustomerEdit{{Name: &name}, {Note: &note}, {VIP: &vip}, {Language: &language}} {
		e.CustomerID = "cu_1"
		wg.Go(func() {
			if err := edit(i%2, e); err != nil {
				t.Errorf("edit %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	want := born
	want.Name, want.Note, want.VIP, want.Language, want.UpdatedAt = name, note, vip, language, now.Add(4*time.Microsecond)
	equal(t, "customer", must[omni.Customer](t)(db.Customer(t.Context(), "cu_1")), want)

	refused := make([]error, 4)
	tried := []string{"w0", "w1", "w2", "w3"}
	for i := range refused {
		wg.Go(func() {
			refused[i] = edit(i%2, omni.CustomerEdit{CustomerID: "cu_1", Name: &tried[i], Of: want.UpdatedAt})
		})
	}
	wg.Wait()
	got := must[omni.Customer](t)(db.Customer(t.Context(), "cu_1"))
	won := slices.Index(tried, got.Name)
	for i, err := range refused {
		if (i == won) != (err == nil) || i != won && (!errors.Is(err, omni.ErrChanged) || !errors.Is(err, account.ErrVersion)) {
			t.Errorf("%s lasts; edit %d: %v", got.Name, i, err)
		}
	}
	Commit(t, db, omni.Change{Customers: []omni.Customer{{ID: "cu_2", Name: "Zhang"}}})
	names := must[map[string]string](t)(db.CustomerNames(t.Context(), []string{"cu_2", "cu_\x00none", "cu_1", "cu_2"}))
	equal(t, "names", names, map[string]string{"cu_1": got.Name, "cu_2": "Zhang"})
	equal(t, "names of nobody", must[map[string]string](t)(db.CustomerNames(t.Context(), nil)), map[string]string{})
	if n := lines("cu_1"); n != 5 {
		t.Errorf("%d lines in the audit for 5 edits", n)
	}
	RequireGapless(t, db, 5)
	if err := edit(0, omni.CustomerEdit{CustomerID: "cu_none", Name: &name}); !errors.Is(err, store.ErrNotFound) || lines("cu_none") != 0 {
		t.Errorf("edit of nobody: %v", err)
	}
}

// consents are added and never change.
func consents(t *testing.T, open Opener) {
	db, _ := open(t)
	now := Now()
	first := omni.Consent{ID: id.New(id.Consent), CustomerID: "cu_1", Kind: omni.ConsentContact, ConversationID: "cv_1", AgentID: "ag_1", WrapUpCode: "no", CreatedAt: now}
	second := omni.Consent{ID: id.New(id.Consent), CustomerID: "cu_1", Kind: omni.ConsentContact, Given: true, CreatedAt: now.Add(time.Second)}
	other := omni.Consent{ID: id.New(id.Consent), CustomerID: "cu_2", Kind: omni.ConsentContact, CreatedAt: now}
	for range 2 {
		Commit(t, db, omni.Change{Consents: []omni.Consent{first, second, other}})
	}
	equal(t, "consents", must[[]omni.Consent](t)(db.Consents(t.Context(), "cu_1")), []omni.Consent{second, first})
}
