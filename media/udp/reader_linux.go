package udp

import (
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// endpoint is an input in a reader's table.
type endpoint struct {
	fd      int32
	batch   int
	receive Receive
}

// reader receives for many sockets in one goroutine. Between two looks it
// sleeps for the sweep time.
type reader struct {
	group   *Group
	epoll   int
	clock   *clock
	sweep   time.Duration
	wake    chan struct{}
	stopped chan struct{}
	begin   sync.Once

	mu      sync.Mutex // held while datagrams are handled: remove waits for them
	slots   []endpoint
	vacant  []int32
	members map[*Member]struct{}
	closing bool
	tended  time.Time

	events []unix.EpollEvent // room for one round
	in     batch
}

func newReader(g *Group, sweep time.Duration) (*reader, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	c, err := newClock()
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	r := &reader{
		group: g, epoll: fd, clock: c, sweep: sweep, wake: make(chan struct{}, 1), stopped: make(chan struct{}),
		members: map[*Member]struct{}{}, events: make([]unix.EpollEvent, roundSize),
	}
	r.in.init()
	return r, nil
}

func (r *reader) add(m *Member) error {
	r.begin.Do(func() { go r.run() })
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return ErrClosed
	}
	for i, in := range m.Inputs {
		if err := r.watch(in); err != nil {
			for _, added := range m.Inputs[:i] {
				r.unwatch(added.Socket)
			}
			return err
		}
	}
	r.members[m] = struct{}{}
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return nil
}

func (r *reader) watch(in Input) error {
	s := in.Socket
	if n := len(r.vacant); n > 0 {
		s.slot = r.vacant[n-1]
		r.vacant = r.vacant[:n-1]
	} else {
		s.slot = int32(len(r.slots))
		r.slots = append(r.slots, endpoint{})
	}
	r.slots[s.slot] = endpoint{fd: int32(s.fd), batch: min(max(in.Batch, 1), maxBatch), receive: in.Receive}
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: s.slot, Pad: int32(s.fd)}
	if err := unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, s.fd, &ev); err != nil {
		r.vacate(s)
		return err
	}
	return nil
}

func (r *reader) unwatch(s *Socket) {
	_ = unix.EpollCtl(r.epoll, unix.EPOLL_CTL_DEL, s.fd, nil)
	r.vacate(s)
}

func (r *reader) vacate(s *Socket) {
	r.slots[s.slot] = endpoint{fd: -1}
	r.vacant = append(r.vacant, s.slot)
}

// remove tells whether m was there.
func (r *reader) remove(m *Member) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.members[m]; !ok {
		return false
	}
	delete(r.members, m)
	for _, in := range m.Inputs {
		r.unwatch(in.Socket)
	}
	return true
}

// wait returns when the look that runs now, if any, is over.
func (r *reader) wait() {
	r.mu.Lock()
	defer r.mu.Unlock()
}

func (r *reader) close() {
	r.begin.Do(func() { close(r.stopped) })
	r.mu.Lock()
	already := r.closing
	r.closing = true
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	<-r.stopped
	if !already {
		r.clock.close()
		_ = unix.Close(r.epoll)
	}
}

// idleLooks is how many empty looks make the reader look less often.
const (
	idleLooks = 100
	idleSleep = 10 * time.Millisecond
)

func (r *reader) run() {
	defer close(r.stopped)
	idle := 0
	for {
		moved, members, open := r.look()
		switch {
		case !open:
			return
		case members == 0:
			r.clock.stop()
			<-r.wake
			idle = 0
			continue
		case moved > 0:
			idle = 0
		default:
			idle++
		}
		pause := r.sweep
		if idle >= idleLooks {
			pause = max(r.sweep, idleSleep)
		}
		r.clock.wait(pause)
	}
}

// A look serves so many sockets: when more of them have something, the others
// have their turn in the next one, and whoever waits for the reader's lock too.
const (
	roundSize = 512
	maxRounds = 2
)

// look handles what has arrived, sends what is queued, and tends to the members
// ten times a second.
func (r *reader) look() (moved, members int, open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return 0, 0, false
	}
	now := time.Now()
	for range maxRounds {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(r.epoll), uintptr(unsafe.Pointer(unsafe.SliceData(r.events))),
			uintptr(len(r.events)), 0, 0, 0)
		if errno != 0 || n == 0 {
			break
		}
		for i := range r.events[:n] {
			moved += r.drain(&r.events[i], now)
		}
		if int(n) < len(r.events) {
			break
		}
	}
	if now.Sub(r.tended) >= TendEvery {
		r.tended = now
		for m := range r.members {
			if m.Tend != nil {
				m.Tend(now)
			}
		}
	}
	return moved + r.group.flush(), len(r.members), true
}

// fullBatches bounds what one look takes of a socket: a flood at one port does
// not starve the others, and the kernel tells again when there is more.
const fullBatches = 8

// drain reads a socket that has something.
func (r *reader) drain(ev *unix.EpollEvent, now time.Time) (moved int) {
	e := &r.slots[ev.Fd]
	if e.receive == nil || e.fd != ev.Pad {
		return 0
	}
	for range fullBatches {
		n := r.in.receive(e.fd, e.batch)
		for i := range n {
			if data, from := r.in.datagram(i); data != nil {
				e.receive(data, from, now)
			}
		}
		moved += n
		if n < e.batch || n < maxBatch {
			break
		}
	}
	return moved
}
