package agent

// Explanation says why this agent got this conversation, and why it waited.
// It carries ids and codes only; people's words come from the catalogues.
type Explanation struct {
	QueueID        string       `json:"queue_id"`
	AgentID        string       `json:"agent_id"`
	Strategy       Strategy     `json:"strategy"`
	Rule           string       `json:"rule"` // strategy, sticky, direct, fallback or ring_all
	WaitedMS       int64        `json:"waited_ms"`
	Priority       int          `json:"priority"` // queue's plus entry's
	Ageing         int          `json:"ageing"`
	Score          int64        `json:"score"` // priority×1000 + ageing × age in ms
	Top            bool         `json:"top"`
	RelaxationStep int          `json:"relaxation_step"` // 0: as required at first
	Skills         []SkillMatch `json:"skills" nullable:"false"`
	Candidates     []Candidate  `json:"candidates" nullable:"false"` // best first, the chosen one marked; at most 5
	CandidateCount int          `json:"candidate_count"`
	PassedOver     []PassedOver `json:"passed_over" nullable:"false"` // at most 10 people
	Members        MemberCount  `json:"members"`
	Waits          []WaitCause  `json:"waits" nullable:"false"` // why it waited, in order
}

// SkillMatch compares one required skill with what the agent has.
type SkillMatch struct {
	Skill    string `json:"skill"`
	Required int    `json:"required"`     // at first
	Now      int    `json:"required_now"` // after relaxation; 0: not any more
	Has      int    `json:"has"`
}

// Candidate is an agent who could have taken the conversation.
type Candidate struct {
	AgentID string `json:"agent_id"`
	Ring    int    `json:"ring"`  // relaxation step at which the agent fits
	Score   int64  `json:"score"` // the strategy's figure; smaller is better
	Chosen  bool   `json:"chosen"`
}

// PassedOver names an agent of the queue who did not get it, and why.
type PassedOver struct {
	AgentID string `json:"agent_id"`
	Why     string `json:"why"`
}

// Why an agent was passed over.
const (
	WhyOffline       = "offline"
	WhyBreak         = "break"
	WhyLeaving       = "leaving" // a next presence is chosen
	WhyNotResponding = "not_responding"
	WhyDisconnected  = "disconnected"
	WhyBusy          = "busy"
	WhySkills        = "skills"
	WhyLaterRing     = "later_ring" // fits only after a later relaxation step
	WhyJustMissed    = "just_missed"
	WhyOrder         = "order" // a better candidate by the strategy
)

// MemberCount sums up the agents of the queue at the time of the decision.
type MemberCount struct {
	Total    int `json:"total"`
	LoggedIn int `json:"logged_in"`
	Active   int `json:"active"`   // available, responding, reachable
	Eligible int `json:"eligible"` // active and skilled
	Ready    int `json:"ready"`    // eligible with free capacity
}

// WaitCause is a reason for which a conversation waited.
type WaitCause struct {
	Why    string `json:"why"`
	FromMS int64  `json:"from_ms"` // age when it began
}

// Why a conversation waits.
const (
	WaitNobodyLoggedIn = "nobody_logged_in"
	WaitNobodyActive   = "nobody_available"
	WaitNoSkill        = "no_agent_with_skills"
	WaitAllBusy        = "all_busy"
	WaitSticky         = "preferred_agent"
	WaitJustMissed     = "just_missed"
	WaitDirect         = "named_agent_busy"
)
