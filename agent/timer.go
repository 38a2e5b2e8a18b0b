package agent

import "math"

// never is a deadline that does not come.
const never = math.MaxInt64

// timer is one owner's next deadline; it lives inside its owner.
type timer struct {
	at    int64 // ms since 1970
	seq   int64 // of the owner: equal deadlines fire in this order
	pos   int   // in the heap; 0 means not set
	owner any   // *entry, *work or *agentState
}

func (t *timer) before(o *timer) bool {
	return t.at < o.at || t.at == o.at && t.seq < o.seq
}

// timers is a binary heap whose elements know their places; heap[0] is unused.
type timers struct{ heap []*timer }

// first returns the earliest timer, or nil.
func (h *timers) first() *timer {
	if len(h.heap) < 2 {
		return nil
	}
	return h.heap[1]
}

// set moves t's deadline; never takes it out.
func (h *timers) set(t *timer, at int64) {
	switch {
	case at == never:
		h.stop(t)
	case t.pos == 0:
		t.at = at
		if len(h.heap) == 0 {
			h.heap = append(h.heap, nil)
		}
		h.heap = append(h.heap, t)
		t.pos = len(h.heap) - 1
		h.up(t)
	case at < t.at:
		t.at = at
		h.up(t)
	case at > t.at:
		t.at = at
		h.down(t)
	}
}

func (h *timers) stop(t *timer) {
	if t.pos == 0 {
		return
	}
	last := h.heap[len(h.heap)-1]
	h.heap[len(h.heap)-1] = nil
	h.heap = h.heap[:len(h.heap)-1]
	pos := t.pos
	t.pos = 0
	if last == t {
		return
	}
	h.heap[pos], last.pos = last, pos
	h.up(last)
	h.down(last)
}

func (h *timers) up(t *timer) {
	i := t.pos
	for i > 1 {
		p := h.heap[i/2]
		if !t.before(p) {
			break
		}
		h.heap[i], p.pos = p, i
		i /= 2
	}
	h.heap[i], t.pos = t, i
}

func (h *timers) down(t *timer) {
	i := t.pos
	for {
		c := 2 * i
		if c >= len(h.heap) {
			break
		}
		if c+1 < len(h.heap) && h.heap[c+1].before(h.heap[c]) {
			c++
		}
		if !h.heap[c].before(t) {
			break
		}
		h.heap[i], h.heap[c].pos = h.heap[c], i
		i = c
	}
	h.heap[i], t.pos = t, i
}
