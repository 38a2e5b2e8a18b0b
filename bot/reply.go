package bot

import (
	"slices"
	"strconv"
	"strings"

	"github.com/openhotline/hotline/bot/entity"
	"github.com/openhotline/hotline/bot/nlu"
)

// reply takes the text as the answer to the bot's open question, if it is one.
func (t *turn) reply() bool {
	switch t.st.Pending.Kind {
	case PendingSlot:
		return t.fill()
	case PendingChoice:
		return t.choose()
	case PendingHandOver:
		return t.acceptOffer()
	}
	return false
}

// fill takes the text as the slot that was asked for.
func (t *turn) fill() bool {
	slot := t.st.Pending.Slot
	for _, e := range t.entities {
		if e.Kind != slot {
			continue
		}
		if e.Invalid {
			return t.askAgain("slot_invalid")
		}
		t.st.Failures = 0
		t.takeAll()
		intent := t.st.Active
		if t.switches() && t.res.P >= switchEnough {
			t.reason("slot_filled", "topic_switched")
			t.leave(intent)
			intent = t.res.Label
		} else {
			t.reason("slot_filled")
		}
		t.st.Pending = Pending{}
		t.about(intent)
		return t.pursue(intent)
	}
	return t.notFilled()
}

// switches tells that the text is surely about another intent of the pack, and
// is more than the value that was asked for.
func (t *turn) switches() bool {
	in, ok := t.brain.labels[t.res.Label]
	return ok && !in.Shared && t.res.Label != t.st.Active && t.res.Decision == nlu.Accept && !elliptical(t.rest())
}

// switchEnough is how sure the model must be of another intent in a text that
// holds what was asked for.
const switchEnough = 0.8

// rest is the text without what was found in it.
func (t *turn) rest() string {
	var b strings.Builder
	at := 0
	for _, e := range t.entities {
		if e.Start >= at {
			b.WriteString(t.text[at:e.Start])
			at = e.End
		}
	}
	b.WriteString(t.text[at:])
	return b.String()
}

// notFilled treats an answer without the value that was asked for.
func (t *turn) notFilled() bool {
	in := t.brain.labels[t.res.Label]
	switch {
	case t.brain.mood.No(t.text) || t.likely("deny") || t.brain.words.withoutIt(t.text) || t.brain.words.within("refuses", t.text):
		return t.withoutSlot()
	case t.sure("repeat") || t.brain.mood.Repeat(t.text):
		return false // said again by the step after this one
	case in.Shared && t.res.Decision == nlu.Accept && t.res.Label != "out_of_scope" && t.res.Label != "affirm":
		return false // small talk; the question is asked again behind it
	case t.asksWhere():
		t.reason("slot_where")
		t.about(t.st.Active)
		t.d.Action = Ask
		t.d.Reply = t.say("slot_where", map[string]string{"ask": t.brain.pack.Ask[string(t.st.Pending.Slot)]})
		return true
	case t.switches() || t.res.Decision == nlu.Accept && !in.Shared && t.res.Label != t.st.Active:
		t.reason("topic_switched")
		t.leave(t.st.Active)
		t.st.Pending = Pending{}
		return false
	}
	if t.moreOn(t.st.Active) { // a question about the topic, rather
		return true
	}
	if a, ok := t.article(); ok && a.P >= t.articleUpper() {
		return false
	}
	return t.askAgain("slot_not_understood")
}

// asksWhere tells that the customer asks where to find what was asked for.
func (t *turn) asksWhere() bool {
	return t.brain.words.within("where_is_it", t.text) && (t.res.Decision != nlu.Accept || t.res.P < switchEnough)
}

// withoutSlot answers who has not got what was asked for, or does not want to
// give it, by what can be said without it, and offers a person.
func (t *turn) withoutSlot() bool {
	t.reason("slot_not_there")
	t.about(t.st.Active)
	general := ""
	if t.brain.faq != nil {
		lower, _ := t.brain.faq.Thresholds()
		for _, text := range []string{t.text, t.st.Said} {
			if h := t.brain.faq.Search(text, 1)[0]; general == "" && h.Article.Intent == t.st.Active && h.P >= lower {
				general = h.Article.Answer
				t.d.Sources = append(t.d.Sources, Source{Article: h.Article.ID, P: h.P})
			}
		}
	}
	t.offer()
	t.d.Reply = joined(t.st.Language, general, t.d.Reply)
	return true
}

// leave remembers an intent that is not done, unless the text puts another in
// its place: "never mind, exchange it instead".
func (t *turn) leave(intent string) {
	if intent != t.second && t.brain.words.within("instead", t.text) {
		return
	}
	if intent == "" || slices.Contains(t.st.Waiting, intent) || len(t.st.Waiting) >= 3 {
		return
	}
	t.st.Waiting = append(t.st.Waiting, intent)
}

// askAgain asks for the slot a second time; after that a person takes over.
func (t *turn) askAgain(why string) bool {
	t.reason(why)
	t.about(t.st.Active)
	if t.failed() {
		return t.handOver("failed_twice")
	}
	slot := t.st.Pending.Slot
	t.d.Action = Ask
	t.d.Reply = t.say(why, map[string]string{"ask": t.brain.pack.Ask[string(slot)], "example": t.brain.checks.Examples[slot]})
	return true
}

// choose takes the text as one of the choices that were offered.
func (t *turn) choose() bool {
	choices := t.st.Pending.Choices
	if i := t.chosen(choices); i >= 0 {
		c := choices[i]
		t.st.Pending, t.st.Failures = Pending{}, 0
		t.reason("choice_taken")
		if c.Article != "" {
			return t.answerArticle(c.Article, 1)
		}
		t.about(c.Intent)
		return t.pursue(c.Intent)
	}
	if t.noChoice() || t.likely("deny") {
		t.reason("no_choice")
		t.d.Intent = "deny"
		if t.failed() {
			return t.handOver("failed_twice")
		}
		return t.offer()
	}
	t.st.Pending = Pending{}
	return false
}

// chosen is the choice that a text names, by number, by its words, or by what
// the model makes of it; -1 for none.
func (t *turn) chosen(choices []Choice) int {
	text := nlu.Normalize(t.text)
	for i, c := range choices {
		label := nlu.Normalize(c.Label)
		if text == strconv.Itoa(i+1) || label != "" && strings.Contains(text, label) || len(text) > 3 && strings.Contains(label, text) {
			return i
		}
	}
	if t.noChoice() {
		return -1
	}
	if elliptical(text) {
		if i := t.brain.words.ordinal(text, len(choices)); i >= 0 {
			return i
		}
		for i := range choices {
			if slices.Equal(digits(text), []string{strconv.Itoa(i + 1)}) {
				return i
			}
		}
	}
	if in := t.brain.labels[choices[0].Intent]; len(t.entities) > 0 && slices.Contains(wanted(in), t.entities[0].Kind) && elliptical(t.rest()) {
		return 0 // what the first choice needs was given at once
	}
	if len(choices) == 1 && (t.brain.mood.Yes(t.text) || t.sure("affirm")) {
		return 0
	}
	for i, c := range choices {
		if c.Intent != "" && c.Intent == t.res.Label && t.res.Decision != nlu.Reject {
			return i
		}
	}
	return t.explained(choices)
}

// explained is the choice that a text describes: the article that is nearest to
// it, or what it means behind the text before.
func (t *turn) explained(choices []Choice) int {
	if hit, ok := t.article(); ok {
		if lower, _ := t.brain.faq.Thresholds(); hit.P >= lower {
			if i := slices.IndexFunc(choices, func(c Choice) bool { return c.Article == hit.Article.ID }); i >= 0 {
				return i
			}
		}
	}
	r := t.together()
	if r.Decision != nlu.Accept || t.res.Decision == nlu.Accept && t.res.P >= r.P {
		return -1
	}
	return slices.IndexFunc(choices, func(c Choice) bool { return c.Intent == r.Label })
}

// noChoice tells that a short text refuses what was offered: "一个都不对", "none
// of them".
func (t *turn) noChoice() bool {
	return t.brain.mood.No(t.text) || elliptical(t.text) && t.brain.words.within("no_choice", t.text)
}

// digits are the numbers of a text.
func digits(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}

// acceptOffer takes the text as the answer to "shall I put you through?".
func (t *turn) acceptOffer() bool {
	t.offered = true
	switch {
	case t.brain.words.within("not_helped", t.text):
		t.st.Pending = Pending{}
		return false
	case t.brain.mood.Yes(t.text) || t.sure("affirm"):
		t.reason("offer_taken")
		t.d.Intent = "affirm"
		return t.handOver("accepted")
	case t.givesAddress():
		t.reason("offer_taken")
		t.about(t.st.Active)
		return t.handOver("accepted")
	case t.brain.mood.No(t.text) || t.sure("deny"):
		t.reason("offer_refused")
		t.st.Pending = Pending{}
		t.d.Intent, t.d.Action, t.d.Reply = "deny", SmallTalk, t.say("anything_else", nil)
		return true
	}
	t.st.Pending = Pending{}
	return false
}

// givesAddress tells that a text gives where or how the colleague that was
// offered finds the customer, and asks nothing else.
func (t *turn) givesAddress() bool {
	use := wanted(t.brain.labels[t.st.Active])
	return elliptical(t.rest()) && slices.ContainsFunc(t.entities, func(e entity.Entity) bool {
		return (e.Kind == entity.Address || e.Kind == entity.Phone) && slices.Contains(use, e.Kind) && !e.Invalid
	})
}

// correct takes a value that replaces one that was given before ("no, 4712"),
// and one that asks the same for another ("and 4713?").
func (t *turn) correct() bool {
	active, ok := t.brain.labels[t.st.Active]
	if !ok || len(t.entities) == 0 || t.res.Decision == nlu.Accept && t.res.Label != active.ID && !elliptical(t.rest()) {
		return false
	}
	use := wanted(active)
	changed := ""
	for _, e := range t.entities {
		if slices.Contains(use, e.Kind) && !e.Invalid && t.st.Slots[e.Kind] != e.Value {
			changed = e.Value
		}
	}
	if changed == "" {
		return false
	}
	corrects := entity.Corrects(t.text)
	if !corrects && !elliptical(t.rest()) {
		return false
	}
	t.takeAll()
	t.st.Failures = 0
	t.about(active.ID)
	if corrects {
		t.reason("corrected")
		if !t.pursue(active.ID) {
			return false
		}
		t.d.Reply = joined(t.st.Language, t.say("corrected", map[string]string{"value": changed}), t.d.Reply)
		return true
	}
	t.reason("same_for_another")
	return t.pursue(active.ID)
}

// takeAll keeps everything that was named.
func (t *turn) takeAll() {
	for _, e := range t.entities {
		if !e.Invalid {
			t.st.Slots[e.Kind] = e.Value
		}
	}
}
