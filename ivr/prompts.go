package ivr

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openhotline/hotline/internal/i18n"
)

// System returns a prompt of the catalogue (keys spoken.NAME of internal/i18n)
// in a language: goodbye, hold_agent, all_busy, technical, emergency …
func System(language, name string, args i18n.Args) Prompt {
	lang := i18n.Match(language)
	return Prompt{Text: i18n.T(lang, "spoken."+name, args), Language: lang}
}

// Announcement composes what a waiting customer hears: the position (1 is the
// next one; 0: not said) and the expected wait (0: not said; negative: unknown).
// Japanese prompts have Parts for which recordings ship.
func Announcement(language string, position int, wait time.Duration) []Prompt {
	lang := i18n.Match(language)
	var out []Prompt
	switch {
	case position == 1:
		out = append(out, System(lang, "next", nil))
	case position > 1:
		n := i18n.Number(lang, strconv.Itoa(position))
		p := System(lang, "position", i18n.Args{"position": n})
		if lang == "ja" {
			p.Parts = japanesePosition(position)
		}
		out = append(out, p)
	}
	switch {
	case position == 1 || wait == 0: // who is next needs no minutes
	case wait < 0:
		out = append(out, System(lang, "wait_unknown", nil))
	default:
		p := System(lang, "wait", i18n.Args{"wait": i18n.Wait(lang, wait)})
		if lang == "ja" {
			p.Parts = japaneseWait(wait)
		}
		out = append(out, p)
	}
	return out
}

// The Japanese parts: each text is one that ships as a recording (ivr/sounds).
const (
	jaPosition    = "ただいまの順番は"
	jaWait        = "待ち時間はおよそ"
	jaIs          = "です"
	jaFewMinutes  = 30 // above it recordings go in steps of five
	jaMostMinutes = 60
	jaFewInQueue  = 40
	jaMany        = "四十一番目以降"
	jaLessAMinute = "一分以内"
	jaOverAnHour  = "一時間以上"
)

func ja(text string) Prompt { return Prompt{Text: text, Language: "ja"} }

func japanesePosition(n int) []Prompt {
	middle := jaMany
	if n <= jaFewInQueue {
		middle = JapaneseOrdinal(n)
	}
	return []Prompt{ja(jaPosition), ja(middle), ja(jaIs)}
}

func japaneseWait(d time.Duration) []Prompt {
	minutes := int((d + time.Minute - 1) / time.Minute)
	if minutes > jaFewMinutes {
		minutes = (minutes + 4) / 5 * 5
	}
	middle := JapaneseMinutes(minutes)
	switch {
	case d < time.Minute:
		middle = jaLessAMinute
	case minutes > jaMostMinutes:
		middle = jaOverAnHour
	}
	return []Prompt{ja(jaWait), ja(middle), ja(jaIs)}
}

// JapaneseOrdinal is the text of the shipped recording of a position.
func JapaneseOrdinal(n int) string { return fmt.Sprintf("%d番目", n) }

// JapaneseMinutes is the text of the shipped recording of a wait.
func JapaneseMinutes(n int) string { return fmt.Sprintf("%d分", n) }

// JapaneseParts lists the texts of all recordings that announcements are
// composed of, for the tool that makes them.
func JapaneseParts() []string {
	out := []string{jaPosition, jaWait, jaIs, jaMany, jaLessAMinute, jaOverAnHour}
	for n := 2; n <= jaFewInQueue; n++ {
		out = append(out, JapaneseOrdinal(n))
	}
	for n := 1; n <= jaMostMinutes; n++ {
		if n <= jaFewMinutes || n%5 == 0 {
			out = append(out, JapaneseMinutes(n))
		}
	}
	return out
}

// Prompts lists what the flow says in its languages, but for texts with
// variables: what can be made before the first call.
func (f *Flow) Prompts() []Prompt {
	var out []Prompt
	add := func(t *Texts) {
		if t == nil {
			return
		}
		for _, language := range f.Languages {
			text := (*t)[language]
			variable := slices.ContainsFunc(parseTemplate(text), func(p piece) bool { return p.name != nil })
			p := Prompt{Text: text, Language: language}
			if text != "" && !variable && !slices.ContainsFunc(out, func(o Prompt) bool { return o.Text == p.Text && o.Language == p.Language }) {
				out = append(out, p)
			}
		}
	}
	for _, name := range f.Order {
		n := f.Nodes[name]
		add(n.Text)
		if n.Ask != nil {
			add(n.Ask.Invalid)
			add(n.Ask.Silent)
		}
	}
	return out
}

// SystemPrompts lists the prompts of the catalogue in a language, but for those
// with placeholders.
func SystemPrompts(language string) []Prompt {
	var out []Prompt
	keys := i18n.Keys()
	slices.Sort(keys)
	for _, key := range keys {
		name, ok := strings.CutPrefix(key, "spoken.")
		if p := System(language, name, nil); ok && !strings.Contains(p.Text, "{") {
			out = append(out, p)
		}
	}
	return out
}
