package store

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The errors of backups. Test with errors.Is.
var (
	ErrBackup   = errors.New("store: the backup is damaged or not one of ours")
	ErrNotEmpty = errors.New("store: the database is not empty")
)

// Manifest is the last entry of a backup and says what belongs to it. A backup
// is a tar archive: database/TABLE.jsonl.gz for every table (a line with the
// columns, then a line per row), recordings/PATH for every recording, and
// MANIFEST.json. It can be restored into either kind of database.
type Manifest struct {
	Format    int            `json:"format"`
	CreatedAt time.Time      `json:"created_at"`
	Dialect   string         `json:"dialect"`
	Schema    int            `json:"schema"`
	Rows      map[string]int `json:"rows"`
	Files     []FileSum      `json:"files"`
}

// FileSum is one file of a backup.
type FileSum struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

const (
	backupFormat = 1
	manifestName = "MANIFEST.json"
	maxManifest  = 256 << 20
)

// tables are those of a backup, and the order of their rows. Leases and
// sessions of browsers are left out: they belong to the running installation.
// So are the sheets of figures, which are made again from the segments.
var tables = []struct{ name, order string }{
	{"customers", "id"}, {"identities", "id"}, {"consents", "id"}, {"conversations", "id"}, {"counters", "conversation_id"},
	{"segments", "id"}, {"legs", "id"}, {"recordings", "id"}, {"seals", "seq"}, {"seal_head", "id"}, {"erasures", "id"}, {"erasure_parts", "erasure_id, conversation_id"}, {"messages", "id"}, {"events", "seq"},
	{"records", "kind, id"}, {"audit", "id"}, {"presences", "agent_id"}, {"works", "id"}, {"offers", "id"},
	{"queue_entries", "conversation_id"},
}

// Backup writes a consistent snapshot of the database and the files of the
// recordings folder (none when empty) to out, while calls go on.
func (db *DB) Backup(ctx context.Context, out io.Writer, recordings string) (Manifest, error) {
	m := Manifest{Format: backupFormat, CreatedAt: time.Now().UTC(), Dialect: db.dialect.name, Schema: db.SchemaVersion(), Rows: map[string]int{}}
	a := &archive{tar: tar.NewWriter(out), manifest: &m}
	err := db.snapshot(ctx, func(q querier) error {
		for _, t := range tables {
			if err := a.table(ctx, q, t.name, t.order); err != nil {
				return fmt.Errorf("table %s: %w", t.name, err)
			}
		}
		return nil
	})
	if err != nil {
		return m, db.failed("backup", err)
	}
	if recordings != "" {
		if err := a.folder(ctx, recordings); err != nil {
			return m, fmt.Errorf("backup of recordings: %w", err)
		}
	}
	if err := a.finish(); err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	return m, nil
}

// BackupTo writes a backup into a new file, reads all of it again to verify
// it, and only then gives it its name.
func (db *DB) BackupTo(ctx context.Context, path, recordings string) (Manifest, error) {
	partial := path + ".partial"
	f, err := os.OpenFile(partial, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return Manifest{}, fmt.Errorf("backup: %w", err)
	}
	defer os.Remove(partial) //nolint:errcheck // gone after the renaming
	if _, err = db.Backup(ctx, f, recordings); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return Manifest{}, err
	}
	m, err := VerifyBackup(ctx, partial)
	if err != nil {
		return Manifest{}, err
	}
	if err := os.Rename(partial, path); err != nil {
		return Manifest{}, fmt.Errorf("backup: %w", err)
	}
	return m, syncFolder(filepath.Dir(path))
}

// archive writes a backup.
type archive struct {
	tar      *tar.Writer
	manifest *Manifest
}

// entry writes size bytes of r under a name; fewer are an error.
func (a *archive) entry(name string, size int64, r io.Reader) error {
	if err := a.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: a.manifest.CreatedAt, Format: tar.FormatPAX}); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(a.tar, sum), r, size); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.manifest.Files = append(a.manifest.Files, FileSum{name, size, hex.EncodeToString(sum.Sum(nil))})
	return nil
}

// table copies one table through a temporary file, since tar wants the size
// first.
func (a *archive) table(ctx context.Context, q querier, name, order string) error {
	f, err := os.CreateTemp("", "hotline-backup-")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close(); _ = os.Remove(f.Name()) }()
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return err
	}
	n, err := dumpTable(ctx, q, z, name, order)
	if err = errors.Join(err, z.Close()); err != nil {
		return err
	}
	a.manifest.Rows[name] = n
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return a.entry("database/"+name+".jsonl.gz", size, f)
}

// bytesValue is how a BLOB is written.
type bytesValue struct {
	Base64 string `json:"base64"`
}

func dumpTable(ctx context.Context, q querier, out io.Writer, name, order string) (int, error) {
	rows, err := q.QueryContext(ctx, "SELECT * FROM "+name+" ORDER BY "+order)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return 0, err
	}
	use := make([]int, 0, len(columns)) // the outbox number is PostgreSQL's own
	head := make([]string, 0, len(columns))
	for i, c := range columns {
		if c.Name() != "outbox" {
			use, head = append(use, i), append(head, c.Name())
		}
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(head); err != nil {
		return 0, err
	}
	values, pointers := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	line, n := make([]any, len(use)), 0
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			return n, err
		}
		for k, i := range use {
			line[k] = portable(values[i], columns[i].DatabaseTypeName())
		}
		if err := enc.Encode(line); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

// portable gives a value the form that both databases take.
func portable(v any, kind string) any {
	switch v := v.(type) {
	case []byte:
		return bytesValue{base64.StdEncoding.EncodeToString(v)}
	case int64:
		if kind == "BOOLEAN" { // SQLite's truth is a number
			return v != 0
		}
	}
	return v
}

// folder copies the recordings as they are now; one that still grows is copied
// up to its present length, which is a valid file.
func (a *archive) folder(ctx context.Context, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile, or no recording was ever made
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		return a.entry("recordings/"+filepath.ToSlash(rel), info.Size(), f)
	})
}

func (a *archive) finish() error {
	b, err := json.MarshalIndent(a.manifest, "", " ")
	if err != nil {
		return err
	}
	h := &tar.Header{Name: manifestName, Mode: 0o600, Size: int64(len(b)), ModTime: a.manifest.CreatedAt, Format: tar.FormatPAX}
	if err := a.tar.WriteHeader(h); err != nil {
		return err
	}
	if _, err := a.tar.Write(b); err != nil {
		return err
	}
	return a.tar.Close()
}

// VerifyBackup reads a whole backup and compares every file with the manifest.
// The error wraps ErrBackup and names the file concerned.
func VerifyBackup(ctx context.Context, path string) (Manifest, error) {
	var sums []FileSum
	m, err := eachEntry(ctx, path, func(name string, size int64, r io.Reader) error {
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			return fmt.Errorf("%w: %w", ErrBackup, err)
		}
		sums = append(sums, FileSum{name, size, hex.EncodeToString(sum.Sum(nil))})
		return nil
	})
	if err != nil {
		return Manifest{}, err
	}
	if m.Format != backupFormat {
		return Manifest{}, fmt.Errorf("%w: format %d is not known", ErrBackup, m.Format)
	}
	if len(sums) != len(m.Files) {
		return Manifest{}, fmt.Errorf("%w: %d files, the manifest names %d", ErrBackup, len(sums), len(m.Files))
	}
	for i, f := range m.Files {
		if sums[i] != f {
			return Manifest{}, fmt.Errorf("%w: %s does not agree with the manifest", ErrBackup, f.Path)
		}
	}
	return m, nil
}

// eachEntry calls f with every file of a backup and returns its manifest.
func eachEntry(ctx context.Context, path string, f func(name string, size int64, r io.Reader) error) (m Manifest, err error) {
	file, err := os.Open(path)
	if err != nil {
		return m, fmt.Errorf("backup: %w", err)
	}
	defer file.Close()
	for r := tar.NewReader(file); ; {
		if err := context.Cause(ctx); err != nil {
			return m, err
		}
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return m, fmt.Errorf("%w: it has no manifest", ErrBackup)
		}
		if err != nil {
			return m, fmt.Errorf("%w: %w", ErrBackup, err)
		}
		if h.Name == manifestName {
			err := json.NewDecoder(io.LimitReader(r, maxManifest)).Decode(&m)
			if err != nil {
				return m, fmt.Errorf("%w: manifest: %w", ErrBackup, err)
			}
			return m, nil
		}
		under, rel, _ := strings.Cut(h.Name, "/")
		if h.Typeflag != tar.TypeReg || under != "database" && under != "recordings" || !filepath.IsLocal(filepath.FromSlash(rel)) {
			return m, fmt.Errorf("%w: entry %q", ErrBackup, h.Name)
		}
		if err := f(h.Name, h.Size, r); err != nil {
			return m, fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}
