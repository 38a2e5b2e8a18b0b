package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/id"
)

// Limits of the phone.
const (
	phoneSockets   = 200 // open at once, over all addresses
	phonePerSource = 10  // open at once from one address; loopback is exempt
	dialRate       = 0.2 // calls per second and address
	dialBurst      = 10
	maxSources     = 10000
)

// phones serves the test phone and click-to-call.
type phones struct {
	s *Server

	mu      sync.Mutex
	open    map[*socket]netip.Addr
	buckets map[netip.Addr]*bucket
	closed  bool
}

func newPhones(s *Server) *phones {
	return &phones{s: s, open: map[*socket]netip.Addr{}, buckets: map[netip.Addr]*bucket{}}
}

// permission is what a visitor may call.
type permission struct {
	demo    bool
	numbers []string
}

func (p permission) allows(n setup.Number) bool {
	if p.demo {
		return n.TestPhone
	}
	return slices.Contains(p.numbers, n.Number)
}

// errPhoneClosed means that the phone is not open to this visitor.
var errPhoneClosed = errors.New("httpapi: the phone is not open")

// permit decides by demo or signed token.
func (p *phones) permit(token string) (permission, error) {
	if token != "" {
		t, err := ParsePhoneToken(p.s.cfg.PhoneKey, token, p.s.now())
		if err != nil {
			return permission{}, errors.Join(errPhoneClosed, err)
		}
		return permission{numbers: t.Numbers}, nil
	}
	if p.s.cfg.Demo {
		return permission{demo: true}, nil
	}
	return permission{}, errPhoneClosed
}

// enter takes a socket in, unless there are too many.
func (p *phones) enter(k *socket, from netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, a := range p.open {
		if a == from {
			n++
		}
	}
	if p.closed || len(p.open) >= phoneSockets || n >= phonePerSource && !from.IsLoopback() {
		return false
	}
	p.open[k] = from
	p.s.metrics.sockets.WithLabelValues("phone").Inc()
	return true
}

func (p *phones) leave(k *socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, k)
	p.s.metrics.sockets.WithLabelValues("phone").Dec()
}

// mayDial applies the rate per address.
func (p *phones) mayDial(from netip.Addr, now time.Time) bool {
	if from.IsLoopback() {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.buckets[from]
	if b == nil {
		if len(p.buckets) >= maxSources {
			clear(p.buckets)
		}
		b = newBucket(dialRate, dialBurst, now)
		p.buckets[from] = b
	}
	return b.take(now)
}

func (p *phones) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for k := range p.open {
		k.end(websocket.CloseGoingAway, "server stops")
	}
}

// phoneSocket is the WebSocket of the phone: GET /api/v1/phone/socket?token=….
func (s *Server) phoneSocket(w http.ResponseWriter, r *http.Request) {
	may, err := s.phones.permit(r.URL.Query().Get("token"))
	if err != nil || s.cfg.Phone == nil {
		s.writeProblem(w, r, problem(ProblemForbidden, "the phone is open in the demo, or with a valid token"))
		return
	}
	conn, err := upgrader.Upgrade(hijackable(w), r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	k := newSocket(conn, s.now)
	from := sourceOf(r.Context()).Address
	if !s.phones.enter(k, from) {
		k.end(websocket.CloseTryAgainLater, "too many phones")
		k.closeNow()
		return
	}
	defer s.phones.leave(k)
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.pump(ctx, nil, func(bool) error { return nil })
	}()
	c := &phoneCall{s: s, socket: k, may: may, from: from}
	k.read(func(e Envelope) { c.handle(ctx, e) })
	c.hangup()
	<-done
}

// phoneCall is one phone; only its socket's reader uses it.
type phoneCall struct {
	*socket
	s    *Server
	may  permission
	from netip.Addr
	id   string // of the present call; empty when there is none
}

type dialMessage struct {
	Number   string `json:"number"`
	Language string `json:"language"`
	SDP      string `json:"sdp"`
}

func (c *phoneCall) handle(ctx context.Context, e Envelope) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var err error
	switch e.Type {
	case "dial":
		err = c.dial(ctx, e.Data)
	case "hangup":
		c.hangup()
	case "digit", "rtc.candidate":
		if c.id == "" {
			err = account.ErrState
		} else {
			err = c.s.cfg.Phone.Signal(ctx, c.id, e.Type, e.Data)
		}
	default:
		err = problem(ProblemMalformed, "unknown type of message")
	}
	if err != nil {
		c.fail(e.Type, err)
	}
}

func (c *phoneCall) dial(ctx context.Context, data json.RawMessage) error {
	var m dialMessage
	if err := json.Unmarshal(data, &m); err != nil || m.Number == "" || len(m.Number) > 32 || len(m.Language) > 20 || !strings.HasPrefix(m.SDP, "v=") {
		return problem(ProblemMalformed, "dial needs number and sdp")
	}
	if !c.s.phones.mayDial(c.from, time.Now()) {
		return problem(ProblemThrottled, "too many calls from this address")
	}
	r, err := c.s.cfg.Accounts.RecordByKey(ctx, account.KindNumber, m.Number)
	if err != nil {
		return err
	}
	n, err := setup.Decode[setup.Number](r)
	if err != nil {
		return err
	}
	if !n.Enabled || !c.may.allows(n) {
		return problem(ProblemForbidden, "this number may not be called from here")
	}
	c.hangup()
	callID := id.New("ph")
	if err := c.s.cfg.Phone.Dial(ctx, callID, n.Number, m.Language, m.SDP, c.send); err != nil {
		return err
	}
	c.id = callID
	return nil
}

func (c *phoneCall) hangup() {
	if c.id != "" {
		c.s.cfg.Phone.Hangup(c.id)
		c.id = ""
	}
}
