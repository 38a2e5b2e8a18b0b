package faq

import (
	"math"
	"slices"
	"unicode"

	"github.com/openhotline/hotline/bot/cache"
	"github.com/openhotline/hotline/bot/nlu"
)

// BM25's parameters (Robertson and Zaragoza 2009, §3.2): questions are short,
// so that their length counts little.
const (
	k1 = 1.2
	b  = 0.4
)

// term is the name of a term: 64 bits of its characters (FNV-1a).
type term uint64

const (
	termSeed  term = 14695981039346656037
	termPrime term = 1099511628211
)

// An open term, such as the beginning of a word, is another than the word.
func termOf(runes []rune, open bool) term {
	h := termSeed
	for _, r := range runes {
		h = (h ^ term(r)) * termPrime
	}
	if open {
		h = (h ^ '…') * termPrime
	}
	return h
}

// splitter appends the terms of a text.
type splitter func(dst []term, text string) []term

// lexical is an inverted index over the wordings of questions.
type lexical struct {
	split splitter
	// terms are sorted: those of the wordings and of the language at large. What
	// is common there says little, even if few questions have it.
	terms []uint64
	idf   []float32
	from  []uint32 // postings of terms[i] are from[i] to from[i+1]
	// A posting is a wording that holds the term, and how often.
	wordings []uint32
	counts   []float32
	lengths  []float32 // of the wordings, in terms
	mean     float64
	rarest   float64 // idf of a term that no text holds
}

func newLexical(split splitter, texts, background []string) *lexical {
	type posting struct {
		text  uint32
		count float32
	}
	x := &lexical{split: split, lengths: make([]float32, len(texts))}
	postings, seen := map[term][]posting{}, map[term]int{}
	var buf []term
	for i, text := range slices.Concat(texts, background) {
		buf = split(buf[:0], text)
		slices.Sort(buf)
		for n := 0; n < len(buf); {
			t, first := buf[n], n
			for n < len(buf) && buf[n] == t {
				n++
			}
			seen[t]++
			if i < len(texts) {
				postings[t] = append(postings[t], posting{uint32(i), float32(n - first)})
			}
		}
		if i < len(texts) {
			x.lengths[i] = float32(len(buf))
			x.mean += float64(len(buf)) / float64(len(texts))
		}
	}
	for t := range seen {
		x.terms = append(x.terms, uint64(t))
	}
	slices.Sort(x.terms)
	all := float64(len(texts) + len(background))
	idf := func(n float64) float64 { return math.Log(1 + (all-n+0.5)/(n+0.5)) }
	x.rarest = idf(0)
	for _, t := range x.terms {
		x.idf = append(x.idf, float32(idf(float64(seen[term(t)]))))
		x.from = append(x.from, uint32(len(x.wordings)))
		for _, p := range postings[term(t)] {
			x.wordings, x.counts = append(x.wordings, p.text), append(x.counts, p.count)
		}
	}
	x.from = append(x.from, uint32(len(x.wordings)))
	return x
}

func (x *lexical) weight(count, length float64) float64 {
	return count * (k1 + 1) / (count + k1*(1-b+b*length/max(x.mean, 1)))
}

// similar writes to sims how much each wording is like the query: 1 for the same
// terms, 0 for none in common.
func (x *lexical) similar(query string, sims []float64) {
	clear(sims)
	var few [256]term
	asked := x.split(few[:0], query)
	slices.Sort(asked)
	length, self := float64(len(asked)), 0.0
	for n := 0; n < len(asked); {
		t, first := asked[n], n
		for n < len(asked) && asked[n] == t {
			n++
		}
		count, idf := float64(n-first), x.rarest
		at, ok := slices.BinarySearch(x.terms, uint64(t))
		if ok {
			idf = float64(x.idf[at])
			for p := x.from[at]; p < x.from[at+1]; p++ {
				w := x.wordings[p]
				sims[w] += idf * count * x.weight(float64(x.counts[p]), float64(x.lengths[w]))
			}
		}
		self += idf * count * x.weight(count, length)
	}
	if self == 0 {
		return
	}
	for i := range sims {
		sims[i] = min(sims[i]/self, 1)
	}
}

// appendTerms appends single characters and pairs of them over Chinese and
// Japanese, and words and their beginnings elsewhere: what stands in for stems.
func appendTerms(dst []term, text string) []term { return appendWords(dst, text, beginnings) }

// appendStems does the same with the stems of words beside their beginnings: for
// lists that have one wording of each question and must not miss a plural.
func appendStems(dst []term, text string) []term { return appendWords(dst, text, stemmed) }

func appendWords(dst []term, text string, forms func(dst []term, word []rune) []term) []term {
	runes := []rune(nlu.Normalize(text))
	for i := 0; i < len(runes); {
		switch r := runes[i]; {
		case cjk(r):
			dst = append(dst, termOf(runes[i:i+1], false))
			if i+1 < len(runes) && cjk(runes[i+1]) {
				dst = append(dst, termOf(runes[i:i+2], false))
			}
			i++
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			from := i
			for i < len(runes) && !cjk(runes[i]) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i])) {
				i++
			}
			dst = append(dst, termOf(runes[from:i], false))
			dst = forms(dst, runes[from:i])
		default:
			i++
		}
	}
	return dst
}

// beginnings appends the first letters of a longer word.
func beginnings(dst []term, word []rune) []term {
	for n := 4; n <= min(5, len(word)-1); n++ {
		dst = append(dst, termOf(word[:n], true))
	}
	return dst
}

// stemmed appends the stem of a word and its first letters.
func stemmed(dst []term, word []rune) []term {
	dst = append(dst, termOf(stem(word), true))
	for n := 4; n <= min(5, len(word)); n++ {
		dst = append(dst, termOf(word[:n], true)^termSeed) // another term than a stem of these letters
	}
	return dst
}

func cjk(r rune) bool {
	return r >= 0x2e80 && (unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || r == 'ー' || r == '々')
}

func (x *lexical) encode(w *cache.Writer) {
	w.Words(x.terms)
	w.Floats(x.idf)
	w.Ints(x.from)
	w.Ints(x.wordings)
	w.Floats(x.counts)
	w.Floats(x.lengths)
	w.Float(x.mean)
	w.Float(x.rarest)
}

// decodeLexical reads an index over a number of wordings.
func decodeLexical(r *cache.Reader, split splitter, wordings int) *lexical {
	x := &lexical{split: split, terms: r.Words(), idf: r.Floats(), from: r.Ints(), wordings: r.Ints(), counts: r.Floats(), lengths: r.Floats(), mean: r.Float(), rarest: r.Float()}
	if len(x.idf) != len(x.terms) || len(x.from) != len(x.terms)+1 || len(x.counts) != len(x.wordings) || len(x.lengths) != wordings ||
		!usable(x.idf) || !usable(x.counts) || !usable(x.lengths) || !usable([]float64{x.mean, x.rarest}) ||
		!slices.IsSorted(x.terms) || !slices.IsSorted(x.from) || x.from[len(x.terms)] != uint32(len(x.wordings)) ||
		slices.ContainsFunc(x.wordings, func(w uint32) bool { return int(w) >= wordings }) {
		r.Fail()
	}
	return x
}
