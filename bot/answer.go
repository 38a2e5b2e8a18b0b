package bot

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/openhotline/hotline/bot/entity"
	"github.com/openhotline/hotline/bot/pack"
)

// pursue asks for what an intent still needs, or answers it.
func (t *turn) pursue(intent string) bool {
	in, ok := t.brain.labels[intent]
	if !ok {
		return false
	}
	t.st.Active = intent
	if slot := t.missing(in); slot != "" {
		t.st.Pending = Pending{Kind: PendingSlot, Slot: entity.Kind(slot)}
		t.reason("slot_missing")
		t.d.Action, t.d.Reply = Ask, joined(t.st.Language, t.sorry(in), t.brain.pack.Ask[slot])
		return true
	}
	if known, ok := t.brain.labels[in.Known]; ok && t.missing(known) == "" {
		t.reason("known")
		in = known
	}
	t.st.Pending = Pending{}
	fields := map[string]string{}
	for k, v := range t.st.Slots {
		fields[string(k)] = v
	}
	if in.Action != "" {
		got, err := t.lookUp(in.Action)
		if notFound(err) && len(in.Required) > 0 {
			return t.notFound(entity.Kind(in.Required[0]))
		}
		if err != nil {
			t.reason("lookup_failed")
			t.engine.cfg.Log.Warn("look-up failed", "pack", t.brain.pack.Name, "action", in.Action, "error", err)
			return t.handOverSaying(fallback(err, in.Fallback))
		}
		t.st.NotFound = 0
		t.d.Sources = append(t.d.Sources, Source{Lookup: in.Action})
		maps.Copy(fields, got)
	}
	t.d.Action = Answer
	text, whole := filled(in.Answer, fields)
	if !whole {
		t.reason("field_missing")
		return t.handOverSaying(in.Fallback)
	}
	if t.wasSaid(text) { // that was not what is wanted
		t.reason("said_before")
		if t.moreOn(intent) {
			return true
		}
		return t.offerFor("no_article")
	}
	t.d.Sources = append(t.d.Sources, Source{Intent: in.ID, P: t.d.P})
	if in.Then == pack.ThenHandOver {
		t.handOver("specialist")
		t.d.Reply = text // which says so
		return true
	}
	t.d.Reply = t.withReturn(text)
	if in.Then == pack.ThenOffer && t.st.Pending.Kind == "" {
		t.st.Pending = Pending{Kind: PendingHandOver}
	}
	return true
}

// missing is the first slot that an intent needs and that is not known, or "".
func (t *turn) missing(in pack.Intent) string {
	for _, slot := range in.Required {
		if t.st.Slots[entity.Kind(slot)] == "" {
			return slot
		}
	}
	return ""
}

// sorry is what is said before a question to who is unhappy about something that
// went wrong.
func (t *turn) sorry(in pack.Intent) string {
	if in.Priority <= 0 || t.mood.Name != "angry" && t.mood.Name != "negative" || t.st.Failures > 0 {
		return ""
	}
	return t.say("sorry", nil)
}

// wasSaid tells that the last reply held a text.
func (t *turn) wasSaid(text string) bool { return text != "" && strings.Contains(t.st.Last, text) }

func (t *turn) lookUp(action string) (map[string]string, error) {
	if t.engine.cfg.Lookup == nil {
		return nil, ErrNoAnswer
	}
	return t.engine.cfg.Lookup.Do(t.ctx, action, t.st.Language, t.st.Slots)
}

// notFound tells that the service answered and does not know the number.
func notFound(err error) bool {
	var e interface{ NotFound() bool }
	return errors.As(err, &e) && e.NotFound()
}

// fallback is the text that an error brings, or the intent's.
func fallback(err error, text string) string {
	var e interface{ Fallback() string }
	if errors.As(err, &e) && e.Fallback() != "" {
		return e.Fallback()
	}
	return text
}

// notFound asks to check the number, once; then a person takes over.
func (t *turn) notFound(slot entity.Kind) bool {
	value := t.st.Slots[slot]
	t.reason("not_found")
	t.st.NotFound++
	if t.st.NotFound > 1 {
		t.st.NotFound = 0
		t.handOver("not_found")
		t.d.Reply = joined(t.st.Language, t.say("not_found_again", nil), t.d.Reply)
		return true
	}
	delete(t.st.Slots, slot)
	t.st.Pending = Pending{Kind: PendingSlot, Slot: slot}
	t.d.Action = Ask
	t.d.Reply = t.say("not_found", map[string]string{"value": value, "ask": t.brain.pack.Ask[string(slot)]})
	return true
}

// withReturn goes back to an intent that was left, behind the answer: asks for
// what it needs, or answers it if that was said meanwhile.
func (t *turn) withReturn(text string) string {
	if len(t.st.Waiting) == 0 {
		return text
	}
	back := t.st.Waiting[len(t.st.Waiting)-1]
	t.st.Waiting = t.st.Waiting[:len(t.st.Waiting)-1]
	in, ok := t.brain.labels[back]
	if !ok || back == t.d.Intent {
		return text
	}
	wording := "topic_return"
	if back == t.second {
		wording = "second_topic"
	}
	t.reason(wording)
	return joined(t.st.Language, text, t.say(wording, map[string]string{"label": in.Label}), t.pursued(back))
}

// pursued is what is said when an intent is pursued behind another answer.
func (t *turn) pursued(intent string) string {
	t.d.Reply = ""
	t.pursue(intent)
	if t.d.Action == Ask { // the turn itself answered
		t.d.Action = Answer
	}
	return t.d.Reply
}

// answerArticle answers from an article. A question that was open stays open.
func (t *turn) answerArticle(id string, p float64) bool {
	for _, a := range t.brain.pack.Articles {
		if a.ID != id {
			continue
		}
		t.st.Failures = 0
		if t.d.Intent == "" && a.Intent != "" {
			t.about(a.Intent)
			if t.st.Pending.Kind != PendingSlot { // the open question stays its topic's
				t.st.Active = a.Intent
			}
		}
		t.d.Action = Answer
		t.d.Sources = append(t.d.Sources, Source{Article: id, P: p})
		t.d.Reply = a.Answer
		if t.st.Pending.Kind == PendingSlot {
			t.d.Reply = joined(t.st.Language, a.Answer, t.brain.pack.Ask[string(t.st.Pending.Slot)])
		} else {
			t.d.Reply = t.withReturn(a.Answer)
		}
		return true
	}
	return false
}

// offer asks whether to put the customer through.
func (t *turn) offer() bool { return t.offerFor("") }

// offerFor offers a person and says why: by a wording of the dialogue, or "".
func (t *turn) offerFor(why string) bool {
	t.takeAll()
	t.st.Pending = Pending{Kind: PendingHandOver}
	t.d.Action, t.d.Reply = Offer, joined(t.st.Language, t.say(why, nil), t.say("handover_offer", nil))
	return true
}

// handOverSaying puts the customer through with a text of the pack's: the look-up
// that would have answered failed.
func (t *turn) handOverSaying(text string) bool {
	t.handOver("lookup_failed")
	if text != "" {
		t.d.Reply = text
	}
	return true
}

// say is one of the wordings of a phrase of the dialogue; turns take them by
// turns.
func (t *turn) say(key string, args map[string]string) string {
	texts := t.brain.pack.Dialogue[key]
	if len(texts) == 0 {
		return ""
	}
	text, _ := filled(texts[t.st.Turns%len(texts)], args)
	return text
}

// filled puts fields into the {name} places of a text, and tells whether there
// was one for each.
func filled(text string, fields map[string]string) (string, bool) {
	whole := true
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{")
		b.WriteString(before)
		if !ok {
			return b.String(), whole
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			b.WriteString("{" + rest)
			return b.String(), whole
		}
		v := fields[name]
		whole = whole && v != ""
		b.WriteString(v)
		text = after
	}
}

// joined puts sentences behind one another.
func joined(language string, parts ...string) string {
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	if language == "en" {
		return strings.Join(parts, " ")
	}
	return strings.Join(parts, "")
}
