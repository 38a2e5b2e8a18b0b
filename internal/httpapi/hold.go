package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

type holdInput struct {
	ID   string `path:"id" maxLength:"60"`
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why, for instance the number of a case"`
	}
}

func (s *Server) registerHolds() {
	const path = "/recordings/{id}/legal-hold"
	register(s, operation("hold-recording", http.MethodPut, path, tagConversations,
		"Keep a recording from being deleted, by retention and by erasure", account.ActHold),
		func(ctx context.Context, in *holdInput) (*one[omni.Recording], error) {
			if strings.TrimSpace(in.Body.Reason) == "" {
				return nil, invalid("reason", "required", "expected why the recording is kept")
			}
			return s.hold(ctx, in.ID, true, in.Body.Reason)
		})
	register(s, operation("release-recording", http.MethodDelete, path, tagConversations,
		"Let a recording go that was kept from being deleted", account.ActHold),
		func(ctx context.Context, in *idInput) (*one[omni.Recording], error) {
			return s.hold(ctx, in.ID, false, "")
		})
}

// hold writes the hold, its event and its line in the audit at once.
func (s *Server) hold(ctx context.Context, recordingID string, on bool, reason string) (*one[omni.Recording], error) {
	rec, err := s.recording(ctx, recordingID)
	if err != nil {
		return nil, err
	}
	by, now := actor(ctx).User.ID, s.now().UTC().Truncate(time.Microsecond)
	typ, action := omni.RecordingHeld, "recording.hold"
	var after any = map[string]string{"reason": reason}
	if !on {
		typ, action, after = omni.RecordingReleased, "recording.release", nil
	}
	event, err := omni.NewEvent(typ, rec.ConversationID, now, map[string]string{"recording_id": rec.ID, "by": by})
	if err != nil {
		return nil, err
	}
	change := omni.Change{Events: []omni.Event{event},
		Holds: []omni.Hold{{RecordingID: rec.ID, On: on, By: by, Reason: reason, At: now}}}
	if _, err := s.cfg.Commit(ctx, change, s.entry(ctx, action, rec.ID, rec.ConversationID, nil, after)); err != nil {
		return nil, err
	}
	rec, err = s.cfg.Omni.Recording(ctx, rec.ID)
	return &one[omni.Recording]{rec}, err
}
