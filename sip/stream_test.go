package sip

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func dialTCP(t testing.TB, e *Endpoint) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", e.Addrs().TCP.String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// certificate makes a key pair for 127.0.0.1 and a pool that trusts it.
func certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, RootCAs: pool}
}

func TestCallOverTLS(t *testing.T) {
	in := newCalls()
	cfg := Config{TLS: "127.0.0.1:0", TLSConfig: certificate(t)}
	b, a := start(t, cfg, in, onLoopback), start(t, cfg, nil, onLoopback)
	ctx := within(t, 10*time.Second)
	out, err := a.Dial(ctx, DialRequest{URI: "sip:9000@" + b.Addrs().TLS.String() + ";transport=tls", Offer: []byte("o")})
	if err != nil {
		t.Fatal(err)
	}
	d := next(t, in)
	if d.Transport() != "tls" {
		t.Errorf("transport %s", d.Transport())
	}
	if err := d.Answer(ctx, []byte("a")); err != nil {
		t.Fatal(err)
	}
	wait(t, "answered", out.Answered())
	reofferBothWays(ctx, t, out, d)
	if err := d.Hangup(ctx, CauseNormal); err != nil {
		t.Fatal(err)
	}
	wait(t, "done", out.Done())

	if _, err := New(Config{TLS: ":0"}, in, nil); err == nil {
		t.Error("TLS without a certificate was accepted")
	}
}

func TestStreamFraming(t *testing.T) {
	e := start(t, Config{TCP: "127.0.0.1:0"}, nil, onLoopback)
	options := string(raw("OPTIONS sip:x@127.0.0.1 SIP/2.0\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKa\nFrom: <sip:a@b>;tag=1\nTo: <sip:x@127.0.0.1>\nCall-ID: framing\nCSeq: 1 OPTIONS\n"))
	c := dialTCP(t, e)
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(c)
	answers := func(n int) {
		t.Helper()
		for range n {
			line, err := r.ReadString('\n')
			if err != nil || !strings.HasPrefix(line, "SIP/2.0 200") {
				t.Fatalf("%q %v", line, err)
			}
			for line != "\r\n" {
				if line, err = r.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	_, _ = io.WriteString(c, options+options+"\r\n"+options) // three in one segment
	answers(3)
	for _, part := range []string{options[:10], options[10:120], options[120:] + options[:5], options[5:]} {
		_, _ = io.WriteString(c, part)
		time.Sleep(5 * time.Millisecond) // lets the parts travel apart; either way two answers come
	}
	answers(2)
	_, _ = io.WriteString(c, "\r\n\r\n") // keep-alive (RFC 5626 §3.5.1)
	if pong, err := r.ReadString('\n'); err != nil || pong != "\r\n" {
		t.Fatalf("%q %v", pong, err)
	}
	_, _ = io.WriteString(c, strings.Replace(options, "Content-Length: 0", "Content-Length: -3", 1))
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "SIP/2.0 400") {
		t.Fatalf("%q %v", line, err)
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Errorf("the connection was not closed: %v", err)
	}
}

func TestStrangersHoldFewConnections(t *testing.T) {
	e := start(t, Config{TCP: "127.0.0.1:0"}, nil) // no line: loopback is unknown
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for range strangersOfOne + 20 {
		open = append(open, dialTCP(t, e))
	}
	refused := 0
	for _, c := range open[strangersOfOne:] {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, io.EOF) || err != nil && strings.Contains(err.Error(), "reset") {
			refused++
		}
	}
	if refused < 20 {
		t.Errorf("%d connections refused, want 20", refused)
	}
}

func TestStrangersShareTheirPlaces(t *testing.T) {
	s := strangers{of: map[netip.Addr]int{}}
	enter := func(a string, tries int) (n int) {
		for range tries {
			if s.enter(netip.MustParseAddr(a)) {
				n++
			}
		}
		return n
	}
	if n := enter("192.0.2.1", 100); n != strangersOfOne {
		t.Errorf("%d of one host", n)
	}
	if n := enter("2001:db8::1", 100) + enter("2001:db8::2", 100); n != strangersOfOne {
		t.Errorf("%d of one IPv6 network", n)
	}
	for i := range 100 {
		enter(fmt.Sprintf("198.51.100.%d", i), strangersOfOne)
	}
	if s.all != strangerStreams {
		t.Errorf("%d of all", s.all)
	}
	s.leave(netip.MustParseAddr("2001:db8::3"))
	if n := enter("203.0.113.1", 2); n != 1 {
		t.Errorf("%d got the place that was left", n)
	}
}

// TestASlowStrangerHasToGo: a connection that nobody knows ends after its time,
// however often it says a little.
func TestASlowStrangerHasToGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, e := newBench(t, Config{}, newCalls())
		for _, word := range []string{"R", "\r\n"} {
			near, far := net.Pipe()
			from := time.Now()
			e.net.addStream(near, viaTCP, netip.MustParseAddrPort("192.0.2.7:5060"))
			for time.Since(from) < time.Minute {
				if _, err := far.Write([]byte(word)); err != nil {
					break
				}
				time.Sleep(3 * time.Second)
			}
			if lived := time.Since(from); lived > strangerTimeout+3*time.Second {
				t.Errorf("lives after %s of %q", lived, word)
			}
			_ = far.Close()
			synctest.Wait()
		}
		if e.net.unknown.all != 0 || len(e.net.unknown.of) != 0 {
			t.Errorf("%+v strangers are left", e.net.unknown)
		}
	})
}

// deafConn is a socket that fails to be read so often.
type deafConn struct {
	*fakeConn
	failures int
}

var errNoMemory = errors.New("no buffer space")

func (c *deafConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	if c.failures > 0 {
		c.failures--
		return 0, netip.AddrPort{}, errNoMemory
	}
	return c.fakeConn.ReadFromUDPAddrPort(b)
}

func TestFailuresToReadUDP(t *testing.T) {
	run := func(t *testing.T, failures int) (*fakeNet, chan error, context.CancelFunc) {
		n := newFakeNet()
		e, err := New(Config{UDP: endpointAddr, listenPacket: func(a string) (packetConn, error) {
			c, err := n.listen(a)
			return &deafConn{c.(*fakeConn), failures}, err
		}}, newCalls(), testLog())
		if err != nil {
			t.Fatal(err)
		}
		if err := e.SetLines([]Line{{ID: "carrier", Hosts: []string{"10.0.0.0/24"}}}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		<-e.Ready()
		return n, ended, cancel
	}
	synctest.Test(t, func(t *testing.T) {
		_, ended, cancel := run(t, 1<<30)
		defer cancel()
		from := time.Now()
		if err := <-ended; !errors.Is(err, ErrTransport) || !errors.Is(err, errNoMemory) {
			t.Errorf("Run: %v", err)
		}
		if d := time.Since(from); d < 5*time.Second || d > 20*time.Second {
			t.Errorf("given up after %s", d)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		n, ended, cancel := run(t, 20)
		p := n.peer(t, "10.0.0.2:5060")
		p.send(p.request("OPTIONS", "after", "", 1, ""))
		p.response(200)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
