package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openhotline/hotline/internal/config"
	"github.com/openhotline/hotline/internal/config/doctor"
	"github.com/openhotline/hotline/internal/httpapi/apply"
)

func applyCommand(ctx context.Context, args []string, std Streams) error {
	fs := flags("apply", "FILE.yaml [--dry-run] [flags]", std)
	server := fs.String("server", "http://127.0.0.1:8080", "base address of the running installation")
	token := fs.String("token", "", "an administrator's API token (default: HOTLINE_TOKEN)")
	dry := fs.Bool("dry-run", false, "show the difference and change nothing")
	asJSON := fs.Bool("json", false, "print the difference as JSON")
	insecure := fs.Bool("insecure", false, "accept a self-made certificate")
	rest, err := parse(fs, args)
	if err != nil {
		return err
	}
	if err := wants(std, rest, 1, "the file to apply"); err != nil {
		return err
	}
	secret := cmp.Or(*token, variable(std.Environ, "HOTLINE_TOKEN"))
	if secret == "" {
		return errors.New("apply wants an administrator's API token: make one under Administration › Tokens and give it with --token or HOTLINE_TOKEN")
	}
	text, err := os.ReadFile(rest[0])
	if err != nil {
		return err
	}
	doc, err := apply.Read(rest[0], text, os.DirFS(filepath.Dir(rest[0])))
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: 30 * time.Second}
	if *insecure {
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // asked for
	}
	plan, err := apply.NewPlan(ctx, &apply.Client{Base: strings.TrimRight(*server, "/"), Token: secret, HTTP: client}, doc)
	if err != nil {
		return err
	}
	if *asJSON {
		err = json.NewEncoder(std.Out).Encode(plan)
	} else {
		err = plan.Print(std.Out)
	}
	if err != nil || *dry || plan.Changes() == 0 {
		return err
	}
	if err := plan.Apply(ctx); err != nil {
		return err
	}
	if !*asJSON {
		fmt.Fprintf(std.Out, "applied %d changes\n", plan.Changes())
	}
	return nil
}

// errUnhealthy is a doctor's report with a fault in it.
var errUnhealthy = errors.New("something is wrong, see above")

func doctorCommand(ctx context.Context, args []string, std Streams) error {
	asJSON := false
	cfg, rest, err := configured("doctor", "[--json] [flags]", args, std, func(fs *flag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "print the findings as JSON")
	})
	if err != nil {
		return err
	}
	if err := wants(std, rest, 0, "flags only"); err != nil {
		return err
	}
	cfg.Log = config.Log{Level: "error", Format: "text"}
	speech := engines(cfg.TTS)
	report := doctor.Run(ctx, doctor.Options{
		Config: cfg,
		Speech: speech.Check,
		Database: func(ctx context.Context) (string, error) {
			db, err := openStore(ctx, cfg, std)
			if err != nil {
				return "", err
			}
			defer db.Close()
			return fmt.Sprintf("%s, tables of version %d", db.Dialect(), db.SchemaVersion()), db.Ping(ctx)
		},
		FailedRecordings: func(ctx context.Context, since time.Time) (int, time.Time, error) {
			db, err := openStore(ctx, cfg, std)
			if err != nil {
				return 0, time.Time{}, err
			}
			defer db.Close()
			return db.FailedRecordings(ctx, since)
		},
	})
	if asJSON {
		err = report.WriteJSON(std.Out)
	} else {
		err = report.Write(std.Out)
	}
	if err == nil && !report.Healthy {
		return errUnhealthy
	}
	return err
}
