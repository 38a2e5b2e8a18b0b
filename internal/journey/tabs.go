package journey

import (
	"sync"
	"time"
)

// returnGrace is how long the softphone is kept for a tab that has gone: a
// reload must not move the sound to another tab.
const returnGrace = 4 * time.Second

// tab is one open workbench page of an agent.
type tab struct {
	socket string // of its connection
	name   string // of the browser's tab, which survives a reload; may be empty
	send   func(kind string, data any) bool
}

// tabs are the open pages of one agent. One of them is the softphone: it alone
// opens audio and is told what concerns it. Nothing else decides which one; the
// pages are told (softphone {here}) and ask for it (softphone.take).
type tabs struct {
	mu    sync.Mutex
	open  []*tab // in the order in which they connected
	phone *tab   // nil: none, or being kept for kept
	kept  string // name of the tab that had the softphone a moment ago
	timer *time.Timer
}

// join takes a page in. It gets the softphone when it is the first one, or the
// tab that had it; it takes the place of an older connection of its own.
func (t *tabs) join(page *tab) (replaced string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	had := page.name != "" && page.name == t.kept
	for i, old := range t.open {
		if page.name != "" && old.name == page.name {
			replaced = old.socket
			had = had || old == t.phone
			t.open = append(t.open[:i:i], t.open[i+1:]...)
			break
		}
	}
	t.open = append(t.open, page)
	if had || t.phone == nil && t.kept == "" {
		t.give(page)
	}
	t.tell()
	return replaced
}

// leave takes a page out. The softphone is kept for its tab for a while, then
// the page that connected last gets it. wasPhone tells whether it had the
// softphone, empty whether the agent has no page left. A connection that was
// replaced has left before.
func (t *tabs) leave(socket string) (wasPhone, empty bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	gone := t.find(socket)
	if gone == nil {
		return false, len(t.open) == 0
	}
	rest := make([]*tab, 0, len(t.open))
	for _, p := range t.open {
		if p != gone {
			rest = append(rest, p)
		}
	}
	t.open = rest
	if gone != t.phone {
		return false, len(rest) == 0
	}
	t.phone = nil
	switch {
	case len(rest) == 0: // whoever comes first has it
	case gone.name == "":
		t.give(rest[len(rest)-1])
	default:
		t.kept = gone.name
		t.timer = time.AfterFunc(returnGrace, t.passOn)
	}
	t.tell()
	return true, len(rest) == 0
}

// passOn gives the softphone of a tab that did not return to another one.
func (t *tabs) passOn() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept == "" {
		return
	}
	t.kept = ""
	if n := len(t.open); n > 0 {
		t.give(t.open[n-1])
		t.tell()
	}
}

// take gives the softphone to a page that asks for it; the one before hears
// softphone.taken.
func (t *tabs) take(socket string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	page := t.find(socket)
	if page == nil {
		return
	}
	if before := t.phone; before != nil && before != page {
		before.send("softphone.taken", nil)
	}
	t.give(page)
	t.tell()
}

// isPhone tells whether a page has the softphone.
func (t *tabs) isPhone(socket string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.phone != nil && t.phone.socket == socket
}

func (t *tabs) empty() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open) == 0
}

// send tells every page of the agent.
func (t *tabs) send(kind string, data any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.open {
		p.send(kind, data)
	}
}

// to tells one page, if it is still there.
func (t *tabs) to(socket, kind string, data any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.find(socket); p != nil {
		p.send(kind, data)
	}
}

// ---- t.mu is held

func (t *tabs) find(socket string) *tab {
	for _, p := range t.open {
		if p.socket == socket {
			return p
		}
	}
	return nil
}

func (t *tabs) give(page *tab) {
	t.phone, t.kept = page, ""
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}

// tell says to every page whether it is the softphone. Pages do not block.
func (t *tabs) tell() {
	for _, p := range t.open {
		p.send("softphone", map[string]bool{"here": p == t.phone})
	}
}
