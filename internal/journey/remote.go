package journey

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/id"
	"github.com/openhotline/hotline/omni"
)

// listen takes the commands of other nodes.
func (c *Center) listen() {
	handle(c, commandPing, func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil })
	handle(c, commandPost, func(ctx context.Context, b bag) (struct{}, error) { return struct{}{}, c.readAll(ctx, b) })
	handle(c, commandRoute, c.routeFor)
	handle(c, commandAct, func(ctx context.Context, a action) (struct{}, error) { return struct{}{}, c.actHere(ctx, a) })
	handle(c, commandSeat, c.seatOf)
	handle(c, commandStanding, func(ctx context.Context, q standingQuestion) (struct{}, error) {
		return struct{}{}, c.tellStanding(ctx, q)
	})
	handle(c, commandParties, c.partiesHere)
	handle(c, commandFloor, func(ctx context.Context, _ struct{}) ([]byte, error) {
		s, err := c.snapshotHere(ctx)
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if err := errors.Join(json.NewEncoder(z).Encode(s), z.Close()); err != nil {
			return nil, err
		}
		return b.Bytes(), nil
	})
}

// postBag brings letters to a node.
func (c *Center) postBag(ctx context.Context, commandID, node string, b bag) error {
	_, err := c.command(ctx, commandID, node, commandPost, b)
	return err
}

// readAll takes the letters of a bag, all of them or, when the bags that their
// sender sent before are being read for longer than it waits, none.
func (c *Center) readAll(ctx context.Context, b bag) error {
	over, err := c.fleet.takeTurn(ctx, b.From)
	if err != nil {
		return errNotBegun
	}
	defer over()
	for _, l := range b.Letters {
		c.read(b.From, l)
	}
	return nil
}

// read takes one letter.
func (c *Center) read(from string, l letter) {
	c.fleet.hello(from)
	switch l.Do {
	case letterOutput:
		if !c.fleet.current(l.Epoch) {
			return // of a leader that was replaced
		}
		o, err := decodeOutput(item{l.Kind, l.Data})
		if err != nil {
			c.log.Error("router output of another node", "from", from, "err", err)
			return
		}
		if !c.handleHere(o) {
			c.overHere(o)
		}
	case letterPage:
		d := c.desk(l.Agent)
		if l.Socket != "" {
			d.to(l.Socket, l.Kind, l.Data)
			return
		}
		d.send(l.Kind, l.Data)
	case letterGone:
		c.each(func(v *conversation) {
			if c.desk(l.Agent).audio(v.id, l.Socket) != nil {
				v.post(func() { v.tabsGone(l.Agent) })
			}
		})
	case letterMoved:
		c.desk(l.Agent).rename(l.Socket, l.To)
	case letterRing:
		c.ring(l.Agent, l.Conversation)
	case letterStands:
		var s agent.Standing
		if err := json.Unmarshal(l.Data, &s); err != nil {
			c.log.Error("standing from another node", "from", from, "err", err)
		} else if c.fleet.current(l.Epoch) {
			c.to(l.Conversation, func(v *conversation) { v.stand(s, l.Wish) })
		}
	case letterLost:
		c.log.Warn("letters of another node were lost; comparing with the router", "from", from)
		c.outOfStep()
	}
}

// ---- router inputs

// routing is what a node passes on to the one that routes.
type routing struct {
	From   string     `json:"from"`
	Life   string     `json:"life"` // of the process that sends: one that starts again has another
	Epoch  uint64     `json:"epoch"`
	Inputs []numbered `json:"inputs"`
}

// numbered is a router input with its number among those of its sender.
type numbered struct {
	item
	Number uint64 `json:"number"`
	Again  bool   `json:"again,omitempty"` // a former leader may have applied it
}

// sendInputs passes inputs on to the node that routes, as many as one command
// takes.
func (c *Center) sendInputs(ctx context.Context, t Term, asks []ask) ([]error, error) {
	q := routing{From: c.cfg.NodeID, Life: c.life, Epoch: t.Epoch}
	for size, i := 0, 0; i < len(asks) && size < letterBytes; i++ {
		it := encodeItem(asks[i].in(agent.At{}))
		q.Inputs = append(q.Inputs, numbered{it, asks[i].number, asks[i].again})
		size += len(it.Data)
	}
	faults, err := request[[]*fault](ctx, c, id.New("cm"), t.Node, commandRoute, q)
	if err != nil {
		return nil, err
	}
	if len(faults) > len(q.Inputs) {
		return nil, fmt.Errorf("%w: %d answers to %d inputs", ErrItem, len(faults), len(q.Inputs))
	}
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = f.err()
	}
	return errs, nil
}

// routeFor applies another node's inputs, in their order. When it cannot tell what
// became of all of them, it answers for those before.
func (c *Center) routeFor(ctx context.Context, q routing) ([]*fault, error) {
	if t := c.floor.present.Load(); t == nil || t.Node != c.cfg.NodeID || t.Epoch != q.Epoch {
		return nil, ErrNotLeader
	}
	c.fleet.hello(q.From)
	replies, err := c.intakes.of(q.From).take(ctx, q, func(a ask) error {
		if a.in != nil {
			if conversationID := conversationOf(a.in(agent.At{})); conversationID != "" {
				c.fleet.owns(q.From, conversationID)
			}
		}
		select {
		case c.floor.asks <- a:
			return nil
		case <-c.floor.done:
			return ErrStopped
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
	if err != nil {
		return nil, err
	}
	faults := make([]*fault, 0, len(replies))
	for _, reply := range replies {
		v, err := c.floor.verdictOn(ctx, reply)
		if err = cmp.Or(err, notDecided(v)); err != nil {
			if len(faults) > 0 {
				return faults, nil
			}
			return nil, err
		}
		faults = append(faults, encodeError(v.err))
	}
	return faults, nil
}

// ---- what the node that routes knows

// seat is where an agent is with the router.
type seat struct {
	Presence agent.Presence `json:"presence"`
	Works    []agent.Work   `json:"works"`
}

// seatOf reads an agent's presence and work here.
func (c *Center) seatOf(ctx context.Context, agentID string) (s seat, err error) {
	err = c.floor.look(ctx, func(r *agent.Router, _ time.Time) {
		s.Presence, _ = r.PresenceOf(agentID)
		s.Works = r.WorksOf(agentID)
	})
	return s, err
}

// RoutedBy is the node that routes; empty: none that is known.
func (c *Center) RoutedBy() string {
	if t := c.floor.present.Load(); t != nil {
		return t.Node
	}
	return ""
}

// seatAnywhere is seatOf wherever the router runs.
func (c *Center) seatAnywhere(ctx context.Context, agentID string) (seat, error) {
	if node := c.RoutedBy(); node != c.cfg.NodeID && c.cfg.Bus != nil {
		return request[seat](ctx, c, id.New("cm"), node, commandSeat, agentID)
	}
	return c.seatOf(ctx, agentID)
}

func (c *Center) snapshotHere(ctx context.Context) (s agent.Snapshot, err error) {
	err = c.floor.look(ctx, func(r *agent.Router, now time.Time) { s = r.Snapshot(now) })
	return s, err
}

// maxSnapshot bounds a wallboard of another node, in bytes.
const maxSnapshot = 64 << 20

// Snapshot is the floor as a wallboard shows it.
func (c *Center) Snapshot(ctx context.Context) (s agent.Snapshot, err error) {
	node := c.RoutedBy()
	if node == c.cfg.NodeID || c.cfg.Bus == nil {
		return c.snapshotHere(ctx)
	}
	packed, err := request[[]byte](ctx, c, id.New("cm"), node, commandFloor, struct{}{})
	if err != nil {
		return s, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return s, fmt.Errorf("%w: wallboard: %w", ErrItem, err)
	}
	if err := json.NewDecoder(io.LimitReader(z, maxSnapshot)).Decode(&s); err != nil {
		return s, fmt.Errorf("%w: wallboard: %w", ErrItem, err)
	}
	return s, nil
}

// ---- what agents do to conversations of other nodes

// page is an open workbench page of some node.
type page struct {
	Node   string `json:"node"`
	Socket string `json:"socket"`
}

// action is what an agent or supervisor does to a live conversation.
type action struct {
	Do             string          `json:"do"`
	ConversationID string          `json:"conversation_id"`
	AgentID        string          `json:"agent_id"` // empty with end: forced
	Kind           string          `json:"kind,omitempty"`
	Target         string          `json:"target,omitempty"`
	Joins          bool            `json:"joins,omitempty"`
	Ring           time.Duration   `json:"ring,omitempty"`
	Digits         string          `json:"digits,omitempty"`
	Code           string          `json:"code,omitempty"`
	Note           string          `json:"note,omitempty"`
	Page           page            `json:"page,omitzero"`
	SDP            string          `json:"sdp,omitempty"`
	Candidate      json.RawMessage `json:"candidate,omitempty"`
}

// The words of actions.
const (
	actHold, actResume, actEnd, actDigits = "hold", "resume", "end", "digits"
	actTransfer, actWrapUp, actNote       = "transfer", "wrap_up", "note"
	actAudio, actCandidate                = "rtc.offer", "rtc.candidate"
	actPause, actUnpause                  = "recording.pause", "recording.resume"
	actRecord                             = "recording.start"
	actConsult, actConsultStep            = "consult", "consult_step"
	actLeave, actRemove                   = "leave", "remove"
	actFlow, actTakeBack                  = "flow", "flow.take_back"
)

// act carries an action out, here or on the node that owns the conversation.
func (c *Center) act(ctx context.Context, a action) error {
	if c.find(a.ConversationID) != nil {
		return c.actHere(ctx, a)
	}
	node, err := c.ownerOf(ctx, a.ConversationID)
	if err != nil {
		return err
	}
	_, err = request[struct{}](ctx, c, id.New("cm"), node, commandAct, a)
	if errors.Is(err, ErrAway) {
		return fmt.Errorf("%w: node %s carries the call: %w", account.ErrAway, node, err)
	}
	return err
}

// ownerOf is the other node that carries a live conversation.
func (c *Center) ownerOf(ctx context.Context, conversationID string) (string, error) {
	none := fmt.Errorf("%w: no live conversation of this id", account.ErrNotFound)
	if !c.cfg.Shared {
		return "", none
	}
	v, err := c.store.Conversation(ctx, conversationID)
	switch {
	case errors.Is(err, omni.ErrNotFound):
		return "", none
	case err != nil:
		return "", err
	case v.State == omni.Completed, v.NodeID == c.cfg.NodeID:
		return "", none
	}
	return v.NodeID, nil
}

// actHere carries an action out on a conversation of this node.
func (c *Center) actHere(ctx context.Context, a action) error {
	v := c.find(a.ConversationID)
	if v == nil {
		return fmt.Errorf("%w: no live conversation of this id", account.ErrNotFound)
	}
	switch a.Do {
	case actAudio:
		return c.openAudio(ctx, a)
	case actCandidate:
		if leg := c.desk(a.AgentID).audio(a.ConversationID, a.Page.Socket); leg != nil {
			return leg.AddCandidate(a.Candidate)
		}
		return nil // a late candidate of a call that is over
	}
	return deskError(v.ask(ctx, func() error { return v.perform(a) }))
}

// perform carries an action out in the conversation's goroutine.
func (v *conversation) perform(a action) error {
	switch a.Do {
	case actHold:
		return v.holdCall(a.AgentID)
	case actResume:
		return v.resumeCall(a.AgentID)
	case actEnd:
		if a.AgentID == "" {
			return v.forceClose()
		}
		return v.endPart(a.AgentID)
	case actRecord:
		return v.recordOnDemand(a.AgentID)
	case actPause, actUnpause:
		return v.pauseRecording(a.AgentID, a.Do == actPause)
	case actDigits:
		if _, err := v.own(a.AgentID); err != nil {
			return err
		}
		return v.leg.SendDigits(a.Digits)
	case actTransfer:
		return v.transfer(a.AgentID, a.Kind, a.Target, a.Ring)
	case actConsult:
		return v.startConsult(a.AgentID, a.Kind, a.Target, a.Joins, a.Ring)
	case actConsultStep:
		return v.consultStep(a.AgentID, a.Kind)
	case actLeave:
		return v.leave(a.AgentID)
	case actFlow:
		return v.sendToFlow(a.AgentID, a.Target)
	case actTakeBack:
		return v.takeBack(a.AgentID)
	case actRemove:
		return v.removeParty(a.AgentID, a.Target)
	case actNote:
		return v.keepNote(a.AgentID, a.Note)
	case actWrapUp:
		return v.wrapUp(a.AgentID, a.Code, a.Note)
	}
	return fmt.Errorf("%w: unknown action %q", account.ErrState, a.Do)
}
