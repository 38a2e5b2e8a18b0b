package llm

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/width"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/entity"
)

var (
	citation = regexp.MustCompile(`\[([A-Za-z0-9_\-]{1,64})\]`)
	number   = regexp.MustCompile(`\d+(?:[.,:]\d+)*`)
	// address is a URL, a bare domain or an e-mail address.
	address = regexp.MustCompile(`(?i)https?://[^\s）)\]」]+|www\.[^\s）)\]」]+|[a-z0-9._%+\-]*@?[a-z0-9\-]+(?:\.[a-z0-9\-]+)*\.[a-z]{2,}`)
)

// facts are what an answer may rest on: the cited articles, what tools gave, and
// the values that the customer said, by their placeholders.
type facts struct{ text string }

// grounded checks that an answer cites articles that were given or tools that
// were run, and that its numbers and addresses are theirs. The customer's own
// text is no fact: "you have 365 days, right?" must not be confirmed.
func grounded(text string, q bot.Question, used []toolResult) (bot.Reply, error) {
	text = strings.TrimSpace(text)
	if text == "" || strings.Contains(text, noAnswer) {
		return bot.Reply{}, bot.ErrNoAnswer
	}
	var r bot.Reply
	known := facts{}
	for _, m := range citation.FindAllStringSubmatch(text, -1) {
		fact, cite, ok := cited(m[1], q, used)
		if !ok {
			return bot.Reply{}, fmt.Errorf("%w: cites %q, which was not given", bot.ErrNoAnswer, m[1])
		}
		if !slices.Contains(r.Cites, cite) {
			r.Cites = append(r.Cites, cite)
			known.text += "\n" + fact
		}
	}
	r.Text = strings.TrimSpace(citation.ReplaceAllString(text, ""))
	if len(r.Cites) == 0 || r.Text == "" {
		return bot.Reply{}, fmt.Errorf("%w: cites no article", bot.ErrNoAnswer)
	}
	plain := entity.Placeholder.ReplaceAllString(r.Text, " ")
	if n, ok := known.unknownNumber(plain, q.Language); ok {
		return bot.Reply{}, fmt.Errorf("%w: says a number of %d characters that nothing cited has", bot.ErrNoAnswer, len(n))
	}
	for _, a := range address.FindAllString(plain, -1) {
		if !strings.Contains(strings.ToLower(known.text), strings.ToLower(strings.TrimRight(a, ".,。、"))) {
			return bot.Reply{}, fmt.Errorf("%w: names an address that nothing cited has", bot.ErrNoAnswer)
		}
	}
	return r, nil
}

// cited is what a citation stands for: an article, or the result of a tool,
// which is cited as tool:NAME.
func cited(id string, q bot.Question, used []toolResult) (fact, cite string, ok bool) {
	for _, a := range q.Articles {
		if a.ID == id {
			return a.Question + "\n" + a.Answer, id, true
		}
	}
	for _, u := range used {
		if u.name == id {
			return u.masked, "tool:" + id, true
		}
	}
	return "", "", false
}

// unknownNumber is a number of an answer that the facts do not have, in figures
// or in words, of whatever width.
func (f facts) unknownNumber(text, language string) (string, bool) {
	known := numbers(f.text, language)
	for _, n := range numbers(text, language) {
		if !slices.Contains(known, n) {
			return n, true
		}
	}
	return "", false
}

// numbers are the numbers of a text in figures: as written, and as they are
// read where they stand in words.
func numbers(text, language string) []string {
	text = width.Fold.String(text)
	var out []string
	for _, view := range []string{text, entity.Figures(text, language)} {
		for _, n := range number.FindAllString(view, -1) {
			out = append(out, strings.NewReplacer(",", "").Replace(n))
		}
	}
	return out
}
