package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/lookup"
	"github.com/openhotline/hotline/bot/pack"
	"github.com/openhotline/hotline/bot/sample"
)

// chatCommand talks to the bot in a terminal: a line in, a reply out.
func chatCommand(ctx context.Context, args []string, std Streams) error {
	fl := flags("chat", "[--pack P] [--lang L] [--explain] [--overlay DIR]", std)
	name := fl.String("pack", "ecommerce", "industry pack: "+strings.Join(pack.Names(), ", "))
	lang := fl.String("lang", "zh", "language the conversation begins in: zh, en, ja")
	explain := fl.Bool("explain", false, "print how each reply was found")
	dir := fl.String("overlay", "", "folder of your own pack files, laid over the pack")
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
	engine, err := chatEngine(*name, *lang, *dir, std.Err)
	if err != nil {
		return err
	}
	defer engine.Close()
	fmt.Fprintln(std.Err, "loading …")
	if err := engine.Warm(ctx, *lang); err != nil {
		return err
	}
	fmt.Fprintln(std.Err, "Type a message. /new begins again, /state shows what is remembered, /quit ends.")
	return talk(ctx, engine, bot.State{Language: *lang}, *explain, std)
}

// chatEngine is a bot whose look-ups ask the sample service.
func chatEngine(name, lang, dir string, errs io.Writer) (*bot.Engine, error) {
	l, err := sampleLookup()
	if err != nil {
		return nil, err
	}
	return bot.New(bot.Config{Pack: name, Language: lang, Lookup: l, Overlays: overlays(dir), Models: userModels(errs)})
}

// sampleLookup asks the sample service, inside the process.
func sampleLookup() (*lookup.Client, error) {
	actions, err := lookup.Parse(sample.Actions)
	if err != nil {
		return nil, err
	}
	transport, err := sample.Transport()
	if err != nil {
		return nil, err
	}
	return lookup.NewClient(actions, transport), nil
}

func talk(ctx context.Context, engine *bot.Engine, begin bot.State, explain bool, std Streams) error {
	lines := bufio.NewScanner(std.In)
	lines.Buffer(nil, 1<<20)
	st := begin
	for {
		fmt.Fprint(std.Out, "> ")
		if !lines.Scan() {
			fmt.Fprintln(std.Out)
			return lines.Err()
		}
		switch line := lines.Text(); strings.TrimSpace(line) {
		case "/quit":
			return nil
		case "/new":
			st = begin
		case "/state":
			if err := printJSON(std.Out, st); err != nil {
				return err
			}
		default:
			d, err := engine.Turn(ctx, st, line)
			if err != nil {
				return err
			}
			st = d.After
			fmt.Fprintln(std.Out, d.Reply)
			if explain {
				explainTurn(std.Out, d)
			}
		}
	}
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
