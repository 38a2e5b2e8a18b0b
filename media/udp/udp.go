// Package udp carries media datagrams: sockets outside the runtime's poller
// that a few readers look at in sweeps. One wake-up serves many sockets, and
// one system call moves many datagrams of a socket that many peers share.
//
// It knows datagrams and addresses. It does not know what is in them.
package udp

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosed is returned after Close.
var ErrClosed = errors.New("udp: closed")

// TendEvery is how often Member.Tend is called.
const TendEvery = 100 * time.Millisecond

// maxDatagram is the longest datagram that is received or queued.
const maxDatagram = 2048

// maxBatch is the largest number of datagrams in one system call.
const maxBatch = 64

// Config sets up a Group. The zero value works.
type Config struct {
	// Readers is the number of receiving goroutines. Defaults to GOMAXPROCS.
	Readers int
	// Sweep is how long a reader lets datagrams gather between two looks at its
	// sockets: it bounds the latency that is added. Defaults to 2ms.
	Sweep time.Duration
}

// Receive takes one datagram in the reader's goroutine. b is valid during the
// call only and may be overwritten.
type Receive func(b []byte, from netip.AddrPort, now time.Time)

// Input is a socket and who takes what arrives there.
type Input struct {
	Socket *Socket
	// Batch is how many datagrams one look takes at least, when there are so
	// many: few for a socket with one peer, many for a shared one. At most
	// 64.
	Batch   int
	Receive Receive
}

// Member is what a reader serves. It must not be changed after Add.
type Member struct {
	Inputs []Input
	// Tend is called every TendEvery in the reader's goroutine. May be nil.
	Tend func(now time.Time)
	// Queue, if not nil, is sent after every look of any reader of the group.
	Queue *Queue

	reader *reader
}

// Group is a number of readers that share the work.
type Group struct {
	readers []*reader
	queues  atomic.Pointer[[]*Queue]

	mu     sync.Mutex // the two below; taken before a reader's
	sizes  []int      // inputs per reader
	closed bool
}

// NewGroup makes a group; its goroutines start with the first member.
func NewGroup(cfg Config) (*Group, error) {
	n := cmp.Or(max(cfg.Readers, 0), runtime.GOMAXPROCS(0))
	g := &Group{sizes: make([]int, n)}
	g.queues.Store(new([]*Queue))
	for range n {
		r, err := newReader(g, cmp.Or(cfg.Sweep, 2*time.Millisecond))
		if err != nil {
			g.Close()
			return nil, fmt.Errorf("udp: reader: %w", err)
		}
		g.readers = append(g.readers, r)
	}
	return g, nil
}

// crowd is how many inputs a reader has before the next one is used: a wake-up
// costs more than the datagrams of a few calls.
const crowd = 256

// place picks a reader by the inputs that each has: the first with room, else
// the one with the fewest.
func place(sizes []int) (best int) {
	for i, size := range sizes {
		if size < crowd {
			return i
		}
		if size < sizes[best] {
			best = i
		}
	}
	return best
}

// Add begins to receive for m.
func (g *Group) Add(m *Member) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	best := place(g.sizes)
	if err := g.readers[best].add(m); err != nil {
		return err
	}
	m.reader = g.readers[best]
	g.sizes[best] += len(m.Inputs)
	g.setQueues(m.Queue, nil)
	return nil
}

// Remove ends it. When it returns, nothing of m is being called by a reader.
// Remove must not be called from within m's functions.
func (g *Group) Remove(m *Member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, r := range g.readers {
		if r == m.reader && r.remove(m) {
			g.sizes[i] -= len(m.Inputs)
			g.setQueues(nil, m.Queue)
		}
	}
	if m.Queue == nil {
		return
	}
	for _, r := range g.readers {
		r.wait() // it may be flushing the queue
	}
}

// setQueues adds and takes away, either of them may be nil. Called with mu held.
func (g *Group) setQueues(add, drop *Queue) {
	if add == nil && drop == nil {
		return
	}
	var list []*Queue
	for _, q := range *g.queues.Load() {
		if q != drop {
			list = append(list, q)
		}
	}
	if add != nil {
		list = append(list, add)
	}
	g.queues.Store(&list)
}

// flush sends what is queued and tells how much that was.
func (g *Group) flush() (n int) {
	for _, q := range *g.queues.Load() {
		n += q.Flush()
	}
	return n
}

// Close ends the readers and waits for them. Remove members first.
func (g *Group) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	for _, r := range g.readers {
		r.close()
	}
}
