package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/openhotline/hotline/internal/config"
)

// answers tells whether a Hotline answers at an HTTP address.
func answers(ctx context.Context, addr string) bool {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "0" {
		return false
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK && res.Header.Get("X-Request-Id") != ""
}

// ports tries to listen on every address.
func (d *doctor) ports(ctx context.Context) {
	running := d.Running(ctx)
	c := d.Config
	for _, p := range []struct{ key, network, addr string }{
		{"http.addr", "tcp", c.HTTP.Addr}, {"https.addr", "tcp", c.HTTPS.Addr}, {"sip.udp", "udp", c.SIP.UDP}, {"sip.tcp", "tcp", c.SIP.TCP},
		{"sip.tls", "tcp", c.SIPTLS()}, {"webrtc.udp", "udp", c.WebRTC.UDP}, {"bus.listen", "tcp", c.Bus.Listen},
	} {
		if p.addr == "" {
			continue
		}
		subject := p.key + " " + p.addr + "/" + p.network
		err := tryListen(ctx, p.network, p.addr)
		switch {
		case err == nil:
			d.add("ports", OK, subject, "free", "")
		case running && errors.Is(err, syscall.EADDRINUSE):
			d.add("ports", OK, subject, "held by the running installation", "")
		case errors.Is(err, syscall.EADDRINUSE):
			d.add("ports", Fault, subject, "another program has it", "stop that program, or set "+p.key)
		case errors.Is(err, syscall.EACCES):
			d.add("ports", Fault, subject, "this user may not listen there", "use a port from 1024 on, or give the program CAP_NET_BIND_SERVICE")
		default:
			d.add("ports", Fault, subject, err.Error(), "set "+p.key+" to an address of this machine")
		}
	}
	d.rtp(ctx, running)
}

func tryListen(ctx context.Context, network, addr string) error {
	var lc net.ListenConfig
	if network == "udp" {
		conn, err := lc.ListenPacket(ctx, network, addr)
		if err == nil {
			err = conn.Close()
		}
		return err
	}
	ln, err := lc.Listen(ctx, network, addr)
	if err == nil {
		err = ln.Close()
	}
	return err
}

// rtp tries some ports of the range and compares its size with the calls.
func (d *doctor) rtp(ctx context.Context, running bool) {
	ports := d.Config.RTP.Ports
	taken := 0
	const tries = 16
	for i := range tries {
		port := ports.First + (ports.Last-ports.First)*i/(tries-1)
		if tryListen(ctx, "udp", net.JoinHostPort(d.Config.RTP.IP, strconv.Itoa(port))) != nil {
			taken++
		}
	}
	subject := "rtp.ports " + ports.String()
	switch {
	case taken == tries:
		d.add("ports", Fault, subject, "none of the ports tried is free", "set rtp.ports, and rtp.ip to an address of this machine")
	case taken > tries/4 && !running:
		d.add("ports", Warning, subject, fmt.Sprintf("%d of %d ports tried are taken", taken, tries), "set rtp.ports to a range that nothing else uses")
	default:
		d.add("ports", OK, subject, "free", "")
	}
	if legs := (ports.Last - ports.First + 1) / 2; legs < d.Config.Limits.Calls {
		d.add("ports", Warning, subject, fmt.Sprintf("room for %d call legs, but limits.calls is %d", legs, d.Config.Limits.Calls), "widen rtp.ports or lower limits.calls")
	}
}

// https tells whether browsers will give the microphone.
func (d *doctor) https() {
	c := d.Config
	port := config.Port(c.HTTPS.Addr)
	addrs := reachable()
	if port == 0 && c.HTTPS.Addr == "" {
		level, message := Advice, "HTTPS is off: browsers give the microphone on this machine only (http://localhost)"
		if len(c.HTTP.TrustedProxies) == 0 && len(addrs) > 0 {
			level = Warning
		}
		d.add("https", level, "microphone", message, "set https.addr, or put a proxy with HTTPS in front and name it in http.trusted_proxies")
		return
	}
	var urls []string
	for _, a := range addrs {
		urls = append(urls, "https://"+net.JoinHostPort(a.String(), strconv.Itoa(port)))
	}
	if len(urls) == 0 {
		urls = []string{"https://localhost:" + strconv.Itoa(port)}
	}
	d.add("https", Advice, "microphone", "agents on other machines open "+strings.Join(urls, " or ")+", because browsers give the microphone to HTTPS pages only",
		"with the self-made certificate each browser asks once; a certificate of your own (https.cert, https.key) does not")
	certFile, keyFile := c.HTTPS.Cert, c.HTTPS.Key
	if certFile == "" {
		certFile, keyFile = filepath.Join(c.Data, "tls", "https.crt"), filepath.Join(c.Data, "tls", "https.key")
	}
	d.certificate("https", certFile, keyFile, c.HTTPS.Cert != "")
	if c.SIP.Cert != "" {
		d.certificate("sip", c.SIP.Cert, c.SIP.Key, true)
	}
}

func (d *doctor) certificate(check, certFile, keyFile string, given bool) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		if given {
			d.add(check, Fault, certFile, "the certificate cannot be used: "+err.Error(), "check certificate and key")
		}
		return // the self-made one is made at the first start
	}
	leaf := pair.Leaf
	left := leaf.NotAfter.Sub(d.Now())
	switch {
	case left <= 0:
		d.add(check, Fault, certFile, "the certificate has expired on "+leaf.NotAfter.Format(time.DateOnly), "renew it")
	case left < 14*24*time.Hour && given:
		d.add(check, Warning, certFile, "the certificate expires on "+leaf.NotAfter.Format(time.DateOnly), "renew it")
	default:
		d.add(check, OK, certFile, "the certificate holds until "+leaf.NotAfter.Format(time.DateOnly)+" for "+names(leaf), "")
	}
}

func names(leaf *x509.Certificate) string {
	out := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		out = append(out, ip.String())
	}
	return strings.Join(out, ", ")
}

// reachable are the addresses of this machine that others may use.
func reachable() []netip.Addr {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && !p.Addr().IsLoopback() && !p.Addr().IsLinkLocalUnicast() && p.Addr().Is4() {
			out = append(out, p.Addr())
		}
	}
	return out
}

// nat advises about addresses that the other side cannot reach.
func (d *doctor) nat() {
	if d.Config.MediaIP().IsValid() || d.Config.SIP.ExternalIP != "" {
		return
	}
	for _, a := range reachable() {
		if !a.IsPrivate() {
			return
		}
	}
	d.add("network", Advice, "addresses", "this machine has private addresses only", "for lines or browsers outside of your network set sip.external_ip and webrtc.external_ip, and forward the ports")
}
