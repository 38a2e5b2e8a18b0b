package agent

import "time"

// Input is something that happened, with its time. Inputs are applied in the
// order of their times.
type Input interface{ when() time.Time }

// At is the time of an input, embedded in every one.
type At time.Time

func (a At) when() time.Time { return time.Time(a) }

type (
	// PutAgent adds or replaces an agent's record.
	PutAgent struct {
		At
		Agent Agent
	}
	// RemoveAgent takes an agent out: pending offers are rescinded, live work
	// goes on until it ends.
	RemoveAgent struct {
		At
		AgentID string
	}
	// PutQueue adds or replaces a queue; those who wait keep their age.
	PutQueue struct {
		At
		Queue Queue
	}
	// RemoveQueue gives everybody who waits in it up (Overflowed).
	RemoveQueue struct {
		At
		QueueID string
	}
	// SetPresence changes a presence at once. Current work, wrap-up included,
	// goes on. It clears not_responding and a next presence chosen before.
	SetPresence struct {
		At
		AgentID string
		State   PresenceState
		Reason  string // with Break
		By      SetBy
		ByID    string
	}
	// SetNext chooses the presence that follows the current work; without work
	// it applies at once. The last one chosen wins; an empty State takes the
	// choice back.
	SetNext struct {
		At
		AgentID string
		State   PresenceState
		Reason  string
		By      SetBy
		ByID    string
	}
	// DeviceUp: the agent's workbench or desk phone can be reached.
	DeviceUp struct {
		At
		AgentID string
	}
	// DeviceDown: it cannot. No offers are made; after RouterConfig.PresenceGrace
	// the presence becomes offline, set by the system.
	DeviceDown struct {
		At
		AgentID string
	}
	// Enqueue puts a conversation into a queue, or moves it there.
	Enqueue struct {
		At
		ConversationID string
		QueueID        string
		Channel        Channel // default Voice
		Priority       int     // points added to the queue's
		Skills         []SkillNeed
		PreferredAgent string
		EnteredAt      time.Time // zero: now; earlier: the age is kept
		Top            bool      // before everybody else
		Hops           int       // number of overflows that led here
		AnnounceEvery  Seconds   // between announcements; 0: the queue's interval
	}
	// OfferTo offers a conversation to a named agent: a transfer. When the agent
	// cannot take it within Wait, misses or rejects it, it goes to FallbackAgent,
	// then to the top of FallbackQueue, else it is Overflowed.
	OfferTo struct {
		At
		ConversationID string
		AgentID        string
		QueueID        string // whose ring and wrap-up times apply; may be empty
		Channel        Channel
		Wait           Seconds // for a busy agent; 0: fall back at once
		EnteredAt      time.Time
		FallbackAgent  string
		FallbackQueue  string
	}
	// Leave takes a waiting or offered conversation out: the customer left, or
	// the flow wants it back. A pending offer is canceled in the same step.
	Leave struct {
		At
		ConversationID string
		Reason         string
	}
	// Alert: the agent's device rings.
	Alert struct {
		At
		OfferID string
	}
	// Accept: the agent takes the offer. The work becomes connected with Connect.
	Accept struct {
		At
		OfferID string
		AgentID string // checked when given
	}
	// Reject: the agent does not want it.
	Reject struct {
		At
		OfferID string
		AgentID string // checked when given
	}
	// Connect: agent and customer talk.
	Connect struct {
		At
		ConversationID string
		AgentID        string
	}
	// Hold: the customer is on hold.
	Hold struct {
		At
		ConversationID string
		AgentID        string
	}
	// Resume: back from hold or consultation.
	Resume struct {
		At
		ConversationID string
		AgentID        string
	}
	// Consult: the agent asks somebody else while the customer waits.
	Consult struct {
		At
		ConversationID string
		AgentID        string
	}
	// Park sets a text aside, which frees its capacity, or takes it back
	// (Parked false), which is refused when the capacity is used up.
	Park struct {
		At
		ConversationID string
		AgentID        string
		Parked         bool
	}
	// EndWork: the agent's part in the conversation is over; wrap-up begins if
	// the queue has one.
	EndWork struct {
		At
		ConversationID string
		AgentID        string
		Reason         string
	}
	// ExtendWrapUp prolongs the wrap-up by the queue's extension.
	ExtendWrapUp struct {
		At
		ConversationID string
		AgentID        string
	}
	// FinishWrapUp ends the wrap-up.
	FinishWrapUp struct {
		At
		ConversationID string
		AgentID        string
	}
	// LoseAgent: the agent's media is gone for good while the customer is
	// there. The work ends and the conversation goes to the top of its queue.
	LoseAgent struct {
		At
		ConversationID string
		AgentID        string
	}
	// Drop: the process that carried the conversation is gone. It leaves its
	// queue, and every agent's part in it ends at once, without wrap-up. A
	// conversation that is not known is no error.
	Drop struct {
		At
		ConversationID string
		Reason         string
	}
	// Restore rebuilds the router from the store. It must be the first input.
	Restore struct {
		At
		State State
	}
	// Tick lets time pass: whatever is due happens.
	Tick struct{ At }
)
