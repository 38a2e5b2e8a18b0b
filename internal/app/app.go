// Package app wires the parts together and holds the commands of the one
// binary. It decides nothing: what calls, conversations and people do is in the
// packages below.
package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/openhotline/hotline/internal/config"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Environ  []string
	Version  string
}

// command is one word of the command line.
type command struct {
	name, args, what string
	run              func(ctx context.Context, args []string, std Streams) error
}

func commands() []command {
	return []command{
		{"serve", "[--config FILE] [--data DIR] [--demo] …", "the service", serveCommand},
		{"simulate", "[--rate N] [--web-agents N] …", "callers and agents against a running installation, with a report", simulateCommand},
		{"apply", "FILE.yaml [--dry-run]", "lines, numbers, queues, agents, flows from a file", applyCommand},
		{"flow", "check FILE | test FILE SCRIPT…", "check a flow, or run scripted dialogues against it", flowCommand},
		{"chat", "[--pack P] [--lang L] [--explain]", "talk to the bot in this terminal", chatCommand},
		{"bot", "correct TEXT | retrain | versions | rollback N | gaps …", "teach the bot: corrections, versions, unanswered questions", botCommand},
		{"eval", "--data FILE.jsonl [--train FILE.jsonl] …", "measure what the bot understands against labelled rows", evalCommand},
		{"backup", "FILE", "database and recordings into one verified file", backupCommand},
		{"restore", "FILE [--force]", "database and recordings from a backup", restoreCommand},
		{"verify", "[--head SEAL] [--json]", "whether a recording was changed since it was finished", verifyCommand},
		{"doctor", "[--json]", "check ports, disk, clock, database, speech engines, certificates", doctorCommand},
		{"user", "list | password EMAIL | add EMAIL NAME ROLE", "people and their passwords", userCommand},
		{"phone-link", "NUMBER… [--for 24h] [--base URL]", "address at which customers call from a browser", phoneLinkCommand},
		{"demo", "remove", "remove the demo shop and its history", demoCommand},
		{"migrate", "", "bring the database to this version", migrateCommand},
		{"version", "", "version of this binary", versionCommand},
	}
}

// errUsage is returned for a command line that cannot be understood; what was
// wrong is printed already.
var errUsage = errors.New("app: bad command line")

// Run runs a command line and returns the exit code: 0 done, 1 failed, 2 not
// understood.
func Run(ctx context.Context, args []string, std Streams) int {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		usage(std.Out)
		return 0
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, args[1:], std)
		switch {
		case err == nil, errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errUsage):
			return 2
		}
		fmt.Fprintln(std.Err, "hotline:", err)
		return 1
	}
	fmt.Fprintf(std.Err, "hotline: unknown command %q\n\n", args[0])
	usage(std.Err)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "hotline: the contact centre in one binary\n\nCommands:")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-10s %-44s %s\n", c.name, c.args, c.what)
	}
	fmt.Fprintln(w, "\nhotline COMMAND --help lists the flags of a command.")
}

// flags makes the flag set of a command.
func flags(name, args string, std Streams) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(std.Err)
	fs.Usage = func() {
		fmt.Fprintf(std.Err, "hotline %s %s\n\n", name, args)
		fs.PrintDefaults()
	}
	return fs
}

// parse reads flags and arguments in any order, as people type them.
func parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := fs.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, errUsage
		}
		if fs.NArg() == 0 {
			return rest, nil
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
}

// configured parses a command line with the configuration's flags.
func configured(name, usage string, args []string, std Streams, more func(*flag.FlagSet)) (config.Config, []string, error) {
	fs := flags(name, usage, std)
	values := config.Flags(fs)
	if more != nil {
		more(fs)
	}
	rest, err := parse(fs, args)
	if err != nil {
		return config.Config{}, nil, err
	}
	cfg, err := config.Load(values, std.Environ)
	if err != nil {
		return cfg, nil, fmt.Errorf("configuration:\n%w", err)
	}
	return cfg, rest, nil
}

// logger makes the log on standard error.
func logger(cfg config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo
	}
	opts := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

func versionCommand(_ context.Context, _ []string, std Streams) error {
	fmt.Fprintln(std.Out, std.Version)
	return nil
}

// wants checks the number of arguments.
func wants(std Streams, rest []string, n int, what string) error {
	if len(rest) == n {
		return nil
	}
	fmt.Fprintf(std.Err, "hotline: wants %s\n", strings.TrimSpace(what))
	return errUsage
}

// makeData makes the data folder, readable by its owner only.
func makeData(dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}
