package journey

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// pages are an agent's tabs under test; each keeps what it was told last.
type pages struct {
	t    *testing.T
	tabs tabs
	here map[string]bool     // by socket
	told map[string][]string // other messages
}

func newPages(t *testing.T) *pages {
	return &pages{t: t, here: map[string]bool{}, told: map[string][]string{}}
}

// open connects a tab: its socket is its name and a number.
func (p *pages) open(name string, n int) string {
	socket := fmt.Sprint(name, n)
	p.here[socket] = false
	p.tabs.join(&tab{socket, name, func(kind string, data any) bool {
		if kind == "softphone" {
			p.here[socket] = data.(map[string]bool)["here"]
			return true
		}
		p.told[socket] = append(p.told[socket], kind)
		return true
	}})
	return socket
}

func (p *pages) close(socket string) (wasPhone, empty bool) {
	delete(p.here, socket)
	return p.tabs.leave(socket)
}

// phone fails unless exactly the wanted socket believes to be the softphone and
// the desk thinks the same; "" is none.
func (p *pages) phone(want string) {
	p.t.Helper()
	p.tabs.mu.Lock()
	defer p.tabs.mu.Unlock()
	var believe []string
	for socket, here := range p.here {
		if here {
			believe = append(believe, socket)
		}
	}
	owner := ""
	if p.tabs.phone != nil {
		owner = p.tabs.phone.socket
	}
	if owner != want || want == "" && len(believe) > 0 || want != "" && !slices.Equal(believe, []string{want}) {
		p.t.Fatalf("the softphone is %q, the tabs %v believe to have it, want %q", owner, believe, want)
	}
}

// Three tabs: whatever closes, reloads or takes over, the desk and the tabs
// agree on the one that has the softphone.
func TestSoftphoneOfThreeTabs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPages(t)
		one := p.open("one", 1)
		p.phone(one)
		two, three := p.open("two", 1), p.open("three", 1)
		p.phone(one)
		p.tabs.take(three)
		p.phone(three)
		if !slices.Equal(p.told[one], []string{"softphone.taken"}) || len(p.told[two]) > 0 {
			t.Errorf("told %v", p.told)
		}

		// A reload: the softphone waits for its tab.
		if was, empty := p.close(three); !was || empty {
			t.Error("the tab with the softphone has gone, and others are there")
		}
		p.phone("")
		time.Sleep(returnGrace / 2)
		three = p.open("three", 2)
		p.phone(three)
		time.Sleep(2 * returnGrace)
		p.phone(three)

		// It does not come back: the newest of the others gets it, and keeps it.
		p.close(three)
		time.Sleep(returnGrace + time.Second)
		p.phone(two)
		three = p.open("three", 3)
		p.phone(two)

		// Somebody takes it while it is kept for another.
		p.close(two)
		p.tabs.take(one)
		p.phone(one)
		two = p.open("two", 2)
		p.phone(one)
		time.Sleep(2 * returnGrace)
		p.phone(one)

		// A connection is renewed before the old one is noticed to be dead.
		again := p.open("one", 2)
		delete(p.here, one)
		p.phone(again)
		if was, empty := p.tabs.leave(one); was || empty {
			t.Error("the replaced connection counts twice")
		}
		p.phone(again)

		// The others close, then it: nobody is left, and the next has it at once.
		p.close(two)
		p.close(three)
		p.phone(again)
		if was, empty := p.close(again); !was || !empty {
			t.Error("the last tab has gone")
		}
		p.phone("")
		p.phone(p.open("four", 1))
	})
}

// Programs have no name to come back by: another one gets the softphone at once.
func TestSoftphoneOfTabsWithoutName(t *testing.T) {
	p := newPages(t)
	one, two := p.open("", 1), p.open("", 2)
	p.phone(one)
	p.close(one)
	p.phone(two)
	p.tabs.take("no such tab")
	p.phone(two)
	if p.tabs.isPhone(one) || !p.tabs.isPhone(two) {
		t.Error("the tab that has gone may still open audio")
	}
}
