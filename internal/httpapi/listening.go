package httpapi

import (
	"maps"
	"sync"
	"time"
)

// listenWindow is how far the requests of one listening may lie apart: a player
// fetches a recording in pieces, in whatever order.
const listenWindow = 5 * time.Minute

// maxListenings bounds what is remembered. Beyond it everything is forgotten,
// which costs a second line in the audit and never a missing one.
const maxListenings = 10_000

// listening is one user at one recording.
type listening struct{ user, recording string }

// listenings knows who listens to what now, so that the audit has each
// listening once.
type listenings struct {
	mu   sync.Mutex
	last map[listening]time.Time
}

// forget takes a listening back that could not be written down.
func (l *listenings) forget(userID, recordingID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.last, listening{userID, recordingID})
}

// begins notes a request and tells whether a listening begins with it.
func (l *listenings) begins(userID, recordingID string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	who := listening{userID, recordingID}
	before, known := l.last[who]
	if len(l.last) >= maxListenings {
		maps.DeleteFunc(l.last, func(_ listening, at time.Time) bool { return now.Sub(at) > listenWindow })
	}
	if l.last == nil || len(l.last) >= maxListenings {
		l.last = map[listening]time.Time{}
	}
	l.last[who] = now
	return !known || now.Sub(before) > listenWindow
}
