package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
)

// line is a telephone exchange that notes what it hears.
type line struct {
	mu   sync.Mutex
	send map[string]func(string, any) bool
	seen chan string
}

func newLine() *line {
	return &line{send: map[string]func(string, any) bool{}, seen: make(chan string, 100)}
}

func (l *line) Dial(_ context.Context, callID, number, language, sdp string, send func(string, any) bool) error {
	l.mu.Lock()
	l.send[callID] = send
	l.mu.Unlock()
	l.seen <- "dial " + number + " " + language
	send("rtc.answer", map[string]string{"sdp": sdp})
	send("ringing", nil)
	return nil
}

func (l *line) Signal(_ context.Context, _, kind string, data json.RawMessage) error {
	l.seen <- kind + " " + string(data)
	return nil
}

func (l *line) Hangup(string) { l.seen <- "hangup" }

func phoneWorld(t *testing.T, demo bool) (*world, *line) {
	t.Helper()
	l := newLine()
	w := newWorld(t, func(c *Config) { c.Phone, c.Demo, c.PhoneKey = l, demo, []byte("a key of enough bytes") })
	for _, n := range []setup.Number{
		{Number: "9000", Description: "menu", TestPhone: true, Enabled: true}, {Number: "9001", Enabled: true}, {Number: "9002", TestPhone: true},
	} {
		w.m.put(account.KindNumber, "nu_"+n.Number, n.Number, n)
	}
	return w, l
}

// A relay's credential goes to those who may call: agents and callers of an open
// phone, nobody else.
func TestICEServers(t *testing.T) {
	t.Parallel()
	ice := []ICEServer{{URLs: []string{"stun:s.example.org"}}, {URLs: []string{"turn:t.example.org"}, Username: "u", Credential: "relay-password"}}
	w := newWorld(t, func(c *Config) {
		c.Phone, c.Demo, c.PhoneKey, c.ICEServers = newLine(), false, []byte("a key of enough bytes"), ice
	})
	for role, want := range map[account.Role]int{account.RoleAgent: 2, account.RoleSupervisor: 2, account.RoleAdmin: 2, account.RoleAuditor: 0} {
		var me Me
		w.do(role, "GET", prefix+"/me", nil).want(200, &me)
		if len(me.ICEServers) != want || want > 0 && me.ICEServers[1].Credential != "relay-password" {
			t.Errorf("%s is told %+v", role, me.ICEServers)
		}
	}
	var body PhoneBody
	w.do("", "GET", prefix+"/phone", nil).want(200, &body)
	if body.Open || len(body.ICEServers) != 0 {
		t.Errorf("a closed phone tells %+v", body)
	}
	open := newWorld(t, func(c *Config) { c.Phone, c.Demo, c.ICEServers = newLine(), true, ice })
	open.do("", "GET", prefix+"/phone", nil).want(200, &body)
	if !body.Open || len(body.ICEServers) != 1 || body.ICEServers[0].Credential != "" { // no credential for everybody
		t.Errorf("the demo's phone tells %+v", body)
	}
}

func TestTestPhoneInTheDemo(t *testing.T) {
	t.Parallel()
	w, l := phoneWorld(t, true)
	var body PhoneBody
	w.do("", "GET", prefix+"/phone", nil).want(200, &body)
	if !body.Open || len(body.Numbers) != 1 || body.Numbers[0].Number != "9000" {
		t.Errorf("phone %+v", body)
	}
	c, _, err := w.dial("", prefix+"/phone/socket")
	if err != nil {
		t.Fatal(err)
	}
	refused := func(message, want string) {
		t.Helper()
		c.send(message)
		if e := c.until("error"); !strings.Contains(string(e.Data), want) {
			t.Errorf("%s: %s", message, e.Data)
		}
	}
	refused(`{"type":"digit","data":{"digit":"1"}}`, string(ProblemState))
	refused(`{"type":"dial","data":{"number":"9001","sdp":"v=0"}}`, string(ProblemForbidden))
	refused(`{"type":"dial","data":{"number":"9002","sdp":"v=0"}}`, string(ProblemForbidden))
	refused(`{"type":"dial","data":{"number":"8000","sdp":"v=0"}}`, string(ProblemNotFound))
	refused(`{"type":"dial","data":{"number":"9000"}}`, string(ProblemMalformed))
	c.send(`{"type":"dial","data":{"number":"9000","language":"ja","sdp":"v=0"}}`)
	c.want("rtc.answer")
	c.want("ringing")
	c.send(`{"type":"digit","data":{"digit":"1"}}`)
	c.send(`{"type":"hangup"}`)
	c.send(`{"type":"hangup"}`)
	c.send(`{"type":"dial","data":{"number":"9000","sdp":"v=0"}}`)
	c.want("rtc.answer")
	c.conn.Close() // a tab that closes hangs up
	for _, want := range []string{"dial 9000 ja", `digit {"digit":"1"}`, "hangup", "dial 9000 ", "hangup"} {
		select {
		case got := <-l.seen:
			if got != want {
				t.Errorf("heard %q, want %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("did not hear %q", want)
		}
	}
}

func TestClickToCallNeedsAToken(t *testing.T) {
	t.Parallel()
	w, l := phoneWorld(t, false)
	var body PhoneBody
	w.do("", "GET", prefix+"/phone", nil).want(200, &body)
	if body.Open || len(body.Numbers) != 0 {
		t.Errorf("phone %+v", body)
	}
	if _, res, err := w.dial("", prefix+"/phone/socket"); err == nil || res.StatusCode != 403 {
		t.Errorf("open without token: %v", res)
	}
	token, err := SignPhoneToken([]byte("a key of enough bytes"), PhoneToken{Numbers: []string{"9001"}, Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	w.do("", "GET", prefix+"/phone?token="+token, nil).want(200, &body)
	if !body.Open || len(body.Numbers) != 1 || body.Numbers[0].Number != "9001" {
		t.Errorf("phone %+v", body)
	}
	c, _, err := w.dial("", prefix+"/phone/socket?token="+token)
	if err != nil {
		t.Fatal(err)
	}
	c.send(`{"type":"dial","data":{"number":"9000","sdp":"v=0"}}`)
	c.until("error")
	c.send(`{"type":"dial","data":{"number":"9001","sdp":"v=0"}}`)
	c.until("ringing")
	if got := <-l.seen; got != "dial 9001 " {
		t.Errorf("heard %q", got)
	}
}

func TestPhoneTokens(t *testing.T) {
	key, now := []byte("0123456789abcdef"), time.Now()
	good, err := SignPhoneToken(key, PhoneToken{Numbers: []string{"1"}, Expires: now.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParsePhoneToken(key, good, now); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		key   []byte
		token string
		now   time.Time
	}{
		"expired":   {key, good, now.Add(time.Minute)},
		"other key": {[]byte("fedcba9876543210"), good, now},
		"no key":    {nil, good, now},
		"changed":   {key, strings.Replace(good, ".", "A.", 1), now},
		"nothing":   {key, "", now},
		"no mac":    {key, strings.Split(good, ".")[0], now},
	} {
		if _, err := ParsePhoneToken(c.key, c.token, c.now); !errors.Is(err, ErrPhoneToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := SignPhoneToken(nil, PhoneToken{}); err == nil {
		t.Error("signed without a key")
	}
}

func TestDialRate(t *testing.T) {
	p := newPhones(nil)
	from, now := mustPrefixes("192.0.2.1/32")[0].Addr(), time.Now()
	n := 0
	for p.mayDial(from, now) {
		n++
	}
	if n != dialBurst {
		t.Errorf("%d calls at once", n)
	}
	if p.mayDial(from, now.Add(4*time.Second)) || !p.mayDial(from, now.Add(6*time.Second)) {
		t.Error("a call every five seconds")
	}
}
