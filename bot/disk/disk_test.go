package disk

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestLockExcludes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a", "b")
	f, made, err := Lock(t.Context(), path)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := Lock(short, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("two have the lock: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	g, made, err := Lock(t.Context(), path)
	if err != nil || made {
		t.Fatal(made, err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, content := range []string{"one", "two, and longer", ""} {
		if err := Replace(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("%q, %v", got, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(filepath.Join(dir, "folder"), nil); err == nil {
		t.Error("a folder was replaced by a file")
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".*.part")); err != nil || len(left) != 0 {
		t.Errorf("%q are left, %v", left, err)
	}
}
