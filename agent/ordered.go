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

// chunkMax bounds a chunk: 128 items of 32 bytes are one page of memory.
const chunkMax = 128

type item[T any] struct {
	key key
	v   *T
}

// ordered is a sorted set of items with unique keys: a list of sorted chunks.
// Inserting and removing cost a binary search and a short memory move, the rank
// of an item a walk over chunk lengths; the front is always at hand. With
// 100,000 items all of them stay around or below a microsecond.
type ordered[T any] struct {
	chunks [][]item[T]
	spare  [][]item[T] // emptied chunks, at most a few
	n      int
}

// chunkOf returns the index of the chunk that holds k, or would.
func (o *ordered[T]) chunkOf(k key) int {
	lo, hi := 0, len(o.chunks)
	for lo+1 < hi {
		mid := int(uint(lo+hi) >> 1)
		if k.less(o.chunks[mid][0].key) {
			hi = mid
		} else {
			lo = mid
		}
	}
	return lo
}

// indexIn returns the index of the first item of the chunk that is not less than k.
func indexIn[T any](chunk []item[T], k key) int {
	lo, hi := 0, len(chunk)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if chunk[mid].key.less(k) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

func (o *ordered[T]) newChunk() []item[T] {
	if n := len(o.spare); n > 0 {
		c := o.spare[n-1]
		o.spare = o.spare[:n-1]
		return c
	}
	return make([]item[T], 0, chunkMax)
}

// insert adds v under k, which must not be there yet.
func (o *ordered[T]) insert(k key, v *T) {
	o.n++
	if len(o.chunks) == 0 {
		o.chunks = append(o.chunks, append(o.newChunk(), item[T]{k, v}))
		return
	}
	c := o.chunkOf(k)
	chunk := o.chunks[c]
	i := indexIn(chunk, k)
	if len(chunk) < chunkMax {
		o.chunks[c] = slices.Insert(chunk, i, item[T]{k, v})
		return
	}
	if i == chunkMax && c == len(o.chunks)-1 { // growing at the end: leave full chunks behind
		o.chunks = append(o.chunks, append(o.newChunk(), item[T]{k, v}))
		return
	}
	right := append(o.newChunk(), chunk[chunkMax/2:]...)
	clear(chunk[chunkMax/2:])
	chunk = chunk[:chunkMax/2]
	if i > chunkMax/2 {
		right = slices.Insert(right, i-chunkMax/2, item[T]{k, v})
	} else {
		chunk = slices.Insert(chunk, i, item[T]{k, v})
	}
	o.chunks[c] = chunk
	o.chunks = slices.Insert(o.chunks, c+1, right)
}

// remove takes the item under k out and reports whether it was there.
func (o *ordered[T]) remove(k key) bool {
	if len(o.chunks) == 0 {
		return false
	}
	c := o.chunkOf(k)
	chunk := o.chunks[c]
	i := indexIn(chunk, k)
	if i == len(chunk) || chunk[i].key != k {
		return false
	}
	o.n--
	chunk = slices.Delete(chunk, i, i+1)
	o.chunks[c] = chunk
	switch {
	case len(chunk) == 0:
		o.drop(c)
	case len(chunk) < chunkMax/4 && c+1 < len(o.chunks) && len(o.chunks[c+1]) < chunkMax/4:
		o.chunks[c] = append(chunk, o.chunks[c+1]...)
		o.drop(c + 1)
	}
	return true
}

func (o *ordered[T]) drop(c int) {
	if len(o.spare) < 4 {
		clear(o.chunks[c])
		o.spare = append(o.spare, o.chunks[c][:0])
	}
	o.chunks = slices.Delete(o.chunks, c, c+1)
}

// first returns the first item; ok is false when there is none.
func (o *ordered[T]) first() (item[T], bool) {
	if o.n == 0 {
		return item[T]{}, false
	}
	return o.chunks[0][0], true
}

// rank returns how many items are before k.
func (o *ordered[T]) rank(k key) int {
	if len(o.chunks) == 0 {
		return 0
	}
	c := o.chunkOf(k)
	n := indexIn(o.chunks[c], k)
	for _, chunk := range o.chunks[:c] {
		n += len(chunk)
	}
	return n
}

// at returns the item of rank i, which must exist.
func (o *ordered[T]) at(i int) item[T] {
	for _, chunk := range o.chunks {
		if i < len(chunk) {
			return chunk[i]
		}
		i -= len(chunk)
	}
	panic("agent: rank out of range")
}

// all yields the items in order; the set must not change meanwhile.
func (o *ordered[T]) all(yield func(item[T]) bool) {
	for _, chunk := range o.chunks {
		for _, it := range chunk {
			if !yield(it) {
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

func (k key) compare(o key) int {
	switch {
	case k.less(o):
		return -1
	case o.less(k):
		return 1
	}
	return 0
}
