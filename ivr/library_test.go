package ivr

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/i18n"
)

// shelf is a Store of one flow in memory.
type shelf struct {
	versions  []Version
	published int
	reads     int
}

func (s *shelf) PublishedFlow(ctx context.Context, id string) (Version, error) {
	s.reads++
	return s.FlowVersion(ctx, id, s.published)
}

func (s *shelf) FlowVersion(_ context.Context, _ string, n int) (Version, error) {
	if n < 1 || n > len(s.versions) {
		return Version{}, ErrNotFound
	}
	return s.versions[n-1], nil
}

func (s *shelf) PublishFlow(_ context.Context, v Version) (Version, error) {
	v.Number = len(s.versions) + 1
	s.versions, s.published = append(s.versions, v), v.Number
	return v, nil
}

func (s *shelf) RollbackFlow(_ context.Context, _ string, n int) error {
	s.published = n
	return nil
}

func TestPublishAndRollBack(t *testing.T) {
	store := &shelf{}
	l := NewLibrary(store)
	ctx := t.Context()
	if _, err := l.Flow(ctx, "fl_a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("nothing was published: %v", err)
	}
	publish := func(queue string) error {
		_, _, err := l.Publish(ctx, Version{FlowID: "fl_a", Text: "flow: f\nlanguages: [en]\nhuman: q\nstart: q\nnodes: {q: {type: queue, queue: " + queue + "}}\n"})
		return err
	}
	want := func(queue string, version int) {
		t.Helper()
		for range 3 {
			f, err := l.Flow(ctx, "fl_a")
			if err != nil || f.Nodes["q"].Queue.Queue != queue || f.Version != version || f.ID != "fl_a" {
				t.Fatalf("%v, %+v", err, f)
			}
		}
	}
	if err := publish("first"); err != nil {
		t.Fatal(err)
	}
	want("first", 1)
	if err := publish("second"); err != nil {
		t.Fatal(err)
	}
	want("second", 2)
	if store.reads != 3 {
		t.Errorf("the store was read %d times", store.reads)
	}
	if _, problems, err := l.Publish(ctx, Version{FlowID: "fl_a", Text: "flow: f"}); !errors.Is(err, ErrBroken) || !Failed(problems) {
		t.Errorf("a broken flow: %v, %v", err, problems)
	}
	want("second", 2)
	if err := l.Rollback(ctx, "fl_a", 1); err != nil {
		t.Fatal(err)
	}
	want("first", 1)
	if err := l.Rollback(ctx, "fl_a", 9); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v", err)
	}
	store.versions[1].Text = "broken"
	if err := l.Rollback(ctx, "fl_a", 2); !errors.Is(err, ErrBroken) {
		t.Errorf("got %v", err)
	}
	want("first", 1)
}

func TestAnnouncement(t *testing.T) {
	texts := func(prompts []Prompt) (out []string) {
		for _, p := range prompts {
			out = append(out, p.Text)
		}
		return out
	}
	for _, c := range []struct {
		language string
		position int
		wait     time.Duration
		want     []string
	}{
		{"zh-CN", 12, 2 * time.Minute, []string{"您当前排在第 十二 位。", "预计等待 两分钟。"}},
		{"en", 3, 30 * time.Second, []string{"You are number 3 in the queue.", "The expected waiting time is less than a minute."}},
		{"en", 1, 5 * time.Minute, []string{"You are next and will be connected in a moment."}},
		{"en", 2, -1, []string{"You are number 2 in the queue.", "We cannot tell how long you will have to wait."}},
		{"ja", 4, 0, []string{"ただいまの順番は 4 番目です。"}},
		{"en", 0, 0, nil},
	} {
		if got := texts(Announcement(c.language, c.position, c.wait)); !slices.Equal(got, c.want) {
			t.Errorf("%s %d %v: %q", c.language, c.position, c.wait, got)
		}
	}
	if got := texts(Announcement("ja", 4, 33*time.Minute)[1].Parts); !slices.Equal(got, []string{"待ち時間はおよそ", "35分", "です"}) {
		t.Errorf("parts %q", got)
	}
}

// Every system prompt that the code names is in the catalogues.
func TestSystemPromptsExist(t *testing.T) {
	used := regexp.MustCompile(`(?:System\([a-zA-Z.]+, |x\.system\(ctx, |complaint := |complaint = )"([a-z_]+)"`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range used.FindAllSubmatch(b, -1) {
			found++
			if !i18n.Has("spoken." + string(m[1])) {
				t.Errorf("%s: there is no text spoken.%s", file, m[1])
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d prompts were found", found)
	}
}

// BenchmarkMenu is a whole run through a menu to a queue, without sound.
func BenchmarkMenu(b *testing.B) {
	f, problems := Parse([]byte(`
flow: f
languages: [en]
human: q
start: hello
nodes:
  hello: {type: say, text: {en: Hello}, next: menu}
  menu: {type: ask, text: {en: Press 1}, choices: {1: q}}
  q: {type: queue, queue: qu_a}
`))
	if f == nil {
		b.Fatal(problems)
	}
	r := NewRunner(Config{Log: slog.New(slog.DiscardHandler)})
	s := &presser{}
	b.ReportAllocs()
	for b.Loop() {
		if res, err := r.Run(b.Context(), f, s, nil); err != nil || res.End != EndHandled {
			b.Fatal(res, err)
		}
	}
}

// presser is a session on which 1 is pressed.
type presser struct{ dumb }

func (p *presser) Collect(context.Context, KeySpec) (Keys, error) {
	return Keys{Digits: "1", Why: Complete}, nil
}
func (p *presser) Queue(context.Context, QueueRequest) (QueueResult, error) {
	return QueueResult{Outcome: QueueDone}, nil
}
