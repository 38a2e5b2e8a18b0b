package agent

import "slices"

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
	Ring    int    `json:"ring"` // relaxation step at which the agent fits
	// Score is the strategy's figure: ms occupied above the mean (least_occupied),
	// offers of the queue so far at the last one (round_robin), conversations
	// (fewest_contacts), sum of levels (best_skill), place (top_down), else ms idle.
	Score  int64 `json:"score"`
	Chosen bool  `json:"chosen"`
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

// Rules by which an agent was chosen.
const (
	RuleStrategy = "strategy"
	RuleSticky   = "sticky"
	RuleDirect   = "direct"
	RuleFallback = "fallback"
	RuleRingAll  = "ring_all"
)

// Bounds of an explanation.
const (
	maxCandidates = 5
	maxPassedOver = 10
	fullReport    = 32 // queues up to this size name everybody who was not ready
)

// explain says why the agent gets the entry, before anything is changed.
func (r *Router) explain(e *entry, a *agentState, chosen []*agentState) *Explanation {
	q := e.q
	x := &Explanation{
		QueueID: e.row.QueueID, AgentID: a.row.ID, Strategy: q.row.Strategy, Rule: e.rule(),
		WaitedMS: max(0, r.ms-e.enteredMS), Priority: e.priority(), Ageing: q.row.Ageing,
		Score: e.score(r.ms), Top: e.row.Top, RelaxationStep: e.step, Waits: e.waits,
		Skills: []SkillMatch{}, PassedOver: []PassedOver{},
		Members: MemberCount{Total: len(q.members), LoggedIn: q.loggedIn, Active: q.active},
	}
	for len(x.Waits) > 0 && x.Waits[len(x.Waits)-1].FromMS >= x.WaitedMS {
		x.Waits = x.Waits[:len(x.Waits)-1] // began only now: nobody waited for that
	}
	if len(x.Waits) == 0 {
		x.Waits = []WaitCause{}
	}
	if e.c == nil {
		x.Candidates = []Candidate{{AgentID: a.row.ID, Chosen: true}}
		x.CandidateCount = 1
		return x
	}
	for _, n := range e.c.needs {
		x.Skills = append(x.Skills, SkillMatch{n.Skill, n.Level, e.c.required(n, e.step), a.row.Skills[n.Skill]})
	}
	x.Members.Eligible = e.c.activeUpTo(e.step)
	x.Members.Ready = e.c.readyUpTo(e.step)
	x.CandidateCount = x.Members.Ready
	r.explainOthers(x, e, a, chosen)
	return x
}

func (e *entry) rule() string {
	switch {
	case e.direct != nil && e.fallback:
		return RuleFallback
	case e.direct != nil:
		return RuleDirect
	case e.own != nil:
		return RuleSticky
	case e.q.row.Strategy == RingAll:
		return RuleRingAll
	}
	return RuleStrategy
}

// explainOthers lists the candidates and who was passed over.
func (r *Router) explainOthers(x *Explanation, e *entry, a *agentState, chosen []*agentState) {
	x.Candidates = make([]Candidate, 0, maxCandidates)
	listed := false
	for it := range e.c.ready.all {
		ring := int(it.key.a >> ringShift)
		if ring > e.step || len(x.Candidates)+len(x.PassedOver) >= maxCandidates {
			break
		}
		if e.avoids(it.v) {
			x.CandidateCount--
			x.PassedOver = append(x.PassedOver, PassedOver{it.v.row.ID, WhyJustMissed})
			continue
		}
		taken := slices.Contains(chosen, it.v)
		listed = listed || it.v == a
		x.Candidates = append(x.Candidates, Candidate{it.v.row.ID, ring, r.figure(e.c, it.v), taken})
	}
	if !listed { // who just became free, or a random or sticky choice further down
		for i := range a.seats {
			s := &a.seats[i]
			if s.c != e.c {
				continue
			}
			x.Candidates = append(x.Candidates, Candidate{a.row.ID, s.ring, r.figure(e.c, a), true})
			if !s.in {
				x.Members.Ready++
				x.CandidateCount++
			}
		}
	}
	if p := r.agents[e.row.PreferredAgent]; p != nil && p != a && len(x.PassedOver) < maxPassedOver {
		if why := e.whyNot(p); why != "" {
			x.PassedOver = append(x.PassedOver, PassedOver{p.row.ID, why})
		}
	}
	if len(e.q.members) > fullReport {
		return
	}
	for _, m := range e.q.members {
		if len(x.PassedOver) >= maxPassedOver {
			return
		}
		why := e.whyNot(m.a)
		if why == "" || m.a == a || slices.ContainsFunc(x.PassedOver, func(p PassedOver) bool { return p.AgentID == m.a.row.ID }) {
			continue
		}
		x.PassedOver = append(x.PassedOver, PassedOver{m.a.row.ID, why})
	}
}

// whyNot tells why an agent cannot take an entry, or "".
func (e *entry) whyNot(a *agentState) string {
	switch {
	case a.p.State == Offline:
		return WhyOffline
	case a.p.State == Break:
		return WhyBreak
	case a.p.NotResponding:
		return WhyNotResponding
	case !a.p.Connected:
		return WhyDisconnected
	case !a.flags.active:
		return WhyLeaving
	case !a.fits(e.c, e.c.steps):
		return WhySkills
	case !a.fits(e.c, e.step):
		return WhyLaterRing
	case !a.flags.readyFor(e.row.Channel):
		return WhyBusy
	case e.avoids(a):
		return WhyJustMissed
	}
	return ""
}

// figure is what the strategy compares, as people read it.
func (r *Router) figure(c *class, a *agentState) int64 {
	switch c.q.row.Strategy {
	case LeastOccupied:
		return (a.occupied - r.virtual) / 1000
	case RoundRobin, TopDown:
		for _, m := range a.members {
			if m.q == c.q && c.q.row.Strategy == TopDown {
				return m.order
			} else if m.q == c.q {
				return m.lastOffer
			}
		}
	case FewestContacts:
		return int64(a.p.Contacts)
	case BestSkill:
		sum := 0
		for _, n := range c.needs {
			sum += a.row.Skills[n.Skill]
		}
		return int64(sum)
	case LongestIdle, RingAll, Random:
	}
	return r.ms - a.idleMS
}
