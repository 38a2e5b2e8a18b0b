package eval

import (
	"cmp"
	"context"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/nlu"
)

// Engines makes the bots of packs, each once. Name and Language are for rows
// that do not say theirs.
type Engines struct {
	Name, Language string
	Overlays       []fs.FS
	// Change, if set, changes what an engine is made of.
	Change func(*bot.Config) error

	made map[string]*bot.Engine
}

func (e *Engines) engine(name string) (*bot.Engine, error) {
	name = cmp.Or(name, e.Name)
	if made, ok := e.made[name]; ok {
		return made, nil
	}
	cfg := bot.Config{Pack: name, Overlays: e.Overlays}
	if e.Change != nil {
		if err := e.Change(&cfg); err != nil {
			return nil, err
		}
	}
	made, err := bot.New(cfg)
	if err != nil {
		return nil, err
	}
	if e.made == nil {
		e.made = map[string]*bot.Engine{}
	}
	e.made[name] = made
	return made, nil
}

// Close closes the bots.
func (e *Engines) Close() {
	for _, made := range e.made {
		made.Close()
	}
}

// turn takes a turn, however long its language takes to be made ready.
func turn(ctx context.Context, engine *bot.Engine, st bot.State, text string) (bot.Decision, error) {
	if err := engine.Warm(ctx, nlu.Language(text, st.Language)); err != nil {
		return bot.Decision{}, err
	}
	return engine.Turn(ctx, st, text)
}

// language is that of a row: told, or by the script of its text.
func (e *Engines) language(told, text string) string {
	return cmp.Or(told, nlu.Language(text, cmp.Or(e.Language, "en")))
}

var separators = regexp.MustCompile(`[\s\-_/.,，。、#:：()（）]+`)

// same compares values as people write them: without separators and case, and
// numbers by what they are worth.
func same(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := strconv.ParseFloat(strings.ReplaceAll(a, ",", ""), 64)
	y, errY := strconv.ParseFloat(strings.ReplaceAll(b, ",", ""), 64)
	if errX == nil && errY == nil && x == y && len(strings.TrimLeft(a, "0")) < 16 {
		return strings.HasPrefix(a, "0") == strings.HasPrefix(b, "0")
	}
	fold := func(s string) string {
		return strings.ToLower(separators.ReplaceAllString(nlu.Normalize(strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return -1
			}
			return r
		}, s)), ""))
	}
	return fold(a) == fold(b)
}
