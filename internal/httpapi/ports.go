package httpapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/insight"
	"github.com/openhotline/hotline/internal/journey"
	"github.com/openhotline/hotline/omni"
)

// Commit makes one atomic change of rows with its events and the lines of the
// audit about it (store.DB.CommitOmni); the events come back with their seq.
type Commit func(ctx context.Context, c omni.Change, audit ...account.Entry) ([]omni.Event, error)

// Figures computes figures (store.DB.Figures).
type Figures func(ctx context.Context, q insight.Query) ([]insight.Row, error)

// Balance computes how evenly work is spread in groups of agents (store.DB.LoadBalance).
type Balance func(ctx context.Context, q insight.Query, groups map[string]string) ([]insight.Row, error)

// Wallboard returns the router's view of the floor now.
type Wallboard func(ctx context.Context) (agent.Snapshot, error)

// Simulation makes the token of a simulation that lasts so long.
type Simulation func(ctx context.Context, lasts time.Duration) (token string, ends time.Time, err error)

// LiveCounts is what the metrics show of calls and queues.
type LiveCounts func() Counts

// Counts are gauges and counters at one time.
type Counts struct {
	Calls   int            // live
	Waiting map[string]int // by queue id
	Offers  map[string]int // pending, by queue id
	// FailedRecordings counts, by reason, those of this process.
	FailedRecordings map[string]int
	// DiskFree is what is free on the recordings' disk, in bytes; negative: unknown.
	DiskFree int64
	Spooled  int // writes that wait for the database
}

// Journal is the sequence of committed events: store.DB, or the bus in front of it.
type Journal interface {
	// Events returns at most limit events after a seq, in order.
	Events(ctx context.Context, after int64, limit int) ([]omni.Event, error)
	// Head is the seq of the last event.
	Head(ctx context.Context) (int64, error)
	// Subscribe calls fn with events as they are committed, in order of seq and
	// one call at a time, until cancel returns. fn does not block. Events may be
	// missing (a reader refills by seq); they never come twice.
	Subscribe(fn func([]omni.Event)) (cancel func())
}

// Desk is what agents and supervisors do to live conversations. The journey
// implements it. send, where a method takes one, passes a message without a seq to
// one browser tab (kind is offer, work, rtc.answer, rtc.candidate, rtc.closed,
// media.stats …; data its JSON body); it does not block, and false means that
// the tab is gone or was too slow. Errors are account.ErrNotFound (no such conversation, offer or
// agent), account.ErrForbidden (not theirs), account.ErrState (too late, or not
// now), possibly wrapped; anything else is an internal error.
//
// agentID is the agent's id (ag_…), never the user's. by is the actor, for the
// journal.
type Desk interface {
	// Connected tells that a tab of the agent is there. Right away the desk sends
	// what the tab must know: whether it is the softphone (softphone {here}), its
	// pending offer and its work. A tab that returns has a new socketID and the
	// name of before; an empty name is nobody's.
	Connected(ctx context.Context, agentID, socketID, name string, send func(kind string, data any) bool)
	// Disconnected tells, at once, that a tab has gone. The desk keeps the
	// presence for 30 s.
	Disconnected(agentID, socketID string)
	// Signal is a message about audio: rtc.offer {conversation_id, sdp, resume} or
	// rtc.candidate. It is account.ErrState from a tab that is not the softphone.
	Signal(ctx context.Context, agentID, socketID, kind string, data json.RawMessage) error
	// TakeSoftphone makes a tab the softphone; the one before is told
	// (softphone.taken).
	TakeSoftphone(agentID, socketID string)

	// SetPresence: presence is offline, available or break (with a reason); with
	// next set it applies when the current work ends.
	SetPresence(ctx context.Context, by account.Actor, agentID, presence, reason string, next bool) error
	AcceptOffer(ctx context.Context, agentID, offerID string) error
	RejectOffer(ctx context.Context, agentID, offerID string) error
	Hold(ctx context.Context, agentID, conversationID string) error
	Resume(ctx context.Context, agentID, conversationID string) error
	// StartRecording records what no rule records. account.ErrState: the queue
	// does not allow it, or the customer was not told, or has refused.
	StartRecording(ctx context.Context, agentID, conversationID string) error
	// PauseRecording keeps what is said from the recording until ResumeRecording
	// or the end of the agent's part; silence of the same length stands for it.
	// account.ErrState: nothing is recorded.
	PauseRecording(ctx context.Context, agentID, conversationID string) error
	ResumeRecording(ctx context.Context, agentID, conversationID string) error
	// End ends the agent's part; for a supervisor or admin (agentID empty) it
	// force-closes the conversation.
	End(ctx context.Context, by account.Actor, agentID, conversationID string) error
	// Digits sends keys (0-9 A-D * #) to the customer's side.
	Digits(ctx context.Context, agentID, conversationID, digits string) error
	// Transfer is blind; kind is agent, queue, flow or number. A number rings for
	// the given time, 0 being the default, and the customer then comes back.
	Transfer(ctx context.Context, agentID, conversationID, kind, target string, ring time.Duration) error
	// StartConsult asks somebody about the conversation; kind is agent, queue or
	// number, which rings for the given time, 0 being the default. With joins who
	// comes talks with the customer at once. That nobody comes is told to the
	// agent's pages (consult.ended {reason}).
	StartConsult(ctx context.Context, agentID, conversationID, kind, target string, joins bool, ring time.Duration) error
	// ChangeConsult goes on with it: step is complete, cancel, swap or merge.
	ChangeConsult(ctx context.Context, agentID, conversationID, step string) error
	// SendToFlow has a flow serve the customer while the agent waits; what becomes
	// of it is told to the agent's pages (parties, flow.ended {outcome}).
	SendToFlow(ctx context.Context, agentID, conversationID, flow string) error
	// TakeBack ends that early.
	TakeBack(ctx context.Context, agentID, conversationID string) error
	// Leave ends the agent's part while the customer and somebody else remain.
	Leave(ctx context.Context, agentID, conversationID string) error
	// RemoveParty takes a colleague (agent's id) or an outside number (leg's id)
	// out of the call.
	RemoveParty(ctx context.Context, agentID, conversationID, partyID string) error
	// Parties is who is in a running call.
	Parties(ctx context.Context, conversationID string) (journey.Parties, error)
	// Note keeps what the agent has written so far about their part, in the call,
	// in the wrap-up, and for a while after it has run out.
	Note(ctx context.Context, agentID, conversationID, note string) error
	// WrapUp ends the agent's wrap-up with a code and a note. The error is an
	// account.FieldError where the queue wants a code, or another one.
	WrapUp(ctx context.Context, agentID, conversationID, code, note string) error
	ExtendWrapUp(ctx context.Context, agentID, conversationID string) error

	// SetupChanged tells that administered records of a kind were changed and
	// committed; the desk reloads what it uses of them (setup.Load).
	SetupChanged(ctx context.Context, kind account.Kind, ids []string)
}

// Supervision is what supervisors do to the calls of others. The journey
// implements it; errors are those of Desk. Whether the actor may is checked
// before.
type Supervision interface {
	// Supervise begins to supervise a conversation, or changes how: mode is
	// monitor, whisper or barge. Nothing is heard until the page opens its audio
	// (monitor.offer). Whoever supervised another conversation leaves it.
	Supervise(ctx context.Context, by account.Actor, conversationID, mode string) (journey.Monitoring, error)
	// Unsupervise ends it; the call goes on.
	Unsupervise(ctx context.Context, by account.Actor, conversationID string) error
	// TakeOver makes a supervisor who listens and works as an agent the
	// conversation's agent; the one before wraps up.
	TakeOver(ctx context.Context, by account.Actor, conversationID string) error
	// Supervisors lists who supervises a conversation now.
	Supervisors(ctx context.Context, conversationID string) ([]journey.Monitoring, error)
	// SuperviseSignal is a message of a page about its audio: monitor.offer
	// {conversation_id, sdp} or monitor.candidate. Through send come
	// monitor.answer, monitor.candidate, monitor (how it takes part now) and
	// monitor.closed {conversation_id, reason}. monitor.offer also brings back who
	// was told monitor.resume.
	SuperviseSignal(ctx context.Context, by account.Actor, socketID, kind string, data json.RawMessage, send func(kind string, data any) bool) error
	// SupervisorHere tells of a new page. Through send comes monitor.resume (as
	// monitor) when the user supervises a call whose page has just gone: the page
	// was loaded again, or its socket fell.
	SupervisorHere(userID string, send func(kind string, data any) bool)
	// SupervisorGone tells, at once, that a page has gone: its sound leaves the
	// call, and its user a few seconds later unless a page resumes.
	SupervisorGone(userID, socketID string)
}

// Phone makes customers' calls from a browser: the test phone and click-to-call.
type Phone interface {
	// Dial starts a call to a number of this installation with the browser's SDP
	// offer. It returns when the call was accepted for setting up; what follows
	// comes through send: rtc.answer {sdp}, rtc.candidate, ringing, answered,
	// ended {reason}. callID is unique and chosen by the caller of Dial.
	// account.ErrNotFound: no such number. account.ErrBusy: no room for a call.
	Dial(ctx context.Context, callID, number, language, sdp string, send func(kind string, data any) bool) error
	// Signal is a later message of the call: rtc.candidate, or digit {digit}.
	Signal(ctx context.Context, callID, kind string, data json.RawMessage) error
	// Hangup ends the call; a tab that closes hangs up. It may be called twice.
	Hangup(callID string)
}

// Readiness tells whether the installation can take calls: nil, or the reasons
// by component (database, sip, media, disk, draining).
type Readiness func(ctx context.Context) map[string]string

// MediaHealth is what the metrics show of the media engine.
type MediaHealth interface {
	// Lateness is how late the 20 ms ticks were in the last seconds: the 99th
	// percentile and the worst.
	Lateness() (p99, worst time.Duration)
}
