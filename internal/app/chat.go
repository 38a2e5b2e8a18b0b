package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/learn"
	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/bot/pack"
)

// chatCommand talks to the bot in a terminal: a line in, a reply out.
func chatCommand(ctx context.Context, args []string, std Streams) error {
	fl := flags("chat", "[--pack P] [--lang L] [--explain] [--packs DIR]", std)
	name := fl.String("pack", "ecommerce", "industry pack: "+strings.Join(pack.Names(), ", "))
	lang := fl.String("lang", "zh", "language the conversation begins in: zh, en, ja")
	explain := fl.Bool("explain", false, "print how each reply was found")
	dir := fl.String("packs", "", "folder of your own pack files, look-ups and assistant, laid over the pack")
	rest, err := parse(fl, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return wants(std, rest, 0, "")
	}
	if !slices.Contains(pack.Languages, *lang) {
		fmt.Fprintf(std.Err, "hotline chat: --lang: %q is not one of %s\n", *lang, strings.Join(pack.Languages, ", "))
		return errUsage
	}
	cfg, err := ownBot(*name, *lang, *dir, std.Environ)
	if err != nil {
		return err
	}
	cfg.Models = userModels(std.Err)
	c := conversation{explain: *explain, std: std, begin: bot.State{Language: *lang}}
	var gaps *learn.Collector
	if *dir != "" {
		gaps = learn.NewCollector(learn.GapFolder{Dir: *dir}, slog.New(slog.NewTextHandler(std.Err, nil)))
		cfg.Gaps = gaps
	}
	if c.engine, err = bot.New(cfg); err != nil {
		return err
	}
	defer c.engine.Close()
	fmt.Fprintln(std.Err, "loading …")
	if err := c.engine.Warm(ctx, *lang); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted while loading")
		}
		return err
	}
	fmt.Fprintln(std.Err, "Type a message. /new begins again, /state shows what is remembered, /quit ends.")
	if *dir == "" {
		return c.talk(ctx)
	}
	fmt.Fprintln(std.Err, "After a reply that missed: /wrong INTENT, or /wrong article ID, says what you meant.")
	c.learnFrom(*name, *dir, cfg.Models)
	return c.talkAndLearn(ctx, gaps)
}

// conversation is one talk in a terminal.
type conversation struct {
	engine  *bot.Engine
	begin   bot.State
	explain bool
	std     Streams
	// Of a conversation with a folder of its own, else nil.
	school *learn.School
	tried  chan learn.Trial
	// said is the customer's last text and in which language.
	said, language string
}

func (c *conversation) learnFrom(name, dir string, models *nlu.Store) {
	c.tried = make(chan learn.Trial, 8)
	c.school = learn.New(learn.Config{Engine: c.engine, Models: models, Pack: name, Dir: dir, Log: slog.New(slog.NewTextHandler(c.std.Err, nil)), Tried: func(_ string, t learn.Trial) {
		select {
		case c.tried <- t:
		default: // nobody reads them any more
		}
	}})
}

// talkAndLearn talks while corrections are learned and unanswered questions kept.
func (c *conversation) talkAndLearn(ctx context.Context, gaps *learn.Collector) error {
	beside, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	for _, run := range []func(context.Context) error{c.school.Run, gaps.Run} {
		work.Go(func() { _ = run(beside) }) // they end with their context alone
	}
	err := c.talk(ctx)
	if language, _ := c.school.Progress(); language != "" {
		fmt.Fprintln(c.std.Err, "what is not learned yet is learned next time, or by hotline bot retrain")
	}
	stop()
	work.Wait()
	return err
}

// talk reads lines until there are no more or ctx ends.
func (c *conversation) talk(ctx context.Context) error {
	lines, failed := readLines(ctx, c.std.In)
	st := c.begin
	for {
		fmt.Fprint(c.std.Out, "> ")
		var line string
		var more bool
		select {
		case <-ctx.Done():
			fmt.Fprintln(c.std.Out)
			return nil
		case t := <-c.tried:
			fmt.Fprintln(c.std.Out)
			printTrial(c.std.Out, t, 5)
			continue
		case line, more = <-lines:
		}
		if !more {
			fmt.Fprintln(c.std.Out)
			return <-failed
		}
		switch word, rest, _ := strings.Cut(strings.TrimSpace(line), " "); word {
		case "/quit":
			return nil
		case "/new":
			st, c.said = c.begin, ""
		case "/state":
			if err := printJSON(c.std.Out, st); err != nil {
				return err
			}
		case "/wrong":
			if err := c.wrong(ctx, strings.TrimSpace(rest)); err != nil {
				fmt.Fprintln(c.std.Out, err)
			}
		default:
			d, err := c.engine.Turn(ctx, st, line)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			st = d.After
			c.said, c.language = strings.TrimSpace(line), st.Language
			fmt.Fprintln(c.std.Out, d.Reply)
			if c.explain {
				explainTurn(c.std.Out, d)
			}
		}
	}
}

// wrong corrects the last text: an intent, or "article ID".
func (c *conversation) wrong(ctx context.Context, meant string) error {
	switch {
	case c.school == nil:
		return errors.New("start with --packs DIR: corrections are kept in that folder")
	case c.said == "":
		return errors.New("nothing was said yet")
	case meant == "":
		return errors.New("/wrong INTENT, /wrong article ID or /wrong out_of_scope")
	}
	fix := learn.Correction{Text: c.said, Intent: meant, By: loginName(c.std.Environ)}
	if id, ok := strings.CutPrefix(meant, "article "); ok {
		fix.Intent, fix.Article = "", strings.TrimSpace(id)
	}
	l, err := c.school.Correct(ctx, c.language, fix)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.std.Out, "kept as %s; it is being learned\n", l.ID)
	return nil
}

// readLines reads lines in a goroutine of its own: a terminal's read cannot be
// interrupted, so it ends with the next line or with the process.
func readLines(ctx context.Context, in io.Reader) (lines <-chan string, failed <-chan error) {
	out, err := make(chan string), make(chan error, 1)
	go func() {
		defer close(out)
		s := bufio.NewScanner(in)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			select {
			case out <- s.Text():
			case <-ctx.Done():
				return
			}
		}
		err <- s.Err()
	}()
	return out, err
}

// explainTurn prints why a reply was given.
func explainTurn(w io.Writer, d bot.Decision) {
	fmt.Fprintf(w, "    %s  intent %s %.2f  because %s\n", d.Action, d.Intent, d.P, strings.Join(d.Reasons, ", "))
	for _, g := range d.Guesses[:min(3, len(d.Guesses))] {
		fmt.Fprintf(w, "    could be %s %.2f\n", g.Intent, g.P)
	}
	for _, e := range d.Entities {
		fmt.Fprintf(w, "    found %s = %s (%q)\n", e.Kind, e.Value, e.Text)
	}
	for _, s := range d.Sources {
		fmt.Fprintf(w, "    from %s%s%s\n", s.Article, s.Intent, s.Lookup)
	}
	fmt.Fprintf(w, "    mood %s\n", d.Mood.Name)
	if d.Packet != nil {
		fmt.Fprintf(w, "    to %s, priority %+d: %s\n", d.Packet.Group, d.Packet.Priority, d.Packet.Summary)
	}
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
