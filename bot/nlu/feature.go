package nlu

import (
	"math"
	"slices"
	"unicode"
)

// The views of a text. Each is an independent set of features, weighted and
// normalised on its own.
const (
	viewWords    = iota // tokens and pairs of neighbours
	viewChars           // character n-grams: 2-5 inside padded words, 1-4 over CJK runs
	viewConcepts        // concepts and pairs of them
	numViews
)

// viewWeight is the length of each view in a vector.
var viewWeight = [numViews]float64{1, 1, 1.5}

// token is a stretch of normalised runes: a run of letters and digits, one CJK
// character, or one of the signs that carry meaning.
type token struct {
	from, to int
	cjk      bool
}

// hash is the name of a feature: 64 bits of its characters. With the hundred
// thousand features of a large model two share a name once in 10⁹ models.
type hash uint64

const (
	hashSeed  hash = 14695981039346656037 // FNV-1a, 64 bit
	hashPrime hash = 1099511628211
)

func (h hash) add(r rune) hash {
	h = (h ^ hash(r&0xff)) * hashPrime
	h = (h ^ hash(r>>8)) * hashPrime
	return h
}

// end spreads the bits (the finaliser of SplitMix64).
func (h hash) end() hash {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// reader holds the buffers in which a text is taken apart, so that a query
// does not allocate.
type reader struct {
	concepts *Concepts // or nil
	runes    []rune
	tokens   []token
	names    [numViews][]hash
}

// read takes a text apart into the hashes of its features, with repetitions.
func (rd *reader) read(text string) {
	rd.runes = appendNormal(rd.runes[:0], text)
	rd.tokens = appendTokens(rd.tokens[:0], rd.runes)
	rd.names[viewWords] = appendWords(rd.names[viewWords][:0], rd.runes, rd.tokens)
	rd.names[viewChars] = appendChars(rd.names[viewChars][:0], rd.runes, rd.tokens)
	if rd.concepts != nil {
		rd.names[viewConcepts] = rd.concepts.appendConcepts(rd.names[viewConcepts][:0], rd.runes, rd.tokens)
	}
}

func isWordRune(r rune) bool {
	if r < 0x80 {
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

func isSign(r rune) bool {
	switch r {
	case '?', '$', '%', '£', '€', '¥':
		return true
	}
	return false
}

func appendTokens(dst []token, runes []rune) []token {
	for i := 0; i < len(runes); {
		r := runes[i]
		switch {
		case isCJK(r):
			dst = append(dst, token{i, i + 1, true})
			i++
		case isWordRune(r):
			from := i
			for i < len(runes) && isWordRune(runes[i]) && !isCJK(runes[i]) {
				i++
			}
			dst = append(dst, token{from, i, false})
		case isSign(r):
			dst = append(dst, token{i, i + 1, false})
			i++
		default:
			i++
		}
	}
	return dst
}

// appendWords appends the tokens and the pairs of neighbouring tokens.
func appendWords(dst []hash, runes []rune, tokens []token) []hash {
	prev := hashSeed
	for i, t := range tokens {
		h := hashSeed
		for _, r := range runes[t.from:t.to] {
			h = h.add(r)
		}
		dst = append(dst, h.end())
		if i > 0 {
			dst = append(dst, (prev*31 + h.end()).end())
		}
		prev = h.end()
	}
	return dst
}

// appendChars appends the n-grams of 2-5 characters inside each word with a
// space before and after it, and those of 1-4 over each run of CJK characters.
func appendChars(dst []hash, runes []rune, tokens []token) []hash {
	for i := 0; i < len(tokens); {
		t := tokens[i]
		if !t.cjk {
			dst = appendGrams(dst, runes[t.from:t.to], 2, 5, true)
			i++
			continue
		}
		end := t.to
		for i++; i < len(tokens) && tokens[i].cjk && tokens[i].from == end; i++ {
			end = tokens[i].to
		}
		dst = appendGrams(dst, runes[t.from:end], 1, 4, false)
	}
	return dst
}

//go:norace
func appendGrams(dst []hash, word []rune, shortest, longest int, padded bool) []hash {
	at := func(i int) rune {
		if padded {
			if i == 0 || i == len(word)+1 {
				return ' '
			}
			return word[i-1]
		}
		return word[i]
	}
	n := len(word)
	if padded {
		n += 2
	}
	for from := range n {
		h := hashSeed
		for to := from; to < min(n, from+longest); to++ {
			h = h.add(at(to))
			if to-from+1 >= shortest {
				dst = append(dst, h.end())
			}
		}
	}
	return dst
}

// vocabulary gives the features of one view their numbers, in the order of
// their hashes, and their weights.
type vocabulary struct {
	hashes []hash    // sorted
	weight []float32 // √(ln((1+N)/(1+df)) + 1): half as steep as tf-idf, and better
	slots  []uint32  // open addressing: number+1 of a feature, 0 = empty
}

// newVocabulary keeps the features that at least minTexts texts have. seen maps
// a feature to the number of texts that have it.
func newVocabulary(seen map[hash]int, texts, minTexts int) *vocabulary {
	v := &vocabulary{}
	for h, df := range seen {
		if df >= minTexts {
			v.hashes = append(v.hashes, h)
		}
	}
	slices.Sort(v.hashes)
	v.weight = make([]float32, len(v.hashes))
	for i, h := range v.hashes {
		v.weight[i] = float32(math.Sqrt(math.Log(float64(1+texts)/float64(1+seen[h])) + 1))
	}
	v.index()
	return v
}

// index fills the table that find reads.
func (v *vocabulary) index() {
	size := 8
	for size < 2*len(v.hashes) {
		size *= 2
	}
	v.slots = make([]uint32, size)
	for i, h := range v.hashes {
		at := int(h) & (size - 1)
		for v.slots[at] != 0 {
			at = (at + 1) & (size - 1)
		}
		v.slots[at] = uint32(i + 1)
	}
}

// find returns the number of a feature, or -1.
//
//go:norace
func (v *vocabulary) find(h hash) int32 {
	mask := len(v.slots) - 1
	for at := int(h) & mask; ; at = (at + 1) & mask {
		s := v.slots[at]
		if s == 0 {
			return -1
		}
		if v.hashes[s-1] == h {
			return int32(s - 1)
		}
	}
}

// vector is a sparse vector; idx is ascending.
type vector struct {
	idx []int32
	val []float32
}

// appendView appends the features of one view, numbered from base, with values
// (1+ln tf)·weight normalised to length scale. It reports the share of the names
// that the vocabulary knows.
//
//go:norace
func (v *vocabulary) appendView(dst vector, names []hash, base int32, scale float64) (vector, float64) {
	start := len(dst.idx)
	for _, h := range names {
		if i := v.find(h); i >= 0 {
			dst.idx = append(dst.idx, i)
		}
	}
	known := len(dst.idx) - start
	if known == 0 {
		return dst, 0
	}
	slices.Sort(dst.idx[start:])
	out, sum := start, 0.0
	for i := start; i < len(dst.idx); {
		f, tf := dst.idx[i], 0
		for ; i < len(dst.idx) && dst.idx[i] == f; i++ {
			tf++
		}
		w := float64(v.weight[f])
		if tf > 1 {
			w *= 1 + math.Log(float64(tf))
		}
		dst.idx[out] = base + f
		dst.val = append(dst.val, float32(w))
		sum += w * w
		out++
	}
	dst.idx = dst.idx[:out]
	norm := float32(scale / math.Sqrt(sum))
	for i := start; i < out; i++ {
		dst.val[i] *= norm
	}
	return dst, float64(known) / float64(len(names))
}
