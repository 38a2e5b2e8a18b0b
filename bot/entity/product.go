package entity

import (
	"cmp"
	_ "embed"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:embed product.txt
var productWords string

// words is a list that is looked up in a text.
type words struct {
	all     map[string]bool
	longest int // bytes
}

func (w *words) add(word string) {
	w.all[word] = true
	w.longest = max(w.longest, len(word))
}

// at is the length of the longest word that text begins with.
func (w *words) at(text string) int {
	for n := min(w.longest, len(text)); n > 0; n-- {
		if (n == len(text) || utf8.RuneStart(text[n])) && w.all[text[:n]] {
			return n
		}
	}
	return 0
}

// lexicon are the nouns of things that people buy, and the words that stand
// before them, from product.txt.
var lexicon = sync.OnceValue(func() (l struct{ nouns, modifiers words }) {
	l.nouns, l.modifiers = words{all: map[string]bool{}}, words{all: map[string]bool{}}
	into := &l.nouns
	for line := range strings.Lines(productWords) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case line == "[nouns]":
			into = &l.nouns
		case line == "[modifiers]":
			into = &l.modifiers
		default:
			for w := range strings.SplitSeq(line, ", ") {
				into.add(w)
				if into == &l.nouns && w[0] < utf8.RuneSelf {
					into.add(w + "s")
					into.add(w + "es")
				}
			}
		}
	}
	return l
})

// Goods returns the nouns of things that people buy, in all languages and in no
// order.
func Goods() []string { return slices.Collect(maps.Keys(lexicon().nouns.all)) }

// numbered follows a telephone that is no product: "my phone is 0151…", 手机号.
var numbered = regexp.MustCompile(`^\s*(?:号|號|番号|number|no\b|is|:|：|是|は)?[:：]?\s*(?:\d|号|號|番号|number|尾号|尾数|の?末尾)|^ (?:me|back)\b`)

// modelTail is what may stand behind a product's noun: "iphone 15 pro".
var modelTail = regexp.MustCompile(`^(?: (?:pro|max|mini|plus|ultra|air|\d{1,3})\b)+`)

func wordByte(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' }

// Products are product names, ready to be looked for.
type Products struct{ names, folded []string }

// NewProducts makes a list to look in, of which longer names go first.
func NewProducts(names []string) *Products {
	p := &Products{names: slices.Clone(names)}
	p.names = slices.DeleteFunc(p.names, func(n string) bool { return strings.TrimSpace(n) == "" })
	slices.SortStableFunc(p.names, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, n := range p.names {
		p.folded = append(p.folded, fold(n).s)
	}
	return p
}

// wholeWord tells that Latin letters or digits do not go on around a place.
func (s *search) wholeWord(from, to int) bool {
	text := s.view.s
	return !(from > 0 && wordByte(text[from-1]) && wordByte(text[from])) && !(to < len(text) && wordByte(text[to]) && wordByte(text[to-1]))
}

// products finds the customer's own products, then things that people buy.
func (s *search) products() {
	if s.opt.Products != nil {
		for i, name := range s.opt.Products.folded {
			if at := strings.Index(s.view.s, name); at >= 0 && s.wholeWord(at, at+len(name)) {
				s.add(Product, s.opt.Products.names[i], at, at+len(name), true)
			}
		}
	}
	if s.has(Product) {
		return
	}
	nouns := s.listedGoods()
	if s.opt.Goods {
		nouns = s.together(nouns)
	}
	for _, at := range nouns {
		s.add(Product, s.view.said(at.from, at.to), at.from, at.to, false)
	}
}

// happened is what became of a product, behind its noun: "the kettle died".
var happened = regexp.MustCompile(`^ (?:[a-z]+ed|blew|leaks|prints|smokes|freezes|froze)\b`)

// together are the nouns of the lists, each with what more of the product's
// name the tagger sees around it; where the lists have none, what it sees.
func (s *search) together(nouns []span) []span {
	seen := s.goods(nouns)
	if len(nouns) == 0 {
		return slices.DeleteFunc(seen, func(at span) bool { return numbered.MatchString(s.view.s[at.to:]) })
	}
	for i, n := range nouns {
		for _, at := range seen {
			if at.from < n.to && n.from < at.to {
				whole := span{min(at.from, nouns[i].from), max(at.to, nouns[i].to)}
				if happened.MatchString(s.view.s[nouns[i].to:whole.to]) {
					whole.to = nouns[i].to
				}
				if s.free(whole.from, whole.to) {
					nouns[i] = whole
				}
			}
		}
	}
	return nouns
}

// listedGoods finds the nouns of things that people buy, with the words before
// them that belong to the name.
func (s *search) listedGoods() []span {
	var out []span
	text, l := s.view.s, lexicon()
	from := -1 // where the modifiers before a noun begin
	for i := 0; i < len(text); {
		latin := text[i] < utf8.RuneSelf
		n := 0
		if !latin || i == 0 || !wordByte(text[i-1]) {
			n = l.nouns.at(text[i:])
			if n > 0 && (!latin || i+n == len(text) || !wordByte(text[i+n])) {
				if at := s.product(from, i, i+n); s.free(at.from, at.to) {
					out = append(out, at)
				}
				from = -1
				i += n
				continue
			}
			n = l.modifiers.at(text[i:])
		}
		if n > 0 && (!latin || i+n == len(text) || !wordByte(text[i+n]) || text[i+n] == '-') {
			if from < 0 {
				from = i
			}
			i += n
			for _, join := range []string{" ", "-", "の", "的"} {
				if strings.HasPrefix(text[i:], join) {
					i += len(join)
					break
				}
			}
			continue
		}
		from = -1
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
	}
	return out
}

// product is where a product's name stands whose noun is at from to to; nothing
// where the noun is that of a number.
func (s *search) product(modifiers, from, to int) span {
	if modifiers >= 0 {
		from = modifiers
	}
	if m := modelTail.FindStringIndex(s.view.s[to:]); m != nil {
		to += m[1]
	}
	if numbered.MatchString(s.view.s[to:]) {
		return span{}
	}
	return span{from, to}
}
