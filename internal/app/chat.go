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
	engine, err := bot.New(cfg)
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

// talk reads lines until there are no more or ctx ends.
func talk(ctx context.Context, engine *bot.Engine, begin bot.State, explain bool, std Streams) error {
	lines, failed := readLines(ctx, std.In)
	st := begin
	for {
		fmt.Fprint(std.Out, "> ")
		var line string
		var more bool
		select {
		case <-ctx.Done():
			fmt.Fprintln(std.Out)
			return nil
		case line, more = <-lines:
		}
		if !more {
			fmt.Fprintln(std.Out)
			return <-failed
		}
		switch strings.TrimSpace(line) {
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
			if ctx.Err() != nil {
				return nil
			}
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
