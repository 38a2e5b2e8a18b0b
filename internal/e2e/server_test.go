// Package e2e drives the built binary as its users would: with SIPp and
// baresip on its lines, with browsers on its pages, with kill -9 in the middle.
// Build it first (make build); HOTLINE_BIN names another binary.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const password = "correct-horse-battery"

// server is one running installation.
type server struct {
	t       testing.TB
	dir     string
	args    []string
	http    string // base address
	sip     string // host:port, UDP and TCP
	cmd     *exec.Cmd
	log     lockedBuffer
	token   string
	readyIn time.Duration
}

// lockedBuffer collects a process's output.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// binary finds the program under test.
func binary(t testing.TB) string {
	t.Helper()
	path := os.Getenv("HOTLINE_BIN")
	if path == "" {
		path = filepath.Join("..", "..", "bin", "hotline")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(abs); err != nil {
		t.Fatalf("%s is not there: run make build first", abs)
	}
	return abs
}

// need skips a test whose peer is not installed; in CI everything must be.
func need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed", program)
		}
		t.Skipf("%s is not installed (make test installs it)", program)
	}
	return path
}

// Ports of installations are above those for RTP and below those that the kernel
// gives out by itself: what is free now nobody else has before the installation
// opens it, nor between a kill and the next start.
const firstPort, portCount = 30000, 2700

var nextPort = struct {
	sync.Mutex
	n int
}{n: os.Getpid() * 61} // another run of tests begins elsewhere

// freePorts gives n ports that are free for UDP and TCP on loopback, each once.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	nextPort.Lock()
	defer nextPort.Unlock()
	var ports []int
	for range portCount {
		port := firstPort + nextPort.n%portCount
		nextPort.n++
		address := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		_ = l.Close()
		u, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		_ = u.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatal("no free ports")
	return nil
}

// start runs an installation with the demo shop in a folder of its own.
func start(t testing.TB, extra ...string) *server {
	t.Helper()
	return startIn(t, t.TempDir(), extra...)
}

// startIn is start with a given folder of data.
func startIn(t testing.TB, dir string, extra ...string) *server {
	t.Helper()
	p := freePorts(t, 4)
	s := &server{
		t: t, dir: dir,
		http: fmt.Sprintf("http://127.0.0.1:%d", p[0]), sip: fmt.Sprintf("127.0.0.1:%d", p[2]),
	}
	s.args = append([]string{
		"serve", "--demo", "--data", s.dir,
		"--http-addr", fmt.Sprintf("127.0.0.1:%d", p[0]), "--https-addr", fmt.Sprintf("127.0.0.1:%d", p[1]),
		"--sip-udp", s.sip, "--sip-tcp", s.sip, "--webrtc-udp", fmt.Sprintf("127.0.0.1:%d", p[3]),
		"--rtp-ip", "127.0.0.1", "--rtp-ports", rtpPorts(),
	}, extra...)
	s.launch()
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("log of the service:\n%s", s.log.String())
		}
	})
	return s
}

var nextRTP struct {
	sync.Mutex
	n int
}

// rtpPorts gives each installation of a test run its own range, below those
// that the kernel gives out.
func rtpPorts() string {
	nextRTP.Lock()
	defer nextRTP.Unlock()
	first := 12000 + 1000*(nextRTP.n%18)
	nextRTP.n++
	return fmt.Sprintf("%d-%d", first, first+999)
}

// launch starts the process and waits until it is ready.
func (s *server) launch() {
	s.t.Helper()
	s.cmd = exec.Command(binary(s.t), s.args...)
	s.cmd.Env = append(os.Environ(), "HOTLINE_DEMO_PASSWORD="+password)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.eventually(3*time.Minute, "service is ready", func() bool {
		res, err := http.Get(s.http + "/readyz") //nolint:noctx // bounded by the loop
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	s.readyIn = time.Since(began)
	s.token = s.login("admin@demo")
}

// stop ends the process as an operator would.
func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- s.cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			s.t.Errorf("the service ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		_ = s.cmd.Process.Signal(syscall.SIGTERM) // calls still run: stop at once
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			_ = s.cmd.Process.Kill()
			<-done
			s.t.Error("the service did not stop")
		}
	}
	s.cmd = nil
}

// kill ends the process as a power cut would.
func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// eventually polls until ok, with a limit.
func (s *server) eventually(limit time.Duration, what string, ok func() bool) {
	s.t.Helper()
	end := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(end) {
			s.t.Fatalf("not within %s: %s", limit, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *server) login(email string) string {
	s.t.Helper()
	var out struct {
		Token string `json:"token"`
	}
	s.call(http.MethodPost, "/login?token=true", "", map[string]string{"email": email, "password": password}, &out)
	return out.Token
}

// call makes an API request that must succeed.
func (s *server) call(method, path, token string, in, out any) {
	s.t.Helper()
	if status, body := s.try(method, path, token, in, out); status >= 300 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, body)
	}
}

// try makes an API request.
func (s *server) try(method, path, token string, in, out any) (int, string) {
	s.t.Helper()
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			s.t.Fatal(err)
		}
		body = bytes.NewReader(raw)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.http+"/api/v1"+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if out != nil && res.StatusCode < 300 && len(raw) > 0 {
		if err := json.Unmarshal(raw, out); err != nil {
			s.t.Fatalf("%s %s: %v in %.200s", method, path, err, raw)
		}
	}
	return res.StatusCode, string(raw)
}

// sipp runs a SIPp scenario against the service; it fails the test unless every
// call succeeds.
func (s *server) sipp(args ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, need(s.t, "sipp"), append([]string{s.sip, "-i", "127.0.0.1", "-nostdin", "-timeout", "40s", "-timeout_error"}, args...)...)
	cmd.Dir = s.t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		tail := string(out)
		if len(tail) > 3000 {
			tail = tail[len(tail)-3000:]
		}
		s.t.Fatalf("sipp %s: %v\n%s", strings.Join(args, " "), err, tail)
	}
}

// rss is the resident memory of the process in bytes.
func (s *server) rss() int64 {
	raw, err := os.ReadFile("/proc/" + strconv.Itoa(s.cmd.Process.Pid) + "/statm")
	if err != nil {
		s.t.Fatal(err)
	}
	f := strings.Fields(string(raw))
	pages, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
