package sip

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkCall measures one incoming call through the endpoint on loopback:
// INVITE, 180, 200, ACK, BYE, 200. The caller is a bare socket that writes
// prepared messages, so ns/op is an upper bound; cpu-us/call is the processor
// time of the whole process, caller included.
func BenchmarkCall(b *testing.B) {
	answer := []byte(testSDP)
	h := handlerFunc(func(d *Dialog) {
		go func() {
			_ = d.Ring()
			_ = d.Answer(context.Background(), answer)
		}()
	})
	e := start(b, Config{UDP: "127.0.0.1:0", CallRate: 1 << 20, CallBurst: 1 << 20, SourceRate: 1 << 24, MaxCalls: 1 << 20}, h, onLoopback)
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(e.Addrs().UDP))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	caller := benchCaller{b: b, c: c, local: c.LocalAddr().(*net.UDPAddr).AddrPort(), remote: e.Addrs().UDP}
	before := cpu()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		caller.call(n)
		n++
	}
	b.ReportMetric(float64(cpu()-before)/float64(time.Microsecond)/float64(n), "cpu-us/call")
}

type benchCaller struct {
	b             *testing.B
	c             *net.UDPConn
	local, remote netip.AddrPort
	buf           [8192]byte
}

func (c *benchCaller) call(n int) {
	id := strconv.Itoa(n)
	c.send("INVITE", id, "", 1, testSDP)
	to := ";tag=" + c.until(id, "INVITE", "200")
	c.send("ACK", id, to, 1, "")
	c.send("BYE", id, to, 2, "")
	c.until(id, "BYE", "200")
}

func (c *benchCaller) send(method, id, to string, seq int, body string) {
	var s strings.Builder
	for _, part := range []string{
		method, " sip:9000@", c.remote.String(), " SIP/2.0\r\nVia: SIP/2.0/UDP ", c.local.String(), ";branch=z9hG4bK", method, id, ";rport\r\n",
		"From: <sip:1001@127.0.0.1>;tag=t", id, "\r\nTo: <sip:9000@127.0.0.1>", to, "\r\nCall-ID: bench-", id,
		"\r\nCSeq: ", strconv.Itoa(seq), " ", method, "\r\nContact: <sip:1001@", c.local.String(), ">\r\nMax-Forwards: 70\r\n",
	} {
		s.WriteString(part)
	}
	if body != "" {
		s.WriteString("Content-Type: application/sdp\r\n")
	}
	s.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
	if _, err := c.c.Write([]byte(s.String())); err != nil {
		c.b.Fatal(err)
	}
}

// until reads to the response of a call and method, and gives its To tag.
func (c *benchCaller) until(id, method, code string) string {
	_ = c.c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		n, err := c.c.Read(c.buf[:])
		if err != nil {
			c.b.Fatal(err)
		}
		s := string(c.buf[:n])
		if !strings.HasPrefix(s, "SIP/2.0 "+code) || !strings.Contains(s, "Call-ID: bench-"+id+"\r\n") || !strings.Contains(s, " "+method+"\r\n") {
			continue
		}
		_, rest, _ := strings.Cut(s, "\r\nTo: ")
		line, _, _ := strings.Cut(rest, "\r\n")
		_, tag, _ := strings.Cut(line, "tag=")
		return tag
	}
}

// cpu is the processor time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkParseInvite(b *testing.B) {
	data := raw((&peer{conn: &fakeConn{addr: netip.MustParseAddrPort("10.0.0.2:5060")}, to: netip.MustParseAddrPort(endpointAddr), tag: "t"}).
		request("INVITE", "bench", "", 1, sdpLines+testSDP))
	p := newParser()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.ParseSIP(data); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDropStranger is the cost of a packet nobody asked for.
func BenchmarkDropStranger(b *testing.B) {
	s := newSources(Config{}.withDefaults(), "token1234567")
	s.setLines([]lineRange{{netip.MustParsePrefix("10.0.0.0/8"), &Line{ID: "a"}}, {netip.MustParsePrefix("192.0.2.0/24"), &Line{ID: "b"}}})
	data := raw("INVITE sip:1@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKx\nFrom: <sip:a@b>;tag=1\nTo: <sip:1@10.0.0.1>\nCall-ID: x\nCSeq: 1 INVITE\n\n" + testSDP)
	from := netip.MustParseAddr("203.0.113.9")
	b.ReportAllocs()
	for b.Loop() {
		if s.admit(data, from) {
			b.Fatal("admitted")
		}
	}
}

func TestDroppingAStrangerDoesNotAllocate(t *testing.T) {
	s := newSources(Config{}.withDefaults(), "token1234567")
	data := raw("INVITE sip:1@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKx\n")
	register := raw("REGISTER sip:10.0.0.1 SIP/2.0\n")
	from := netip.MustParseAddr("203.0.113.9")
	if n := testing.AllocsPerRun(1000, func() { s.admit(data, from); s.admit(register, from) }); n != 0 {
		t.Errorf("%v allocations per packet, want 0", n)
	}
}
