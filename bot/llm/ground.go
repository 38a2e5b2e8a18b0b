package llm

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/entity"
	"github.com/openhotline/hotline/internal/redact"
)

var (
	citation = regexp.MustCompile(`\[([A-Za-z0-9_\-]{1,64})\]`)
	number   = regexp.MustCompile(`\d+(?:[.,]\d+)*`)
	address  = regexp.MustCompile(`https?://[^\s）)\]]+|www\.[^\s）)\]]+`)
)

// grounded checks that an answer cites articles that were given, and that its
// numbers and addresses are theirs.
func grounded(text string, q bot.Question) (bot.Reply, error) {
	text = strings.TrimSpace(text)
	if text == "" || strings.Contains(text, noAnswer) {
		return bot.Reply{}, bot.ErrNoAnswer
	}
	var r bot.Reply
	facts := q.Text
	for _, m := range citation.FindAllStringSubmatch(text, -1) {
		i := slices.IndexFunc(q.Articles, func(a bot.Grounding) bool { return a.ID == m[1] })
		if i < 0 {
			return bot.Reply{}, fmt.Errorf("%w: cites %q, which was not given", bot.ErrNoAnswer, m[1])
		}
		if !slices.Contains(r.Cites, m[1]) {
			r.Cites = append(r.Cites, m[1])
			facts += "\n" + q.Articles[i].Question + "\n" + q.Articles[i].Answer
		}
	}
	r.Text = strings.TrimSpace(citation.ReplaceAllString(text, ""))
	if len(r.Cites) == 0 || r.Text == "" {
		return bot.Reply{}, fmt.Errorf("%w: cites no article", bot.ErrNoAnswer)
	}
	plain := placeholder.ReplaceAllString(r.Text, "")
	known := number.FindAllString(facts, -1)
	for _, n := range number.FindAllString(plain, -1) {
		if !slices.Contains(known, n) {
			return bot.Reply{}, fmt.Errorf("%w: says a number that no cited article has", bot.ErrNoAnswer)
		}
	}
	for _, a := range address.FindAllString(plain, -1) {
		if !strings.Contains(facts, a) {
			return bot.Reply{}, fmt.Errorf("%w: names an address that no cited article has", bot.ErrNoAnswer)
		}
	}
	return r, nil
}

var placeholder = regexp.MustCompile(`<[A-Z_]+_\d+>`)

// mask is a text without personal data, and what stood there.
type mask struct {
	text string
	back *strings.Replacer
}

// maskOf replaces what names a person, a case or a card by placeholders.
func maskOf(text, language string) mask {
	found := entity.Extract(text, entity.Options{Language: language, Wanted: []entity.Kind{entity.OrderNumber}})
	found = slices.DeleteFunc(found, func(e entity.Entity) bool {
		return e.Kind == entity.Amount || e.Kind == entity.Date || e.Kind == entity.Product
	})
	sort.Slice(found, func(i, j int) bool { return found[i].Start < found[j].Start })
	counts := map[entity.Kind]int{}
	var b strings.Builder
	var pairs []string
	at := 0
	for _, e := range found {
		counts[e.Kind]++
		name := fmt.Sprintf("<%s_%d>", strings.ToUpper(string(e.Kind)), counts[e.Kind])
		b.WriteString(redact.Cards(text[at:e.Start]))
		b.WriteString(name)
		pairs = append(pairs, name, e.Text)
		at = e.End
	}
	b.WriteString(redact.Cards(text[at:]))
	return mask{b.String(), strings.NewReplacer(pairs...)}
}

// restore puts back what was masked.
func (m mask) restore(text string) string { return m.back.Replace(text) }
