package sip

import (
	"sync"
	"time"
)

// Bounds of what a peer can make wait in a mailbox. Requests beyond them are not
// heard: the peer repeats itself. Of responses only those can come in any number
// that nothing is lost with: provisional ones, and the 2xx of INVITE, which is
// repeated until our ACK; the latter have room left when the former have none.
const (
	maxRequests    = 64
	maxProvisional = 48
	maxResponses   = 64
)

// mailbox holds what is to happen to a dialog. Requests that wait together are
// taken in the order of their sequence numbers, whichever reader brought them;
// everything else in the order it came.
type mailbox struct {
	wake chan struct{} // capacity 1

	mu        sync.Mutex
	letters   []letter
	requests  int
	responses int // that can be dropped
	closed    bool
}

type letter struct {
	seq      uint32 // of a request, else 0
	response bool   // one that can be dropped
	do       func()
}

func newMailbox() mailbox { return mailbox{wake: make(chan struct{}, 1)} }

// put stores an event. False: the dialog is over, or too many requests wait.
func (m *mailbox) put(seq uint32, do func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || (seq > 0 && m.requests >= maxRequests) {
		return false
	}
	m.letters = append(m.letters, letter{seq: seq, do: do})
	if seq > 0 {
		m.requests++
		at := len(m.letters) - 1
		for i := at - 1; i >= 0; i-- { // swap with waiting requests of higher number
			if m.letters[i].seq > m.letters[at].seq {
				m.letters[i], m.letters[at] = m.letters[at], m.letters[i]
				at = i
			}
		}
	}
	m.ring()
	return true
}

// putResponse stores a response that can be dropped when limit of them wait.
func (m *mailbox) putResponse(limit int, do func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || m.responses >= limit {
		return false
	}
	m.letters = append(m.letters, letter{response: true, do: do})
	m.responses++
	m.ring()
	return true
}

func (m *mailbox) ring() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mailbox) take() (func(), bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.letters) == 0 {
		return nil, false
	}
	l := m.letters[0]
	m.letters[0] = letter{}
	m.letters = m.letters[1:]
	if len(m.letters) == 0 {
		m.letters = nil
	}
	if l.seq > 0 {
		m.requests--
	}
	if l.response {
		m.responses--
	}
	return l.do, true
}

// close refuses further letters and returns those that were left.
func (m *mailbox) close() []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	left := m.letters
	m.letters = nil
	return left
}

// alarms are the timers of one loop.
type alarms struct{ list []*alarm }

type alarm struct {
	at   time.Time
	ring func()
}

// after sets an alarm.
func (a *alarms) after(d time.Duration, ring func()) *alarm {
	al := &alarm{at: time.Now().Add(d), ring: ring}
	a.list = append(a.list, al)
	return al
}

// cancel removes an alarm; nil and one that rang are fine.
func (a *alarms) cancel(al *alarm) {
	for i, x := range a.list {
		if x == al {
			a.list = append(a.list[:i], a.list[i+1:]...)
			return
		}
	}
}

// next is the earliest alarm, nil without any.
func (a *alarms) next() *alarm {
	var first *alarm
	for _, x := range a.list {
		if first == nil || x.at.Before(first.at) {
			first = x
		}
	}
	return first
}
