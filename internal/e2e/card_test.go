package e2e

import (
	"bytes"
	bytesof "encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/dtmf"
	"github.com/openhotline/hotline/media/mediatest"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/omni"
)

// keyPhone is a telephone written by hand that types as careless gateways do:
// each key as a tone in the sound, as RFC 4733 events and as SIP INFO. Between
// keys it says a tone of 440 Hz.
type keyPhone struct {
	t       *testing.T
	sip     net.PacketConn
	service net.Addr
	id, to  string
	cseq    int

	mu   sync.Mutex
	keys []byte // not typed yet
	busy bool   // a key sounds, or the pause behind it
}

// dialKeys calls a number with a keyPhone; the call is hung up with the test.
func (s *server) dialKeys(t *testing.T, number, from string) *keyPhone {
	t.Helper()
	listen := func() net.PacketConn {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	service, err := net.ResolveUDPAddr("udp", s.sip)
	if err != nil {
		t.Fatal(err)
	}
	rtp := listen()
	p := &keyPhone{t: t, sip: listen(), service: service, id: fmt.Sprintf("keys-%d", time.Now().UnixNano()), cseq: 1,
		to: fmt.Sprintf("<sip:%s@%s>", number, s.sip)}
	media := strings.TrimPrefix(rtp.LocalAddr().String(), "127.0.0.1:")
	p.send("INVITE", "sip:"+number+"@"+s.sip, from, "application/sdp", "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"+
		"m=audio "+media+" RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n")
	answer := p.final()
	tag := regexp.MustCompile(`(?mi)^To:.*(;tag=\S+)`).FindSubmatch(answer)
	port := regexp.MustCompile(`m=audio (\d+)`).FindSubmatch(answer)
	if !bytes.HasPrefix(answer, []byte("SIP/2.0 200")) || tag == nil || port == nil {
		t.Fatalf("the call is answered with %s", answer)
	}
	p.to += string(tag[1])
	p.send("ACK", "sip:"+number+"@"+s.sip, from, "application/sdp", "")
	there, err := net.ResolveUDPAddr("udp", "127.0.0.1:"+string(port[1]))
	if err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { defer close(done); p.speak(rtp, there, stop, from) }()
	t.Cleanup(func() {
		close(stop)
		<-done
		_ = rtp.Close()
		_ = p.sip.Close()
	})
	return p
}

// send sends a request of the call.
func (p *keyPhone) send(method, uri, from, kind, body string) {
	if method != "ACK" {
		p.cseq++
	}
	me := p.sip.LocalAddr().String()
	_, _ = p.sip.WriteTo(fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%s%d\r\nFrom: <sip:%s@%s>;tag=1\r\nTo: %s\r\n"+
		"Call-ID: %s\r\nCSeq: %d %s\r\nContact: <sip:%s@%s>\r\nMax-Forwards: 70\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		method, uri, me, p.id, method, p.cseq, from, me, p.to, p.id, p.cseq, method, from, me, kind, len(body), body), p.service)
}

// final reads responses up to a final one.
func (p *keyPhone) final() []byte {
	buf := make([]byte, 65536)
	for {
		_ = p.sip.SetReadDeadline(time.Now().Add(10 * time.Second))
		n, _, err := p.sip.ReadFrom(buf)
		if err != nil {
			p.t.Fatalf("no answer: %v", err)
		}
		if status, _ := statusOf(buf[:n]); status != "" && status[0] != '1' {
			return bytes.Clone(buf[:n])
		}
	}
}

// speak sends sound until stop: its tone, and 120 ms of each key with 80 ms of
// silence behind it.
func (p *keyPhone) speak(rtp net.PacketConn, there net.Addr, stop <-chan struct{}, from string) {
	voice := mediatest.NewSource(440, -12, media.Rate8k)
	due := time.NewTimer(0) // a frame that is late is followed at once, as a telephone's are
	defer due.Stop()
	next := time.Now()
	var key byte
	var tones *dtmf.Generator
	frame, sound := make([]int16, 160), make([]byte, 160)
	seq, began := uint16(1), uint32(0)
	packet := func(kind byte, ts uint32, payload []byte) {
		h := []byte{0x80, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}
		bytesof.BigEndian.PutUint16(h[2:], seq)
		bytesof.BigEndian.PutUint32(h[4:], ts)
		seq++
		_, _ = rtp.WriteTo(append(h, payload...), there)
	}
	left := 0 // frames of the key, with the pause behind it
	for ts := uint32(160); ; ts += 160 {
		select {
		case <-stop:
			return
		case <-due.C:
		}
		next = next.Add(media.FrameTime)
		due.Reset(time.Until(next))
		if p.mu.Lock(); left == 0 && len(p.keys) > 0 {
			key, p.keys = p.keys[0], p.keys[1:]
			left, began, tones = 10, ts, dtmf.NewGenerator(key, media.Rate8k)
		}
		p.busy = left > 0
		p.mu.Unlock()
		switch {
		case left > 4:
			tones.Fill(frame)
		case left > 0:
			clear(frame)
		default:
			voice.Fill(frame)
		}
		codec.EncodePCMA(sound, frame)
		packet(8, ts, sound)
		if left > 3 {
			code, _ := dtmf.Code(key)
			packet(101, began, dtmf.Event{Code: code, End: left == 4, Volume: 10, Duration: uint16(ts - began)}.Append(nil))
		}
		if left == 4 {
			p.send("INFO", "sip:keys@"+p.service.String(), from, "application/dtmf-relay", fmt.Sprintf("Signal=%c\r\nDuration=120\r\n", key))
		}
		left = max(left-1, 0)
	}
}

// press types keys and waits until they are typed.
func (p *keyPhone) press(keys string) {
	p.mu.Lock()
	p.keys = append(p.keys, keys...)
	p.mu.Unlock()
	for typing := true; typing; {
		time.Sleep(media.FrameTime)
		p.mu.Lock()
		typing = p.busy || len(p.keys) > 0
		p.mu.Unlock()
	}
}

// card is a test number; it passes the check of card numbers.
const card = "4929385716620738"

// A card number that a caller types where a flow asks for something sensitive is
// found in nothing that is kept: not in the sound, the database, other files or
// the log. The same search finds what is typed elsewhere and what is written
// down.
func TestCardDigitsAreKeptNowhere(t *testing.T) {
	for _, sensitive := range []bool{true, false} {
		t.Run(fmt.Sprint("sensitive ", sensitive), func(t *testing.T) {
			t.Parallel()
			s := start(t)
			s.answers("7202", fmt.Sprintf("  start: {type: ask, digits: 16, sensitive: %t, save: card, timeout: 20s, next: known}\n"+
				"  known: {type: branch, cases: [{if: 'card startsWith \"4929\"', next: visa}], otherwise: human}\n"+
				"  visa: {type: queue, queue: qu_service}\n", sensitive))
			first, second := s.openDesk("agent@demo").softphone(950), s.openTab("agent2@demo", "").softphone(1500)
			phone := s.dialKeys(t, "9002", "8613911117202")
			id, _ := first.answer()
			s.eventually(30*time.Second, "the call is recorded", func() bool { return s.recordingIn(id, omni.RecordingRunning) })
			time.Sleep(1500 * time.Millisecond)
			var numbers struct {
				Items []struct {
					Number string
					FlowID string `json:"flow_id"`
				}
			}
			s.call(http.MethodGet, "/numbers", s.token, nil, &numbers)
			for _, n := range numbers.Items {
				if n.Number == "7202" {
					s.call(http.MethodPost, "/conversations/"+id+"/transfer", first.token, map[string]string{"kind": "flow", "target": n.FlowID}, nil)
				}
			}
			s.eventually(30*time.Second, "the flow asks", func() bool {
				d := s.detail(id)
				return d.Conversation.State == omni.InFlow && (!sensitive || happened(d, omni.RecordingPausedEvent) > 0)
			})
			time.Sleep(300 * time.Millisecond)
			phone.press(card)
			s.call(http.MethodPut, "/agents/me/presence", second.token, map[string]string{"presence": "available"}, nil)
			if again, _ := second.answer(); again != id {
				t.Fatalf("the second agent got %s, want %s", again, id)
			}
			if !sensitive { // what is typed elsewhere is heard, and what is written down is found
				phone.press(card)
				s.call(http.MethodPut, "/conversations/"+id+"/note", second.token, map[string]string{"note": "said " + card}, nil)
			}
			s.eventually(30*time.Second, "it is recorded again", func() bool { return !sensitive || happened(s.detail(id), omni.RecordingResumedEvent) > 0 })
			time.Sleep(1500 * time.Millisecond)
			s.call(http.MethodPost, "/conversations/"+id+"/end", second.token, nil, nil)
			s.wantCard(id, !sensitive)
		})
	}
}

// happened counts the events of a type in a conversation.
func happened(d omni.Detail, typ string) (n int) {
	for _, e := range d.Events {
		if e.Type == typ {
			n++
		}
	}
	return n
}

// wantCard looks for the card number everywhere.
func (s *server) wantCard(id string, want bool) {
	t := s.t
	t.Helper()
	var d omni.Detail
	s.eventually(30*time.Second, "the recording is ready", func() bool {
		d = s.detail(id)
		return len(d.Recordings) == 1 && d.Recordings[0].State == omni.RecordingReady
	})
	if !strings.Contains(strings.Join(d.Conversation.FlowPath, " "), "card startsWith") {
		t.Errorf("the flow did not get the number; it went %q", d.Conversation.FlowPath)
	}
	r := d.Recordings[0]
	if lasted := r.EndedAt.Sub(r.StartedAt).Milliseconds(); lasted-r.DurationMS > 700 || r.DurationMS-lasted > 700 {
		t.Errorf("%d ms are recorded of a call of %d ms", r.DurationMS, lasted)
	}
	var heard string
	if err := filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if strings.HasSuffix(path, r.ID+".wav") {
			heard += s.keysIn(path, d)
		}
		b, err := os.ReadFile(path)
		if found := bytes.Contains(b, []byte(card)); found {
			t.Logf("the number is in %s", filepath.Base(path))
			if !want {
				t.Errorf("the number is kept in %s", filepath.Base(path))
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.log.String(), card) {
		t.Error("the number is in the log")
	}
	database, err := os.ReadFile(filepath.Join(s.dir, "hotline.db"))
	wal, errWAL := os.ReadFile(filepath.Join(s.dir, "hotline.db-wal"))
	if err != nil || errWAL != nil {
		t.Fatal(err, errWAL)
	}
	if found := bytes.Contains(append(database, wal...), []byte(card)); found != want {
		t.Errorf("the number is in the database: %v, want %v", found, want)
	}
	if found := strings.Contains(heard, card); found != want || !want && heard != "" {
		t.Errorf("keys heard in the recording: %q", heard)
	}
}

// keysIn finds the keys of both sides of a recording, and holds its silence to
// the pause in the journal.
func (s *server) keysIn(path string, d omni.Detail) (keys string) {
	t := s.t
	t.Helper()
	left, right, err := wav.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range [][]int16{left, right} {
		detector := dtmf.NewDetector(media.Rate8k)
		for at := 0; at+160 <= len(side); at += 160 {
			if p, ok := detector.Feed(side[at : at+160]); ok {
				keys += string(rune(p.Digit))
			}
		}
	}
	var paused, silent int64
	for _, e := range d.Events {
		var data struct {
			Paused int64 `json:"paused_ms"`
		}
		if e.Type == omni.RecordingResumedEvent && json.Unmarshal(e.Data, &data) == nil {
			paused += data.Paused
		}
	}
	for at := 0; at+160 <= len(left); at += 160 {
		if mediatest.DBFS(left[at:at+160]) < -60 {
			silent += 20
		}
	}
	t.Logf("paused for %d ms, the caller's side is silent for %d ms of %d, keys %q", paused, silent, len(left)/8, keys)
	if paused > 0 && (silent < paused-200 || silent > paused+600) {
		t.Errorf("silence of %d ms in a pause of %d ms", silent, paused)
	}
	mediatest.RequireTone(t, left[len(left)-8000:], media.Rate8k, 440)
	mediatest.RequireTone(t, left[4000:8000], media.Rate8k, 440)
	return keys
}

// An agent pauses the recording and goes on; who does not have the call, or
// whose call is not recorded, cannot.
func TestAgentPausesTheRecording(t *testing.T) {
	t.Parallel()
	s := start(t)
	agent := s.openDesk("agent@demo").softphone(950)
	phone := newTelephone(t)
	customer, _ := phone.dialCall(s, "9002", "+8613911117203", 440)
	id, _ := agent.answer()
	path := "/conversations/" + id + "/recording/"
	state := func(want string) {
		t.Helper()
		var told struct{ State, Reason string }
		if err := json.Unmarshal(agent.wait("recording", 30*time.Second), &told); err != nil || told.State != want || (want == "paused") != (told.Reason == "agent") {
			t.Errorf("the agent is told %+v, %v; want %s", told, err, want)
		}
	}
	state("running")
	if status, _ := s.try(http.MethodPost, path+"pause", s.login("agent2@demo"), nil, nil); status != http.StatusConflict {
		t.Errorf("another agent pauses: %d", status)
	}
	time.Sleep(time.Second)
	for range 2 { // a double click changes nothing
		s.call(http.MethodPost, path+"pause", agent.token, nil, nil)
	}
	state("paused")
	time.Sleep(1500 * time.Millisecond)
	s.call(http.MethodPost, path+"resume", agent.token, nil, nil)
	state("running")
	time.Sleep(1500 * time.Millisecond)
	customer.Hangup("customer_disconnect")
	s.eventually(30*time.Second, "the recording is ready", func() bool { return s.recordingIn(id, omni.RecordingReady) })
	d := s.detail(id)
	files, err := filepath.Glob(filepath.Join(s.dir, "recordings", "*", "*", "*", d.Recordings[0].ID+".wav"))
	if err != nil || len(files) != 1 {
		t.Fatalf("recording: %v, %v", files, err)
	}
	s.keysIn(files[0], d)
	if paused, resumed := happened(d, omni.RecordingPausedEvent), happened(d, omni.RecordingResumedEvent); paused != 1 || resumed != 1 {
		t.Errorf("paused %d times, resumed %d times", paused, resumed)
	}
	if status, _ := s.try(http.MethodPost, path+"pause", agent.token, nil, nil); status != http.StatusConflict {
		t.Errorf("a call that is over is paused: %d", status)
	}
}
