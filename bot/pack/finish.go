package pack

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// readWords reads lists of words of the dialogue; those of a later layer are
// added.
func (b *builder) readWords(r reader, n *node) {
	for _, p := range r.pairs(n, "the words", WordLists...) {
		for _, u := range r.strs(p.value, p.key) {
			b.pack.Words[p.key] = append(b.pack.Words[p.key], u.Text)
		}
	}
}

// longestPattern bounds a pattern of codes, in bytes.
const longestPattern = 500

// readCodes reads how the customer's codes look, by slot.
func (b *builder) readCodes(r reader, n *node) {
	for _, p := range r.pairs(n, "the codes", Slots...) {
		c := Code{}
		for _, q := range r.pairs(p.value, "a code", "pattern", "example") {
			text := r.str(q.value, q.key)
			if q.key == "example" {
				c.Example = text
				continue
			}
			re, err := regexp.Compile(text)
			switch {
			case text == "" || len(text) > longestPattern:
				r.fail(q.line, nil, "the pattern is empty or longer than %d bytes", longestPattern)
			case err != nil:
				r.fail(q.line, nil, "the pattern is no regular expression (RE2): %v", err)
			default:
				c.Pattern = re
			}
		}
		if c.Pattern == nil || c.Example == "" {
			r.fail(p.line, []string{"pattern", "example"}, "a code needs a pattern and an example")
			continue
		}
		if at := c.Pattern.FindStringIndex(bareCode(c.Example)); at == nil || at[0] != 0 || at[1] != len(bareCode(c.Example)) {
			r.fail(p.line, nil, "the example %q does not follow the pattern, which is for the code without separators and in capitals", c.Example)
			continue
		}
		b.pack.Codes[p.key] = c
	}
}

// bareCode is a code as it is compared: letters and digits alone, in capitals.
func bareCode(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, strings.ToUpper(s))
}

// mostProducts bounds the customer's own product names.
const mostProducts = 5000

// readProducts reads product names, one a line.
func (b *builder) readProducts(r reader, n *node) {
	for _, p := range r.pairs(n, "the products", "products") {
		for _, u := range r.strs(p.value, p.key) {
			if len(b.pack.Products) == mostProducts {
				r.fail(u.At.Line, nil, "there are more than %d products", mostProducts)
				return
			}
			b.pack.Products = append(b.pack.Products, u.Text)
		}
	}
}

// finish sorts the intents, checks the pack as a whole, and returns it or what
// is wrong.
func (b *builder) finish() (*Pack, error) {
	for _, id := range b.intentIDs() {
		b.pack.Intents = append(b.pack.Intents, *b.intents[id])
	}
	if len(b.problems) == 0 { // what is missing may only be misspelt
		b.checkIntents()
		b.checkGroups()
	}
	if len(b.problems) > 0 {
		return nil, b.problems
	}
	for _, t := range b.taught {
		b.pack.Lessons = append(b.pack.Lessons, t.lessons...)
		b.pack.Strange = append(b.pack.Strange, b.pack.learn(t.file, t.lessons)...)
	}
	return b.pack, nil
}

func (b *builder) fail(at Position, format string, args ...any) {
	b.problems = append(b.problems, Problem{At: at, Message: fmt.Sprintf(format, args...)})
}

// checkIntents wants everything that a dialogue says of an intent.
func (b *builder) checkIntents() {
	texts := b.pack.Language + "/" + textsFile
	for _, in := range b.pack.Intents {
		if in.ID == OutOfScope || b.pack.Name == Shared {
			continue
		}
		if in.Label == "" {
			b.fail(in.At, "intent %q has no label in %s", in.ID, texts)
		}
		if in.Answer == "" {
			b.fail(in.At, "intent %q has no answer in %s", in.ID, texts)
		}
		if in.Action != "" && in.Fallback == "" {
			b.fail(in.At, "intent %q has an action but no fallback in %s, which is said when the action fails", in.ID, texts)
		}
		if !in.Shared && in.Group == "" && len(b.pack.Groups) > 0 {
			b.fail(in.At, "intent %q has no group", in.ID)
		}
		if _, ok := b.intents[in.Known]; in.Known != "" && !ok {
			b.fail(in.At, "intent %q is answered by %q when its slots are known, but there is no such intent", in.ID, in.Known)
		}
		for _, slot := range in.Required {
			if b.pack.Ask[slot] == "" {
				b.fail(in.At, "intent %q asks for %s, for which %s has no question (ask)", in.ID, slot, texts)
			}
		}
		if in.Action != "" {
			continue // its fields may fill any place
		}
		for _, m := range holes.FindAllStringSubmatch(in.Answer, -1) {
			if !slices.Contains(in.Required, m[1]) {
				b.fail(in.At, "the answer of intent %q uses {%s}, which it does not ask for and no action gives", in.ID, m[1])
			}
		}
	}
}

// checkGroups wants a title in the language and an intent for every group.
func (b *builder) checkGroups() {
	tag := map[string]string{"zh": "zh-CN", "en": "en", "ja": "ja"}[b.pack.Language]
	used := map[string]bool{}
	for _, in := range b.pack.Intents {
		used[in.Group] = true
	}
	for _, g := range b.pack.Groups {
		if g.Title[tag] == "" {
			b.fail(g.At, "group %q has no title in %s (there is one in %v)", g.ID, tag, slices.Sorted(maps.Keys(g.Title)))
		}
		if !used[g.ID] {
			b.fail(g.At, "no intent belongs to group %q", g.ID)
		}
	}
}
