package sip

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// fakeNet carries datagrams between sockets without an operating system, so that
// tests with timers run on fake time.
type fakeNet struct {
	mu    sync.Mutex
	conns map[netip.AddrPort]*fakeConn
}

type datagram struct {
	data []byte
	from netip.AddrPort
	at   time.Time
}

type fakeConn struct {
	n      *fakeNet
	addr   netip.AddrPort
	in     chan datagram
	once   sync.Once
	closed chan struct{}
}

func newFakeNet() *fakeNet { return &fakeNet{conns: map[netip.AddrPort]*fakeConn{}} }

func (n *fakeNet) listen(addr string) (packetConn, error) {
	c := &fakeConn{n: n, addr: netip.MustParseAddrPort(addr), in: make(chan datagram, 4096), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[c.addr] = c
	return c, nil
}

func (c *fakeConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case d := <-c.in:
		return copy(b, d.data), d.from, nil
	case <-c.closed:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

func (c *fakeConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	c.n.inject(append([]byte(nil), b...), c.addr, to)
	return len(b), nil
}

// inject delivers a datagram with any source address.
func (n *fakeNet) inject(b []byte, from, to netip.AddrPort) {
	n.mu.Lock()
	dst := n.conns[to]
	n.mu.Unlock()
	if dst == nil {
		return
	}
	select {
	case dst.in <- datagram{b, from, time.Now()}:
	case <-dst.closed:
	}
}

// SetWriteDeadline is of no account: writing does not wait.
func (c *fakeConn) SetWriteDeadline(time.Time) error { return nil }

func (c *fakeConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.addr) }

func (c *fakeConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// peer is the other side of a test: it sends and reads plain messages.
type peer struct {
	t    testing.TB
	conn *fakeConn
	to   netip.AddrPort // the endpoint
	tag  string
	n    int
}

const endpointAddr = "10.0.0.1:5060"

// bench is an endpoint on a fake network with a line for 10.0.0.0/24.
func newBench(t testing.TB, cfg Config, h Handler, setUp ...func(*Endpoint)) (*fakeNet, *Endpoint) {
	n := newFakeNet()
	cfg.UDP, cfg.listenPacket = endpointAddr, n.listen
	setUp = append([]func(*Endpoint){func(e *Endpoint) {
		if err := e.SetLines([]Line{{ID: "carrier", Hosts: []string{"10.0.0.0/24"}, Server: "10.0.0.2"}}); err != nil {
			t.Fatal(err)
		}
	}}, setUp...)
	return n, start(t, cfg, h, setUp...)
}

func (n *fakeNet) peer(t testing.TB, addr string) *peer {
	c, err := n.listen(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &peer{t: t, conn: c.(*fakeConn), to: netip.MustParseAddrPort(endpointAddr), tag: "peer" + strings.ReplaceAll(addr, ":", "-")}
}

// send sends text with line ends made CRLF and Content-Length filled in.
func (p *peer) send(text string) {
	p.t.Helper()
	_, _ = p.conn.WriteToUDPAddrPort(raw(text), p.to)
}

func raw(text string) []byte {
	head, body, _ := strings.Cut(strings.TrimLeft(text, "\n"), "\n\n")
	head, body = strings.TrimSpace(head), strings.ReplaceAll(body, "\n", "\r\n")
	if !strings.Contains(head, "Content-Length:") {
		head += fmt.Sprintf("\nContent-Length: %d", len(body))
	}
	return []byte(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body)
}

// request builds a request. to carries the To tag when there is one; extra are
// header lines and, after an empty line, a body.
func (p *peer) request(method, callID, to string, seq int, extra string) string {
	p.n++
	if !strings.Contains(extra, "Contact:") && method != "ACK" && method != "CANCEL" && method != "BYE" {
		extra = fmt.Sprintf("Contact: <sip:peer@%s>\n", p.conn.addr) + extra
	}
	return fmt.Sprintf(`%s sip:9000@%s SIP/2.0
Via: SIP/2.0/UDP %s;branch=z9hG4bK-%s-%d-%d;rport
From: "Peer" <sip:1001@10.0.0.2>;tag=%s
To: <sip:9000@10.0.0.1>%s
Call-ID: %s
CSeq: %d %s
Max-Forwards: 70
%s`, method, p.to, p.conn.addr, callID, seq, p.n, p.tag, to, callID, seq, method, extra)
}

const sdpLines = "Content-Type: application/sdp\n\n"

// read gives the next message, or fails after 1000 s (of fake time).
func (p *peer) read() (sipgo.Message, time.Time) {
	p.t.Helper()
	m, at := p.poll(1000 * time.Second)
	if m == nil {
		p.t.Fatal("no message within 1000s")
	}
	return m, at
}

// poll gives the next message, or nil when none comes in d.
func (p *peer) poll(d time.Duration) (sipgo.Message, time.Time) {
	p.t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case g := <-p.conn.in:
		m, err := sipgo.ParseMessage(g.data)
		if err != nil {
			p.t.Fatalf("what we sent does not parse: %v\n%s", err, g.data)
		}
		return m, g.at
	case <-timer.C:
		return nil, time.Time{}
	}
}

// drain takes messages until none comes in d.
func (p *peer) drain(d time.Duration) {
	p.t.Helper()
	for {
		if m, _ := p.poll(d); m == nil {
			return
		}
	}
}

// status is the beginning of the next message, which need not parse.
func (p *peer) status() string {
	p.t.Helper()
	select {
	case g := <-p.conn.in:
		return string(g.data[:min(11, len(g.data))])
	case <-time.After(100 * time.Second):
		return "nothing"
	}
}

// response gives the next response that is not 100.
func (p *peer) response(code int) *sipgo.Response {
	p.t.Helper()
	for {
		m, _ := p.read()
		res, ok := m.(*sipgo.Response)
		if !ok {
			p.t.Fatalf("want %d, got %s", code, m)
		}
		if res.StatusCode == 100 {
			continue
		}
		if res.StatusCode != code {
			p.t.Fatalf("want %d, got %s", code, res)
		}
		return res
	}
}

// expect gives the next request and checks its method.
func (p *peer) expect(method sipgo.RequestMethod) *sipgo.Request {
	p.t.Helper()
	m, _ := p.read()
	req, ok := m.(*sipgo.Request)
	if !ok || req.Method != method {
		p.t.Fatalf("want %s, got %s", method, m)
	}
	return req
}

// quiet fails when a message comes within d.
func (p *peer) quiet(d time.Duration) {
	p.t.Helper()
	if m, _ := p.poll(d); m != nil {
		p.t.Fatalf("unexpected %s", m)
	}
}

// reply answers a request of the endpoint. tag is our To tag.
func (p *peer) reply(req *sipgo.Request, code int, tag, extra string) {
	p.t.Helper()
	to := req.To().Value()
	if !req.To().Params.Has("tag") && tag != "" {
		to += ";tag=" + tag
	}
	if !strings.Contains(extra, "Contact:") && (req.Method == sipgo.INVITE || req.Method == sipgo.UPDATE) && code > 100 && code < 300 {
		extra = fmt.Sprintf("Contact: <sip:peer@%s>\n", p.conn.addr) + extra
	}
	p.send(fmt.Sprintf(`SIP/2.0 %d Answer
Via: %s
From: %s
To: %s
Call-ID: %s
CSeq: %d %s
%s`, code, req.Via().Value(), req.From().Value(), to, req.CallID().Value(), req.CSeq().SeqNo, req.CSeq().MethodName, extra))
}

// toTag is the To parameter for requests within the dialog of a response.
func toTag(res *sipgo.Response) string { return ";tag=" + tagOf(res.To()) }

// call sends an INVITE, has it answered with "answer" and acknowledges it.
func (p *peer) call(in calls, callID, extra string) (*Dialog, string) {
	p.t.Helper()
	p.send(p.request("INVITE", callID, "", 1, extra+sdpLines+"offer"))
	d := next(p.t, in)
	answered := make(chan error, 1)
	go func() { answered <- d.Answer(within(p.t, 50*time.Second), []byte("answer")) }()
	res := p.response(200)
	to := toTag(res)
	p.send(p.request("ACK", callID, to, 1, ""))
	if err := <-answered; err != nil {
		p.t.Fatal(err)
	}
	return d, to
}

// callOut dials the peer's line and has it answered.
func (p *peer) callOut(e *Endpoint, extra string) (*Dialog, *sipgo.Request) {
	p.t.Helper()
	d, err := e.Dial(p.t.(*testing.T).Context(), DialRequest{LineID: "carrier", From: "8001", To: "1001", Offer: []byte("offer")})
	if err != nil {
		p.t.Fatal(err)
	}
	invite := p.expect(sipgo.INVITE)
	p.reply(invite, 200, "far", extra+sdpLines+"answer")
	p.expect(sipgo.ACK)
	wait(p.t, "answered", d.Answered())
	return d, invite
}

// step runs a part of a test on fake time, where subtests are not possible.
func step(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Log("step:", name)
	f(t)
}
