package agent

import "slices"

// key orders items: by a, then b, then c, ascending.
type key struct{ a, b, c int64 }

func (k key) less(o key) bool {
	if k.a != o.a {
		return k.a < o.a
	}
	if k.b != o.b {
		return k.b < o.b
	}
	return k.c < o.c
}

func (k key) compare(o key) int {
	switch {
	case k.less(o):
		return -1
	case o.less(k):
		return 1
	}
	return 0
}

// chunkMax bounds a chunk: 127 items of 32 bytes and the bounds fill a page.
const chunkMax = 127

type item[T any] struct {
	key key
	v   *T
}

// chunk holds the sorted items[lo:hi]. Room at both ends makes taking the first
// and adding the last a matter of one index.
type chunk[T any] struct {
	lo, hi int
	items  [chunkMax]item[T]
}

func (c *chunk[T]) len() int { return c.hi - c.lo }

// index returns the place of the first item that is not less than k.
func (c *chunk[T]) index(k key) int {
	lo, hi := c.lo, c.hi
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if c.items[mid].key.less(k) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// insert puts an item at place i of a chunk that is not full, moving the
// shorter side.
func (c *chunk[T]) insert(i int, it item[T]) {
	if c.hi < chunkMax && (c.lo == 0 || c.hi-i <= i-c.lo) {
		copy(c.items[i+1:c.hi+1], c.items[i:c.hi])
		c.hi++
	} else {
		copy(c.items[c.lo-1:i-1], c.items[c.lo:i])
		c.lo--
		i--
	}
	c.items[i] = it
}

// remove takes the item at place i out, moving the shorter side.
func (c *chunk[T]) remove(i int) {
	if i-c.lo < c.hi-i-1 {
		copy(c.items[c.lo+1:i+1], c.items[c.lo:i])
		c.items[c.lo] = item[T]{}
		c.lo++
		return
	}
	copy(c.items[i:c.hi-1], c.items[i+1:c.hi])
	c.hi--
	c.items[c.hi] = item[T]{}
}

// ordered is a sorted set of items with unique keys: a list of sorted chunks.
// Inserting and removing cost a binary search and at most a short memory move,
// the rank of an item a walk over chunk lengths; the front is always at hand.
// With 100,000 items all of them stay around or below a microsecond.
type ordered[T any] struct {
	chunks []*chunk[T]
	from   []key // what is less is in an earlier chunk; one piece of memory to search
	n      int
}

// chunkOf returns the index of the chunk that holds k, or would.
func (o *ordered[T]) chunkOf(k key) int {
	lo, hi := 0, len(o.from)
	for lo+1 < hi {
		mid := int(uint(lo+hi) >> 1)
		if k.less(o.from[mid]) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return lo
}

// insert adds v under k, which must not be there yet.
func (o *ordered[T]) insert(k key, v *T) {
	o.n++
	it := item[T]{k, v}
	if len(o.chunks) == 0 {
		o.chunks, o.from = append(o.chunks, &chunk[T]{}), append(o.from, k)
	}
	at := o.chunkOf(k)
	c := o.chunks[at]
	i := c.index(k)
	if c.len() < chunkMax {
		c.insert(i, it)
		return
	}
	right, from := &chunk[T]{}, k
	if i < chunkMax || at < len(o.chunks)-1 { // else it grows at the end: leave a full chunk behind
		right.hi = copy(right.items[:], c.items[chunkMax/2:])
		clear(c.items[chunkMax/2:])
		c.hi, from = chunkMax/2, right.items[0].key
	}
	o.chunks, o.from = slices.Insert(o.chunks, at+1, right), slices.Insert(o.from, at+1, from)
	if i > c.hi || right.len() == 0 {
		right.insert(right.index(k), it)
	} else {
		c.insert(i, it)
	}
}

// remove takes the item under k out and reports whether it was there.
func (o *ordered[T]) remove(k key) bool {
	if len(o.chunks) == 0 {
		return false
	}
	at := o.chunkOf(k)
	c := o.chunks[at]
	i := c.index(k)
	if i == c.hi || c.items[i].key != k {
		return false
	}
	o.n--
	c.remove(i)
	switch {
	case c.len() > 0:
		o.merge(at)
	case len(o.chunks) > 1:
		o.drop(at)
	default: // the last chunk stays for the next item
		c.lo, c.hi = 0, 0
	}
	return true
}

// merge joins a chunk that has become small with a small neighbour.
func (o *ordered[T]) merge(at int) {
	if at+1 >= len(o.chunks) || o.chunks[at].len() >= chunkMax/4 || o.chunks[at+1].len() >= chunkMax/4 {
		return
	}
	c, next := o.chunks[at], o.chunks[at+1]
	joined := &chunk[T]{}
	joined.hi = copy(joined.items[:], c.items[c.lo:c.hi])
	joined.hi += copy(joined.items[joined.hi:], next.items[next.lo:next.hi])
	o.chunks[at] = joined
	o.drop(at + 1)
}

// drop forgets a chunk; its keys belong to the one before it from now on.
func (o *ordered[T]) drop(at int) {
	o.chunks, o.from = slices.Delete(o.chunks, at, at+1), slices.Delete(o.from, at, at+1)
}

// first returns the first item; ok is false when there is none.
func (o *ordered[T]) first() (it item[T], ok bool) {
	if o.n == 0 {
		return it, false
	}
	c := o.chunks[0]
	return c.items[c.lo], true
}

// rank returns how many items are before k.
func (o *ordered[T]) rank(k key) int {
	if o.n == 0 {
		return 0
	}
	at := o.chunkOf(k)
	n := o.chunks[at].index(k) - o.chunks[at].lo
	for _, c := range o.chunks[:at] {
		n += c.len()
	}
	return n
}

// at returns the item of rank i, which must exist.
func (o *ordered[T]) at(i int) item[T] {
	for _, c := range o.chunks {
		if i < c.len() {
			return c.items[c.lo+i]
		}
		i -= c.len()
	}
	panic("agent: rank out of range")
}

// all yields the items in order; the set must not change meanwhile.
func (o *ordered[T]) all(yield func(item[T]) bool) {
	for _, c := range o.chunks {
		for i := c.lo; i < c.hi; i++ {
			if !yield(c.items[i]) {
				return
			}
		}
	}
}

// values returns a copy of what is in the set, in order.
func (o *ordered[T]) values() []*T {
	vs := make([]*T, 0, o.n)
	for it := range o.all {
		vs = append(vs, it.v)
	}
	return vs
}
