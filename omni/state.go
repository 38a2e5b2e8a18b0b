package omni

import (
	"errors"
	"fmt"
	"slices"
)

// State is where a conversation is on its way from first ring to wrap-up.
type State string

// The states of a conversation.
const (
	Initiated State = "initiated"
	InFlow    State = "in_flow"
	Queued    State = "queued"
	Offered   State = "offered"
	Connected State = "connected"
	OnHold    State = "on_hold"
	WrapUp    State = "wrap_up"
	Completed State = "completed"
)

// States lists every state in the order of a conversation's way.
var States = []State{Initiated, InFlow, Queued, Offered, Connected, OnHold, WrapUp, Completed}

// moves is the whole table: a move that is not here does not exist.
var moves = map[State][]State{
	Initiated: {InFlow},
	InFlow:    {Queued, Completed},
	Queued:    {Offered, InFlow, Completed},
	Offered:   {Connected, Queued},
	Connected: {OnHold, WrapUp, Queued, InFlow},
	OnHold:    {Connected, WrapUp},
	WrapUp:    {Completed},
}

// ErrMove is returned for a move that the table does not have.
var ErrMove = errors.New("omni: no such move")

// Move checks the move from one state to another.
func Move(from, to State) error {
	if !slices.Contains(moves[from], to) {
		return fmt.Errorf("%w: %s to %s", ErrMove, from, to)
	}
	return nil
}

// Live reports whether the customer is still there.
func (s State) Live() bool { return s != WrapUp && s != Completed }

// EndReason says why a conversation, a segment or a leg ended.
type EndReason string

// The reasons for an end.
const (
	CustomerDisconnect     EndReason = "customer_disconnect"
	AgentDisconnect        EndReason = "agent_disconnect"
	ThirdPartyDisconnect   EndReason = "third_party_disconnect"
	Barged                 EndReason = "barged"
	FlowDisconnect         EndReason = "flow_disconnect"
	TelecomProblem         EndReason = "telecom_problem"
	AgentRejected          EndReason = "agent_rejected"
	AgentTimeout           EndReason = "agent_timeout"
	AgentLost              EndReason = "agent_lost"
	OverflowEnd            EndReason = "overflow_end"
	OverflowTransfer       EndReason = "overflow_transfer"
	CustomerTimeout        EndReason = "customer_timeout"
	AgentInactivityTimeout EndReason = "agent_inactivity_timeout"
	MaxWait                EndReason = "max_wait"
	NoAgent                EndReason = "no_agent"
	SupervisorForceClose   EndReason = "supervisor_force_close"
	BotEnded               EndReason = "bot_ended"
	BotFailedEscalated     EndReason = "bot_failed_escalated"
	Expired                EndReason = "expired"
	EndedByAPI             EndReason = "api"
	ModerationBlock        EndReason = "moderation_block"
	SystemError            EndReason = "system_error"

	// Reasons that end a segment while the conversation goes on.
	Answered    EndReason = "answered"
	Transferred EndReason = "transferred"
	NextStep    EndReason = "next_step"
	Resumed     EndReason = "resumed"
	WrappedUp   EndReason = "wrapped_up"
)
