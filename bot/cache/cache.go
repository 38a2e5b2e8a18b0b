// Package cache keeps what took long to make in the files of one folder, each
// under the hash of all that it was made of. What is damaged, cut short or of
// another make is dropped, and made again by who asked. Any number of processes
// may use one folder: a file appears whole or not at all.
//
// It knows bytes and keys. It does not know models.
package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	// magic begins every file. Its last byte is the version of the header.
	magic = "HOTLINE\x01"
	// headerSize is magic, length of the content, its SHA-256 and the key.
	headerSize = len(magic) + 8 + 2*sha256.Size
	// DefaultLimit is how many bytes a folder may hold: all packs in all
	// languages several times over, as their files change.
	DefaultLimit = 512 << 20
	// forgotten is the age from which a file that was never finished is removed.
	forgotten = time.Hour

	extension  = ".cache"
	unfinished = ".part"
)

// Key is the hash of all that a file's content depends on.
type Key [sha256.Size]byte

// String returns the key in hexadecimal.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Sum hashes what a content depends on, piece by piece: no two lists of pieces
// give the same bytes.
type Sum struct{ b []byte }

// Text adds a text.
func (s *Sum) Text(t string) {
	s.b = binary.AppendUvarint(s.b, uint64(len(t)))
	s.b = append(s.b, t...)
}

// Number adds a number.
func (s *Sum) Number(v float64) { s.b = binary.LittleEndian.AppendUint64(s.b, math.Float64bits(v)) }

// Key returns the hash.
func (s *Sum) Key() Key { return sha256.Sum256(s.b) }

// Folder is a folder of files. A nil one holds nothing and keeps nothing.
type Folder struct {
	dir   string
	limit int64
	log   *slog.Logger
}

// Open makes the folder if it is not there. limit is how many bytes it may
// hold, 0 for DefaultLimit; what was not used for longest goes first. A nil log
// says nothing.
func Open(dir string, limit int64, log *slog.Logger) (*Folder, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if limit <= 0 {
		limit = DefaultLimit
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cache: %w", err)
	}
	return &Folder{dir: dir, limit: limit, log: log}, nil
}

// Dir is where the files are.
func (f *Folder) Dir() string { return f.dir }

func (f *Folder) path(kind string, key Key) string {
	return filepath.Join(f.dir, kind+"-"+hex.EncodeToString(key[:16])+extension)
}

// Load returns the content that was saved under kind and key. What is there but
// is not whole is removed.
func (f *Folder) Load(kind string, key Key) ([]byte, bool) {
	if f == nil {
		return nil, false
	}
	path := f.path(kind, key)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false
	}
	if err != nil {
		f.log.Warn("cached file cannot be read", "file", path, "error", err)
		return nil, false
	}
	content, err := open(raw, key)
	if err != nil {
		f.log.Warn("cached file dropped", "file", path, "error", err)
		f.Drop(kind, key)
		return nil, false
	}
	now := time.Now()
	if err := os.Chtimes(path, now, now); err != nil { // only makes it older than it is
		f.log.Debug("cached file not marked as used", "file", path, "error", err)
	}
	return content, true
}

var (
	errForeign = errors.New("not a file of this cache, or of another version")
	errLength  = errors.New("cut short or too long")
	errHash    = errors.New("content does not match its hash")
	errKey     = errors.New("made of something else")
)

// open checks a file and returns its content.
func open(raw []byte, key Key) ([]byte, error) {
	if len(raw) < headerSize || string(raw[:len(magic)]) != magic {
		return nil, errForeign
	}
	rest := raw[len(magic):]
	length, sum, made, content := binary.LittleEndian.Uint64(rest), rest[8:8+sha256.Size], rest[8+sha256.Size:8+2*sha256.Size], raw[headerSize:]
	switch {
	case length != uint64(len(content)):
		return nil, errLength
	case !bytes.Equal(made, key[:]):
		return nil, errKey
	}
	if got := sha256.Sum256(content); !bytes.Equal(got[:], sum) {
		return nil, errHash
	}
	return content, nil
}

// Drop removes what was saved under kind and key, for who finds that its
// content does not serve.
func (f *Folder) Drop(kind string, key Key) {
	if f == nil {
		return
	}
	path := f.path(kind, key)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.log.Warn("cached file cannot be removed", "file", path, "error", err)
	}
}

// Save keeps a content. One that cannot be kept is said in the log: it is made
// again next time.
func (f *Folder) Save(kind string, key Key, content []byte) {
	if f == nil {
		return
	}
	path := f.path(kind, key)
	if err := f.write(path, key, content); err != nil {
		f.log.Warn("not cached", "file", path, "error", err)
		return
	}
	if err := f.prune(path); err != nil {
		f.log.Warn("cache not tidied", "folder", f.dir, "error", err)
	}
}

// write makes the file under another name first. It is not forced to the disk:
// what a power failure cuts short is found by its hash.
func (f *Folder) write(path string, key Key, content []byte) (err error) {
	sum := sha256.Sum256(content)
	header := make([]byte, 0, headerSize)
	header = append(header, magic...)
	header = binary.LittleEndian.AppendUint64(header, uint64(len(content)))
	header = append(append(header, sum[:]...), key[:]...)

	part, err := os.CreateTemp(f.dir, "*"+unfinished)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	_, err = part.Write(header)
	if err == nil {
		_, err = part.Write(content)
	}
	if err = errors.Join(err, part.Close()); err != nil {
		return err
	}
	return os.Rename(part.Name(), path)
}

// prune removes what was never finished, and what was not used for longest
// where the folder holds more than it may; the file just saved stays.
func (f *Folder) prune(saved string) error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	var files []fs.FileInfo
	var size int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // another process removed it
		}
		switch filepath.Ext(e.Name()) {
		case unfinished:
			if time.Since(info.ModTime()) > forgotten {
				err = errors.Join(err, f.remove(e.Name()))
			}
		case extension:
			size += info.Size()
			files = append(files, info)
		}
		if err != nil {
			return err
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range files {
		if size <= f.limit {
			break
		}
		if info.Name() == filepath.Base(saved) {
			continue
		}
		if err := f.remove(info.Name()); err != nil {
			return err
		}
		size -= info.Size()
	}
	return nil
}

func (f *Folder) remove(name string) error {
	if err := os.Remove(filepath.Join(f.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
