package bot

import (
	"maps"
	"slices"
	"strings"

	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/internal/i18n"
)

// handOver puts the customer through with all that is known.
func (t *turn) handOver(why string) bool {
	group := t.group()
	p := &Packet{
		Intent: t.handOverIntent(), Slots: maps.Clone(t.st.Slots), Group: group,
		Mood: t.mood, Reason: why,
	}
	t.takeAll()
	maps.Copy(p.Slots, t.st.Slots)
	p.Priority = t.priority(p.Intent)
	p.Summary = t.summary(p)
	t.st.Pending, t.st.HandedOver, t.st.Failures = Pending{}, true, 0
	t.d.Action, t.d.Packet = HandOver, p
	reply := t.say("handing_over", map[string]string{"group": t.title(group)})
	if why == "failed_twice" {
		reply = joined(t.st.Language, t.say("not_understood_again", nil), reply)
	}
	if t.d.Intent == "complaint" {
		reply = t.brain.labels["complaint"].Answer
	}
	t.d.Reply = reply
	return true
}

// handOverIntent is what the person will work on: the text's own intent if it
// has one, otherwise the topic.
func (t *turn) handOverIntent() string {
	in, ok := t.brain.labels[t.res.Label]
	if ok && !in.Shared && (t.res.Decision == nlu.Accept || t.res.Decision == nlu.Choose && t.st.Active == "") && t.d.Intent != t.st.Active {
		return in.ID
	}
	return t.st.Active
}

// group is the skill group: one that the customer named, that of the intent, or
// the pack's first.
func (t *turn) group() string {
	text := nlu.Normalize(t.text)
	for _, g := range t.brain.pack.Groups {
		title := nlu.Normalize(g.Title[i18n.Match(t.st.Language)])
		short := title
		for _, suffix := range t.brain.words.lists["group_suffix"] {
			short = strings.TrimSpace(strings.TrimSuffix(short, suffix))
		}
		if t.d.Intent == "human_agent" && (title != "" && strings.Contains(text, title) || short != "" && strings.Contains(text, short) || strings.Contains(text, g.ID)) {
			return g.ID
		}
	}
	if in, ok := t.brain.labels[t.handOverIntent()]; ok && in.Group != "" {
		return in.Group
	}
	// Nothing was understood: the likeliest of the pack's own intents says where.
	labels := t.brain.model.Labels()
	for _, i := range t.ranked(nlu.TopN) {
		if in := t.brain.labels[labels[i]]; in.Group != "" && t.p[i] >= 0.2 {
			return in.Group
		}
	}
	if len(t.brain.pack.Groups) == 0 {
		return ""
	}
	return t.brain.pack.Groups[0].ID
}

func (t *turn) title(group string) string {
	for _, g := range t.brain.pack.Groups {
		if g.ID == group {
			return g.Title[i18n.Match(t.st.Language)]
		}
	}
	return group
}

// priority is what is added to the queue's: the intent's, that of a complaint,
// one for each angry turn, and one for urgency.
func (t *turn) priority(intent string) int {
	p := t.brain.labels[intent].Priority + t.st.Anger
	if t.st.Urgent {
		p++
	}
	if t.d.Intent != intent {
		p += t.brain.labels[t.d.Intent].Priority
	}
	return max(-5, min(p, 10))
}

// summary tells a person in a line or two what has been said.
func (t *turn) summary(p *Packet) string {
	lang := i18n.Match(t.st.Language)
	var parts []string
	if in, ok := t.brain.labels[p.Intent]; ok {
		parts = append(parts, i18n.T(lang, "bot.summary.wants", i18n.Args{"what": in.Label}))
	}
	var known []string
	for _, slot := range slices.Sorted(maps.Keys(p.Slots)) {
		known = append(known, i18n.T(lang, "bot.slot."+string(slot), nil)+" "+p.Slots[slot])
	}
	if len(known) > 0 {
		parts = append(parts, i18n.T(lang, "bot.summary.known", i18n.Args{"what": strings.Join(known, i18n.T(lang, "bot.summary.comma", nil))}))
	}
	parts = append(parts, i18n.T(lang, "bot.summary.reason."+p.Reason, nil))
	return joined(t.st.Language, parts...)
}
