package journey

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Term is a time in which one node routes for the whole installation.
type Term struct {
	Node  string
	Epoch uint64        // rises with every term
	Left  time.Duration // until it ends unless it is renewed, by the database's clock
	asked time.Time     // before the database said so
}

// Office is the right to route, which one node has at a time: a lease in the
// database.
type Office interface {
	// Stand takes the office for the node when it is free and returns the present
	// term, the node's own or another's.
	Stand(ctx context.Context, node string) (Term, error)
	// Renew prolongs a term of ours; ErrNotLeader when it is over.
	Renew(ctx context.Context, t Term) error
	// Resign ends a term of ours, so that another node need not wait for its end.
	Resign(ctx context.Context, t Term) error
}

// tenure is how long this node is sure of its office. It is counted from before
// the database was asked, so that it never ends later here than there.
type tenure struct {
	left    time.Duration
	asked   atomic.Pointer[time.Time]
	renewed chan struct{} // holds one
}

func newTenure(t Term) *tenure {
	h := &tenure{left: t.Left, renewed: make(chan struct{}, 1)}
	h.asked.Store(&t.asked)
	return h
}

// renew notes that the office was renewed when the database was asked at that
// time.
func (h *tenure) renew(asked time.Time) {
	h.asked.Store(&asked)
	select {
	case h.renewed <- struct{}{}:
	default:
	}
}

// doubtful tells whether the office went without renewal for so long that nothing
// new may be decided if another node could take it; what is being decided has
// until end to be committed and let out.
func (h *tenure) doubtful() bool { return time.Since(*h.asked.Load()) >= h.left*3/4 }

func (h *tenure) end() time.Time { return h.asked.Load().Add(h.left * 9 / 10) }

// inDoubt tells whether another node may have the office soon, or has it.
func (l *leader) inDoubt() bool { return l.rivals() && l.held.doubtful() }

// rivals tells whether there is another node that may take the office.
func (f *floor) rivals() bool { return f.contested != nil && f.contested() }

// writeWithin bounds a commit of what was decided: it is let out while no other
// node can have the office.
func (l *leader) writeWithin(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	if !l.rivals() {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, l.held.end())
}

// keepOffice renews a term until ctx ends or the term is over.
func (f *floor) keepOffice(ctx context.Context, t Term, held *tenure) error {
	tick := time.NewTicker(max(t.Left/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		asked := time.Now()
		within, cancel := context.WithTimeout(ctx, t.Left/4)
		err := f.office.Renew(within, t)
		cancel()
		switch {
		case err == nil:
			held.renew(asked)
		case errors.Is(err, ErrNotLeader):
			return err
		case ctx.Err() != nil:
			return nil
		default:
			f.log.Warn("routing lease not renewed", "err", err)
		}
	}
}
