package sip

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// baresip starts a real soft phone that registers as bob, answers every call
// and has no sound card. The commands are given to it after its start.
func baresip(t *testing.T, e *Endpoint, transport string, commands ...string) {
	t.Helper()
	path, err := exec.LookPath("baresip")
	if err != nil {
		t.Skip("baresip is not installed (Debian package baresip-core)")
	}
	modules := ""
	for _, dir := range []string{"/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules", "/usr/lib64/baresip/modules"} {
		if _, err := os.Stat(filepath.Join(dir, "g711.so")); err == nil {
			modules = dir
		}
	}
	if modules == "" {
		t.Skip("modules of baresip not found")
	}
	server := e.Addrs().UDP.String()
	if transport == "tcp" {
		server = e.Addrs().TCP.String()
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("config", fmt.Sprintf(`sip_listen 127.0.0.1:0
audio_player aubridge,none
audio_source aubridge,none
audio_alert aubridge,none
net_interface 127.0.0.1
rtp_timeout 0
module_path %s
module g711.so
module aubridge.so
module_app account.so
module_app menu.so
`, modules))
	write("accounts", fmt.Sprintf("<sip:bob@%s;transport=%s>;auth_user=bob;auth_pass=secret;regint=60;answermode=auto\n", server, transport))
	write("contacts", "")
	args := []string{"-f", dir, "-t", "40"}
	for _, c := range commands {
		args = append(args, "-e", c)
	}
	var out bytes.Buffer
	cmd := exec.Command(path, args...)
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
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("baresip:\n%s", out.String())
		}
	})
}

func TestBaresip(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			online := make(chan bool, 8)
			in := newCalls()
			e := start(t, Config{UDP: "127.0.0.1:0", TCP: "127.0.0.1:0"}, in, func(e *Endpoint) {
				withPhone(e)
				e.OnRegistration(func(_ string, on bool) { online <- on })
			})
			baresip(t, e, transport)
			select {
			case on := <-online:
				if !on {
					t.Fatal("offline")
				}
			case <-time.After(20 * time.Second):
				t.Fatal("baresip did not register")
			}
			ctx := within(t, 30*time.Second)

			out, err := e.Dial(ctx, DialRequest{DeviceID: "dv_1", From: "8001", DisplayName: "Sales", Offer: []byte(testSDP)})
			if err != nil {
				t.Fatal(err)
			}
			wait(t, "baresip answers", out.Answered())
			if !strings.Contains(string(out.RemoteAnswer()), "m=audio") {
				t.Errorf("answer %q", out.RemoteAnswer())
			}
			for _, direction := range []string{"sendonly", "sendrecv"} {
				sdp := strings.Replace(testSDP, "o=hotline 1 1", "o=hotline 1 "+fmt.Sprint(1+len(direction)), 1) + "a=" + direction + "\r\n"
				if a, err := reoffer(ctx, out, []byte(sdp)); err != nil || !strings.Contains(string(a), "m=audio") {
					t.Fatalf("%s: %q %v", direction, a, err)
				}
			}
			if err := out.Hangup(ctx, CauseNormal); err != nil {
				t.Error(err)
			}
		})
	}
}
