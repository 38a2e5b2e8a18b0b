package sip

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
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
	reofferBothWays(t, ctx, out, d)
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
	defer c.Close()
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
	for range strangerStreams + 20 {
		open = append(open, dialTCP(t, e))
	}
	refused := 0
	for _, c := range open[strangerStreams:] {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == io.EOF || strings.Contains(err.Error(), "reset") {
			refused++
		}
	}
	if refused < 20 {
		t.Errorf("%d connections refused, want 20", refused)
	}
}
