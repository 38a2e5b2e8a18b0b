package ivr

import (
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
func Announcement(language string, position int, wait time.Duration) []Prompt {
	return nil
}
