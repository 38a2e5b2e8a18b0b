package journey

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/omni"
)

// Signs of life of a node among several.
const (
	beatEvery  = 2 * time.Second
	beatWithin = 2 * time.Second
)

// fleet is what this node knows of the others.
type fleet struct {
	mu       sync.Mutex
	alive    map[string]bool // without this one
	swept    uint64          // the term in which everything of dead nodes was looked for
	revision string          // of the administered records that are in use
	closed   bool            // what a former process of this node left is closed
}

// others tells whether there is another live node.
func (f *fleet) others() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.alive) > 0
}

// watchNodes gives signs of life until ctx ends, follows changes that other
// nodes made to the administered records, and, while this node routes, closes
// what dead nodes left behind.
func (c *Center) watchNodes(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		if err := c.beat(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("no look at the other nodes", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (c *Center) beat(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, beatWithin)
	defer cancel()
	was, err := c.store.Beat(within, c.cfg.NodeID, false)
	if err != nil {
		return err
	}
	if was == omni.NodeDead {
		c.givenUp()
	}
	nodes, err := c.store.Nodes(within)
	if err != nil {
		return err
	}
	alive := map[string]bool{}
	for _, n := range nodes {
		if n.ID != c.cfg.NodeID && n.Alive(c.cfg.NodeLimit) {
			alive[n.ID] = true
		}
	}
	c.fleet.mu.Lock()
	c.fleet.alive = alive
	c.fleet.mu.Unlock()
	if err := c.followSetup(within); err != nil {
		return err
	}
	if t := c.floor.present.Load(); t != nil && t.Node == c.cfg.NodeID {
		return c.closeDead(ctx, *t, nodes)
	}
	return nil
}

// givenUp ends the conversations of this node: the leader heard nothing of it
// for so long that it has closed them and said BYE to the callers.
func (c *Center) givenUp() {
	c.log.Error("this node was silent for so long that its conversations were closed; they end here too", "conversations", c.Live())
	c.each(func(v *conversation) { v.post(func() { v.hangUp(omni.SystemError) }) })
}

// followSetup reloads the administered records when another node changed them.
func (c *Center) followSetup(ctx context.Context) error {
	revision, err := c.store.SetupRevision(ctx)
	if err != nil {
		return err
	}
	c.fleet.mu.Lock()
	known := c.fleet.revision
	c.fleet.mu.Unlock()
	if revision == known {
		return nil
	}
	if err := c.resetup(ctx); err != nil {
		return err
	}
	c.fleet.mu.Lock()
	c.fleet.revision = revision
	c.fleet.mu.Unlock()
	return nil
}

// closeDead closes what nodes left behind that are silent for too long: once in
// a term everything that belongs to no live node, later what newly fell silent.
// It may be interrupted at any point and is then done again.
func (c *Center) closeDead(ctx context.Context, t Term, nodes []omni.Node) error {
	var dead []string
	present := map[string]bool{c.cfg.NodeID: true}
	for _, n := range nodes {
		switch {
		case n.ID == c.cfg.NodeID:
		case n.State == omni.NodeLive && n.Silent >= c.cfg.NodeLimit:
			dead = append(dead, n.ID)
		case n.State == omni.NodeLive:
			present[n.ID] = true
		}
	}
	c.fleet.mu.Lock()
	sweep := c.fleet.swept != t.Epoch
	c.fleet.mu.Unlock()
	if sweep {
		live, err := c.store.LiveConversations(ctx, "")
		if err != nil {
			return err
		}
		for _, v := range live {
			if !present[v.NodeID] {
				present[v.NodeID] = true // once
				dead = append(dead, v.NodeID)
			}
		}
	}
	var errs []error
	for _, node := range dead {
		errs = append(errs, c.closeNode(ctx, t, node))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	c.fleet.mu.Lock()
	c.fleet.swept = t.Epoch
	c.fleet.mu.Unlock()
	return nil
}

// closeNode closes what a dead node left behind: first its agents are free and
// its callers out of their queues, then the conversations get their ends.
func (c *Center) closeNode(ctx context.Context, t Term, node string) error {
	if _, err := c.store.DeclareDead(ctx, t, node, c.cfg.NodeLimit); err != nil {
		return err
	}
	live, err := c.store.LiveConversations(ctx, node)
	if err != nil {
		return fmt.Errorf("conversations of a dead node: %w", err)
	}
	c.log.Warn("a node is dead; closing what it left", "node", node, "conversations", len(live))
	within, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if v := c.floor.ask(within, ask{gone: node}); v.err != nil {
		return v.err
	}
	left := map[string]bool{}
	for _, v := range live {
		if _, err := c.floor.do(within, drop(v.ID)); err != nil {
			return err
		}
		left[v.ID] = true
	}
	return c.closeLeft(ctx, leaving{
		node: node, foreign: true, bye: c.endOrphans,
		work:   func(conversationID string) bool { return left[conversationID] }, // what the router did not know
		commit: func(ctx context.Context, w Write) error { return c.store.Route(ctx, t, w) },
	})
}

// drop has the router forget a conversation whose process died.
func drop(conversationID string) input {
	return func(at agent.At) agent.Input {
		return agent.Drop{At: at, ConversationID: conversationID, Reason: string(omni.SystemError)}
	}
}
