package app

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/bus"
	"github.com/openhotline/hotline/internal/httpapi"
	"github.com/openhotline/hotline/internal/journey"
	"github.com/openhotline/hotline/internal/store"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/omni"
	"github.com/openhotline/hotline/sip"
)

// Who implements what: the domain packages declare, the outer layers have it.
var (
	_ omni.Store          = (*store.DB)(nil)
	_ agent.Store         = (*store.DB)(nil)
	_ account.Store       = (*store.DB)(nil)
	_ ivr.Store           = (*store.DB)(nil)
	_ journey.Store       = journeyStore{}
	_ journey.Lines       = (*sip.Endpoint)(nil)
	_ httpapi.Desk        = (*journey.Center)(nil)
	_ httpapi.Phone       = testPhone{}
	_ httpapi.Supervision = (*journey.Center)(nil)
	_ httpapi.Journal     = (*store.DB)(nil)
	_ httpapi.Journal     = (*bus.Bus)(nil)
	_ journey.Bus         = nodeBus{}
	_ httpapi.MediaHealth = engineHealth{}
)

// journeyStore gives the journey the store in its own words.
type journeyStore struct{ *store.DB }

// leaseName, leaseTime: who routes. When a leader dies, another node takes over
// when its lease has run out.
const (
	leaseName = "router"
	leaseTime = 10 * time.Second
)

// Commit implements journey.Store.
func (s journeyStore) Commit(ctx context.Context, w journey.Write) error {
	_, err := s.DB.Commit(ctx, written(w))
	if errors.Is(err, store.ErrUncertain) {
		return errors.Join(journey.ErrUncertain, err)
	}
	return err
}

// Keep implements journey.Store.
func (s journeyStore) Keep(ctx context.Context, w journey.Write) error {
	return s.DB.Keep(ctx, written(w))
}

// written is a write of the journey in the store's words.
func written(w journey.Write) store.Write {
	return store.Write{Omni: w.Omni, Agent: w.Agent, Audit: w.Audit, Patience: w.Patience}
}

// Route implements journey.Store.
func (s journeyStore) Route(ctx context.Context, t journey.Term, w journey.Write) error {
	l := lease(t)
	return notLeader(s.DB.Keep(ctx, store.Write{Omni: w.Omni, Agent: w.Agent, Lease: &l}))
}

// DeclareDead implements journey.Store.
func (s journeyStore) DeclareDead(ctx context.Context, t journey.Term, nodeID string, limit time.Duration) (bool, error) {
	dead, err := s.DB.DeclareDead(ctx, nodeID, limit, lease(t))
	return dead, notLeader(err)
}

// Stand implements journey.Office. A lease that another node holds is only read.
func (s journeyStore) Stand(ctx context.Context, node string) (journey.Term, error) {
	l, left, err := s.DB.Holder(ctx, leaseName)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return journey.Term{}, err
	case l.Holder != node && left > 0:
		return journey.Term{Node: l.Holder, Epoch: uint64(l.Epoch), Left: left}, nil
	}
	switch l, err = s.DB.Acquire(ctx, leaseName, node, leaseTime); {
	case err == nil:
		return journey.Term{Node: node, Epoch: uint64(l.Epoch), Left: leaseTime}, nil
	case !errors.Is(err, store.ErrLeaseHeld):
		return journey.Term{}, err
	}
	l, left, err = s.DB.Holder(ctx, leaseName) // another one was faster
	return journey.Term{Node: l.Holder, Epoch: uint64(l.Epoch), Left: left}, err
}

// Renew implements journey.Office.
func (s journeyStore) Renew(ctx context.Context, t journey.Term) error {
	_, err := s.DB.Renew(ctx, lease(t), leaseTime)
	return notLeader(err)
}

// Resign implements journey.Office.
func (s journeyStore) Resign(ctx context.Context, t journey.Term) error {
	return s.DB.Release(ctx, lease(t))
}

// lease is the lease of a term.
func lease(t journey.Term) store.Lease {
	return store.Lease{Name: leaseName, Holder: t.Node, Epoch: int64(t.Epoch)}
}

// notLeader says in the journey's words that a lease is over.
func notLeader(err error) error {
	if errors.Is(err, store.ErrStaleLease) {
		return errors.Join(journey.ErrNotLeader, err)
	}
	return err
}

// nodeBus is the bus in the journey's words.
type nodeBus struct{ bus *bus.Bus }

// Command implements journey.Bus.
func (b nodeBus) Command(ctx context.Context, commandID, nodeID, name string, payload []byte) ([]byte, error) {
	out, err := b.bus.CommandWithID(ctx, commandID, nodeID, name, payload)
	for _, away := range []error{bus.ErrNoNode, bus.ErrNoName, bus.ErrBusy, bus.ErrClosed, context.DeadlineExceeded} {
		if errors.Is(err, away) {
			return nil, errors.Join(journey.ErrAway, err)
		}
	}
	return out, err
}

// Handle implements journey.Bus.
func (b nodeBus) Handle(name string, h func(context.Context, []byte) ([]byte, error)) {
	b.bus.Handle(name, h)
}

// journal is what live sockets follow: the store alone in one process, else the
// bus, which hears of every node's events and reads again what it missed.
func (s *service) journal() httpapi.Journal {
	if s.db.Dialect() == "sqlite" {
		return s.db
	}
	return s.bus
}

// testPhone is the browser's telephone as the API wants it.
type testPhone struct{ *journey.Center }

// Signal implements httpapi.Phone.
func (p testPhone) Signal(ctx context.Context, callID, kind string, data json.RawMessage) error {
	return p.PhoneSignal(ctx, callID, kind, data)
}

// engineHealth shows how late the media clock was.
type engineHealth struct{ engine *media.Engine }

// Lateness implements httpapi.MediaHealth.
func (e engineHealth) Lateness() (p99, worst time.Duration) {
	st := e.engine.Stats()
	return st.LateP99, st.LateMax
}
