package bus

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/openhotline/hotline/omni"
)

const (
	subjectEvents = "hotline.events"
	batchEvents   = 200       // events of one message
	batchBytes    = 512 << 10 // and never more bytes; a longer event is read from the journal
	refillEvents  = 1000
)

// batch is one message: events without a gap from First to Last. Without
// Events, the receiver reads them from the journal.
type batch struct {
	First  int64        `json:"first"`
	Last   int64        `json:"last"`
	Events []omni.Event `json:"events,omitempty"`
}

// Publish hands committed events, in the order of seq, to the readers of every
// node. It does not block and fits store.DB.OnCommit.
func (b *Bus) Publish(events []omni.Event) {
	for len(events) > 0 {
		n := min(len(events), batchEvents)
		part := events[:n]
		events = events[n:]
		b.take(batch{part[0].Seq, part[n-1].Seq, part})
		if !b.alone() {
			b.send(part)
		}
	}
}

// alone tells whether no other node can hear this one.
func (b *Bus) alone() bool { return b.server != nil && b.cfg.Cluster == "" }

// send publishes a batch, in halves when it is too long.
func (b *Bus) send(events []omni.Event) {
	m := batch{First: events[0].Seq, Last: events[len(events)-1].Seq, Events: events}
	body, err := json.Marshal(m)
	if err != nil || len(body) > batchBytes {
		if len(events) > 1 {
			b.send(events[:len(events)/2])
			b.send(events[len(events)/2:])
			return
		}
		m.Events = nil
		if body, err = json.Marshal(m); err != nil {
			return
		}
	}
	if err := b.conn.Publish(subjectEvents, body); err != nil {
		b.log.Debug("events are left to the journal", "error", err) // the others poll its head
	}
}

// arrived takes another node's message.
func (b *Bus) arrived(m *nats.Msg) {
	var got batch
	if err := json.Unmarshal(m.Data, &got); err != nil {
		b.log.Warn("message on the bus cannot be read", "error", err)
		return
	}
	if n := int64(len(got.Events)); n > 0 && (got.Events[0].Seq != got.First || got.Events[n-1].Seq != got.Last || got.Last-got.First+1 != n) {
		got.Events = nil // not what we send: read it from the journal
	}
	b.take(got)
}

// take queues a batch. When the queue is full the batch is dropped: the next
// one, or the next look at the journal's head, shows the gap.
func (b *Bus) take(m batch) {
	select {
	case b.arrivals <- m:
	default:
	}
}

// distribute hands events to the readers in the order of seq, without gaps.
func (b *Bus) distribute() {
	poll := time.NewTicker(b.cfg.Poll)
	defer poll.Stop()
	for {
		select {
		case m := <-b.arrivals:
			b.deliver(m)
		case <-poll.C:
			if head, err := b.refill.Head(b.ctx); err == nil {
				b.catchUp(head)
			}
		case <-b.ctx.Done():
			b.endReaders()
			return
		}
	}
}

func (b *Bus) deliver(m batch) {
	upTo := m.First - 1
	if len(m.Events) == 0 {
		upTo = m.Last
	}
	if b.last < upTo && !b.catchUp(upTo) {
		return // the poll tries again
	}
	b.hand(m.Events, false)
}

// catchUp reads the events up to a seq from the journal.
func (b *Bus) catchUp(upTo int64) bool {
	for b.last < upTo {
		events, err := b.refill.Events(b.ctx, b.last, refillEvents)
		if err != nil || len(events) == 0 {
			if err != nil && b.ctx.Err() == nil {
				b.log.Warn("missed events cannot be read yet", "error", err)
			}
			return false
		}
		b.hand(events, true)
	}
	return true
}

// hand gives every reader the events that follow the last one. Those of the
// journal are taken as they are: what it lacks is nowhere.
func (b *Bus) hand(events []omni.Event, journal bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range events {
		if seq := events[i].Seq; seq <= b.last || seq > b.last+1 && !journal {
			continue
		}
		b.last = events[i].Seq
		for r := range b.readers {
			r.offer(&events[i])
		}
	}
}

func (b *Bus) endReaders() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for r := range b.readers {
		close(r.gone)
		delete(b.readers, r)
	}
}

// Reader reads the journal as it grows: every event after its start that the
// filter lets through, in the order of seq, each exactly once. Events wait in
// a bounded buffer; what does not fit is read again from the journal, so that
// a slow reader delays nobody. It belongs to one goroutine.
type Reader struct {
	bus    *Bus
	filter func(*omni.Event) bool
	buffer chan omni.Event
	gone   chan struct{} // closed with the bus
	lost   chan struct{} // holds one when the buffer was full

	seen   int64 // the last event passed, filtered or not
	target int64 // there are events up to here
	missed []omni.Event
}

// Read returns a reader of the events after a seq; a negative one means from
// now on. The filter may be nil. Close the reader.
func (b *Bus) Read(after int64, filter func(*omni.Event) bool) *Reader {
	r := &Reader{bus: b, filter: filter, buffer: make(chan omni.Event, b.cfg.Buffer),
		gone: make(chan struct{}), lost: make(chan struct{}, 1), seen: after}
	b.mu.Lock()
	defer b.mu.Unlock()
	r.target = b.last
	if after < 0 || after > b.last {
		r.seen = b.last
	}
	if b.ctx.Err() != nil {
		close(r.gone)
		return r
	}
	b.readers[r] = struct{}{}
	return r
}

func (r *Reader) offer(e *omni.Event) {
	select {
	case r.buffer <- *e:
	default:
		select {
		case r.lost <- struct{}{}:
		default:
		}
	}
}

// Next waits for the next event. The error is the context's, ErrClosed, or the
// journal's when missed events cannot be read; the latter may be tried again.
func (r *Reader) Next(ctx context.Context) (omni.Event, error) {
	for {
		e, journal, err := r.step(ctx)
		if err != nil {
			return omni.Event{}, err
		}
		if e.Seq <= r.seen || e.Seq > r.seen+1 && !journal {
			r.target = max(r.target, e.Seq) // known, or after a gap
			continue
		}
		r.seen = e.Seq
		if r.filter == nil || r.filter(&e) {
			return e, nil
		}
	}
}

// step gives a missed event of the journal, else the next one of the buffer.
func (r *Reader) step(ctx context.Context) (e omni.Event, journal bool, err error) {
	for {
		if len(r.missed) > 0 {
			e = r.missed[0]
			r.missed = r.missed[1:]
			return e, true, nil
		}
		if r.seen < r.target {
			events, err := r.bus.refill.Events(ctx, r.seen, refillEvents)
			if err != nil {
				return e, false, err
			}
			if len(events) > 0 {
				r.missed = events
				continue
			}
			r.target = r.seen
		}
		select { // the buffer first: it is older than what was lost
		case e = <-r.buffer:
			return e, false, nil
		default:
		}
		select {
		case e = <-r.buffer:
			return e, false, nil
		case <-r.lost:
			r.bus.mu.Lock()
			r.target = max(r.target, r.bus.last)
			r.bus.mu.Unlock()
		case <-r.gone:
			return e, false, ErrClosed
		case <-ctx.Done():
			return e, false, context.Cause(ctx)
		}
	}
}

// Seen is the seq up to which the reader has read, events that the filter
// holds back included: what a client needs to tell a filter from a gap.
func (r *Reader) Seen() int64 { return r.seen }

// Close ends the reader. Closing twice is fine.
func (r *Reader) Close() {
	r.bus.mu.Lock()
	defer r.bus.mu.Unlock()
	delete(r.bus.readers, r)
}

// Subscribe calls f with the events from now on, in the order of seq, from one
// goroutine, until cancel returns or the bus is closed.
func (b *Bus) Subscribe(f func([]omni.Event)) (cancel func()) {
	r := b.Read(-1, nil)
	ctx, stop := context.WithCancel(b.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer r.Close()
		for {
			e, err := r.Next(ctx)
			if err != nil {
				if ctx.Err() != nil || err == ErrClosed {
					return
				}
				select { // the journal is away
				case <-time.After(b.cfg.Poll):
				case <-ctx.Done():
				}
				continue
			}
			f(r.more(e))
		}
	}()
	var once sync.Once
	return func() { once.Do(func() { stop(); <-ended }) }
}

// more adds to e what waits already.
func (r *Reader) more(e omni.Event) []omni.Event {
	list := []omni.Event{e}
	for len(list) < batchEvents && len(r.missed) == 0 && r.seen >= r.target {
		select {
		case e := <-r.buffer:
			if e.Seq != r.seen+1 {
				r.target = max(r.target, e.Seq)
				return list
			}
			r.seen = e.Seq
			list = append(list, e)
		default:
			return list
		}
	}
	return list
}

// Events returns events of the journal; with Subscribe and Head it makes the
// bus a journal for those who read it.
func (b *Bus) Events(ctx context.Context, after int64, limit int) ([]omni.Event, error) {
	return b.refill.Events(ctx, after, limit)
}

// Head is the seq of the last event of the journal.
func (b *Bus) Head(ctx context.Context) (int64, error) { return b.refill.Head(ctx) }
