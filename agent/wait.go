package agent

import (
	"slices"
	"time"
)

// The expected wait is the median of the last waits that began at a similar
// position, bounded by position × mean handle time / active agents.
const (
	waitBands   = 24 // positions 1 to 4 each, then growing by a third or so
	waitSamples = 15 // waits remembered per band
)

// waitBand remembers the last waits that began at about one position.
type waitBand struct {
	ms     [waitSamples]int64
	n      int // in use
	next   int
	median int64 // of ms, kept up to date
}

// bandOf returns the band of a position; 1 is next.
func bandOf(position int) int {
	band, top, width := 0, 1, 1
	for position > top && band < waitBands-1 {
		band++
		if band >= 4 {
			width = max(1, top/3)
		}
		top += width
	}
	return band
}

func (b *waitBand) add(ms int64) {
	b.ms[b.next] = ms
	b.next = (b.next + 1) % waitSamples
	b.n = min(b.n+1, waitSamples)
	sorted := b.ms
	slices.Sort(sorted[:b.n])
	b.median = sorted[b.n/2]
}

// expected estimates the wait at a position; negative when nobody is there to
// end it.
func (q *queueState) expected(position int) time.Duration {
	if q.active == 0 {
		return -1
	}
	ms := int64(position) * q.handleMS / int64(q.active)
	if b := &q.waits[bandOf(position)]; b.n > 0 {
		ms = min(ms, b.median)
	}
	return time.Duration(ms) * time.Millisecond
}

// answered learns from an answer and a finished conversation.
func (q *queueState) answered(e *entry, ms int64) {
	if e.band >= 0 {
		q.waits[e.band].add(ms - e.bandAtMS)
	}
}

// handled learns a handle time: talk, hold and wrap-up.
func (q *queueState) handled(ms int64) {
	q.handleMS += (ms - q.handleMS) / 8
}
