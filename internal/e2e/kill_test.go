package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/omni"
	"github.com/openhotline/hotline/sip"
)

// stage is an installation in which a call stands in every state that has several
// people, or nobody, with the customer.
type stage struct {
	*server
	phone   *telephone
	outside *telephone
	rings   <-chan *call.Leg
	first   *softphone // whose sound engine all share
	staff   int
	scenes  []*scene
}

// scene is one call of a stage.
type scene struct {
	name, caller, id string
	state            omni.State
	lead             *softphone
	far              map[string]*call.Leg // telephones at the other end
	open             []omni.SegmentKind   // segments that go on
	recorded, waits  bool
}

// hire makes a member of the staff, who has a page open.
func (st *stage) hire(role string) *softphone {
	st.t.Helper()
	st.staff++
	n := fmt.Sprintf("staff%d", st.staff)
	user := map[string]any{"id": "us_" + n, "email": n + "@staff.invalid", "name": n, "role": role, "password": password}
	if role == "agent" {
		user["agent_id"] = "ag_" + n
		st.call(http.MethodPost, "/agents", st.token, map[string]any{"id": "ag_" + n, "name": n, "queues": []string{"qu_sales"}, "enabled": true}, nil)
	}
	st.call(http.MethodPost, "/users", st.token, user, nil)
	d := st.openTab(n+"@staff.invalid", n)
	if st.first == nil {
		st.first = d.softphone(950)
		return st.first
	}
	return &softphone{d, st.first.api, st.first.engine, 950}
}

func (p *softphone) available() {
	p.s.t.Helper()
	p.s.call(http.MethodPut, "/agents/me/presence", p.token, map[string]string{"presence": "available"}, nil)
}

// ring lets a caller ring the sales queue.
func (st *stage) ring(name string) *scene {
	st.t.Helper()
	c := &scene{name: name, caller: fmt.Sprintf("+86139222200%02d", len(st.scenes)), far: map[string]*call.Leg{}}
	c.far["customer"] = st.phone.dial(st.server, "9002", c.caller, 440)
	st.scenes = append(st.scenes, c)
	return c
}

// talk puts a caller into the hands of a new agent.
func (st *stage) talk(name string) *scene {
	st.t.Helper()
	agent := st.hire("agent")
	agent.available()
	c := st.ring(name)
	o, _ := agent.take()
	c.id, c.lead, c.recorded, c.state = o.ConversationID, agent, true, omni.Connected
	c.open = []omni.SegmentKind{omni.SegmentAgent}
	st.one(url.QueryEscape(c.caller), omni.Connected)
	return c
}

// asks has the agent of a call ask a colleague, who comes.
func (st *stage) asks(c *scene, joins bool) {
	st.t.Helper()
	colleague := st.hire("agent")
	colleague.available()
	c.lead.do(c.id, "consult", map[string]any{"kind": "agent", "target": colleague.agentID, "joins": joins})
	colleague.take()
}

// asksOutside has the agent of a call ask an outside number, which answers.
func (st *stage) asksOutside(c *scene, joins bool) {
	st.t.Helper()
	c.lead.do(c.id, "consult", map[string]any{"kind": "number", "target": "5550001", "joins": joins})
	c.far["outside"], _ = st.outside.answerNext(st.rings, 1700)
}

// deskPhone registers a telephone as the desk phone of a new agent; its calls come
// through rings.
func (st *stage) deskPhone(name string) (rings <-chan *call.Leg) {
	st.t.Helper()
	const secret = "desk-phone-secret-9"
	p, legs := newTelephone(st.t), make(chan *call.Leg, 4)
	p.calls.OnInbound(func(l *call.Leg) {
		_ = l.Ring()
		legs <- l
	})
	st.call(http.MethodPost, "/devices", st.token, map[string]any{"id": "dv_" + name, "name": name, "username": name, "password": secret}, nil)
	st.call(http.MethodPost, "/agents", st.token, map[string]any{"id": "ag_" + name, "name": name, "queues": []string{"qu_sales"}, "device_id": "dv_" + name}, nil)
	if err := p.endpoint.SetLines([]sip.Line{{ID: name, Name: name, Mode: sip.ModeRegister, Server: st.sip, Username: name, Password: secret}}); err != nil {
		st.t.Fatal(err)
	}
	st.eventually(30*time.Second, "the desk phone is registered", func() bool {
		state, _ := p.endpoint.LineState(name)
		return state.Registered
	})
	st.call(http.MethodPut, "/agents/ag_"+name+"/presence", st.token, map[string]string{"presence": "available"}, nil)
	return legs
}

// rung waits until a telephone rings.
func (st *stage) rung(what string, rings <-chan *call.Leg) *call.Leg {
	st.t.Helper()
	select {
	case l := <-rings:
		return l
	case <-time.After(30 * time.Second):
		st.t.Fatalf("%s does not ring", what)
		return nil
	}
}

// set brings a call into every state. Nobody is free at the end.
func (st *stage) set() {
	t := st.t
	t.Helper()
	st.queueRule(map[string]any{"wrap_up_time": 300, "ring_timeout": 120}) // nothing moves on by itself
	flow := st.publishes("keys", "  start: {type: ask, text: {en: Key}, digits: 1, timeout: 60s, retries: 5, save: key, next: done}\n  done: {type: end}\n")
	desk := st.deskPhone("deska")
	c := st.ring("desk phone")
	c.far["desk phone"] = st.rung("the desk phone", desk)
	if err := c.far["desk phone"].Answer(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.id, c.state, c.recorded, c.open = st.one(url.QueryEscape(c.caller), omni.Connected).ID, omni.Connected, true, []omni.SegmentKind{omni.SegmentAgent}

	c = st.talk("hold")
	c.lead.do(c.id, "hold", nil)
	c.state, c.open = omni.OnHold, append(c.open, omni.SegmentHold)

	c = st.talk("consult, a colleague in private")
	st.asks(c, false)
	c.state, c.open = omni.OnHold, append(c.open, omni.SegmentHold, omni.SegmentConsult)

	c = st.talk("consult, an outside number in private")
	st.asksOutside(c, false)
	c.state, c.open = omni.OnHold, append(c.open, omni.SegmentHold, omni.SegmentConsult)

	c = st.talk("conference")
	st.asks(c, true)
	st.asksOutside(c, true)
	c.open = append(c.open, omni.SegmentAgent)

	c = st.talk("with a flow, the agent waits")
	c.lead.do(c.id, "flow", map[string]any{"flow": flow})
	c.state, c.open = omni.OnHold, append(c.open, omni.SegmentHold, omni.SegmentFlow)

	c = st.talk("a flow goes on without the agent")
	c.lead.do(c.id, "flow", map[string]any{"flow": flow})
	c.lead.do(c.id, "leave", nil)
	c.state, c.open = omni.InFlow, []omni.SegmentKind{omni.SegmentFlow, omni.SegmentWrapUp}

	c = st.talk("supervised")
	for _, mode := range []string{"monitor", "whisper", "barge"} {
		boss := st.hire("supervisor")
		st.call(http.MethodPut, "/conversations/"+c.id+"/supervision", boss.token, map[string]string{"mode": mode}, nil)
		boss.open("monitor", c.id, "lg_"+mode)
		c.open = append(c.open, omni.SegmentMonitor)
	}

	c = st.talk("an outside number alone")
	st.asksOutside(c, true)
	c.state, c.open = omni.InFlow, []omni.SegmentKind{omni.SegmentFlow, omni.SegmentWrapUp}
	st.eventually(30*time.Second, "three in the call", func() bool { return strings.HasSuffix(st.inCall(c.id), "external=talking") })
	c.lead.do(c.id, "leave", nil)

	c = st.talk("an outside number is to join")
	c.lead.do(c.id, "consult", map[string]any{"kind": "number", "target": "5550001", "joins": true, "ring": 120})
	c.far["outside, ringing"] = st.rung("the outside number", st.rings)

	desk = st.deskPhone("deskb")
	c = st.ring("offered to a desk phone")
	c.far["desk phone, ringing"] = st.rung("the second desk phone", desk)
	c.id, c.state, c.waits, c.open = st.one(url.QueryEscape(c.caller), omni.Offered).ID, omni.Offered, true, []omni.SegmentKind{omni.SegmentQueue, omni.SegmentOffer}

	c = st.ring("waiting")
	c.id, c.state, c.waits, c.open = st.one(url.QueryEscape(c.caller), omni.Queued).ID, omni.Queued, true, []omni.SegmentKind{omni.SegmentQueue}
}

// standing checks that every call is in its state.
func (st *stage) standing() {
	st.t.Helper()
	for _, c := range st.scenes {
		st.eventually(30*time.Second, c.name+" is in its state", func() bool {
			d := st.detail(c.id)
			return d.Conversation.State == c.state && slices.Equal(kinds(d.Segments, func(s omni.Segment) bool { return s.EndedAt.IsZero() }), sorted(c.open))
		})
	}
}

// kinds are the kinds of some segments, sorted.
func kinds(segments []omni.Segment, which func(omni.Segment) bool) []omni.SegmentKind {
	var list []omni.SegmentKind
	for _, s := range segments {
		if which(s) {
			list = append(list, s.Kind)
		}
	}
	return sorted(list)
}

func sorted(list []omni.SegmentKind) []omni.SegmentKind {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// A process that is killed while calls are on hold, in consultations, in conferences,
// with flows and supervised leaves no telephone behind, nobody at work, no record open, and the
// places of those who waited.
func TestKilledInEveryState(t *testing.T) {
	st := &stage{server: start(t)}
	st.stop()
	st.launch()
	usual := st.readyIn // a start with nothing to set right, on a machine as busy as now
	st.phone = newTelephone(t)
	st.outside, st.rings = st.server.outside()
	st.set()
	st.standing()
	since := map[string]time.Time{}
	for _, c := range st.scenes {
		if c.waits {
			since[c.id] = st.waitingSince(c.id)
		}
	}
	time.Sleep(500 * time.Millisecond) // so that the recordings have something to lose
	killed := time.Now()
	st.kill()
	recordings, flushed := st.checkRecordings(), st.lastFlushes()
	st.launch()
	if st.readyIn > max(2*time.Second, 3*usual) {
		t.Errorf("ready only %s after the restart, without a kill after %s", st.readyIn, usual)
	}
	for _, c := range st.scenes {
		for who, leg := range c.far {
			if end := ended(t, leg, 20*time.Second, c.name+": the end for the "+who); !end.ByRemote {
				t.Errorf("%s: the %s ended with %+v", c.name, who, end)
			}
		}
		st.closed(c, flushed)
	}
	says(t, "verify", must(t, "verify", hotline(t, nil, "", "verify", "--data", st.dir)), 0, fmt.Sprintf("%d recordings hold", recordings))
	st.nothingLeft()
	st.placesAreKept(since, killed)
}

// lastFlushes are when the recordings' files were written last, by recording: a
// machine that stands still for a moment delays what is written, and loses none of it.
// How often a file is written is held in media/wav, by a clock that does not stand still.
func (s *server) lastFlushes() map[string]time.Time {
	s.t.Helper()
	flushed := map[string]time.Time{}
	for _, file := range s.recordingFiles() {
		info, err := os.Stat(file)
		if err != nil {
			s.t.Fatal(err)
		}
		flushed[strings.TrimSuffix(filepath.Base(file), ".wav")] = info.ModTime()
	}
	return flushed
}

// recordingFiles are all the files below the folder of recordings.
func (s *server) recordingFiles() (files []string) {
	s.t.Helper()
	err := filepath.WalkDir(filepath.Join(s.dir, "recordings"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

// closed holds a call that was cut off to what must be known of it.
func (st *stage) closed(c *scene, flushed map[string]time.Time) {
	t := st.t
	t.Helper()
	st.eventually(30*time.Second, c.name+" and its recording are complete", func() bool {
		return st.detail(c.id).Conversation.State == omni.Completed && !st.recordingIn(c.id, omni.RecordingRunning)
	})
	d := st.detail(c.id)
	if d.Conversation.EndReason != omni.SystemError {
		t.Errorf("%s: %s, ended by %q", c.name, d.Conversation.State, d.Conversation.EndReason)
	}
	if got := kinds(d.Segments, func(s omni.Segment) bool { return s.EndReason == omni.SystemError }); !slices.Equal(got, sorted(c.open)) {
		t.Errorf("%s: ended by the failure were %v, want %v", c.name, got, sorted(c.open))
	}
	told, count, waited := map[string]bool{}, map[string]int{}, 0
	for _, e := range d.Events {
		count[e.Type]++
		var flow struct {
			AgentWaits bool `json:"agent_waits"`
		}
		if e.Type == omni.ConversationFlowEntered && json.Unmarshal(e.Data, &flow) == nil && flow.AgentWaits {
			waited++
		}
		if e.Type == omni.SegmentEnded {
			told[e.SegmentID] = true
		}
	}
	for _, s := range d.Segments {
		if s.EndedAt.IsZero() || s.EndReason == "" || !told[s.ID] {
			t.Errorf("%s: segment %s ended at %s by %q, told: %t", c.name, s.Kind, s.EndedAt, s.EndReason, told[s.ID])
		}
	}
	if a, b := count[omni.MonitorStarted], count[omni.MonitorEnded]; a != b {
		t.Errorf("%s: %d began to listen, %d left", c.name, a, b)
	}
	if a, b := count[omni.ConversationConsultStarted], count[omni.ConversationConsultEnded]+count[omni.ConversationPartyJoined]; a != b {
		t.Errorf("%s: %d consultations began, %d are over", c.name, a, b)
	}
	if b := count[omni.ConversationFlowLeft]; waited != b {
		t.Errorf("%s: agents began to wait for %d flows, and for %d no longer", c.name, waited, b)
	}
	for _, l := range d.Legs {
		if l.EndedAt.IsZero() || l.EndReason == "" {
			t.Errorf("%s: leg of %s ended at %s by %q", c.name, l.Party, l.EndedAt, l.EndReason)
		}
	}
	if !c.recorded {
		return
	}
	if len(d.Recordings) != 1 || d.Recordings[0].State != omni.RecordingReady {
		t.Errorf("%s: recordings %+v", c.name, d.Recordings)
		return
	}
	r := d.Recordings[0]
	if has, want := time.Duration(r.DurationMS)*time.Millisecond, flushed[r.ID].Sub(r.StartedAt); want <= 0 || has < want-300*time.Millisecond {
		t.Errorf("%s: the recording has %s of %s", c.name, has, want)
	}
	files, err := filepath.Glob(filepath.Join(st.dir, "recordings", "*", "*", "*", r.ID+".wav"))
	if err != nil || len(files) != 1 {
		t.Errorf("%s: recording %v, %v", c.name, files, err)
		return
	}
	if info, err := wav.Check(files[0]); err != nil || info.Bytes != r.Bytes {
		t.Errorf("%s: %d bytes in the row, %d in the file, %v", c.name, r.Bytes, info.Bytes, err)
	}
}

// nothingLeft checks that no agent is at work or reached, and no call, leg or port
// is open.
func (st *stage) nothingLeft() {
	t := st.t
	t.Helper()
	var b struct {
		Queues []agent.QueueSnapshot `json:"queues"`
		Agents []agent.AgentSnapshot `json:"agents"`
	}
	st.call(http.MethodGet, "/wallboard", st.token, nil, &b)
	for _, a := range b.Agents {
		if len(a.Works) > 0 || a.Presence.Connected && !strings.HasPrefix(a.AgentID, "ag_desk") {
			t.Errorf("agent %s works on %+v, reached: %t", a.AgentID, a.Works, a.Presence.Connected)
		}
	}
	for _, q := range b.Queues {
		if len(q.Entries) > 0 {
			t.Errorf("queue %s has %+v", q.QueueID, q.Entries)
		}
	}
	st.eventually(30*time.Second, "no call is live", func() bool { return st.metric("hotline_calls_live") == 0 })
	st.eventually(30*time.Second, "no RTP socket is open", func() bool { return st.rtpSockets() == 0 })
}

// placesAreKept has the callers ring again: who waited is where they were, who
// talked is new; and an agent whose call was cut off takes the first of them.
func (st *stage) placesAreKept(since map[string]time.Time, killed time.Time) {
	t := st.t
	t.Helper()
	before := st.metric("go_goroutines")
	var legs []*call.Leg
	first := ""
	for _, c := range slices.Backward(st.scenes) { // who came last rings first
		if !c.waits && c.name != "hold" {
			continue
		}
		legs = append(legs, st.phone.dial(st.server, "9002", c.caller, 440))
		again := st.one(url.QueryEscape(c.caller), omni.Queued, omni.Offered)
		got := st.waitingSince(again.ID)
		if c.waits && !got.Equal(since[c.id]) || !c.waits && got.Before(killed) {
			t.Errorf("%s: back in the queue since %s, was there since %s", c.name, got, since[c.id])
		}
		if c.name == "offered to a desk phone" {
			first = again.ID
		}
	}
	lead := st.scenes[1].lead
	d := st.openTab(strings.TrimPrefix(lead.agentID, "ag_")+"@staff.invalid", "again")
	back := &softphone{d, lead.api, lead.engine, 950}
	var p agent.Presence
	if err := json.Unmarshal(d.wait("presence", 30*time.Second), &p); err != nil || p.State != agent.Available {
		back.available()
	}
	if o, _ := back.take(); o.ConversationID != first {
		t.Errorf("offered first is %s, not who waited longest, %s", o.ConversationID, first)
	}
	st.eventually(30*time.Second, "they talk", func() bool { return st.detail(first).Conversation.State == omni.Connected })
	for _, l := range legs {
		l.Hangup(call.CustomerDisconnect)
	}
	st.eventually(30*time.Second, "no RTP socket is open", func() bool { return st.rtpSockets() == 0 })
	_ = d.conn.Close()
	http.DefaultClient.CloseIdleConnections()
	now := 0.0
	st.eventually(30*time.Second, "goroutines have ended", func() bool {
		now = st.metric("go_goroutines")
		return now <= before+10
	})
	t.Logf("%g goroutines before the calls, %g after", before, now)
}
