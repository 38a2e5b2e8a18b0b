package llm

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFileLedger(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	l, err := OpenLedger(dir)
	if err != nil {
		t.Fatal(err)
	}
	spent := func(day string, want int) {
		t.Helper()
		again, err := OpenLedger(dir) // as the next process would
		if err != nil {
			t.Fatal(err)
		}
		if n, err := again.Spent(day); err != nil || n != want {
			t.Errorf("%s: %d, %v, want %d", day, n, err, want)
		}
	}
	for _, tokens := range []int{100, 20} {
		if err := l.Spend("2026-11-28", tokens); err != nil {
			t.Fatal(err)
		}
	}
	spent("2026-11-28", 120)
	spent("2026-11-29", 0)
	if err := l.Spend("2026-11-29", 7); err != nil {
		t.Fatal(err)
	}
	if err := l.Spend("2026-11-28", 50); err != nil { // began before midnight
		t.Fatal(err)
	}
	spent("2026-11-29", 7)
	if err := os.WriteFile(filepath.Join(dir, ledgerFile), []byte(`{"day":"2026`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenLedger(dir); err == nil || !strings.Contains(err.Error(), ledgerFile) {
		t.Errorf("a damaged file: %v", err)
	}
}

// However many questions two processes ask at once on one folder, each spends at
// most one question more than the budget has left, and most of it is spent.
func TestTwoProcessesShareABudget(t *testing.T) {
	t.Parallel()
	const each, budget = 120, 2000 // tokens; what the peer says that an answer took
	now := func() time.Time { return time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC) }
	peer := newPeer(t, says("Within 7 days. [return_window]"))
	dir := t.TempDir()
	var all sync.WaitGroup
	for range 2 {
		l, err := OpenLedger(dir)
		if err != nil {
			t.Fatal(err)
		}
		p := provider(t, peer, func(c *Config) { c.DayTokens, c.Ledger, c.Now, c.MaxTokens = budget, l, now, 50 })
		for range 8 {
			all.Go(func() {
				for range 10 {
					if _, err := p.Answer(t.Context(), question); err != nil && !errors.Is(err, ErrBudget) && !errors.Is(err, ErrBusy) {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	l, err := OpenLedger(dir)
	if err != nil {
		t.Fatal(err)
	}
	spent, err := l.Spent("2026-11-28")
	if err != nil {
		t.Fatal(err)
	}
	if n := int(peer.asked.Load()); spent != n*each || spent < budget-8*(rulesTokens+100) || spent > budget+2*each {
		t.Errorf("%d tokens are kept of %d questions; the budget is %d", spent, n, budget)
	}
}

// With one question left, eight at once are not eight questions.
func TestQuestionsAtOnceReserveTheirShare(t *testing.T) {
	t.Parallel()
	peer := newPeer(t, says("Within 7 days. [return_window]"))
	p := provider(t, peer, func(c *Config) { c.DayTokens = 90 })
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := p.Answer(t.Context(), question); err != nil && !errors.Is(err, ErrBudget) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := peer.asked.Load(); n != 1 {
		t.Errorf("%d questions were asked with tokens for one", n)
	}
}

// A ledger that does not take what was spent ends the spending, and the next
// process begins with what was kept.
type fullLedger struct{ ledger }

func (fullLedger) Spend(string, int) error { return errors.New("disk full") }

func TestWhatIsNotKeptIsNotSpent(t *testing.T) {
	t.Parallel()
	peer := newPeer(t, says("Within 7 days. [return_window]"))
	p := provider(t, peer, func(c *Config) { c.Ledger = fullLedger{ledger{}} })
	for range 2 {
		if _, err := p.Answer(t.Context(), question); !errors.Is(err, ErrBudget) {
			t.Error(err)
		}
	}
	if n := peer.asked.Load(); n != 0 {
		t.Errorf("%d questions were asked", n)
	}
}
