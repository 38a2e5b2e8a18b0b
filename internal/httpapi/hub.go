package httpapi

import (
	"context"
	"slices"
	"sync"

	"github.com/openhotline/hotline/omni"
)

// ringSize is how many of the last events are kept in memory for the sockets, at
// least; at most twice as many.
const ringSize = 4096

// hub knows the open live sockets and keeps the newest events for them.
type hub struct {
	s *Server

	mu     sync.Mutex
	ring   []omni.Event // contiguous by seq
	tabs   map[*tab]struct{}
	closed bool
}

func newHub(s *Server) *hub {
	return &hub{s: s, tabs: map[*tab]struct{}{}}
}

// Run feeds the live sockets from the journal until ctx ends, then closes them.
func (s *Server) Run(ctx context.Context) error {
	cancel := s.cfg.Journal.Subscribe(s.hub.committed)
	var work sync.WaitGroup
	work.Go(func() { s.watchSetup(ctx) })
	work.Go(func() { s.sweepSessions(ctx) })
	<-ctx.Done()
	cancel()
	work.Wait()
	s.hub.close()
	s.phones.close()
	return context.Cause(ctx)
}

// committed takes new events in and wakes the sockets. A gap empties the ring:
// sockets that are behind read the journal.
func (h *hub) committed(events []omni.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range events {
		if n := len(h.ring); n > 0 {
			last := h.ring[n-1].Seq
			if e.Seq <= last {
				continue
			}
			if e.Seq != last+1 {
				h.ring = h.ring[:0]
			}
		}
		h.ring = append(h.ring, e)
	}
	if len(h.ring) > 2*ringSize { // seldom: moving them costs more than keeping them
		h.ring = slices.Delete(h.ring, 0, len(h.ring)-ringSize)
	}
	for t := range h.tabs {
		t.poke()
	}
}

// after returns the events after a seq from the ring, at most limit; ok is
// false when the ring does not reach back so far.
func (h *hub) after(seq int64, limit int) (events []omni.Event, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ring) == 0 || h.ring[0].Seq > seq+1 {
		return nil, false
	}
	from := min(int(seq+1-h.ring[0].Seq), len(h.ring))
	return slices.Clone(h.ring[from:min(from+limit, len(h.ring))]), true
}

// add takes a tab in; an older connection of the same one ends.
func (h *hub) add(t *tab) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.tabs[t] = struct{}{}
	h.s.metrics.sockets.WithLabelValues("live").Inc()
	if t.agentID == "" || t.name == "" {
		return true
	}
	for other := range h.tabs {
		if other != t && other.agentID == t.agentID && other.name == t.name {
			other.end(closeResume, "the tab connected again")
		}
	}
	return true
}

// remove takes a tab out.
func (h *hub) remove(t *tab) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.tabs, t)
	h.s.metrics.sockets.WithLabelValues("live").Dec()
}

// endSession closes the sockets of a session that was logged out.
func (h *hub) endSession(sessionID string) {
	h.endWhere(func(t *tab) bool { return t.actor.SessionID == sessionID })
}

// recheck closes the sockets of a user whose rights may have changed; those who
// still may connect again.
func (h *hub) recheck(userID string) {
	h.endWhere(func(t *tab) bool { return t.actor.User.ID == userID })
}

// suspect has every socket look at its rights again before it sends anything.
func (h *hub) suspect() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for t := range h.tabs {
		t.suspect.Store(true)
		t.poke()
	}
}

func (h *hub) endWhere(which func(*tab) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for t := range h.tabs {
		if which(t) {
			t.end(closeExpired, "log in again")
		}
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for t := range h.tabs {
		t.end(1001, "server stops")
	}
}
