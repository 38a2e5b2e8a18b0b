package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/journey"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/internal/store/storetest"
	"github.com/openhotline/hotline/ivr/speak"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/omni"
	"github.com/openhotline/hotline/sip"
)

// quietLines is a signalling without peers.
type quietLines struct{}

func (quietLines) SetLines([]sip.Line) error     { return nil }
func (quietLines) SetDevices([]sip.Device) error { return nil }
func (quietLines) Registered(string) bool        { return false }

// openDB opens a real SQLite store in a folder of the test.
func openDB(t *testing.T, dir string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "hotline.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// restarted runs a center on the store until it is ready, as a process that
// starts does, and ends it.
func restarted(t *testing.T, db *store.DB, node, recordings string, now time.Time) {
	t.Helper()
	running(t, journeyStore{db}, journey.Config{NodeID: node, Recordings: recordings, Now: func() time.Time { return now }})()
}

// running runs a center of one node of several until stop.
func running(t *testing.T, db journey.Store, cfg journey.Config) (stop func()) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	calls := call.New(call.Config{}, nil, media.NewEngine(media.EngineConfig{Shards: 1}), nil, log)
	cfg.Shared, cfg.Seed = true, 1
	c := journey.New(cfg, db, calls, quietLines{}, speak.New(speak.Config{Log: log}), log)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	select {
	case <-c.Ready():
	case err := <-ended:
		t.Fatalf("the center ended with %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("the center is not ready")
	}
	return func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the center ended with %v", err)
		}
		calls.Close()
	}
}

// leftBehind writes what a process that was killed leaves: a call with an
// agent, one that waits, one in wrap-up, and one of another process.
func leftBehind(t *testing.T, db *store.DB, recordings string, began time.Time) {
	t.Helper()
	conv := func(id string, state omni.State, node string) omni.Conversation {
		return omni.Conversation{
			ID: id, CustomerID: "cu_1", Channel: omni.Voice, Direction: omni.Inbound, InitiationMethod: omni.ByInbound, State: state,
			Language: "en", DialledNumber: "9002", CallerNumber: "+8613911112222", NodeID: node, QueueID: "qu_1", CreatedAt: began, FlowPath: []string{},
		}
	}
	talking, waiting := conv("cv_talking", omni.Connected, "nd_1"), conv("cv_waiting", omni.Queued, "nd_1")
	talking.AgentID, talking.AnsweredAt = "ag_1", began.Add(time.Minute)
	wrapping, other := conv("cv_wrapping", omni.WrapUp, "nd_1"), conv("cv_other", omni.Queued, "nd_2")
	wrapping.EndedAt, wrapping.EndReason = began.Add(2*time.Minute), omni.CustomerDisconnect
	open := func(id, conversation string, kind omni.SegmentKind) omni.Segment {
		return omni.Segment{ID: id, ConversationID: conversation, Kind: kind, QueueID: "qu_1", StartedAt: began.Add(time.Minute)}
	}
	ended := open("sg_flow", "cv_talking", omni.SegmentFlow)
	ended.EndedAt, ended.EndReason = began.Add(time.Minute), omni.NextStep
	entry := agent.QueueEntry{ConversationID: "cv_waiting", QueueID: "qu_1", Channel: agent.Voice, State: agent.EntryOffered, EnteredAt: began, UpdatedAt: began}
	w := store.Write{
		Omni: omni.Change{
			Customers:     []omni.Customer{{ID: "cu_1", CreatedAt: began, UpdatedAt: began}},
			Conversations: []omni.Conversation{talking, waiting, wrapping, other},
			Segments: []omni.Segment{
				ended, open("sg_talk", "cv_talking", omni.SegmentAgent), open("sg_wait", "cv_waiting", omni.SegmentQueue),
				open("sg_wrap", "cv_wrapping", omni.SegmentWrapUp), open("sg_other", "cv_other", omni.SegmentQueue),
			},
			Legs: []omni.Leg{
				{ID: "lg_1", ConversationID: "cv_talking", Party: omni.PartyCustomer, Dialog: []byte("x"), StartedAt: began},
				{ID: "lg_2", ConversationID: "cv_other", Party: omni.PartyCustomer, Dialog: []byte("y"), StartedAt: began},
			},
			Recordings: []omni.Recording{
				{ID: "rc_1", ConversationID: "cv_talking", Kind: "call", State: omni.RecordingRunning, Path: "rc_1.wav", StartedAt: began.Add(time.Minute)},
				{ID: "rc_gone", ConversationID: "cv_talking", Kind: "call", State: omni.RecordingRunning, Path: "rc_gone.wav", StartedAt: began},
			},
		},
		Agent: agent.Change{
			Offers: []agent.Offer{
				{ID: "of_1", ConversationID: "cv_talking", QueueID: "qu_1", AgentID: "ag_1", State: agent.OfferAccepted, CreatedAt: began},
				{ID: "of_2", ConversationID: "cv_waiting", QueueID: "qu_1", AgentID: "ag_2", State: agent.OfferPending, CreatedAt: began},
			},
			Works: []agent.Work{
				{ID: "of_1", AgentID: "ag_1", ConversationID: "cv_talking", QueueID: "qu_1", State: agent.Connected, StartedAt: began, Since: began},
				{ID: "of_2", AgentID: "ag_2", ConversationID: "cv_waiting", QueueID: "qu_1", State: agent.Alerting, StartedAt: began, Since: began},
			},
			QueueEntries: []agent.QueueEntry{entry},
		},
	}
	if _, err := db.Commit(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Beat(t.Context(), "nd_2", true); err != nil { // the other process lives
		t.Fatal(err)
	}
	cutRecording(t, filepath.Join(recordings, "rc_1.wav"))
}

// cutRecording leaves a recording of a second whose last frame is torn off.
func cutRecording(t *testing.T, path string) {
	t.Helper()
	r, err := wav.Create(path, wav.RecorderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	silence := make([]byte, 160)
	for range 50 {
		r.Payload(media.Left, media.FormatPCMU, silence)
		r.Tick()
	}
	if _, err := r.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// What a killed process left is closed honestly, once, and only its own.
func TestWhatAKilledProcessLeftIsClosed(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir)
	began := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	leftBehind(t, db, dir, began)
	if err := os.WriteFile(filepath.Join(dir, "rc_gone.wav"), []byte("overwritten"), 0o600); err != nil {
		t.Fatal(err)
	}
	now := began.Add(5 * time.Minute)
	stop := running(t, journeyStore{db}, journey.Config{NodeID: "nd_1", Recordings: dir, Now: func() time.Time { return now }})

	for id, want := range map[string]struct {
		why   omni.EndReason
		ended time.Time
	}{
		"cv_talking": {omni.SystemError, now}, "cv_waiting": {omni.SystemError, now},
		"cv_wrapping": {omni.CustomerDisconnect, began.Add(2 * time.Minute)}, // its customer had hung up
	} {
		d, err := db.Detail(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		c := d.Conversation
		if c.State != omni.Completed || c.EndReason != want.why || !c.EndedAt.Equal(want.ended) || !c.CompletedAt.Equal(now) {
			t.Errorf("%s is %s, %s, ended %s, completed %s", id, c.State, c.EndReason, c.EndedAt, c.CompletedAt)
		}
		for _, s := range d.Segments {
			if s.EndedAt.IsZero() || s.EndReason == "" {
				t.Errorf("segment %s is open", s.ID)
			}
		}
		completed := 0
		for _, e := range d.Events {
			if e.Type == omni.ConversationCompleted {
				completed++
			}
			if e.Type == omni.SegmentEnded && e.SegmentID == "" {
				t.Errorf("an event of %s does not name its segment", id)
			}
		}
		if completed != 1 {
			t.Errorf("%s was completed %d times", id, completed)
		}
	}
	storetest.Eventually(t, "the recordings are complete", func() bool { return len(unfinished(t, db)) == 0 })
	stop()
	checkLeftOver(t, db, began)
	head, err := db.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	restarted(t, db, "nd_1", dir, now.Add(time.Minute))
	if again, err := db.Head(t.Context()); err != nil || again != head {
		t.Errorf("a second start wrote %d events, %v", again-head, err)
	}
}

// checkLeftOver looks at legs, recordings, routing and the process next door.
func checkLeftOver(t *testing.T, db *store.DB, began time.Time) {
	t.Helper()
	d, err := db.Detail(t.Context(), "cv_talking")
	if err != nil {
		t.Fatal(err)
	}
	if l := d.Legs[0]; l.EndedAt.IsZero() || l.EndReason != omni.SystemError || len(l.Dialog) > 0 {
		t.Errorf("leg %+v", l)
	}
	for _, s := range d.Segments {
		if s.ID == "sg_flow" && s.EndReason != omni.NextStep {
			t.Errorf("a segment that had ended was ended again by %s", s.EndReason)
		}
	}
	told := map[string]string{} // the event of each recording
	for _, e := range d.Events {
		var data struct {
			ID string `json:"recording_id"`
		}
		if err := json.Unmarshal(e.Data, &data); err == nil && data.ID != "" {
			told[data.ID] = e.Type
		}
	}
	if told["rc_1"] != omni.RecordingReadyEvent || told["rc_gone"] != omni.RecordingFailedEvent {
		t.Errorf("the journal says of the recordings: %v", told)
	}
	for _, r := range d.Recordings {
		want := omni.RecordingReady
		if r.ID == "rc_gone" { // its file is none of ours
			want = omni.RecordingFailed
		}
		if r.State != want || want == omni.RecordingFailed && r.Failure != omni.FailedDamaged {
			t.Errorf("recording %s is %s %s", r.ID, r.State, r.Failure)
		}
		if r.ID == "rc_1" && (r.DurationMS != 1000 || r.Bytes == 0 || r.EndedAt.Sub(r.StartedAt).Round(time.Millisecond) != time.Second) {
			t.Errorf("recording of a second: %d ms, %d bytes, ended %s", r.DurationMS, r.Bytes, r.EndedAt)
		}
	}
	checkRoutingEvents(t, db)
	state, err := db.RoutingState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(state.Offers)+len(state.Works)+len(state.Entries) > 0 {
		t.Errorf("the router would begin with %+v", state)
	}
	other, err := db.Detail(t.Context(), "cv_other")
	if err != nil {
		t.Fatal(err)
	}
	if other.Conversation.State != omni.Queued || !other.Segments[0].EndedAt.IsZero() || !other.Legs[0].EndedAt.IsZero() {
		raw, _ := json.Marshal(other) // of our own types
		t.Errorf("another process's conversation was touched: %s", raw)
	}
	c, s, err := db.LostInQueue(t.Context(), "+8613911112222", "9002", began)
	if err != nil || c.ID != "cv_waiting" || !s.StartedAt.Equal(began.Add(time.Minute)) {
		t.Errorf("the lost place in the queue: %s since %s, %v", c.ID, s.StartedAt, err)
	}
}

// checkRoutingEvents wants the journal to say what became of offers and work, in
// the conversations that they were about and before those completed.
func checkRoutingEvents(t *testing.T, db *store.DB) {
	t.Helper()
	for _, c := range []struct{ conversation, typ, agentID, from, to string }{
		{"cv_waiting", omni.OfferCanceled, "ag_2", "", ""},
		{"cv_waiting", omni.AgentWorkStateChanged, "ag_2", "alerting", "idle"},
		{"cv_talking", omni.AgentWorkStateChanged, "ag_1", "connected", "idle"},
	} {
		d, err := db.Detail(t.Context(), c.conversation)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, e := range d.Events {
			if e.Type == omni.ConversationCompleted {
				break
			}
			var data struct{ From, To string }
			if err := json.Unmarshal(e.Data, &data); err == nil && e.Type == c.typ && e.AgentID == c.agentID && data.From == c.from && data.To == c.to {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s: %d times %s of %s", c.conversation, found, c.typ, c.agentID)
		}
	}
}

// A restored database has no live calls, whichever process had them: they end
// when the backup was made. A second time there is nothing to do.
func TestCallsOfARestoredBackupAreClosed(t *testing.T) {
	dir := t.TempDir()
	db := openDB(t, dir)
	began := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	leftBehind(t, db, dir, began)
	made := began.Add(5 * time.Minute)
	cfg := journey.Config{Recordings: dir, Now: func() time.Time { return made }}
	var heads []int64
	for range 2 {
		if err := journey.CloseRestored(t.Context(), cfg, journeyStore{DB: db}, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		head, err := db.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, head)
	}
	if heads[0] != heads[1] || heads[0] == 0 {
		t.Errorf("the journal ends at %v", heads)
	}
	if live, err := db.LiveConversations(t.Context(), ""); err != nil || len(live) > 0 {
		t.Errorf("%d conversations are live, %v", len(live), err)
	}
	if left := unfinished(t, db); len(left) != 1 || left[0].ID != "rc_gone" { // whose file is not there: the next start looks again
		t.Errorf("recordings are left: %+v", left)
	}
	for _, id := range []string{"cv_talking", "cv_other"} {
		if c, err := db.Conversation(t.Context(), id); err != nil || c.EndReason != omni.SystemError || !c.EndedAt.Equal(made) {
			t.Errorf("%s ended by %s at %s, %v", id, c.EndReason, c.EndedAt, err)
		}
	}
}
