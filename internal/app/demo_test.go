package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/internal/config"
	"github.com/openhotline/hotline/internal/journey/demo"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/omni"
)

// shop is the file of a seeded database, made once for all tests.
var shop = sync.OnceValues(func() (made struct {
	file     []byte
	password string
}, err error) {
	dir, err := os.MkdirTemp("", "hotline-demo-")
	if err != nil {
		return made, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, log := filepath.Join(dir, "hotline.db"), slog.New(slog.DiscardHandler)
	db, err := store.Open(context.Background(), "sqlite:"+path, log)
	if err != nil {
		return made, err
	}
	made.password, err = seedDemo(context.Background(), db, config.Config{}, "nd_1", log)
	if err = errors.Join(err, db.Close()); err != nil {
		return made, err
	}
	made.file, err = os.ReadFile(path)
	return made, err
})

// seeded opens a store with the demo in it and returns the password that was
// told when it was seeded.
func seeded(t *testing.T) (*store.DB, string) {
	t.Helper()
	made, err := shop()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hotline.db"), made.file, 0o600); err != nil {
		t.Fatal(err)
	}
	return openDB(t, dir), made.password
}

// everything pages through all conversations.
func everything(t *testing.T, db *store.DB) []omni.Conversation {
	t.Helper()
	var all []omni.Conversation
	p := omni.Page{Limit: omni.MaxPage}
	for {
		items, next, err := db.Conversations(t.Context(), omni.Filter{}, p)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, items...); next == "" {
			return all
		}
		p.Cursor = next
	}
}

// journal reads every event.
func journal(t *testing.T, db *store.DB) []omni.Event {
	t.Helper()
	var all []omni.Event
	for {
		after := int64(0)
		if len(all) > 0 {
			after = all[len(all)-1].Seq
		}
		events, err := db.Events(t.Context(), after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(events) == 0 {
			return all
		}
		all = append(all, events...)
	}
}

// The demo is seeded once, with a password that is told once; a second start
// changes nothing, and a given password replaces the one before.
func TestDemoIsSeededOnce(t *testing.T) {
	db, password := seeded(t)
	if len(password) < 12 {
		t.Errorf("password %q", password)
	}
	n, head := len(everything(t, db)), journal(t, db)
	log := slog.New(slog.DiscardHandler)
	if again, err := seedDemo(t.Context(), db, config.Config{}, "nd_1", log); err != nil || again != "" {
		t.Errorf("second start: password %q, %v", again, err)
	}
	before := hashes(t, db)
	if again, err := seedDemo(t.Context(), db, config.Config{DemoPassword: "another-fine-secret"}, "nd_1", log); err != nil || again != "" {
		t.Errorf("start with a given password: %q, %v", again, err)
	}
	if slices.Equal(before, hashes(t, db)) {
		t.Error("the given password was not set")
	}
	if m := len(everything(t, db)); m != n || len(journal(t, db)) != len(head) {
		t.Errorf("%d conversations and %d events after three starts, %d and %d after the first", m, len(journal(t, db)), n, len(head))
	}
}

func hashes(t *testing.T, db *store.DB) []string {
	t.Helper()
	var out []string
	for _, email := range demo.Logins {
		r, err := db.RecordByKey(t.Context(), account.KindUser, email)
		if err != nil {
			t.Fatal(err)
		}
		u, err := account.DecodeUser(r)
		if err != nil {
			t.Fatal(err)
		}
		if u.PasswordHash == "" {
			t.Errorf("%s has no password", email)
		}
		out = append(out, u.PasswordHash)
	}
	return out
}

// An installation that somebody has set up is left alone.
func TestDemoLeavesAnInstallationAlone(t *testing.T) {
	db := openDB(t, t.TempDir())
	body := json.RawMessage(`{"number":"100","enabled":true,"line_ids":[]}`)
	own := account.Write{Record: account.Record{Kind: account.KindNumber, ID: "nu_own", Key: "100", Body: body}}
	if _, err := db.Change(t.Context(), []account.Write{own}, nil); err != nil {
		t.Fatal(err)
	}
	password, err := seedDemo(t.Context(), db, config.Config{}, "nd_1", slog.New(slog.DiscardHandler))
	if err != nil || password != "" {
		t.Errorf("password %q, %v", password, err)
	}
	if n := len(everything(t, db)); n > 0 {
		t.Errorf("%d conversations in somebody's installation", n)
	}
}

// The history follows the same tables as live conversations: states, segments,
// and a journal that tells the same as the rows.
func TestDemoHistoryFollowsTheTables(t *testing.T) {
	db, _ := seeded(t)
	all := everything(t, db)
	if len(all) < 200 {
		t.Fatalf("a week has %d conversations", len(all))
	}
	now := time.Now()
	for _, c := range all {
		if !c.Demo || c.State != omni.Completed || c.EndedAt.IsZero() || c.CompletedAt.Before(c.EndedAt) || c.EndedAt.Before(c.CreatedAt) || c.CompletedAt.After(now) {
			t.Fatalf("conversation %+v", c)
		}
	}
	states := map[string]omni.State{}
	last := map[string]int64{}
	var seq int64
	for _, e := range journal(t, db) {
		if seq++; e.Seq != seq {
			t.Fatalf("event %d follows %d", e.Seq, seq-1)
		}
		if e.ConversationID == "" {
			continue
		}
		if last[e.ConversationID]++; e.ConversationSeq != last[e.ConversationID] {
			t.Fatalf("event %d of %s has number %d", last[e.ConversationID], e.ConversationID, e.ConversationSeq)
		}
		follow(t, states, e)
	}
	for id, s := range states {
		if s != omni.Completed {
			t.Errorf("by the journal %s ended as %s", id, s)
		}
	}
	if len(states) != len(all) {
		t.Errorf("the journal has %d conversations, the table %d", len(states), len(all))
	}
}

// follow moves a conversation as its event says.
func follow(t *testing.T, states map[string]omni.State, e omni.Event) {
	t.Helper()
	to, ok := map[string]omni.State{
		omni.ConversationFlowEntered: omni.InFlow, omni.ConversationQueued: omni.Queued, omni.ConversationOffered: omni.Offered,
		omni.ConversationConnected: omni.Connected, omni.ConversationWrapUpStarted: omni.WrapUp, omni.ConversationCompleted: omni.Completed,
	}[e.Type]
	from := states[e.ConversationID]
	switch {
	case e.Type == omni.ConversationInitiated:
		states[e.ConversationID] = omni.Initiated
		return
	case e.Type == omni.OfferAccepted && from == omni.Queued:
		states[e.ConversationID] = omni.Offered
		return
	case !ok:
		return
	}
	if err := omni.Move(from, to); err != nil {
		t.Fatalf("event %d %s of %s: %v", e.Seq, e.Type, e.ConversationID, err)
	}
	states[e.ConversationID] = to
}

// Figures can be computed of the history, and its service level is the same
// from the segments and from the journal alone.
func TestDemoHistoryHasFigures(t *testing.T) {
	db, _ := seeded(t)
	now := time.Now().UTC()
	q := insight.Query{By: insight.ByQueue, Granularity: insight.Whole, From: now.AddDate(0, 0, -10), To: now}
	rows, err := db.Figures(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	again, err := insight.Recompute(slices.Values(journal(t, db)), q)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 3 || len(again) != 3 {
		t.Fatalf("%d and %d queues have figures, the shop has 3", len(rows), len(again))
	}
	for i, r := range rows {
		for _, code := range insight.ServiceLevels {
			a, b := r.Figure(string(code)), again[i].Figure(string(code))
			if !a.Defined || a.Value != b.Value || a.Value <= 0.3 || a.Value > 1 {
				t.Errorf("%s %s: %+v by the segments, %+v by the journal", r.ID, code, a, b)
			}
		}
	}
	q.By = insight.ByAgent
	people, err := db.Figures(t.Context(), q)
	if err != nil || len(people) != 2 {
		t.Fatalf("%d agents have figures, %v", len(people), err)
	}
	for _, r := range people {
		for _, f := range r.Figures {
			if f.Defined && f.Unit == insight.Ratio && (f.Value < 0 || f.Value > 1) {
				t.Errorf("%s: %s is %v", r.ID, f.Code, f.Value)
			}
		}
	}
	overlapping(t, db)
}

// overlapping checks that no agent of the history talks or wraps up twice at
// a time.
func overlapping(t *testing.T, db *store.DB) {
	t.Helper()
	busy := map[string]time.Time{}
	segments, err := db.Segments(t.Context(), time.Now().AddDate(0, 0, -10), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range segments {
		if s.Kind != omni.SegmentAgent && s.Kind != omni.SegmentWrapUp {
			continue
		}
		if s.StartedAt.Before(busy[s.AgentID]) {
			t.Fatalf("%s works twice at %s", s.AgentID, s.StartedAt)
		}
		busy[s.AgentID] = s.EndedAt
	}
}

// Removing the demo leaves what an installation had of its own and the
// journal, and nothing else; the numbers of the journal have no gap.
func TestDemoIsRemoved(t *testing.T) {
	db, _ := seeded(t)
	events := len(journal(t, db))
	n, err := demo.Remove(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	if n.Conversations < 200 || n.Records < 20 {
		t.Errorf("removed %+v", n)
	}
	if left := everything(t, db); len(left) > 0 {
		t.Errorf("%d conversations are left", len(left))
	}
	for _, kind := range []account.Kind{
		account.KindUser, account.KindTeam, account.KindAgent, account.KindQueue, account.KindLine, account.KindNumber, account.KindDevice,
		account.KindFlow, account.KindFlowVersion, account.KindCalendar, account.KindBreak, account.KindWrapUpCode, account.KindNote,
	} {
		records, err := db.Records(t.Context(), kind, account.Page{})
		if err != nil {
			t.Fatal(err)
		}
		if len(records) > 0 {
			t.Errorf("%d records of kind %s are left", len(records), kind)
		}
	}
	customers, _, err := db.Customers(t.Context(), omni.CustomerFilter{}, omni.Page{})
	if err != nil || len(customers) > 0 {
		t.Errorf("%d customers are left, %v", len(customers), err)
	}
	segments, err := db.Segments(t.Context(), time.Now().AddDate(0, 0, -10), time.Now())
	if err != nil || len(segments) > 0 {
		t.Errorf("%d segments are left, %v", len(segments), err)
	}
	if left := len(journal(t, db)); left != events {
		t.Errorf("the journal had %d events and has %d", events, left)
	}
	if again, err := demo.Remove(t.Context(), db); err != nil || again != (demo.Removed{}) {
		t.Errorf("removing it twice: %+v, %v", again, err)
	}
}

// What an administrator and real callers added outlives the demo, with the demo
// customer that a real conversation refers to.
func TestOwnRecordsOutliveTheDemo(t *testing.T) {
	db, _ := seeded(t)
	body := json.RawMessage(`{"number":"100","enabled":true,"line_ids":[]}`)
	own := account.Write{Record: account.Record{Kind: account.KindNumber, ID: "nu_own", Key: "100", Body: body}}
	if _, err := db.Change(t.Context(), []account.Write{own}, nil); err != nil {
		t.Fatal(err)
	}
	at := time.Now().UTC().Truncate(time.Microsecond)
	kept := omni.Change{Conversations: []omni.Conversation{{
		ID: "cv_own", CustomerID: demoCustomer(t, db), Channel: omni.Voice, Direction: omni.Inbound, InitiationMethod: omni.ByInbound,
		State: omni.Completed, CreatedAt: at, EndedAt: at, CompletedAt: at, FlowPath: []string{},
	}}}
	if _, err := db.CommitOmni(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	if _, err := demo.Remove(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Record(t.Context(), account.KindNumber, "nu_own"); err != nil {
		t.Errorf("the own number: %v", err)
	}
	if _, err := db.Detail(t.Context(), "cv_own"); err != nil {
		t.Errorf("the own conversation: %v", err)
	}
	if left := everything(t, db); len(left) != 1 {
		t.Errorf("%d conversations are left, want the own one", len(left))
	}
	customers, _, err := db.Customers(t.Context(), omni.CustomerFilter{}, omni.Page{})
	if err != nil || len(customers) != 1 {
		t.Errorf("%d customers are left, want the one of the own conversation, %v", len(customers), err)
	}
}

func demoCustomer(t *testing.T, db *store.DB) string {
	t.Helper()
	customers, _, err := db.Customers(t.Context(), omni.CustomerFilter{}, omni.Page{Limit: 1})
	if err != nil || len(customers) != 1 || !strings.HasPrefix(customers[0].ID, "cu_") {
		t.Fatalf("customers %+v, %v", customers, err)
	}
	return customers[0].ID
}

// A password that was chosen is not printed, and one that was made is.
func TestTheDemoTellsHowToLogIn(t *testing.T) {
	for _, c := range []struct {
		password string
		given    bool
		want     string
	}{{"", true, "HOTLINE_DEMO_PASSWORD"}, {"made once", false, "password made once"}, {"", false, "first start"}} {
		var out strings.Builder
		printDemo(&out, c.password, c.given)
		if !strings.Contains(out.String(), c.want) {
			t.Errorf("%q, given %v: %s", c.password, c.given, out.String())
		}
	}
}
