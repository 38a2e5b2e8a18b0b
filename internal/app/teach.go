package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/learn"
	"github.com/openhotline/hotline/bot/pack"
)

// errRefused is returned where a model was made and not taken; the report is
// printed already.
var errRefused = errors.New("the new model was not accepted, the former one stays in use")

// teaching is a command of `hotline bot` with its flags.
type teaching struct {
	std                 Streams
	school              *learn.School
	dir, pack, lang, by string
	intent, article     string
	id, gap             string
	foreign, later      bool
	json                bool
	smallest, limit     int
}

const botUsage = `correct TEXT (--intent I | --article A | --out-of-scope) | correct --gap LABEL … | withdraw ID | corrections |
            retrain | versions | rollback VERSION | gaps | draft LABEL --id ID   --packs DIR [--pack P] [--lang L] [--json]`

func (t *teaching) flags() *flag.FlagSet {
	fl := flags("bot", botUsage, t.std)
	fl.StringVar(&t.dir, "packs", "", "your own pack folder, which is taught (as for hotline chat)")
	fl.StringVar(&t.pack, "pack", "ecommerce", "industry pack: "+strings.Join(pack.Names(), ", "))
	fl.StringVar(&t.lang, "lang", "zh", "language: zh, en, ja")
	fl.StringVar(&t.by, "by", "", "who corrects (default: the name you are logged in with)")
	fl.StringVar(&t.intent, "intent", "", "correct, draft: the intent that is meant")
	fl.StringVar(&t.article, "article", "", "correct: the article that answers")
	fl.BoolVar(&t.foreign, "out-of-scope", false, "correct: nothing that this bot is for")
	fl.StringVar(&t.gap, "gap", "", "correct: all questions of this group of unanswered ones, by its label")
	fl.BoolVar(&t.later, "later", false, "correct, withdraw: only keep it; hotline chat or retrain learns it")
	fl.StringVar(&t.id, "id", "", "draft: id of the new article")
	fl.IntVar(&t.smallest, "smallest", 1, "gaps: leave out groups with fewer questions")
	fl.IntVar(&t.limit, "limit", 20, "how many groups, lost rows or versions to list")
	fl.BoolVar(&t.json, "json", false, "print JSON")
	return fl
}

func botCommand(ctx context.Context, args []string, std Streams) error {
	t := &teaching{std: std}
	fl := t.flags()
	rest, err := parse(fl, args)
	if err != nil {
		return err
	}
	verbs := map[string]struct {
		arg string // what follows, "" for nothing
		run func(context.Context, string) error
	}{
		"correct": {"TEXT", t.correct}, "withdraw": {"ID of a correction", t.withdraw}, "corrections": {"", t.corrections},
		"retrain": {"", t.retrain}, "versions": {"", t.versions}, "rollback": {"VERSION", t.rollback},
		"gaps": {"", t.gaps}, "draft": {"LABEL of a group of gaps", t.draft},
	}
	if len(rest) == 0 || verbs[rest[0]].run == nil {
		return wants(std, rest, -1, "correct, withdraw, corrections, retrain, versions, rollback, gaps or draft")
	}
	verb := verbs[rest[0]]
	switch arg := rest[1:]; {
	case rest[0] == "correct" && t.gap != "" && len(arg) == 0:
		arg = []string{""}
		fallthrough
	case verb.arg == "" && len(arg) == 0, verb.arg != "" && len(arg) == 1:
		if err := t.open(ctx); err != nil {
			return err
		}
		return verb.run(ctx, strings.Join(arg, ""))
	case verb.arg == "":
		return wants(std, rest, -1, rest[0]+" and flags only")
	}
	return wants(std, rest, -1, rest[0]+" and one "+verb.arg+" (in quotes)")
}

// open checks what all commands need.
func (t *teaching) open(context.Context) error {
	bad := func(name, format string, args ...any) error {
		fmt.Fprintf(t.std.Err, "hotline bot: --%s: %s\n", name, fmt.Sprintf(format, args...))
		return errUsage
	}
	if t.dir == "" {
		return bad("packs", "which folder of pack files?")
	}
	if !slices.Contains(pack.Languages, t.lang) {
		return bad("lang", "%q is not one of %s", t.lang, strings.Join(pack.Languages, ", "))
	}
	if t.by == "" {
		t.by = loginName(t.std.Environ)
	}
	models := userModels(t.std.Err)
	engine, err := bot.New(bot.Config{Pack: t.pack, Language: t.lang, Overlays: overlays(t.dir), Models: models})
	if err != nil {
		return err
	}
	t.school = learn.New(learn.Config{Engine: engine, Models: models, Pack: t.pack, Dir: t.dir, Workers: -1, Progress: progressOn(t.std.Err)("training")})
	return nil
}

// loginName is whom the environment names, or "operator".
func loginName(env []string) string {
	look := variables(env)
	for _, name := range []string{"USER", "LOGNAME", "USERNAME"} {
		if v, ok := look(name); ok && v != "" {
			return v
		}
	}
	return "operator"
}

func (t *teaching) print(v any, people func(io.Writer)) error {
	if t.json {
		return printJSON(t.std.Out, v)
	}
	people(t.std.Out)
	return nil
}

func (t *teaching) correct(ctx context.Context, text string) error {
	c := learn.Correction{Text: text, Intent: t.intent, Article: t.article, By: t.by}
	if t.foreign {
		if c.Intent != "" {
			return fmt.Errorf("%w: --intent and --out-of-scope exclude one another", learn.ErrInput)
		}
		c.Intent = pack.OutOfScope
	}
	var kept []pack.Lesson
	if t.gap != "" {
		group, err := t.group(ctx, t.gap)
		if err != nil {
			return err
		}
		if kept, err = t.school.CorrectGroup(ctx, t.lang, group, c); err != nil {
			return err
		}
	} else {
		l, err := t.school.Correct(ctx, t.lang, c)
		if err != nil {
			return err
		}
		kept = append(kept, l)
	}
	for _, l := range kept {
		fmt.Fprintf(t.std.Err, "kept as %s: %s\n", l.ID, l.Text)
	}
	if t.later {
		return t.print(kept, func(io.Writer) {})
	}
	return t.retrain(ctx, "")
}

func (t *teaching) withdraw(ctx context.Context, id string) error {
	if err := t.school.Withdraw(ctx, t.lang, id, t.by); err != nil {
		return err
	}
	if t.later {
		return nil
	}
	return t.retrain(ctx, "")
}

func (t *teaching) corrections(context.Context, string) error {
	list, err := t.school.Corrections(t.lang)
	if err != nil {
		return err
	}
	return t.print(list, func(w io.Writer) {
		for _, c := range list {
			state := "not in use"
			if c.InUse {
				state = "in use"
			}
			fmt.Fprintf(w, "%s  %s  %-10s  %-11s %s%s: %s\n", c.ID, c.At.Format("2006-01-02 15:04"), c.By, state, c.Intent, articleName(c.Article), c.Text)
		}
		if len(list) == 0 {
			fmt.Fprintln(w, "no corrections")
		}
	})
}

func articleName(id string) string {
	if id == "" {
		return ""
	}
	return "article " + id
}

func (t *teaching) retrain(ctx context.Context, _ string) error {
	trial, err := t.school.Retrain(ctx, t.lang)
	if errors.Is(err, learn.ErrNothing) {
		fmt.Fprintln(t.std.Err, "nothing to learn: the version in use has all corrections")
		return nil
	}
	if err != nil {
		return err
	}
	if err := t.print(trial, func(w io.Writer) { printTrial(w, trial, t.limit) }); err != nil {
		return err
	}
	if !trial.Accepted {
		return errRefused
	}
	return nil
}

// printTrial says how a new model did.
func printTrial(w io.Writer, t learn.Trial, limit int) {
	if t.Accepted {
		fmt.Fprintf(w, "version %d is in use", t.Version)
	} else {
		fmt.Fprintf(w, "refused: %s", map[string]string{"dev_worse": "worse on rows held out", "regression_lost": "texts lost that must keep their intent"}[t.Reason])
	}
	fmt.Fprintf(w, "; %d of %d corrections learned\n", t.Learned, t.Corrections)
	fmt.Fprintf(w, "held-out rows right: %d before, %d now, of %d\n", t.Dev.Before, t.Dev.After, t.Dev.Rows)
	fmt.Fprintf(w, "texts with their intent: %d before, %d now, of %d\n", t.Regression.Before, t.Regression.After, t.Regression.Rows)
	for _, text := range t.NotLearned {
		fmt.Fprintf(w, "  not learned: %s\n", text)
	}
	for _, l := range t.Lost[:min(len(t.Lost), limit)] {
		fmt.Fprintf(w, "  lost (%s): %s: %s, now %s  %s\n", l.List, l.Text, l.Want, l.Got, l.At)
	}
}

func (t *teaching) versions(context.Context, string) error {
	list, err := t.school.Versions(t.lang)
	if err != nil {
		return err
	}
	return t.print(list, func(w io.Writer) {
		used := false
		for _, v := range list[:min(len(list), t.limit)] {
			name, state := strconv.Itoa(v.Number), ""
			if v.Number == 0 {
				name, state = "-", "refused: "+v.Trial.Reason
			}
			if v.InUse {
				state, used = "in use", true
			}
			fmt.Fprintf(w, "%4s  %s  %-10s  %3d corrections  %s\n", name, v.At.Format("2006-01-02 15:04"), v.By, v.Corrections, state)
		}
		state := ""
		if !used {
			state = "in use"
		}
		fmt.Fprintf(w, "   0  the pack without corrections  %s\n", state)
	})
}

func (t *teaching) rollback(ctx context.Context, version string) error {
	n, err := strconv.Atoi(version)
	if err != nil || n < 0 {
		return fmt.Errorf("%w: %q is no number of a version", learn.ErrNoVersion, version)
	}
	if err := t.school.Rollback(ctx, t.lang, n, t.by); err != nil {
		return err
	}
	return t.versions(ctx, "")
}
