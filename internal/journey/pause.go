package journey

import (
	"fmt"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

// Why a recording is silent.
const (
	pausedByAgent = "agent"
	pausedForKeys = "keys" // the customer types what nobody may keep
)

// keysTrail is how long after the last sensitive key a recording stays silent:
// the tone of a key that came as RFC 4733 or SIP INFO, too, may still be in the
// jitter buffers, and whoever types on types the rest of the number.
const keysTrail = time.Second

// recordingPause tells whether, why and since when recordings of a conversation
// are silent. It outlasts a recording: one that begins in a pause is silent.
type recordingPause struct {
	agent  bool
	typing bool        // a flow collects what is sensitive
	trail  *time.Timer // it has, and keys may still follow
	since  time.Time   // zero: not silent
}

func (p *recordingPause) why() string {
	switch {
	case p.typing || p.trail != nil:
		return pausedForKeys
	case p.agent:
		return pausedByAgent
	}
	return ""
}

// pauseRecording is the agent's wish.
func (v *conversation) pauseRecording(agentID string, paused bool) error {
	if _, err := v.own(agentID); err != nil {
		return err
	}
	if v.recorded == nil {
		return fmt.Errorf("%w: nothing is recorded", account.ErrState)
	}
	return v.agentPause(paused)
}

func (v *conversation) agentPause(paused bool) error {
	v.pause.agent = paused
	return v.applyPause()
}

// sensitiveKeys is told by the flow. An error means that the recording could not
// be made silent.
func (v *conversation) sensitiveKeys(on bool) error {
	if v.gone {
		return ErrEnded
	}
	v.stopTrail()
	v.pause.typing = on
	if !on {
		v.keepTrail()
	}
	return v.applyPause()
}

// keyTrails follows a key that came after the flow had enough.
func (v *conversation) keyTrails() {
	if v.pause.trail != nil {
		v.stopTrail()
		v.keepTrail()
	}
}

func (v *conversation) keepTrail() {
	var t *time.Timer
	t = time.AfterFunc(keysTrail, func() {
		v.post(func() {
			if v.pause.trail == t {
				v.stopTrail()
				v.must(v.applyPause())
			}
		})
	})
	v.pause.trail = t
	v.trails.Store(true)
}

func (v *conversation) stopTrail() {
	if v.pause.trail != nil {
		v.pause.trail.Stop()
		v.pause.trail = nil
		v.trails.Store(false)
	}
}

// applyPause brings call and journal to what is wished.
func (v *conversation) applyPause() error {
	why := v.pause.why()
	if paused := why != ""; v.gone || paused != v.pause.since.IsZero() {
		return nil
	}
	if err := v.call.PauseRecording(why != ""); err != nil {
		return err
	}
	began := v.pause.since
	if why != "" {
		v.pause.since = v.center.now()
		v.recordingPaused()
	} else {
		v.pause.since = time.Time{}
		v.recordingEvent(omni.RecordingResumedEvent, map[string]any{"paused_ms": v.center.now().Sub(began).Milliseconds()})
	}
	v.tellRecording()
	return nil
}

func (v *conversation) recordingPaused() {
	v.recordingEvent(omni.RecordingPausedEvent, map[string]any{"reason": v.pause.why()})
}

func (v *conversation) recordingEvent(typ string, data map[string]any) {
	if v.recorded != nil {
		data["recording_id"] = v.recorded.ID
		v.book.event(typ, data, of(v.book.conv.AgentID, v.book.conv.QueueID))
	}
}

// recordingBegan follows the beginning of a recording, which may fall into a
// pause.
func (v *conversation) recordingBegan() {
	if !v.pause.since.IsZero() {
		v.recordingPaused()
	}
	v.tellRecording()
}

// recordingView is what an agent sees of the recording of a call.
type recordingView struct {
	ConversationID string    `json:"conversation_id"`
	State          string    `json:"state"` // off, running, paused
	Reason         string    `json:"reason,omitempty"`
	Since          time.Time `json:"since,omitzero"` // of the pause
	MayStart       bool      `json:"may_start"`      // the agent may begin to record
}

func (v *conversation) recordingView() recordingView {
	view := recordingView{ConversationID: v.id, State: "off", MayStart: v.mayBeginRecording()}
	switch {
	case v.recorded == nil:
	case v.pause.since.IsZero():
		view.State = "running"
	default:
		view.State, view.Reason, view.Since = "paused", v.pause.why(), v.pause.since
	}
	return view
}

// tellRecording tells the agent's pages what becomes of the recording.
func (v *conversation) tellRecording() {
	if v.talking != nil && !v.gone {
		v.center.page(v.talking.offer.AgentID, "recording", v.recordingView())
	}
}

// greetRecording tells a new page of the agent.
func (v *conversation) greetRecording(agentID string, send func(string, any) bool) {
	if v.talking != nil && v.talking.offer.AgentID == agentID && !v.gone {
		send("recording", v.recordingView())
	}
}
