package e2e

import (
	"net/http"
	"testing"
	"time"
)

// An administrator erases a caller's data through the pages: one recording is on
// legal hold at first, and with it its conversation; then the rest goes too. No
// file is left.
func TestErasureThroughThePages(t *testing.T) {
	t.Parallel()
	s := start(t)
	phone := newTelephone(t)
	agent := s.openDesk("agent@demo").softphone(950)
	const caller = "+8613911117501"
	goes, _ := s.talked(agent, phone, caller, "")
	stays, _ := s.talked(agent, phone, caller, "")
	if files := s.recordingFiles(); len(files) != 2 {
		t.Fatalf("of two recorded calls there are %q", files)
	}
	s.script(6*time.Minute, []string{"CALLER=" + caller, "GOES=" + goes.Conversation.ID, "HELD=" + stays.Conversation.ID}, "e2e/erasure.mjs")
	for _, id := range []string{goes.Recordings[0].ID, stays.Recordings[0].ID} {
		if status, text := s.try(http.MethodGet, "/recordings/"+id+"/audio", s.token, nil, nil); status != http.StatusNotFound {
			t.Errorf("recording %s: %d %s", id, status, text)
		}
	}
	if files := s.recordingFiles(); len(files) > 0 {
		t.Errorf("files are left: %q", files)
	}
}
