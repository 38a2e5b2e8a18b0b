package omni

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/openhotline/hotline/internal/id"
)

// ErrJournal is wrapped by what Audit finds.
var ErrJournal = errors.New("omni: journal of the conversation")

// NewEvent makes an event with a fresh id. Data is marshalled at once; nil is
// none. It holds ids, codes and durations, never names, digits or texts.
func NewEvent(typ, conversationID string, at time.Time, data any) (Event, error) {
	e := Event{ID: id.New(id.Event), Type: typ, Time: at, ConversationID: conversationID}
	if data == nil {
		return e, nil
	}
	b, err := json.Marshal(data)
	if err != nil {
		return Event{}, fmt.Errorf("omni: data of %s: %w", typ, err)
	}
	e.Data = b
	return e, nil
}

// Audit checks the events of one conversation, in their order, for what must
// hold of every journal: numbers from 1 without a gap, initiated first and
// once, nothing of the conversation after completed, every segment ended once
// that was started. A conversation that goes on may have open segments. It
// returns everything wrong at once.
func Audit(events []Event) error {
	a := auditor{open: map[string]bool{}}
	for i := range events {
		a.next(i, &events[i])
	}
	if a.completed {
		for s := range a.open {
			a.wrong("segment %s was never ended", s)
		}
	}
	return errors.Join(a.found...)
}

type auditor struct {
	conversation string
	completed    bool
	open         map[string]bool
	found        []error
}

func (a *auditor) wrong(format string, args ...any) {
	a.found = append(a.found, fmt.Errorf("%w %s: %s", ErrJournal, a.conversation, fmt.Sprintf(format, args...)))
}

func (a *auditor) next(i int, e *Event) {
	if i == 0 {
		a.conversation = e.ConversationID
	}
	if e.ConversationID != a.conversation {
		a.wrong("event %s belongs to %s", e.ID, e.ConversationID)
		return
	}
	if e.ConversationSeq != int64(i+1) {
		a.wrong("event %s has number %d, want %d", e.ID, e.ConversationSeq, i+1)
	}
	if first := i == 0; first != (e.Type == ConversationInitiated) {
		a.wrong("event %d is %s", i+1, e.Type)
	}
	if a.completed && strings.HasPrefix(e.Type, "conversation.") {
		a.wrong("%s after it was completed", e.Type)
	}
	switch e.Type {
	case ConversationCompleted:
		a.completed = true
	case SegmentStarted:
		if a.open[e.SegmentID] {
			a.wrong("segment %s was started twice", e.SegmentID)
		}
		a.open[e.SegmentID] = true
	case SegmentEnded:
		if !a.open[e.SegmentID] {
			a.wrong("segment %s was ended but is not open", e.SegmentID)
		}
		delete(a.open, e.SegmentID)
	}
}
