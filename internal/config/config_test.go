package config

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite hotline.yaml here and at the root of the repository")

const rootFile = "../../hotline.yaml"

func TestCommentedFileIsTheDefaults(t *testing.T) {
	want := Comment(Default())
	if *update {
		for _, f := range []string{"hotline.yaml", rootFile} {
			if err := os.WriteFile(f, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		Commented = want
	}
	if !bytes.Equal(Commented, want) {
		t.Error("hotline.yaml is not what the code says: run go test ./internal/config -update")
	}
	root, err := os.ReadFile(rootFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(root, Commented) {
		t.Error("the hotline.yaml at the root differs from the embedded one")
	}
	// The other way round: reading the file over nothing gives the defaults.
	got := Config{}
	if faults := readFile(&got, "hotline.yaml", Commented); len(faults) > 0 {
		t.Fatal(errors.Join(faults...))
	}
	if def := Default(); !reflect.DeepEqual(got, def) {
		t.Errorf("the file gives %+v\nthe code  %+v", got, def)
	}
}

func TestEverySettingIsDescribed(t *testing.T) {
	c := Default()
	flags := map[string]bool{}
	for _, s := range settings(&c) {
		if s.tag.Get("doc") == "" || strings.HasSuffix(s.path, ".") {
			t.Errorf("%s has no key or no meaning", s.path)
		}
		if flags[s.flag()] {
			t.Errorf("--%s is ambiguous", s.flag())
		}
		flags[s.flag()] = true
		if err := s.set(s.String()); err != nil {
			t.Errorf("the default of %s is not allowed: %v", s.path, err)
		}
	}
}

func load(t *testing.T, file string, environ []string, args ...string) (Config, error) {
	t.Helper()
	dir := t.TempDir()
	if file != "" {
		name := filepath.Join(dir, "hotline.yaml")
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"--config", name}, args...)
	} else {
		t.Chdir(dir) // not the file at the root of the repository
	}
	fs := flag.NewFlagSet("hotline", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fv := Flags(fs)
	if err := fs.Parse(args); err != nil {
		return Config{}, err
	}
	return Load(fv, environ)
}

func TestPriority(t *testing.T) {
	file := "http: {addr: \":1\"}\nhttps:\n  addr: \":2\"\nsip:\n  udp: \":3\"\ncalls: {drain: 5m}\n"
	c, err := load(t, file, []string{"HOTLINE_HTTPS_ADDR=:20", "HOTLINE_SIP_UDP=:30", "HOTLINE_RTP_PORTS=4000-4999", "HOTLINE_DEMO_PASSWORD=a b", "HOTLINE_WRONG=1", "PATH=/bin"},
		"--sip-udp", ":300", "--data", "/tmp/x", "--demo")
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP.Addr != ":1" || c.HTTPS.Addr != ":20" || c.SIP.UDP != ":300" || c.SIP.TCP != ":5060" {
		t.Errorf("addresses are %q %q %q %q", c.HTTP.Addr, c.HTTPS.Addr, c.SIP.UDP, c.SIP.TCP)
	}
	if c.RTP.Ports != (Ports{4000, 4999}) || c.Calls.Drain != 5*time.Minute || c.Data != "/tmp/x" || !c.Demo || c.DemoPassword != "a b" {
		t.Errorf("got %+v", c)
	}
	if !reflect.DeepEqual(c.Unknown, []string{"HOTLINE_WRONG"}) {
		t.Errorf("unknown variables: %v", c.Unknown)
	}
	if c.DatabaseURL() != "sqlite:/tmp/x/hotline.db" || c.RecordingsDir() != "/tmp/x/recordings" {
		t.Error("derived paths are wrong")
	}
}

func TestNothingGivenIsTheDefault(t *testing.T) {
	c, err := load(t, "", nil)
	if err != nil || !reflect.DeepEqual(c, Default()) {
		t.Errorf("%v %+v", err, c)
	}
}

func TestFaultsOfTheFileSayWhere(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"unknown key", "http:\n  adr: \":1\"\n", `:2:3: http.adr: there is no such key, did you mean addr? (allowed: addr, trusted_proxies)`},
		{"unknown section", "\nhttq: {}\n", `:2:1: httq: there is no such key, did you mean http? (allowed: data, demo,`},
		{"wrong choice", "log: {level: loud}\n", `:1:14: log.level: "loud" is not right (allowed: debug, info, warn, error)`},
		{"wrong number", "limits:\n  calls: many\n", `:2:10: limits.calls: "many" is not right (allowed: a whole number from 1 to 100000)`},
		{"out of bounds", "recordings:\n  days: -1\n", `:2:9: recordings.days: "-1" is not right`},
		{"time without unit", "calls:\n  drain: 30\n", `:2:10: calls.drain: "30" is not right (allowed: a time with its unit, from 0s to 24h`},
		{"list instead of text", "data: [a, b]\n", `:1:7: data: is a list (allowed: a text)`},
		{"text instead of list", "bus:\n  routes: nats://x\n", `:2:11: bus.routes: has the wrong kind of value (allowed: a list`},
		{"group instead of value", "demo: {on: true}\n", `:1:`},
		{"value instead of group", "http: 8080\n", `:1:7: http: is not a group of keys`},
		{"twice", "demo: true\ndemo: false\n", `:2:1: demo: the key occurs twice`},
		{"ports", "rtp: {ports: 29999-20000}\n", `rtp.ports: "29999-20000" is not right (allowed: first-last`},
		{"no secrets in messages", "database: {url: \"mysql://u:p@h/d\"}\n", `database.url: the value is not right (allowed: postgres://`},
		{"syntax", "http:\n  addr: \":1\"\n bad\n", `hotline.yaml:`},
		{"several documents", "demo: true\n---\ndemo: false\n", `a second document`},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			_, err := load(t, c.file, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestFaultsOfFlagsAndVariables(t *testing.T) {
	if _, err := load(t, "", []string{"HOTLINE_HTTP_ADDR=nowhere"}); err == nil || !strings.Contains(err.Error(), `HOTLINE_HTTP_ADDR: http.addr: "nowhere" is not right (allowed: host:port`) {
		t.Error(err)
	}
	if _, err := load(t, "", nil, "--country", "china"); err == nil || !strings.Contains(err.Error(), "ISO 3166") {
		t.Error(err)
	}
	if _, err := load(t, "", nil, "--config", "/does/not/exist.yaml"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for _, args := range [][]string{
		{"--sip-cert", "/x"}, {"--https-cert", "/x"}, {"--phone-key", "short"}, {"--webrtc-udp", ":20010"}, {"--http-addr", "", "--https-addr", ""},
	} {
		if _, err := load(t, "", nil, args...); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add([]byte("http: {addr: \":1\"}\n"))
	f.Add(Commented)
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("? [x]\n: y\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c := Default()
		if faults := readFile(&c, "x.yaml", text); len(faults) > 0 {
			return
		}
		again := Default()
		if faults := readFile(&again, "x.yaml", Comment(c)); len(faults) > 0 || !reflect.DeepEqual(again, c) {
			t.Fatalf("what was read is not read again: %v", faults)
		}
	})
}

// No number of days means for ever, not the default.
func TestRetention(t *testing.T) {
	c := Default()
	if c.Retention() != 90*24*time.Hour {
		t.Errorf("by default recordings are kept %s", c.Retention())
	}
	c.Recordings.Days = 0
	if c.Retention() >= 0 {
		t.Errorf("0 days keep recordings %s, want for ever", c.Retention())
	}
}
