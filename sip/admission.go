package sip

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// admission bounds the calls and their rate.
type admission struct {
	max  int
	rate *limiter
	late time.Duration // how long a set-up may take before it counts as late

	mu       sync.Mutex
	draining bool
	total    int
	lines    map[string]int
	rates    map[string]*limiter // of lines that have one, by id
	refused  map[error]int       // incoming calls since it was told last
	setups   list.List           // of time.Time: incoming calls that heard nothing yet, oldest first
}

// lateSetUps is how many calls must wait too long for their first answer before
// further ones are refused: a few may have reasons of their own.
const lateSetUps = 8

func newAdmission(cfg Config) *admission {
	return &admission{max: cfg.MaxCalls, rate: newLimiter(1, cfg.CallRate, cfg.CallBurst), late: cfg.SetUpDelay, lines: map[string]int{}, rates: map[string]*limiter{}, refused: map[error]int{}}
}

func (a *admission) drain() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.draining = true
}

func (a *admission) calls() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.total
}

// take takes a place for a call. Only incoming calls count against the rate and
// are refused while draining: an answered customer may still need an agent's phone.
func (a *admission) take(l *Line, incoming bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.check(l, incoming); err != nil {
		if incoming {
			a.refused[err]++
		}
		return err
	}
	a.total++
	if id := lineID(l); id != "" {
		a.lines[id]++
	}
	return nil
}

// refusals returns how many incoming calls were refused since it was last
// called, by reason.
func (a *admission) refusals() map[error]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := a.refused
	a.refused = map[error]int{}
	return n
}

// check tells why there is no place for a call, or nil. Needs a.mu.
func (a *admission) check(l *Line, incoming bool) error {
	switch {
	case incoming && a.draining:
		return ErrDraining
	case a.total >= a.max:
		return ErrBusy
	case l != nil && l.MaxCalls > 0 && a.lines[l.ID] >= l.MaxCalls:
		return ErrBusy
	case incoming && a.overloaded(time.Now()):
		return ErrOverload
	case incoming && !a.lineRate(l) || incoming && !a.rate.take(netip.Addr{}):
		return ErrBusy
	}
	return nil
}

// lineRate takes a token of a line's rate; true where it has none. Needs a.mu.
func (a *admission) lineRate(l *Line) bool {
	if l == nil || l.CallRate == 0 {
		return true
	}
	r := a.rates[l.ID]
	if r == nil || r.rate != float64(l.CallRate) { // changed meanwhile
		r = newLimiter(1, l.CallRate, l.CallRate)
		a.rates[l.ID] = r
	}
	return r.take(netip.Addr{})
}

// keepRates forgets the rates of lines that are gone.
func (a *admission) keepRates(lines map[string]*Line) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id := range a.rates {
		if lines[id] == nil {
			delete(a.rates, id)
		}
	}
}

// overloaded tells whether calls come faster than they are answered. What would
// have to wait is better refused at once: its caller can try elsewhere, while
// callers who wait repeat themselves and make it worse. Needs a.mu.
func (a *admission) overloaded(now time.Time) bool {
	if a.setups.Len() < lateSetUps {
		return false
	}
	nth := a.setups.Front()
	for range lateSetUps - 1 {
		nth = nth.Next()
	}
	return now.Sub(nth.Value.(time.Time)) > a.late
}

// begun notes a call that is being set up; settled is told when it was answered,
// refused, or rings.
func (a *admission) begun() *list.Element {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.setups.PushBack(time.Now())
}

// settled ends what begun began; nil and a second time are fine.
func (a *admission) settled(setup *list.Element) {
	if setup == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.setups.Remove(setup)
}

// release gives a place back.
func (a *admission) release(lineID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
	if lineID == "" {
		return
	}
	if a.lines[lineID]--; a.lines[lineID] <= 0 {
		delete(a.lines, lineID)
	}
}

func (a *admission) isDraining() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.draining
}
