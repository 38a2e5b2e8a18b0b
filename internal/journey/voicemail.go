package journey

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/omni"
)

// message is a voicemail that is being recorded.
type message struct {
	recordingID string
	watch       *call.VoiceWatch
	ended       chan struct{} // closed by the conversation
	err         error         // why it failed; to be read after ended
}

// over tells whoever waits that the recording has ended; nil is nobody's.
func (m *message) over(err error) {
	if m != nil {
		m.err = err
		close(m.ended)
	}
}

// startVoicemail records what the customer says.
func (v *conversation) startVoicemail(silence time.Duration) (*message, error) {
	if v.gone {
		return nil, ivr.ErrHangup
	}
	v.finishRecording()
	m := &message{watch: call.NewVoiceWatch(silence), ended: make(chan struct{})}
	var err error
	if m.recordingID, err = v.record(recordVoicemail, "", v.book.conv.QueueID, m.watch); err != nil {
		return nil, err
	}
	v.message = m
	return m, nil
}

// dropRecording forgets a voicemail in which nothing was said.
func (v *conversation) dropRecording(r omni.Recording) {
	if err := os.Remove(v.center.pathOf(r.Path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		v.log.Warn("empty voicemail not removed", "recording", r.ID, "err", err)
	}
	r.State, r.Bytes = omni.RecordingDeleted, 0
	v.book.recording(r)
	v.book.event(omni.RecordingDeletedEvent, map[string]any{"recording_id": r.ID, "reason": "empty"})
}

// Voicemail implements ivr.Session.
func (s *voice) Voicemail(ctx context.Context, req ivr.VoicemailRequest) (ivr.VoicemailResult, error) {
	if err := s.handsOn(ctx); err != nil {
		return ivr.VoicemailResult{}, err
	}
	var m *message
	err := s.v.ask(ctx, func() (err error) { m, err = s.v.startVoicemail(req.Silence); return err })
	if err != nil {
		return ivr.VoicemailResult{}, ended(err)
	}
	began := s.v.center.now()
	t := time.NewTimer(req.Max)
	defer t.Stop()
	select {
	case <-t.C:
	case <-m.watch.Quiet():
	case <-m.ended:
	case <-ctx.Done():
	}
	length := s.v.center.now().Sub(began)
	// A customer who hung up ended the recording already; a key ends it here.
	s.v.post(func() {
		if s.v.message == m {
			s.v.finishRecording()
		}
	})
	select {
	case <-m.ended:
	case <-s.v.done:
	}
	res := ivr.VoicemailResult{Duration: length}
	if m.watch.Spoke() {
		res.RecordingID = m.recordingID
	}
	if err := context.Cause(ctx); err != nil {
		return res, err
	}
	return res, m.failure()
}

// failure is why the message was not kept to its end.
func (m *message) failure() error {
	select {
	case <-m.ended:
		return m.err
	default:
		return nil
	}
}
