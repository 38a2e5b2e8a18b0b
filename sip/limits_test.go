package sip

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

func TestPitfall17LargeRequestsGoByTCP(t *testing.T) {
	in := newCalls()
	b := start(t, Config{UDP: "127.0.0.1:0"}, in, onLoopback)
	// The same port for TCP, as large requests go to the same address.
	port := b.Addrs().UDP.String()
	offer := []byte("v=0\r\n" + strings.Repeat("a=x-padding:0123456789\r\n", 80))
	a := start(t, Config{}, nil, onLoopback)
	ctx := within(t, 20*time.Second)

	t.Run("by UDP where nobody listens on TCP", func(t *testing.T) {
		out, err := a.Dial(ctx, DialRequest{URI: "sip:1@" + port, Offer: offer})
		if err != nil {
			t.Fatal(err)
		}
		d := next(t, in)
		if d.Transport() != "udp" || string(d.Offer()) != string(offer) {
			t.Errorf("%s, %d bytes", d.Transport(), len(d.Offer()))
		}
		if err := d.Answer(ctx, offer); err != nil { // a large response goes back the same way
			t.Fatal(err)
		}
		wait(t, "answered", out.Answered())
		if string(out.RemoteAnswer()) != string(offer) {
			t.Errorf("answer of %d bytes", len(out.RemoteAnswer()))
		}
		if err := out.Hangup(ctx, CauseNormal); err != nil {
			t.Error(err)
		}
	})
	t.Run("by TCP", func(t *testing.T) {
		in := newCalls()
		var both *Endpoint
		for range 20 { // a port that is free for both
			probe := start(t, Config{TCP: "127.0.0.1:0"}, in, onLoopback)
			e, err := New(Config{UDP: probe.Addrs().TCP.String()}, in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if e.net.listen() != nil {
				continue
			}
			e.net.close()
			both = probe
			break
		}
		if both == nil {
			t.Skip("no port free for UDP and TCP")
		}
		out, err := a.Dial(ctx, DialRequest{URI: "sip:1@" + both.Addrs().TCP.String(), Offer: offer})
		if err != nil {
			t.Fatal(err)
		}
		d := next(t, in)
		if d.Transport() != "tcp" || string(d.Offer()) != string(offer) {
			t.Errorf("%s, %d bytes", d.Transport(), len(d.Offer()))
		}
		if err := d.Answer(ctx, []byte("a")); err != nil {
			t.Fatal(err)
		}
		wait(t, "answered", out.Answered())
		if err := d.Hangup(ctx, CauseNormal); err != nil {
			t.Error(err)
		}
	})
}

func TestPitfall18SpoofedSourcesDoNotGrowMemory(t *testing.T) {
	n, e := newBench(t, Config{}, newCalls())
	invite := raw((&peer{conn: &fakeConn{addr: netip.MustParseAddrPort("10.9.9.9:5060")}, to: netip.MustParseAddrPort(endpointAddr)}).request("INVITE", "spoof", "", 1, ""))
	register := []byte(strings.ReplaceAll(string(invite), "INVITE", "REGISTER"))
	flood := func(count int) {
		for i := range count {
			var a [4]byte
			binary.BigEndian.PutUint32(a[:], uint32(0x0b000000+i*7919))
			data := invite
			if i%2 == 0 {
				data = register
			}
			n.inject(data, netip.AddrPortFrom(netip.AddrFrom4(a), uint16(1024+i%60000)), netip.MustParseAddrPort(endpointAddr))
		}
		for len(n.conns[netip.MustParseAddrPort(endpointAddr)].in) > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	flood(20_000)
	before := heap()
	flood(200_000)
	if after := heap(); after > before+512<<10 {
		t.Errorf("heap grew from %d to %d bytes under 200,000 spoofed packets", before, after)
	}
	if s, c := e.txs.counts(); s+c != 0 {
		t.Errorf("%d transactions", s+c)
	}
	if e.Dropped() < 200_000 {
		t.Errorf("only %d packets dropped", e.Dropped())
	}
}

// registration is a REGISTER of a phone with credentials.
type registration struct {
	p        *peer
	user     string
	password string
	callID   string
	seq      int
	nonce    *digest.Challenge
	nc       int
}

func (r *registration) text(extra string) string {
	r.seq++
	s := r.p.request("REGISTER", r.callID, "", r.seq, extra)
	s = strings.Replace(s, "REGISTER sip:9000@10.0.0.1:5060", "REGISTER sip:hotline.local", 1)
	return strings.Replace(s, "To: <sip:9000@10.0.0.1>", "To: <sip:"+r.user+"@hotline.local>", 1)
}

func (r *registration) credentials(t testing.TB) string {
	r.nc++
	c, err := digest.Digest(r.nonce, digest.Options{
		Method: "REGISTER", URI: "sip:hotline.local", Username: r.user, Password: r.password, Count: r.nc, Cnonce: "abc",
	})
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: " + c.String() + "\n"
}

// challenge gets a nonce; algorithm picks the challenge.
func (r *registration) challenge(t testing.TB, algorithm string) {
	t.Helper()
	r.p.send(r.text(""))
	res := r.p.response(401)
	for _, h := range res.GetHeaders("WWW-Authenticate") {
		c, err := digest.ParseChallenge(h.Value())
		if err != nil {
			t.Fatal(err)
		}
		if c.Algorithm == algorithm {
			r.nonce, r.nc = c, 0
			return
		}
	}
	t.Fatalf("no challenge for %s in %s", algorithm, res)
}

func (r *registration) register(t testing.TB, extra string) *sipgo.Response {
	t.Helper()
	r.p.send(r.text(r.credentials(t) + extra))
	return r.p.response(200)
}

func withPhone(e *Endpoint) {
	if err := e.SetDevices([]Device{{ID: "dv_1", Username: "bob", Password: "secret"}}); err != nil {
		panic(err)
	}
}

func TestPitfall22RegistrationFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := newBench(t, Config{StrangerRate: 5}, newCalls(), withPhone)
		p := n.peer(t, "192.0.2.7:5060") // known to nobody
		r := &registration{p: p, user: "bob", callID: "flood"}
		answers := func() (n int) {
			for m, _ := p.poll(time.Millisecond); m != nil; m, _ = p.poll(time.Millisecond) {
				n++
			}
			return n
		}
		for range 200 {
			p.send(r.text(""))
		}
		if n := answers(); n != 10 { // the burst
			t.Errorf("%d of 200 answered, want 10", n)
		}
		time.Sleep(time.Second)
		for range 200 {
			p.send(r.text(""))
		}
		if n := answers(); n < 5 || n > 6 {
			t.Errorf("%d answered a second later, want 5", n)
		}
		for _, method := range []string{"INVITE", "OPTIONS", "MESSAGE", "BYE"} {
			p.send(p.request(method, "x", "", 1, ""))
		}
		p.quiet(time.Second)
	})
}

func TestPitfall22DigestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, e := newBench(t, Config{}, newCalls(), withPhone)
		p := n.peer(t, "10.0.0.9:5060") // an address without stranger limits
		for _, algorithm := range []string{"MD5", "SHA-256"} {
			r := &registration{p: p, user: "bob", password: "secret", callID: "reg-" + algorithm}
			r.challenge(t, algorithm)
			cred := r.credentials(t)
			first := r.text(cred)
			p.send(first)
			p.response(200)
			p.send(first) // a retransmission gets the same answer
			p.response(200)
			p.send(r.text(cred)) // the same count in another request does not
			if res := p.response(401); !strings.Contains(headerValue(res, "WWW-Authenticate"), "stale=true") {
				t.Errorf("%s", res)
			}
			r.register(t, "") // the next count does
			r.nc = 0
			p.send(r.text(r.credentials(t)))
			p.response(401)
			r.nc = 10
			time.Sleep(6 * time.Minute)
			p.send(r.text(r.credentials(t))) // the nonce has expired
			if res := p.response(401); !strings.Contains(headerValue(res, "WWW-Authenticate"), "stale=true") {
				t.Errorf("%s", res)
			}
			if e.Registered("dv_1") {
				t.Error("the contact did not expire")
			}
		}
		r := &registration{p: p, user: "bob", password: "wrong", callID: "reg-wrong"}
		r.challenge(t, "MD5")
		p.send(r.text(r.credentials(t)))
		p.response(403)
		r.password, r.nonce.Nonce = "secret", r.nonce.Nonce[:len(r.nonce.Nonce)-2]+"AA"
		p.send(r.text(r.credentials(t)))
		p.response(401)
	})
}

// TestGuessingEnds: after some wrong passwords the right one is refused as well,
// by address and by user name; a registered phone stays registered.
func TestGuessingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := newBench(t, Config{}, newCalls(), func(e *Endpoint) {
			if err := e.SetDevices([]Device{
				{ID: "dv_1", Username: "bob", Password: "secret"}, {ID: "dv_2", Username: "eve", Password: "other"},
			}); err != nil {
				t.Fatal(err)
			}
		})
		at := func(addr, user, password string) *registration {
			r := &registration{p: n.peer(t, addr), user: user, password: password, callID: addr + user}
			r.challenge(t, "MD5")
			return r
		}
		answer := func(r *registration) int {
			r.p.send(r.text(r.credentials(t)))
			m, _ := r.p.read()
			return m.(*sipgo.Response).StatusCode
		}
		at("10.0.0.5:5060", "bob", "secret").register(t, "")
		guesser := at("10.0.0.9:5060", "bob", "wrong")
		for i := range 10 {
			if code := answer(guesser); code != 403 {
				t.Fatalf("guess %d: %d", i, code)
			}
		}
		guesser.password = "secret"
		if code := answer(guesser); code != 503 {
			t.Errorf("the right password after ten wrong ones: %d", code)
		}
		if code := answer(at("10.0.0.10:5060", "bob", "secret")); code != 503 {
			t.Errorf("… from elsewhere: %d", code)
		}
		at("10.0.0.5:5061", "bob", "secret").register(t, "") // where bob is
		at("10.0.0.9:5061", "eve", "other").register(t, "")  // somebody else, behind the guesser's NAT
		time.Sleep(time.Second)
		if code := answer(guesser); code != 200 {
			t.Errorf("a second later: %d", code)
		}
		for i := range 60 { // one password, many names
			answer(at("10.0.0.11:5060", fmt.Sprint("user", i), "password"))
		}
		if code := answer(at("10.0.0.11:5061", "eve", "other")); code != 503 {
			t.Errorf("the right password behind many names: %d", code)
		}
		for i := range 60 { // forged, from where bob is
			answer(at("10.0.0.5:5070", fmt.Sprint("user", i), "password"))
		}
		at("10.0.0.5:5062", "bob", "secret").register(t, "") // bob is not locked out
	})
}

func TestMailboxIsBounded(t *testing.T) {
	m := newMailbox()
	put := func(limit int) (n int) {
		for range 1000 {
			if m.putResponse(limit, func() {}) {
				n++
			}
		}
		return n
	}
	if n := put(maxProvisional); n != maxProvisional {
		t.Errorf("%d provisional responses wait", n)
	}
	if n := put(maxResponses); n != maxResponses-maxProvisional {
		t.Errorf("%d answers wait behind them", n)
	}
	if !m.put(0, func() {}) || !m.put(1, func() {}) {
		t.Error("no room for anything else")
	}
	for range maxResponses {
		if _, ok := m.take(); !ok {
			t.Fatal("letters are lost")
		}
	}
	if n := put(maxProvisional); n != maxProvisional {
		t.Errorf("%d provisional responses wait later", n)
	}
}

func TestRegistrarContacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []string
		n, e := newBench(t, Config{MaxContacts: 2}, newCalls(), withPhone, func(e *Endpoint) {
			e.OnRegistration(func(id string, on bool) { events = append(events, fmt.Sprint(id, on)) })
		})
		p := n.peer(t, "10.0.0.9:5066")
		r := &registration{p: p, user: "bob", password: "secret", callID: "reg"}
		r.challenge(t, "SHA-256")
		contact := func(i int, expires string) string {
			return fmt.Sprintf("Contact: <sip:bob@192.168.1.%d>%s\n", i, expires)
		}
		if res := r.register(t, contact(1, ";expires=120")); !strings.Contains(res.Contact().Value(), "expires=120") {
			t.Errorf("%s", res)
		}
		time.Sleep(time.Second)
		r.register(t, contact(2, "")+"Expires: 600\n")
		time.Sleep(time.Second)
		if got := len(r.register(t, contact(3, "")).GetHeaders("Contact")); got != 2 {
			t.Errorf("%d contacts, want 2", got)
		}
		p.send(r.text(r.credentials(t) + contact(4, ";expires=5")))
		if res := p.response(423); headerValue(res, "Min-Expires") != "60" {
			t.Errorf("%s", res)
		}
		p.send(r.text(r.credentials(t) + contact(1, "") + contact(2, "") + contact(3, "")))
		p.response(403)

		// The phone is called where it registered from, by its contact.
		d, err := e.Dial(t.Context(), DialRequest{DeviceID: "dv_1", Offer: []byte("o")})
		if err != nil {
			t.Fatal(err)
		}
		invite := p.expect(sipgo.INVITE)
		if invite.Recipient.Host != "192.168.1.3" {
			t.Errorf("Request-URI %s", invite.Recipient.String())
		}
		p.reply(invite, 200, "far", "Contact: <sip:bob@192.168.1.3>\n"+sdpLines+"a")
		p.expect(sipgo.ACK)
		go d.Hangup(within(t, time.Minute), CauseNormal)
		p.reply(p.expect(sipgo.BYE), 200, "", "")

		if got := len(r.register(t, contact(3, ";expires=0")).GetHeaders("Contact")); got != 1 {
			t.Errorf("%d contacts, want 1", got)
		}
		r.register(t, "Contact: *\nExpires: 0\n")
		if e.Registered("dv_1") {
			t.Error("still registered")
		}
		r.register(t, contact(5, ";expires=60")+"Path: <sip:10.0.0.8;lr>\nSupported: path\n")
		edge := n.peer(t, "10.0.0.8:5060")
		_ = edge
		out, err := e.Dial(t.Context(), DialRequest{DeviceID: "dv_1", Offer: []byte("o")})
		if err != nil {
			t.Fatal(err)
		}
		invite = p.expect(sipgo.INVITE)
		if route := invite.Route(); route == nil || route.Address.Host != "10.0.0.8" {
			t.Errorf("%s", invite)
		}
		p.reply(invite, 486, "x", "")
		wait(t, "done", out.Done())
		time.Sleep(62 * time.Second)
		if e.Registered("dv_1") {
			t.Error("the contact did not expire")
		}
		if got := fmt.Sprint(events); got != "[dv_1true dv_1false dv_1true dv_1false]" {
			t.Errorf("events %s", got)
		}
		if _, err := e.Dial(t.Context(), DialRequest{DeviceID: "dv_1"}); !errors.Is(err, ErrNotRegistered) {
			t.Errorf("Dial: %v", err)
		}
	})
}

func TestAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, e := newBench(t, Config{MaxCalls: 3, CallRate: 2, CallBurst: 4, RetryAfter: 7 * time.Second}, in, func(e *Endpoint) {
			if err := e.SetLines([]Line{
				{ID: "small", Hosts: []string{"10.0.0.2"}, MaxCalls: 1},
				{ID: "large", Hosts: []string{"10.0.0.0/8"}},
			}); err != nil {
				t.Fatal(err)
			}
		})
		small, large := n.peer(t, "10.0.0.2:5060"), n.peer(t, "10.0.0.3:5060")
		full := func(p *peer, id string) {
			t.Helper()
			res := p.refused(p.request("INVITE", id, "", 1, sdpLines+"o"), 503)
			if headerValue(res, "Retry-After") != "7" {
				t.Errorf("%s", res)
			}
		}
		d, _ := small.call(in, "a", "")
		full(small, "b") // the line is full
		if _, err := e.Dial(t.Context(), DialRequest{LineID: "small", To: "1"}); !errors.Is(err, ErrBusy) {
			t.Errorf("Dial: %v", err)
		}
		large.call(in, "c", "")
		large.call(in, "d", "")
		full(large, "e") // the endpoint is full
		go d.Hangup(within(t, time.Minute), CauseNormal)
		small.reply(small.expect(sipgo.BYE), 200, "", "")
		synctest.Wait()
		d, _ = small.call(in, "f", "")
		go d.Hangup(within(t, time.Minute), CauseNormal)
		small.reply(small.expect(sipgo.BYE), 200, "", "")
		full(small, "g") // four calls at once were the burst
		time.Sleep(time.Second)
		d, _ = small.call(in, "h", "")
		go d.Hangup(within(t, time.Minute), CauseNormal)
		small.reply(small.expect(sipgo.BYE), 200, "", "")
		e.Drain()
		time.Sleep(time.Minute)
		full(small, "i")
		small.send(small.request("OPTIONS", "j", "", 1, ""))
		small.response(503)
		if e.Calls() != 2 {
			t.Errorf("%d calls", e.Calls())
		}
	})
}

func TestRateOfALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		rate := func(perSecond int) []Line {
			return []Line{{ID: "slow", Hosts: []string{"10.0.0.2"}, CallRate: perSecond}, {ID: "other", Hosts: []string{"10.0.0.3"}}}
		}
		n, e := newBench(t, Config{}, in, func(e *Endpoint) {
			if err := e.SetLines(rate(1)); err != nil {
				t.Fatal(err)
			}
		})
		slow, other := n.peer(t, "10.0.0.2:5060"), n.peer(t, "10.0.0.3:5060")
		slow.call(in, "a", "")
		slow.refused(slow.request("INVITE", "b", "", 1, sdpLines+"o"), 503)
		other.call(in, "c", "") // not its affair
		time.Sleep(time.Second)
		slow.call(in, "d", "")
		if err := e.SetLines(rate(2)); err != nil {
			t.Fatal(err)
		}
		slow.call(in, "e", "")
		slow.call(in, "f", "")
		slow.refused(slow.request("INVITE", "g", "", 1, sdpLines+"o"), 503)
		if err := e.SetLines(rate(0)); err != nil {
			t.Fatal(err)
		}
		slow.call(in, "h", "")
	})
}

func TestOptionsAndOtherMethods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, _ := newBench(t, Config{}, in)
		p := n.peer(t, "10.0.0.2:5060")
		p.send(p.request("OPTIONS", "o", "", 1, ""))
		if res := p.response(200); !hasOption(res, "Allow", "INVITE") || !hasOption(res, "Supported", "100rel") || headerValue(res, "Accept") != sdpType {
			t.Errorf("%s", res)
		}
		for method, code := range map[string]int{"MESSAGE": 405, "SUBSCRIBE": 405, "REFER": 405, "PUBLISH": 405, "FROBNICATE": 501} {
			p.send(p.request(method, "m", "", 1, ""))
			if res := p.response(code); !hasOption(res, "Allow", "INVITE") {
				t.Errorf("%s", res)
			}
		}
		_, to := p.call(in, "dialog", "")
		p.send(p.request("OPTIONS", "dialog", to, 2, ""))
		p.response(200)
		p.send(p.request("REFER", "dialog", to, 3, ""))
		p.response(405)
		// A merged request: the same INVITE by two ways (RFC 3261 §8.2.2.2).
		p.refused(p.request("INVITE", "dialog", "", 1, sdpLines+"o"), 482)
	})
}

func TestPhonesThatCannotChooseGetMD5(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, e := newBench(t, Config{}, newCalls(), withPhone)
		p := n.peer(t, "10.0.0.9:5060")
		r := &registration{p: p, user: "bob", password: "secret", callID: "old"}
		offered := func(agent string) string {
			p.send(r.text("User-Agent: " + agent + "\n"))
			var out []string
			for _, h := range p.response(401).GetHeaders("WWW-Authenticate") {
				_, alg, _ := strings.Cut(h.Value(), "algorithm=")
				alg, _, _ = strings.Cut(alg, ",")
				out = append(out, alg)
			}
			return strings.Join(out, " ")
		}
		if s := offered("baresip v1.0.0 (x86_64/linux)"); s != "MD5" {
			t.Errorf("baresip is offered %s", s)
		}
		if s := offered("Phone"); s != "SHA-256 MD5" {
			t.Errorf("a phone is offered %s", s)
		}
		time.Sleep(30 * time.Second)
		if s := offered("Phone"); s != "MD5" {
			t.Errorf("a phone that could not choose is offered %s", s)
		}
		r.challenge(t, "MD5")
		r.register(t, "")
		if s := offered("Phone"); s != "SHA-256 MD5" {
			t.Errorf("a phone that has registered is offered %s", s)
		}
		if err := e.SetDevices([]Device{{ID: "dv_1", Username: "bob", Password: "secret", Digest: "sha-256"}}); err != nil {
			t.Fatal(err)
		}
		if s := offered("Phone"); s != "SHA-256" {
			t.Errorf("a phone with SHA-256 set is offered %s", s)
		}
	})
}

// TestManyPhonesAtOneAddress: phones behind one address and port, and a line
// beside them, are told apart by who calls.
func TestManyPhonesAtOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newCalls()
		n, e := newBench(t, Config{}, in, func(e *Endpoint) {
			if err := e.SetDevices([]Device{{ID: "dv_1", Username: "bob", Password: "secret"}, {ID: "dv_2", Username: "eve", Password: "secret"}}); err != nil {
				t.Fatal(err)
			}
		})
		p := n.peer(t, "10.0.0.9:5060")
		bob := &registration{p: p, user: "bob", password: "secret", callID: "bob"}
		eve := &registration{p: p, user: "eve", password: "secret", callID: "eve"}
		for _, r := range []*registration{bob, eve} {
			r.challenge(t, "MD5")
			r.register(t, "")
		}
		bob.register(t, "Contact: *\nExpires: 0\n")
		if e.Registered("dv_1") || !e.Registered("dv_2") {
			t.Error("wrong phone unregistered")
		}
		text := p.request("INVITE", "phone", "", 1, sdpLines+"o")
		p.refused(strings.Replace(text, "sip:1001@10.0.0.2", "sip:eve@hotline.local", 1), 401)
		d, _ := p.call(in, "line", "")
		if d.LineID() != "carrier" || d.DeviceID() != "" {
			t.Errorf("line %q device %q", d.LineID(), d.DeviceID())
		}
		stranger := n.peer(t, "203.0.113.5:5060")
		stranger.send(stranger.request("INVITE", "stranger", "", 1, ""))
		stranger.quiet(time.Second)
	})
}
