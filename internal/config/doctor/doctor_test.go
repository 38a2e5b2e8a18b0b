package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/config"
)

// quiet is a configuration whose ports the kernel chooses.
func quiet(t *testing.T) config.Config {
	t.Helper()
	c := config.Default()
	c.Data = filepath.Join(t.TempDir(), "not", "yet", "there")
	c.HTTP.Addr, c.HTTPS.Addr, c.SIP.UDP, c.SIP.TCP, c.WebRTC.UDP = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	c.RTP.IP = "127.0.0.1"
	return c
}

func (r Report) find(check, subject string) Finding {
	for _, f := range r.Findings {
		if f.Check == check && strings.Contains(f.Subject, subject) {
			return f
		}
	}
	return Finding{}
}

func TestHealthyMachine(t *testing.T) {
	o := Options{
		Config:   quiet(t),
		Database: func(context.Context) (string, error) { return "SQLite", nil },
		Speech:   func(string) error { return nil },
	}
	r := Run(t.Context(), o)
	for _, f := range r.Findings {
		if f.Level == Fault && f.Check != "disk" {
			t.Errorf("%+v", f)
		}
	}
	for _, want := range []string{"http.addr", "https.addr", "sip.udp", "sip.tcp", "webrtc.udp", "rtp.ports"} {
		if f := r.find("ports", want); f.Level != OK {
			t.Errorf("%s: %+v", want, f)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(filepath.Dir(filepath.Dir(o.Config.Data)))); err != nil || len(entries) != 0 {
		t.Errorf("something was left behind: %v %v", entries, err)
	}
}

func TestFindings(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name           string
		change         func(*Options)
		check, subject string
		level          Level
		message        string
	}{
		{"port taken", func(o *Options) { o.Config.SIP.TCP = taken.Addr().String() }, "ports", "sip.tcp", Fault, "another program"},
		{"port ours", func(o *Options) {
			o.Config.SIP.TCP = taken.Addr().String()
			o.Running = func(context.Context) bool { return true }
		}, "ports", "sip.tcp", OK, "running"},
		{"foreign address", func(o *Options) { o.Config.SIP.UDP = "192.0.2.1:0" }, "ports", "sip.udp", Fault, "assign"},
		{"rtp elsewhere", func(o *Options) { o.Config.RTP.IP = "192.0.2.1" }, "ports", "rtp.ports", Fault, "none"},
		{"data is a file", func(o *Options) { o.Config.Data = file }, "disk", "", Fault, "not a folder"},
		{"little room", func(o *Options) { o.Config.Recordings.ReserveMB = 1 << 40 }, "disk", "", Fault, "not recorded"},
		{"recordings are a file", func(o *Options) { o.Config.Recordings.Dir = file }, "disk", file, Fault, "not a folder"},
		{"recordings failed", func(o *Options) {
			o.FailedRecordings = func(context.Context, time.Time) (int, time.Time, error) { return 3, time.Unix(0, 0), nil }
		}, "recordings", "24 hours", Warning, "3 failed, the last at 1970"},
		{"clock", func(o *Options) { o.Now = func() time.Time { return time.Unix(0, 0) } }, "clock", "date", Fault, "1970"},
		{"database", func(o *Options) {
			o.Database = func(context.Context) (string, error) { return "PostgreSQL", errors.New("refused") }
		}, "database", "PostgreSQL", Fault, "refused"},
		{"speech", func(o *Options) { o.Speech = func(string) error { return errors.New("no voice") } }, "speech", "ja", Warning, "no voice"},
		{"no https", func(o *Options) { o.Config.HTTPS.Addr = "" }, "https", "microphone", "", "HTTPS is off"},
		{"certificate", func(o *Options) { o.Config.HTTPS.Cert, o.Config.HTTPS.Key = file, file }, "https", file, Fault, "cannot be used"},
		{"variable", func(o *Options) { o.Config.Unknown = []string{"HOTLINE_X"} }, "settings", "HOTLINE_X", Warning, "no setting"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			o := Options{Config: quiet(t), Running: func(context.Context) bool { return false }}
			c.change(&o)
			r := Run(t.Context(), o)
			f := r.find(c.check, c.subject)
			if c.level != "" && f.Level != c.level || !strings.Contains(f.Message, c.message) {
				t.Errorf("got %+v", f)
			}
			if f.Level == Fault && (r.Healthy || f.Fix == "") {
				t.Errorf("a fault without a fix, or healthy: %+v", f)
			}
		})
	}
}

func TestRangeTooSmallForTheCalls(t *testing.T) {
	o := Options{Config: quiet(t)}
	o.Config.RTP.Ports = config.Ports{First: 21000, Last: 21099}
	found := false
	for _, f := range Run(t.Context(), o).Findings {
		found = found || strings.Contains(f.Message, "room for 50 call legs")
	}
	if !found {
		t.Error("nothing about the range")
	}
}

func TestRunningInstallationIsSeen(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Request-Id", "rq_1") }))
	defer srv.Close()
	if !answers(t.Context(), strings.TrimPrefix(srv.URL, "http://")) {
		t.Error("not seen")
	}
	srv.Close()
	if answers(t.Context(), strings.TrimPrefix(srv.URL, "http://")) {
		t.Error("seen though it has gone")
	}
}

func TestReports(t *testing.T) {
	r := Report{Findings: []Finding{{"disk", Warning, "data", "little room", "make room"}, {"clock", OK, "date", "right", ""}}}
	var text, enc bytes.Buffer
	if err := errors.Join(r.Write(&text), r.WriteJSON(&enc)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "-> make room") || !strings.Contains(text.String(), "2 checks: 0 faults, 1 warnings") {
		t.Errorf("%s", text.String())
	}
	var back Report
	if err := json.Unmarshal(enc.Bytes(), &back); err != nil || len(back.Findings) != 2 {
		t.Errorf("%v %s", err, enc.String())
	}
}
