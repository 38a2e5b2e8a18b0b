package bot

import (
	"slices"
	"strings"
	"unicode"

	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/bot/pack"
)

// words are the lists by which short replies are read (words.yaml), normalised
// as texts are.
type words struct {
	language string
	lists    map[string][]string
}

func newWords(p *pack.Pack) words {
	w := words{p.Language, map[string][]string{}}
	for name, list := range p.Words {
		for _, s := range list {
			w.lists[name] = append(w.lists[name], nlu.Normalize(s))
		}
	}
	return w
}

// bareText is a text without punctuation, a space between words.
func bareText(text string) string {
	return strings.Join(strings.FieldsFunc(nlu.Normalize(text), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsPunct(r) || unicode.IsSymbol(r)
	}), " ")
}

// within tells that a word of a list is in a text; English words as wholes.
func (w words) within(list, text string) bool {
	text = bareText(text)
	if w.language == "en" {
		text = " " + text + " "
	}
	return slices.ContainsFunc(w.lists[list], func(s string) bool {
		if w.language == "en" {
			s = " " + s + " "
		}
		return strings.Contains(text, s)
	})
}

// is tells that a text is a word of a list and nothing else.
func (w words) is(list, text string) bool { return slices.Contains(w.lists[list], bareText(text)) }

// first is the first word of a list, or "".
func (w words) first(list string) string {
	if len(w.lists[list]) == 0 {
		return ""
	}
	return w.lists[list][0]
}

// question tells that a text asks how things are, rather than that something be
// done: by its first word, its last, or a word that always asks.
func (w words) question(text string) bool {
	text = nlu.Normalize(text)
	for _, s := range w.lists["question_not"] {
		text = strings.ReplaceAll(text, s, " ")
	}
	if strings.ContainsAny(text, "?？") || w.within("question_within", text) {
		return true
	}
	for _, clause := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsPunct(r) || r == '\n' }) {
		clause = strings.TrimSpace(clause)
		if w.begins(clause) || w.ends(clause) {
			return true
		}
	}
	return false
}

func (w words) begins(clause string) bool {
	if w.language == "en" {
		first, _, _ := strings.Cut(clause, " ")
		return slices.Contains(w.lists["question_start"], first)
	}
	return slices.ContainsFunc(w.lists["question_start"], func(s string) bool { return strings.HasPrefix(clause, s) })
}

func (w words) ends(clause string) bool {
	return slices.ContainsFunc(w.lists["question_end"], func(s string) bool {
		return clause == s || strings.HasSuffix(clause, s) && (w.language != "en" || strings.HasSuffix(clause, " "+s))
	})
}

// asks tells that a text surely asks something: by its sign or a word that always
// asks.
func (w words) asks(text string) bool {
	text = nlu.Normalize(text)
	for _, s := range w.lists["question_not"] {
		text = strings.ReplaceAll(text, s, " ")
	}
	return strings.ContainsAny(text, "?？") || w.within("question_within", text)
}

// refers tells that a text speaks of something that was named before: "that",
// "那", "それ".
func (w words) refers(text string) bool { return w.within("refers", text) }

// onlyAsks tells that a text is made of words that say nothing by themselves
// ("and how long will that take"); of a language that writes spaces.
func (w words) onlyAsks(text string) bool {
	fields := strings.Fields(text)
	return len(fields) > 1 && !slices.ContainsFunc(fields, func(f string) bool { return !slices.Contains(w.lists["follow_words"], f) })
}

// follows tells that a text asks for more of what was said before and names
// nothing itself: "and how much?", "那多久呢".
func (w words) follows(text string) bool {
	text = bareText(text)
	ends := func(s string) bool { return slices.Contains(w.lists["follow_up"], s) || w.onlyAsks(s) }
	if ends(text) {
		return true
	}
	for range 2 {
		for _, lead := range w.lists["follow_lead"] {
			if rest, ok := strings.CutPrefix(text, lead); ok && rest != "" && (w.language != "en" || strings.HasPrefix(rest, " ")) {
				if text = strings.TrimSpace(rest); ends(text) {
					return true
				}
			}
		}
		for _, tail := range w.lists["follow_tail"] {
			if rest, ok := strings.CutSuffix(text, tail); ok && rest != "" && (w.language != "en" || strings.HasSuffix(rest, " ")) {
				if text = strings.TrimSpace(rest); ends(text) {
					return true
				}
			}
		}
	}
	return false
}

// withoutIt tells that the customer does not have what was asked for.
func (w words) withoutIt(text string) bool {
	return w.is("without_alone", text) || w.within("without", text)
}

// ordinal is the place of a choice that a text names, from 0; -1 for none.
func (w words) ordinal(text string, n int) int {
	for i, list := range []string{"choice_1", "choice_2", "choice_3"}[:min(n, 3)] {
		if w.within(list, text) {
			return i
		}
	}
	return -1
}
