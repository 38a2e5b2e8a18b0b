package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/simulate"
	"github.com/openhotline/hotline/internal/store/storetest"
	"github.com/openhotline/hotline/omni"
	"github.com/openhotline/hotline/sip"
)

// A small day against PostgreSQL, and then the database goes away in a call:
// the sound goes on, new calls are refused, and when it is back the call that
// ended meanwhile is complete and new calls are taken.
func TestPostgreSQL(t *testing.T) {
	pg := storetest.StartPostgres(t)
	between, address := newGate(t, pg.New(t))
	s := start(t, "--database-url", address)
	r := s.simulated(t.Context(), simulate.Config{
		WebAgents: 1, SIPAgents: 2, Rate: 1, Duration: 12 * time.Second, Talk: 3 * time.Second, Patience: 15 * time.Second,
		PickUp: 500 * time.Millisecond, WrapUp: 500 * time.Millisecond, Seed: 5,
	})
	if !r.OK() || len(r.AgentErrors) > 0 {
		t.Errorf("the simulation found faults: %+v", r.AgentErrors)
	}
	if r.Answered < 4 {
		t.Errorf("%d calls answered, want at least 4", r.Answered)
	}
	s.checkRecordings()
	newTelephone(t).answerAs(s, "desk1")
	t.Run("away in a call", func(t *testing.T) { databaseAway(t, s, pg) })
	t.Run("hangs in a call", func(t *testing.T) { databaseHangs(t, s, between) })
}

func databaseAway(t *testing.T, s *server, pg *storetest.Postgres) {
	phone := newTelephone(t)
	const caller = "+8613911117777"
	talk, conversation := s.talking(phone, caller)
	s.eventually(30*time.Second, "the caller hears the agent", func() bool { return talk.Stats().PacketsReceived > 50 })

	pg.Stop()
	gone := time.Now()
	heard := talk.Stats().PacketsReceived
	s.eventually(30*time.Second, "it says that it is not ready", func() bool {
		res, err := http.Get(s.http + "/readyz") //nolint:noctx // bounded by the loop
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusServiceUnavailable
	})
	if status := s.dialled(phone, "9002", "+8613911117778"); status != 503 {
		t.Errorf("a call while the database is away was answered with %d, want 503", status)
	}
	s.eventually(30*time.Second, "two more seconds of sound", func() bool { return talk.Stats().PacketsReceived >= heard+100 })
	select {
	case <-talk.Done():
		t.Fatalf("the call ended with the database: %+v", talk.End())
	default:
	}
	talk.Hangup("customer_disconnect")
	ended(t, talk, 20*time.Second, "hang-up while the database is away")
	hungUp := time.Now()

	pg.Start(t)
	s.eventually(30*time.Second, "it is ready again", func() bool {
		res, err := http.Get(s.http + "/readyz") //nolint:noctx // bounded by the loop
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	s.eventually(30*time.Second, "the call that ended meanwhile is complete", func() bool {
		status, _ := s.try(http.MethodGet, "/conversations/"+conversation, s.token, nil, nil)
		return status == http.StatusOK && s.detail(conversation).Conversation.State == omni.Completed && s.recordingIn(conversation, omni.RecordingReady)
	})
	d := s.detail(conversation)
	if c := d.Conversation; c.EndReason != omni.CustomerDisconnect || c.EndedAt.Before(gone) || c.EndedAt.After(hungUp.Add(time.Second)) {
		t.Errorf("ended by %s at %s, hung up at %s", c.EndReason, c.EndedAt, hungUp)
	}
	for _, seg := range d.Segments {
		if seg.EndedAt.IsZero() {
			t.Errorf("segment %s is open", seg.Kind)
		}
	}
	if len(d.Recordings) != 1 || d.Recordings[0].Bytes == 0 {
		t.Errorf("recordings %+v", d.Recordings)
	}
	for i, e := range d.Events {
		if e.ConversationSeq != int64(i+1) {
			t.Errorf("event %d of the conversation has number %d", i+1, e.ConversationSeq)
		}
	}
	s.checkRecordings()
	phone.once(s, "9001")
	again, next := s.talking(phone, "+8613911117779")
	again.Hangup("customer_disconnect")
	ended(t, again, 20*time.Second, "hang-up")
	s.eventually(30*time.Second, "a call with an agent after the return is complete", func() bool {
		return s.detail(next).Conversation.State == omni.Completed
	})
}

// A database that neither answers nor hangs up is worse than one that is away:
// callers are refused within seconds instead of ringing, nobody is cut off, and
// afterwards no conversation is left open.
func databaseHangs(t *testing.T, s *server, between *gate) {
	phone := newTelephone(t)
	talk, conversation := s.talking(phone, "+8613911117781")
	between.shut()
	heard := talk.Stats().PacketsReceived
	began := time.Now()
	if status := s.dialled(phone, "9002", "+8613911117782"); status != 503 {
		t.Errorf("a call while the database hangs was answered with %d, want 503", status)
	}
	t.Logf("refused after %s", time.Since(began).Round(time.Millisecond))
	s.eventually(30*time.Second, "sound goes on", func() bool { return talk.Stats().PacketsReceived >= heard+50 })
	talk.Hangup("customer_disconnect")
	ended(t, talk, 20*time.Second, "hang-up while the database hangs")
	between.open()
	s.eventually(40*time.Second, "nothing is left open", func() bool {
		status, _ := s.try(http.MethodGet, "/conversations/"+conversation, s.token, nil, nil)
		return status == http.StatusOK && s.detail(conversation).Conversation.State == omni.Completed &&
			len(s.conversations("state=initiated&state=in_flow&state=queued&state=offered&state=connected&state=on_hold&state=wrap_up")) == 0
	})
	if c := s.detail(conversation).Conversation; c.EndReason != omni.CustomerDisconnect {
		t.Errorf("the call ended by %s", c.EndReason)
	}
	phone.once(s, "9001")
}

// gate passes the bytes of connections on until it is shut.
type gate struct {
	mu   sync.Mutex
	pass chan struct{} // closed while the gate is open
}

// newGate opens a gate before a database and returns the address to use.
func newGate(t testing.TB, database string) (*gate, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{pass: make(chan struct{})}
	close(g.pass)
	behind := u.Host
	var work sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { g.join(ctx, c, behind) })
		}
	})
	t.Cleanup(func() {
		g.open()
		stop()
		_ = l.Close()
		work.Wait()
	})
	u.Host = l.Addr().String()
	return g, u.String()
}

// join carries one connection.
func (g *gate) join(ctx context.Context, front net.Conn, behind string) {
	defer front.Close()
	back, err := net.Dial("tcp", behind)
	if err != nil {
		return
	}
	defer back.Close()
	defer context.AfterFunc(ctx, func() { _, _ = front.Close(), back.Close() })()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{front, back}, {back, front}} {
		go func() {
			defer func() { done <- struct{}{} }()
			buf := make([]byte, 64<<10)
			for {
				n, err := way[0].Read(buf)
				if n > 0 {
					g.wait()
					if _, err := way[1].Write(buf[:n]); err != nil {
						return
					}
				}
				if err != nil {
					return
				}
			}
		}()
	}
	<-done
	_, _ = front.Close(), back.Close()
	<-done
}

func (g *gate) wait() {
	g.mu.Lock()
	pass := g.pass
	g.mu.Unlock()
	<-pass
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pass = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.pass:
	default:
		close(g.pass)
	}
}

// dialled calls a number and returns the SIP status with which the service
// refuses it; 200 when it answers.
func (s *server) dialled(phone *telephone, number, from string) int {
	s.t.Helper()
	leg, err := phone.calls.DialNumber(s.t.Context(), call.DialRequest{
		ID: fmt.Sprintf("lg_refused_%d", time.Now().UnixNano()), URI: "sip:" + number + "@" + s.sip, To: number, From: from, RingTimeout: 20 * time.Second,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	select {
	case <-leg.Answered():
		leg.Hangup("customer_disconnect")
		return 200
	case <-leg.Done():
		return leg.End().Status
	case <-time.After(25 * time.Second):
		leg.Hangup("customer_disconnect")
		return 0
	}
}

// answerAs makes the telephone the desk phone of a new agent who serves the
// sales queue without wrap-up and answers every call with a tone.
func (p *telephone) answerAs(s *server, name string) {
	p.t.Helper()
	const secret = "desk-phone-secret-9"
	s.call("POST", "/devices", s.token, map[string]any{"id": "dv_" + name, "name": name, "username": name, "password": secret}, nil)
	s.call("POST", "/agents", s.token, map[string]any{"id": "ag_" + name, "name": name, "queues": []string{"qu_sales"}, "device_id": "dv_" + name}, nil)
	var q struct {
		Version int64 `json:"version"`
	}
	s.call("GET", "/queues/qu_sales", s.token, nil, &q)
	s.call("PATCH", "/queues/qu_sales", s.token, map[string]any{"version": q.Version, "wrap_up_time": 0}, nil)
	p.calls.OnInbound(func(leg *call.Leg) {
		if leg.Answer(context.Background()) != nil {
			return // the caller was faster
		}
		c, err := p.calls.NewCall(leg.ID(), leg)
		if err != nil {
			leg.Hangup(call.SystemError)
			return
		}
		if err := c.Tone(880); err != nil {
			p.t.Error(err)
		}
	})
	line := sip.Line{ID: name, Name: name, Mode: sip.ModeRegister, Server: s.sip, Username: name, Password: secret}
	if err := p.endpoint.SetLines([]sip.Line{line}); err != nil {
		p.t.Fatal(err)
	}
	s.eventually(30*time.Second, "the desk phone is registered", func() bool {
		st, _ := p.endpoint.LineState(name)
		return st.Registered
	})
	s.call("PUT", "/agents/ag_"+name+"/presence", s.token, map[string]string{"presence": "available"}, nil)
}

// talking dials the sales queue and waits until an agent has the caller; it
// returns the caller's leg and the conversation.
func (s *server) talking(phone *telephone, from string) (*call.Leg, string) {
	s.t.Helper()
	leg := phone.dial(s, "9002", from, 440)
	return leg, s.one(url.QueryEscape(from), omni.Connected).ID
}
