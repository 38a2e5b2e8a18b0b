package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/openhotline/hotline/omni"
)

// What was recorded in calls, one of which was cut off by a kill, is sealed; one
// changed byte is found.
func TestVerifyNamesAChangedRecording(t *testing.T) {
	t.Parallel()
	s := start(t)
	phone := newTelephone(t)
	agent := s.openDesk("agent@demo").softphone(950)
	d, _ := s.talked(agent, phone, "+8613911117401", "")
	phone.dialCall(s, "9002", "+8613911117402", 440)
	id, _ := agent.answer()
	s.eventually(30*time.Second, "the second call is recorded", func() bool { return s.recordingIn(id, omni.RecordingRunning) })
	time.Sleep(500 * time.Millisecond)
	s.kill()
	s.launch()
	s.eventually(30*time.Second, "the recording that was cut off is complete", func() bool { return s.recordingIn(id, omni.RecordingReady) })
	verify := func() outcome { return hotline(t, nil, "", "verify", "--data", s.dir) }
	says(t, "verify", must(t, "verify", verify()), 0, "2 recordings hold")
	sum := s.detail(id).Recordings[0].SHA256
	if len(sum) != 64 {
		t.Errorf("hash of the recording: %q", sum)
	}
	r := d.Recordings[0]
	files, err := filepath.Glob(filepath.Join(s.dir, "recordings", "*", "*", "*", r.ID+".wav"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	sound, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	sound[len(sound)/2] ^= 1
	if err := os.WriteFile(files[0], sound, 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, "verify after a change", verify(), 1, "broken at seal 1", r.ID, "file")
	if status, _ := s.try(http.MethodGet, "/recordings/"+r.ID+"/audio", s.token, nil, nil); status != http.StatusOK {
		t.Errorf("the changed recording can still be heard: %d", status)
	}
}
