// Package espeak speaks Mandarin and English with espeak-ng, run as a child
// process (it is GPL-3; nothing of it is linked). The voice is clear and
// robotic. It cannot read kanji: Japanese is refused.
package espeak

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/openhotline/hotline/internal/i18n"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/tts"
)

// Config sets up the engine. The zero value works where espeak-ng is in PATH.
type Config struct {
	// Program defaults to espeak-ng.
	Program string
	// Voices adds or replaces voices by language (de: "de").
	Voices map[string]string
	// Speed is in words per minute. Defaults to 160.
	Speed int
	// Timeout bounds one sentence. Defaults to 10 s.
	Timeout time.Duration
	// Parallel bounds the processes. Defaults to two for each processor.
	Parallel int
}

// Engine is espeak-ng.
type Engine struct {
	cfg     Config
	voices  map[string]string // by base language
	program *tts.Program
}

var _ tts.Engine = (*Engine)(nil)

// New makes the engine; it starts nothing and may be unavailable (see Check).
func New(cfg Config) *Engine {
	cfg.Program = cmp.Or(cfg.Program, "espeak-ng")
	cfg.Speed = cmp.Or(cfg.Speed, 160)
	// Plain cmn reads pinyin letters as English; the latn-pinyin voice does not.
	voices := map[string]string{"en": "en-us", "zh": "cmn-latn-pinyin", "cmn": "cmn-latn-pinyin"}
	for language, voice := range cfg.Voices {
		voices[base(language)] = voice
	}
	delete(voices, "ja") // no kanji
	return &Engine{cfg: cfg, voices: voices, program: tts.NewProgram(cfg.Program, cfg.Parallel, cfg.Timeout)}
}

func base(language string) string {
	b, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(language), "_", "-"), "-")
	return b
}

// Name implements tts.Engine.
func (e *Engine) Name() string { return "espeak-ng" }

// Voice implements tts.Engine.
func (e *Engine) Voice(language string) string { return e.voices[base(language)] }

// Check implements tts.Engine.
func (e *Engine) Check(language string) error {
	if base(language) == "ja" {
		return &tts.VoiceError{Language: language, Engine: e.Name(), Install: tts.InstallJapanese}
	}
	if e.voices[base(language)] == "" {
		return &tts.VoiceError{Language: language, Engine: e.Name()}
	}
	if _, err := exec.LookPath(e.cfg.Program); err != nil {
		return &tts.VoiceError{Language: language, Engine: e.Name(), Install: "espeak-ng (apt-get install espeak-ng)"}
	}
	return nil
}

// Synthesize implements tts.Engine. A text with kanji or kana in a language
// other than Chinese is refused: espeak-ng would spell it as "Chinese letter".
func (e *Engine) Synthesize(ctx context.Context, req tts.Request) (tts.Audio, error) {
	if err := e.Check(req.Language); err != nil {
		return nil, err
	}
	if len(req.Text) > tts.MaxText {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", tts.ErrTooLong, len(req.Text), tts.MaxText)
	}
	chinese := base(req.Language) == "zh" || base(req.Language) == "cmn"
	if tts.HasKana(req.Text) || tts.HasHan(req.Text) && !chinese {
		return nil, &tts.VoiceError{Language: "ja", Engine: e.Name(), Install: tts.InstallJapanese}
	}
	voice := cmp.Or(req.Voice, e.Voice(req.Language))
	rate := cmp.Or(req.Rate, media.Rate8k)
	return tts.NewSentences(ctx, req.Text, func(ctx context.Context, sentence string) ([]int16, error) {
		if !chinese {
			return e.speak(ctx, voice, sentence, rate)
		}
		var out []int16
		for _, run := range runs(i18n.SpellOut("zh-CN", sentence)) {
			v := voice
			if run.latin {
				v = e.voices["en"]
			}
			samples, err := e.speak(ctx, v, run.text, rate)
			if err != nil {
				return nil, err
			}
			out = append(out, samples...)
		}
		return out, nil
	}), nil
}

func (e *Engine) speak(ctx context.Context, voice, text string, rate media.Rate) ([]int16, error) {
	// -z: no pause after the last sentence; -b 1: the input is UTF-8.
	return e.program.Run(ctx, text, rate, "-v", voice, "-s", strconv.Itoa(e.cfg.Speed), "-b", "1", "-z", "--stdin", "--stdout")
}

type run struct {
	text  string
	latin bool
}

// runs cuts a Chinese text at words in Latin letters, which the English voice
// reads (VIP, Hotline).
func runs(text string) []run {
	var out []run
	var b strings.Builder
	latin := false
	flush := func() {
		if s := strings.TrimSpace(b.String()); strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
			out = append(out, run{s, latin})
		}
		b.Reset()
	}
	for _, r := range text {
		isLatin := r < unicode.MaxLatin1 && unicode.IsLetter(r)
		if unicode.IsLetter(r) && isLatin != latin {
			flush()
			latin = isLatin
		}
		b.WriteRune(r)
	}
	flush()
	return out
}
