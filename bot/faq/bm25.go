package faq

import (
	"math"
	"slices"
	"unicode"

	"github.com/openhotline/hotline/bot/nlu"
)

// BM25's parameters (Robertson and Zaragoza 2009, §3.2): questions are short,
// so that their length counts little.
const (
	k1 = 1.2
	b  = 0.4
)

// posting is a text that holds a term.
type posting struct {
	text  int
	count float64
}

// lexical is an inverted index over the wordings of questions.
type lexical struct {
	postings map[string][]posting
	lengths  []float64
	mean     float64
	// seen counts in how many texts of the language at large a term is: what is
	// common there says little, even if few questions have it.
	seen map[string]float64
	all  float64
}

func newLexical(texts, background []string) *lexical {
	x := &lexical{postings: map[string][]posting{}, lengths: make([]float64, len(texts)), seen: map[string]float64{}}
	x.all = float64(len(texts) + len(background))
	for _, list := range [][]string{texts, background} {
		for _, text := range list {
			for t := range count(terms(text)) {
				x.seen[t]++
			}
		}
	}
	for i, text := range texts {
		terms := count(terms(text))
		for _, t := range slices.Sorted(keysOf(terms)) {
			x.postings[t] = append(x.postings[t], posting{i, terms[t]})
			x.lengths[i] += terms[t]
		}
		x.mean += x.lengths[i] / float64(len(texts))
	}
	return x
}

func keysOf(m map[string]float64) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// idf is high for rare terms; one that no text holds counts like the rarest.
func (x *lexical) idf(term string) float64 {
	n := x.seen[term]
	return math.Log(1 + (x.all-n+0.5)/(n+0.5))
}

func (x *lexical) weight(count, length float64) float64 {
	return count * (k1 + 1) / (count + k1*(1-b+b*length/max(x.mean, 1)))
}

// similar writes to sims how much each text is like the query: 1 for the same
// terms, 0 for none in common.
func (x *lexical) similar(query string, sims []float64) {
	clear(sims)
	asked := count(terms(query))
	length, self := 0.0, 0.0
	for _, n := range asked {
		length += n
	}
	for t, n := range asked {
		idf := x.idf(t)
		self += idf * n * x.weight(n, length)
		for _, p := range x.postings[t] {
			sims[p.text] += idf * n * x.weight(p.count, x.lengths[p.text])
		}
	}
	if self == 0 {
		return
	}
	for i := range sims {
		sims[i] = min(sims[i]/self, 1)
	}
}

func count(terms []string) map[string]float64 {
	m := make(map[string]float64, len(terms))
	for _, t := range terms {
		m[t]++
	}
	return m
}

// terms are single characters and pairs of them over Chinese and Japanese, and
// words and their beginnings elsewhere: what stands in for stems.
func terms(text string) []string {
	var out []string
	runes := []rune(nlu.Normalize(text))
	for i := 0; i < len(runes); {
		switch r := runes[i]; {
		case cjk(r):
			out = append(out, string(r))
			if i+1 < len(runes) && cjk(runes[i+1]) {
				out = append(out, string(runes[i:i+2]))
			}
			i++
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			from := i
			for i < len(runes) && !cjk(runes[i]) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i])) {
				i++
			}
			word := runes[from:i]
			out = append(out, string(word))
			for n := 4; n <= min(5, len(word)-1); n++ {
				out = append(out, string(word[:n])+"…")
			}
		default:
			i++
		}
	}
	return out
}

func cjk(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana) || r == 'ー' || r == '々'
}
