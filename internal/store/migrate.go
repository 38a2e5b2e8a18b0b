package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed migration
var migrations embed.FS

// migration is one numbered step; a published one never changes.
type migration struct {
	version int
	name    string
	sql     string
}

// migrationsOf reads the embedded steps of a dialect in their order.
func migrationsOf(dialect string) ([]migration, error) {
	dir := path.Join("migration", dialect)
	entries, err := fs.ReadDir(migrations, dir)
	if err != nil {
		return nil, fmt.Errorf("store: migrations: %w", err)
	}
	var steps []migration
	for _, e := range entries {
		number, _, _ := strings.Cut(e.Name(), "_")
		v, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("store: migration %s has no number", e.Name())
		}
		text, err := fs.ReadFile(migrations, path.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("store: migrations: %w", err)
		}
		steps = append(steps, migration{v, e.Name(), string(text)})
	}
	slices.SortFunc(steps, func(a, b migration) int { return a.version - b.version })
	for i, s := range steps {
		if s.version != i+1 {
			return nil, fmt.Errorf("store: migration %d is missing before %s", i+1, s.name)
		}
	}
	return steps, nil
}

// SchemaVersion is the number of the newest migration this binary knows.
func (db *DB) SchemaVersion() int {
	steps, err := migrationsOf(db.dialect.name)
	if err != nil {
		return 0
	}
	return len(steps)
}

// migrate applies the steps that the database has not seen, each in one
// transaction. Several nodes may start at once: an advisory lock (PostgreSQL)
// or the write lock (SQLite) makes them take turns.
func (db *DB) migrate(ctx context.Context) error {
	steps, err := migrationsOf(db.dialect.name)
	if err != nil {
		return err
	}
	const table = `CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)`
	if err := db.step(ctx, func(q querier) error {
		_, err := q.ExecContext(ctx, table)
		return err
	}); err != nil {
		return db.failed("migrate", err)
	}
	for _, s := range steps {
		if err := db.step(ctx, func(q querier) error { return db.applyMigration(ctx, q, s, len(steps)) }); err != nil {
			return db.failed("migrate "+s.name, err)
		}
	}
	return nil
}

func (db *DB) applyMigration(ctx context.Context, q querier, s migration, newest int) error {
	var at int
	if err := q.QueryRowContext(ctx, "SELECT coalesce(max(version), 0) FROM schema_version").Scan(&at); err != nil {
		return err
	}
	if at > newest {
		return fmt.Errorf("%w: its schema is number %d, this binary knows %d; start a newer hotline or restore a backup",
			ErrNewer, at, newest)
	}
	if at >= s.version {
		return nil
	}
	if _, err := q.ExecContext(ctx, s.sql); err != nil {
		return err
	}
	_, err := q.ExecContext(ctx, "INSERT INTO schema_version (version, name, applied_at) VALUES ($1, $2, "+db.dialect.now+")", s.version, s.name)
	if err == nil {
		db.log.Info("database migrated", "step", s.name)
	}
	return err
}

// step runs f in one transaction that excludes other migrating processes.
func (db *DB) step(ctx context.Context, f func(querier) error) error {
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	if db.dialect.name == "postgres" {
		for _, text := range []string{"SET LOCAL lock_timeout = 0", "SELECT pg_advisory_xact_lock(4872310021)"} {
			if _, err := tx.ExecContext(ctx, text); err != nil {
				return err
			}
		}
	}
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}
