package sip

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// kamailio starts a record-routing proxy that sends every new request to an
// address, and gives its own.
func kamailio(t *testing.T, to string) string {
	t.Helper()
	path, err := exec.LookPath("kamailio")
	if err != nil { // not everybody looks for programs where daemons are
		if path, err = exec.LookPath("/usr/sbin/kamailio"); err != nil {
			t.Skip("kamailio is not installed (Debian package kamailio)")
		}
	}
	dirs, _ := filepath.Glob("/usr/lib/*/kamailio/modules")
	if len(dirs) == 0 {
		t.Skip("modules of kamailio not found")
	}
	probe, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := probe.LocalAddr().String()
	_ = probe.Close()
	cfg := fmt.Sprintf(`#!KAMAILIO
listen=udp:%s
children=2
disable_tcp=yes
auto_aliases=no
mpath="%s/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
request_route {
	if (has_totag()) {
		if (loose_route()) { t_relay(); exit; }
		if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
		sl_send_reply("404", "Not here");
		exit;
	}
	if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
	t_check_trans();
	record_route();
	$du = "sip:%s";
	t_relay();
}
`, addr, dirs[0], to)
	dir := t.TempDir()
	file := filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(file, []byte(cfg), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(path, "-f", file, "-DD", "-E", "-m", "32", "-M", "4", "-Y", dir, "-w", dir)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("kamailio:\n%s", out.String())
		}
	})
	return addr
}

// TestBehindAProxy calls through Kamailio, which stays in the path: every
// request of either side has to follow its Record-Route.
func TestBehindAProxy(t *testing.T) {
	in := newCalls()
	b := start(t, Config{UDP: "127.0.0.1:0"}, in, onLoopback)
	a := start(t, Config{UDP: "127.0.0.1:0"}, nil, onLoopback)
	proxy := kamailio(t, b.Addrs().UDP.String())
	ctx := within(t, 30*time.Second)

	var out, d *Dialog
	for d == nil { // Kamailio needs a moment to start
		var err error
		if out, err = a.Dial(ctx, DialRequest{URI: "sip:9000@" + proxy, From: "1001", Offer: []byte(testSDP)}); err != nil {
			t.Fatal(err)
		}
		select {
		case d = <-in:
		case <-out.Done():
			t.Fatalf("the call ended: %+v", out.End())
		case <-ctx.Done():
			t.Fatal("no call through the proxy")
		}
	}
	if d.Source().String() != proxy {
		t.Fatalf("the call came from %s", d.Source())
	}
	if err := d.Ring(); err != nil {
		t.Fatal(err)
	}
	if err := d.Answer(ctx, []byte(testSDP)); err != nil {
		t.Fatal(err)
	}
	wait(t, "answered", out.Answered())
	for _, x := range []*Dialog{d, out} {
		if l, _, err := parsePersisted(x.Persist()); err != nil || len(l.routes) != 1 || !strings.Contains(l.routes[0].String(), proxy) {
			t.Fatalf("%v, route set %+v", err, l)
		}
	}
	reofferBothWays(ctx, t, out, d)
	if err := out.Hangup(ctx, CauseNormal); err != nil {
		t.Fatal(err)
	}
	wait(t, "done", d.Done())

	cancelled, err := a.Dial(ctx, DialRequest{URI: "sip:9000@" + proxy, Offer: []byte(testSDP)})
	if err != nil {
		t.Fatal(err)
	}
	d = next(t, in)
	_ = d.Ring()
	progress(cancelled)
	if err := cancelled.Hangup(ctx, CauseNormal); err != nil {
		t.Fatal(err)
	}
	wait(t, "cancelled", d.Done())
	if end := d.End(); end.Cause != CauseCancelled {
		t.Errorf("end %+v", end)
	}
}
