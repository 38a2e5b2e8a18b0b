package sip

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const testSDP = "v=0\r\no=hotline 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"

// answering is a user agent that rings and answers, or only rings when "ring"
// is called.
func answering() Handler {
	return handlerFunc(func(d *Dialog) {
		d.OnReoffer(func([]byte) ([]byte, int) { return []byte(testSDP), 0 })
		go func() {
			if err := d.Ring(); err != nil || d.Dialled() == "ring" {
				return
			}
			ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
			defer cancel()
			_ = d.Answer(ctx, []byte(testSDP))
		}()
	})
}

// sipp runs a scenario against an endpoint and fails when SIPp does.
func sipp(t *testing.T, e *Endpoint, scenario, service, transport string, more ...string) {
	t.Helper()
	path, err := exec.LookPath("sipp")
	if err != nil {
		t.Skip("sipp is not installed (Debian package sip-tester)")
	}
	file, err := filepath.Abs(filepath.Join("testdata/sipp", scenario+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	remote := e.Addrs().UDP.String()
	if transport == "t1" {
		remote = e.Addrs().TCP.String()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	args := append([]string{
		remote, "-sf", file, "-s", service, "-t", transport, "-i", "127.0.0.1", "-m", "1", "-timeout", "50s",
		"-nostdin", "-trace_err", "-timeout_error",
	}, more...)
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err == nil {
		return
	}
	logs, _ := filepath.Glob(filepath.Join(cmd.Dir, "*errors.log"))
	for _, l := range logs {
		b, _ := os.ReadFile(l)
		t.Logf("%s", b[:min(len(b), 4000)])
	}
	if len(out) > 3000 {
		out = out[len(out)-3000:]
	}
	t.Fatalf("sipp %s: %v\n%s", strings.Join(args, " "), err, out)
}

func TestSIPp(t *testing.T) {
	e := start(t, Config{UDP: "127.0.0.1:0", TCP: "127.0.0.1:0"}, answering(), onLoopback)
	fast := start(t, Config{UDP: "127.0.0.1:0", T1: 60 * time.Millisecond, T2: 240 * time.Millisecond}, answering(), onLoopback)
	for _, c := range []struct {
		scenario, service, transport string
		e                            *Endpoint
	}{
		{"basic", "9000", "u1", e},
		{"basic", "9000", "t1", e},
		{"cancel", "ring", "u1", e},
		{"cancel", "ring", "t1", e},
		{"late_offer", "9000", "u1", e},
		{"reinvite", "9000", "u1", e},
		{"reinvite", "9000", "t1", e},
		{"no_ack", "9000", "u1", fast},
		{"prack", "9000", "u1", e},
		{"timer422", "9000", "u1", e},
	} {
		t.Run(c.scenario+" "+c.transport, func(t *testing.T) { sipp(t, c.e, c.scenario, c.service, c.transport) })
	}
	t.Run("300 calls", func(t *testing.T) { sipp(t, e, "basic", "9000", "u1", "-m", "300", "-r", "150") })
	deadline := time.Now().Add(5 * time.Second)
	for e.Calls() > 0 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond) // the last BYE may still be on its way through the dialog
	}
	if e.Calls() != 0 {
		t.Errorf("%d calls left", e.Calls())
	}
}
