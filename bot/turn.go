package bot

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/openhotline/hotline/bot/entity"
	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/bot/pack"
	"github.com/openhotline/hotline/internal/redact"
)

const (
	// longest is how many characters are read as one turn.
	longest = 2000
	// patience is how many turns in a row may fail before a person takes over.
	patience = 2
	// sameText is how often the same text may come in a row.
	sameText = 3
	// humanEnough is how sure the model must be that a person is wanted. It is
	// low: who asks must not be refused, and who did not is only helped sooner.
	humanEnough = 0.45
)

// turn is the work on one text of the customer.
type turn struct {
	ctx      context.Context
	engine   *Engine
	brain    *brain
	text     string
	said     string // the text as it is kept
	plain    string // the text without codes and numbers, which say nothing of what is wanted
	st       State
	res      nlu.Result
	p        []float64 // of each label, with the topic taken into account
	entities []entity.Entity
	mood     Mood
	d        Decision
	repeated bool        // the reply before was said again
	taught   pack.Lesson // the correction of just this text, if there is one
	second   string      // what the text asks for besides what it is about
	offered  bool        // the turn before offered a person
	raw      float64     // the model's probability of its label, without the topic
}

// Turn answers one text. st is the state that the turn before left; the next
// turn wants Decision.After. An error means that the language could not be made
// ready or ctx ended, never that a text was bad.
func (e *Engine) Turn(ctx context.Context, st State, text string) (Decision, error) {
	t := &turn{ctx: ctx, engine: e, text: clean(text), st: sane(st)}
	t.st.Language = nlu.Language(t.text, cmp.Or(t.st.Language, e.cfg.Language))
	var err error
	if t.brain, err = e.brain(ctx, t.st.Language); err != nil {
		return Decision{}, err
	}
	t.st.known(t.brain)
	t.d.Before = copied(t.st)
	t.said = kept(t.text)
	t.st.Turns++
	steps := []func() bool{t.unreadable, t.understand, t.human, t.again, t.reply, t.correct, t.notHelped, t.small, t.topic, t.unknown}
	for _, step := range steps {
		if step() {
			break
		}
	}
	return t.decision(), nil
}

func (t *turn) decision() Decision {
	if t.d.Reply != "" && !t.repeated {
		t.st.Last = t.d.Reply
	}
	t.d.Topic = t.topicOf()
	t.gap()
	if t.said == t.st.Said {
		t.st.Same = min(t.st.Same+1, sameText)
	} else {
		t.st.Said, t.st.Same = t.said, 1
	}
	for i := range t.entities {
		t.entities[i].Text = withoutCards(t.entities[i].Text)
	}
	t.d.Mood, t.d.Entities, t.d.After = t.mood, t.entities, t.st
	return t.d
}

// gap tells who gathers them that the turn was not answered. Who asks for a
// person in so many words did so about what was said before.
func (t *turn) gap() {
	g := Gap{Pack: t.brain.pack.Name, Language: t.st.Language, Intent: t.d.Topic}
	text := t.text
	switch {
	case t.engine.cfg.Gaps == nil:
		return
	case t.d.Packet != nil:
		g.Reason = t.d.Packet.Reason
		if g.Reason == "human_wanted" || g.Reason == "accepted" {
			text = t.st.Said
		}
	case t.d.Action == NotKnown:
		g.Reason = "not_understood"
	default:
		return
	}
	if g.Text = entity.Mask(text, t.st.Language).Text; g.Text != "" {
		t.engine.cfg.Gaps.Add(g)
	}
}

// topicOf is the pack's own intent that the turn is about, or the one that is
// open, or the likeliest one.
func (t *turn) topicOf() string {
	if in, ok := t.brain.labels[t.d.Intent]; ok && !in.Shared {
		return in.ID
	}
	if t.st.Active != "" {
		return t.st.Active
	}
	labels := t.brain.model.Labels()
	for _, i := range t.ranked(len(t.p)) {
		if !t.brain.labels[labels[i]].Shared {
			return labels[i]
		}
	}
	return ""
}

// longestKept bounds what is kept of a text, in bytes.
const longestKept = 600

// kept is a text as the state remembers it: without card numbers, and short.
func kept(text string) string {
	if len(text) > longestKept {
		text = strings.ToValidUTF8(text[:longestKept], "")
	}
	return withoutCards(text)
}

// withoutCards masks card numbers, in full width as well.
func withoutCards(text string) string {
	return redact.Cards(strings.Map(func(r rune) rune {
		if r >= '０' && r <= '９' {
			return r - '０' + '0'
		}
		return r
	}, text))
}

// sane is a copy of a state that came from outside, within its bounds.
func sane(st State) State {
	st = copied(st)
	if st.Language != "" && !slices.Contains(pack.Languages, st.Language) {
		st.Language = ""
	}
	for k, v := range st.Slots {
		if !slices.Contains(entity.Kinds, k) || v == "" || len(v) > longestKept {
			delete(st.Slots, k)
		}
	}
	p := &st.Pending
	p.Choices = p.Choices[:min(len(p.Choices), 3)]
	switch {
	case p.Kind == PendingSlot && slices.Contains(entity.Kinds, p.Slot):
	case p.Kind == PendingChoice && len(p.Choices) > 0:
	case p.Kind == PendingHandOver:
	default:
		*p = Pending{}
	}
	st.Failures = max(0, min(st.Failures, patience-1))
	st.NotFound = max(0, min(st.NotFound, 1))
	st.Anger = max(0, min(st.Anger, 3))
	st.Turns = max(0, st.Turns)
	st.Same = max(0, min(st.Same, sameText))
	st.Asked = kept(st.Asked)
	st.Said, st.Last = kept(st.Said), st.Last[:min(len(st.Last), 8*longest)]
	st.Waiting = st.Waiting[:min(len(st.Waiting), 3)]
	return st
}

// known drops intents that the pack does not have.
func (st *State) known(b *brain) {
	not := func(intent string) bool {
		_, ok := b.labels[intent]
		return !ok
	}
	if not(st.Active) {
		st.Active = ""
		if st.Pending.Kind == PendingSlot {
			st.Pending = Pending{}
		}
	}
	st.Waiting = slices.DeleteFunc(st.Waiting, not)
}

func copied(st State) State {
	st.Slots = maps.Clone(st.Slots)
	if st.Slots == nil {
		st.Slots = map[entity.Kind]string{}
	}
	st.Waiting = slices.Clone(st.Waiting)
	return st
}

// clean makes valid text without control characters, cut where nobody reads on.
func clean(text string) string {
	if len(text) > 8*longest {
		text = text[:8*longest]
	}
	text = strings.ToValidUTF8(text, " ")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	return strings.TrimSpace(text)
}

func (t *turn) reason(words ...string) { t.d.Reasons = append(t.d.Reasons, words...) }

// unreadable answers texts without words, and far too long ones.
func (t *turn) unreadable() bool {
	if t.said == t.st.Said && t.st.Same >= sameText {
		t.reason("same_text")
		return t.handOver("failed_twice")
	}
	if utf8.RuneCountInString(t.text) > longest {
		t.reason("too_long")
		t.d.Action, t.d.Reply = Unreadable, t.say("too_long", nil)
		return true
	}
	if strings.ContainsFunc(t.text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return false
	}
	if t.thumb() {
		return false
	}
	t.reason("no_words")
	if t.failed() {
		return t.handOver("failed_twice")
	}
	t.d.Action, t.d.Reply = Unreadable, t.say("empty", nil)
	return true
}

// thumb reads a lone sign of agreement or refusal as a word.
func (t *turn) thumb() bool {
	for sign, list := range map[string]string{"👍": "thumbs_up", "👎": "thumbs_down"} {
		if strings.HasPrefix(t.text, sign) && t.st.Pending.Kind != "" {
			t.text = t.brain.words.first(list)
			return t.text != ""
		}
	}
	return t.text == "?" || t.text == "？"
}

// failed counts a turn that was not understood, and tells that it is enough.
func (t *turn) failed() bool {
	t.st.Failures++
	return t.st.Failures >= patience
}

// understand reads mood, intent and entities. It never ends a turn.
func (t *turn) understand() bool {
	m := t.brain.mood.Read(t.text)
	t.mood = Mood{Name: m.Name, Rude: m.Rude}
	if m.Name == "angry" || m.Rude {
		t.st.Anger = min(t.st.Anger+1, 3)
	}
	t.st.Urgent = t.st.Urgent || t.brain.mood.Urgent(t.text)
	t.classify()
	active := t.brain.labels[t.st.Active]
	want := wanted(active)
	if in, ok := t.brain.labels[t.res.Label]; ok && t.res.Decision != nlu.Reject {
		want = append(wanted(in), want...)
	}
	pending := entity.Kind("")
	if t.st.Pending.Kind == PendingSlot {
		pending = t.st.Pending.Slot
	} else if entity.Corrects(t.text) { // "no, 4713": a value that was given takes another
		for _, k := range wanted(active) {
			if t.st.Slots[k] != "" {
				pending = k
				break
			}
		}
	}
	t.entities = entity.Extract(t.text, entity.Options{
		Language: t.st.Language, Pending: pending, Wanted: want,
		Checks: t.brain.checks.Patterns, Products: t.brain.products, Goods: t.brain.goods,
	})
	return false
}

// leanings are what the probabilities of labels are multiplied by in a topic.
type leanings struct{ topic, group, others float64 }

// classify asks the model, and leans towards the group of the topic that is
// open when the text is too short to stand for itself.
func (t *turn) classify() {
	given := entity.Extract(t.text, entity.Options{Language: t.st.Language, Checks: t.brain.checks.Patterns, Products: t.brain.products})
	t.plain = withoutValues(t.text, given)
	t.res = t.brain.model.Classify(t.plain)
	t.raw = t.res.P
	t.p = t.brain.model.Scores(t.plain, nil)
	t.recall()
	labels := t.brain.model.Labels()
	if active, ok := t.brain.labels[t.st.Active]; ok && t.taught.ID == "" && active.Group != "" && (elliptical(t.text) || t.brain.words.follows(t.text)) {
		lean := leanings{topic: 1.5, group: 2, others: 1}
		if t.brain.words.follows(t.text) { // "how much?" says nothing of its own
			lean = leanings{topic: 2, group: 1, others: 0.05}
		}
		t.lean("leaning_on_topic", func(in pack.Intent) float64 {
			switch {
			case in.ID == active.ID:
				return lean.topic
			case in.Group == active.Group:
				return lean.group
			case !in.Shared || in.ID == "opening_hours" || in.ID == "bot_identity":
				return lean.others
			}
			return 1
		})
	}
	if kind := telling(given); kind != "" && t.taught.ID == "" {
		t.lean("leaning_on_value", func(in pack.Intent) float64 {
			if slices.Contains(wanted(in), kind) {
				return leanOn[kind]
			}
			return 1
		})
	}
	t.noReply()
	for _, i := range t.ranked(nlu.TopN) {
		t.d.Guesses = append(t.d.Guesses, Guess{labels[i], t.p[i]})
	}
}

// lean multiplies the probabilities of labels by weights, and decides anew if
// another label is best then, or the best one likelier.
func (t *turn) lean(reason string, weight func(pack.Intent) float64) {
	labels, sum, best := t.brain.model.Labels(), 0.0, 0
	for i, l := range labels {
		t.p[i] *= weight(t.brain.labels[l])
		sum += t.p[i]
		if t.p[i] > t.p[best] {
			best = i
		}
	}
	for i := range t.p {
		t.p[i] /= sum
	}
	if labels[best] == t.res.Label && t.p[best] <= t.res.P {
		return
	}
	t.reason(reason)
	if labels[best] != t.res.Label {
		t.raw = t.p[best]
	}
	t.res.Label, t.res.P = labels[best], t.p[best]
	if d := t.decide(t.res.P); d != nlu.Reject {
		t.res.Decision = d
	}
}

// ranked are the places of the n most likely labels.
func (t *turn) ranked(n int) []int {
	at := make([]int, len(t.p))
	for i := range at {
		at[i] = i
	}
	slices.SortStableFunc(at, func(a, b int) int { return cmp.Compare(t.p[b], t.p[a]) })
	return at[:min(n, len(at))]
}

// elliptical tells that a text is so short that it leans on what was said
// before: up to four words, or ten characters of Chinese or Japanese.
func elliptical(text string) bool {
	cjk, words, in := 0, 0, false
	for _, r := range text {
		if r >= 0x2e80 && unicode.IsLetter(r) {
			cjk++
			in = false
			continue
		}
		letter := unicode.IsLetter(r) || unicode.IsDigit(r)
		if letter && !in {
			words++
		}
		in = letter
	}
	return cjk+2*words <= 10
}

func (t *turn) sure(intent string) bool { return t.res.Label == intent && t.res.Decision == nlu.Accept }

func (t *turn) likely(intent string) bool {
	return t.res.Label == intent && t.res.Decision != nlu.Reject
}

// human puts a customer through who wants a person, at any turn.
func (t *turn) human() bool {
	switch {
	case t.brain.mood.WantsHuman(t.text):
		t.reason("human_wanted", "phrase")
	case t.sure("human_agent"), len(t.d.Guesses) > 0 && t.d.Guesses[0].Intent == "human_agent" && t.d.Guesses[0].P >= humanEnough:
		t.reason("human_wanted", "intent")
	default:
		return false
	}
	t.d.Intent, t.d.P = "human_agent", t.res.P
	return t.handOver("human_wanted")
}

// again repeats the last reply.
func (t *turn) again() bool {
	if t.st.Last == "" || !t.sure("repeat") && !t.brain.mood.Repeat(t.text) {
		return false
	}
	t.reason("repeat")
	t.d.Intent, t.d.P = "repeat", t.res.P
	t.d.Action = SmallTalk
	t.d.Reply = joined(t.st.Language, t.say("repeat_prefix", nil), t.st.Last)
	t.repeated = true
	return true
}
