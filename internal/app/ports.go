package app

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/openhotline/hotline/agent"
	"github.com/openhotline/hotline/agent/account"
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
	_ httpapi.Journal     = (*store.DB)(nil)
	_ httpapi.MediaHealth = engineHealth{}
)

// journeyStore gives the journey the store in its own words. lease fences what
// the router writes.
type journeyStore struct {
	*store.DB
	lease store.Lease
}

// Commit implements journey.Store.
func (s journeyStore) Commit(ctx context.Context, w journey.Write) error {
	_, err := s.DB.Commit(ctx, store.Write{Omni: w.Omni, Agent: w.Agent, Patience: w.Patience})
	return err
}

// Keep implements journey.Store.
func (s journeyStore) Keep(ctx context.Context, w journey.Write) error {
	return s.DB.Keep(ctx, store.Write{Omni: w.Omni, Agent: w.Agent, Patience: w.Patience})
}

// Route implements journey.Store.
func (s journeyStore) Route(ctx context.Context, w journey.Write) error {
	err := s.DB.Keep(ctx, store.Write{Omni: w.Omni, Agent: w.Agent, Lease: &s.lease})
	if errors.Is(err, store.ErrStaleLease) {
		return errors.Join(journey.ErrNotLeader, err)
	}
	return err
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
