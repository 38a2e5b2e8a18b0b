package insight

import (
	"fmt"
	"time"

	"github.com/openhotline/hotline/omni"
)

// SheetKey names a sheet.
type SheetKey struct {
	By  By // ByQueue or ByAgent
	ID  string
	Day int64 // UTC days since 1970
}

// Book gathers what conversations add to sheets and take out of them, so that
// many of them change each sheet once. The zero value is empty.
type Book struct {
	changes map[SheetKey]*change
	nobody  quarter // takes what has no queue or no agent
}

type change struct{ more, less Sheet }

// Add adds a conversation, whose segments have all ended, ordered by StartedAt
// and ID.
func (b *Book) Add(segments []omni.Segment) {
	post(segments, pages{b, func(c *change) *Sheet { return &c.more }})
}

// Remove takes a conversation out that was added with the same segments.
func (b *Book) Remove(segments []omni.Segment) {
	post(segments, pages{b, func(c *change) *Sheet { return &c.less }})
}

// Keys are the sheets that change, in no order.
func (b *Book) Keys() []SheetKey {
	keys := make([]SheetKey, 0, len(b.changes))
	for k := range b.changes {
		keys = append(keys, k)
	}
	return keys
}

// Apply changes the sheet of a key. What is taken out must be there; the error
// is ErrSheet when it is not, and the sheet is then spoilt.
func (b *Book) Apply(k SheetKey, s *Sheet) error {
	c := b.changes[k]
	if c == nil {
		return nil
	}
	for i := range c.more.quarters {
		s.at(c.more.quarters[i].index).add(&c.more.quarters[i])
	}
	ok := true
	for i := range c.less.quarters {
		ok = s.at(c.less.quarters[i].index).take(&c.less.quarters[i]) && ok
	}
	kept := s.quarters[:0]
	for _, q := range s.quarters {
		if !q.empty() {
			kept = append(kept, q)
		}
	}
	s.quarters = kept
	if !ok {
		return fmt.Errorf("%w: %s %s, day %d", ErrSheet, k.By, k.ID, k.Day)
	}
	return nil
}

// pages is the ledger that writes into a book.
type pages struct {
	book *Book
	side func(*change) *Sheet
}

var _ ledger = pages{}

// quarter returns where something at a time is counted.
func (p pages) quarter(by By, id string, us int64) *quarter {
	if id == "" {
		p.book.nobody = quarter{}
		return &p.book.nobody
	}
	day, index := dayOf(us)
	if p.book.changes == nil {
		p.book.changes = map[SheetKey]*change{}
	}
	k := SheetKey{by, id, day}
	c := p.book.changes[k]
	if c == nil {
		c = &change{}
		p.book.changes[k] = c
	}
	return p.side(c).at(index)
}

func (p pages) stay(queueID string, at time.Time, o outcome, wait time.Duration) {
	q := p.quarter(ByQueue, queueID, at.UnixMicro())
	q.count(waitCount{o, seconds(wait), 1})
	if o == answered {
		q.waited += wait.Microseconds()
	}
}

func (p pages) offer(agentID string, at time.Time, why omni.EndReason) {
	q := p.quarter(ByAgent, agentID, at.UnixMicro())
	q.offers++
	switch why {
	case omni.AgentTimeout:
		q.missed++
	case omni.AgentRejected:
		q.rejected++
	}
}

func (p pages) talk(queueID, agentID string, at time.Time, w talk) {
	for _, q := range []*quarter{p.quarter(ByQueue, queueID, at.UnixMicro()), p.quarter(ByAgent, agentID, at.UnixMicro())} {
		q.answered++
		if w.ended {
			q.handled++
			q.talk += w.talk.Microseconds()
			q.hold += w.hold.Microseconds()
			q.wrap += w.wrap.Microseconds()
		}
	}
}

func (p pages) transfer(queueID, agentID string, at time.Time, right bool) {
	for _, q := range []*quarter{p.quarter(ByQueue, queueID, at.UnixMicro()), p.quarter(ByAgent, agentID, at.UnixMicro())} {
		q.transfers++
		if right {
			q.right++
		}
	}
}

// longestBusy bounds how much of one busy time is kept: a segment that was
// never ended properly must not fill sheets for years. It is as far as
// segments are looked for before a span (store.EachSegment).
const longestBusy = 7 * dayMicros

func (p pages) busy(agentID string, s span) {
	if agentID == "" {
		return
	}
	for s.to = min(s.to, s.from+longestBusy); s.from < s.to; {
		end := min(s.to, floorQuarter(s.from)+quarterMicros)
		q := p.quarter(ByAgent, agentID, s.from)
		q.busy = append(q.busy, span{s.from, end})
		s.from = end
	}
}
