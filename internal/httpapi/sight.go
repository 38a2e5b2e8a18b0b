package httpapi

import (
	"context"
	"maps"
	"slices"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/omni"
)

// sight is what an actor sees of conversations, recordings, customers, events,
// agents and queues: the one place of the rule in docs/decisions/0004. What a
// role may do at all is account's table.
type sight struct {
	store omni.Store
	all   bool
	// own is the agent as whom the actor works; empty: none.
	own string
	// team holds, for a supervisor, the team's agents and queues, and for an agent
	// themselves: whose conversations are read.
	team omni.View
	// around holds whose customers an agent finds: the own team's and the served
	// queues'. For a supervisor it is the team.
	around omni.View
	// agents and queues are those of team, to be found fast.
	agents, queues map[string]bool
}

// sight gives what the request's actor sees.
func (s *Server) sight(ctx context.Context) (sight, error) { return s.sightOf(ctx, actor(ctx)) }

func (s *Server) sightOf(ctx context.Context, a account.Actor) (sight, error) {
	g, err := s.viewsOf(ctx, a)
	g.agents, g.queues = setOf(g.team.Agents), setOf(g.team.Queues)
	return g, err
}

func setOf(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

func (s *Server) viewsOf(ctx context.Context, a account.Actor) (sight, error) {
	g := sight{store: s.cfg.Omni, own: a.User.AgentID}
	switch {
	case a.Role == account.RoleAdmin, a.Role == account.RoleAuditor, a.Role == account.RoleSupervisor && a.User.TeamID == "":
		g.all = true
		return g, nil
	case a.Role == account.RoleSupervisor:
		view, _, err := s.viewOfTeam(ctx, a.User.TeamID, "")
		if g.own != "" {
			view.Agents = append(view.Agents, g.own)
		}
		g.team, g.around = view, view
		return g, err
	case a.Role != account.RoleAgent || g.own == "":
		return g, nil // nothing
	}
	g.team = omni.View{Agents: []string{g.own}}
	view, queues, err := s.viewOfTeam(ctx, "", g.own)
	g.around = omni.View{Agents: append(view.Agents, g.own), Queues: append(view.Queues, queues...)}
	return g, err
}

// viewOfTeam gives the agents and queues of a team, or of the one of an agent,
// whose served queues come beside them.
func (s *Server) viewOfTeam(ctx context.Context, teamID, agentID string) (view omni.View, serves []string, err error) {
	r, err := s.roster(ctx)
	if err != nil {
		return view, nil, err
	}
	for _, a := range r.agents {
		if a.ID == agentID {
			teamID, serves = a.TeamID, a.Queues
		}
	}
	if teamID == "" {
		return view, serves, nil
	}
	for _, a := range r.agents {
		if a.TeamID == teamID {
			view.Agents = append(view.Agents, a.ID)
		}
	}
	for _, q := range r.queues {
		if q.TeamID == teamID {
			view.Queues = append(view.Queues, q.ID)
		}
	}
	return view, serves, nil
}

// same tells whether two sights show the same of what happens now.
func (g sight) same(o sight) bool {
	return g.all == o.all && g.own == o.own && maps.Equal(g.agents, o.agents) && maps.Equal(g.queues, o.queues)
}

// conversations is the view by which lists of conversations are restricted; nil
// sees everybody's. With a customer whom the agent serves now it is nil, too.
func (g sight) conversations(ctx context.Context, customerID string) (*omni.View, error) {
	if g.all {
		return nil, nil //nolint:nilnil // no restriction is no error
	}
	serves, err := g.serves(ctx, customerID)
	if err != nil || serves {
		return nil, err
	}
	return &g.team, nil
}

// conversation tells whether one may be read.
func (g sight) conversation(ctx context.Context, c omni.Conversation, segments []omni.Segment) (bool, error) {
	if g.hears(c, segments) || g.working(segments) {
		return true, nil
	}
	return g.serves(ctx, c.CustomerID)
}

// hears tells whether the recordings of a conversation may be listened to.
func (g sight) hears(c omni.Conversation, segments []omni.Segment) bool {
	return g.all || g.team.Part(c, segments)
}

// working tells whether the actor has to do with a conversation now: it rings
// at them, they talk, or they wrap up.
func (g sight) working(segments []omni.Segment) bool {
	return g.own != "" && slices.ContainsFunc(segments, func(s omni.Segment) bool { return s.AgentID == g.own && s.EndedAt.IsZero() })
}

// unfinished are the states in which somebody may still work on a conversation.
var unfinished = slices.DeleteFunc(slices.Clone(omni.States), func(s omni.State) bool { return s == omni.Completed })

// serves tells whether the actor works with a customer now, whose other
// conversations they then need.
func (g sight) serves(ctx context.Context, customerID string) (bool, error) {
	if g.own == "" || customerID == "" {
		return false, nil
	}
	live, _, err := g.store.Conversations(ctx, omni.Filter{CustomerID: customerID, States: unfinished}, omni.Page{})
	if err != nil {
		return false, err
	}
	for _, c := range live {
		segments, err := g.store.ConversationSegments(ctx, c.ID)
		if err != nil {
			return false, err
		}
		if g.working(segments) {
			return true, nil
		}
	}
	return false, nil
}

// customers is the view by which lists of customers are restricted; nil sees all.
func (g sight) customers() *omni.View {
	if g.all {
		return nil
	}
	return &g.around
}

// customer tells whether a customer may be read and changed.
func (g sight) customer(ctx context.Context, customerID string) (bool, error) {
	if g.all {
		return true, nil
	}
	known, _, err := g.store.Conversations(ctx, omni.Filter{CustomerID: customerID, View: &g.around}, omni.Page{Limit: 1})
	if err != nil || len(known) > 0 {
		return len(known) > 0, err
	}
	return g.serves(ctx, customerID)
}

// agent and queue tell whether those are shown on wallboards and in figures, and
// whether an agent's presence may be set.
func (g sight) agent(id string) bool { return g.all || g.agents[id] }
func (g sight) queue(id string) bool { return g.all || g.queues[id] }
