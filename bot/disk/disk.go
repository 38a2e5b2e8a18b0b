// Package disk writes files that several processes share: under a lock that the
// end of a process gives back, and whole or not at all.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// LockWait is how long Lock waits where its context allows more.
	LockWait  = 10 * time.Second
	lockEvery = 5 * time.Millisecond
)

// ErrLocked is returned where another process holds a lock for too long.
var ErrLocked = errors.New("disk: locked by another process")

// Lock opens a file for reading and writing, and for this process alone among
// those that lock it, making it and its folders where they are not there; made
// tells that. Closing it gives the lock back. The file must not be replaced: one
// that is has a lock file beside it.
func Lock(ctx context.Context, path string) (f *os.File, made bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, false, err
	}
	_, err = os.Stat(path)
	made = errors.Is(err, fs.ErrNotExist)
	if f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, false, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, LockWait, ErrLocked)
	defer cancel()
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, made, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, false, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
		}
		select {
		case <-ctx.Done():
			return nil, false, errors.Join(fmt.Errorf("lock %s: %w", path, context.Cause(ctx)), f.Close())
		case <-time.After(lockEvery):
		}
	}
}

// Replace writes a whole file: it is the old one or the new one at any moment,
// and the new one is on the disk when Replace returns.
func Replace(path string, content []byte) (err error) {
	part, err := os.CreateTemp(filepath.Dir(path), ".*.part")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	if _, err = part.Write(content); err == nil {
		err = part.Sync()
	}
	if err = errors.Join(err, part.Close()); err != nil {
		return err
	}
	if err = os.Rename(part.Name(), path); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes sure that the names in a folder are on the disk.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
