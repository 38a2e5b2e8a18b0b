package bot

import (
	"cmp"
	"slices"
	"strings"

	"github.com/openhotline/hotline/bot/faq"
	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/bot/pack"
)

// about notes what the turn is about.
func (t *turn) about(intent string) {
	t.d.Intent = intent
	for i, l := range t.brain.model.Labels() {
		if l == intent {
			t.d.P = t.p[i]
		}
	}
}

// small answers the intents that every pack has.
func (t *turn) small() bool {
	in, ok := t.brain.labels[t.res.Label]
	if !ok || !in.Shared || in.ID == pack.OutOfScope || t.res.Decision != nlu.Accept {
		return false
	}
	t.reason("small_talk")
	t.about(in.ID)
	if !t.brain.words.is("wrong", t.text) {
		t.st.Failures = 0
	}
	t.d.Action, t.d.Reply = SmallTalk, in.Answer
	switch in.ID {
	case "complaint":
		return t.handOver("complaint")
	case "goodbye":
		t.d.Action = Close
	case "deny":
		switch {
		case t.st.Turns > 1 && t.brain.words.is("wrong", t.text):
			t.reason("answer_was_wrong")
			if t.failed() {
				return t.handOver("failed_twice")
			}
			t.d.Action, t.d.Reply = NotKnown, t.say("not_understood", nil)
		case t.st.Turns > 1 && (t.brain.mood.No(t.text) || elliptical(t.text)):
			t.d.Action, t.d.Reply = Close, t.say("closing", nil)
		case t.st.Turns > 1 && (t.mood.Name == "negative" || t.mood.Name == "angry"):
			return t.offerFor("not_helped")
		case t.st.Turns > 1:
			t.d.Reply = t.say("anything_else", nil)
		}
	case "affirm", "repeat":
		t.d.Reply = t.say("anything_else", nil)
	}
	if t.st.Pending.Kind == PendingSlot && t.d.Action == SmallTalk { // the question stays open
		t.d.Reply = joined(t.st.Language, t.d.Reply, t.brain.pack.Ask[string(t.st.Pending.Slot)])
	}
	return true
}

// article is the article that is nearest to the text.
func (t *turn) article() (faq.Hit, bool) {
	if t.brain.faq == nil {
		return faq.Hit{}, false
	}
	hits := t.brain.faq.Search(t.plain, 3)
	if len(hits) == 0 {
		return faq.Hit{}, false
	}
	active, ok := t.open()
	if ok && hits[0].Article.Intent != active.ID && t.leans() {
		named := t.brain.faq.Search(joined("en", active.Label, t.text), 1)[0]
		near := slices.ContainsFunc(hits, func(h faq.Hit) bool {
			return h.Article.ID == named.Article.ID && (h.P >= nearEnough || t.brain.words.refers(t.text))
		})
		if near && named.P >= t.articleUpper() && named.Article.Intent == hits[0].Article.Intent {
			return named, true // of an intent's articles the one for this topic: the rate of loans
		}
	}
	return hits[0], true
}

func (t *turn) articleUpper() float64 {
	_, upper := t.brain.faq.Thresholds()
	return upper
}

// nearEnough is how sure article search must be of an article for the topic to
// put it first among those of its intent.
const nearEnough = 0.2

// plausibleEnough is how likely the model must find an article's intent for the
// article to be the answer by itself (docs/nlu.md has the figures).
const plausibleEnough = 0.1

// plausible tells that the model does not contradict an article: it has no
// intent, or one that the text may well mean. What one word in common makes near
// is offered, not said.
func (t *turn) plausible(h faq.Hit) bool {
	if h.Article.Intent == "" || t.taught.Article != "" {
		return true
	}
	at := slices.Index(t.brain.model.Labels(), h.Article.Intent)
	return at < 0 || t.p[at] >= plausibleEnough
}

// articleMiddle is half way from where an article may be offered to where it is
// the answer.
func (t *turn) articleMiddle() float64 {
	lower, upper := t.brain.faq.Thresholds()
	return (lower + upper) / 2
}

// aloneEnough is how sure the model must be of an intent that is below the
// upper threshold, when the next one is far behind: to ask back would only
// annoy.
const aloneEnough = 0.55

// ahead tells that the best label has three times the probability of the next.
func (t *turn) ahead() bool {
	best := t.ranked(2)
	return len(best) < 2 || t.p[best[0]] >= 3*t.p[best[1]]
}

// topic answers from an article or works on an intent, or offers choices.
func (t *turn) topic() bool {
	if t.taught.Intent == pack.OutOfScope {
		return false
	}
	if t.res.Decision == nlu.Accept && t.res.Label != t.st.Active && t.stays() {
		t.res.Decision = nlu.Choose
	}
	in, known := t.brain.labels[t.res.Label]
	known = known && !in.Shared && t.res.Decision != nlu.Reject
	if known && in.Then == pack.ThenHandOver && t.res.P >= ownEnough && t.concrete(in) {
		t.res.Decision = nlu.Accept // nothing general to who reports a theft
	}
	taught := t.taught.ID != ""
	if !taught && t.ofTopic() {
		return true
	}
	hit, ok := t.nearest()
	if ok && hit.P >= t.articleUpper() && t.plausible(hit) && (t.taught.Article != "" || !(known && t.res.Decision == nlu.Accept && t.concrete(in))) {
		if !taught && t.toldAgain(hit) {
			return true
		}
		t.reason("article")
		t.noteSecond(cmp.Or(hit.Article.Intent, in.ID), t.requests())
		switch {
		case !known:
		case t.st.Pending.Kind == PendingSlot: // the open question stays the topic's
			t.st.Failures = 0
			t.about(in.ID)
		default:
			t.begin(in.ID)
		}
		return t.answerArticle(hit.Article.ID, hit.P)
	}
	if known && t.res.Decision == nlu.Accept {
		t.reason("intent")
		t.begin(in.ID)
		t.noteSecond(in.ID, t.requests())
		if ok && hit.Article.Intent == in.ID && hit.P >= t.articleMiddle() && in.Action == "" && !t.concrete(in) && t.brain.words.question(t.text) && !t.wasSaid(hit.Article.Answer) {
			t.reason("article") // nearer to the question than what is said of the intent in general
			return t.answerArticle(hit.Article.ID, hit.P)
		}
		return t.pursue(in.ID)
	}
	if t.both() || t.followUp() {
		return true
	}
	choices := t.choices(known || t.res.Label != pack.OutOfScope && t.res.Decision == nlu.Choose)
	if known && t.res.P >= aloneEnough && t.ahead() {
		t.reason("intent", "far_ahead")
		t.begin(in.ID)
		return t.pursue(in.ID)
	}
	if len(choices) == 1 && choices[0].Article != "" && ok && hit.Article.Intent == t.st.Active && t.st.Active != "" {
		t.reason("article_of_topic") // nothing else comes near, and it is what is talked about
		return t.answerArticle(hit.Article.ID, hit.P)
	}
	if len(choices) > 0 {
		return t.offerChoices(choices)
	}
	return false
}

// followUp treats a short text that is not surely about anything as one about
// the topic that is open: an article of the topic, or a person.
func (t *turn) followUp() bool {
	active, ok := t.brain.labels[t.st.Active]
	if !ok || active.Shared || t.st.Turns < 2 || t.st.Pending.Kind == PendingSlot || t.res.Decision == nlu.Accept && t.res.Label != active.ID || !t.leans() && t.res.Label != active.ID && !t.stays() {
		return false
	}
	if in := t.brain.labels[t.res.Label]; in.Shared && (t.res.Decision == nlu.Accept || t.res.Decision == nlu.Choose && in.ID == "greeting") {
		return false
	}
	if likely := t.brain.labels[t.res.Label]; likely.Group == active.Group && t.res.Decision == nlu.Choose && likely.ID != active.ID && t.ahead() {
		return false // a neighbour, rather
	}
	t.reason("follow_up")
	t.about(active.ID)
	if t.moreOn(active.ID) {
		return true
	}
	if t.sayAgain(active) {
		return true
	}
	if t.failed() {
		return t.handOver("failed_twice")
	}
	return t.offerFor("no_article")
}

// sayAgain says the topic's article once more to who asks just that again.
func (t *turn) sayAgain(topic pack.Intent) bool {
	if !t.brain.words.question(t.text) {
		return false
	}
	hit, _ := t.inLight(topic)
	return hit.Article != nil && t.answerFrom(topic.ID, hit)
}

// both takes a text that is not surely about one thing because it asks for two.
func (t *turn) both() bool {
	r := t.requests()
	if len(r) < 2 || t.st.Pending.Kind == PendingSlot {
		return false
	}
	main := r[0]
	if slices.Contains(r, t.res.Label) { // the likelier one of the whole text
		main = t.res.Label
	}
	t.reason("two_requests")
	t.begin(main)
	t.noteSecond(main, r)
	return t.pursue(main)
}

// moreOn answers with the article of an intent that is nearest to the text, or
// to a question in the light of the intent, and was not said just now.
func (t *turn) moreOn(intent string) bool {
	if t.brain.faq == nil {
		return false
	}
	follows := t.brain.words.follows(t.text) // "how much?" alone is like no article: the topic says of what
	asks := follows || t.brain.words.question(t.text)
	least, _ := t.brain.faq.Thresholds()
	if sure := t.res.Label == intent && t.res.Decision == nlu.Accept; !asks && !sure { // who only tells something wants no answer that is beside it
		least = t.articleMiddle()
	}
	for _, h := range t.brain.faq.Search(t.text, 5) {
		if !follows && h.Article.Intent == intent && h.P >= least && !t.wasSaid(h.Article.Answer) {
			return t.answerFrom(intent, h)
		}
	}
	if !asks {
		return false
	}
	hit, _ := t.inLight(t.brain.labels[intent])
	return hit.Article != nil && !t.wasSaid(hit.Article.Answer) && t.answerFrom(intent, hit)
}

// concrete tells that an intent is about the customer's own case, so that a
// general article is not the answer: a look-up or a slot, and either a value or
// no question about how things are.
func (t *turn) concrete(in pack.Intent) bool {
	if k, ok := t.brain.labels[in.Known]; ok && t.missing(k) == "" {
		return true
	}
	if in.Action == "" && len(in.Required) == 0 && in.Then != pack.ThenHandOver {
		return false
	}
	if t.general(in) {
		return false
	}
	use := wanted(in)
	for _, e := range t.entities {
		if slices.Contains(use, e.Kind) {
			return true
		}
	}
	return in.Action != "" || in.Then == pack.ThenHandOver || !t.brain.words.question(t.text)
}

// general tells that a look-up would not answer: the text asks why, or goes on
// from what was talked about without a number ("and how long does that take?").
func (t *turn) general(in pack.Intent) bool {
	if in.Action == "" || t.missing(in) == "" {
		return false
	}
	for _, e := range t.entities {
		if slices.Contains(in.Required, string(e.Kind)) {
			return false
		}
	}
	active, ok := t.open()
	before := active.ID == in.ID || active.Group == in.Group && active.Action == ""
	return t.brain.words.within("why", t.text) || ok && before && t.leans() && t.brain.words.question(t.text)
}

// begin makes an intent the topic.
func (t *turn) begin(intent string) {
	if t.st.Active != intent && t.st.Pending.Kind == PendingSlot {
		t.leave(t.st.Active)
	}
	t.st.Pending = Pending{}
	t.st.Failures = 0
	t.takeAll()
	t.about(intent)
	if t.st.Active != intent {
		t.st.Asked = t.said
	}
	t.st.Active = intent
	t.st.Waiting = slices.DeleteFunc(t.st.Waiting, func(w string) bool { return w == intent })
}

// choices are up to three things that the text may mean.
func (t *turn) choices(known bool) []Choice {
	var out []Choice
	add := func(c Choice) {
		if len(out) < 3 && c.Label != "" && !slices.ContainsFunc(out, func(o Choice) bool { return o.Label == c.Label }) {
			out = append(out, c)
		}
	}
	if known {
		labels := t.brain.model.Labels()
		for _, i := range t.ranked(3) {
			in := t.brain.labels[labels[i]]
			if t.p[i] >= 0.12 && !in.Shared {
				add(Choice{Intent: in.ID, Label: in.Label})
			}
		}
	}
	if t.brain.faq != nil {
		least, _ := t.brain.faq.Thresholds()
		if len(out) > 0 {
			least = t.articleMiddle()
		}
		for _, h := range t.brain.faq.Search(t.text, 2) {
			if h.P >= least {
				add(Choice{Article: h.Article.ID, Label: h.Article.Question})
			}
		}
	}
	return out
}

func (t *turn) offerChoices(choices []Choice) bool {
	t.reason("between_thresholds")
	if c := choices[0]; c.Intent != "" { // until it is settled, the likeliest is the topic
		t.about(c.Intent)
		t.st.Active, t.st.Asked = c.Intent, t.said
	}
	if a, ok := t.assisted(); ok {
		return a
	}
	if t.failed() {
		return t.handOver("failed_twice")
	}
	t.takeAll()
	t.st.Pending = Pending{Kind: PendingChoice, Choices: choices}
	if len(choices) == 1 {
		t.d.Action, t.d.Reply = Choices, t.say("choice_one", map[string]string{"label": choices[0].Label})
		return true
	}
	lines := make([]string, 0, len(choices)+1)
	for i, c := range choices {
		lines = append(lines, string(rune('1'+i))+". "+c.Label)
	}
	t.d.Action = Choices
	t.d.Reply = t.say("choices", map[string]string{"choices": "\n" + strings.Join(lines, "\n")})
	return true
}

// unknown is what is said when nothing fits.
func (t *turn) unknown() bool {
	if a, ok := t.assisted(); ok {
		return a
	}
	t.reason("not_understood")
	if t.brain.faq == nil || t.res.Label == pack.OutOfScope || t.res.Decision == nlu.Reject {
		t.d.Intent = pack.OutOfScope
	}
	t.d.P = 1 - t.res.P
	if t.failed() {
		return t.handOver("failed_twice")
	}
	if t.mood.Rude {
		t.d.Action, t.d.Reply = Refuse, t.say("rude_warning", nil)
		return true
	}
	t.d.Action, t.d.Reply = NotKnown, t.say("not_understood", nil)
	if t.st.Pending.Kind == PendingSlot {
		t.d.Reply = joined(t.st.Language, t.d.Reply, t.brain.pack.Ask[string(t.st.Pending.Slot)])
	}
	return true
}

// assisted asks the language model, if there is one, to answer from the
// articles that are nearest.
func (t *turn) assisted() (done, ok bool) {
	a := t.engine.cfg.Assistant
	if a == nil || t.brain.faq == nil {
		return false, false
	}
	q := Question{Pack: t.brain.pack.Name, Language: t.st.Language, Text: t.text}
	for _, h := range t.brain.faq.Search(t.text, 4) {
		q.Articles = append(q.Articles, Grounding{h.Article.ID, h.Article.Question, h.Article.Answer})
	}
	r, err := a.Answer(t.ctx, q)
	if err != nil {
		t.reason("assistant_failed")
		t.engine.cfg.Log.Warn("assistant failed", "pack", t.brain.pack.Name, "error", err)
		return false, false
	}
	t.reason("assistant")
	t.st.Failures = 0
	t.d.Action, t.d.Reply = Answer, r.Text
	for _, id := range r.Cites {
		s := Source{Article: id}
		if tool, ok := strings.CutPrefix(id, "tool:"); ok {
			s = Source{Lookup: tool}
		}
		t.d.Sources = append(t.d.Sources, s)
	}
	return true, true
}
