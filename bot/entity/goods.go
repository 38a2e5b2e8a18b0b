package entity

import (
	_ "embed"
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// What customers buy is more than any list holds. A tagger marks the words of a
// text that name a product by what stands around them and by what they are made
// of: a first-order chain over words (English) or characters (Chinese and
// Japanese), whose weights an averaged perceptron learned from the rows in
// goods/ (goods_test.go trains it and writes the weights anew with -update).

// A tag is what a token is to the name of a product.
const (
	outside = iota
	begins
	inside
	tags
)

// goodsModel are the weights of one language: records of the hash of a feature
// (uint32, big endian) and what it says for each tag (int8), in ascending order
// of the hashes. The steps from one tag to the next are features too.
type goodsModel string

const goodsRecord = 4 + tags

//go:embed goods/zh.model
var goodsZH goodsModel

//go:embed goods/en.model
var goodsEN goodsModel

//go:embed goods/ja.model
var goodsJA goodsModel

func goodsOf(lang string) goodsModel {
	switch lang {
	case "zh":
		return goodsZH
	case "ja":
		return goodsJA
	}
	return goodsEN
}

// find is the record of a feature, or nothing.
func (m goodsModel) find(feature uint32) goodsModel {
	low, high := 0, len(m)/goodsRecord
	for low < high {
		mid := int(uint(low+high) >> 1)
		at := m[mid*goodsRecord:][:goodsRecord]
		switch key := binary.BigEndian.Uint32([]byte(at[:4])); {
		case key < feature:
			low = mid + 1
		case key > feature:
			high = mid
		default:
			return at
		}
	}
	return ""
}

// weigh adds what a feature says to the scores of the tags.
func (m goodsModel) weigh(feature uint32, scores *[tags]int) {
	if at := m.find(feature); at != "" {
		for t := range scores {
			scores[t] += int(int8(at[4+t]))
		}
	}
}

// token is a word, a run of katakana, or a single character of other scripts.
type token struct {
	from, to int
	form     uint32 // hash of what it says
	shape    uint32
	head     uint32 // of its last characters
	noun     uint32 // whether a list has it, and where in the listed noun it stands
}

// Shapes of tokens.
const (
	edge = iota
	latin
	digits
	katakana
	hiragana
	han
	mark
	value   // something else that was found: a number, a date
	strange // a word that the rows have in no other place than in products
)

func shapeOf(r rune) uint32 {
	switch {
	case r >= '0' && r <= '9':
		return digits
	case unicode.Is(unicode.Katakana, r) || r == 'ー':
		return katakana
	case unicode.Is(unicode.Hiragana, r):
		return hiragana
	case unicode.Is(unicode.Han, r) || r == '々':
		return han
	case unicode.IsLetter(r):
		return latin
	}
	return mark
}

func hashed(s string) uint32 { // FNV-1a
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

// blended is one hash of several.
func blended(parts ...uint32) uint32 {
	h := uint32(2166136261)
	for _, p := range parts {
		h = (h ^ p) * 0x9e3779b1
		h ^= h >> 15
	}
	return h
}

// tokens splits the text; what was found in it already is one token a piece.
func (s *search) tokens() []token {
	text := s.view.s
	var out []token
	for i := 0; i < len(text); {
		if kind, to := s.foundAt(i); to > i {
			out = append(out, token{from: i, to: to, form: hashed(kind), shape: value})
			i = to
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == ' ' {
			i += n
			continue
		}
		to, shape := i+n, shapeOf(r)
		for to < len(text) && (shape == latin || shape == digits || shape == katakana) {
			next, n := utf8.DecodeRuneInString(text[to:])
			_, end := s.foundAt(to)
			same := shapeOf(next) == shape || shape != katakana && next < utf8.RuneSelf && (wordByte(byte(next)) || next == '\'')
			if !same || end > to {
				break
			}
			to += n
		}
		last := to
		for range 3 {
			if last > i {
				_, n := utf8.DecodeLastRuneInString(text[i:last])
				last -= n
			}
		}
		out = append(out, token{from: i, to: to, form: hashed(text[i:to]), shape: shape, head: hashed(text[last:to])})
		i = to
	}
	return out
}

// foundAt is what was found at a place of the view, and where it ends.
func (s *search) foundAt(i int) (kind string, to int) {
	for n, at := range s.at {
		if at.from == i {
			return string(s.found[n].Kind), at.to
		}
	}
	for _, at := range s.taken {
		if at.from == i {
			return "taken", at.to
		}
	}
	return "", 0
}

// listed notes which tokens the nouns of a list cover.
func listed(list []token, nouns []span) {
	for i := range list {
		for _, n := range nouns {
			if list[i].from >= n.from && list[i].to <= n.to {
				list[i].noun = 1
				if list[i].from == n.from {
					list[i].noun = 2
				}
			}
		}
	}
}

// features calls add for each feature of the token at i.
func features(list []token, i int, add func(uint32)) {
	at := func(i int) token {
		if i < 0 || i >= len(list) {
			return token{}
		}
		return list[i]
	}
	a, b, c, d, e := at(i-2), at(i-1), at(i), at(i+1), at(i+2)
	f, g := at(i-3), at(i+3)
	add(1)
	for n, t := range [...]token{f, a, b, c, d, e, g} {
		add(blended(2, uint32(n), t.form))
	}
	add(blended(3, a.form, b.form))
	add(blended(4, b.form, c.form))
	add(blended(5, c.form, d.form))
	add(blended(6, d.form, e.form))
	add(blended(7, f.form, a.form, b.form))
	add(blended(8, d.form, e.form, g.form))
	add(blended(9, b.shape, c.shape, d.shape))
	add(blended(10, a.shape, b.shape, c.shape, d.shape, e.shape))
	add(blended(11, c.head))
	add(blended(12, d.head))
	add(blended(13, b.form, c.shape, d.form))
	add(blended(14, b.noun, c.noun, d.noun))
	add(blended(15, c.noun, d.form))
	add(blended(16, b.form, c.shape))
	add(blended(17, c.shape, d.form))
}

// stepFeature is a tag behind another; tags stands for the beginning.
func stepFeature(before int) uint32 { return blended(18, uint32(before)) }

// wordFeature marks in a model that it knows a word from outside of products.
func wordFeature(form uint32) uint32 { return blended(19, form) }

// estrange makes words that are not known alike: what is named is mostly what
// nobody said before, and what stands around it is not.
func estrange(list []token, known func(feature uint32) bool) {
	for i, t := range list {
		if (t.shape == latin || t.shape == katakana) && !known(wordFeature(t.form)) {
			list[i].form, list[i].shape = 0, strange
		}
	}
}

// tag gives each token the tag of the best row of tags.
// favour is added where a name begins: for texts that are likely to name one.
func (m goodsModel) tag(list []token, favour int) []uint8 {
	estrange(list, func(f uint32) bool { return m.find(f) != "" })
	own := make([][tags]int, len(list))
	for i := range list {
		features(list, i, func(f uint32) { m.weigh(f, &own[i]) })
		own[i][begins] += favour
	}
	var step [tags + 1][tags]int
	for before := range step {
		m.weigh(stepFeature(before), &step[before])
	}
	return decode(own, step)
}

// decode finds the row of tags with the highest sum of what each token says for
// its tag and of the steps between them (Viterbi).
func decode(own [][tags]int, step [tags + 1][tags]int) []uint8 {
	step[outside][inside], step[tags][inside] = -1<<20, -1<<20 // no name goes on that did not begin
	back := make([][tags]uint8, len(own))
	var best [tags]int
	for i := range own {
		now := best
		for t := range now {
			if i == 0 {
				now[t] = own[i][t] + step[tags][t]
				continue
			}
			for before := range best {
				if score := best[before] + step[before][t] + own[i][t]; before == 0 || score > now[t] {
					now[t], back[i][t] = score, uint8(before)
				}
			}
		}
		best = now
	}
	out := make([]uint8, len(own))
	last := uint8(0)
	for t := range best {
		if best[t] > best[last] {
			last = uint8(t)
		}
	}
	for i := len(own) - 1; i >= 0; i-- {
		out[i] = last
		last = back[i][last]
	}
	return out
}

// goods are the places of the view where products are named, as the tagger
// sees it; nouns are those of a list.
func (s *search) goods(nouns []span) []span {
	list := s.tokens()
	listed(list, nouns)
	favour := 0
	if s.wants(Product) {
		favour = topical
	}
	return named(list, goodsOf(s.lang).tag(list, favour))
}

// topical favours a name in texts whose topic can use one.
const topical = 40

// named are the places that tags mark.
func named(list []token, tagged []uint8) []span {
	var out []span
	for i, t := range tagged {
		switch {
		case t == begins:
			out = append(out, span{list[i].from, list[i].to})
		case t == inside && len(out) > 0:
			out[len(out)-1].to = list[i].to
		}
	}
	return out
}
