package journey

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// wireVersion is the version of what nodes tell one another: commands, letters,
// router inputs and outputs. It rises with every change that a node of the
// version before would misread. Nodes of different versions take one another
// for away, so that none acts upon half of what was meant.
const wireVersion = 1

// envelope is what each command between nodes is packed in, and reply what comes
// back. Their fields mean the same in every version.
type envelope struct {
	Wire int             `json:"wire"`
	From string          `json:"from"`
	Data json.RawMessage `json:"data"`
}

type reply struct {
	Wire  int             `json:"wire"`
	Data  json.RawMessage `json:"data,omitempty"`
	Fault *fault          `json:"fault,omitempty"`
}

// errWire is returned for a node whose version is another one.
var errWire = errors.New("journey: the node speaks another version")

// The commands between nodes.
const (
	commandPost     = "post"     // a bag of letters
	commandRoute    = "route"    // router inputs, to the node that routes
	commandAct      = "act"      // what an agent does to a conversation, to its node
	commandSeat     = "seat"     // presence and work of an agent, of the node that routes
	commandFloor    = "floor"    // the wallboard, of the node that routes
	commandStanding = "standing" // where conversations stand with the router
	commandParties  = "parties"  // who is in a call, of its node
	commandPing     = "ping"
)

// commandWithin bounds a command whose sender has more time; the owner of a call
// that does not answer by then is away.
const commandWithin = 4 * time.Second

// handle registers a command whose question and answer are JSON. A command whose
// sender has gone by the time it is begun is not carried out, so that it may be
// sent again; what was begun is answered.
func handle[Q, A any](c *Center, name string, do func(context.Context, Q) (A, error)) {
	c.cfg.Bus.Handle(name, func(ctx context.Context, payload []byte) ([]byte, error) {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		a, err := opened(c, payload, func(q Q) (A, error) { return do(ctx, q) })
		if errors.Is(err, errNotBegun) {
			return nil, err
		}
		out := reply{Wire: wireVersion, Fault: encodeError(err)}
		if err == nil {
			out.Data = mustJSON(a)
		}
		return json.Marshal(out)
	})
}

// errNotBegun is why a command was not carried out: its sender may send it again.
var errNotBegun = errors.New("journey: the command was not begun")

// opened has a command carried out if it can be read.
func opened[Q, A any](c *Center, payload []byte, do func(Q) (A, error)) (a A, err error) {
	var m envelope
	var q Q
	if err := json.Unmarshal(payload, &m); err != nil {
		return a, fmt.Errorf("%w: %w", ErrItem, err)
	}
	if !c.understands(m.From, m.Wire) {
		return a, errWire
	}
	if err := json.Unmarshal(m.Data, &q); err != nil {
		return a, fmt.Errorf("%w: %w", ErrItem, err)
	}
	return do(q)
}

// command has a node carry out a command. The error is ErrAway, joined with
// errWire if the node speaks another version, or the other node's.
func (c *Center) command(ctx context.Context, commandID, node, name string, q any) (json.RawMessage, error) {
	if c.cfg.Bus == nil || node == "" {
		return nil, fmt.Errorf("%w: no way to node %q", ErrAway, node)
	}
	raw, err := c.cfg.Bus.Command(ctx, commandID, node, name, mustJSON(envelope{wireVersion, c.cfg.NodeID, mustJSON(q)}))
	if err != nil {
		return nil, err
	}
	var out reply
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("%w: answer to %s: %w", ErrItem, name, err)
	}
	if !c.understands(node, out.Wire) {
		return nil, fmt.Errorf("%w: node %s: %w", ErrAway, node, errWire)
	}
	return out.Data, out.Fault.err()
}

// request is command for a question whose answer is JSON.
func request[A any](ctx context.Context, c *Center, commandID, node, name string, q any) (a A, err error) {
	ctx, cancel := context.WithTimeout(ctx, commandWithin)
	defer cancel()
	raw, err := c.command(ctx, commandID, node, name, q)
	if err != nil {
		return a, err
	}
	return a, json.Unmarshal(raw, &a)
}

// understands notes the version that a node speaks, says once when it is another
// one than ours, and tells whether it is ours.
func (c *Center) understands(node string, wire int) bool {
	ours := wire == wireVersion
	if c.fleet.speaks(node, ours) {
		if ours {
			c.log.Info("a node speaks the version of this one again", "node", node)
		} else {
			c.log.Error("a node speaks another version and is taken for away: run one version of the program on all nodes", "node", node, "version", wire, "ours", wireVersion)
		}
	}
	return ours
}
