package bot

import (
	"cmp"
	"strings"

	"github.com/openhotline/hotline/bot/faq"
	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/bot/pack"
)

// open is the pack's own intent that is talked about.
func (t *turn) open() (pack.Intent, bool) {
	in, ok := t.brain.labels[t.st.Active]
	return in, ok && !in.Shared && t.st.Turns > 1
}

// leans tells that a text does not stand for itself: it is short, asks and
// names nothing, speaks of "that", or says little without what began the topic.
func (t *turn) leans() bool {
	return elliptical(t.text) || t.brain.words.follows(t.text) || t.brain.words.refers(t.text) || t.stays()
}

// noReply puts the pack's likeliest own intent in place of yes, no and goodbye,
// which the words may look like, when the text asks something.
func (t *turn) noReply() {
	switch t.res.Label {
	case "affirm", "deny", "goodbye", "repeat":
	default:
		return
	}
	if t.taught.ID != "" || !t.brain.words.asks(t.text) || t.brain.mood.Yes(t.text) || t.brain.mood.No(t.text) || t.brain.mood.Repeat(t.text) {
		return
	}
	labels := t.brain.model.Labels()
	rest := 0.0
	for i, l := range labels {
		if t.brain.labels[l].Shared {
			t.p[i] = 0
		}
		rest += t.p[i]
	}
	if rest == 0 {
		return
	}
	for i := range t.p {
		t.p[i] /= rest
	}
	best := t.ranked(1)[0]
	t.reason("no_reply")
	t.res.Label, t.res.P, t.res.Decision = labels[best], t.p[best], t.decide(t.p[best])
}

// decide is what the model's thresholds make of a probability.
func (t *turn) decide(p float64) nlu.Decision {
	lower, upper := t.brain.model.Thresholds()
	switch {
	case p >= upper:
		return nlu.Accept
	case p >= lower:
		return nlu.Choose
	}
	return nlu.Reject
}

// together is what the model makes of the text behind the one with which the
// topic began.
func (t *turn) together() nlu.Result {
	before := cmp.Or(t.st.Asked, t.st.Said)
	if before == "" || before == t.said {
		return nlu.Result{}
	}
	return t.brain.model.Classify(joined("en", before, t.text))
}

// stays tells that a text that says little by itself is surely about the topic
// that is open when it is read behind the one with which it began.
func (t *turn) stays() bool {
	if t.taught.ID != "" || t.raw >= ownLittle || t.st.Active == "" {
		return false
	}
	r := t.together()
	return r.Label == t.st.Active && r.Decision == nlu.Accept && r.P >= staysEnough
}

// How sure the model must be of both texts together, and how little of the one,
// for it to be about the topic.
const (
	staysEnough = 0.8
	ownLittle   = 0.6
)

// How sure the model must be of another intent for the topic to have no say at
// all, and for it to have one where article search is as sure of the topic.
const (
	ownEnough     = 0.9
	ownHalf       = 0.7
	contextLeast  = 0.5
	contextHalf   = 0.6
	contextEnough = 0.8
)

// ofTopic answers a question that leans on the topic from the topic: by an
// article, or by what was said just now if that holds it.
func (t *turn) ofTopic() bool {
	active, ok := t.open()
	follows := t.brain.words.follows(t.text)
	if !ok || t.st.Pending.Kind == PendingSlot || !t.leans() || !follows && !t.brain.words.question(t.text) {
		return false
	}
	in := t.brain.labels[t.res.Label]
	accepted := t.res.Decision == nlu.Accept
	if accepted && (in.Shared && in.ID != "opening_hours" || in.ID == active.ID && !follows || in.Group == active.Group && t.concrete(in)) {
		return false
	}
	hit, lift := t.inLight(active)
	if follows && (lift < liftSure || hit.Article.Intent != active.ID) && t.saidIt() {
		t.about(active.ID)
		return true
	}
	if accepted && in.ID != active.ID && !t.overrides(hit.P, lift) {
		return false
	}
	if hit.Article == nil {
		return false
	}
	return t.answerFrom(active.ID, hit)
}

// overrides tells that an article of the topic, p sure and lifted by it, goes
// before the intent that the model takes the text for.
func (t *turn) overrides(p, lift float64) bool {
	switch {
	case !t.brain.words.follows(t.text) && !t.brain.words.refers(t.text) && !t.stays():
		return false
	case t.raw < ownHalf:
		return p >= contextLeast
	case t.raw < ownEnough:
		return p >= contextHalf || lift >= liftClear
	}
	return p >= contextEnough && t.brain.labels[t.res.Label].Group != t.brain.labels[t.st.Active].Group && elliptical(t.text)
}

// answerFrom answers from an article of the topic, and tells so when it was said
// just now.
func (t *turn) answerFrom(intent string, hit faq.Hit) bool {
	t.reason("article_of_topic")
	t.takeAll()
	if a := hit.Article.Intent; a != "" && t.st.Pending.Kind != PendingSlot {
		intent = a
		t.st.Active = a
	}
	t.about(intent)
	said := t.wasSaid(hit.Article.Answer)
	if !t.answerArticle(hit.Article.ID, hit.P) {
		return false
	}
	if said {
		t.reason("said_again")
		t.repeated = true
		t.d.Reply = joined(t.st.Language, t.say("repeat_prefix", nil), t.d.Reply)
	}
	return true
}

// saidIt says the last reply again to who only asks how much, when it holds
// that. (How long is in nearly every reply, of one thing or another.)
func (t *turn) saidIt() bool {
	if t.brain.words.asked(t.text) != "cost" || t.brain.words.follows(t.st.Said) || !t.brain.words.within("cost_said", t.st.Last) {
		return false
	}
	t.reason("said_again")
	t.takeAll()
	t.d.Action = Answer
	t.d.Reply = joined(t.st.Language, t.say("repeat_prefix", nil), t.st.Last)
	t.repeated = true
	return true
}

// What an article of the topic must have to answer a text that leans on it.
const (
	lightLeast = 0.25 // probability with the topic's name before the text
	lightShort = 0.15 // the same where the text names nothing itself
	liftLeast  = 0.35 // that squared, over the probability for the name alone
	liftSure   = 0.7  // the same to be taken before what was said just now
	liftClear  = 1    // the same where the topic alone hardly suggests the article
	ownShare   = 0.05 // probability for the text alone, where it must say something itself
	alikeLeast = 0.3  // probability for the text alone, of an article of a neighbour
)

// inLight is the article that answers a text in the light of the topic, and how
// much: likely for the topic's name and the text together, and more so than for
// the name alone. What asks how much or how long wants an answer that tells it.
func (t *turn) inLight(topic pack.Intent) (best faq.Hit, lift float64) {
	if t.brain.faq == nil {
		return best, 0
	}
	alone, plain := map[string]float64{}, map[string]float64{}
	for _, h := range t.brain.faq.Search(topic.Label, t.brain.faq.Len()) {
		alone[h.Article.ID] = h.P
	}
	nearest := ""
	for _, h := range t.brain.faq.Search(t.text, t.brain.faq.Len()) {
		if nearest == "" {
			nearest = h.Article.ID
		}
		plain[h.Article.ID] = h.P
	}
	kind, least := t.brain.words.asked(t.text), lightLeast
	if t.brain.words.follows(t.text) {
		least = lightShort
	}
	lift = liftLeast
	short := elliptical(t.text) || t.brain.words.follows(t.text) || t.brain.words.refers(t.text)
	for _, h := range t.brain.faq.Search(joined("en", topic.Label, t.text), t.brain.faq.Len()) {
		neighbour := t.brain.labels[h.Article.Intent].Group == topic.Group && h.Article.ID == nearest && plain[nearest] >= alikeLeast && h.P >= 0.5
		if h.P < least || h.Article.Intent != topic.ID && !neighbour {
			continue
		}
		if plain[h.Article.ID] < ownShare && least == lightLeast && (alone[h.Article.ID] >= 0.5 || h.P < 0.5 || !short) {
			continue
		}
		if kind != "" && !t.brain.words.within(kind+"_said", h.Article.Answer) {
			continue
		}
		if l := h.P * h.P / (alone[h.Article.ID] + 0.02); l > lift {
			best, lift = h, l
		}
	}
	return best, lift
}

// asked is what a question wants to know, "cost" or "time", or "".
func (w words) asked(text string) string {
	for _, kind := range []string{"cost", "time"} {
		if w.within(kind+"_asked", text) {
			return kind
		}
	}
	return ""
}

// notHelped treats who says that what was advised did not help: another article
// of the topic, or a person.
func (t *turn) notHelped() bool {
	active, ok := t.open()
	if !ok || t.taught.ID != "" || t.st.Pending.Kind == PendingSlot || t.st.Pending.Kind == PendingChoice || !t.brain.words.within("not_helped", t.text) {
		return false
	}
	if in := t.brain.labels[t.res.Label]; t.res.Decision == nlu.Accept && t.res.P >= ownEnough && in.ID != active.ID && !in.Shared && in.Group != active.Group {
		return false
	}
	if hit, ok := t.article(); ok && hit.P >= t.articleUpper() && !t.wasSaid(hit.Article.Answer) && hit.Article.Intent == active.ID {
		return false
	}
	t.reason("not_helped")
	t.about(active.ID)
	if !t.offered { // nobody was, yet
		return t.offerFor("not_helped")
	}
	t.handOver("not_helped")
	t.d.Reply = joined(t.st.Language, t.say("not_helped", nil), t.d.Reply)
	return true
}

// toldAgain treats the article that was said just now: who asks hears it again;
// who tells more gets what the intent has to say, or a person.
func (t *turn) toldAgain(hit faq.Hit) bool {
	if !t.wasSaid(hit.Article.Answer) || t.brain.words.question(t.text) {
		return false
	}
	intent := hit.Article.Intent
	in, ok := t.brain.labels[intent]
	if !ok {
		return false
	}
	t.reason("said_before")
	t.begin(intent)
	if t.missing(in) == "" && in.Action == "" && !t.wasSaid(in.Answer) {
		return t.pursue(intent)
	}
	if t.moreOn(intent) {
		return true
	}
	return t.offerFor("no_article")
}

// requests are what a text asks for, in its order, when it surely asks for
// more than one thing of the pack's: "can I change the address and also add a
// mug". Only what asks, or stands behind a word like "also", counts; the rest of
// a story does not.
func (t *turn) requests() []string {
	var out []string
	for _, c := range t.brain.words.clauses(t.text) {
		if t.mood.Name == "angry" || !c.also && !t.brain.words.question(c.text) {
			continue
		}
		r := t.brain.model.Classify(c.text)
		in, ok := t.brain.labels[r.Label]
		if !ok || in.Shared || r.Decision != nlu.Accept || r.P < requestEnough || len(out) > 0 && out[len(out)-1] == in.ID {
			continue
		}
		out = append(out, in.ID)
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// requestEnough is how sure the model must be of a part of a text.
const requestEnough = 0.8

// noteSecond keeps what a text asks for besides the intent that it is about; it
// comes when that is answered.
func (t *turn) noteSecond(intent string, requests []string) {
	for _, r := range requests {
		if r != intent && t.brain.labels[r].Group != "" {
			t.second = r
			t.leave(r)
			return
		}
	}
}

// clause is a part of a text; also tells that a word like "also" is before it.
type clause struct {
	text string
	also bool
}

// clauses are the parts of a text between signs and, in English, at "and"; words
// like "also" begin another.
func (w words) clauses(text string) []clause {
	text = nlu.Normalize(text)
	if w.language == "en" {
		text = strings.ReplaceAll(text, " and ", ",")
	} else {
		for _, s := range w.lists["also"] {
			text = strings.ReplaceAll(text, s, "\n"+s)
		}
	}
	var out []clause
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return strings.ContainsRune("。，、；！？.,;!?\n", r) || w.language == "zh" && r == ' '
	}) {
		c := clause{text: strings.TrimSpace(part)}
		for _, s := range w.lists["also"] {
			if rest, ok := strings.CutPrefix(c.text, s); ok && (w.language != "en" || strings.HasPrefix(rest, " ")) {
				c = clause{strings.TrimSpace(rest), true}
				break
			}
		}
		if c.text != "" {
			out = append(out, c)
		}
	}
	return out
}
