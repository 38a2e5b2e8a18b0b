package call

import (
	"net/http"

	"github.com/openhotline/hotline/sip"
)

// Party is the role of a leg in a call. The values are those of omni.Party.
type Party string

// The roles.
const (
	Customer   Party = "customer"
	Agent      Party = "agent"
	Supervisor Party = "supervisor"
	External   Party = "external"
)

// Reason says why a leg ended. The values are those of omni.EndReason; a
// caller of Leg.Hangup may use any of them.
type Reason string

// The reasons that this package itself finds.
const (
	CustomerDisconnect   Reason = "customer_disconnect"
	AgentDisconnect      Reason = "agent_disconnect"
	ThirdPartyDisconnect Reason = "third_party_disconnect"
	FlowDisconnect       Reason = "flow_disconnect"
	TelecomProblem       Reason = "telecom_problem"
	AgentRejected        Reason = "agent_rejected"
	AgentTimeout         Reason = "agent_timeout"
	AgentLost            Reason = "agent_lost"
	NoAgent              Reason = "no_agent"
	OverflowEnd          Reason = "overflow_end"
	SystemError          Reason = "system_error"
)

// End is how a leg ended.
type End struct {
	Reason Reason
	// Status is the final SIP status: 200 after an answered call, otherwise the
	// refusal given or received, 487 for a cancelled call. 0 for browsers.
	Status int
	// Text is the other side's reason phrase, if any.
	Text string
	// ByRemote tells whether the other side ended it.
	ByRemote bool
}

// disconnected is the reason when a party of this role leaves by itself.
func (p Party) disconnected() Reason {
	switch p {
	case Customer:
		return CustomerDisconnect
	case Agent, Supervisor:
		return AgentDisconnect
	default:
		return ThirdPartyDisconnect
	}
}

// reasonOf translates the end of a dialog that we did not ask for.
func reasonOf(e sip.End, p Party) Reason {
	switch e.Cause {
	case sip.CauseNormal, sip.CauseCancelled:
		return p.disconnected()
	case sip.CauseNoAnswer:
		if p == Agent {
			return AgentTimeout
		}
	case sip.CauseRejected:
		return refused(e.Status, p)
	}
	return TelecomProblem
}

// refused translates a final response to an INVITE of ours.
func refused(status int, p Party) Reason {
	if p != Agent {
		if status >= 500 && status < 600 {
			return TelecomProblem
		}
		return p.disconnected()
	}
	switch status {
	case 408, 480: // nobody answered, or the phone does not disturb
		return AgentTimeout
	case 486, 600, 603: // busy, declined
		return AgentRejected
	}
	if status >= 500 && status < 600 || status < 300 {
		return TelecomProblem
	}
	return AgentRejected
}

// refusal is the SIP status that tells a caller why the call was not answered.
func refusal(r Reason) (code int, phrase string) {
	switch r {
	case NoAgent, AgentTimeout, "max_wait", OverflowEnd:
		return 480, "Temporarily Unavailable"
	case SystemError, TelecomProblem:
		return http.StatusServiceUnavailable, "Service Unavailable"
	case "moderation_block":
		return http.StatusForbidden, "Forbidden"
	}
	return 603, "Decline"
}
