package entity

import (
	_ "embed"
	"regexp"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:embed product.txt
var productWords string

// lexicon are the nouns of things that people buy, and the words that stand
// before them, from product.txt.
var lexicon = sync.OnceValue(func() (l struct {
	english, asian *regexp.Regexp
}) {
	nouns, modifiers := map[bool][]string{}, map[bool][]string{}
	into := nouns
	for line := range strings.Lines(productWords) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case line == "[nouns]":
			into = nouns
		case line == "[modifiers]":
			into = modifiers
		default:
			for w := range strings.SplitSeq(line, ", ") {
				ascii := w[0] < utf8.RuneSelf
				into[ascii] = append(into[ascii], regexp.QuoteMeta(w))
			}
		}
	}
	any := func(words []string) string {
		sort.Slice(words, func(i, j int) bool { return len(words[i]) > len(words[j]) })
		return strings.Join(words, "|")
	}
	l.english = regexp.MustCompile(`\b(?:(?:` + any(modifiers[true]) + `)[ \-])*(?:` + any(nouns[true]) + `)(?:e?s)?(?: (?:pro|max|mini|plus|ultra|air|\d{1,3})\b)*\b`)
	l.asian = regexp.MustCompile(`(?:(?:` + any(modifiers[false]) + `)の?的?)*(?:` + any(nouns[false]) + `)`)
	return l
})

// numbered follows a telephone that is no product: "my phone is 0151…", 手机号.
var numbered = regexp.MustCompile(`^\s*(?:号|號|番号|number|no\b|is|:|：|是|は)?[:：]?\s*(?:\d|号|號|番号|number)`)

// products finds the customer's own products, then things that people buy.
func (s *search) products() {
	for _, p := range s.opt.Products {
		name := fold(p).s
		if name == "" {
			continue
		}
		if at := strings.Index(s.view.s, name); at >= 0 {
			s.add(Product, p, at, at+len(name), true)
		}
	}
	if s.has(Product) {
		return
	}
	for _, re := range []*regexp.Regexp{lexicon().english, lexicon().asian} {
		for _, m := range re.FindAllStringIndex(s.view.s, -1) {
			if !numbered.MatchString(s.view.s[m[1]:]) {
				s.add(Product, s.view.said(m[0], m[1]), m[0], m[1], false)
			}
		}
	}
}
