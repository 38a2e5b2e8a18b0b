package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/omni"
)

// outcome is what became of a command.
type outcome struct {
	code     int
	out, err string
}

// hotline runs a command of the binary to its end.
func hotline(t testing.TB, env []string, in string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(t), args...)
	cmd.Dir = t.TempDir() // no hotline.yaml
	cmd.Env, cmd.Stdin = append(os.Environ(), env...), strings.NewReader(in)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if cmd.ProcessState == nil || ctx.Err() != nil {
		t.Fatalf("hotline %v: %v", args, err)
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// must fails the test unless the command succeeds.
func must(t testing.TB, what string, o outcome) outcome {
	t.Helper()
	if o.code != 0 {
		t.Fatalf("%s: exit %d\n%s%s", what, o.code, o.out, o.err)
	}
	return o
}

// says fails the test unless the command ended with a code and a message.
func says(t testing.TB, what string, o outcome, code int, messages ...string) {
	t.Helper()
	for _, m := range messages {
		if !strings.Contains(o.out+o.err, m) {
			t.Errorf("%s does not say %q:\n%s%s", what, m, o.out, o.err)
		}
	}
	if o.code != code {
		t.Errorf("%s: exit %d, want %d\n%s%s", what, o.code, code, o.out, o.err)
	}
}

// fetched reads a file of the API, or a part of it.
func (s *server) fetched(path, span string) (status int, head http.Header, body []byte) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.http+"/api/v1"+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	if span != "" {
		req.Header.Set("Range", span)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err = io.ReadAll(res.Body); err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, res.Header, body
}

// A backup is made while a call is in progress and restored into another data
// folder, where everything that had ended is there and plays.
func TestBackupInACallAndRestore(t *testing.T) {
	t.Parallel()
	s := start(t)
	phone := newTelephone(t)
	newTelephone(t).answerAs(s, "desk1")
	first, finished := s.talking(phone, "+8613911118001")
	s.eventually(30*time.Second, "a second of talk", func() bool { return first.Stats().PacketsReceived > 50 })
	first.Hangup("customer_disconnect")
	ended(t, first, 20*time.Second, "hang-up")
	s.one("%2B8613911118001", omni.Completed)
	s.eventually(30*time.Second, "its recording is ready", func() bool { return s.recordingIn(finished, omni.RecordingReady) })

	second, running := s.talking(phone, "+8613911118002")
	file := filepath.Join(t.TempDir(), "hotline.backup")
	must(t, "backup", hotline(t, nil, "", "backup", file, "--data", s.dir))
	heard := second.Stats().PacketsReceived
	s.eventually(30*time.Second, "the call goes on", func() bool { return second.Stats().PacketsReceived > heard+25 })
	second.Hangup("customer_disconnect")
	ended(t, second, 20*time.Second, "hang-up")

	says(t, "restore into the running service", hotline(t, nil, "", "restore", file, "--data", s.dir, "--force"), 1, "in use by another hotline")
	dir := t.TempDir()
	must(t, "restore", hotline(t, nil, "", "restore", file, "--data", dir))
	says(t, "restore over data", hotline(t, nil, "", "restore", file, "--data", dir), 1, "not empty")
	must(t, "restore with force", hotline(t, nil, "", "restore", "--force", file, "--data", dir))
	torn := filepath.Join(t.TempDir(), "torn.backup")
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(torn, raw[:len(raw)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, "restore of half a backup", hotline(t, nil, "", "restore", "--force", torn, "--data", dir), 1, "damaged")

	restored := start(t, "--data", dir)
	restored.dir = dir
	checkRestored(t, s, restored, finished, running)
}

func checkRestored(t *testing.T, s, restored *server, finished, running string) {
	was, is := s.detail(finished), restored.detail(finished)
	a, b := mustMarshal(t, was), mustMarshal(t, is)
	if !bytes.Equal(a, b) {
		t.Errorf("the finished conversation was\n%s\nand is\n%s", a, b)
	}
	if len(is.Recordings) != 1 {
		t.Fatalf("recordings %+v", is.Recordings)
	}
	path := "/recordings/" + is.Recordings[0].ID + "/audio"
	status, _, want := s.fetched(path, "")
	if status != 200 || len(want) < 8000 {
		t.Fatalf("the original's audio: %d, %d bytes", status, len(want))
	}
	status, head, got := restored.fetched(path, "")
	if status != 200 || !bytes.Equal(got, want) || head.Get("Accept-Ranges") != "bytes" || !strings.HasPrefix(head.Get("Content-Type"), "audio/") {
		t.Errorf("audio: %d, %d bytes of %d, %v", status, len(got), len(want), head)
	}
	status, head, got = restored.fetched(path, "bytes=100-299")
	if status != 206 || !bytes.Equal(got, want[100:300]) || head.Get("Content-Range") != fmt.Sprintf("bytes 100-299/%d", len(want)) {
		t.Errorf("a part of the audio: %d, %d bytes, %s", status, len(got), head.Get("Content-Range"))
	}
	if status, _, _ := restored.fetched(path, "bytes=99999999-"); status != 416 {
		t.Errorf("a part beyond the end: %d", status)
	}
	// What was in progress is closed, with what there was of it.
	d := restored.detail(running)
	if d.Conversation.State != omni.Completed || d.Conversation.EndReason != omni.SystemError {
		t.Errorf("the call that was in progress is %s by %s", d.Conversation.State, d.Conversation.EndReason)
	}
	restored.checkRecordings()
	const regular = "caller=%2B81312340012" // of the demo's history
	if n, m := len(s.conversations(regular)), len(restored.conversations(regular)); n != m || n == 0 {
		t.Errorf("%d conversations of the history, %d in the original", m, n)
	}
	newTelephone(t).once(restored, "9001")
}

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// apply shows the difference, makes it, and finds nothing to do afterwards;
// faults have their place in the file.
func TestApply(t *testing.T) {
	t.Parallel()
	s := start(t)
	var tok struct {
		Secret string `json:"secret"`
	}
	s.call("POST", "/tokens", s.token, map[string]any{"name": "apply", "role": "admin"}, &tok)
	env := []string{"HOTLINE_TOKEN=" + tok.Secret}
	file := filepath.Join(t.TempDir(), "shop.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(shopFile)
	apply := func(args ...string) outcome {
		return hotline(t, env, "", append([]string{"apply", file, "--server", s.http}, args...)...)
	}
	dry := must(t, "dry run", apply("--dry-run"))
	says(t, "dry run", dry, 0, "Complaints", "Complaints line", "5000")
	if status, _ := s.try("GET", "/queues/qu_complaints", s.token, nil, nil); status != 404 {
		t.Errorf("the dry run made a queue: %d", status)
	}
	var plan map[string]any
	if o := must(t, "dry run as JSON", apply("--dry-run", "--json")); json.Unmarshal([]byte(o.out), &plan) != nil {
		t.Errorf("the plan is no JSON: %s", o.out)
	}
	says(t, "apply", must(t, "apply", apply()), 0, "applied 3 changes")
	leg := newTelephone(t).dial(s, "5000", "+8613911118003", 440)
	c := s.one("%2B8613911118003", omni.Queued)
	if c.QueueID != "qu_complaints" {
		t.Errorf("the number that was applied leads to queue %s", c.QueueID)
	}
	leg.Hangup("customer_disconnect")
	ended(t, leg, 20*time.Second, "hang-up")
	says(t, "apply again", apply(), 0, "0 of 3 change")

	write(strings.Replace(shopFile, "max_length: 20", "max_length: many", 1))
	says(t, "wrong type", apply(), 1, file+":4:", "max_length")
	write(strings.Replace(shopFile, "max_length:", "max_lenght:", 1))
	says(t, "unknown key", apply(), 1, file+":4:", "max_lenght", "max_length")
	write(strings.Replace(shopFile, "type: queue", "type: kew", 1))
	says(t, "fault in a flow", apply(), 1, file+":13:")
	write("queues: [\n")
	says(t, "no YAML", apply(), 1, file+":")
	write(shopFile)
	says(t, "no token", hotline(t, []string{"HOTLINE_TOKEN="}, "", "apply", file, "--server", s.http), 1, "HOTLINE_TOKEN")
	says(t, "wrong token", hotline(t, []string{"HOTLINE_TOKEN=no"}, "", "apply", file, "--server", s.http), 1)
}

const shopFile = `queues:
  - id: qu_complaints
    name: Complaints
    max_length: 20
flows:
  - id: fl_complaints
    name: Complaints line
    text: |
      languages: [en]
      start: wait
      human: wait
      nodes:
        wait: {type: queue, queue: qu_complaints}
numbers:
  - number: "5000"
    flow_id: fl_complaints
`

// The commands around a running service: users, doctor, flows, demo.
func TestCommands(t *testing.T) {
	t.Parallel()
	s := start(t)
	data := []string{"--data", s.dir, "--log-level", "error"}
	user := func(in string, args ...string) outcome {
		return hotline(t, nil, in, append(append([]string{"user"}, args...), data...)...)
	}
	must(t, "user add", user("a-fresh-long-secret\n", "add", "ann@example.org", "Ann", "auditor"))
	says(t, "user list", user("", "list"), 0, "ann@example.org", "agent@demo")
	must(t, "user password", user("quite-another-secret\n", "password", "agent@demo"))
	s.refused("POST", "/login", "", `{"email":"agent@demo","password":"`+password+`"}`, 401, "credentials")
	if status, body := s.try("POST", "/login", "", map[string]string{"email": "agent@demo", "password": "quite-another-secret"}, nil); status >= 300 {
		t.Errorf("log-in with the new password: %d %s", status, body)
	}
	if status, body := s.try("POST", "/login", "", map[string]string{"email": "ann@example.org", "password": "a-fresh-long-secret"}, nil); status >= 300 {
		t.Errorf("log-in of the new user: %d %s", status, body)
	}

	var report struct {
		Healthy  bool `json:"healthy"`
		Findings []struct{ Check, Level, Subject, Message string }
	}
	doctor := hotline(t, nil, "", append([]string{"doctor", "--json", "--data", s.dir}, s.args[4:]...)...)
	if err := json.Unmarshal([]byte(doctor.out), &report); err != nil {
		t.Fatalf("doctor: %v\n%s%s", err, doctor.out, doctor.err)
	}
	checks := map[string]bool{}
	for _, f := range report.Findings {
		checks[f.Check] = true
	}
	for _, want := range []string{"ports", "disk", "clock", "database", "speech", "https"} {
		if !checks[want] {
			t.Errorf("the doctor does not look at %s: %+v", want, report.Findings)
		}
	}
	if report.Healthy != (doctor.code == 0) {
		t.Errorf("healthy %v, exit %d", report.Healthy, doctor.code)
	}

	says(t, "demo remove", hotline(t, nil, "", append([]string{"demo", "remove"}, data...)...), 0, "removed the demo shop")
	says(t, "demo remove again", hotline(t, nil, "", append([]string{"demo", "remove"}, data...)...), 0, "0 records, 0 conversations")
	says(t, "user list afterwards", user("", "list"), 0, "ann@example.org")
	if o := user("", "list"); strings.Contains(o.out, "@demo") {
		t.Errorf("the demo's users are left:\n%s", o.out)
	}
}

// flow check and flow test tell by their exit code, and as JSON.
func TestFlowCommands(t *testing.T) {
	t.Parallel()
	dir, err := filepath.Abs(filepath.Join("..", "..", "ivr", "flowtest", "testdata"))
	if err != nil {
		t.Fatal(err)
	}
	flow, script := filepath.Join(dir, "order.yaml"), filepath.Join(dir, "order.test.yaml")
	must(t, "flow check", hotline(t, nil, "", "flow", "check", flow))
	must(t, "flow test", hotline(t, nil, "", "flow", "test", script))
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(bad, []byte("flow: fl_x\nname: X\nlanguages: [en]\nstart: a\nhuman: a\nnodes:\n  a: {type: queue}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, "flow check of a bad flow", hotline(t, nil, "", "flow", "check", bad), 1, bad+":7:")
	var problems []struct{ Line, Column int }
	if o := hotline(t, nil, "", "flow", "check", "--json", bad); o.code != 1 || json.Unmarshal([]byte(o.out), &problems) != nil || len(problems) == 0 || problems[0].Line != 7 {
		t.Errorf("flow check --json: %+v", o)
	}
	wrong := filepath.Join(t.TempDir(), "wrong.test.yaml")
	text := "flow: " + flow + "\ntests:\n  - name: another end\n    steps:\n      - hang_up: true\n    end: {outcome: handled}\n"
	if err := os.WriteFile(wrong, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, "flow test that goes otherwise", hotline(t, nil, "", "flow", "test", wrong), 1, "another end")
	if o := hotline(t, nil, "", "flow", "test", "--json", wrong); o.code != 1 || !json.Valid([]byte(o.out)) {
		t.Errorf("flow test --json: %+v", o)
	}
}

// A wrong configuration keeps the service from starting, with the place and
// what would be right; a data folder has one service.
func TestServeRefusesToStart(t *testing.T) {
	t.Parallel()
	s := start(t)
	file := filepath.Join(t.TempDir(), "hotline.yaml")
	if err := os.WriteFile(file, []byte("language: en\nsip:\n  upd: \":5060\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, "unknown key", hotline(t, nil, "", "serve", "--config", file, "--data", t.TempDir()), 1, file+":3", "upd", "udp")
	says(t, "the same data folder", hotline(t, nil, "", "serve", "--data", s.dir, "--http-addr", "127.0.0.1:0"), 1, "in use by another hotline", s.dir)
	p := freePorts(t, 3)
	taken := hotline(t, nil, "", "serve", "--data", t.TempDir(), "--http-addr", strings.TrimPrefix(s.http, "http://"), "--https-addr", "",
		"--sip-udp", fmt.Sprintf("127.0.0.1:%d", p[0]), "--sip-tcp", fmt.Sprintf("127.0.0.1:%d", p[1]), "--webrtc-udp", fmt.Sprintf("127.0.0.1:%d", p[2]), "--rtp-ports", rtpPorts())
	says(t, "a taken port", taken, 1, "address already in use", "--http-addr")
}

// Two installations run side by side on one machine, one set up by flags and
// one by variables; each takes its own calls.
func TestTwoInstallationsSideBySide(t *testing.T) {
	flags := start(t)
	p := freePorts(t, 4)
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", p[i]) }
	variables := &server{t: t, dir: t.TempDir(), http: "http://" + at(0), sip: at(2), args: []string{"serve"}}
	for name, value := range map[string]string{
		"DEMO": "true", "DATA": variables.dir, "HTTP_ADDR": at(0), "HTTPS_ADDR": at(1), "SIP_UDP": at(2), "SIP_TCP": at(2),
		"WEBRTC_UDP": at(3), "RTP_IP": "127.0.0.1", "RTP_PORTS": rtpPorts(),
	} {
		t.Setenv("HOTLINE_"+name, value)
	}
	variables.launch()
	t.Cleanup(variables.stop)
	phone := newTelephone(t)
	a, b := phone.dial(flags, "9001", "+8613911118004", 440), phone.dial(variables, "9001", "+8613911118005", 440)
	for _, leg := range []interface{ Done() <-chan struct{} }{a, b} {
		select {
		case <-leg.Done():
			t.Error("a call ended")
		default:
		}
	}
	flags.eventually(30*time.Second, "both echo", func() bool { return a.Stats().PacketsReceived > 25 && b.Stats().PacketsReceived > 25 })
	a.Hangup("customer_disconnect")
	b.Hangup("customer_disconnect")
	ended(t, a, 20*time.Second, "hang-up")
	ended(t, b, 20*time.Second, "hang-up")
	flags.one("%2B8613911118004", omni.Completed)
	variables.one("%2B8613911118005", omni.Completed)
	if n := len(flags.conversations("caller=%2B8613911118005")) + len(variables.conversations("caller=%2B8613911118004")); n != 0 {
		t.Errorf("%d calls are with the other installation", n)
	}
}
