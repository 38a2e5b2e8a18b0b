package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Times and sizes of the WebSockets.
const (
	pingEvery    = 10 * time.Second
	pongWithin   = 25 * time.Second
	writeWithin  = 10 * time.Second
	drainWithin  = 500 * time.Millisecond
	drainAtMost  = 4 * maxMessage // bytes
	headEvery    = 3 * time.Second
	maxMessage   = 256 << 10 // bytes; an SDP offer has a few thousand
	queueLength  = 256       // messages without a seq that may wait for one socket
	messageRate  = 100       // messages per second that a client may send
	messageBurst = 200
)

// Close codes of ours (RFC 6455 §7.4.2: 4000–4999 are for applications).
const (
	closeResume  = 4001 // too slow, or too far behind: connect again with after=
	closeExpired = 4002 // the session has ended: log in
	closeFlood   = 4003 // too many messages
)

// Envelope is every message of the sockets, in both directions.
type Envelope struct {
	Seq  int64           `json:"seq,omitempty"`
	Type string          `json:"type"`
	TS   *time.Time      `json:"ts,omitempty"`
	Data json.RawMessage `json:"data,omitempty"`
}

// errMessage means that a client's message is not one.
var errMessage = errors.New("httpapi: message is not {type, data} with a known shape")

// parseMessage reads a client's message.
func parseMessage(b []byte) (Envelope, error) {
	var e Envelope
	if len(b) > maxMessage {
		return e, errMessage
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return Envelope{}, errMessage
	}
	if e.Type == "" || len(e.Type) > 64 || strings.Trim(e.Type, "abcdefghijklmnopqrstuvwxyz_.") != "" {
		return Envelope{}, errMessage
	}
	if d := strings.TrimSpace(string(e.Data)); d != "" && d != "null" && !strings.HasPrefix(d, "{") {
		return Envelope{}, errMessage
	}
	if string(e.Data) == "null" {
		e.Data = nil
	}
	return e, nil
}

var upgrader = websocket.Upgrader{
	ReadBufferSize: 4096, WriteBufferSize: 4096, HandshakeTimeout: 10 * time.Second,
	CheckOrigin: sameOrigin,
	Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
		p := problem(typeOfStatus(status), reason.Error())
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(p) // the client may have gone
	},
}

// sameOrigin refuses pages of other sites; programs send no Origin.
func sameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}

// socket is one WebSocket. One goroutine reads it and one writes it.
type socket struct {
	conn *websocket.Conn
	out  chan Envelope // messages without a seq
	now  func() time.Time

	once  sync.Once
	ended chan struct{}
	code  int
	why   string
}

func newSocket(conn *websocket.Conn, now func() time.Time) *socket {
	conn.SetReadLimit(maxMessage)
	return &socket{conn: conn, out: make(chan Envelope, queueLength), ended: make(chan struct{}), now: now}
}

// end closes the socket with a code; the first one counts.
func (s *socket) end(code int, why string) {
	s.once.Do(func() {
		s.code, s.why = code, why
		close(s.ended)
	})
}

// send queues a message; false means that the socket is gone or was too slow.
func (s *socket) send(kind string, data any) bool {
	body, err := json.Marshal(data)
	if err != nil {
		return false
	}
	if data == nil {
		body = nil
	}
	ts := s.now().UTC()
	select {
	case <-s.ended:
		return false
	default:
	}
	select {
	case s.out <- Envelope{Type: kind, TS: &ts, Data: body}:
		return true
	default:
		s.end(closeResume, "too slow")
		return false
	}
}

// fail tells the client that one of its messages was refused.
func (s *socket) fail(about string, err error) {
	p := toProblem(err)
	s.send("error", map[string]any{"about": about, "type": p.Type, "title": p.Title, "detail": p.Detail})
}

// write sends one message now; only the writing goroutine calls it.
func (s *socket) write(e Envelope) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil {
		return err
	}
	return s.conn.WriteJSON(e)
}

// read calls handle for each message until the socket ends. Pings and pongs
// keep it alive; a client that sends too much is put out.
func (s *socket) read(handle func(Envelope)) {
	defer s.end(websocket.CloseNormalClosure, "")
	alive := func() error { return s.conn.SetReadDeadline(time.Now().Add(pongWithin)) }
	if alive() != nil {
		return
	}
	s.conn.SetPongHandler(func(string) error { return alive() })
	limit := newBucket(messageRate, messageBurst, time.Now())
	for {
		kind, b, err := s.conn.ReadMessage()
		if err != nil {
			return
		}
		if !limit.take(time.Now()) {
			s.end(closeFlood, "too many messages")
			return
		}
		if alive() != nil {
			return
		}
		e, err := parseMessage(b)
		if kind != websocket.TextMessage || err != nil {
			s.fail("", problem(ProblemMalformed, errMessage.Error()))
			continue
		}
		if e.Type == "ping" {
			s.send("pong", nil)
			continue
		}
		handle(e)
	}
}

// closeNow says goodbye and closes the connection.
func (s *socket) closeNow() {
	code := s.code
	if code == 0 {
		code = websocket.CloseNormalClosure
	}
	_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, s.why), time.Now().Add(time.Second)) // it may be gone
	s.drain()
	_ = s.conn.Close()
}

// drain lets the client read the goodbye: a connection that is closed with
// unread bytes is reset, and the reset overtakes what was written before.
func (s *socket) drain() {
	conn := s.conn.NetConn()
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil || conn.SetReadDeadline(time.Now().Add(drainWithin)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, conn, drainAtMost) // whatever it says, it is over
}

// pump writes what is queued until the socket ends. more is called after each
// wake-up and on each tick; it may write as well.
func (s *socket) pump(ctx context.Context, wake <-chan struct{}, more func(tick bool) error) {
	defer s.closeNow()
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	tick := time.NewTicker(headEvery)
	defer tick.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			s.end(websocket.CloseGoingAway, "server stops")
			return
		case <-s.ended:
			return
		case e := <-s.out:
			err = s.write(e)
		case <-wake:
			err = more(false)
		case <-tick.C:
			err = more(true)
		case <-ping.C:
			err = s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWithin))
		}
		if err != nil {
			s.end(websocket.CloseAbnormalClosure, "")
			return
		}
	}
}

// bucket is a token bucket; it is not safe for concurrent use.
type bucket struct {
	rate, burst, level float64
	last               time.Time
}

func newBucket(rate, burst float64, now time.Time) *bucket {
	return &bucket{rate: rate, burst: burst, level: burst, last: now}
}

func (b *bucket) take(now time.Time) bool {
	b.level = min(b.burst, b.level+b.rate*max(now.Sub(b.last).Seconds(), 0))
	b.last = now
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}
