package insight

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// SheetVersion is the version of what sheets count and of how they are encoded.
// It rises when a formula changes, so that sheets are made again.
const SheetVersion = 1

// Encode writes the sheet of a day as bytes: for each quarter its index, sums,
// waits and busy times as varints, each relative to the one before.
func (s *Sheet) Encode(day int64) []byte {
	b := make([]byte, 0, 64)
	b = binary.AppendUvarint(b, uint64(len(s.quarters)))
	for i := range s.quarters {
		q := &s.quarters[i]
		b = append(b, byte(q.index))
		sums := q.sums()
		b = binary.LittleEndian.AppendUint16(b, present(sums))
		for _, v := range sums {
			if *v != 0 {
				b = binary.AppendVarint(b, *v)
			}
		}
		b = binary.AppendUvarint(b, uint64(len(q.waits)))
		last := waitCount{}
		for _, w := range q.waits {
			if w.outcome != last.outcome {
				last = waitCount{outcome: w.outcome}
			}
			b = append(b, byte(w.outcome))
			b = binary.AppendUvarint(b, uint64(w.seconds-last.seconds))
			b = binary.AppendUvarint(b, uint64(w.n))
			last = w
		}
		b = binary.AppendUvarint(b, uint64(len(q.busy)))
		at := quarterStart(day, q.index)
		for _, s := range q.busy {
			b = binary.AppendUvarint(b, uint64(s.from-at))
			b = binary.AppendUvarint(b, uint64(s.to-s.from))
			at = s.from
		}
	}
	return b
}

// sums lists the sums in the order in which they are encoded.
func (t *tallied) sums() [11]*int64 {
	return [...]*int64{&t.waited, &t.offers, &t.missed, &t.rejected, &t.answered, &t.handled, &t.talk, &t.hold, &t.wrap, &t.transfers, &t.right}
}

// present has a bit for each sum that is not zero.
func present(sums [11]*int64) (bits uint16) {
	for i, v := range sums {
		if *v != 0 {
			bits |= 1 << i
		}
	}
	return bits
}

// quarterStart is when a quarter of a UTC day begins, in µs since 1970.
func quarterStart(day int64, index int) int64 {
	return day*dayMicros + int64(index)*quarterMicros
}

// Decode reads the sheet of a day into s, whose memory is used again. The error
// wraps ErrSheet; s is then empty.
func (s *Sheet) Decode(day int64, b []byte) error {
	d := decoder{b: b, waits: s.waits[:0], spans: s.spans[:0]}
	s.quarters = s.quarters[:0]
	for range d.length(96) {
		q := quarter{index: int(d.octet())}
		if k := len(s.quarters); q.index >= 96 || k > 0 && q.index <= s.quarters[k-1].index {
			d.fail("quarters are out of order")
		}
		bits := uint16(d.octet()) | uint16(d.octet())<<8
		for i, v := range q.sums() {
			if bits&(1<<i) != 0 {
				*v = d.signed()
			}
		}
		q.waits, q.busy = d.readWaits(), d.readBusy(quarterStart(day, q.index))
		s.quarters = append(s.quarters, q)
	}
	if d.err == nil && len(d.b) > 0 {
		d.fail("bytes are left over")
	}
	s.waits, s.spans = d.waits, d.spans
	if d.err != nil {
		s.quarters = s.quarters[:0]
		return fmt.Errorf("%w: %w", ErrSheet, d.err)
	}
	return nil
}

// decoder reads numbers until one is missing. The lists of all quarters stand
// one after another in waits and spans.
type decoder struct {
	b     []byte
	err   error
	waits []waitCount
	spans []span
}

func (d *decoder) readWaits() []waitCount {
	from, last := len(d.waits), waitCount{}
	for i := range d.length(len(d.b) / 3) {
		w := waitCount{outcome: outcome(d.octet())}
		if w.outcome != last.outcome {
			last = waitCount{outcome: w.outcome}
		}
		w.seconds, w.n = last.seconds+d.unsigned(), d.unsigned()
		if w.outcome > removed || w.n == 0 || w.seconds < 0 || i > 0 && compareWaits(d.waits[from+i-1], w) >= 0 {
			d.fail("waits are out of order")
			break
		}
		d.waits = append(d.waits, w)
		last = w
	}
	if len(d.waits) == from {
		return nil
	}
	return d.waits[from:len(d.waits):len(d.waits)]
}

func (d *decoder) readBusy(start int64) []span {
	from, at := len(d.spans), start
	for range d.length(len(d.b) / 2) {
		s := span{from: at + d.unsigned()}
		s.to = s.from + d.unsigned()
		if s.from < at || s.to <= s.from || s.to > start+quarterMicros {
			d.fail("busy times are out of order")
			break
		}
		d.spans = append(d.spans, s)
		at = s.from
	}
	if len(d.spans) == from {
		return nil
	}
	return d.spans[from:len(d.spans):len(d.spans)]
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = errors.New(what)
	}
	d.b = nil
}

func (d *decoder) octet() byte {
	if len(d.b) == 0 {
		d.fail("it is cut off")
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) unsigned() int64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > 1<<62 {
		d.fail("a number is cut off or too long")
		return 0
	}
	d.b = d.b[n:]
	return int64(v)
}

func (d *decoder) signed() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail("a number is cut off or too long")
		return 0
	}
	d.b = d.b[n:]
	return v
}

// length reads how many follow; each takes a byte or more.
func (d *decoder) length(most int) int {
	n := d.unsigned()
	if n > int64(most) {
		d.fail("it is cut off")
		return 0
	}
	return int(n)
}
