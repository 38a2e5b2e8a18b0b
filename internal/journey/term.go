package journey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openhotline/hotline/agent"
)

const (
	standEvery  = time.Second     // how often a node looks whether the office is free
	standWithin = 3 * time.Second // bounds one look
	sendWithin  = 2 * time.Second // bounds one try to pass inputs on
	sendEvery   = 200 * time.Millisecond
	sendBatch   = 64              // inputs that are passed on at once
	drainWithin = 5 * time.Second // bounds how long the last inputs are handed on
)

// ErrNoLeader means that no node routes at present.
var ErrNoLeader = errors.New("journey: no node routes at present")

// run owns the floor until ctx ends: it leads in this node's terms and follows
// in those of others. An error before the first term has begun ends it.
func (f *floor) run(ctx context.Context) error {
	defer close(f.done)
	err := f.takePart(ctx)
	if ctx.Err() != nil {
		f.drain(ctx)
	}
	return err
}

func (f *floor) takePart(ctx context.Context) error {
	for {
		t, err := f.stand(ctx)
		switch {
		case err == nil && t.Node == f.node:
			err = f.serveTerm(ctx, t, false)
		case err == nil:
			err = f.followTerm(ctx, t)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			continue
		}
		over := errors.Is(err, ErrNotLeader)
		switch {
		case over:
			f.log.Warn("another node has taken over the routing; the calls of this one go on")
		case !f.isSettled():
			return err
		default:
			f.log.Warn("no part in routing for now", "err", err)
		}
		last := Term{} // who routed a moment ago may still do
		if p := f.present.Load(); p != nil && p.Node != f.node && !over {
			last = *p
		}
		last.Left = standEvery
		f.follow(ctx, last)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

func (f *floor) stand(ctx context.Context) (Term, error) {
	ctx, cancel := context.WithTimeout(ctx, standWithin)
	defer cancel()
	asked := time.Now()
	t, err := f.office.Stand(ctx, f.node)
	t.asked = asked
	if err != nil {
		return t, fmt.Errorf("routing lease: %w", err)
	}
	return t, nil
}

// begun makes a term the present one.
func (f *floor) begun(t Term) {
	f.present.Store(&t)
	if !f.isSettled() {
		close(f.settled)
	}
}

func (f *floor) isSettled() bool {
	select {
	case <-f.settled:
		return true
	default:
		return false
	}
}

// serveTerm routes in a term of this node until it is over or ctx ends; last: only
// what was told already is decided.
func (f *floor) serveTerm(ctx context.Context, t Term, last bool) error {
	term, end := context.WithCancelCause(ctx)
	held := newTenure(t)
	var keeping sync.WaitGroup
	keeping.Go(func() { end(f.keepOffice(term, t, held)) })
	state, err := f.beginTerm(ctx, t)
	if err == nil {
		err = f.lead(term, t, state, held, last)
	}
	end(err)
	keeping.Wait()
	f.present.Store(&Term{})
	f.kept = f.sift(f.kept)
	if errors.Is(err, ErrNotLeader) {
		return err
	}
	return errors.Join(err, f.resign(ctx, t))
}

// beginTerm readies this node for a term.
func (f *floor) beginTerm(ctx context.Context, t Term) (agent.State, error) {
	if f.begin == nil {
		return agent.State{}, nil
	}
	state, first, err := f.begin(ctx, t)
	if err != nil {
		return state, err
	}
	asks := make([]ask, 0, len(first)+len(f.kept))
	for _, in := range first {
		asks = append(asks, ask{in: in, until: f.now().Add(tellLimit)})
	}
	f.kept = append(asks, f.kept...)
	return state, nil
}

func (f *floor) resign(ctx context.Context, t Term) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), standWithin)
	defer cancel()
	return f.office.Resign(ctx, t)
}

// followTerm takes part in a term of another node; it returns when it is time to
// look at the office again.
func (f *floor) followTerm(ctx context.Context, t Term) error {
	if before := f.present.Load(); before == nil || before.Epoch != t.Epoch {
		if _, err := f.beginTerm(ctx, t); err != nil {
			return err
		}
		f.log.Info("another node routes", "routing", t.Node)
		f.begun(t)
	}
	f.follow(ctx, t)
	return nil
}

// follow passes inputs on to the node that routes, if there is one, until it is
// time to look at the office again.
func (f *floor) follow(ctx context.Context, t Term) {
	again := time.NewTimer(min(max(t.Left, sendEvery), standEvery))
	defer again.Stop()
	retry := time.NewTicker(sendEvery)
	defer retry.Stop()
	for {
		f.passOn(ctx, t)
		asks := f.asks
		if len(f.kept) >= asksAtOnce {
			asks = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			return
		case <-retry.C:
		case p := <-f.looks:
			p.done <- ErrNotLeader
		case a := <-asks:
			f.kept = append(f.kept, f.sift(f.gather(a))...)
		}
	}
}

// drain hands on what was told before the end: to the node that routes, or, when
// none does, by routing once more.
func (f *floor) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainWithin)
	defer cancel()
	retry := time.NewTicker(sendEvery)
	defer retry.Stop()
	for {
		for len(f.asks) > 0 {
			f.kept = append(f.kept, f.sift(f.gather(<-f.asks))...)
		}
		if len(f.kept) == 0 {
			return
		}
		t, err := f.stand(ctx)
		switch {
		case err == nil && t.Node == f.node:
			err = f.serveTerm(ctx, t, true)
		case err == nil:
			f.lastTry = time.Time{}
			f.passOn(ctx, t)
		}
		if err != nil {
			f.log.Warn("the last router inputs are not handed on yet", "inputs", len(f.kept), "err", err)
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			f.log.Error("router inputs lost: no node took them before the end", "inputs", len(f.kept))
			return
		}
	}
}

// sift answers the inputs of other nodes, which must find the leader themselves,
// and what only the leader here wants, and returns our own.
func (f *floor) sift(asks []ask) []ask {
	own := asks[:0:0]
	for _, a := range asks {
		if a.from != "" || a.gone != "" || a.ours {
			a.answer(verdict{err: ErrNotLeader})
			continue
		}
		own = append(own, a)
	}
	return own
}

// keep puts inputs before all others.
func (f *floor) keep(asks []ask) {
	f.kept = append(f.sift(asks), f.kept...)
}

// passOn sends what is kept to the node that routes, and drops what has waited
// for one too long. In each term the leader hears once from this process, even if
// there is nothing to say.
func (f *floor) passOn(ctx context.Context, t Term) {
	f.expire(t)
	for f.send != nil && t.Node != "" && (len(f.kept) > 0 || f.greeted != t.Epoch) && time.Since(f.lastTry) >= sendEvery {
		n := min(len(f.kept), sendBatch)
		f.number(t, f.kept[:n])
		within, cancel := context.WithTimeout(ctx, sendWithin)
		errs, err := f.send(within, t, f.kept[:n])
		cancel()
		if err != nil {
			f.lastTry = time.Now()
			if n > 0 {
				f.log.Warn("router inputs not passed on yet", "routing", t.Node, "inputs", n, "err", err)
			}
			return
		}
		f.greeted = t.Epoch
		for i, err := range errs {
			a := f.kept[i]
			if err != nil && a.reply == nil && a.then == nil {
				f.log.Warn("router input refused", "input", fmt.Sprintf("%T", a.in(agent.At{})), "err", err)
			}
			a.answer(verdict{err: err})
		}
		f.kept = f.kept[len(errs):]
		if len(errs) < n {
			f.lastTry = time.Now()
		}
	}
}

// number numbers inputs for a term; an input keeps its number until it is applied
// or the term is over.
func (f *floor) number(t Term, asks []ask) {
	for i := range asks {
		if a := &asks[i]; a.term != t.Epoch {
			f.numbered++
			a.again = a.again || a.term != 0
			a.term, a.number = t.Epoch, f.numbered
		}
	}
}

// expire gives up inputs for which no node was found in time; without a way to
// other nodes, all.
func (f *floor) expire(t Term) {
	now := f.now()
	rest := f.kept[:0:0]
	for _, a := range f.kept {
		if a.until.IsZero() || now.Before(a.until) && (f.send != nil || t.Node == "") {
			rest = append(rest, a)
			continue
		}
		f.log.Error("router input given up: no node routes that can be reached", "input", fmt.Sprintf("%T", a.in(agent.At{})))
		a.answer(verdict{err: ErrNoLeader})
	}
	f.kept = rest
}

// reach tells from which nodes each agent can be reached. An agent goes offline
// when the last of them has lost the agent.
type reach map[string]map[string]bool

// concerns follows an input of a node and tells whether the router is to have it.
func (r reach) concerns(in agent.Input, node string) bool {
	switch in := in.(type) {
	case agent.DeviceUp:
		if r[in.AgentID] == nil {
			r[in.AgentID] = map[string]bool{}
		}
		r[in.AgentID][node] = true
	case agent.DeviceDown:
		delete(r[in.AgentID], node)
		return len(r[in.AgentID]) == 0
	case agent.RemoveAgent:
		delete(r, in.AgentID)
	}
	return true
}

// gone takes a node out and gives what follows from it.
func (r reach) gone(node string, at agent.At) []agent.Input {
	var ins []agent.Input
	for agentID, nodes := range r {
		if nodes[node] {
			ins = append(ins, agent.DeviceDown{At: at, AgentID: agentID})
		}
	}
	return slices.DeleteFunc(ins, func(in agent.Input) bool { return !r.concerns(in, node) })
}
