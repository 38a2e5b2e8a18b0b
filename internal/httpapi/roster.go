package httpapi

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/agent/account/setup"
)

// roster is the agents, queues and flows' names as they are administered. Nobody
// changes it.
type roster struct {
	agents []setup.Agent
	queues []setup.Queue
	flows  []FlowName // in the order of their ids
}

// rosters keeps the present roster, so that not every request decodes all
// records.
type rosters struct {
	mu      sync.Mutex
	turn    uint64 // raised when records change
	present *roster
}

// roster returns the present one. It is kept only where changes by others are
// noticed (Config.Revision).
func (s *Server) roster(ctx context.Context) (*roster, error) {
	s.rosters.mu.Lock()
	present, turn := s.rosters.present, s.rosters.turn
	s.rosters.mu.Unlock()
	if present != nil {
		return present, nil
	}
	agents, err := setup.All[setup.Agent](ctx, s.cfg.Accounts, account.KindAgent)
	if err != nil {
		return nil, err
	}
	queues, err := setup.All[setup.Queue](ctx, s.cfg.Accounts, account.KindQueue)
	if err != nil {
		return nil, err
	}
	flows, err := setup.All[setup.Flow](ctx, s.cfg.Accounts, account.KindFlow)
	if err != nil {
		return nil, err
	}
	r := &roster{agents, queues, make([]FlowName, 0, len(flows))}
	for _, f := range flows {
		r.flows = append(r.flows, FlowName{ID: f.ID, Name: f.Name, Published: f.Published > 0})
	}
	slices.SortFunc(r.flows, func(a, b FlowName) int { return cmp.Compare(a.ID, b.ID) }) // databases have orders of their own
	if s.cfg.Revision != nil {
		s.rosters.mu.Lock()
		if s.rosters.turn == turn { // nothing changed since
			s.rosters.present = r
		}
		s.rosters.mu.Unlock()
	}
	return r, nil
}

// setupMoved follows a change of administered records: what is kept of them is
// read again, and every live socket looks at its rights again.
func (s *Server) setupMoved() {
	s.rosters.mu.Lock()
	s.rosters.turn++
	s.rosters.present = nil
	s.rosters.mu.Unlock()
	s.hub.suspect()
}

// watchEvery is how soon changes are noticed that another process made.
const watchEvery = 2 * time.Second

// watchSetup follows changes of administered records that were not made through
// this server: by another node, or by a command. It ends with ctx.
func (s *Server) watchSetup(ctx context.Context) {
	if s.cfg.Revision == nil {
		return
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	known := ""
	for {
		limited, cancel := context.WithTimeout(ctx, watchEvery)
		revision, err := s.cfg.Revision(limited)
		cancel()
		switch {
		case err != nil:
			s.log.Debug("revision of the records not read", "error", err)
		case known != "" && revision != known:
			s.changed(ctx, "")
			known = revision
		default:
			known = revision
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// sweepEvery is how often sessions that are over are deleted.
const sweepEvery = time.Hour

// sweepSessions deletes sessions that are over until ctx ends.
func (s *Server) sweepSessions(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		limited, cancel := context.WithTimeout(ctx, time.Minute)
		if err := s.service.Sweep(limited); err != nil && ctx.Err() == nil {
			s.log.Warn("sessions that are over not deleted", "error", err)
		}
		cancel()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
