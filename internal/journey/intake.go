package journey

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/openhotline/hotline/agent"
)

// intake is what this node takes from another one while it routes: each input is
// applied once in a term, though it is sent again when its answer is late.
type intake struct {
	turn    chan struct{} // holds one while inputs are put in their order
	life    string        // of the process that sends
	epoch   uint64
	last    uint64                  // number of the last input that was taken
	replies map[uint64]chan verdict // of those that may be sent again; each holds one
}

// intakes are those from the other nodes.
type intakes struct {
	mu sync.Mutex
	by map[string]*intake
}

func (k *intakes) of(node string) *intake {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.by == nil {
		k.by = map[string]*intake{}
	}
	if k.by[node] == nil {
		k.by[node] = &intake{turn: make(chan struct{}, 1)}
	}
	return k.by[node]
}

// take puts the inputs that are new to the router, and gives where the verdict on
// each is found. Nobody is reached any more through a process whose node has
// started again.
func (k *intake) take(ctx context.Context, q routing, put func(ask) error) ([]chan verdict, error) {
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if k.life != q.Life || k.epoch != q.Epoch {
		if err := put(ask{gone: q.From, term: q.Epoch}); err != nil {
			return nil, err
		}
		k.life, k.epoch, k.last, k.replies = q.Life, q.Epoch, 0, map[uint64]chan verdict{}
	}
	if len(q.Inputs) > 0 { // what comes before has reached its sender
		maps.DeleteFunc(k.replies, func(n uint64, _ chan verdict) bool { return n < q.Inputs[0].Number })
	}
	replies := make([]chan verdict, len(q.Inputs))
	for i, it := range q.Inputs {
		reply, known := k.replies[it.Number]
		if !known {
			reply = make(chan verdict, 1)
			if it.Number <= k.last {
				return nil, fmt.Errorf("%w: input %d comes after %d", ErrItem, it.Number, k.last)
			}
			if in, err := decodeInput(it.item); err != nil {
				reply <- verdict{err: err}
			} else if err := put(ask{in: in, from: q.From, term: q.Epoch, again: it.Again, reply: reply}); err != nil {
				return nil, err
			}
			k.last, k.replies[it.Number] = it.Number, reply
		}
		replies[i] = reply
	}
	return replies, nil
}

// verdictOn waits for a verdict, and leaves it for who asks again.
func (f *floor) verdictOn(ctx context.Context, reply chan verdict) (verdict, error) {
	select {
	case v := <-reply:
		reply <- v
		return v, nil
	case <-f.done:
		return verdict{}, ErrStopped
	case <-ctx.Done():
		return verdict{}, context.Cause(ctx)
	}
}

// notDecided tells that an input is left to the next leader.
func notDecided(v verdict) error {
	if errors.Is(v.err, ErrNotLeader) {
		return v.err
	}
	return nil
}

// applied tells whether an input that a former leader may have applied has had its
// effect: only those are looked at that would do harm, or be refused to somebody
// who waits for the answer.
func (l *leader) applied(in agent.Input) bool {
	standing := func(id string) agent.Standing { return l.router.StandingOf([]string{id})[id] }
	switch in := in.(type) {
	case agent.Enqueue:
		s := standing(in.ConversationID)
		return s.Entry != nil && s.Entry.DirectAgent == "" && s.Entry.QueueID == in.QueueID ||
			slices.ContainsFunc(s.Works, func(w agent.Work) bool { return w.QueueID == in.QueueID && w.State != agent.WrapUp })
	case agent.OfferTo:
		s := standing(in.ConversationID)
		return s.Entry != nil && s.Entry.DirectAgent == in.AgentID ||
			slices.ContainsFunc(s.Works, func(w agent.Work) bool { return w.AgentID == in.AgentID && w.State != agent.WrapUp })
	case agent.ConsultWith:
		s := standing(in.ConversationID)
		return s.Entry != nil && s.Entry.ConsultBy == in.AgentID ||
			slices.ContainsFunc(s.Works, func(w agent.Work) bool { return w.ConsultBy == in.AgentID })
	case agent.Accept:
		return slices.ContainsFunc(l.router.WorksOf(in.AgentID), func(w agent.Work) bool {
			return w.ID == in.OfferID && standing(w.ConversationID).Accepted(w.ID)
		})
	}
	return false
}
