package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/internal/journey"
)

func newTestServer(t testing.TB, change func(*Config)) *Server {
	t.Helper()
	cfg := Config{}
	if change != nil {
		change(&cfg)
	}
	return New(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

// desk records what was asked of it.
type desk struct {
	mu     sync.Mutex
	calls  []string
	sends  map[string]func(string, any) bool // by socket
	signal func(agentID, kind string, data json.RawMessage) error
	err    error
	seen   chan string // every call, for tests that wait
}

func newDesk() *desk {
	return &desk{sends: map[string]func(string, any) bool{}, seen: make(chan string, 1000)}
}

func (d *desk) note(parts ...string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	call := strings.Join(parts, " ")
	d.calls = append(d.calls, call)
	d.seen <- call
	return d.err
}

func (d *desk) Connected(_ context.Context, agentID, socketID, name string, send func(string, any) bool) {
	d.mu.Lock()
	d.sends[socketID] = send
	d.mu.Unlock()
	_ = d.note("connected", agentID, name)
	send("work", map[string]string{"state": "idle"})
}

func (d *desk) Disconnected(agentID, socketID string) {
	d.mu.Lock()
	delete(d.sends, socketID)
	d.mu.Unlock()
	_ = d.note("disconnected", agentID)
}

func (d *desk) Signal(_ context.Context, agentID, _, kind string, data json.RawMessage) error {
	if d.signal != nil {
		return d.signal(agentID, kind, data)
	}
	return d.note("signal", agentID, kind, string(data))
}

func (d *desk) TakeSoftphone(agentID, _ string) { _ = d.note("take", agentID) }

func (d *desk) SetPresence(_ context.Context, _ account.Actor, agentID, presence, reason string, next bool) error {
	if next {
		presence = "next " + presence
	}
	return d.note("presence", agentID, presence, reason)
}
func (d *desk) AcceptOffer(_ context.Context, a, id string) error { return d.note("accept", a, id) }
func (d *desk) RejectOffer(_ context.Context, a, id string) error { return d.note("reject", a, id) }
func (d *desk) StartRecording(_ context.Context, a, id string) error {
	return d.note("start recording", a, id)
}
func (d *desk) PauseRecording(_ context.Context, a, id string) error {
	return d.note("pause recording", a, id)
}
func (d *desk) ResumeRecording(_ context.Context, a, id string) error {
	return d.note("resume recording", a, id)
}
func (d *desk) Hold(_ context.Context, a, id string) error   { return d.note("hold", a, id) }
func (d *desk) Resume(_ context.Context, a, id string) error { return d.note("resume", a, id) }
func (d *desk) End(_ context.Context, _ account.Actor, a, id string) error {
	return d.note("end", a, id)
}
func (d *desk) Digits(_ context.Context, a, id, digits string) error {
	return d.note("digits", a, id, digits)
}
func (d *desk) Transfer(_ context.Context, a, id, kind, target string, ring time.Duration) error {
	return d.note("transfer", a, id, kind, target, ring.String())
}
func (d *desk) StartConsult(_ context.Context, a, id, kind, target string, joins bool, ring time.Duration) error {
	return d.note("consult", a, id, kind, target, strconv.FormatBool(joins), ring.String())
}
func (d *desk) ChangeConsult(_ context.Context, a, id, step string) error {
	return d.note("consult", a, id, step)
}
func (d *desk) SendToFlow(_ context.Context, a, id, flow string) error {
	return d.note("flow", a, id, flow)
}
func (d *desk) TakeBack(_ context.Context, a, id string) error { return d.note("take back", a, id) }
func (d *desk) Leave(_ context.Context, a, id string) error    { return d.note("leave", a, id) }
func (d *desk) RemoveParty(_ context.Context, a, id, party string) error {
	return d.note("remove", a, id, party)
}
func (d *desk) Parties(_ context.Context, id string) (journey.Parties, error) {
	return journey.Parties{ConversationID: id, Parties: []journey.Member{{ID: "customer", Kind: "customer", State: "talking"}}}, d.note("parties", "", id)
}
func (d *desk) Note(_ context.Context, a, id, note string) error { return d.note("note", a, id, note) }
func (d *desk) WrapUp(_ context.Context, a, id, code, note string) error {
	return d.note("wrapup", a, id, code, note)
}
func (d *desk) ExtendWrapUp(_ context.Context, a, id string) error { return d.note("extend", a, id) }
func (d *desk) SetupChanged(_ context.Context, kind account.Kind, ids []string) {
	_ = d.note("changed", string(kind), strings.Join(ids, ","))
}

// world is a server over HTTP with users of every role.
type world struct {
	t      testing.TB
	s      *Server
	m      *memory
	desk   *desk
	http   *httptest.Server
	tokens map[account.Role]string
}

const testPassword = "quiet violet harbour"

// cheap keeps hashing passwords from being what the tests spend their time on.
func cheap() *account.Hasher {
	return account.NewHasher(account.HasherConfig{MemoryKiB: 64, Passes: 1})
}

func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	m, d := newMemory(), newDesk()
	hash, err := cheap().Hash(t.Context(), testPassword)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, m: m, desk: d, tokens: map[account.Role]string{}}
	m.put(account.KindTeam, "tm_one", "One", setup.Team{Name: "One"})
	queue := setup.NewQueue()
	queue.Name, queue.TeamID = "Sales", "tm_one"
	m.put(account.KindQueue, "qu_sales", "Sales", queue)
	m.put(account.KindAgent, "ag_one", "", setup.Agent{Name: "Agent One", TeamID: "tm_one", UserID: "us_agent", Queues: []string{"qu_sales"}, Enabled: true})
	m.put(account.KindFlow, "fl_card", "Card payment", setup.Flow{Name: "Card payment", Published: 1})
	m.put(account.KindAgent, "ag_two", "", setup.Agent{Name: "Agent Two", Enabled: true})
	m.put(account.KindBreak, "lunch", "lunch", setup.Break{Names: setup.Labels{"en": "Lunch"}})
	for _, role := range account.Roles {
		u := account.User{ID: "us_" + string(role), Email: string(role) + "@example.org", Name: "The " + string(role), Role: role, PasswordHash: hash}
		if role == account.RoleAgent {
			u.AgentID = "ag_one"
		}
		m.put(account.KindUser, u.ID, u.Email, u)
		tok, secret := account.NewToken("test", u.ID, role, time.Time{})
		m.put(account.KindToken, tok.ID, tok.Hash, tok)
		w.tokens[role] = secret
	}
	w.s = newTestServer(t, func(c *Config) {
		*c = Config{
			Accounts: m, Omni: m, Journal: m, Desk: d, Commit: m.Commit, Erasures: m, HTTPSPort: 8443,
			Service:   account.NewService(m, account.Config{Hasher: cheap(), Now: func() time.Time { return m.now() }}),
			Wallboard: func(context.Context) (agent.Snapshot, error) { return agent.Snapshot{At: m.now()}, nil },
			Figures:   func(context.Context, insight.Query) ([]insight.Row, error) { return nil, nil },
		}
		if change != nil {
			change(c)
		}
	})
	w.http = httptest.NewServer(w.s.Handler())
	t.Cleanup(w.http.Close)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	subscribed := make(chan struct{})
	go func() {
		defer close(done)
		close(subscribed)
		_ = w.s.Run(ctx) // ends with ctx
	}()
	<-subscribed
	w.waitFor(func() bool { m.mu.Lock(); defer m.mu.Unlock(); return len(m.subs) > 0 })
	t.Cleanup(func() { stop(); <-done })
	return w
}

// waitFor yields until a condition holds that another goroutine brings about.
func (w *world) waitFor(cond func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !cond() {
		if time.Now().After(deadline) {
			w.t.Fatal("waited too long")
		}
		time.Sleep(time.Millisecond)
	}
}

// do makes a request as a role; an empty role is nobody.
func (w *world) do(role account.Role, method, path string, body any, header ...string) *answer {
	w.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		enc, err := json.Marshal(b)
		if err != nil {
			w.t.Fatal(err)
		}
		r = bytes.NewReader(enc)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.http.URL+path, r)
	if err != nil {
		w.t.Fatal(err)
	}
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if role != "" {
		req.Header.Set("Authorization", "Bearer "+w.tokens[role])
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return &answer{t: w.t, what: method + " " + path, Response: res, body: b}
}

type answer struct {
	*http.Response
	t    testing.TB
	what string
	body []byte
}

// want checks the status and decodes the body into each of to.
func (a *answer) want(status int, to ...any) *answer {
	a.t.Helper()
	if a.StatusCode != status {
		a.t.Fatalf("%s gave %d, want %d: %s", a.what, a.StatusCode, status, a.body)
	}
	for _, v := range to {
		if err := json.Unmarshal(a.body, v); err != nil {
			a.t.Fatalf("%s: %v in %s", a.what, err, a.body)
		}
	}
	return a
}

// problem checks that the answer is a problem of a type about a field.
func (a *answer) problem(status int, typ ProblemType, pointer string) Problem {
	a.t.Helper()
	var p Problem
	a.want(status, &p)
	if p.Type != typ || p.Status != status || p.Title == "" || p.RequestID == "" || a.Header.Get("Content-Type") != "application/problem+json" {
		a.t.Fatalf("%s: problem is %s (%s)", a.what, a.body, a.Header.Get("Content-Type"))
	}
	if pointer != "" {
		for _, f := range p.Errors {
			if f.Pointer == pointer || f.Parameter == pointer {
				return p
			}
		}
		a.t.Fatalf("%s: no field %s in %s", a.what, pointer, a.body)
	}
	return p
}

func mustPrefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}
