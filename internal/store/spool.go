package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/openhotline/hotline/agent/account"
)

// ErrSpool is returned when a write can be kept neither in the database nor on
// disk.
var ErrSpool error = &sentinel{"store: the spool cannot be written", []error{account.ErrUnavailable}}

// Spool is an append-only file of writes that wait for the database: records
// with a checksum, each on the disk before Append returns. Part of the file is
// reserved beforehand, so that a full disk still takes the ends of the calls
// that run. Use it through DB.Keep.
//
// A record is its length, the CRC-32C of its body (both 32 bits, little
// endian), a byte that tells whether it was replayed, and the body as JSON. A
// length of 0 ends the file.
type Spool struct {
	log  *slog.Logger
	path string

	mu      sync.Mutex
	file    *os.File
	end     int64 // where the next record goes
	next    int64 // the first record that is not replayed
	pending int
}

const (
	spoolMagic   = "HLSPOOL1"
	spoolReserve = 4 << 20
	recordHead   = 9
	maxRecord    = 64 << 20
	waiting      = 1
	replayed     = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// spooled is a write with the fields that its JSON leaves out for the API.
type spooled struct {
	Write   Write             `json:"write"`
	Dialogs map[string][]byte `json:"dialogs,omitempty"` // by leg
	Paths   map[string]string `json:"paths,omitempty"`   // by recording
}

func encodeWrite(w *Write) ([]byte, error) {
	s := spooled{Write: *w, Dialogs: map[string][]byte{}, Paths: map[string]string{}}
	for _, l := range w.Omni.Legs {
		if len(l.Dialog) > 0 {
			s.Dialogs[l.ID] = l.Dialog
		}
	}
	for _, r := range w.Omni.Recordings {
		s.Paths[r.ID] = r.Path
	}
	return json.Marshal(s)
}

func decodeWrite(b []byte) (Write, error) {
	var s spooled
	if err := json.Unmarshal(b, &s); err != nil {
		return Write{}, err
	}
	for i := range s.Write.Omni.Legs {
		l := &s.Write.Omni.Legs[i]
		l.Dialog = s.Dialogs[l.ID]
	}
	for i := range s.Write.Omni.Recordings {
		r := &s.Write.Omni.Recordings[i]
		r.Path = s.Paths[r.ID]
	}
	return s.Write, nil
}

// OpenSpool opens the spool file at path, makes it when missing, and finds
// what a former process left to replay. A record that a crash cut off is
// dropped: its Append never returned.
func OpenSpool(path string, log *slog.Logger) (*Spool, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSpool, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSpool, err)
	}
	s := &Spool{log: log, path: path, file: f}
	if err = s.scan(); err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrSpool, err), f.Close())
	}
	return s, nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (s *Spool) scan() error {
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	s.end, s.next = int64(len(spoolMagic)), int64(len(spoolMagic))
	if info.Size() >= s.end {
		magic := make([]byte, len(spoolMagic))
		if _, err := s.file.ReadAt(magic, 0); err != nil {
			return err
		}
		if string(magic) != spoolMagic && string(magic) != string(make([]byte, len(spoolMagic))) {
			return fmt.Errorf("%s is no spool", s.path)
		}
	}
	first := true
	for s.end+recordHead <= info.Size() {
		body, state, err := s.read(s.end)
		if err != nil {
			if body, err = s.mend(info.Size(), err); err != nil {
				return err
			}
			state = waiting
		}
		if body == nil {
			break
		}
		if state != replayed {
			if first {
				s.next, first = s.end, false
			}
			s.pending++
		}
		s.end += recordHead + int64(len(body))
	}
	if s.pending == 0 {
		return s.reset()
	}
	return s.wipe(s.end, info.Size())
}

// mend deals with a record at the end of what was read that is cut off or
// damaged: the file is kept aside as it is, and the records that are sound
// behind the damage move up. It returns the first of them; nil when there is
// none, as after a crash.
func (s *Spool) mend(size int64, cause error) (body []byte, err error) {
	aside := s.path + ".damaged"
	s.log.Error("spool has a record that is damaged or was cut off by a crash; the file is kept aside", "offset", s.end, "file", aside, "error", cause)
	all := make([]byte, size)
	if _, err := s.file.ReadAt(all, 0); err != nil {
		return nil, err
	}
	all = bytes.TrimRight(all, "\x00")
	if err := os.WriteFile(aside, all, 0o600); err != nil {
		return nil, err
	}
	var sound []byte
	for at := int(s.end) + 1; at+recordHead < len(all); at++ {
		n := binary.LittleEndian.Uint32(all[at:])
		if n == 0 || n > maxRecord || uint64(at)+recordHead+uint64(n) > uint64(len(all)) {
			continue
		}
		end := at + recordHead + int(n)
		if found := all[at+recordHead : end]; crc32.Checksum(found, castagnoli) == binary.LittleEndian.Uint32(all[at+4:]) {
			if all[at+8] != replayed {
				if body == nil {
					body = found
				}
				sound = append(sound, all[at:end]...)
			}
			at = end - 1
		}
	}
	if _, err := s.file.WriteAt(sound, s.end); err != nil {
		return nil, err
	}
	return body, s.wipe(s.end+int64(len(sound)), int64(len(all)))
}

// wipe is blank for a stretch that is mostly blank already.
func (s *Spool) wipe(from, to int64) error {
	rest := make([]byte, max(to-from, 0))
	if _, err := s.file.ReadAt(rest, from); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return s.blank(from, from+int64(len(bytes.TrimRight(rest, "\x00"))))
}

// read returns the record at an offset; nil for the end of the file.
func (s *Spool) read(at int64) (body []byte, state byte, err error) {
	var head [recordHead]byte
	if _, err := s.file.ReadAt(head[:], at); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, 0, nil
		}
		return nil, 0, err
	}
	n := binary.LittleEndian.Uint32(head[:4])
	if n == 0 {
		return nil, 0, nil
	}
	if n > maxRecord {
		return nil, 0, fmt.Errorf("record of %d bytes", n)
	}
	body = make([]byte, n)
	if _, err := s.file.ReadAt(body, at+recordHead); err != nil {
		return nil, 0, err
	}
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[4:8]) {
		return nil, 0, errors.New("checksum is wrong")
	}
	return body, head[8], nil
}

// reset empties the spool and reserves its space again.
func (s *Spool) reset() error {
	start := int64(len(spoolMagic))
	used := s.end
	s.end, s.next, s.pending = start, start, 0
	if err := s.file.Truncate(max(spoolReserve, start)); err != nil {
		return err
	}
	if _, err := s.file.WriteAt([]byte(spoolMagic), 0); err != nil {
		return err
	}
	info, err := s.file.Stat()
	if err != nil {
		return err
	}
	// Zeros are written, not skipped over: only blocks that exist can be
	// overwritten when the disk is full.
	if used <= start {
		used = info.Size()
	}
	return s.blank(start, min(used, info.Size()))
}

func (s *Spool) blank(from, to int64) error {
	zeros := make([]byte, 64<<10)
	for from < to {
		n := min(int64(len(zeros)), to-from)
		if _, err := s.file.WriteAt(zeros[:n], from); err != nil {
			return err
		}
		from += n
	}
	return s.file.Sync()
}

// Append puts a write at the end and returns when it is on the disk.
func (s *Spool) Append(w *Write) error {
	body, err := encodeWrite(w)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSpool, err)
	}
	return s.appendBody(body)
}

func (s *Spool) appendBody(body []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return ErrClosed
	}
	record := make([]byte, recordHead, recordHead+len(body)+4)
	binary.LittleEndian.PutUint32(record, uint32(len(body)))
	binary.LittleEndian.PutUint32(record[4:], crc32.Checksum(body, castagnoli))
	record[8] = waiting
	record = append(append(record, body...), 0, 0, 0, 0) // the end mark of the file
	if _, err := s.file.WriteAt(record, s.end); err != nil {
		_, _ = s.file.WriteAt(make([]byte, recordHead), s.end) // what is half there must not be read
		return fmt.Errorf("%w: %w", ErrSpool, err)
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("%w: %w", ErrSpool, err)
	}
	s.end += int64(len(record) - 4)
	s.pending++
	return nil
}

// Pending is the number of writes that wait.
func (s *Spool) Pending() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pending
}

// undecodable is a record that is whole but that this version cannot read.
type undecodable struct {
	body []byte
	err  error
}

func (u *undecodable) Error() string { return "record of another version: " + u.err.Error() }

// first returns the oldest waiting write and its offset; nil when none waits. The
// error is *undecodable for one that will never be read.
func (s *Spool) first() (w *Write, at int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == 0 || s.file == nil {
		return nil, 0, nil
	}
	for {
		body, state, err := s.read(s.next)
		if err != nil || body == nil {
			return nil, 0, fmt.Errorf("%w: record at %d cannot be read: %v", ErrSpool, s.next, err)
		}
		if state != replayed {
			got, err := decodeWrite(body)
			if err != nil {
				return nil, s.next, &undecodable{body, err}
			}
			return &got, s.next, nil
		}
		s.next += recordHead + int64(len(body))
	}
}

// drop marks the record at an offset as replayed and empties the spool after
// the last. The mark needs no sync: replaying a write again changes nothing
// as long as it is done in order.
func (s *Spool) drop(at int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return ErrClosed
	}
	if _, err := s.file.WriteAt([]byte{replayed}, at+8); err != nil {
		return fmt.Errorf("%w: %w", ErrSpool, err)
	}
	if s.pending--; s.pending > 0 {
		return nil
	}
	if err := s.reset(); err != nil {
		return fmt.Errorf("%w: %w", ErrSpool, err)
	}
	return nil
}

// Close closes the file. Closing twice is fine.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// replayAtStart bounds how long UseSpool replays.
const replayAtStart = time.Minute

// UseSpool opens the spool in a folder and writes what a former process left
// there, before anything is read that it changes and before a lease goes to
// another holder or epoch. From then on Keep may be used and Commit keeps the
// order with it.
func (db *DB) UseSpool(ctx context.Context, dir string) error {
	s, err := OpenSpool(filepath.Join(dir, "spool"), db.log)
	if err != nil {
		return err
	}
	rejected, err := OpenSpool(filepath.Join(dir, "spool.rejected"), db.log)
	if err != nil {
		return errors.Join(err, s.Close())
	}
	k := &keeper{db: db, spool: s, rejected: rejected, wake: make(chan struct{}, 1), replays: make(chan struct{}, 1)}
	if n := s.Pending(); n > 0 {
		db.log.Warn("writes of a former process are replayed", "writes", n)
		limited, cancel := context.WithTimeout(ctx, replayAtStart)
		err := k.replay(limited)
		cancel()
		if err != nil {
			return errors.Join(fmt.Errorf("%d writes of a former process cannot be replayed: %w", s.Pending(), err), s.Close(), rejected.Close())
		}
	}
	db.keep.Store(k)
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	stopped := db.stop
	db.stop = func() { stop(); stopped() }
	db.done.Go(func() { k.run(ctx) })
	return nil
}

// Keep is Commit for writes that must not be lost: while the database is away
// they go to the spool, in order, and are replayed when it is back. A nil error
// means that the write is on the disk, here or there. Spooled events get their
// numbers when they are replayed.
func (db *DB) Keep(ctx context.Context, w Write) error {
	k := db.keep.Load()
	if k == nil {
		_, err := db.Commit(ctx, w)
		return err
	}
	return k.keep(ctx, &w)
}

// Spooled is the number of writes that wait for the database.
func (db *DB) Spooled() int {
	if k := db.keep.Load(); k != nil {
		return k.spool.Pending()
	}
	return 0
}

// Rejected is the number of writes that the database refused for good when
// they were replayed; they are kept in the file spool.rejected.
func (db *DB) Rejected() int {
	if k := db.keep.Load(); k != nil {
		return k.rejected.Pending()
	}
	return 0
}
