package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/openhotline/hotline/agent/account"
	"github.com/openhotline/hotline/internal/config"
	"github.com/openhotline/hotline/internal/journey/demo"
	"github.com/openhotline/hotline/internal/store"
	flows "github.com/openhotline/hotline/ivr/demo"
)

// seedDemo seeds the demo shop into an empty installation and returns the
// password it made; it is empty when nothing was done or the password is given.
func seedDemo(ctx context.Context, db *store.DB, cfg config.Config, nodeID string, log *slog.Logger) (string, error) {
	seeded, err := demo.Seeded(ctx, db)
	if err == nil && !seeded {
		var turn store.Lease
		if turn, err = seedTurn(ctx, db, nodeID); err == nil {
			defer func() { _ = db.Release(context.WithoutCancel(ctx), turn) }() // else it runs out
			seeded, err = demo.Seeded(ctx, db)
		}
	}
	if err != nil {
		return "", err
	}
	empty, err := demo.Empty(ctx, db)
	if err != nil {
		return "", err
	}
	if !seeded && !empty {
		log.Warn("this installation is set up already: the demo shop is not added")
		return "", nil
	}
	if seeded && cfg.DemoPassword == "" {
		return "", nil // as printed the first time
	}
	password, printed := cfg.DemoPassword, ""
	if password == "" {
		password = strings.ToLower(rand.Text()[:16])
		printed = password
	}
	hash, err := account.NewHasher(account.HasherConfig{}).Hash(ctx, password)
	if err != nil {
		return "", fmt.Errorf("demo password: %w", err)
	}
	if seeded {
		return "", demo.SetPassword(ctx, db, hash)
	}
	entries, err := flows.Entries()
	if err != nil {
		return "", err
	}
	list := make([]demo.Flow, 0, len(entries))
	for _, e := range entries {
		list = append(list, demo.Flow{ID: e.FlowID, Name: e.Name, Number: e.Number, Description: e.Title["en"], Text: e.Text})
	}
	return printed, demo.Seed(ctx, db, list, hash, time.Now().UTC().Truncate(time.Microsecond))
}

// seedTurn makes nodes that start at the same time seed one after another.
func seedTurn(ctx context.Context, db *store.DB, nodeID string) (store.Lease, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		turn, err := db.Acquire(ctx, "demo", nodeID, 30*time.Second)
		if !errors.Is(err, store.ErrLeaseHeld) {
			return turn, err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return turn, context.Cause(ctx)
		}
	}
}

// printDemo tells how to log in.
func printDemo(w io.Writer, password string, given bool) {
	fmt.Fprintf(w, "log-ins  %s\n", strings.Join(demo.Logins, ", "))
	switch {
	case given:
		fmt.Fprintln(w, "password as set with HOTLINE_DEMO_PASSWORD")
	case password != "":
		fmt.Fprintf(w, "password %s\n", password)
	default:
		fmt.Fprintln(w, "password as at the first start (hotline user password agent@demo sets another)")
	}
	fmt.Fprintln(w, "numbers  9000 main menu, 9001 echo, 9002 sales, 9003 tone; test phone at /phone")
}

func demoCommand(ctx context.Context, args []string, std Streams) error {
	cfg, rest, err := configured("demo", "remove [flags]", args, std, nil)
	if err != nil {
		return err
	}
	if len(rest) != 1 || rest[0] != "remove" {
		return wants(std, rest, -1, "the word remove")
	}
	db, err := openExisting(ctx, cfg, std)
	if err != nil {
		return err
	}
	defer db.Close()
	n, err := demo.Remove(ctx, db)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.Out, "removed the demo shop: %d records, %d conversations\n", n.Records, n.Conversations)
	return nil
}
