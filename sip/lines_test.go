package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// zone is a name service for tests.
type zone struct {
	mu    sync.Mutex
	hosts map[string][]string
	srv   map[string][]*net.SRV
}

func (z *zone) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	var out []netip.Addr
	for _, a := range z.hosts[strings.TrimSuffix(host, ".")] {
		out = append(out, netip.MustParseAddr(a))
	}
	if out == nil {
		return nil, &net.DNSError{Name: host, IsNotFound: true, Err: "no such host"}
	}
	return out, nil
}

func (z *zone) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	if r := z.srv["_"+service+"._"+proto+"."+name]; r != nil {
		return name, r, nil
	}
	return "", nil, &net.DNSError{Name: name, IsNotFound: true, Err: "no such host"}
}

func TestLinesByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{
			hosts: map[string][]string{"a.carrier.example": {"10.1.0.1"}, "b.carrier.example": {"2001:db8::1", "10.1.0.2"}},
			srv: map[string][]*net.SRV{"_sip._udp.carrier.example": {
				{Target: "a.carrier.example.", Port: 5070}, {Target: "b.carrier.example.", Port: 5080},
			}},
		}
		in := newCalls()
		n, e := newBench(t, Config{resolver: z}, in, func(e *Endpoint) {
			if err := e.SetLines([]Line{
				{ID: "named", Hosts: []string{"b.carrier.example"}, Server: "carrier.example"},
				{ID: "lost", Server: "nowhere.example"},
			}); err != nil {
				t.Fatal(err)
			}
		})
		a, b := n.peer(t, "10.1.0.1:5070"), n.peer(t, "10.1.0.2:5080")
		synctest.Wait()

		d, err := e.Dial(t.Context(), DialRequest{LineID: "named", From: "8001", To: "+49 30 1", Offer: []byte("o")})
		if err != nil {
			t.Fatal(err)
		}
		invite := a.expect(sipgo.INVITE)
		if invite.Recipient.String() != "sip:+49%2030%201@carrier.example" || invite.From().Address.String() != "sip:8001@carrier.example" {
			t.Errorf("%s", invite)
		}
		a.reply(invite, 503, "x", "")
		a.expect(sipgo.ACK)
		invite = b.expect(sipgo.INVITE) // the next address takes over
		b.reply(invite, 200, "far", "Contact: <sip:x@10.1.0.2:5080>\n"+sdpLines+"a")
		b.expect(sipgo.ACK)
		wait(t, "answered", d.Answered())

		b.to = netip.MustParseAddrPort(endpointAddr)
		back, _ := b.call(in, "from-b", "")
		if back.LineID() != "named" {
			t.Errorf("line %q", back.LineID())
		}
		if _, err := e.Dial(t.Context(), DialRequest{LineID: "lost", To: "1"}); err != nil {
			t.Fatal(err)
		}
		lost, err := e.Dial(t.Context(), DialRequest{LineID: "lost", To: "1"})
		if err != nil {
			t.Fatal(err)
		}
		if wait(t, "done", lost.Done()); lost.End().Cause != CauseTransport {
			t.Errorf("end %+v", lost.End())
		}
	})
}

func TestLineRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := Line{ID: "reg", Mode: ModeRegister, Server: "10.2.0.1", Username: "user", Password: "pw", Domain: "carrier.example"}
		in := newCalls()
		n, e := newBench(t, Config{}, in)
		p := n.peer(t, "10.2.0.1:5060")
		if err := e.SetLines([]Line{line}); err != nil {
			t.Fatal(err)
		}
		step(t, "silence, then growing delays", func(t *testing.T) { registersAgain(t, e, p) })
		var contact string
		step(t, "challenge, interval too brief, success", func(t *testing.T) { contact = registers(t, e, p) })
		step(t, "refreshed at three quarters; a stale nonce is replaced", func(t *testing.T) {
			from := time.Now()
			req := p.expect(sipgo.REGISTER)
			if w := time.Since(from); w < 299*time.Second || w > 301*time.Second {
				t.Errorf("refreshed after %s", w)
			}
			p.reply(req, 401, "x", "WWW-Authenticate: Digest realm=\"carrier\",nonce=\"n2\",stale=true,algorithm=MD5,qop=\"auth\"\n")
			req = p.expect(sipgo.REGISTER)
			p.reply(req, 200, "x", "Contact: <"+contact+">;expires=400\n")
		})
		step(t, "a call in comes to our Contact; the number is in To", func(t *testing.T) {
			text := strings.Replace(p.request("INVITE", "did", "", 1, sdpLines+"o"), "INVITE sip:9000@", "INVITE sip:user@", 1)
			p.send(text)
			d := next(t, in)
			if d.LineID() != "reg" || d.Dialled() != "9000" {
				t.Errorf("line %q dialled %q", d.LineID(), d.Dialled())
			}
			go d.Reject(486, "")
			p.send(ackOf(text, p.response(486)))
		})
		step(t, "a call out is challenged by 407, and given up when that does not help", func(t *testing.T) { dialsInVain(t, e, p) })
		step(t, "a new password: the old registration is taken back first", func(t *testing.T) {
			line.Password = "other"
			if err := e.SetLines([]Line{line}); err != nil {
				t.Fatal(err)
			}
			req := p.expect(sipgo.REGISTER)
			if headerValue(req, "Expires") != "0" {
				t.Fatalf("%s", req)
			}
			p.quiet(400 * time.Millisecond)
			p.reply(req, 200, "x", "")
			req = p.expect(sipgo.REGISTER)
			if headerValue(req, "Expires") != "300" {
				t.Fatalf("%s", req)
			}
			p.reply(req, 403, "x", "")
			synctest.Wait()
			if s, _ := e.LineState("reg"); s.Registered || s.Status != 403 {
				t.Errorf("state %+v", s)
			}
		})
		if err := e.SetLines(nil); err != nil {
			t.Fatal(err)
		}
		p.quiet(10 * time.Minute)
		if _, ok := e.LineState("reg"); ok {
			t.Error("the line is still there")
		}
	})
}

// registersAgain leaves a line's registrations unanswered and checks the delays.
func registersAgain(t *testing.T, e *Endpoint, p *peer) {
	first := p.expect(sipgo.REGISTER)
	if first.Recipient.String() != "sip:10.2.0.1" || first.To().Address.String() != "sip:user@carrier.example" || headerValue(first, "Expires") != "300" {
		t.Errorf("%s", first)
	}
	attempts, last := 0, first.CSeq().SeqNo
	var gaps []time.Duration
	at := time.Now()
	for attempts < 3 {
		m, when := p.read()
		if seq := m.CSeq().SeqNo; seq != last {
			gaps = append(gaps, when.Sub(at)-32*time.Second)
			at, last = when, seq
			attempts++
		}
	}
	for i, base := range []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second} {
		if gaps[i] < base*8/10 || gaps[i] > base*12/10 {
			t.Errorf("delay %d is %s, want %s ± 20 %%", i, gaps[i], base)
		}
	}
	if s, ok := e.LineState("reg"); !ok || s.Registered || s.Error == "" {
		t.Errorf("state %+v", s)
	}
}

// registers refuses a line's registration twice, then takes it, and returns its Contact.
func registers(t *testing.T, e *Endpoint, p *peer) string {
	var req *sipgo.Request
	for { // the pending attempt is repeated: answer its last copy
		m, _ := p.poll(100 * time.Millisecond)
		if m == nil {
			break
		}
		req = m.(*sipgo.Request)
	}
	if req == nil {
		req = p.expect(sipgo.REGISTER)
	}
	p.reply(req, 401, "x", "WWW-Authenticate: Digest realm=\"carrier\",nonce=\"n1\",algorithm=MD5,qop=\"auth,auth-int\"\n")
	req = p.expect(sipgo.REGISTER)
	if a := headerValue(req, "Authorization"); !strings.Contains(a, `username="user"`) || !strings.Contains(a, "nc=00000001") {
		t.Errorf("Authorization %q", a)
	}
	p.reply(req, 423, "x", "Min-Expires: 600\n")
	req = p.expect(sipgo.REGISTER)
	if headerValue(req, "Expires") != "600" || !strings.Contains(headerValue(req, "Authorization"), "nc=00000002") {
		t.Errorf("%s", req)
	}
	contact := req.Contact().Address.String()
	p.reply(req, 200, "x", "Contact: <"+contact+">;expires=400\n")
	synctest.Wait()
	if s, _ := e.LineState("reg"); !s.Registered || s.Status != 200 || s.Error != "" {
		t.Errorf("state %+v", s)
	}
	return contact
}

// dialsInVain challenges a call out of a line twice.
func dialsInVain(t *testing.T, e *Endpoint, p *peer) {
	d, err := e.Dial(t.Context(), DialRequest{LineID: "reg", From: "user", To: "1", Offer: []byte("o")})
	if err != nil {
		t.Fatal(err)
	}
	const challenge = "Proxy-Authenticate: Digest realm=\"carrier\",nonce=\"p1\",algorithm=SHA-256,qop=\"auth\"\n"
	invite := p.expect(sipgo.INVITE)
	p.reply(invite, 407, "x", challenge)
	p.expect(sipgo.ACK)
	again := p.expect(sipgo.INVITE)
	if h := headerValue(again, "Proxy-Authorization"); !strings.Contains(h, "algorithm=SHA-256") || again.CSeq().SeqNo != invite.CSeq().SeqNo+1 {
		t.Errorf("%s", again)
	}
	p.reply(again, 407, "x", challenge)
	p.expect(sipgo.ACK)
	if wait(t, "done", d.Done()); d.End().Status != 407 {
		t.Errorf("end %+v", d.End())
	}
}

func TestWrongLines(t *testing.T) {
	e, err := New(Config{}, newCalls(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]Line{
		"no id":                {Hosts: []string{"10.0.0.1"}},
		"mode":                 {ID: "x", Mode: "other"},
		"transport":            {ID: "x", Transport: "sctp"},
		"network":              {ID: "x", Hosts: []string{"10.0.0.1/99"}},
		"server":               {ID: "x", Server: "host:port"},
		"registration, server": {ID: "x", Mode: ModeRegister, Username: "u"},
		"registration, user":   {ID: "x", Mode: ModeRegister, Server: "h"},
	} {
		if err := e.SetLines([]Line{l}); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := e.SetLines([]Line{{ID: "x", Server: "h"}, {ID: "x", Server: "h"}}); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
	for name, d := range map[string][]Device{
		"no password": {{ID: "a", Username: "a"}},
		"twice":       {{ID: "a", Username: "a", Password: "p"}, {ID: "b", Username: "a", Password: "p"}},
		"digest":      {{ID: "a", Username: "a", Password: "p", Digest: "SHA-1"}},
	} {
		if err := e.SetDevices(d); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]Config{
		"register bounds": {RegisterMin: time.Hour, RegisterMax: time.Minute},
		"session":         {SessionExpires: time.Minute},
		"limit":           {MaxCalls: -1},
	} {
		if _, err := New(c, newCalls(), nil); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Config{}, nil, nil); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
	if _, err := e.Dial(t.Context(), DialRequest{URI: "sip:a@10.0.0.1"}); !errors.Is(err, ErrClosed) {
		t.Errorf("Dial before Run: %v", err)
	}
}

// TestTwoLinesOnOneServer: registered lines of one provider are told apart by
// the user name that is called.
func TestTwoLinesOnOneServer(t *testing.T) {
	e, err := New(Config{}, newCalls(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.SetLines([]Line{
		{ID: "a", Mode: ModeRegister, Server: "10.2.0.1", Username: "alpha"},
		{ID: "b", Mode: ModeRegister, Server: "10.2.0.1:5070", Username: "beta"},
		{ID: "net", Hosts: []string{"10.0.0.0/8"}},
		{ID: "near", Hosts: []string{"10.3.0.0/16", "2001:db8::/32"}},
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ addr, user, want string }{
		{"10.2.0.1", "beta", "b"}, {"10.2.0.1", "alpha", "a"}, {"10.2.0.1", "1234", "a"},
		{"10.2.0.2", "beta", "net"}, {"10.3.1.1", "", "near"}, {"2001:db8::5", "", "near"}, {"192.0.2.1", "beta", ""},
	} {
		if l := e.sources.line(netip.MustParseAddr(c.addr), c.user); lineID(l) != c.want {
			t.Errorf("%s %s: line %q, want %q", c.addr, c.user, lineID(l), c.want)
		}
	}
}

// TestUpdateBeforeTheAnswer offers anew in an early dialog, from both sides.
func TestUpdateBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, e := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		step(t, "client", func(t *testing.T) {
			d, err := e.Dial(t.Context(), DialRequest{LineID: "carrier", To: "1", Offer: []byte("o")})
			if err != nil {
				t.Fatal(err)
			}
			invite := p.expect(sipgo.INVITE)
			if _, err := reoffer(within(t, time.Minute), d, []byte("x")); !errors.Is(err, ErrState) {
				t.Errorf("Reoffer before any response: %v", err)
			}
			p.reply(invite, 183, "far", "Require: 100rel\nRSeq: 1\nAllow: INVITE, UPDATE\n"+sdpLines+"early")
			p.reply(p.expect(sipgo.PRACK), 200, "", "")
			progress(d)
			answer := make(chan string, 1)
			go func() {
				a, err := reoffer(within(t, time.Minute), d, []byte("other"))
				if err != nil {
					t.Error(err)
				}
				answer <- string(a)
			}()
			update := p.expect(sipgo.UPDATE)
			if tagOf(update.To()) != "far" || string(update.Body()) != "other" {
				t.Errorf("%s", update)
			}
			p.reply(update, 200, "", sdpLines+"fine")
			if a := <-answer; a != "fine" {
				t.Errorf("answer %q", a)
			}
			p.reply(invite, 200, "far", "Allow: INVITE, UPDATE\n"+sdpLines+"early")
			p.expect(sipgo.ACK)
			wait(t, "answered", d.Answered())
		})
		step(t, "server", func(t *testing.T) {
			p.send(p.request("INVITE", "early", "", 1, "Supported: 100rel\nAllow: INVITE, UPDATE\n"+sdpLines+"o"))
			d := next(t, in)
			progressed := make(chan error, 1)
			go func() { progressed <- d.Progress(within(t, time.Minute), []byte("early")) }()
			res := p.response(183)
			p.send(p.request("PRACK", "early", toTag(res), 2, "RAck: "+headerValue(res, "RSeq")+" 1 INVITE\n"))
			p.response(200)
			if err := <-progressed; err != nil {
				t.Fatal(err)
			}
			answer := make(chan string, 1)
			go func() {
				a, err := reoffer(within(t, time.Minute), d, []byte("music"))
				if err != nil {
					t.Error(err)
				}
				answer <- string(a)
			}()
			update := p.expect(sipgo.UPDATE)
			if string(update.Body()) != "music" {
				t.Errorf("%s", update)
			}
			p.reply(update, 200, "", sdpLines+"fine")
			if a := <-answer; a != "fine" {
				t.Errorf("answer %q", a)
			}
			go d.Reject(480, "")
			p.response(480)
		})
	})
}
