package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/openhotline/hotline/internal/config"
	"github.com/openhotline/hotline/internal/simulate"
)

// errSimulation is a simulation in which something was lost, stuck or wrong.
var errSimulation = errors.New("the simulation found faults, see the report")

func simulateCommand(ctx context.Context, args []string, std Streams) error {
	fs := flags("simulate", "[flags]", std)
	cfg := simulate.Config{}
	var mix, level string
	asJSON := false
	fs.StringVar(&cfg.Target, "target", "http://127.0.0.1:8080", "base address of the installation")
	fs.StringVar(&cfg.SIP, "sip", "", "host:port of its SIP (default: the target's host, port 5060)")
	fs.StringVar(&cfg.Email, "email", "admin@demo", "an administrator's log-in")
	fs.StringVar(&cfg.Password, "password", "", "its password (default: HOTLINE_DEMO_PASSWORD)")
	fs.IntVar(&cfg.WebAgents, "web-agents", 2, "agents at browsers")
	fs.IntVar(&cfg.SIPAgents, "sip-agents", 2, "agents at desk phones")
	fs.StringVar(&cfg.Queue, "queue", "qu_sales", "queue that they serve")
	fs.Float64Var(&cfg.Rate, "rate", 1, "calls per second")
	fs.DurationVar(&cfg.Duration, "duration", time.Minute, "how long calls are begun")
	fs.IntVar(&cfg.MaxCalls, "max-calls", 250, "calls at once")
	fs.DurationVar(&cfg.Talk, "talk", 20*time.Second, "mean talk time")
	fs.DurationVar(&cfg.Patience, "patience", 2*time.Minute, "mean time a caller waits")
	fs.DurationVar(&cfg.PickUp, "pick-up", 2*time.Second, "mean time until an agent answers")
	fs.DurationVar(&cfg.WrapUp, "wrap-up", 2*time.Second, "mean wrap-up")
	fs.Float64Var(&cfg.TCP, "tcp", 0, "share of the calls over TCP")
	fs.StringVar(&mix, "mix", "9002=1", "what callers dial and press: NUMBER[/KEYS]=WEIGHT, separated by spaces")
	fs.Uint64Var(&cfg.Seed, "seed", 0, "of everything random (default: the clock)")
	fs.BoolVar(&cfg.AllowRemote, "allow-remote", false, "allow a target that is not this machine")
	fs.BoolVar(&cfg.Keep, "keep", false, "leave the simulated agents set up")
	fs.BoolVar(&asJSON, "json", false, "print the report as JSON")
	fs.StringVar(&level, "log-level", "warn", "debug, info, warn or error")
	rest, err := parse(fs, args)
	if err != nil {
		return err
	}
	if err := wants(std, rest, 0, "flags only"); err != nil {
		return err
	}
	if cfg.Mix, err = parseMix(mix); err != nil {
		return err
	}
	if cfg.Password == "" {
		cfg.Password = variable(std.Environ, "HOTLINE_DEMO_PASSWORD")
	}
	cfg.Log = logger(config.Log{Level: level, Format: "text"}, std.Err)
	report, err := simulate.Run(ctx, cfg, func(p simulate.Progress) {
		fmt.Fprintf(std.Err, "\r%4.0f s  begun %d, waiting %d, talking %d, over %d, bad %d   ", p.Elapsed.Seconds(), p.Begun, p.Ringing, p.Talking, p.Over, p.Bad)
	})
	fmt.Fprintln(std.Err)
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(std.Out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(report); err != nil {
			return err
		}
	} else {
		report.Print(std.Out)
	}
	if !report.OK() {
		return errSimulation
	}
	return nil
}

// parseMix reads NUMBER[/KEYS]=WEIGHT words.
func parseMix(text string) ([]simulate.Mix, error) {
	var out []simulate.Mix
	for _, word := range strings.Fields(text) {
		what, weight, ok := strings.Cut(word, "=")
		w := 1.0
		if ok {
			var err error
			if w, err = strconv.ParseFloat(weight, 64); err != nil {
				return nil, fmt.Errorf("--mix: weight %q is no number", weight)
			}
		}
		number, keys, _ := strings.Cut(what, "/")
		out = append(out, simulate.Mix{Number: number, Keys: keys, Weight: w})
	}
	return out, nil
}

// variable finds a variable of the environment.
func variable(environ []string, name string) string {
	for _, e := range environ {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v
		}
	}
	return ""
}
