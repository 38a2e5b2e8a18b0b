package e2e

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/internal/store/storetest"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/mediatest"
	"github.com/openhotline/hotline/omni"
)

// The router's lease, how often a standby looks, and after which silence a node
// is given up (docs/decisions/0006); slack is for a busy machine.
const (
	leaseTime = 10 * time.Second
	standEach = time.Second
	nodeLimit = 20 * time.Second
	slack     = 4 * time.Second
)

// twoNodes starts two processes on one database, joined by their buses.
func twoNodes(t *testing.T) (a, b *server) {
	t.Helper()
	pg := storetest.StartPostgres(t)
	url, recordings, ports := pg.New(t), t.TempDir(), freePorts(t, 2)
	seedShop(t, url)
	node := func(name string, own, other int) *server {
		return start(t, "--database-url", url, "--node", name, "--recordings-dir", recordings, "--bus-secret", "a-secret-of-the-cluster",
			"--bus-listen", fmt.Sprintf("127.0.0.1:%d", own), "--bus-routes", fmt.Sprintf("127.0.0.1:%d", other))
	}
	return node("nd_a", ports[0], ports[1]), node("nd_b", ports[1], ports[0])
}

// seedShop seeds the demo shop without its week of history, which costs some
// thousand round trips to PostgreSQL and is not needed here: the process is
// killed when the shop is committed.
func seedShop(t *testing.T, url string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p := freePorts(t, 3)
	at := func(i int) string { return fmt.Sprintf("127.0.0.1:%d", p[i]) }
	cmd := exec.Command(binary(t), "serve", "--demo", "--data", t.TempDir(), "--database-url", url, "--http-addr", at(0), "--https-addr", "",
		"--sip-udp", at(1), "--sip-tcp", at(1), "--webrtc-udp", at(2), "--rtp-ports", rtpPorts())
	cmd.Env = append(os.Environ(), "HOTLINE_DEMO_PASSWORD="+password)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	storetest.Eventually(t, "the shop is seeded", func() bool {
		var n int
		err := db.QueryRow("SELECT count(*) FROM records WHERE kind = 'queue'").Scan(&n)
		return err == nil && n > 0
	})
}

// Two nodes share the work: a call on either reaches an agent whose page is on
// the other one. The leader is killed: the other node's call goes on as if
// nothing were, it routes within the lease's time, and the dead node's calls get
// honest ends.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t)
	t.Logf("the standby was ready after %s", b.readyIn.Round(time.Millisecond))
	events := b.follow()
	var q struct {
		Version int64 `json:"version"`
	}
	b.call("GET", "/queues/qu_sales", b.token, nil, &q)
	b.call("PATCH", "/queues/qu_sales", b.token, map[string]any{"version": q.Version, "wrap_up_time": 0}, nil)
	phone := newTelephone(t)

	first := a.openDesk("agent@demo").softphone(950)
	legB, earB := phone.dialCall(b, "9002", "+8613911110001", 440)
	onB, _ := first.answer()
	b.owned(onB, "nd_b", omni.Connected)
	b.hears(earB, 950)
	for path, want := range map[string]omni.State{"/hold": omni.OnHold} {
		a.call(http.MethodPost, "/conversations/"+onB+path, first.token, nil, nil)
		b.owned(onB, "nd_b", want)
	}
	a.call(http.MethodPost, "/conversations/"+onB+"/resume", first.token, nil, nil)
	b.owned(onB, "nd_b", omni.Connected)
	b.hears(earB, 950)
	if status, body := b.try(http.MethodPost, "/conversations/cv_none/hold", first.token, nil, nil); status != http.StatusNotFound {
		t.Errorf("holding a call that is nowhere: %d %s", status, body)
	}

	second := b.openDesk("agent2@demo").softphone(1500)
	legA, earA := phone.dialCall(a, "9002", "+8613911110002", 440)
	onA, _ := second.answer()
	a.owned(onA, "nd_a", omni.Connected)
	a.hears(earA, 1500)
	waiting, earW := phone.dialCall(b, "9002", "+8613911110003", 440)
	inLine := b.one("%2B8613911110003", omni.Queued).ID
	events.until(t, 30*time.Second, omni.ConversationConnected, onA)

	killed := time.Now() // at the earliest
	a.kill()
	desk := b.openTab("agent@demo", "") // the page finds the node that lives
	mediatest.RequireTone(t, b.listen(earB), media.Rate8k, 950)
	b.eventually(leaseTime+standEach+slack, "the other node routes", func() bool {
		status, _ := b.try(http.MethodPut, "/agents/me/presence", desk.token, map[string]string{"presence": "available"}, nil)
		return status < 300
	})
	t.Logf("routing again %s after the kill", time.Since(killed).Round(100*time.Millisecond))
	b.hears(earB, 950)
	b.owned(onB, "nd_b", omni.Connected)
	b.owned(inLine, "nd_b", omni.Queued)

	legB.Hangup(call.CustomerDisconnect) // the agent is free for who waits
	next := desk.softphone(950)
	got, _ := next.answer()
	if got != inLine {
		t.Fatalf("offered %s, want the caller who waited, %s", got, inLine)
	}
	b.owned(inLine, "nd_b", omni.Connected)
	b.hears(earW, 950)

	if end := ended(t, legA, time.Until(killed.Add(nodeLimit+slack+10*time.Second)), "BYE for the dead node's caller"); !end.ByRemote {
		t.Errorf("the dead node's call ended with %+v", end)
	}
	b.owned(onA, "nd_a", omni.Completed)
	b.checkGivenUp(onA, killed)
	b.eventually(30*time.Second, "the dead node's agent is free", func() bool { return len(b.works(second.agentID)) == 0 })
	if c := b.detail(onB).Conversation; c.State != omni.Completed || c.EndReason != omni.CustomerDisconnect {
		t.Errorf("the call that went on is %s, ended by %s", c.State, c.EndReason)
	}
	events.until(t, 30*time.Second, omni.ConversationCompleted, onA)
	waiting.Hangup(call.CustomerDisconnect)
	ended(t, waiting, 20*time.Second, "hang-up")
	b.eventually(30*time.Second, "every conversation is complete", func() bool { return b.detail(inLine).Conversation.State == omni.Completed })
}

// owned waits until a conversation of a node is in a state.
func (s *server) owned(id, node string, want omni.State) {
	s.t.Helper()
	var c omni.Conversation
	s.eventually(30*time.Second, fmt.Sprintf("%s is %s", id, want), func() bool {
		c = s.detail(id).Conversation
		return c.State == want
	})
	if c.NodeID != node {
		s.t.Errorf("%s belongs to %s, want %s", id, c.NodeID, node)
	}
}

// checkGivenUp holds a conversation of a dead node to what must be known of it.
func (s *server) checkGivenUp(id string, killed time.Time) {
	s.t.Helper()
	s.eventually(30*time.Second, "the recording of "+id+" is ready", func() bool { return s.recordingIn(id, omni.RecordingReady) })
	d := s.detail(id)
	if c := d.Conversation; c.EndReason != omni.SystemError || c.EndedAt.Before(killed) {
		s.t.Errorf("%s ended by %q at %s, its node was killed at %s", id, c.EndReason, c.EndedAt, killed)
	}
	for _, seg := range d.Segments {
		if seg.EndedAt.IsZero() {
			s.t.Errorf("segment %s of %s is open", seg.Kind, id)
		}
	}
	completed := 0
	for i, e := range d.Events {
		if e.ConversationSeq != int64(i+1) {
			s.t.Errorf("event %d of %s has number %d", i+1, id, e.ConversationSeq)
		}
		if e.Type == omni.ConversationCompleted {
			completed++
		}
	}
	if completed != 1 {
		s.t.Errorf("%s was completed %d times", id, completed)
	}
	if len(d.Recordings) != 1 || d.Recordings[0].DurationMS < 500 {
		s.t.Errorf("recordings of %s: %+v", id, d.Recordings)
	}
}

// follower reads an administrator's live socket; every event comes once and in
// the order of seq.
type follower struct {
	events chan omni.Event
	faults chan string
}

func (s *server) follow() *follower {
	s.t.Helper()
	conn, res, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.http, "http")+"/api/v1/live", http.Header{"Authorization": {"Bearer " + s.token}})
	if err != nil {
		s.t.Fatal(err)
	}
	_ = res.Body.Close()
	f := &follower{events: make(chan omni.Event, 4096), faults: make(chan string, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		last := int64(0)
		for {
			var m struct {
				Seq  int64           `json:"seq"`
				Type string          `json:"type"`
				Data json.RawMessage `json:"data"`
			}
			if conn.ReadJSON(&m) != nil {
				return
			}
			var e omni.Event
			if m.Type == "head" || m.Seq == 0 || json.Unmarshal(m.Data, &e) != nil {
				continue
			}
			if last != 0 && m.Seq != last+1 {
				select {
				case f.faults <- fmt.Sprintf("event %d follows %d", m.Seq, last):
				default:
				}
			}
			last = m.Seq
			f.events <- e
		}
	}()
	s.t.Cleanup(func() {
		_ = conn.Close()
		<-done
		select {
		case fault := <-f.faults:
			s.t.Error(fault)
		default:
		}
	})
	return f
}

// until waits for an event of a conversation.
func (f *follower) until(t *testing.T, limit time.Duration, typ, conversationID string) {
	t.Helper()
	end := time.After(limit)
	for {
		select {
		case e := <-f.events:
			if e.Type == typ && e.ConversationID == conversationID {
				return
			}
		case <-end:
			t.Fatalf("not within %s: %s of %s on the other node's socket", limit, typ, conversationID)
		}
	}
}
