package app

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/httpapi"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/omni"
)

var update = flag.Bool("update", false, "rewrite testdata/sight.txt")

// quietDesk takes what managers do to others.
type quietDesk struct{ httpapi.Desk }

func (quietDesk) SetPresence(context.Context, account.Actor, string, string, string, bool) error {
	return nil
}

// End takes a manager's word; an agent has none of these calls in hand.
func (quietDesk) End(_ context.Context, _ account.Actor, agentID, _ string) error {
	if agentID != "" {
		return account.ErrState
	}
	return nil
}

// sightActors are who asks: the two agents of team one, one of team two, one who
// is nobody yet, leaders with and without a team, an administrator, an auditor.
var sightActors = []account.User{
	{ID: "us_lin", Role: account.RoleAgent, AgentID: "ag_lin"}, {ID: "us_mate", Role: account.RoleAgent, AgentID: "ag_mate"},
	{ID: "us_two", Role: account.RoleAgent, AgentID: "ag_two"}, {ID: "us_idle", Role: account.RoleAgent},
	{ID: "us_lead1", Role: account.RoleSupervisor, TeamID: "tm_one"}, {ID: "us_lead2", Role: account.RoleSupervisor, TeamID: "tm_two"},
	{ID: "us_boss", Role: account.RoleSupervisor}, {ID: "us_admin", Role: account.RoleAdmin}, {ID: "us_check", Role: account.RoleAuditor},
}

// sightWorld has two teams with a queue each, and calls of every kind:
// talked: Lin talked; again: the same customer at team two; missed: rang at Lin,
// Mate talked; ringing: rings at Lin now; before: the same customer at team two;
// passed: from Lin to team two; wrapping: Lin wraps up, team two talks on; flow:
// never left the flow.
func sightWorld(t *testing.T, db *store.DB) map[string]string {
	t.Helper()
	var writes []account.Write
	put := func(kind account.Kind, id, key string, body any) {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		writes = append(writes, account.Write{Record: account.Record{Kind: kind, ID: id, Key: key, Body: raw}})
	}
	for _, team := range []string{"one", "two"} {
		put(account.KindTeam, "tm_"+team, team, setup.Team{Name: team})
		q := setup.NewQueue()
		q.Name, q.TeamID = team, "tm_"+team
		put(account.KindQueue, "qu_"+team, team, q)
	}
	for id, team := range map[string]string{"lin": "one", "mate": "one", "two": "two"} {
		put(account.KindAgent, "ag_"+id, "", setup.Agent{Name: id, TeamID: "tm_" + team, Queues: []string{"qu_" + team}, Enabled: true})
	}
	tokens := map[string]string{}
	for _, u := range sightActors {
		u.Email, u.Name = u.ID+"@example.org", u.ID
		put(account.KindUser, u.ID, u.Email, u)
		tok, secret := account.NewToken("test", u.ID, u.Role, time.Time{})
		put(account.KindToken, tok.ID, tok.Hash, tok)
		tokens[u.ID] = secret
	}
	if _, err := db.Change(t.Context(), writes, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Commit(t.Context(), store.Write{Omni: sightCalls()}); err != nil {
		t.Fatal(err)
	}
	return tokens
}

func sightCalls() omni.Change {
	var c omni.Change
	at := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	call := func(name, customer, queue, agentID string, state omni.State, segments ...omni.Segment) {
		conv := omni.Conversation{
			ID: "cv_" + name, CustomerID: "cu_" + customer, Channel: omni.Voice, Direction: omni.Inbound, InitiationMethod: omni.ByInbound,
			State: state, QueueID: queue, AgentID: agentID, FlowPath: []string{}, CreatedAt: at,
		}
		c.Conversations = append(c.Conversations, conv)
		c.Recordings = append(c.Recordings, omni.Recording{ID: "rc_" + name, ConversationID: conv.ID, State: omni.RecordingReady, Path: "a.wav", StartedAt: at})
		event := func(typ, agentID, queueID string) {
			c.Events = append(c.Events, omni.Event{ID: fmt.Sprint("ev_", len(c.Events)), Type: typ, Time: at, ConversationID: conv.ID, AgentID: agentID, QueueID: queueID})
		}
		event(omni.ConversationInitiated, "", "")
		for i, s := range segments {
			s.ID, s.ConversationID, s.StartedAt = fmt.Sprint("sg_", name, i), conv.ID, at
			c.Segments = append(c.Segments, s)
			switch s.Kind {
			case omni.SegmentOffer:
				event(omni.OfferCreated, s.AgentID, s.QueueID)
				if s.EndReason == omni.AgentTimeout {
					event(omni.OfferTimeout, s.AgentID, s.QueueID)
				}
			case omni.SegmentAgent:
				event(omni.ConversationConnected, s.AgentID, s.QueueID)
			}
		}
		event(omni.RecordingReadyEvent, "", "")
	}
	stay := func(kind omni.SegmentKind, agentID, queueID string, ended bool, why omni.EndReason) omni.Segment {
		s := omni.Segment{Kind: kind, AgentID: agentID, QueueID: queueID, EndReason: why}
		if ended {
			s.EndedAt = at.Add(time.Minute)
		}
		return s
	}
	queue := func(q string) omni.Segment { return stay(omni.SegmentQueue, "", q, true, omni.Answered) }
	talk := func(a, q string) omni.Segment { return stay(omni.SegmentAgent, a, q, true, omni.CustomerDisconnect) }
	call("talked", "A", "qu_one", "ag_lin", omni.Completed, queue("qu_one"), talk("ag_lin", "qu_one"))
	call("again", "A", "qu_two", "ag_two", omni.Completed, queue("qu_two"), talk("ag_two", "qu_two"))
	call("missed", "B", "qu_one", "ag_mate", omni.Completed, queue("qu_one"),
		stay(omni.SegmentOffer, "ag_lin", "qu_one", true, omni.AgentTimeout), talk("ag_mate", "qu_one"))
	call("ringing", "C", "qu_one", "", omni.Offered, stay(omni.SegmentQueue, "", "qu_one", false, ""), stay(omni.SegmentOffer, "ag_lin", "qu_one", false, ""))
	call("before", "C", "qu_two", "ag_two", omni.Completed, queue("qu_two"), talk("ag_two", "qu_two"))
	call("passed", "D", "qu_two", "ag_two", omni.Completed, queue("qu_one"), talk("ag_lin", "qu_one"), queue("qu_two"), talk("ag_two", "qu_two"))
	call("wrapping", "E", "qu_two", "ag_two", omni.Connected, talk("ag_lin", "qu_one"), stay(omni.SegmentWrapUp, "ag_lin", "qu_one", false, ""),
		stay(omni.SegmentAgent, "ag_two", "qu_two", false, ""))
	call("flow", "F", "", "", omni.Completed)
	for _, k := range []string{"A", "B", "C", "D", "E", "F"} {
		c.Customers = append(c.Customers, omni.Customer{ID: "cu_" + k, Name: "Customer " + k, CreatedAt: at, UpdatedAt: at})
	}
	return c
}

// TestWhoSeesWhat asks for everything as everybody and compares with
// testdata/sight.txt, which people review: the rule is docs/decisions/0004.
func TestWhoSeesWhat(t *testing.T) {
	db := openDB(t, t.TempDir())
	tokens := sightWorld(t, db)
	api := httpapi.New(httpapi.Config{
		Accounts: db, Omni: db, Journal: db, Desk: quietDesk{}, Commit: db.CommitOmni, Recordings: fstest.MapFS{"a.wav": {Data: []byte("RIFF")}},
		Wallboard: func(context.Context) (agent.Snapshot, error) {
			return agent.Snapshot{
				Queues: []agent.QueueSnapshot{{QueueID: "qu_one"}, {QueueID: "qu_two"}},
				Agents: []agent.AgentSnapshot{{AgentID: "ag_lin"}, {AgentID: "ag_two"}},
			}, nil
		},
	}, slog.New(slog.DiscardHandler))
	srv := httptest.NewServer(api.Handler())
	defer srv.Close()
	ask := func(user, method, path, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+"/api/v1"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+tokens[user])
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode >= 500 {
			t.Errorf("%s %s as %s: %d %s", method, path, user, res.StatusCode, raw)
		}
		return res.StatusCode, string(raw)
	}
	got := sightTable(ask)
	const file = "testdata/sight.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the table is now\n%s", got)
	}
}

// sightTable is a line per thing and a column per actor.
func sightTable(ask func(user, method, path, body string) (int, string)) string {
	var b bytes.Buffer
	line := func(name string, cell func(user string) string) {
		fmt.Fprintf(&b, "%-22s", name)
		for _, u := range sightActors {
			fmt.Fprintf(&b, " %-9s", cell(u.ID))
		}
		b.Truncate(len(bytes.TrimRight(b.Bytes(), " ")))
		b.WriteByte('\n')
	}
	status := func(method, path, body string) func(string) string {
		return func(user string) string {
			switch code, _ := ask(user, method, path, body); {
			case code < 300:
				return "yes"
			case code == http.StatusNotFound:
				return "-"
			default:
				return fmt.Sprint(code)
			}
		}
	}
	count := func(path, what string) func(string) string {
		return func(user string) string {
			code, body := ask(user, "GET", path, "")
			if code >= 300 {
				return fmt.Sprint(code)
			}
			return fmt.Sprint(strings.Count(body, what))
		}
	}
	line("", func(user string) string { return strings.TrimPrefix(user, "us_") })
	calls := []string{"talked", "again", "missed", "ringing", "before", "passed", "wrapping", "flow"}
	for _, c := range calls {
		line("read "+c, status("GET", "/conversations/cv_"+c, ""))
	}
	for _, c := range calls {
		line("hear "+c, status("GET", "/recordings/rc_"+c+"/audio", ""))
		line("hold "+c, status("PUT", "/recordings/rc_"+c+"/legal-hold", `{"reason":"case 7"}`))
	}
	for _, c := range calls {
		line("events of "+c, count("/events?limit=1000", `"cv_`+c+`"`))
	}
	line("close wrapping", status("POST", "/conversations/cv_wrapping/end", ""))
	line("list conversations", count("/conversations", `"state"`))
	for _, c := range []string{"A", "B", "C", "D", "E", "F"} {
		line("customer "+c, status("GET", "/customers/cu_"+c, ""))
		line("  timeline", count("/customers/cu_"+c, `"state"`))
		line("  listed", count("/conversations?customer=cu_"+c, `"state"`))
		line("  changed", status("PATCH", "/customers/cu_"+c, `{"note":"x"}`))
	}
	line("list customers", count("/customers?q=Customer", `"cu_`))
	line("presence of lin", status("PUT", "/agents/ag_lin/presence", `{"presence":"available"}`))
	line("presence of two", status("PUT", "/agents/ag_two/presence", `{"presence":"available"}`))
	line("queues on the board", count("/wallboard", `"waiting"`))
	line("live on the board", count("/wallboard", `"initiation_method"`))
	return b.String()
}
