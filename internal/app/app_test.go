package app

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openhotline/hotline/ivr"
)

// ran is what became of a command line.
type ran struct {
	code     int
	out, err string
}

func hotline(t *testing.T, environ []string, in string, args ...string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	code := Run(context.Background(), args, Streams{In: strings.NewReader(in), Out: &out, Err: &errs, Environ: environ, Version: "1.2.3"})
	return ran{code, out.String(), errs.String()}
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The exit code tells whether a command line was understood.
func TestCommandLines(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string // on either stream
	}{
		{nil, 0, "Commands:"},
		{[]string{"--help"}, 0, "serve"},
		{[]string{"version"}, 0, "1.2.3"},
		{[]string{"fly"}, 2, `unknown command "fly"`},
		{[]string{"serve", "--help"}, 0, "-http-addr"},
		{[]string{"serve", "--no-such-flag"}, 2, "no-such-flag"},
		{[]string{"serve", "now"}, 2, "flags only"},
		{[]string{"backup"}, 2, "the file to write"},
		{[]string{"restore"}, 2, "the backup's file"},
		{[]string{"demo", "add"}, 2, "remove"},
		{[]string{"flow", "check"}, 2, "SCRIPT"},
		{[]string{"flow", "draw", "x.yaml"}, 2, "SCRIPT"},
		{[]string{"apply"}, 2, "the file to apply"},
		{[]string{"simulate", "--mix", "9002=much"}, 1, "is no number"},
		{[]string{"serve", "--limits-calls", "0"}, 2, "limits-calls"},
	} {
		got := hotline(t, nil, "", c.args...)
		if got.code != c.code || !strings.Contains(got.out+got.err, c.says) {
			t.Errorf("%v: exit %d, want %d and %q\n%s%s", c.args, got.code, c.code, c.says, got.out, got.err)
		}
	}
}

// A wrong configuration names file, line and what is allowed.
func TestConfigurationFaultsHavePlaces(t *testing.T) {
	path := file(t, "hotline.yaml", "language: en\nhtpp:\n  addr: \":80\"\n")
	got := hotline(t, nil, "", "doctor", "--config", path)
	if got.code != 1 || !strings.Contains(got.err, path+":2") || !strings.Contains(got.err, "htpp") || !strings.Contains(got.err, "https") {
		t.Errorf("unknown key: exit %d\n%s", got.code, got.err)
	}
	path = file(t, "hotline.yaml", "data: x\nlanguage: fr\n")
	if got := hotline(t, nil, "", "doctor", "--config", path); got.code != 1 || !strings.Contains(got.err, path+":2") || !strings.Contains(got.err, "zh-CN") {
		t.Errorf("value that is not allowed: exit %d\n%s", got.code, got.err)
	}
	if got := hotline(t, []string{"HOTLINE_LANGUAGE=fr"}, "", "doctor"); got.code != 1 || !strings.Contains(got.err, "HOTLINE_LANGUAGE") || !strings.Contains(got.err, "zh-CN") {
		t.Errorf("variable: exit %d\n%s", got.code, got.err)
	}
}

// flow check and flow test tell by their exit code whether all is well, with
// the place of every fault, for people and for programs.
func TestFlowCommand(t *testing.T) {
	good := filepath.Join("..", "..", "ivr", "flowtest", "testdata", "order.yaml")
	script := filepath.Join("..", "..", "ivr", "flowtest", "testdata", "order.test.yaml")
	if got := hotline(t, nil, "", "flow", "check", good); got.code != 0 || !strings.Contains(got.out, "ok") {
		t.Errorf("good flow: %+v", got)
	}
	if got := hotline(t, nil, "", "flow", "test", script); got.code != 0 {
		t.Errorf("good script: %+v", got)
	}
	if got := hotline(t, nil, "", "flow", "test", "--json", script); got.code != 0 || !json.Valid([]byte(got.out)) {
		t.Errorf("good script as JSON: %+v", got)
	}
	bad := file(t, "bad.yaml", "flow: fl_x\nname: X\nlanguages: [en]\nstart: a\nhuman: b\nnodes:\n  a: {type: sing, next: b}\n  b: {type: queue, queue: qu_1}\n")
	got := hotline(t, nil, "", "flow", "check", good, bad)
	if got.code != 1 || !strings.Contains(got.out, "bad.yaml:7:") || !strings.Contains(got.out, "say") {
		t.Errorf("bad flow: %+v", got)
	}
	got = hotline(t, nil, "", "flow", "check", "--json", bad)
	var problems []ivr.Problem
	if err := json.Unmarshal([]byte(got.out), &problems); err != nil || got.code != 1 || len(problems) == 0 || problems[0].Line != 7 || len(problems[0].Allowed) == 0 {
		t.Errorf("bad flow as JSON: %+v, %v", got, err)
	}
	if got := hotline(t, nil, "", "flow", "check", "no-such-file.yaml"); got.code != 1 || !strings.Contains(got.err, "no-such-file.yaml") {
		t.Errorf("missing file: %+v", got)
	}
}

// People and their passwords, without a running service.
func TestUserCommand(t *testing.T) {
	data := []string{"--data", t.TempDir(), "--log-level", "error"}
	user := func(in string, args ...string) ran {
		return hotline(t, nil, in, append(append([]string{"user"}, args...), data...)...)
	}
	if got := user("a-long-enough-secret\n", "add", "Ann@Example.org", "Ann", "supervisor"); got.code != 0 || !strings.Contains(got.out, "ann@example.org") {
		t.Errorf("add: %+v", got)
	}
	if got := user("", "list"); got.code != 0 || !strings.Contains(got.out, "ann@example.org") || !strings.Contains(got.out, "supervisor") {
		t.Errorf("list: %+v", got)
	}
	if got := user("another-good-secret\n", "password", "ann@example.org"); got.code != 0 {
		t.Errorf("password: %+v", got)
	}
	for name, c := range map[string]struct {
		in, says string
		args     []string
	}{
		"twice":          {"a-long-enough-secret\n", "already", []string{"add", "ann@example.org", "Ann", "agent"}},
		"no such role":   {"a-long-enough-secret\n", "supervisor", []string{"add", "bob@example.org", "Bob", "king"}},
		"short password": {"short\n", "12", []string{"add", "bob@example.org", "Bob", "agent"}},
		"no password":    {"", "standard input", []string{"add", "bob@example.org", "Bob", "agent"}},
		"no such user":   {"a-long-enough-secret\n", "bob@example.org", []string{"password", "bob@example.org"}},
	} {
		if got := user(c.in, c.args...); got.code != 1 || !strings.Contains(got.err, c.says) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := user("", "list"); strings.Contains(got.out, "bob") || strings.Count(got.out, "\n") != 1 {
		t.Errorf("list afterwards: %+v", got)
	}
}
