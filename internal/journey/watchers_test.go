package journey

import "testing"

func TestSupervisorListensToOneCall(t *testing.T) {
	var w watchers
	if before := w.put("us_1", "cv_1"); before != "" {
		t.Errorf("listened to %q before", before)
	}
	w.heard("us_1", "cv_1", "so_1", nil)
	if got := w.of("us_1"); got.socket != "so_1" || got.conversationID != "cv_1" {
		t.Errorf("%+v", got)
	}
	if before := w.put("us_1", "cv_1"); before != "cv_1" || w.of("us_1").socket != "so_1" {
		t.Errorf("the same call again: before %q, now %+v", before, w.of("us_1"))
	}
	if before := w.put("us_1", "cv_2"); before != "cv_1" || w.of("us_1").socket != "" {
		t.Errorf("another call: before %q, now %+v", before, w.of("us_1"))
	}
	w.heard("us_1", "cv_1", "so_late", nil) // audio of the call that was left
	w.drop("us_1", "cv_1")
	if got := w.of("us_1"); got.conversationID != "cv_2" || got.socket != "" {
		t.Errorf("%+v", got)
	}
	w.drop("us_1", "cv_2")
	if got := w.of("us_1"); got != (watch{}) {
		t.Errorf("%+v", got)
	}
}
