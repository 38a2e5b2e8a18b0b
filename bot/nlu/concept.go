package nlu

import (
	"maps"
	"slices"
	"strings"

	"github.com/openhotline/hotline/bot/cache"
)

// maxTerm bounds the characters of a term.
const maxTerm = 32

// Concepts are groups of words and phrases that mean about the same: what a
// model learns from one it then knows of the others, also of those that no
// example has. A term that ends in a star stands for every word that begins so.
type Concepts struct {
	id    cache.Key       // hash of the terms
	nodes map[hash]uint32 // terms and their beginnings: a place in ends
	ends  []node          // the first is that of beginnings where nothing ends
}

// node is what ends at a place.
type node struct {
	whole []hash // concepts whose term ends here
	open  []hash // concepts whose term has a star here
}

// NewConcepts makes concepts from terms by name.
func NewConcepts(groups map[string][]string) *Concepts {
	c := &Concepts{id: idOf(groups), nodes: map[hash]uint32{}, ends: make([]node, 1)}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		id := hashString(name)
		for _, term := range groups[name] {
			c.add(term, id)
		}
	}
	return c
}

// idOf is the hash of the terms; their order says nothing.
func idOf(groups map[string][]string) cache.Key {
	var sum cache.Sum
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		terms := slices.Sorted(slices.Values(groups[name]))
		sum.Text(name)
		sum.Number(float64(len(terms)))
		for _, term := range terms {
			sum.Text(term)
		}
	}
	return sum.Key()
}

// ID is the hash of the concepts' terms, zero for none.
func (c *Concepts) ID() cache.Key {
	if c == nil {
		return cache.Key{}
	}
	return c.id
}

func hashString(s string) hash {
	h := hashSeed
	for _, r := range s {
		h = h.add(r)
	}
	return h.end()
}

func (c *Concepts) add(term string, id hash) {
	open := strings.HasSuffix(term, "*")
	runes := appendNormal(nil, strings.TrimSuffix(term, "*"))
	tokens := appendTokens(nil, runes)
	w := walk{runes: runes, tokens: tokens}
	h, n := hashSeed, 0
	for r, _ := w.next(); r != 0 && n < maxTerm; r, _ = w.next() {
		if n > 0 {
			if _, ok := c.nodes[h]; !ok {
				c.nodes[h] = 0
			}
		}
		h = h.add(r)
		n++
	}
	if n == 0 {
		return
	}
	place := c.nodes[h]
	if place == 0 {
		place = uint32(len(c.ends))
		c.ends = append(c.ends, node{})
		c.nodes[h] = place
	}
	if at := &c.ends[place]; open {
		at.open = append(at.open, id)
	} else {
		at.whole = append(at.whole, id)
	}
}

// walk reads tokens as one line: a space between words, none between CJK
// characters.
type walk struct {
	runes  []rune
	tokens []token
	token  int
	at     int  // in the token
	spaced bool // the space before the token was read
}

// next returns the next character, 0 at the end, and whether a word may end
// after it.
func (w *walk) next() (r rune, boundary bool) {
	if w.token >= len(w.tokens) {
		return 0, true
	}
	t := w.tokens[w.token]
	if w.at == 0 && !w.spaced && w.token > 0 && !(t.cjk && w.tokens[w.token-1].cjk) {
		w.spaced = true
		return ' ', false
	}
	r = w.runes[t.from+w.at]
	w.at++
	if t.from+w.at < t.to {
		return r, false
	}
	w.token, w.at, w.spaced = w.token+1, 0, false
	return r, true
}

// find appends the concepts of the longest term that begins at each token.
func (c *Concepts) find(dst []hash, runes []rune, tokens []token) []hash {
	for i := range tokens {
		var longest node
		w := walk{runes: runes, tokens: tokens, token: i, spaced: true}
		h := hashSeed
		for range maxTerm {
			r, boundary := w.next()
			if r == 0 {
				break
			}
			h = h.add(r)
			place, ok := c.nodes[h]
			if !ok {
				break
			}
			at := c.ends[place]
			switch {
			case boundary && len(at.whole) > 0:
				longest = at
			case len(at.open) > 0:
				longest = node{open: at.open}
			}
		}
		dst = append(append(dst, longest.whole...), longest.open...)
	}
	return dst
}

// In appends the concepts that a text has, each by the hash of its name, as often
// as it has them.
func (c *Concepts) In(text string, dst []uint64) []uint64 {
	if c == nil {
		return dst
	}
	runes := appendNormal(nil, text)
	var few [64]hash
	for _, h := range c.find(few[:0], runes, appendTokens(nil, runes)) {
		dst = append(dst, uint64(h))
	}
	return dst
}

// appendConcepts appends the concepts of a text and the pairs of different ones.
func (c *Concepts) appendConcepts(dst []hash, runes []rune, tokens []token) []hash {
	start := len(dst)
	dst = c.find(dst, runes, tokens)
	found := dst[start:]
	slices.Sort(found)
	found = slices.Compact(found)
	if len(found) > maxPaired {
		found = found[:maxPaired]
	}
	dst = dst[:start+len(found)]
	for i, a := range found {
		for _, b := range found[i+1:] {
			dst = append(dst, (a*31 + b).end())
		}
	}
	return dst
}

// maxPaired bounds the concepts of a text, whose pairs are features.
const maxPaired = 40
