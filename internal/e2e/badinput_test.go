package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/openhotline/hotline/omni"
)

// fault is an answer of the API to a bad request (RFC 9457).
type fault struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Errors []struct {
		Pointer string `json:"pointer"`
		Code    string `json:"code"`
		Message string `json:"message"`
		Line    int    `json:"line"`
		Column  int    `json:"column"`
	} `json:"errors"`
}

// refused makes a request that must be refused with a status and a type of
// problem.
func (s *server) refused(method, path, token, body string, status int, kind string) fault {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.http+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var f fault
	if err := json.Unmarshal(raw, &f); err != nil {
		s.t.Errorf("%s %s: %v in %.200s", method, path, err, raw)
	}
	if res.StatusCode != status || f.Status != status || f.Type != "urn:hotline:problem:"+kind || f.Title == "" ||
		!strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") {
		s.t.Errorf("%s %s: want %d %s, got %d (%s)\n%s", method, path, status, kind, res.StatusCode, res.Header.Get("Content-Type"), raw)
	}
	return f
}

// metric reads one figure of /metrics.
func (s *server) metric(name string) float64 {
	s.t.Helper()
	res, err := http.Get(s.http + "/metrics") //nolint:noctx // loopback
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			f, err := strconv.ParseFloat(value, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return f
		}
	}
	s.t.Fatalf("there is no metric %s", name)
	return 0
}

// rtpSockets counts the UDP sockets that are open in the service's RTP range.
func (s *server) rtpSockets() (n int) {
	s.t.Helper()
	var first, last int
	for i, a := range s.args {
		if a == "--rtp-ports" {
			if _, err := fmt.Sscanf(s.args[i+1], "%d-%d", &first, &last); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	raw, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		s.t.Skipf("sockets cannot be counted here: %v", err)
	}
	for _, line := range strings.Split(string(raw), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		_, hex, _ := strings.Cut(f[1], ":")
		port, err := strconv.ParseInt(hex, 16, 32)
		if err == nil && int(port) >= first && int(port) <= last {
			n++
		}
	}
	return n
}

// Whatever comes in, the service answers as defined, loses nothing, and is as
// it was before.
func TestBadInput(t *testing.T) {
	t.Parallel()
	s := start(t)
	phone := newTelephone(t)
	phone.once(s, "9001") // what is opened once and kept is open now
	before := s.metric("go_goroutines")
	t.Run("signalling", func(t *testing.T) { badSignalling(t, s) })
	t.Run("credentials", func(t *testing.T) { badCredentials(t, s) })
	t.Run("fields", func(t *testing.T) { badFields(t, s) })
	t.Run("sockets", func(t *testing.T) { badSockets(t, s) })
	t.Run("flows", func(t *testing.T) { badFlows(t, s, phone) })
	t.Run("full queue", func(t *testing.T) { fullQueue(t, s, phone) })
	t.Run("nobody there", func(t *testing.T) { nobodyThere(t, s, phone) })

	phone.once(s, "9001")
	s.eventually(30*time.Second, "no call is live", func() bool {
		return s.metric("hotline_calls_live") == 0 &&
			len(s.conversations("state=initiated&state=in_flow&state=queued&state=offered&state=connected&state=on_hold&state=wrap_up")) == 0
	})
	s.eventually(30*time.Second, "no RTP socket is open", func() bool { return s.rtpSockets() == 0 })
	http.DefaultClient.CloseIdleConnections() // each has goroutines over there
	var now float64
	s.eventually(30*time.Second, "goroutines have ended", func() bool {
		now = s.metric("go_goroutines")
		return now <= before+10
	})
	t.Logf("%g goroutines before, %g after", before, now)
}

// once calls a number, hears that it is answered, and hangs up.
func (p *telephone) once(s *server, number string) {
	p.t.Helper()
	leg := p.dial(s, number, "+8613911116666", 440)
	leg.Hangup("customer_disconnect")
	ended(p.t, leg, 20*time.Second, "hang-up")
}

// garbage is what a line should never send.
func garbage() []string {
	head := "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKbad\r\nFrom: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:9001@127.0.0.1>\r\nCall-ID: bad-%d\r\nCSeq: 1 INVITE\r\n"
	return []string{
		"", "\r\n\r\n", "\x00\x01\x02\xff\xfe", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "INVITE", "INVITE sip: SIP/2.0\r\n\r\n",
		"INVITE sip:9001@127.0.0.1 SIP/2.0\r\n" + strings.Repeat("X", 60_000),
		"INVITE sip:9001@127.0.0.1 SIP/7.0\r\n" + fmt.Sprintf(head, 1) + "\r\n",
		"INVITE sip:9001@127.0.0.1 SIP/2.0\r\n" + fmt.Sprintf(head, 2) + "Content-Length: -5\r\n\r\nv=0",
		"INVITE sip:9001@127.0.0.1 SIP/2.0\r\n" + fmt.Sprintf(head, 3) + "Content-Type: application/sdp\r\nContent-Length: 9999\r\n\r\nv=0",
		"INVITE sip:9001@127.0.0.1 SIP/2.0\r\n" + strings.Replace(fmt.Sprintf(head, 4), "1 INVITE", "99999999999999999999 INVITE", 1) + "Content-Length: 0\r\n\r\n",
		"INVITE sip:9001@127.0.0.1 SIP/2.0\r\n" + strings.Replace(fmt.Sprintf(head, 5), "1 INVITE", "1 BYE", 1) + "Content-Length: 0\r\n\r\n",
		"BYE sip:9001@127.0.0.1 SIP/2.0\r\n" + strings.Replace(fmt.Sprintf(head, 6), "1 INVITE", "1 BYE", 1) + "Content-Length: 0\r\n\r\n",
		"SIP/2.0 200 OK\r\n" + fmt.Sprintf(head, 7) + "Content-Length: 0\r\n\r\n",
		"SIP/2.0 999999 ???\r\n\r\n",
	}
}

func badSignalling(t *testing.T, s *server) {
	udp, err := net.Dial("udp", s.sip)
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for _, g := range garbage() {
		if _, err := udp.Write([]byte(g)); err != nil && len(g) < 60_000 {
			t.Fatal(err)
		}
		tcp, err := net.Dial("tcp", s.sip)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = tcp.Write([]byte(g)) // it may have hung up on us
		_ = tcp.Close()
	}
	for _, c := range []struct {
		name, number, sdp, status string
	}{
		{"only codecs that we do not have", "9001", "m=audio 40000 RTP/AVP 18 3\r\na=rtpmap:18 G729/8000\r\na=rtpmap:3 GSM/8000\r\n", "488"},
		{"no audio at all", "9001", "m=image 40000 udptl t38\r\n", "488"},
		{"no address", "9001", "c=IN IP4 nowhere\r\nm=audio 40000 RTP/AVP 8\r\n", "400"},
		{"unknown number", "12345", "m=audio 40000 RTP/AVP 8\r\n", "404"},
	} {
		if got := s.invite(t, c.number, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"+c.sdp); got != c.status {
			t.Errorf("%s: answered with %s, want %s", c.name, got, c.status)
		}
	}
	if got := s.invite(t, "9001", "this is no session description"); got != "400" {
		t.Errorf("a body that is no SDP: answered with %s", got)
	}
}

// invite sends an INVITE by hand and returns the final status; a call that is
// refused is acknowledged.
func (s *server) invite(t *testing.T, number, sdp string) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	to, err := net.ResolveUDPAddr("udp", s.sip)
	if err != nil {
		t.Fatal(err)
	}
	me, call := conn.LocalAddr().String(), fmt.Sprintf("hand-%d", time.Now().UnixNano())
	message := func(method, toTag string) []byte {
		body := ""
		if method == "INVITE" {
			body = sdp
		}
		return fmt.Appendf(nil, "%s sip:%s@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s\r\nFrom: <sip:hand@%s>;tag=1\r\nTo: <sip:%s@%s>%s\r\n"+
			"Call-ID: %s\r\nCSeq: 1 %s\r\nContact: <sip:hand@%s>\r\nMax-Forwards: 70\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
			method, number, s.sip, me, call, me, number, s.sip, toTag, call, method, me, len(body), body)
	}
	buf := make([]byte, 65536)
	for range 10 {
		if _, err := conn.WriteTo(message("INVITE", ""), to); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				break // send it again, as RFC 3261 wants
			}
			status, tag := statusOf(buf[:n])
			if status == "" || status[0] == '1' {
				continue
			}
			if _, err := conn.WriteTo(message("ACK", tag), to); err != nil {
				t.Fatal(err)
			}
			return status
		}
	}
	return "nothing"
}

// statusOf reads status and To tag of a response.
func statusOf(response []byte) (status, tag string) {
	line, rest, _ := bytes.Cut(response, []byte("\r\n"))
	f := strings.Fields(string(line))
	if len(f) < 2 || f[0] != "SIP/2.0" {
		return "", ""
	}
	for _, h := range strings.Split(string(rest), "\r\n") {
		if name, value, ok := strings.Cut(h, ":"); ok && strings.EqualFold(name, "To") {
			if _, t, ok := strings.Cut(value, ";tag="); ok {
				tag = ";tag=" + t
			}
		}
	}
	return f[1], tag
}

func badCredentials(t *testing.T, s *server) {
	s.refused("POST", "/login", "", `{"email":"agent@demo","password":"not-this-one-at-all"}`, 401, "credentials")
	s.refused("POST", "/login", "", `{"email":"nobody@demo","password":"not-this-one-at-all"}`, 401, "credentials")
	s.refused("GET", "/me", "", "", 401, "unauthenticated")
	s.refused("GET", "/me", "garbage", "", 401, "unauthenticated")
	s.refused("GET", "/me", strings.Repeat("x", 4000), "", 401, "unauthenticated")
	s.refused("GET", "/users", s.login("agent@demo"), "", 403, "forbidden")
	var tok struct {
		Secret string `json:"secret"`
	}
	end := time.Now().Add(1500 * time.Millisecond)
	s.call("POST", "/tokens", s.token, map[string]any{"name": "short", "role": "admin", "expires_at": end}, &tok)
	if status, body := s.try("GET", "/me", tok.Secret, nil, nil); status != 200 && time.Now().Before(end) {
		t.Errorf("a fresh token: %d %s", status, body)
	}
	s.eventually(30*time.Second, "the token has run out", func() bool {
		status, _ := s.try("GET", "/me", tok.Secret, nil, nil)
		return status == http.StatusUnauthorized
	})
	s.refused("GET", "/me", tok.Secret, "", 401, "unauthenticated")
}

func badFields(t *testing.T, s *server) {
	for _, c := range []struct{ name, method, path, body, pointer string }{
		{"wrong type", "POST", "/queues", `{"name":"Q","max_length":"many"}`, "#/max_length"},
		{"too large", "POST", "/queues", `{"name":"Q","ring_timeout":100000}`, "#/ring_timeout"},
		{"unknown field", "POST", "/teams", `{"name":"T","colour":"red"}`, "#/colour"},
		{"missing field", "POST", "/lines", `{"name":"L"}`, "#/mode"},
		{"no such value", "PUT", "/agents/me/presence", `{"presence":"asleep"}`, "#/presence"},
		{"reference to nothing", "POST", "/numbers", `{"number":"777","flow_id":"fl_none"}`, "#/flow_id"},
	} {
		f := s.refused(c.method, c.path, s.token, c.body, 422, "validation")
		if len(f.Errors) == 0 || f.Errors[0].Pointer != c.pointer || f.Errors[0].Message == "" {
			t.Errorf("%s: %+v, want %s", c.name, f.Errors, c.pointer)
		}
	}
	s.refused("POST", "/teams", s.token, `{"name":`, 400, "malformed")
	s.refused("POST", "/teams", s.token, `{"name":"`+strings.Repeat("x", 5<<20)+`"}`, 413, "too-large")
	s.refused("GET", "/conversations/cv_none", s.token, "", 404, "not-found")
	s.refused("GET", "/no/such/page", s.token, "", 404, "not-found")
	s.refused("POST", "/conversations/cv_none/hold", s.login("agent@demo"), "", 404, "not-found")
	s.refused("GET", "/conversations?cursor=rubbish", s.token, "", 422, "validation")
}

// A page of another site gets no socket, whatever its browser sends along; a
// program without Origin does with its token.
func badSockets(t *testing.T, s *server) {
	address := "ws" + strings.TrimPrefix(s.http, "http") + "/api/v1/"
	for _, c := range []struct {
		name, path, origin, token string
		status                    int
	}{
		{"another site", "live", "https://evil.example", s.token, 403},
		{"no site", "live", "null", s.token, 403},
		{"not logged in", "live", "", "", 401},
		{"garbage token", "live", "", "garbage", 401},
		{"another site at the test phone", "phone/socket", "https://evil.example", "", 403},
		{"own page", "live", s.http, s.token, 101},
		{"a program", "live", "", s.token, 101},
	} {
		h := http.Header{}
		if c.origin != "" {
			h.Set("Origin", c.origin)
		}
		if c.token != "" {
			h.Set("Authorization", "Bearer "+c.token)
		}
		conn, res, err := websocket.DefaultDialer.DialContext(t.Context(), address+c.path, h)
		if res == nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.name, res.StatusCode, c.status)
		}
		if conn == nil {
			continue
		}
		for _, m := range []string{"", "{", `{"type":"rtc.offer","data":{"sdp":7}}`, `{"type":"nonsense","data":{}}`, `[]`} {
			_ = conn.WriteMessage(websocket.TextMessage, []byte(m)) // it may close
		}
		_ = conn.Close()
	}
}

// flowRow is what the tests need of a flow.
type flowRow struct {
	ID        string `json:"id"`
	Version   int64  `json:"version"`
	Published int    `json:"published"`
}

// newFlow makes a flow with a draft.
func (s *server) newFlow(name, text string) flowRow {
	s.t.Helper()
	var f flowRow
	s.call("POST", "/flows", s.token, map[string]any{"name": name, "draft": text}, &f)
	return f
}

func badFlows(t *testing.T, s *server, phone *telephone) {
	broken := s.newFlow("Broken", "flow: fl_b\nname: B\nlanguages: [en]\nstart: a\nhuman: b\nnodes:\n  a: {type: sing, next: b}\n  b: {type: queue, queue: qu_sales}\n")
	f := s.refused("POST", "/flows/"+broken.ID+"/publish", s.token, fmt.Sprintf(`{"version":%d}`, broken.Version), 422, "validation")
	if len(f.Errors) == 0 || f.Errors[0].Line != 7 || f.Errors[0].Column < 1 || f.Errors[0].Pointer != "#/draft" {
		t.Errorf("faults of a broken flow: %+v", f.Errors)
	}
	var after flowRow
	if s.call("GET", "/flows/"+broken.ID, s.token, nil, &after); after.Published != 0 {
		t.Errorf("the broken flow is published as %d", after.Published)
	}

	// A sound that is not there is left out: the caller goes on to the queue.
	silent := s.newFlow("Silent", "flow: fl_s\nname: S\nlanguages: [en]\nstart: a\nhuman: q\nnodes:\n  a: {type: play, sound: no_such_sound, next: q}\n  q: {type: queue, queue: qu_sales, music: no_such_music}\n")
	if status, body := s.try("POST", "/flows/"+silent.ID+"/publish", s.token, map[string]any{"version": silent.Version}, nil); status >= 300 {
		t.Fatalf("a flow with a sound that is not there yet: %d %s", status, body)
	}
	s.call("POST", "/numbers", s.token, map[string]any{"number": "7001", "flow_id": silent.ID, "line_ids": []string{}}, nil)
	leg := phone.dial(s, "7001", "+8613911116001", 440)
	s.one("%2B8613911116001", omni.Queued)
	leg.Hangup("customer_disconnect")
	ended(t, leg, 20*time.Second, "hang-up")

	// A number without a flow is answered by nobody and ends.
	s.call("POST", "/numbers", s.token, map[string]any{"number": "7002", "flow_id": broken.ID, "line_ids": []string{}}, nil)
	leg = phone.dial(s, "7002", "+8613911116002", 440)
	ended(t, leg, 15*time.Second, "the end of a call to a flow that is not published")
	if c := s.one("%2B8613911116002", omni.Completed); c.EndReason == "" || c.EndReason == omni.CustomerDisconnect {
		t.Errorf("a call to a flow that is not published ended by %q", c.EndReason)
	}
}

// A full queue takes nobody more: its overflow decides, here a polite end.
func fullQueue(t *testing.T, s *server, phone *telephone) {
	var q struct {
		Version int64 `json:"version"`
	}
	s.call("GET", "/queues/qu_sales", s.token, nil, &q)
	s.call("PATCH", "/queues/qu_sales", s.token, map[string]any{"version": q.Version, "max_length": 1, "overflow": []map[string]any{{"kind": "end"}}}, &q)
	first := phone.dial(s, "9002", "+8613911116003", 440)
	s.one("%2B8613911116003", omni.Queued)
	second := phone.dial(s, "9002", "+8613911116004", 440)
	if end := ended(t, second, 20*time.Second, "the end of the call over the limit"); !end.ByRemote {
		t.Errorf("the second call ended with %+v", end)
	}
	over := s.one("%2B8613911116004", omni.Completed)
	if over.EndReason == omni.CustomerDisconnect || over.EndReason == omni.SystemError || over.EndReason == "" {
		t.Errorf("the call over the limit ended by %q", over.EndReason)
	}
	overflowed := false
	for _, e := range s.detail(over.ID).Events {
		overflowed = overflowed || e.Type == omni.QueueOverflowed && strings.Contains(string(e.Data), "max_length")
	}
	if !overflowed {
		t.Error("the journal does not tell of the overflow by max_length")
	}
	select {
	case <-first.Done():
		t.Errorf("the first caller was dropped: %+v", first.End())
	default:
	}
	first.Hangup("customer_disconnect")
	ended(t, first, 20*time.Second, "hang-up")
	s.call("PATCH", "/queues/qu_sales", s.token, map[string]any{"version": q.Version, "max_length": 0}, nil)
}

// With no agent at work a caller waits with music until they leave.
func nobodyThere(t *testing.T, s *server, phone *telephone) {
	leg := phone.dial(s, "9002", "+8613911116005", 440)
	s.one("%2B8613911116005", omni.Queued)
	s.eventually(30*time.Second, "the caller hears music", func() bool { return leg.Stats().PacketsReceived > 25 })
	leg.Hangup("customer_disconnect")
	ended(t, leg, 20*time.Second, "hang-up")
	c := s.one("%2B8613911116005", omni.Completed)
	if c.EndReason != omni.CustomerDisconnect || !c.AnsweredAt.IsZero() {
		t.Errorf("ended by %s, answered at %s", c.EndReason, c.AnsweredAt)
	}
	s.eventually(30*time.Second, "the queue is empty", func() bool { return s.metric(`hotline_queue_waiting{queue="qu_sales"}`) == 0 })
}
