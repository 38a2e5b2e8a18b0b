package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media/wav"
	"github.com/openhotline/hotline/omni"
)

// tinyDisk mounts a disk of its own, which only root may.
func tinyDisk(t *testing.T, megabytes int) string {
	t.Helper()
	dir := t.TempDir()
	if os.Geteuid() != 0 {
		t.Skip("a full disk needs a small one: run as root to mount it")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Skipf("a full disk needs a small one, which cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fill takes every byte that a disk has left; the returned function gives them
// back.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// health is the answer of /readyz.
func (s *server) health() (status int, warnings, reasons map[string]string) {
	s.t.Helper()
	res, err := http.Get(s.http + "/readyz") //nolint:noctx // loopback
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var b struct{ Warnings, Reasons map[string]string }
	if err := json.NewDecoder(res.Body).Decode(&b); err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, b.Warnings, b.Reasons
}

// A disk without room takes the recordings away, and nothing else: the calls go
// on, each says what of its recording was kept and why, and with room again
// they are recorded on.
func TestRecordingsDiskFull(t *testing.T) {
	disk := tinyDisk(t, 4)
	s := start(t, "--recordings-dir", disk, "--recordings-reserve-mb", "1")
	phone := newTelephone(t)
	first := s.openDesk("agent@demo").softphone(950)
	leg, ear := phone.dialCall(s, "9002", "+8613911118881", 440)
	id, _ := first.answer()
	s.one("%2B8613911118881", omni.Connected)
	s.eventually(30*time.Second, "the call is recorded", func() bool { return s.recordingIn(id, omni.RecordingRunning) })
	time.Sleep(time.Second) // to have something to keep
	empty := fill(t, disk)
	s.eventually(30*time.Second, "the recording failed", func() bool { return s.recordingIn(id, omni.RecordingFailed) })
	s.eventually(30*time.Second, "readyz warns", func() bool {
		status, warnings, _ := s.health()
		return status == http.StatusOK && strings.Contains(warnings["recordings"], "disk_full")
	})
	s.eventually(30*time.Second, "the metrics count one failed recording", func() bool {
		return s.metric(`hotline_recordings_failed_total{reason="disk_full"}`) == 1
	})
	s.hears(ear, 950)

	second := s.openDesk("agent2@demo").softphone(1500)
	other, otherEar := phone.dialCall(s, "9002", "+8613911118882", 440)
	otherID, _ := second.answer()
	s.eventually(30*time.Second, "the second call is not recorded, and says so", func() bool { return s.recordingIn(otherID, omni.RecordingFailed) })
	s.hears(otherEar, 1500)

	empty()
	for _, c := range []string{id, otherID} {
		s.eventually(30*time.Second, "the call is recorded again", func() bool { return s.recordingIn(c, omni.RecordingRunning) })
	}
	time.Sleep(500 * time.Millisecond)
	leg.Hangup(call.CustomerDisconnect)
	other.Hangup(call.CustomerDisconnect)
	for c, kept := range map[string]bool{id: true, otherID: false} {
		s.eventually(30*time.Second, "the later recording is ready", func() bool { return s.recordingIn(c, omni.RecordingReady) })
		s.checkFailedRecording(c, disk, kept)
	}
	s.eventually(30*time.Second, "readyz is without a warning", func() bool { _, warnings, _ := s.health(); return len(warnings) == 0 })
	s.script(2*time.Minute, []string{"KEPT=" + id, "LOST=" + otherID}, "e2e/recording.mjs")
	out, err := exec.Command(binary(t), "doctor", "--data", s.dir, "--recordings-dir", disk).Output()
	if !strings.Contains(string(out), "recordings last 24 hours: 2 failed") {
		t.Errorf("doctor does not tell of the failed recordings: %v\n%s", err, out)
	}
}

// recordingIn tells whether a conversation has a recording in a state.
func (s *server) recordingIn(conversationID string, state omni.RecordingState) bool {
	for _, r := range s.detail(conversationID).Recordings {
		if r.State == state {
			return true
		}
	}
	return false
}

// checkFailedRecording holds the first recording of a conversation to what must
// be known of one that failed because of the disk.
func (s *server) checkFailedRecording(conversationID, dir string, kept bool) {
	s.t.Helper()
	d := s.detail(conversationID)
	r := d.Recordings[0]
	if len(d.Recordings) != 2 || r.State != omni.RecordingFailed || r.Failure != omni.FailedDiskFull || r.EndedAt.IsZero() {
		s.t.Errorf("recordings of %s: %+v", conversationID, d.Recordings)
		return
	}
	told := false
	for _, e := range d.Events {
		told = told || e.Type == omni.RecordingFailedEvent && strings.Contains(string(e.Data), r.ID) && strings.Contains(string(e.Data), "disk_full")
	}
	if err := omni.Audit(d.Events); err != nil || !told {
		s.t.Errorf("journal of %s: tells of the failure %v, %v", conversationID, told, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "*", r.ID+".wav"))
	if err != nil {
		s.t.Fatal(err)
	}
	if !kept {
		if r.Bytes != 0 || r.DurationMS != 0 || len(files) != 0 {
			s.t.Errorf("a recording that never began has %d bytes, %d ms, files %v", r.Bytes, r.DurationMS, files)
		}
		return
	}
	if r.DurationMS < 500 || len(files) != 1 {
		s.t.Errorf("kept: %d ms, files %v", r.DurationMS, files)
		return
	}
	info, err := wav.Check(files[0])
	if err != nil || info.Bytes != r.Bytes || info.Duration.Milliseconds() != r.DurationMS {
		s.t.Errorf("what was kept: %+v in the file, %d bytes and %d ms in the row, %v", info, r.Bytes, r.DurationMS, err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.http+"/api/v1/recordings/"+r.ID+"/audio", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); err != nil || n != r.Bytes || res.StatusCode != http.StatusOK {
		s.t.Errorf("what was kept plays %d of %d bytes: %d, %v", n, r.Bytes, res.StatusCode, err)
	}
}

// The whole data folder on a full disk: a call that runs ends with its complete
// record once there is room again, new calls are refused, and readyz says so.
func TestDataDiskFull(t *testing.T) {
	t.Parallel()
	disk := tinyDisk(t, 96)
	s := startIn(t, disk, "--recordings-reserve-mb", "1")
	phone := newTelephone(t)
	agent := s.openDesk("agent@demo").softphone(950)
	leg, ear := phone.dialCall(s, "9002", "+8613911118883", 440)
	id, _ := agent.answer()
	s.eventually(30*time.Second, "the call is recorded", func() bool { return s.recordingIn(id, omni.RecordingRunning) })
	time.Sleep(time.Second)
	empty := fill(t, disk)
	full := false
	for i := 0; i < 4000 && !full; i++ { // what the database has reserved is used up first
		status, _ := s.try(http.MethodPost, "/teams", s.token, map[string]string{"name": fmt.Sprint("Team ", i, strings.Repeat("x", 60))}, nil)
		full = status >= 500
	}
	if !full {
		t.Fatal("the database goes on writing on a full disk")
	}
	s.hears(ear, 950)
	leg.Hangup(call.CustomerDisconnect)
	ended(t, leg, 20*time.Second, "hang-up")
	s.eventually(30*time.Second, "readyz says that the database does not take writes", func() bool {
		status, _, reasons := s.health()
		return status == http.StatusServiceUnavailable && reasons["database"] != ""
	})
	refused, err := phone.calls.DialNumber(t.Context(), call.DialRequest{
		ID: "lg_refused", URI: "sip:9002@" + s.sip, To: "9002", From: "+8613911118884", RingTimeout: 20 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	if end := ended(t, refused, 20*time.Second, "the refusal of a call that cannot be written down"); end.Status != http.StatusServiceUnavailable {
		t.Errorf("a new call on a full disk ended with %+v, want 503", end)
	}
	empty()
	s.eventually(30*time.Second, "ready again", func() bool { status, _, _ := s.health(); return status == http.StatusOK })
	s.eventually(60*time.Second, "the conversation is complete", func() bool {
		return s.detail(id).Conversation.State == omni.Completed && !s.recordingIn(id, omni.RecordingRunning)
	})
	d := s.detail(id)
	if err := omni.Audit(d.Events); err != nil {
		t.Error(err)
	}
	for _, seg := range d.Segments {
		if seg.EndedAt.IsZero() {
			t.Errorf("segment %s is open", seg.Kind)
		}
	}
	if d.Conversation.EndReason != omni.CustomerDisconnect || d.Conversation.AnsweredAt.IsZero() {
		t.Errorf("ended by %q, answered at %s", d.Conversation.EndReason, d.Conversation.AnsweredAt)
	}
	if len(d.Recordings) != 1 || d.Recordings[0].State != omni.RecordingFailed || d.Recordings[0].Failure != omni.FailedDiskFull || d.Recordings[0].DurationMS < 300 {
		t.Errorf("recordings: %+v", d.Recordings)
	}
}
