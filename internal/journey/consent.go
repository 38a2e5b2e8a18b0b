package journey

import (
	"context"
	"fmt"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/i18n"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/omni"
)

// recordingConsent is what the customer was told of recording and answered. It
// holds for the whole conversation.
type recordingConsent struct {
	heard   bool // the notice, to its end
	refused bool
}

// startRecording records the call when the rule of its queue wants it and the
// customer was told.
func (v *conversation) startRecording(queueID string) {
	q := v.center.setup().queues[queueID]
	wanted := q.Records(v.id)
	switch {
	case wanted && v.mayRecord(q):
		if v.recorded == nil {
			_, _ = v.record(recordCall, v.book.conv.AgentID, queueID, nil) // a call goes on without
		}
		return
	case wanted:
		reason := "notice_not_heard"
		if v.consent.refused {
			reason = "refused"
		}
		v.book.event(omni.RecordingSkipped, map[string]any{"reason": reason}, of(v.book.conv.AgentID, queueID))
	}
	v.finishRecording() // begun for another queue that wanted it
	v.tellRecording()
}

func (v *conversation) mayRecord(q setup.Queue) bool {
	return !v.consent.refused && (!q.RecordNotice || v.consent.heard)
}

// mayBeginRecording tells whether the agent who has the call may record it.
func (v *conversation) mayBeginRecording() bool {
	if v.talking == nil || v.recorded != nil {
		return false
	}
	q := v.center.setup().queues[v.talking.offer.QueueID]
	return q.RecordOnDemand && v.mayRecord(q)
}

// recordOnDemand records because the agent wants it.
func (v *conversation) recordOnDemand(agentID string) error {
	s, err := v.own(agentID)
	if err != nil {
		return err
	}
	if v.recorded != nil {
		return nil
	}
	if !v.mayBeginRecording() {
		return fmt.Errorf("%w: the queue does not allow it, or the customer was not told or has refused", account.ErrState)
	}
	_, err = v.record(recordCall, agentID, s.offer.QueueID, nil)
	return err
}

// ---- the notice

// refusalWait is how long after the notice a caller may press the key.
const refusalWait = 3 * time.Second

// tellOfRecording plays the notice of a queue that records, once in a
// conversation, and takes a refusal. A notice that cannot be spoken, or that an
// agent cut off, was not heard.
func (s *voice) tellOfRecording(ctx context.Context, queueID string) error {
	q, ok := s.v.center.setup().queueRef(queueID)
	due := false
	if err := s.v.ask(ctx, func() error {
		due = ok && !s.v.consent.heard && !s.v.consent.refused && q.TellsOfRecording(s.v.id)
		return nil
	}); err != nil || !due {
		return ended(err)
	}
	prompts := recordingNotice(s.language(), q)
	clips := s.v.center.speak(ctx, prompts...)
	if len(clips) < len(prompts) {
		s.v.log.Warn("notice of recording cannot be spoken: the call is not recorded", "queue", q.ID, "language", s.language())
		return nil
	}
	if err := s.v.sound.play(ctx, clips...); err != nil {
		return nil //nolint:nilerr // hushed or over: not heard
	}
	refused := false
	if q.RecordRefusal != "" {
		keys, err := s.keys.Collect(ctx, ivr.KeySpec{Min: 1, Max: 1, FirstTimeout: refusalWait})
		if err != nil {
			return err
		}
		refused = keys.Digits == q.RecordRefusal
	}
	return ended(s.v.ask(ctx, func() error { s.v.answeredNotice(q, refused); return nil }))
}

// recordingNotice is what a caller hears.
func recordingNotice(language string, q setup.Queue) []ivr.Prompt {
	prompts := []ivr.Prompt{ivr.System(language, "recorded", nil)}
	if own := ivr.Texts(q.RecordNoticeText).In(language, nil); own != "" {
		prompts[0] = ivr.Prompt{Text: own, Language: language}
	}
	if q.RecordRefusal != "" {
		prompts = append(prompts, ivr.System(language, "record_refusal", i18n.Args{"key": q.RecordRefusal}))
	}
	return prompts
}

// answeredNotice writes down what the customer heard and answered. An agent who
// has the call already is recorded from here on.
func (v *conversation) answeredNotice(q setup.Queue, refused bool) {
	v.consent = recordingConsent{heard: !refused, refused: refused}
	typ := omni.RecordingConsented
	if refused {
		typ = omni.RecordingRefused
	}
	data := map[string]any{"language": v.book.conv.Language, "refusal_key": q.RecordRefusal != ""}
	if q.RecordRefusal != "" {
		c := omni.Consent{ID: id.New(id.Consent), CustomerID: v.book.conv.CustomerID, Kind: omni.ConsentRecording, Given: !refused,
			ConversationID: v.id, CreatedAt: v.center.now()}
		v.book.change.Consents = append(v.book.change.Consents, c)
		data["consent_id"] = c.ID
	}
	v.book.event(typ, data, of("", q.ID))
	if refused { // a recording of a former queue may still be going on
		v.finishRecording()
	}
	if v.talking != nil && v.recorded == nil {
		v.startRecording(v.talking.offer.QueueID)
	}
}
