package entity

import (
	"cmp"
	"embed"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed data
var data embed.FS

// lists are the word lists of a language by name, from data/LANGUAGE.txt: a
// [name] in a line of its own, then its entries, one a line or several with
// ", " between them.
var lists = sync.OnceValue(func() map[string]map[string][]string {
	out := map[string]map[string][]string{}
	for _, language := range []string{"zh", "en", "ja"} {
		text, err := data.ReadFile("data/" + language + ".txt")
		if err != nil {
			panic(err) // it is embedded
		}
		out[language] = readLists(string(text))
	}
	return out
})

func readLists(text string) map[string][]string {
	out := map[string][]string{}
	name := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") && !strings.ContainsAny(line, `\(,`):
			name = strings.Trim(line, "[]")
		default:
			out[name] = append(out[name], strings.Split(line, ", ")...)
		}
	}
	return out
}

// wordSet is a list as a set.
func wordSet(language, name string) map[string]bool {
	set := map[string]bool{}
	for _, w := range lists()[language][name] {
		set[w] = true
	}
	return set
}

// anyOf is a pattern for one of the words of a list, the longest first.
func anyOf(language, name string) string {
	words := slices.Clone(lists()[language][name])
	slices.SortStableFunc(words, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for i, w := range words {
		words[i] = regexp.QuoteMeta(w)
	}
	return "(?:" + strings.Join(words, "|") + ")"
}

// alternatives joins the patterns of a list in all languages, in their order.
func alternatives(name string) string {
	var all []string
	for _, language := range []string{"en", "zh", "ja"} {
		all = append(all, lists()[language][name]...)
	}
	return strings.Join(all, "|")
}

// patterns is one pattern for those of a list in all languages.
func patterns(name string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + alternatives(name)) }
