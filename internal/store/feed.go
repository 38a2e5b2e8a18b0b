package store

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/openhotline/hotline/omni"
)

const (
	feedBuffer = 8192            // events kept in memory for slow listeners
	feedRead   = 1000            // events read at once when behind
	feedPoll   = 1 * time.Second // how soon another process's events are seen
)

// feed hands committed events to listeners in the order of seq. What does not
// fit into its buffer is read again from the journal, so that a slow listener
// costs time but neither memory nor events.
type feed struct {
	db   *DB
	poll bool // look for events that another process wrote
	wake chan struct{}

	mu        sync.Mutex
	listeners []*listener
	waiting   []omni.Event // in the order of seq, without gaps
	head      int64        // the highest seq pushed
	delivered int64
}

func newFeed(db *DB, head int64, poll bool) *feed {
	return &feed{db: db, poll: poll, wake: make(chan struct{}, 1), head: head, delivered: head}
}

// listener is one registered function; its lock keeps it from being
// called after its end.
type listener struct {
	mu   sync.Mutex
	call func([]omni.Event)
}

func (l *listener) tell(events []omni.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.call != nil {
		l.call(events)
	}
}

func (f *feed) listen(call func([]omni.Event)) (cancel func()) {
	l := &listener{call: call}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listeners = append(slices.Clone(f.listeners), l)
	return func() {
		f.mu.Lock()
		f.listeners = slices.DeleteFunc(slices.Clone(f.listeners), func(o *listener) bool { return o == l })
		f.mu.Unlock()
		l.mu.Lock()
		l.call = nil
		l.mu.Unlock()
	}
}

// push takes durable events in the order of seq.
func (f *feed) push(events []omni.Event) {
	if len(events) == 0 {
		return
	}
	f.mu.Lock()
	if len(f.waiting)+len(events) <= feedBuffer {
		f.waiting = append(f.waiting, events...)
	} else {
		f.waiting = nil // read them again later
	}
	f.head = max(f.head, events[len(events)-1].Seq)
	f.mu.Unlock()
	f.signal()
}

// begin makes the feed start after head, since this process became the
// sequencer; resumed goes on after what was delivered last instead.
func (f *feed) begin(head int64, resumed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.head = max(f.head, head)
	if !resumed {
		f.waiting, f.delivered = nil, head
		return
	}
	f.signal()
}

func (f *feed) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *feed) run(ctx context.Context) {
	tick := time.NewTicker(feedPoll)
	defer tick.Stop()
	for {
		select {
		case <-f.wake:
		case <-tick.C:
			if f.poll {
				f.look(ctx)
			}
		case <-ctx.Done():
			f.drain(context.WithoutCancel(ctx))
			return
		}
		f.drain(ctx)
	}
}

// look notices events that another process committed.
func (f *feed) look(ctx context.Context) {
	head, err := f.db.Head(ctx)
	if err != nil {
		return // the next commit or tick tries again
	}
	f.mu.Lock()
	f.head = max(f.head, head)
	f.mu.Unlock()
}

// drain delivers everything up to head.
func (f *feed) drain(ctx context.Context) {
	for {
		events, listeners, err := f.next(ctx)
		if err != nil {
			f.db.log.Warn("committed events cannot be read yet", "error", err)
			return // the tick tries again
		}
		if len(events) == 0 {
			return
		}
		for _, l := range listeners {
			l.tell(events)
		}
	}
}

// next takes the events that follow the delivered ones, from memory when they
// are there without a gap, else from the journal.
func (f *feed) next(ctx context.Context) ([]omni.Event, []*listener, error) {
	f.mu.Lock()
	events, after, head, listeners := f.waiting, f.delivered, f.head, f.listeners
	f.waiting = nil
	for len(events) > 0 && events[0].Seq <= after {
		events = events[1:]
	}
	whole := len(events) > 0 && events[0].Seq == after+1 && events[len(events)-1].Seq == after+int64(len(events))
	f.mu.Unlock()
	if !whole {
		if head <= after {
			return nil, nil, nil
		}
		var err error
		if events, err = f.db.Events(ctx, after, feedRead); err != nil || len(events) == 0 {
			return nil, nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.delivered != after {
		return nil, nil, nil // begin was called meanwhile
	}
	f.delivered = events[len(events)-1].Seq
	return events, listeners, nil
}
