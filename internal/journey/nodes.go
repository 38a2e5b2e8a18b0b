package journey

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/internal/id"
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
	alive    map[string]bool   // without this one
	owners   map[string]string // nodes of conversations that other nodes carry
	former   map[string]string // owners not heard of since owners was full
	parted   map[string]bool   // lived at an earlier look
	foreign  map[string]bool   // speak another version
	turns    map[string]*turn  // of nodes whose letters are being read
	epoch    uint64            // of the newest term that was heard of
	swept    uint64            // the term in which everything of dead nodes was looked for
	revision string            // of the administered records that are in use
	closed   bool              // what a former process of this node left is closed
}

// others tells whether there is another live node.
func (f *fleet) others() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.alive) > 0
}

// list names the other live nodes that can be talked to.
func (f *fleet) list() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	names := make([]string, 0, len(f.alive))
	for n := range f.alive {
		if !f.foreign[n] {
			names = append(names, n)
		}
	}
	return names
}

// lives tells whether another node lives and can be talked to.
func (f *fleet) lives(node string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.alive[node] && !f.foreign[node]
}

// hello notes a node that was heard of; the next look at the table corrects it.
func (f *fleet) hello(node string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.alive == nil {
		f.alive = map[string]bool{}
	}
	f.alive[node] = true
}

// speaks notes whether a node speaks our version, and tells whether that is new.
// Who does not say a name is nobody to be noted.
func (f *fleet) speaks(node string, ours bool) (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if node == "" || f.foreign[node] == !ours {
		return false
	}
	if f.foreign == nil {
		f.foreign = map[string]bool{}
	}
	if ours {
		delete(f.foreign, node)
	} else {
		f.foreign[node] = true
	}
	return true
}

// turn is where those take turns who read letters of a node.
type turn struct {
	slot    chan struct{} // holds one while letters are read
	readers int           // reading or waiting
}

// takeTurn waits until nobody else reads letters of a node; over ends the turn.
// What is kept of it goes with the last reader.
func (f *fleet) takeTurn(ctx context.Context, node string) (over func(), err error) {
	f.mu.Lock()
	t := f.turns[node]
	if t == nil {
		if f.turns == nil {
			f.turns = map[string]*turn{}
		}
		t = &turn{slot: make(chan struct{}, 1)}
		f.turns[node] = t
	}
	t.readers++
	f.mu.Unlock()
	leave := func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if t.readers--; t.readers == 0 {
			delete(f.turns, node)
		}
	}
	select {
	case t.slot <- struct{}{}:
		return func() { <-t.slot; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}

// replace takes a new list of the live nodes and returns the one before.
func (f *fleet) replace(alive map[string]bool) (before map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, f.alive = f.alive, maps.Clone(alive)
	if f.parted == nil {
		f.parted = map[string]bool{}
	}
	for node := range before {
		f.parted[node] = true
	}
	maps.DeleteFunc(f.parted, func(node string, _ bool) bool { return alive[node] })
	return before
}

// hasParted tells whether a node lived at an earlier look and does not any more.
func (f *fleet) hasParted(node string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.parted[node]
}

// current tells whether a term is not older than one that was heard of.
func (f *fleet) current(epoch uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.epoch = max(f.epoch, epoch)
	return epoch == f.epoch
}

// newest is the epoch of the newest term that was heard of.
func (f *fleet) newest() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.epoch
}

// maxOwners bounds the conversations whose nodes are remembered, twice: when it
// is reached, those that were not asked for since the last time are forgotten.
const maxOwners = 100_000

// owns notes the node of a conversation.
func (f *fleet) owns(node, conversationID string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.owners == nil || len(f.owners) >= maxOwners {
		f.owners, f.former = map[string]string{}, f.owners
	}
	f.owners[conversationID] = node
}

// owner is the other node that carries a conversation; empty: none is known.
func (f *fleet) owner(conversationID string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if node, ok := f.former[conversationID]; ok && f.owners[conversationID] == "" && len(f.owners) < maxOwners {
		f.owners[conversationID] = node
	}
	return cmp.Or(f.owners[conversationID], f.former[conversationID])
}

// forget forgets a node that has died.
func (f *fleet) forget(node string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.alive, node)
	delete(f.parted, node)
	delete(f.foreign, node)
	for _, owners := range []map[string]string{f.owners, f.former} {
		maps.DeleteFunc(owners, func(_, n string) bool { return n == node })
	}
}

// watchNodes gives signs of life until ctx ends, follows changes that other
// nodes made to the administered records, and, while this node routes, closes
// what dead nodes left behind: beside it, since that may take longer than a node
// may be silent.
func (c *Center) watchNodes(ctx context.Context) {
	looks := make(chan []omni.Node, 1) // holds the newest
	var closing sync.WaitGroup
	defer closing.Wait()
	closing.Go(func() { c.closeAfterLooks(ctx, looks) })
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		nodes, err := c.beat(ctx)
		if err != nil {
			if ctx.Err() == nil {
				c.log.Warn("no look at the other nodes", "err", err)
			}
			continue
		}
		select {
		case <-looks: // nobody had time for the one before
		default:
		}
		looks <- nodes
	}
}

// closeAfterLooks closes what nodes left behind that are dead by what was seen at
// the last look, until ctx ends.
func (c *Center) closeAfterLooks(ctx context.Context, looks <-chan []omni.Node) {
	for {
		select {
		case nodes := <-looks:
			if err := c.closeDead(ctx, nodes); err != nil && ctx.Err() == nil {
				c.log.Warn("what a dead node left is not closed yet", "err", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// beat is one look: a sign of life, and how the other nodes are. Administered
// records that cannot be read, for instance those of a newer version, are no reason
// to leave alone what a dead node left.
func (c *Center) beat(ctx context.Context) ([]omni.Node, error) {
	within, cancel := context.WithTimeout(ctx, beatWithin)
	defer cancel()
	nodes, err := c.lookAround(within)
	if err != nil {
		return nil, err
	}
	if err := c.followSetup(within); err != nil && ctx.Err() == nil {
		c.log.Warn("changes of the administered records are not followed", "err", err)
	}
	return nodes, nil
}

// lookAround gives a sign of life and meets the other live nodes.
func (c *Center) lookAround(ctx context.Context) ([]omni.Node, error) {
	was, err := c.store.Beat(ctx, c.cfg.NodeID, false)
	if err != nil {
		return nil, err
	}
	if was == omni.NodeDead {
		c.givenUp()
	}
	nodes, err := c.store.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	alive := map[string]bool{}
	for _, n := range nodes {
		if n.ID != c.cfg.NodeID && n.Alive(c.cfg.NodeLimit) {
			alive[n.ID] = true
		}
	}
	c.meet(alive)
	return nodes, nil
}

// meet takes the list of the other live nodes and greets those that are new, so
// that they know of this one at once.
func (c *Center) meet(alive map[string]bool) {
	before := c.fleet.replace(alive)
	for node := range alive {
		switch {
		case before[node]:
		case c.mail != nil:
			c.mail.to(node, letter{Do: letterHello})
		default:
			c.log.Error("another node uses this database, but the nodes have no way to each other: calls wait in vain for agents of the other one (set bus.listen and bus.routes, or bus.url)", "node", node)
		}
	}
}

// givenUp ends the conversations of this node: the leader heard nothing of it
// for so long that it has closed them and said BYE to the callers. Its pages are
// still open.
func (c *Center) givenUp() {
	c.log.Error("this node was silent for so long that its conversations were closed; they end here too", "conversations", c.Live())
	c.each(func(v *conversation) { v.post(func() { v.hangUp(omni.SystemError) }) })
	for _, in := range c.reachable() { // and its agents were taken for unreachable
		c.tell(in)
	}
	c.outOfStep()
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

// closeDead closes, if this node routes, what nodes left behind that are silent for
// too long: once in a term everything that belongs to no live node, later what newly
// fell silent. It may be interrupted at any point and is then done again, from what
// is left.
func (c *Center) closeDead(ctx context.Context, nodes []omni.Node) error {
	t := c.floor.present.Load()
	if t == nil || t.Node != c.cfg.NodeID {
		return nil
	}
	var dead []string
	var errs []error
	present := map[string]bool{c.cfg.NodeID: true}
	for _, n := range nodes {
		switch {
		case n.ID == c.cfg.NodeID:
		case n.State == omni.NodeStopped && c.fleet.hasParted(n.ID):
			errs = append(errs, c.partFrom(ctx, n.ID))
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
		records, err := c.store.LeftRecordings(ctx, slices.Collect(maps.Keys(present)))
		if err != nil {
			return err
		}
		c.left.add(c.present(records)...) // a leader that died had them to complete
		for _, v := range live {
			if !present[v.NodeID] {
				present[v.NodeID] = true // once
				dead = append(dead, v.NodeID)
			}
		}
	}
	for _, node := range dead {
		errs = append(errs, c.closeNode(ctx, *t, node))
	}
	err := errors.Join(errs...)
	c.fleet.mu.Lock()
	defer c.fleet.mu.Unlock()
	c.fleet.swept = t.Epoch
	if err != nil {
		c.fleet.swept = 0 // a node that is declared dead by now is found by what it left
	}
	return err
}

// partFrom follows a node that has stopped: nobody is reached through it, what the
// router still says of its conversations is said from here, and what it had not
// completed of recordings that are here is completed.
func (c *Center) partFrom(ctx context.Context, node string) error {
	within, cancel := context.WithTimeout(ctx, beatWithin)
	defer cancel()
	if v := c.floor.ask(within, ask{gone: node}); v.err != nil {
		return v.err
	}
	records, err := c.store.UnfinishedRecordings(within, node)
	if err != nil {
		return fmt.Errorf("recordings of a node that has stopped: %w", err)
	}
	c.left.add(c.present(records)...)
	c.fleet.forget(node)
	return nil
}

// closeNode closes what a dead node left behind: first its agents are free and
// its callers out of their queues, then the conversations get their ends.
func (c *Center) closeNode(ctx context.Context, t Term, node string) error {
	if c.cfg.Bus != nil {
		if _, err := request[struct{}](ctx, c, id.New("cm"), node, commandPing, struct{}{}); err == nil || errors.Is(err, errWire) {
			c.log.Warn("a node cannot reach the database, but lives: its calls are left alone", "node", node)
			return nil
		}
	}
	if back, err := c.declareDead(ctx, t, node); err != nil || back {
		return err
	}
	live, err := c.store.LiveConversations(ctx, node)
	if err != nil {
		return fmt.Errorf("conversations of a dead node: %w", err)
	}
	c.log.Warn("a node is dead; closing what it left", "node", node, "conversations", len(live))
	c.fleet.forget(node)
	if v := c.floor.ask(ctx, ask{gone: node}); v.err != nil {
		return v.err
	}
	over, err := c.store.Lingering(ctx, node)
	if err != nil {
		return err
	}
	for _, v := range live {
		over = append(over, v.ID)
	}
	if err := c.dropAll(ctx, over); err != nil {
		return err
	}
	left := map[string]bool{}
	for _, conversationID := range over {
		left[conversationID] = true
	}
	return c.closeLeft(ctx, leaving{
		node: node, foreign: true, bye: c.endOrphans,
		work:   func(conversationID string) bool { return left[conversationID] }, // what the router did not know
		commit: func(ctx context.Context, w Write) error { return c.store.Route(ctx, t, w) },
	})
}

// dropAll has the router forget conversations, so many at a time as share one of its
// commits. How long that may take grows with their number.
func (c *Center) dropAll(ctx context.Context, conversationIDs []string) error {
	dropping, ctx := errgroup.WithContext(ctx)
	dropping.SetLimit(batch)
	for _, conversationID := range conversationIDs {
		dropping.Go(func() error {
			_, err := c.floor.do(ctx, drop(conversationID))
			return err
		})
	}
	return dropping.Wait()
}

// declareDead marks a node as dead; back tells that it has come back meanwhile.
func (c *Center) declareDead(ctx context.Context, t Term, node string) (back bool, err error) {
	dead, err := c.store.DeclareDead(ctx, t, node, c.cfg.NodeLimit)
	if err != nil || dead {
		return false, err
	}
	nodes, err := c.store.Nodes(ctx) // it has no row, or had stopped
	return slices.ContainsFunc(nodes, func(n omni.Node) bool { return n.ID == node && n.Alive(c.cfg.NodeLimit) }), err
}

// drop has the router forget a conversation whose process died.
func drop(conversationID string) input {
	return func(at agent.At) agent.Input {
		return agent.Drop{At: at, ConversationID: conversationID, Reason: string(omni.SystemError)}
	}
}
