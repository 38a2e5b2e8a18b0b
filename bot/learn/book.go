package learn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/openhotline/hotline/bot/disk"
	"github.com/openhotline/hotline/bot/pack"
	"github.com/openhotline/hotline/internal/id"
)

// book is the corrections file of a pack in a language. Lines are appended under
// a lock that all processes share, and are on the disk before append returns.
type book struct {
	path string
	now  func() time.Time
}

func (s *School) book(language string) book {
	return book{filepath.Join(s.cfg.Dir, s.cfg.Pack, language, pack.LessonsFile), s.cfg.Now}
}

// read returns the lines; none where there is no file.
func (b book) read() (pack.Lessons, error) {
	text, err := os.ReadFile(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	lessons, _, problems := pack.ParseLessons(b.path, text)
	if len(problems) > 0 {
		return nil, problems
	}
	return lessons, nil
}

// append adds the line that next makes of those that are there. What a process
// that was killed left of a line is cut off first.
func (b book) append(ctx context.Context, next func(pack.Lessons) (pack.Lesson, error)) (_ pack.Lesson, err error) {
	f, made, err := disk.Lock(ctx, b.path)
	if err != nil {
		return pack.Lesson{}, fmt.Errorf("learn: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }() // gives the lock back
	text, err := io.ReadAll(f)
	if err != nil {
		return pack.Lesson{}, fmt.Errorf("learn: %w", err)
	}
	lessons, whole, problems := pack.ParseLessons(b.path, text)
	if len(problems) > 0 {
		return pack.Lesson{}, problems
	}
	l, err := next(lessons)
	if err != nil {
		return pack.Lesson{}, err
	}
	l.ID, l.At, l.Line = id.New(id.Correction), b.now().UTC().Truncate(time.Millisecond), len(lessons)+1
	line, err := json.Marshal(l)
	if err != nil {
		return pack.Lesson{}, fmt.Errorf("learn: %w", err)
	}
	if _, _, problems := pack.ParseLessons(b.path, append(text[:whole:whole], append(line, '\n')...)); len(problems) > 0 {
		return pack.Lesson{}, problems // it could not be read again
	}
	if err := f.Truncate(int64(whole)); err != nil {
		return pack.Lesson{}, fmt.Errorf("learn: %w", err)
	}
	if _, err = f.WriteAt(append(line, '\n'), int64(whole)); err == nil {
		err = f.Sync()
	}
	if err == nil && made {
		err = disk.SyncFolder(filepath.Dir(b.path))
	}
	if err != nil {
		return pack.Lesson{}, fmt.Errorf("learn: %w", err)
	}
	return l, nil
}
