package e2e

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/simulate"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/omni"
)

// conversations reads those with a caller's number.
func (s *server) conversations(query string) []omni.Conversation {
	s.t.Helper()
	var out struct {
		Items []omni.Conversation `json:"items"`
	}
	s.call(http.MethodGet, "/conversations?limit=500&"+query, s.token, nil, &out)
	return out.Items
}

func TestSIPpCallsEveryDemoNumber(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, transport := range []string{"u1", "t1"} {
		for _, number := range []string{"9001", "9003", "9000"} {
			s.sipp("-sn", "uac", "-s", number, "-t", transport, "-m", "2", "-r", "2", "-d", "1200")
		}
	}
	s.eventually(30*time.Second, "all calls are over", func() bool {
		over := 0
		for _, c := range s.conversations("caller=sipp") {
			if c.State == omni.Completed && c.EndReason == omni.CustomerDisconnect {
				over++
			}
		}
		return over == 12
	})
}

// A SIPp caller reaches an agent at a browser, over UDP and over TCP; the call
// is recorded and complete.
func TestSIPpReachesAnAgent(t *testing.T) {
	t.Parallel()
	s := start(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	agents := make(chan error, 1)
	go func() {
		_, err := simulate.Run(ctx, simulate.Config{
			Target: s.http, SIP: s.sip, Password: password, WebAgents: 2, Rate: 0.01, Duration: time.Minute,
			Mix: []simulate.Mix{{Number: "9003", Weight: 1}}, PickUp: 200 * time.Millisecond, Talk: time.Minute, Patience: time.Second,
		}, nil)
		agents <- err
	}()
	s.eventually(30*time.Second, "agents are available", func() bool {
		var b struct {
			Queues []agent.QueueSnapshot `json:"queues"`
		}
		s.call(http.MethodGet, "/wallboard", s.token, nil, &b)
		for _, q := range b.Queues {
			if q.QueueID == "qu_sales" && q.Active >= 2 {
				return true
			}
		}
		return false
	})
	for _, transport := range []string{"u1", "t1"} {
		s.sipp("-sn", "uac", "-s", "9002", "-t", transport, "-m", "1", "-d", "6000")
	}
	s.eventually(25*time.Second, "both calls are complete", func() bool {
		return len(s.conversations("caller=sipp&state=completed")) == 2
	})
	for _, c := range s.conversations("caller=sipp") {
		d := s.detail(c.ID)
		if d.Conversation.AnsweredAt.IsZero() || d.Conversation.EndReason != omni.CustomerDisconnect || len(d.Recordings) != 1 {
			t.Errorf("conversation %s: answered %s, ended by %s, %d recordings", c.ID, d.Conversation.AnsweredAt, d.Conversation.EndReason, len(d.Recordings))
		}
	}
	stop()
	<-agents
	s.checkRecordings()
}

func TestUnknownNumberIs404(t *testing.T) {
	t.Parallel()
	s := start(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "expect404.xml")
	if err := os.WriteFile(file, []byte(expect404), 0o600); err != nil {
		t.Fatal(err)
	}
	s.sipp("-sf", file, "-s", "12345", "-m", "1")
}

const expect404 = `<?xml version="1.0" encoding="UTF-8"?>
<scenario name="unknown number">
<send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:e2e@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:e2e@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=e2e 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
]]></send>
<recv response="100" optional="true"/>
<recv response="404"/>
<send><![CDATA[
ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:e2e@[local_ip]:[local_port]>;tag=[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
</scenario>`

// simulated runs a simulation against the service.
func (s *server) simulated(ctx context.Context, cfg simulate.Config) simulate.Report {
	s.t.Helper()
	cfg.Target, cfg.SIP, cfg.Password = s.http, s.sip, password
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(testWriter{s.t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	r, err := simulate.Run(ctx, cfg, nil)
	if err != nil {
		s.t.Fatalf("simulation: %v", err)
	}
	var text strings.Builder
	r.Print(&text)
	s.t.Log("\n" + text.String())
	return r
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

var _ io.Writer = testWriter{}

// A small day: callers over UDP and TCP, agents at browsers and desk phones.
// Nothing may be lost, stuck or incomplete, and the service level must equal
// its recomputation from the journal.
func TestSimulatedDay(t *testing.T) {
	s := start(t)
	r := s.simulated(t.Context(), simulate.Config{
		WebAgents: 2, SIPAgents: 2, Rate: 1.5, Duration: 20 * time.Second, Talk: 4 * time.Second, Patience: 15 * time.Second,
		PickUp: time.Second, WrapUp: time.Second, TCP: 0.3, Seed: 7,
		Mix: []simulate.Mix{{Number: "9002", Weight: 3}, {Number: "9000", Keys: "1", Weight: 1}, {Number: "9001", Weight: 0.5}},
	})
	if !r.OK() {
		t.Error("the simulation found faults")
	}
	if len(r.AgentErrors) > 0 {
		t.Errorf("agents met %d errors", len(r.AgentErrors))
	}
	if r.Answered < 8 {
		t.Errorf("%d calls answered, want at least 8", r.Answered)
	}
	s.checkRecordings()
}

// checkRecordings holds every file to its own header.
func (s *server) checkRecordings() (files int) {
	s.t.Helper()
	err := filepath.WalkDir(filepath.Join(s.dir, "recordings"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		info, err := wav.Check(path)
		if err != nil {
			s.t.Errorf("recording %s: %v", filepath.Base(path), err)
		}
		if info.Channels != 2 || info.Rate != 8000 {
			s.t.Errorf("recording %s: %d channels at %d Hz", filepath.Base(path), info.Channels, info.Rate)
		}
		return nil
	})
	if err != nil {
		s.t.Error(err)
	}
	return files
}
