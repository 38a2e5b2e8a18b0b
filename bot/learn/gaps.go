package learn

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/disk"
	"github.com/openhotline/hotline/bot/faq"
	"github.com/openhotline/hotline/internal/redact"
)

const (
	gapsFile = "gaps.jsonl"
	// longestGap bounds the text of a question, in bytes.
	longestGap = 600
	// spareGaps is how many more than faq.MostGaps a file may hold before it is
	// cut back to them.
	spareGaps = 1000
)

// GapFolder keeps questions in a customer's pack folder: PACK/LANG/gaps.jsonl,
// the last ten thousand. It implements bot.GapStore.
type GapFolder struct{ Dir string }

var _ bot.GapStore = GapFolder{}

func (g GapFolder) path(pack, language string) (string, error) {
	for _, part := range []string{pack, language} {
		if part == "" || part != filepath.Base(part) || strings.HasPrefix(part, ".") {
			return "", fmt.Errorf("learn: %q is no folder of a pack", part)
		}
	}
	return filepath.Join(g.Dir, pack, language, gapsFile), nil
}

// KeepGaps appends questions to their files.
func (g GapFolder) KeepGaps(ctx context.Context, gaps []bot.Gap) error {
	files := map[string][]bot.Gap{}
	for _, q := range gaps {
		path, err := g.path(q.Pack, q.Language)
		if err != nil {
			return err
		}
		if len(q.Text) > longestGap {
			q.Text = strings.ToValidUTF8(q.Text[:longestGap], "")
		}
		q.Text = redact.Cards(q.Text)
		files[path] = append(files[path], q)
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := keep(ctx, path, files[path]); err != nil {
			return fmt.Errorf("learn: %w", err)
		}
	}
	return nil
}

// keep appends to one file, and cuts it back where it has become too long.
func keep(ctx context.Context, path string, gaps []bot.Gap) (err error) {
	lock, _, err := disk.Lock(ctx, path+".lock")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	lines := readGaps(text)
	var more bytes.Buffer
	for _, q := range gaps {
		line, err := json.Marshal(q)
		if err != nil {
			return err
		}
		more.Write(append(line, '\n'))
	}
	if len(lines)+len(gaps) > faq.MostGaps+spareGaps || len(text) > 0 && text[len(text)-1] != '\n' {
		all := append(lines, gaps...)
		more.Reset()
		for _, q := range all[max(0, len(all)-faq.MostGaps):] {
			line, err := json.Marshal(q)
			if err != nil {
				return err
			}
			more.Write(append(line, '\n'))
		}
		return disk.Replace(path, more.Bytes())
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(more.Bytes())
	return errors.Join(err, f.Close())
}

// readGaps reads the lines that can be read: one that was cut short is no loss.
func readGaps(text []byte) []bot.Gap {
	var out []bot.Gap
	for line := range bytes.Lines(text) {
		var q bot.Gap
		if json.Unmarshal(line, &q) == nil && q.Text != "" {
			out = append(out, q)
		}
	}
	return out
}

// ListGaps returns the questions of a pack in a language, the oldest first.
func (g GapFolder) ListGaps(_ context.Context, pack, language string) ([]bot.Gap, error) {
	path, err := g.path(pack, language)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("learn: %w", err)
	}
	return readGaps(text), nil
}

// Group is questions about the same that were not answered.
type Group struct {
	Label     string         `json:"label"` // the most central question
	Count     int            `json:"count"`
	Questions []string       `json:"questions"`        // each text once
	Intent    string         `json:"intent,omitempty"` // the likeliest one of most of them
	Reasons   map[string]int `json:"reasons"`
	Last      time.Time      `json:"last"`
}

// Gaps groups the questions that are kept, the largest group first, without
// those that were corrected or are part of an article, drafts included.
func (s *School) Gaps(ctx context.Context, store bot.GapStore, language string, smallest int) ([]Group, error) {
	kept, err := store.ListGaps(ctx, s.cfg.Pack, language)
	if err != nil {
		return nil, err
	}
	done, background, err := s.settled(language)
	if err != nil {
		return nil, err
	}
	var texts []string
	by := map[string][]bot.Gap{}
	for _, q := range kept {
		if done[settledAs(q.Text, language)] {
			continue
		}
		texts = append(texts, q.Text)
		by[q.Text] = append(by[q.Text], q)
	}
	groups, err := faq.Gaps(ctx, texts, faq.GapsConfig{Background: background, Smallest: smallest})
	if err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	var out []Group
	for _, f := range groups {
		g := Group{Label: f.Label, Count: f.Count, Questions: f.Questions, Reasons: map[string]int{}}
		intents := map[string]int{}
		for _, text := range f.Questions {
			for _, q := range by[text] {
				g.Reasons[q.Reason]++
				intents[q.Intent]++
				if q.At.After(g.Last) {
					g.Last = q.At
				}
			}
		}
		names := slices.SortedFunc(maps.Keys(intents), func(a, b string) int {
			return cmp.Or(cmp.Compare(intents[b], intents[a]), strings.Compare(a, b))
		})
		g.Intent = names[0]
		out = append(out, g)
	}
	return out, nil
}
