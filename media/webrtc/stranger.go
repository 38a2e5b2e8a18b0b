package webrtc

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"
)

// guests tells the datagrams of browsers that are connected or connecting from
// what anybody on the network may send to the one port of all: a flood of the
// latter must not crowd out the consent checks of the former.
type guests struct {
	mu     sync.RWMutex // a leaf lock
	ufrags map[string]struct{}
	// Addresses that ICE has written to: those of candidates that were told by
	// signalling, or that have proven to know a password. Who was not written to
	// in a whole turn is forgotten.
	now, before map[netip.AddrPort]struct{}
	turned      time.Time
}

const (
	// guestTurn is several times the interval of consent checks.
	guestTurn = 30 * time.Second
	// maxGuests bounds what is remembered of a turn.
	maxGuests = 1 << 16
	// strangerRate is how many checks of unknown addresses are taken in a second.
	strangerRate = 5_000
)

func newGuests() *guests {
	return &guests{ufrags: map[string]struct{}{}, now: map[netip.AddrPort]struct{}{}, before: map[netip.AddrPort]struct{}{}}
}

// invite lets in whoever knows a user fragment of ours, until dismiss.
func (g *guests) invite(ufrag string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ufrags[ufrag] = struct{}{}
}

func (g *guests) dismiss(ufrag string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.ufrags, ufrag)
}

// greet remembers an address that is written to.
func (g *guests) greet(to netip.AddrPort, now time.Time) {
	g.mu.RLock()
	_, known := g.now[to]
	fresh := now.Sub(g.turned) < guestTurn
	g.mu.RUnlock()
	if known && fresh {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.turned) >= guestTurn || len(g.now) >= maxGuests {
		g.before, g.now, g.turned = g.now, map[netip.AddrPort]struct{}{}, now
	}
	g.now[to] = struct{}{}
}

// knows reports whether an address was written to lately.
func (g *guests) knows(from netip.AddrPort) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	_, ok := g.now[from]
	if !ok {
		_, ok = g.before[from]
	}
	return ok
}

// invited reports whether b is a connectivity check to a leg of ours (RFC 8445
// §7.2.2): a Binding request whose USERNAME begins with the leg's fragment.
// Whether it also knows the password is for ICE to find out.
func (g *guests) invited(b []byte) bool {
	name := checkedName(b)
	if name == nil {
		return false
	}
	g.mu.RLock()
	defer g.mu.RUnlock()
	_, ok := g.ufrags[string(name)]
	return ok
}

// STUN (RFC 8489 §5, §14.3).
const (
	stunHeader   = 20
	stunBinding  = 0x0001
	stunCookie   = 0x2112A442
	stunUsername = 0x0006
)

// checkedName is the first half of a Binding request's USERNAME; nil when b is
// no such request.
func checkedName(b []byte) []byte {
	if len(b) < stunHeader || binary.BigEndian.Uint16(b) != stunBinding || binary.BigEndian.Uint32(b[4:]) != stunCookie ||
		int(binary.BigEndian.Uint16(b[2:])) != len(b)-stunHeader {
		return nil
	}
	for rest := b[stunHeader:]; len(rest) >= 4; {
		kind, n := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[2:]))
		if rest = rest[4:]; n > len(rest) {
			return nil
		}
		if kind == stunUsername {
			name, _, ok := bytes.Cut(rest[:n], []byte{':'})
			if !ok {
				return nil
			}
			return name
		}
		rest = rest[min((n+3)&^3, len(rest)):]
	}
	return nil
}
