package httpapi

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

// addConversations adds one conversation of agent one, one of the same
// customer with nobody's part, and one of agent two.
func (w *world) addConversations() {
	w.m.customers["cu_a"] = omni.Customer{ID: "cu_a", Name: "Customer A"}
	w.m.customers["cu_b"] = omni.Customer{ID: "cu_b", Name: "Customer B"}
	w.m.conversations["cv_own"] = omni.Detail{
		Conversation: omni.Conversation{ID: "cv_own", CustomerID: "cu_a", AgentID: "ag_one", QueueID: "qu_sales", State: omni.Connected},
		Segments:     []omni.Segment{{ID: "sg_1", AgentID: "ag_one"}},
	}
	w.m.conversations["cv_same_customer"] = omni.Detail{Conversation: omni.Conversation{ID: "cv_same_customer", CustomerID: "cu_a", QueueID: "qu_none", State: omni.Completed}}
	w.m.conversations["cv_other"] = omni.Detail{Conversation: omni.Conversation{ID: "cv_other", CustomerID: "cu_b", AgentID: "ag_two", QueueID: "qu_none", State: omni.Completed}}
	w.m.recordings["rc_own"] = omni.Recording{ID: "rc_own", ConversationID: "cv_own", Path: "2026/own.wav", State: omni.RecordingReady}
	w.m.recordings["rc_other"] = omni.Recording{ID: "rc_other", ConversationID: "cv_other", Path: "2026/other.wav", State: omni.RecordingReady}
	w.m.recordings["rc_gone"] = omni.Recording{ID: "rc_gone", ConversationID: "cv_own", Path: "2026/gone.wav", State: omni.RecordingReady}
	w.m.recordings["rc_deleted"] = omni.Recording{ID: "rc_deleted", ConversationID: "cv_own", Path: "2026/own.wav", State: omni.RecordingDeleted}
	w.m.recordings["rc_outside"] = omni.Recording{ID: "rc_outside", ConversationID: "cv_own", Path: "../secret.wav", State: omni.RecordingReady}
}

// wavFile is a stereo WAV: format 7 (µ-law) with an 18 byte fmt chunk and a
// fact chunk, or 1 (PCM).
func wavFile(format uint16, left, right []byte) []byte {
	width := 1
	if format == 1 {
		width = 2
	}
	data := make([]byte, 0, 2*len(left))
	for i := 0; i < len(left); i += width {
		data = append(data, left[i:i+width]...)
		data = append(data, right[i:i+width]...)
	}
	le := binary.LittleEndian
	var b []byte
	b = append(b, "RIFF\x00\x00\x00\x00WAVEfmt \x12\x00\x00\x00"...)
	b = le.AppendUint16(b, format)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint32(b, 8000)
	b = le.AppendUint32(b, uint32(16000*width))
	b = le.AppendUint16(b, uint16(2*width))
	b = le.AppendUint16(b, uint16(8*width))
	b = append(b, 0, 0)
	b = append(b, "fact\x04\x00\x00\x00\x00\x00\x00\x00data"...)
	b = le.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

func TestRecordings(t *testing.T) {
	t.Parallel()
	left, right := make([]byte, 16000), make([]byte, 16000) // 2 s of µ-law
	for i := range left {
		left[i], right[i] = 0xff, 0x80 // silence, and full level
		if i >= 8000 {
			left[i], right[i] = 0x00, 0xff
		}
	}
	file := wavFile(7, left, right)
	w := newWorld(t, func(c *Config) {
		c.Recordings = fstest.MapFS{"2026/own.wav": {Data: file}, "2026/other.wav": {Data: []byte("no sound")}}
	})
	w.addConversations()
	path := prefix + "/recordings/rc_own/audio"
	listened := func() (n int) {
		for _, e := range w.m.audit {
			if e.Action == "recording.listen" && e.TargetID == "rc_own" {
				n++
			}
		}
		return n
	}
	w.do(account.RoleAgent, "HEAD", path, nil).want(200)
	if listened() != 0 {
		t.Error("asking for the length counts as listening")
	}
	w.do(account.RoleAgent, "GET", path, nil, "Range", "bytes=100-").want(206) // a piece from the middle is listening, too
	if listened() != 1 {
		t.Errorf("the audit has %d times that somebody listened from the middle, want 1", listened())
	}
	a := w.do(account.RoleAgent, "GET", path, nil).want(200)
	if string(a.body) != string(file) || a.Header.Get("Content-Type") != "audio/wav" || a.Header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("whole file: %d bytes, %v", len(a.body), a.Header)
	}
	a = w.do(account.RoleAgent, "GET", path, nil, "Range", "bytes=4-7").want(206)
	if string(a.body) != string(file[4:8]) || !strings.HasPrefix(a.Header.Get("Content-Range"), "bytes 4-7/") {
		t.Errorf("range: %q %v", a.body, a.Header)
	}
	w.do(account.RoleAgent, "GET", path, nil, "Range", "bytes=999999-").problem(416, ProblemRange, "")
	a = w.do(account.RoleAgent, "HEAD", path, nil).want(200)
	if len(a.body) != 0 || a.ContentLength != int64(len(file)) {
		t.Errorf("HEAD: %d bytes, length %d", len(a.body), a.ContentLength)
	}
	for _, id := range []string{"rc_none", "rc_gone", "rc_deleted", "rc_outside", "rc_other"} {
		w.do(account.RoleAgent, "GET", prefix+"/recordings/"+id+"/audio", nil).problem(404, ProblemNotFound, "")
	}
	if listened() != 1 {
		t.Errorf("one listening in pieces is %d lines in the audit", listened())
	}
	w.do(account.RoleAuditor, "GET", path, nil, "Range", "bytes=4-7").want(206)
	if listened() != 2 {
		t.Errorf("two listeners are %d lines in the audit", listened())
	}
	var p Peaks
	w.do(account.RoleAgent, "GET", prefix+"/recordings/rc_own/peaks?steps=10", nil).want(200, &p)
	if p.DurationMS != 2000 || len(p.Left) != 10 || p.Left[0] != 0 || p.Left[9] < 0.97 || p.Right[0] < 0.97 || p.Right[9] != 0 {
		t.Errorf("peaks %+v", p)
	}
	w.do(account.RoleAdmin, "GET", prefix+"/recordings/rc_other/peaks", nil).problem(500, ProblemInternal, "")
}

func TestLevelsOfG711(t *testing.T) {
	// End points and a middle value of ITU-T G.711, in 16 bit.
	for _, c := range []struct {
		name string
		got  float64
		want float64
	}{
		{"µ-law silence", ulawLevel[0xff], 0}, {"µ-law loudest", ulawLevel[0x00], 32124}, {"µ-law 0x8f", ulawLevel[0x8f], 16764},
		{"A-law quietest", alawLevel[0xd5], 8}, {"A-law loudest", alawLevel[0x2a], 32256},
	} {
		if math.Abs(c.got*32768-c.want) > 0.5 {
			t.Errorf("%s is %v, want %v", c.name, c.got*32768, c.want)
		}
	}
}

func FuzzPeaks(f *testing.F) {
	f.Add(wavFile(7, []byte{1, 2, 3, 4}, []byte{5, 6, 7, 8}))
	f.Add(wavFile(1, []byte{1, 2, 3, 4}, []byte{5, 6, 7, 8}))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := strings.NewReader(string(b))
		p, err := readPeaks(t.Context(), &soundFile{ReadSeeker: r, size: int64(len(b))}, 100)
		if err == nil && (len(p.Left) != len(p.Right) || len(p.Left) > 100) {
			t.Fatalf("%d and %d steps", len(p.Left), len(p.Right))
		}
	})
}

// A list of conversations, and the wallboard, ask for the names of all customers
// at once, each once.
func TestNamesAreAskedForAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.addConversations()
	var l struct {
		Items []ConversationItem `json:"items"`
	}
	w.do(account.RoleAdmin, "GET", prefix+"/conversations", nil).want(200, &l)
	if len(l.Items) != 3 || len(w.m.named) != 1 || !slices.Equal(w.m.named[0], []string{"cu_a", "cu_b"}) {
		t.Errorf("%d conversations; asked for the names of %q", len(l.Items), w.m.named)
	}
	for _, c := range l.Items {
		if c.CustomerName != w.m.customers[c.CustomerID].Name || c.CustomerName == "" {
			t.Errorf("%s of %s has the name %q", c.ID, c.CustomerID, c.CustomerName)
		}
	}
	w.m.named = nil
	w.do(account.RoleAdmin, "GET", prefix+"/wallboard", nil).want(200)
	if len(w.m.named) != 1 {
		t.Errorf("the wallboard asked %d times", len(w.m.named))
	}
}

func TestCustomerChangeIsAnEventWithoutPersonalData(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.addConversations()
	var c omni.Customer
	w.do(account.RoleAgent, "PATCH", prefix+"/customers/cu_a", `{"name":"Wang Fang","note":"prefers mornings"}`).want(200, &c)
	if c.Name != "Wang Fang" || w.m.customers["cu_a"].Note != "prefers mornings" {
		t.Errorf("changed to %+v", c)
	}
	if e := w.m.events[0]; e.Type != "customer.updated" || strings.Contains(string(e.Data), "Wang") {
		t.Errorf("event %+v", e)
	}
	for _, e := range w.m.audit {
		if strings.Contains(string(e.After), "Wang") || e.Target == "Wang Fang" {
			t.Error("personal data in the audit cannot be erased")
		}
	}
	var d CustomerDetail
	w.do(account.RoleAgent, "GET", prefix+"/customers/cu_a", nil).want(200, &d)
	if len(d.Timeline) != 2 || d.Timeline[0].CustomerName != "Wang Fang" || d.Identities == nil {
		t.Errorf("detail %+v", d)
	}
	// Who changes what somebody else has changed since is told so.
	stale := c.UpdatedAt.Format(time.RFC3339Nano)
	w.do(account.RoleAgent, "PATCH", prefix+"/customers/cu_a", `{"vip":true,"updated_at":"`+stale+`"}`).want(200)
	w.do(account.RoleAgent, "PATCH", prefix+"/customers/cu_a", `{"note":"x","updated_at":"`+stale+`"}`).problem(409, ProblemVersion, "")
	w.do(account.RoleAuditor, "PATCH", prefix+"/customers/cu_a", `{"name":"x"}`).problem(403, ProblemForbidden, "")
	w.do(account.RoleAgent, "GET", prefix+"/customers?q=W", nil).problem(422, ProblemValidation, "q")
}

func TestDeskCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.addConversations()
	tests := []struct{ method, path, body, want string }{
		{"PUT", "/agents/me/presence", `{"presence":"available"}`, "presence ag_one available "},
		{"PUT", "/agents/me/presence", `{"presence":"break","reason":"lunch","next":true}`, "presence ag_one next break lunch"},
		{"POST", "/offers/of_1/accept", "", "accept ag_one of_1"},
		{"POST", "/offers/of_1/reject", "", "reject ag_one of_1"},
		{"POST", "/conversations/cv_own/hold", "", "hold ag_one cv_own"},
		{"POST", "/conversations/cv_own/resume", "", "resume ag_one cv_own"},
		{"POST", "/conversations/cv_own/end", "", "end ag_one cv_own"},
		{"POST", "/conversations/cv_own/digits", `{"digits":"12#"}`, "digits ag_one cv_own 12#"},
		{"POST", "/conversations/cv_own/transfer", `{"kind":"agent","target":"ag_two"}`, "transfer ag_one cv_own agent ag_two 0s"},
		{"POST", "/conversations/cv_own/transfer", `{"kind":"number","target":"+8613800138000","ring":25}`, "transfer ag_one cv_own number +8613800138000 25s"},
		{"POST", "/conversations/cv_own/wrap-up", `{"note":"done"}`, "wrapup ag_one cv_own  done"},
		{"POST", "/conversations/cv_own/consult", `{"kind":"agent","target":"ag_two"}`, "consult ag_one cv_own agent ag_two false 0s"},
		{"POST", "/conversations/cv_own/consult", `{"kind":"number","target":"+8613800138000","joins":true,"ring":25}`, "consult ag_one cv_own number +8613800138000 true 25s"},
		{"POST", "/conversations/cv_own/flow", `{"flow":"fl_card"}`, "flow ag_one cv_own fl_card"},
		{"POST", "/conversations/cv_own/flow/take-back", "", "take back ag_one cv_own"},
		{"POST", "/conversations/cv_own/consult/complete", "", "consult ag_one cv_own complete"},
		{"POST", "/conversations/cv_own/consult/cancel", "", "consult ag_one cv_own cancel"},
		{"POST", "/conversations/cv_own/consult/swap", "", "consult ag_one cv_own swap"},
		{"POST", "/conversations/cv_own/consult/merge", "", "consult ag_one cv_own merge"},
		{"POST", "/conversations/cv_own/leave", "", "leave ag_one cv_own"},
		{"DELETE", "/conversations/cv_own/parties/lg_1", "", "remove ag_one cv_own lg_1"},
		{"POST", "/conversations/cv_own/wrap-up/extend", "", "extend ag_one cv_own"},
	}
	for _, c := range tests {
		var body any
		if c.body != "" {
			body = c.body
		}
		w.do(account.RoleAgent, c.method, prefix+c.path, body).want(204)
		if got := <-w.desk.seen; got != c.want {
			t.Errorf("%s %s: desk heard %q, want %q", c.method, c.path, got, c.want)
		}
	}
	w.do(account.RoleAgent, "PUT", prefix+"/agents/me/presence", `{"presence":"break"}`).problem(422, ProblemValidation, "#/reason")
	w.do(account.RoleAgent, "PUT", prefix+"/agents/me/presence", `{"presence":"break","reason":"nap"}`).problem(422, ProblemValidation, "#/reason")
	w.do(account.RoleAgent, "PUT", prefix+"/agents/me/presence", `{"presence":"asleep"}`).problem(422, ProblemValidation, "#/presence")
	w.do(account.RoleAgent, "POST", prefix+"/conversations/cv_own/transfer", `{"kind":"queue","target":"qu_none"}`).problem(422, ProblemValidation, "#/target")
	w.do(account.RoleAgent, "POST", prefix+"/conversations/cv_own/transfer", `{"kind":"number","target":"my mother"}`).problem(422, ProblemValidation, "#/target")
	for _, body := range []string{`{"kind":"queue","target":"qu_none"}`, `{"kind":"number","target":"my mother"}`, `{"kind":"agent","target":"ag_one"}`} {
		w.do(account.RoleAgent, "POST", prefix+"/conversations/cv_own/consult", body).problem(422, ProblemValidation, "#/target")
	}
	w.do(account.RoleAgent, "POST", prefix+"/conversations/cv_own/digits", `{"digits":"hello"}`).problem(422, ProblemValidation, "#/digits")
	w.do(account.RoleSupervisor, "POST", prefix+"/conversations/cv_own/end", nil).want(204)
	if got := <-w.desk.seen; got != "end  cv_own" {
		t.Errorf("force close: desk heard %q", got)
	}
	w.do(account.RoleSupervisor, "POST", prefix+"/conversations/cv_other/end", nil).problem(409, ProblemState, "")
	w.do(account.RoleSupervisor, "POST", prefix+"/offers/of_1/accept", nil).problem(403, ProblemForbidden, "")
	w.desk.err = fmt.Errorf("wrap-up: %w", &account.FieldError{Field: "code", Code: "required", Message: "wanted"})
	if p := w.do(account.RoleAgent, "POST", prefix+"/conversations/cv_own/wrap-up", `{"note":"x"}`).problem(422, ProblemValidation, "#/code"); p.Errors[0].Code != "required" {
		t.Errorf("faults %+v", p.Errors)
	}
	w.desk.err = account.ErrState
	w.do(account.RoleAgent, "POST", prefix+"/offers/of_1/accept", nil).problem(409, ProblemState, "")
}
