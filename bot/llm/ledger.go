package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/openhotline/hotline/bot/disk"
)

// FileLedger keeps the tokens of the day in a file of a folder, which any number
// of processes may share. The file is the old one or the new one at any moment.
type FileLedger struct{ dir string }

var _ Ledger = (*FileLedger)(nil)

// OpenLedger makes the folder if it is not there. Where what was kept cannot be
// read it is an error here rather than a budget that begins again.
func OpenLedger(dir string) (*FileLedger, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("llm: ledger: %w", err)
	}
	l := &FileLedger{dir}
	if _, err := l.page(); err != nil {
		return nil, err
	}
	return l, nil
}

const (
	ledgerFile = "assistant-tokens.json"
	ledgerWait = 2 * time.Second // for another process that writes
)

// page is the ledger's content: one day.
type page struct {
	Day    string `json:"day"` // YYYY-MM-DD, UTC
	Tokens int    `json:"tokens"`
}

func (l *FileLedger) path() string { return filepath.Join(l.dir, ledgerFile) }

func (l *FileLedger) page() (p page, err error) {
	text, err := os.ReadFile(l.path())
	if errors.Is(err, fs.ErrNotExist) {
		return page{}, nil
	}
	if err != nil {
		return page{}, fmt.Errorf("llm: ledger: %w", err)
	}
	if err := json.Unmarshal(text, &p); err != nil || p.Tokens < 0 {
		return page{}, fmt.Errorf("llm: ledger: %s is damaged; removing it sets the day's budget back", l.path())
	}
	return p, nil
}

// Spent returns the tokens of a day; of one that is not kept, none.
func (l *FileLedger) Spent(day string) (int, error) {
	p, err := l.page()
	if err != nil || p.Day != day {
		return 0, err
	}
	return p.Tokens, nil
}

// Spend adds tokens to a day. They are on the disk when it returns. A later day
// takes the place of the one that is kept; to an earlier one, which ended while
// an answer came, nothing is added.
func (l *FileLedger) Spend(day string, tokens int) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), ledgerWait)
	defer cancel()
	lock, _, err := disk.Lock(ctx, l.path()+".lock")
	if err != nil {
		return fmt.Errorf("llm: ledger: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	p, err := l.page()
	switch {
	case err != nil:
		return err
	case day < p.Day:
		return nil
	case day > p.Day:
		p = page{Day: day}
	}
	p.Tokens = max(p.Tokens+tokens, 0)
	text, err := json.Marshal(p)
	if err == nil {
		err = disk.Replace(l.path(), text)
	}
	if err != nil {
		return fmt.Errorf("llm: ledger: %w", err)
	}
	return nil
}
