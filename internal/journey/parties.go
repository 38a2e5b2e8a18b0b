package journey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/id"
)

// customerParty is the party id of the customer.
const customerParty = "customer"

// Parties is who is in a call, and what is being asked.
type Parties struct {
	ConversationID string   `json:"conversation_id"`
	LeadID         string   `json:"lead_id" doc:"The agent who has the call; empty: none"`
	Parties        []Member `json:"parties" nullable:"false"`
	Consult        *Consult `json:"consult,omitempty"`
	Flow           *Serving `json:"flow,omitempty"`
}

// Serving is a flow that has the customer while the agent waits.
type Serving struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`
	Since time.Time `json:"since"`
}

// Member is one party of a call.
type Member struct {
	ID    string `json:"id" doc:"customer, an agent's id, or the id of an outside number's leg"`
	Kind  string `json:"kind" enum:"customer,agent,external"`
	Name  string `json:"name" doc:"An agent's name, or an outside number; empty for the customer"`
	State string `json:"state" enum:"talking,waiting,consulting,ringing,in_flow,lost" doc:"waiting: hears music; in_flow: is with a flow; consulting: out of the customer's hearing; lost: the sound is away"`
}

// Consult is a consultation as pages show it.
type Consult struct {
	ByID     string `json:"by_id"`
	Kind     string `json:"kind" enum:"agent,queue,number"`
	Name     string `json:"name"`
	Joins    bool   `json:"joins" doc:"Who comes talks with the customer at once"`
	Answered bool   `json:"answered"`
	Swapped  bool   `json:"swapped" doc:"The agent is with the customer, and who is consulted waits"`
}

// parties says who is in the call.
func (v *conversation) parties() Parties {
	p := Parties{ConversationID: v.id, Parties: []Member{}}
	if v.talking != nil {
		p.LeadID = v.talking.offer.AgentID
	}
	c := v.consult
	apart := c != nil && c.apart()
	state := "talking"
	if v.holding || apart && len(v.others(v.talking)) == 0 {
		state = "waiting"
	}
	if v.errand != nil {
		state = "in_flow"
		p.Flow = &Serving{ID: v.errand.flowID, Name: v.nameOf("flow", v.errand.flowID), Since: v.errand.since}
	}
	p.Parties = append(p.Parties, Member{ID: customerParty, Kind: customerParty, State: state})
	put := func(s *side, state string) {
		if s.state == lost {
			state = "lost"
		}
		p.Parties = append(p.Parties, Member{ID: s.offer.AgentID, Kind: "agent", Name: v.nameOf("agent", s.offer.AgentID), State: state})
	}
	for _, s := range v.members() {
		switch {
		case c != nil && c.by == s && apart:
			put(s, "consulting")
		case v.awaited():
			put(s, "waiting")
		default:
			put(s, "talking")
		}
	}
	for _, x := range v.outside() {
		if x.joined {
			p.Parties = append(p.Parties, Member{ID: x.row.ID, Kind: "external", Name: x.number, State: "talking"})
		}
	}
	if c == nil {
		return p
	}
	state = "ringing"
	if c.answered() {
		state = "consulting"
		if c.swapped {
			state = "waiting"
		}
	}
	switch {
	case c.side != nil:
		put(c.side, state)
	case c.out != nil:
		p.Parties = append(p.Parties, Member{ID: c.out.row.ID, Kind: "external", Name: c.out.number, State: state})
	}
	p.Consult = &Consult{ByID: c.by.offer.AgentID, Kind: c.kind, Name: v.nameOf(c.kind, c.target), Joins: c.joins, Answered: c.answered(), Swapped: c.swapped}
	return p
}

// nameOf is what people call whom was asked.
func (v *conversation) nameOf(kind, target string) string {
	in := v.center.setup()
	switch kind {
	case "agent":
		return in.agents[target].Name
	case "queue":
		return in.queues[target].Name
	case "flow":
		return in.flowName(target)
	}
	return target
}

// tellParties tells the agents in the call who is in it.
func (v *conversation) tellParties() {
	if v.gone {
		return
	}
	p := v.parties()
	for _, s := range v.sides {
		if s.state == talking || s.state == lost {
			v.center.page(s.offer.AgentID, "parties", p)
		}
	}
}

// greetParties tells a new page of an agent who is in the call.
func (v *conversation) greetParties(agentID string, send func(string, any) bool) {
	if s := v.sideOf(agentID); s != nil && !v.gone && (s.state == talking || s.state == lost) {
		send("parties", v.parties())
	}
}

// Parties implements httpapi.Desk.
func (c *Center) Parties(ctx context.Context, conversationID string) (Parties, error) {
	if c.find(conversationID) != nil {
		return c.partiesHere(ctx, conversationID)
	}
	node, err := c.ownerOf(ctx, conversationID)
	if err != nil {
		return Parties{}, err
	}
	p, err := request[Parties](ctx, c, id.New("cm"), node, commandParties, conversationID)
	if errors.Is(err, ErrAway) {
		return p, fmt.Errorf("%w: node %s carries the call: %w", account.ErrAway, node, err)
	}
	return p, err
}

func (c *Center) partiesHere(ctx context.Context, conversationID string) (p Parties, err error) {
	v := c.find(conversationID)
	if v == nil {
		return p, fmt.Errorf("%w: no live conversation of this id", account.ErrNotFound)
	}
	err = v.ask(ctx, func() error {
		if v.gone {
			return ErrEnded
		}
		p = v.parties()
		return nil
	})
	return p, deskError(err)
}
