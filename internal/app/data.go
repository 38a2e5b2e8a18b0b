package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/openhotline/hotline/internal/config"
	"github.com/openhotline/hotline/internal/journey"
	"github.com/openhotline/hotline/internal/store"
)

// openStore opens the database of a configuration for a command.
func openStore(ctx context.Context, cfg config.Config, std Streams) (*store.DB, error) {
	if err := makeData(cfg.Data); err != nil {
		return nil, err
	}
	return store.Open(ctx, cfg.DatabaseURL(), logger(cfg.Log, std.Err))
}

// errNoInstallation means that a command was started in the wrong folder, or
// with another configuration than the service.
var errNoInstallation = errors.New("there is no installation here")

// openExisting is openStore for commands that make no sense without a database:
// they must not make one where they happen to be started.
func openExisting(ctx context.Context, cfg config.Config, std Streams) (*store.DB, error) {
	if path, ok := strings.CutPrefix(cfg.DatabaseURL(), "sqlite:"); ok {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s does not exist (give the service's --config or --data)", errNoInstallation, absolute(path))
		}
	}
	return openStore(ctx, cfg, std)
}

func migrateCommand(ctx context.Context, args []string, std Streams) error {
	cfg, rest, err := configured("migrate", "[flags]", args, std, nil)
	if err != nil {
		return err
	}
	if err := wants(std, rest, 0, "flags only"); err != nil {
		return err
	}
	db, err := openStore(ctx, cfg, std)
	if err != nil {
		return err
	}
	defer db.Close()
	fmt.Fprintf(std.Out, "the database is at version %d\n", db.SchemaVersion())
	return nil
}

// withExisting does something with the database of a command's configuration,
// which must be there. n and what say which arguments the command wants, define
// its own flags (nil: none).
func withExisting(ctx context.Context, name, usage string, args []string, std Streams, n int, what string, define func(*flag.FlagSet),
	do func(cfg config.Config, rest []string, db *store.DB) error) error {
	cfg, rest, err := configured(name, usage, args, std, define)
	if err != nil {
		return err
	}
	if err := wants(std, rest, n, what); err != nil {
		return err
	}
	db, err := openExisting(ctx, cfg, std)
	if err != nil {
		return err
	}
	defer db.Close()
	return do(cfg, rest, db)
}

func backupCommand(ctx context.Context, args []string, std Streams) error {
	return withExisting(ctx, "backup", "FILE [flags]", args, std, 1, "the file to write", nil, func(cfg config.Config, rest []string, db *store.DB) error {
		m, err := db.BackupTo(ctx, rest[0], cfg.RecordingsDir())
		if err != nil {
			return err
		}
		fmt.Fprintf(std.Out, "wrote %s: %d files, verified\n", rest[0], len(m.Files))
		return nil
	})
}

func restoreCommand(ctx context.Context, args []string, std Streams) error {
	force := false
	cfg, rest, err := configured("restore", "FILE [--force] [flags]", args, std, func(fs *flag.FlagSet) {
		fs.BoolVar(&force, "force", false, "replace what is in the database")
	})
	if err != nil {
		return err
	}
	if err := wants(std, rest, 1, "the backup's file"); err != nil {
		return err
	}
	if err := makeData(cfg.Data); err != nil {
		return err
	}
	lock, err := lockData(cfg.Data)
	if err != nil {
		return err
	}
	defer lock.Close()
	db, err := openStore(ctx, cfg, std)
	if err != nil {
		return err
	}
	defer db.Close()
	began := time.Now()
	m, err := db.Restore(ctx, rest[0], cfg.RecordingsDir(), force)
	if errors.Is(err, store.ErrNotEmpty) {
		return fmt.Errorf("%w (--force replaces what is there)", err)
	}
	if err != nil {
		return err
	}
	left := journey.Config{Recordings: cfg.RecordingsDir(), Now: func() time.Time { return m.CreatedAt.Truncate(time.Microsecond) }}
	if err := journey.CloseRestored(ctx, left, journeyStore{DB: db}, logger(cfg.Log, std.Err)); err != nil {
		return fmt.Errorf("close the calls that were live when the backup was made: %w", err)
	}
	fmt.Fprintf(std.Out, "restored %s: %d files in %s\n", rest[0], len(m.Files), time.Since(began).Round(time.Millisecond))
	return nil
}
