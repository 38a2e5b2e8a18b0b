package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

// tabClient is a browser's end of a socket.
type tabClient struct {
	t    testing.TB
	conn *websocket.Conn
}

func (w *world) dial(role account.Role, path string, header ...string) (*tabClient, *http.Response, error) {
	w.t.Helper()
	h := http.Header{}
	if role != "" {
		h.Set("Authorization", "Bearer "+w.tokens[role])
	}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	conn, res, err := websocket.DefaultDialer.DialContext(w.t.Context(), "ws"+strings.TrimPrefix(w.http.URL, "http")+path, h)
	if err != nil {
		return nil, res, err
	}
	w.t.Cleanup(func() { conn.Close() })
	return &tabClient{w.t, conn}, res, nil
}

func (w *world) open(role account.Role, query string) *tabClient {
	w.t.Helper()
	c, _, err := w.dial(role, prefix+"/live"+query)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// next reads the next message that is not a heartbeat.
func (c *tabClient) next() Envelope {
	c.t.Helper()
	for {
		if err := c.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			c.t.Fatal(err)
		}
		var e Envelope
		if err := c.conn.ReadJSON(&e); err != nil {
			c.t.Fatalf("socket: %v", err)
		}
		if e.Type != "head" {
			return e
		}
	}
}

// want reads the next message and checks its type.
func (c *tabClient) want(kind string) Envelope {
	c.t.Helper()
	e := c.next()
	if e.Type != kind {
		c.t.Fatalf("got %s %s, want %s", e.Type, e.Data, kind)
	}
	return e
}

// until reads up to a message of a type.
func (c *tabClient) until(kind string) Envelope {
	c.t.Helper()
	for {
		if e := c.next(); e.Type == kind {
			return e
		}
	}
}

func (c *tabClient) send(v string) {
	c.t.Helper()
	if err := c.conn.WriteMessage(websocket.TextMessage, []byte(v)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *tabClient) closeCode() int {
	c.t.Helper()
	for {
		if err := c.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			c.t.Fatal(err)
		}
		if _, _, err := c.conn.ReadMessage(); err != nil {
			var ce *websocket.CloseError
			if errors.As(err, &ce) {
				return ce.Code
			}
			c.t.Fatalf("socket ended with %v", err)
		}
	}
}

func event(kind, conversation, agentID string) omni.Event {
	return omni.Event{ID: "ev_x", Type: kind, ConversationID: conversation, AgentID: agentID}
}

func TestLiveReplaysAndFollows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for i := range 1200 {
		w.m.commit(i%7 == 0, event("segment.started", fmt.Sprintf("cv_%d", i), ""))
	}
	c := w.open(account.RoleAdmin, "?after=3")
	for seq := int64(4); seq <= 1200; seq++ {
		if e := c.next(); e.Seq != seq {
			t.Fatalf("got seq %d, want %d", e.Seq, seq)
		}
	}
	// What the bus lost is found in the journal when the next one comes.
	w.m.commit(true, event("segment.started", "cv_quiet", ""))
	w.m.commit(false, event("segment.ended", "cv_loud", ""))
	if e := c.want("segment.started"); e.Seq != 1201 {
		t.Errorf("seq %d", e.Seq)
	}
	e := c.want("segment.ended")
	var ev omni.Event
	if err := json.Unmarshal(e.Data, &ev); err != nil || e.Seq != 1202 || ev.ConversationID != "cv_loud" || ev.Seq != 1202 || e.TS == nil {
		t.Errorf("event %+v %s", e, e.Data)
	}
	// Without after, a socket begins at the head.
	fresh := w.open(account.RoleAdmin, "")
	w.waitFor(func() bool { w.s.hub.mu.Lock(); defer w.s.hub.mu.Unlock(); return len(w.s.hub.tabs) == 2 })
	w.m.commit(false, event("queue.entered", "cv_new", ""))
	if e := fresh.want("queue.entered"); e.Seq != 1203 {
		t.Errorf("seq %d", e.Seq)
	}
}

func TestLiveTellsWhenTooFarBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for range 3 {
		w.m.commit(true, event("segment.started", "cv_1", ""))
	}
	c := w.open(account.RoleAdmin, "?after=99") // of another database
	if e := c.want("reset"); e.Seq != 3 {
		t.Errorf("reset to %d", e.Seq)
	}
	w.m.commit(false, event("segment.ended", "cv_1", ""))
	if e := c.next(); e.Seq != 4 {
		t.Errorf("then %d", e.Seq)
	}
}

func TestLiveShowsAgentsTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.open(account.RoleAgent, "?after=0")
	c.until("work")
	w.m.commit(false,
		event("queue.entered", "cv_mine", ""), event("offer.created", "cv_mine", "ag_one"), event("conversation.held", "cv_mine", ""),
		event("offer.created", "cv_other", "ag_two"), event("conversation.held", "cv_other", ""))
	if e := c.want("offer.created"); e.Seq != 2 {
		t.Errorf("seq %d", e.Seq)
	}
	if e := c.want("conversation.held"); e.Seq != 3 {
		t.Errorf("seq %d", e.Seq)
	}
	// The head tells that the rest was filtered and not lost.
	for {
		var e Envelope
		if err := c.conn.ReadJSON(&e); err != nil {
			t.Fatal(err)
		}
		if e.Type != "head" {
			t.Fatalf("got %+v", e)
		}
		if e.Seq == 5 {
			break
		}
	}
	var b EventsBody
	w.do(account.RoleAgent, "GET", prefix+"/events?after=0", nil).want(200, &b)
	if len(b.Items) != 2 || b.Next != 5 || b.Head != 5 {
		t.Errorf("events %+v", b)
	}
	w.do(account.RoleAuditor, "GET", prefix+"/events?after=1&limit=2", nil).want(200, &b)
	if len(b.Items) != 2 || b.Next != 3 || b.Head != 5 {
		t.Errorf("events %+v", b)
	}
}

// Which tab is the softphone is the desk's to decide: it hears who comes, goes and
// asks, and its refusals reach the tab.
func TestTabsReachTheDesk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	one := w.open(account.RoleAgent, "?tab=one")
	one.until("work")
	w.heard("connected ag_one one")
	one.send(`{"type":"softphone.take"}`)
	w.heard("take ag_one")
	one.send(`{"type":"rtc.offer","data":{"sdp":"v=0"}}`)
	w.heard("signal ag_one rtc.offer {\"sdp\":\"v=0\"}")
	w.desk.mu.Lock()
	w.desk.err = fmt.Errorf("%w: in another tab", account.ErrState)
	w.desk.mu.Unlock()
	one.send(`{"type":"rtc.offer","data":{"sdp":"v=0"}}`)
	if e := one.until("error"); !strings.Contains(string(e.Data), string(ProblemState)) {
		t.Errorf("error %s", e.Data)
	}
	// A reloaded tab is the same tab: its old connection ends.
	again := w.open(account.RoleAgent, "?tab=one")
	again.until("work")
	if code := one.closeCode(); code != closeResume {
		t.Errorf("the old socket closed with %d", code)
	}
	w.heard("disconnected ag_one")
	two := w.open(account.RoleAgent, "?tab=two")
	two.until("work")
	two.conn.Close()
	w.heard("disconnected ag_one")
	again.conn.Close()
	w.heard("disconnected ag_one")
}

// heard waits until the desk hears a call.
func (w *world) heard(call string) {
	w.t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case got := <-w.desk.seen:
			if got == call {
				return
			}
		case <-timeout:
			w.t.Fatalf("the desk did not hear %q", call)
		}
	}
}

func TestLiveRefusesStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	refused := func(want int, role account.Role, path string, header ...string) {
		t.Helper()
		_, res, err := w.dial(role, path, header...)
		if err == nil || res == nil || res.StatusCode != want {
			t.Errorf("%s gave %v %v, want %d", path, err, res, want)
		}
	}
	refused(401, "", prefix+"/live")
	refused(403, account.RoleAgent, prefix+"/live", "Origin", "https://evil.example")
	refused(422, account.RoleAgent, prefix+"/live?after=x")
	if c, _, err := w.dial(account.RoleAgent, prefix+"/live", "Origin", w.http.URL); err != nil {
		t.Errorf("own origin: %v", err)
	} else {
		c.until("work")
	}
	w.do(account.RoleAgent, "GET", prefix+"/live", nil).want(400)
}

func TestLiveEndsWithTheRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.open(account.RoleAgent, "")
	c.until("work")
	w.do(account.RoleAdmin, "PATCH", prefix+"/users/us_agent", `{"version":1,"disabled":true}`).want(200)
	if code := c.closeCode(); code != closeExpired {
		t.Errorf("closed with %d", code)
	}
}

func TestLiveClosesWhatIsTooSlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.open(account.RoleAgent, "")
	c.until("work")
	w.desk.mu.Lock()
	var send func(string, any) bool
	for _, s := range w.desk.sends {
		send = s
	}
	w.desk.mu.Unlock()
	big := strings.Repeat("x", 64<<10)
	n := 0
	for send("offer", big) {
		if n++; n > 100000 {
			t.Fatal("the queue has no bound")
		}
	}
	if code := c.closeCode(); code != closeResume {
		t.Errorf("closed with %d", code)
	}
}

func TestLiveBadMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	c := w.open(account.RoleAgent, "")
	c.until("work")
	for _, bad := range []string{`x`, `{}`, `[]`, `{"type":"RTC"}`, `{"type":"rtc.offer","data":[1]}`, `{"type":"unknown.kind"}`} {
		c.send(bad)
		if e := c.until("error"); !strings.Contains(string(e.Data), string(ProblemMalformed)) {
			t.Errorf("%s: %s", bad, e.Data)
		}
	}
	c.send(`{"type":"ping"}`)
	c.until("pong")
	if err := c.conn.WriteMessage(websocket.BinaryMessage, []byte(`{"type":"ping"}`)); err != nil {
		t.Fatal(err)
	}
	c.until("error")
	admin := w.open(account.RoleAdmin, "")
	admin.send(`{"type":"softphone.take"}`)
	if e := admin.until("error"); !strings.Contains(string(e.Data), string(ProblemForbidden)) {
		t.Errorf("%s", e.Data)
	}
	for range messageBurst * 3 {
		if c.conn.WriteMessage(websocket.TextMessage, []byte(`{"type":"ping"}`)) != nil {
			break
		}
	}
	if code := c.closeCode(); code != closeFlood {
		t.Errorf("closed with %d", code)
	}
	big := w.open(account.RoleAgent, "")
	big.send(`{"type":"rtc.offer","data":{"sdp":"` + strings.Repeat("x", maxMessage) + `"}}`)
	if code := big.closeCode(); code != websocket.CloseMessageTooBig {
		t.Errorf("closed with %d", code)
	}
}

func FuzzMessage(f *testing.F) {
	for _, s := range []string{`{"type":"ping"}`, `{"type":"rtc.offer","data":{"sdp":"v=0"}}`, `{"type":"x","data":null}`, `[]`, `{"type":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseMessage(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("%q cannot be written: %v", b, err)
		}
		e2, err := parseMessage(again)
		if err != nil || e2.Type != e.Type {
			t.Fatalf("%q became %q: %v", b, again, err)
		}
		var data map[string]any
		if len(e.Data) > 0 && json.Unmarshal(e.Data, &data) != nil {
			t.Fatalf("data of %q is no object", b)
		}
	})
}

// FuzzFrames sends bytes as they are behind the upgrade: the server answers or
// closes, and goes on serving others.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0x81, 0x82, 1, 2, 3, 4, 'x', 'y'})
	f.Add([]byte{0x88, 0x80, 0, 0, 0, 0})
	f.Add([]byte{0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add(bytes.Repeat([]byte{0x89, 0x80, 0, 0, 0, 0}, 50))
	w := newWorld(f, nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		h := http.Header{"Authorization": {"Bearer " + w.tokens[account.RoleAuditor]}}
		conn, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(w.http.URL, "http")+prefix+"/live", h)
		if err != nil {
			t.Fatal(err)
		}
		raw := conn.NetConn()
		_, _ = raw.Write(b) // the server may close at any byte
		raw.Close()
		if res, err := http.Get(w.http.URL + "/healthz"); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("not alive: %v", err)
		} else {
			res.Body.Close()
		}
	})
}
