package learn

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openhotline/hotline/bot"
	"github.com/openhotline/hotline/bot/cache"
	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/bot/pack"
)

// models is where all tests keep what they train: the same pack is trained once.
var models = sync.OnceValue(func() *nlu.Store {
	dir, err := os.MkdirTemp("", "learn")
	if err != nil {
		panic(err)
	}
	folder, err := cache.Open(dir, 0, nil)
	if err != nil {
		panic(err)
	}
	return nlu.NewStore(folder)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if err := os.RemoveAll(models().Folder().Dir()); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// desk are the files of a small pack: three intents, two articles, and none of
// the shared intents, so that it is trained in a moment.
func desk() map[string]string {
	var gone strings.Builder
	for _, in := range []string{"greeting", "goodbye", "thanks", "complaint", "bot_identity", "opening_hours", "repeat", "affirm", "deny", "human_agent", "out_of_scope"} {
		fmt.Fprintf(&gone, "  %s: {remove: true}\n", in)
	}
	rows := func(forms ...string) string {
		var b strings.Builder
		for _, f := range forms {
			for _, thing := range []string{"lamp", "table", "coat", "book", "phone", "chair", "bag", "watch"} {
				b.WriteString("  " + strings.ReplaceAll(f, "*", thing) + "\n")
			}
		}
		return b.String()
	}
	return map[string]string{
		"shared/pack.yaml": "intents:\n" + gone.String(),
		"desk/pack.yaml": `pack: desk
title: {zh-CN: 台, en: Desk, ja: 台}
groups:
  front: {title: {zh-CN: 前台, en: Front, ja: 受付}}
intents:
  parcel: {group: front}
  refund: {group: front}
  mend: {group: front}
  out_of_scope: {}
`,
		"desk/en/intents.yaml": "parcel: |\n" + rows("where is my *", "has the * been sent", "when does the * get here", "track the * for me") +
			"refund: |\n" + rows("give me my money back for the *", "I want a refund for the *", "pay me back for the *", "refund the * please") +
			"mend: |\n" + rows("the * is broken can you mend it", "repair my *", "the * stopped working fix it", "who repairs a *") + "out_of_scope: |\n  what is the weather\n  tell me a joke\n  who won the match\n  is there life on mars\n",
		"desk/en/texts.yaml": `intents:
  parcel: {label: Parcel, answer: It is on its way.}
  refund: {label: Refund, answer: You get it back.}
  mend: {label: Repair, answer: We mend it.}
`,
		"desk/en/faq.yaml":        "articles:\n- {id: gift, question: Do you wrap presents?, variants: [gift wrapping, can you wrap it as a gift], answer: Yes.}\n- {id: vat, question: Do prices include tax?, variants: [is tax included, prices with vat], answer: Yes.}\n",
		"desk/en/regression.yaml": "parcel: |\n  where is my table\nrefund: |\n  I want a refund for the book\nmend: |\n  repair my watch\n",
	}
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// school opens a folder as a process would. change may be nil.
func school(t *testing.T, dir string, change func(*Config)) *School {
	t.Helper()
	e, err := bot.New(bot.Config{Pack: "desk", Language: "en", Overlays: overlays(dir), Models: models()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	cfg := Config{Engine: e, Models: models(), Pack: "desk", Dir: dir}
	if change != nil {
		change(&cfg)
	}
	return New(cfg)
}

func newDesk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, desk())
	return dir
}

func correct(t *testing.T, s *School, text, intent string) pack.Lesson {
	t.Helper()
	l, err := s.Correct(t.Context(), "en", Correction{Text: text, Intent: intent, By: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func retrain(t *testing.T, s *School) Trial {
	t.Helper()
	trial, err := s.Retrain(t.Context(), "en")
	if err != nil {
		t.Fatal(err)
	}
	return trial
}

func means(t *testing.T, s *School, text, intent string) {
	t.Helper()
	r, err := s.cfg.Engine.Read(t.Context(), "en", text)
	if err != nil {
		t.Fatal(err)
	}
	if r.Intent != intent {
		t.Errorf("%q means %s (%.2f), want %s", text, r.Intent, r.P, intent)
	}
}

func inUse(t *testing.T, s *School, version int) {
	t.Helper()
	if v, ok := s.cfg.Engine.Version("en"); !ok || v != version {
		t.Errorf("the engine has version %d (%v), want %d", v, ok, version)
	}
}

const odd = "no sign of the wardrobe yet"

func TestLearnsAndReturns(t *testing.T) {
	t.Parallel()
	dir := newDesk(t)
	s := school(t, dir, nil)
	if _, err := s.Retrain(t.Context(), "en"); !errors.Is(err, ErrNothing) {
		t.Fatalf("without corrections: %v", err)
	}
	before, err := s.cfg.Engine.Read(t.Context(), "en", odd)
	if err != nil || before.Intent == "mend" {
		t.Fatalf("%q means %s already, %v", odd, before.Intent, err)
	}
	correct(t, s, odd, "mend")
	means(t, s, odd, before.Intent) // not before it was tried
	trial := retrain(t, s)
	if !trial.Accepted || trial.Version != 1 || trial.Corrections != 1 || trial.Learned != 1 || trial.Dev.Rows == 0 || trial.Regression.Rows < 3 {
		t.Fatalf("%+v", trial)
	}
	means(t, s, odd, "mend")
	inUse(t, s, 1)
	if _, err := s.Retrain(t.Context(), "en"); !errors.Is(err, ErrNothing) {
		t.Errorf("learned twice: %v", err)
	}

	correct(t, s, "wrap it nicely", "parcel")
	if trial := retrain(t, s); trial.Version != 2 || trial.Corrections != 2 {
		t.Fatalf("%+v", trial)
	}
	means(t, s, "wrap it nicely", "parcel")

	if err := s.Rollback(t.Context(), "en", 1, "bob"); err != nil {
		t.Fatal(err)
	}
	inUse(t, s, 1)
	means(t, s, odd, "mend")
	if list, err := s.Corrections("en"); err != nil || len(list) != 1 || !list[0].InUse || list[0].By != "ann" {
		t.Errorf("%+v, %v", list, err)
	}
	if err := s.Rollback(t.Context(), "en", 7, "bob"); !errors.Is(err, ErrNoVersion) {
		t.Error(err)
	}
	if err := s.Rollback(t.Context(), "en", 0, "bob"); err != nil {
		t.Fatal(err)
	}
	means(t, s, odd, before.Intent)
	if err := s.Rollback(t.Context(), "en", 2, "bob"); err != nil {
		t.Fatal(err)
	}
	means(t, s, "wrap it nicely", "parcel")
	versions, err := s.Versions("en")
	if err != nil || len(versions) != 2 || versions[0].Number != 2 || !versions[0].InUse || versions[1].InUse || versions[1].Trial.Learned != 1 {
		t.Errorf("%+v, %v", versions, err)
	}

	again := school(t, dir, nil) // another process, or this one after a restart
	means(t, again, "wrap it nicely", "parcel")
	inUse(t, again, 2)
}

// The same corrections give the same model, whatever was tried before.
func TestSameCorrectionsSameModel(t *testing.T) {
	t.Parallel()
	one, two := school(t, newDesk(t), nil), school(t, newDesk(t), nil)
	correct(t, one, odd, "mend")
	correct(t, one, "wrap it nicely", "parcel")
	retrain(t, one)
	l := correct(t, two, "wrap it nicely", "refund")
	correct(t, two, odd, "mend")
	retrain(t, two)
	if err := two.Withdraw(t.Context(), "en", l.ID, "ann"); err != nil {
		t.Fatal(err)
	}
	correct(t, two, "wrap it nicely", "parcel")
	retrain(t, two)
	id := func(s *School) cache.Key {
		p, err := pack.Load("desk", "en", s.overlays()...)
		if err != nil {
			t.Fatal(err)
		}
		m, err := models().Train(t.Context(), p.Examples(), p.Training())
		if err != nil {
			t.Fatal(err)
		}
		return m.ID()
	}
	if id(one) != id(two) {
		t.Error("two models")
	}
}

// A model that would lose a text that must keep its intent is not taken, and the
// report names it; without the bad correction the others are learned.
func TestRefusesWhatLosesRegressionTexts(t *testing.T) {
	t.Parallel()
	dir := newDesk(t)
	s := school(t, dir, nil)
	var bad []pack.Lesson
	for _, form := range []string{"so where is my *", "where is my * now", "tell me where is my *", "where is my old *", "where is my * please"} {
		bad = append(bad, correct(t, s, strings.Replace(form, "*", "table", 1), "refund"))
	}
	good := correct(t, s, odd, "mend")
	trial := retrain(t, s)
	if trial.Accepted || trial.Reason != "regression_lost" || trial.Regression.Lost == 0 {
		t.Fatalf("%+v", trial)
	}
	if l := trial.Lost[0]; l.List != "regression" || l.Text != "where is my table" || l.Want != "parcel" || l.Got == "parcel" || !strings.Contains(l.At, "regression.yaml:2") {
		t.Errorf("%+v", trial.Lost)
	}
	inUse(t, s, 0)
	versions, err := s.Versions("en")
	if err != nil || len(versions) != 1 || versions[0].Number != 0 || versions[0].Trial.Accepted || len(versions[0].Trial.Lost) == 0 {
		t.Errorf("%+v, %v", versions, err)
	}
	for _, l := range bad {
		if err := s.Withdraw(t.Context(), "en", l.ID, "ann"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Withdraw(t.Context(), "en", bad[0].ID, "ann"); !errors.Is(err, ErrInput) {
		t.Errorf("withdrawn twice: %v", err)
	}
	if trial := retrain(t, s); !trial.Accepted || trial.Corrections != 1 || trial.Learned != 1 {
		t.Errorf("%+v", trial)
	}
	if list, err := s.Corrections("en"); err != nil || len(list) != 1 || list[0].ID != good.ID {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestRefusesWhatIsWorseOnHeldOutRows(t *testing.T) {
	t.Parallel()
	dir := newDesk(t)
	write(t, dir, map[string]string{"desk/en/regression.yaml": "parcel: |\n  xyz\n"}) // nothing that could be lost
	s := school(t, dir, nil)
	for _, form := range []string{"where is the *", "has my * been sent", "when does my * get here", "track my * for me", "my * is broken can you mend it", "repair the *", "my * stopped working fix it", "who repairs my *"} {
		for _, thing := range []string{"lamp", "table", "coat", "book", "phone", "chair", "bag"} { // somebody does not look
			correct(t, s, strings.Replace(form, "*", thing, 1), "refund")
		}
	}
	trial := retrain(t, s)
	if trial.Accepted || trial.Reason != "dev_worse" || trial.Dev.Before-trial.Dev.After <= slack || len(trial.Lost) == 0 || trial.Lost[0].List != "dev" || trial.Lost[0].At == "" {
		t.Fatalf("%+v", trial)
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	b := Bounds{Dev: 0.01}
	for name, c := range map[string]struct {
		trial  Trial
		reason string
	}{
		"same":              {Trial{Dev: Share{Rows: 1000, Before: 900, After: 900, Lost: 5}, Regression: Share{Rows: 50, Before: 49, After: 49}}, ""},
		"at the bound":      {Trial{Dev: Share{Rows: 1000, Before: 900, After: 890, Lost: 12}}, ""},
		"beyond":            {Trial{Dev: Share{Rows: 1000, Before: 900, After: 889, Lost: 12}}, "dev_worse"},
		"few rows":          {Trial{Dev: Share{Rows: 20, Before: 18, After: 16, Lost: 2}}, ""},
		"few rows, too bad": {Trial{Dev: Share{Rows: 20, Before: 18, After: 15, Lost: 3}}, "dev_worse"},
		"bit by bit":        {Trial{Dev: Share{Rows: 1000, Pack: 910, Before: 902, After: 895}}, "dev_worse"},
		"one text lost":     {Trial{Dev: Share{Rows: 1000, Before: 900, After: 950, Lost: 0}, Regression: Share{Rows: 50, Before: 49, After: 50, Lost: 1}}, "regression_lost"},
		"no rows":           {Trial{}, ""},
	} {
		c.trial.decide(b)
		if c.trial.Reason != c.reason || c.trial.Accepted != (c.reason == "") {
			t.Errorf("%s: %+v, want reason %q", name, c.trial, c.reason)
		}
	}
}

func TestArticlesAndOutOfScope(t *testing.T) {
	t.Parallel()
	s := school(t, newDesk(t), nil)
	const bow, tin = "put a bow on that thing", "sing me a tin song about fog"
	if _, err := s.Correct(t.Context(), "en", Correction{Text: bow, Article: "gift", By: "ann"}); err != nil {
		t.Fatal(err)
	}
	correct(t, s, tin, pack.OutOfScope)
	if trial := retrain(t, s); !trial.Accepted || trial.Learned != 2 {
		t.Fatalf("%+v", trial)
	}
	if r, err := s.cfg.Engine.Read(t.Context(), "en", bow); err != nil || r.Article != "gift" {
		t.Errorf("%+v, %v", r, err)
	}
	means(t, s, tin, pack.OutOfScope)
}

func TestBadCorrections(t *testing.T) {
	t.Parallel()
	s := school(t, newDesk(t), nil)
	for name, c := range map[string]struct {
		Correction
		want string
	}{
		"no text":      {Correction{Text: " ", Intent: "mend", By: "a"}, "text is empty"},
		"no words":     {Correction{Text: "?!", Intent: "mend", By: "a"}, "text has no words"},
		"two lines":    {Correction{Text: "a\nb", Intent: "mend", By: "a"}, "no single line"},
		"not UTF-8":    {Correction{Text: "a\xff", Intent: "mend", By: "a"}, "no single line"},
		"long":         {Correction{Text: strings.Repeat("a ", 300), Intent: "mend", By: "a"}, "more than 500 bytes"},
		"no intent":    {Correction{Text: "a", By: "a"}, "intent or article must be named"},
		"both":         {Correction{Text: "a", Intent: "mend", Article: "gift", By: "a"}, "not both"},
		"nobody":       {Correction{Text: "a", Intent: "mend"}, "by is empty"},
		"intent":       {Correction{Text: "a", Intent: "fly", By: "a"}, `intent "fly" is not one of mend, out_of_scope,`},
		"article":      {Correction{Text: "a", Article: "fly", By: "a"}, `article "fly" is not one of gift, vat`},
		"only private": {Correction{Text: "ann.lee@example.com", Intent: "mend", By: "a"}, "nothing but personal data"},
	} {
		if _, err := s.Correct(t.Context(), "en", c.Correction); !errors.Is(err, ErrInput) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := os.Stat(s.book("en").path); !errors.Is(err, os.ErrNotExist) {
		t.Error("something was kept")
	}
}

// Run learns what comes while it trains together with the next model, follows
// what another process took, and ends when told.
func TestRunLearnsBesideTurns(t *testing.T) {
	t.Parallel()
	dir := newDesk(t)
	tried := make(chan Trial, 16)
	s := school(t, dir, func(c *Config) { c.Tried = func(_ string, t Trial) { tried <- t } })
	if err := s.cfg.Engine.Warm(t.Context(), "en"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	var talking sync.WaitGroup
	quiet := make(chan struct{})
	talking.Go(func() { // a customer speaks all the time
		pace := time.NewTicker(20 * time.Millisecond) // or the turns would take the time of the training
		defer pace.Stop()
		for {
			select {
			case <-quiet:
				return
			case <-pace.C:
				if d, err := s.cfg.Engine.Turn(t.Context(), bot.State{Language: "en"}, "where is my lamp"); err != nil || d.Reply == "" {
					t.Errorf("%+v, %v", d, err)
				}
			}
		}
	})
	for _, text := range []string{odd, "wrap it nicely", "who wraps it"} {
		correct(t, s, text, "mend")
	}
	learned := 0
	for learned < 3 {
		trial := <-tried
		if !trial.Accepted {
			t.Fatalf("%+v", trial)
		}
		learned = trial.Corrections
	}
	close(quiet)
	talking.Wait()
	means(t, s, "who wraps it", "mend")
	if err := school(t, dir, nil).Rollback(t.Context(), "en", 0, "another process"); err != nil {
		t.Fatal(err)
	}
	s.changed()
	for v := 1; v != 0; v, _ = s.cfg.Engine.Version("en") {
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What was corrected before a restart is learned after it; a line cut short by
// the end of the process is not in the way.
func TestLearnsAfterAKill(t *testing.T) {
	t.Parallel()
	dir := newDesk(t)
	s := school(t, dir, nil)
	correct(t, s, odd, "mend")
	ctx, kill := context.WithCancel(t.Context())
	kill()
	if _, err := s.Retrain(ctx, "en"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	f, err := os.OpenFile(s.book("en").path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"id":"cr_x","at":"2026-`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s = school(t, dir, nil)
	if trial := retrain(t, s); !trial.Accepted || trial.Corrections != 1 {
		t.Fatalf("%+v", trial)
	}
	correct(t, s, "wrap it nicely", "parcel")
	if lessons, err := s.book("en").read(); err != nil || len(lessons) != 3 {
		t.Errorf("%+v, %v", lessons, err)
	}
}

// Processes on one folder write one after the other.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	dir := newDesk(t)
	var all sync.WaitGroup
	for w := range 4 {
		b := school(t, dir, nil).book("en")
		all.Go(func() {
			for i := range 25 {
				if _, err := b.append(t.Context(), func(pack.Lessons) (pack.Lesson, error) {
					return pack.Lesson{By: "w", Text: fmt.Sprintf("%d of %d", i, w), Intent: "mend"}, nil
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	lessons, err := school(t, dir, nil).book("en").read()
	if err != nil || len(lessons) != 100 || len(lessons.Standing(100)) != 100 {
		t.Errorf("%d lines, %v", len(lessons), err)
	}
}

// What was taken by another process while a model was made is not overwritten.
func TestRecordWantsTheSameVersion(t *testing.T) {
	t.Parallel()
	dir := newDesk(t)
	s := school(t, dir, nil)
	correct(t, s, odd, "mend")
	tried, err := s.book("en").read()
	if err != nil {
		t.Fatal(err)
	}
	correct(t, s, "wrap it nicely", "parcel") // does no harm: it is learned next
	if err := s.record(t.Context(), "en", tried, &Trial{Accepted: true}); err != nil {
		t.Fatal(err)
	}
	if err := s.record(t.Context(), "en", tried, &Trial{Accepted: true}); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	lessons, err := s.book("en").read()
	if err != nil || !pending(lessons) || len(slices.Collect(slices.Values(lessons.Standing(1)))) != 1 {
		t.Errorf("%+v, %v", lessons, err)
	}
}
