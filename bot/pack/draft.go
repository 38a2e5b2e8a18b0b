package pack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// DraftsFile is where a customer's folder keeps articles in the making, in the
// form of faq.yaml: PACK/LANG/drafts.yaml. One counts as soon as it has an
// answer.
const DraftsFile = draftsFile

const draftsHead = "# Articles in the making. One counts as soon as it has an answer.\narticles:\n"

// Drafts reads a drafts file: all articles in it, answered or not. Intents are
// not looked at.
func Drafts(file string, text []byte) ([]Article, error) {
	n, problem := parse(file, text)
	if problem != nil {
		return nil, problem
	}
	var problems Problems
	r := reader{file, &problems}
	var out []Article
	for _, p := range r.pairs(n, "the drafts", "articles") {
		if p.value.kind != list && p.value.kind != empty {
			r.fail(p.line, nil, "articles must be a list, not %s", p.value.kind)
			continue
		}
		for _, item := range p.value.items {
			a := Article{At: Position{file, item.line}}
			for _, q := range r.pairs(item, "an article", "id", "intent", "question", "variants", "answer", "remove") {
				switch q.key {
				case "id":
					a.ID = r.str(q.value, q.key)
				case "intent":
					a.Intent = r.str(q.value, q.key)
				case "question":
					a.Question = r.str(q.value, q.key)
				case "answer":
					a.Answer = r.str(q.value, q.key)
				case "variants":
					for _, u := range r.strs(q.value, q.key) {
						a.Variants = append(a.Variants, u.Text)
					}
				}
			}
			out = append(out, a)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return out, nil
}

// AppendDraft returns the text of a drafts file with one more article at its
// end.
func AppendDraft(file string, text []byte, a Article) ([]byte, error) {
	if !nameRule.MatchString(a.ID) {
		return nil, fmt.Errorf("%q is no id for an article (allowed: %s)", a.ID, nameRule)
	}
	if strings.TrimSpace(a.Question) == "" {
		return nil, fmt.Errorf("article %q has no question", a.ID)
	}
	before, err := Drafts(file, text)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(before, func(o Article) bool { return o.ID == a.ID }) {
		return nil, fmt.Errorf("%s has an article %q already", file, a.ID)
	}
	var b bytes.Buffer
	b.Write(bytes.TrimRight(text, " \n"))
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	if len(before) == 0 {
		b.Reset()
		b.WriteString(draftsHead)
	}
	fmt.Fprintf(&b, "  - id: %s\n", a.ID)
	if a.Intent != "" {
		fmt.Fprintf(&b, "    intent: %s\n", a.Intent)
	}
	fmt.Fprintf(&b, "    question: %s\n", quoted(a.Question))
	if len(a.Variants) > 0 {
		b.WriteString("    variants:\n")
	}
	for _, v := range a.Variants {
		fmt.Fprintf(&b, "      - %s\n", quoted(v))
	}
	fmt.Fprintf(&b, "    answer: %s\n", quoted(a.Answer))
	after, err := Drafts(file, b.Bytes())
	if err != nil || len(after) != len(before)+1 || !same(after[len(before)], a) {
		return nil, fmt.Errorf("%s is written in a way of its own: add the article by hand", file)
	}
	return b.Bytes(), nil
}

func same(a, b Article) bool {
	return a.ID == b.ID && a.Intent == b.Intent && a.Question == strings.TrimSpace(b.Question) && len(a.Variants) == len(b.Variants) && a.Answer == strings.TrimSpace(b.Answer)
}

// quoted is a text as YAML reads it back, on one line.
func quoted(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(strings.Join(strings.Fields(s), " ")); err != nil {
		panic(err) // a text always is JSON
	}
	return strings.TrimSpace(b.String())
}
