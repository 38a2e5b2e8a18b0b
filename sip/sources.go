package sip

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	sipgo "github.com/emiago/sipgo/sip"
)

// sources decides which packets are worth parsing. Known are the addresses of
// lines and of registered phones. Strangers may send REGISTER at a limited rate,
// and messages that carry our token: only somebody we wrote to knows it, so
// answers and requests within our dialogs come through from any address.
//
// Nothing is stored per stranger: the limits live in a table of fixed size.
type sources struct {
	token []byte // part of every branch and tag of ours

	lines  atomic.Pointer[[]lineRange]
	mu     sync.RWMutex
	phones map[netip.Addr]int // contacts per address

	perKnown    *limiter
	perStranger *limiter
	strangers   *limiter // one bucket for all of them together

	dropped atomic.Uint64
}

// lineRange says that an address range belongs to a line.
type lineRange struct {
	prefix netip.Prefix
	line   *Line
}

func newSources(cfg Config, token string) *sources {
	s := &sources{
		token:       []byte(token),
		phones:      map[netip.Addr]int{},
		perKnown:    newLimiter(4096, cfg.SourceRate, cfg.SourceRate),
		perStranger: newLimiter(4096, cfg.StrangerRate, 2*cfg.StrangerRate),
		strangers:   newLimiter(1, 20*cfg.StrangerRate, 20*cfg.StrangerRate),
	}
	s.lines.Store(&[]lineRange{})
	return s
}

// setLines replaces the ranges; the most specific one wins.
func (s *sources) setLines(ranges []lineRange) {
	ranges = slices.Clone(ranges)
	slices.SortStableFunc(ranges, func(a, b lineRange) int { return b.prefix.Bits() - a.prefix.Bits() })
	s.lines.Store(&ranges)
}

// line finds the line an address belongs to. Where several registered lines
// share a server, the one whose user name was called is meant.
func (s *sources) line(a netip.Addr, user string) *Line {
	var found *Line
	bits := -1
	for _, r := range *s.lines.Load() {
		if !r.prefix.Contains(a) || (found != nil && r.prefix.Bits() < bits) {
			continue
		}
		if found == nil {
			found, bits = r.line, r.prefix.Bits()
		}
		if r.line.Mode == ModeRegister && r.line.Username == user {
			return r.line
		}
	}
	return found
}

func (s *sources) addPhone(a netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phones[a]++
}

func (s *sources) removePhone(a netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phones[a]--; s.phones[a] <= 0 {
		delete(s.phones, a)
	}
}

// known tells whether an address belongs to a line or a registered phone.
func (s *sources) known(a netip.Addr) bool {
	for _, r := range *s.lines.Load() {
		if r.prefix.Contains(a) {
			return true
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.phones[a] > 0
}

// admit tells whether a datagram is worth parsing.
func (s *sources) admit(data []byte, from netip.Addr) bool {
	ok := false
	switch {
	case s.known(from):
		ok = s.perKnown.take(from)
	case bytes.HasPrefix(data, []byte("REGISTER ")):
		ok = s.perStranger.take(from) && s.strangers.take(netip.Addr{})
	default:
		ok = bytes.Contains(data, s.token)
	}
	if !ok {
		s.dropped.Add(1)
	}
	return ok
}

// admitMessage is admit for what came over a connection and is parsed already.
func (s *sources) admitMessage(m sipgo.Message, from netip.Addr, known bool) bool {
	ok := false
	switch req, isRequest := m.(*sipgo.Request); {
	case known || s.known(from):
		ok = s.perKnown.take(from)
	case isRequest && req.Method == sipgo.REGISTER:
		ok = s.perStranger.take(from) && s.strangers.take(netip.Addr{})
	case isRequest:
		ok = s.ours(tagOf(req.To()))
	default:
		ok = m.Via() != nil && s.ours(m.Via().Params.GetOr("branch", ""))
	}
	if !ok {
		s.dropped.Add(1)
	}
	return ok
}

func (s *sources) ours(text string) bool { return strings.Contains(text, string(s.token)) }

// limiter is a fixed table of token buckets: addresses that share a slot share
// its rate, and no flood makes it grow.
type limiter struct {
	seed  maphash.Seed
	slots []bucket
	rate  float64 // tokens per second
	burst float64
}

type bucket struct {
	mu     sync.Mutex
	tokens float64
	at     time.Time
}

func newLimiter(slots, rate, burst int) *limiter {
	return &limiter{seed: maphash.MakeSeed(), slots: make([]bucket, slots), rate: float64(rate), burst: float64(burst)}
}

// take takes a token of an address; false when there is none.
func (l *limiter) take(a netip.Addr) bool {
	return l.spend(maphash.Comparable(l.seed, a), 1)
}

// left tells whether an address has a token, and leaves it there.
func (l *limiter) left(a netip.Addr) bool {
	return l.spend(maphash.Comparable(l.seed, a), 0)
}

// takeNamed and leftNamed are take and left of a name.
func (l *limiter) takeNamed(name string) bool { return l.spend(maphash.String(l.seed, name), 1) }
func (l *limiter) leftNamed(name string) bool { return l.spend(maphash.String(l.seed, name), 0) }

// spend takes n tokens of a slot that has one.
func (l *limiter) spend(slot uint64, n float64) bool {
	b := &l.slots[slot%uint64(len(l.slots))]
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at.IsZero() {
		b.tokens = l.burst
	} else {
		b.tokens = min(l.burst, b.tokens+now.Sub(b.at).Seconds()*l.rate)
	}
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens -= n
	return true
}
