package bot

import (
	"strings"
	"unicode"

	"github.com/openhotline/hotline/bot/entity"
	"github.com/openhotline/hotline/bot/faq"
	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/bot/pack"
)

// memory are the texts that were corrected: who writes the same again, but for
// punctuation and numbers, is understood as the correction says, whatever the
// model has made of it.
type memory map[string]pack.Lesson

func newMemory(p *pack.Pack) memory {
	m := memory{}
	for _, l := range p.Lessons {
		m[sameness(l.Text)] = l
	}
	for _, l := range p.Strange {
		delete(m, sameness(l.Text))
	}
	delete(m, "")
	return m
}

// sameness is a text without what does not change its meaning.
func sameness(text string) string {
	var b strings.Builder
	last := ' '
	for _, r := range nlu.Normalize(text) {
		switch {
		case unicode.IsDigit(r):
			r = '0'
		case !unicode.IsLetter(r):
			r = ' '
		}
		if r != last || r != ' ' && r != '0' {
			b.WriteRune(r)
		}
		last = r
	}
	return strings.TrimSpace(b.String())
}

// recall returns the correction of a text, in the form in which it was kept.
func (m memory) recall(text, language string) (pack.Lesson, bool) {
	if len(m) == 0 {
		return pack.Lesson{}, false
	}
	if l, ok := m[sameness(text)]; ok {
		return l, true
	}
	l, ok := m[sameness(entity.Anonymous(text, language))]
	return l, ok
}

// recall takes a text that was corrected as the correction says.
func (t *turn) recall() {
	l, ok := t.brain.memory.recall(t.text, t.st.Language)
	if !ok {
		return
	}
	t.taught = l
	t.reason("corrected_before")
	label := l.Intent
	if l.Article != "" {
		for _, a := range t.brain.pack.Articles {
			if a.ID == l.Article {
				label = a.Intent
			}
		}
	}
	t.res = nlu.Result{Label: label, P: 1, Scope: 1, Decision: nlu.Accept}
	if l.Intent == pack.OutOfScope {
		t.res.P, t.res.Scope, t.res.Decision = 0, 0, nlu.Reject
		clear(t.p)
		return
	}
	for i, name := range t.brain.model.Labels() {
		t.p[i] = 0
		if name == label {
			t.p[i] = 1
		}
	}
}

// nearest is the article of a correction, or the one that is nearest to the
// text; none for a text that was corrected to an intent.
func (t *turn) nearest() (faq.Hit, bool) {
	if t.taught.Intent != "" {
		return faq.Hit{}, false
	}
	if t.taught.Article != "" {
		return faq.Hit{Article: &faq.Article{ID: t.taught.Article, Intent: t.res.Label}, P: 1}, true
	}
	return t.article()
}
