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

// hub knows the open live sockets, keeps the newest events for them, and
// decides which tab of an agent is the softphone.
type hub struct {
	s *Server

	mu     sync.Mutex
	ring   []omni.Event // contiguous by seq
	tabs   map[*tab]struct{}
	phones map[string]*tab // softphone by agent
	closed bool
}

func newHub(s *Server) *hub {
	return &hub{s: s, tabs: map[*tab]struct{}{}, phones: map[string]*tab{}}
}

// Run feeds the live sockets from the journal until ctx ends, then closes them.
func (s *Server) Run(ctx context.Context) error {
	cancel := s.cfg.Journal.Subscribe(s.hub.committed)
	<-ctx.Done()
	cancel()
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

// add takes a tab in. The first tab of an agent is its softphone, and so is a
// tab that comes back.
func (h *hub) add(t *tab) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.tabs[t] = struct{}{}
	h.s.metrics.sockets.WithLabelValues("live").Inc()
	if t.agentID == "" {
		return true
	}
	for other := range h.tabs {
		if other != t && t.name != "" && other.agentID == t.agentID && other.name == t.name {
			other.end(closeResume, "the tab connected again")
			if h.phones[t.agentID] == other {
				delete(h.phones, t.agentID)
			}
		}
	}
	if h.phones[t.agentID] == nil {
		h.phones[t.agentID] = t
	}
	h.tell(t.agentID)
	return true
}

// remove takes a tab out; another tab of the agent becomes the softphone. It
// reports whether it was the agent's last one.
func (h *hub) remove(t *tab) (last bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.tabs, t)
	h.s.metrics.sockets.WithLabelValues("live").Dec()
	if t.agentID == "" {
		return false
	}
	var next *tab
	for other := range h.tabs {
		if other.agentID == t.agentID && (next == nil || other.id < next.id) {
			next = other
		}
	}
	if h.phones[t.agentID] == t {
		delete(h.phones, t.agentID)
		if next != nil {
			h.phones[t.agentID] = next
			h.tell(t.agentID)
		}
	}
	return next == nil
}

// tell tells every tab of an agent whether it is the softphone. h.mu is held.
func (h *hub) tell(agentID string) {
	for t := range h.tabs {
		if t.agentID == agentID {
			t.send("softphone", map[string]bool{"here": h.phones[agentID] == t})
		}
	}
}

// take makes a tab the softphone; the one before hears softphone.taken.
func (h *hub) take(t *tab) {
	h.mu.Lock()
	before := h.phones[t.agentID]
	h.phones[t.agentID] = t
	if before != nil && before != t {
		before.send("softphone.taken", nil)
	}
	h.tell(t.agentID)
	h.mu.Unlock()
	if before != t && h.s.cfg.Desk != nil {
		h.s.cfg.Desk.SoftphoneTaken(t.agentID, t.id)
	}
}

// isPhone tells whether a tab is its agent's softphone.
func (h *hub) isPhone(t *tab) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.phones[t.agentID] == t
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
