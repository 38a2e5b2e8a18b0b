package learn

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/openhotline/hotline/bot"
)

const (
	waitingGaps = 256             // that may wait to be kept
	flushEvery  = time.Second     // how long one waits
	flushLimit  = 5 * time.Second // for keeping what waits
)

// Collector takes questions from turns without holding them up and keeps them in
// a store. It implements bot.Gaps.
type Collector struct {
	store   bot.GapStore
	log     *slog.Logger
	queue   chan bot.Gap
	dropped atomic.Int64
}

var _ bot.Gaps = (*Collector)(nil)

// NewCollector makes a collector, which keeps nothing before Run. A nil log says
// nothing.
func NewCollector(store bot.GapStore, log *slog.Logger) *Collector {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Collector{store: store, log: log, queue: make(chan bot.Gap, waitingGaps)}
}

// Add notes a question. Where too many wait it is dropped.
func (c *Collector) Add(g bot.Gap) {
	if g.At.IsZero() {
		g.At = time.Now().UTC()
	}
	select {
	case c.queue <- g:
	default:
		c.dropped.Add(1)
	}
}

// Run keeps questions until ctx ends, and then what waits.
func (c *Collector) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			c.flush()
			return context.Cause(ctx)
		case <-tick.C:
			c.flush()
		}
	}
}

// flush keeps what waits, also when the process is being ended.
func (c *Collector) flush() {
	var gaps []bot.Gap
	for len(gaps) < waitingGaps {
		select {
		case g := <-c.queue:
			gaps = append(gaps, g)
			continue
		default:
		}
		break
	}
	if n := c.dropped.Swap(0); n > 0 {
		c.log.Warn("unanswered questions dropped", "count", n)
	}
	if len(gaps) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	if err := c.store.KeepGaps(ctx, gaps); err != nil {
		c.log.Error("unanswered questions not kept", "count", len(gaps), "error", err)
	}
}
