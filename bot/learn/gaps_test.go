package learn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/faq"
	"github.com/openhotline/hotline/bot/pack"
)

func gap(text string) bot.Gap {
	return bot.Gap{Pack: "desk", Language: "en", Text: text, Reason: "not_understood", Intent: "parcel", At: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)}
}

func keepGaps(t *testing.T, dir string, texts ...string) {
	t.Helper()
	var gaps []bot.Gap
	for _, text := range texts {
		gaps = append(gaps, gap(text))
	}
	if err := (GapFolder{dir}).KeepGaps(t.Context(), gaps); err != nil {
		t.Fatal(err)
	}
}

func listGaps(t *testing.T, dir string) []bot.Gap {
	t.Helper()
	got, err := GapFolder{dir}.ListGaps(t.Context(), "desk", "en")
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestGapFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if got := listGaps(t, dir); len(got) != 0 {
		t.Error(got)
	}
	keepGaps(t, dir, "do you take bitcoin", "my card 4111 1111 1111 1111 is refused", strings.Repeat("ü", 400))
	got := listGaps(t, dir)
	if len(got) != 3 || got[0] != gap("do you take bitcoin") || strings.Contains(got[1].Text, "4111 1111") || len(got[2].Text) > longestGap {
		t.Errorf("%+v", got)
	}
	if other, err := (GapFolder{dir}).ListGaps(t.Context(), "desk", "ja"); err != nil || len(other) != 0 {
		t.Error(other, err)
	}
	path := filepath.Join(dir, "desk", "en", gapsFile)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"text":"cut sho`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	keepGaps(t, dir, "are dogs allowed")
	if got := listGaps(t, dir); len(got) != 4 || got[3].Text != "are dogs allowed" {
		t.Errorf("behind a line that was cut short: %+v", got)
	}
	for _, bad := range []bot.Gap{{Pack: "../x", Language: "en"}, {Pack: "desk", Language: ".."}, {Pack: "", Language: "en"}} {
		if err := (GapFolder{dir}).KeepGaps(t.Context(), []bot.Gap{bad}); err == nil {
			t.Errorf("%+v is kept", bad)
		}
	}
}

func TestGapFolderIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := 0
	for range 13 {
		texts := make([]string, 1000)
		for i := range texts {
			texts[i] = fmt.Sprintf("question %d", n)
			n++
		}
		keepGaps(t, dir, texts...)
	}
	got := listGaps(t, dir)
	if len(got) < faq.MostGaps || len(got) > faq.MostGaps+spareGaps || got[len(got)-1].Text != fmt.Sprintf("question %d", n-1) {
		t.Errorf("%d are kept, the last is %+v", len(got), got[len(got)-1])
	}
}

// memoryStore is a store that may be held up.
type memoryStore struct {
	hold chan struct{}
	kept []bot.Gap
}

func (m *memoryStore) KeepGaps(ctx context.Context, gaps []bot.Gap) error {
	select {
	case <-m.hold:
	case <-ctx.Done():
		return ctx.Err()
	}
	m.kept = append(m.kept, gaps...)
	return nil
}

func (m *memoryStore) ListGaps(context.Context, string, string) ([]bot.Gap, error) {
	return m.kept, nil
}

// A store that hangs holds nobody up, and what waits at the end is kept.
func TestCollector(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &memoryStore{hold: make(chan struct{})}
		c := NewCollector(store, nil)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		for i := range waitingGaps + 10 {
			c.Add(gap(fmt.Sprint(i)))
		}
		if n := c.dropped.Load(); n != 10 {
			t.Errorf("%d are dropped, want 10", n)
		}
		time.Sleep(flushEvery + time.Millisecond) // it hangs in the store now
		c.Add(gap("one more"))
		close(store.hold)
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if n := len(store.kept); n != waitingGaps+1 || store.kept[n-1].Text != "one more" {
			t.Errorf("%d are kept", n)
		}
	})
}

func TestGapsAreGroupedAndSettled(t *testing.T) {
	t.Parallel()
	dir := newDesk(t)
	write(t, dir, map[string]string{"desk/en/faq.yaml": "articles: []\n"})
	s := school(t, dir, nil)
	store := GapFolder{dir}
	c := NewCollector(store, nil)
	e, err := bot.New(bot.Config{Pack: "desk", Language: "en", Overlays: overlays(dir), Models: models(), Gaps: c})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, text := range []string{"do you accept bitcoin as payment", "can I pay with bitcoin, my number is 07700 900123", "can I pay with bitcoin"} {
		for range 3 { // until it is given up
			d, err := e.Turn(t.Context(), bot.State{Language: "en", Failures: 1}, text)
			if err != nil {
				t.Fatal(err)
			}
			if d.Action != bot.HandOver {
				t.Errorf("%q is answered: %+v", text, d)
			}
		}
	}
	c.flush()
	for _, q := range listGaps(t, dir) {
		if strings.Contains(q.Text, "900123") {
			t.Errorf("%q is kept", q.Text)
		}
	}
	keepGaps(t, dir, "are dogs allowed in the shop", "is my dog allowed in your shop", "are dogs allowed in the shop")
	groups, err := s.Gaps(t.Context(), store, "en", 2)
	if err != nil || len(groups) != 2 {
		t.Fatalf("%+v, %v", groups, err)
	}
	coin, dogs := groups[0], groups[1]
	if coin.Label != "can I pay with bitcoin" || coin.Count < 6 || len(coin.Questions) != 3 || coin.Last.IsZero() || coin.Reasons["failed_twice"] == 0 || dogs.Count != 3 || dogs.Intent != "parcel" {
		t.Errorf("%+v", groups)
	}

	path, err := s.Draft(t.Context(), "en", coin, "bitcoin", "refund")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Draft(t.Context(), "en", coin, "bitcoin", ""); !errors.Is(err, ErrInput) {
		t.Errorf("the same id twice: %v", err)
	}
	if _, err := s.Draft(t.Context(), "en", coin, "bit coin", ""); !errors.Is(err, ErrInput) {
		t.Errorf("a bad id: %v", err)
	}
	if _, err := s.CorrectGroup(t.Context(), "en", dogs, Correction{Intent: pack.OutOfScope, By: "ann"}); err != nil {
		t.Fatal(err)
	}
	if groups, err = s.Gaps(t.Context(), store, "en", 1); err != nil || len(groups) != 0 {
		t.Errorf("settled, and still there: %+v, %v", groups, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := pack.Load("desk", "en", overlays(dir)...); err != nil || len(p.Articles) != 0 {
		t.Errorf("the draft counts before it is answered, or %v", err)
	}
	write(t, dir, map[string]string{"desk/en/drafts.yaml": strings.Replace(string(text), `answer: ""`, `answer: "Not yet."`, 1)})
	p, err := pack.Load("desk", "en", overlays(dir)...)
	if err != nil || len(p.Articles) != 1 || p.Articles[0].Answer != "Not yet." || p.Articles[0].Intent != "refund" || len(p.Articles[0].Variants) != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}
