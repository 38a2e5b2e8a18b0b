package tts

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhotline/hotline/media"
)

// voice is an engine of the test: it makes a tone as long as the text.
type voice struct {
	name  string
	speak func(ctx context.Context, text string) ([]int16, error)
	made  atomic.Int32
}

func (v *voice) Name() string        { return v.name }
func (v *voice) Voice(string) string { return "test" }
func (v *voice) Check(language string) error {
	if language != "en" {
		return &VoiceError{Language: language, Engine: v.name}
	}
	return nil
}

func (v *voice) Synthesize(ctx context.Context, req Request) (Audio, error) {
	v.made.Add(1)
	return NewSentences(ctx, req.Text, func(ctx context.Context, s string) ([]int16, error) {
		if v.speak != nil {
			return v.speak(ctx, s)
		}
		return tone(800 * len(s)), nil
	}), nil
}

func tone(n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(3000 * math.Sin(2*math.Pi*440*float64(i)/8000))
	}
	return out
}

func newCache(t *testing.T, e Engine, cfg CacheConfig) *Cache {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	cfg.Log = slog.New(slog.DiscardHandler)
	c, err := NewCache(e, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCacheMakesATextOnce(t *testing.T) {
	release := make(chan struct{})
	e := &voice{name: "slow", speak: func(context.Context, string) ([]int16, error) { <-release; return tone(800), nil }}
	dir := t.TempDir()
	c := newCache(t, Set{e}, CacheConfig{Dir: dir})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if clip, err := c.Prompt(t.Context(), Request{Text: "Hello  there", Language: "en"}); err != nil || len(clip.Samples) != 800 {
				t.Errorf("%d samples, %v", len(clip.Samples), err)
			}
		})
	}
	close(release)
	wg.Wait()
	if _, err := c.Prompt(t.Context(), Request{Text: "Hello there", Language: "en"}); err != nil {
		t.Error(err)
	}
	// Another process later finds it on disk.
	again := newCache(t, Set{e}, CacheConfig{Dir: dir})
	if clip, err := again.Prompt(t.Context(), Request{Text: "Hello there", Language: "en"}); err != nil || len(clip.Samples) != 800 {
		t.Errorf("%d samples, %v", len(clip.Samples), err)
	}
	if n := e.made.Load(); n != 1 {
		t.Errorf("made %d times", n)
	}
	for _, other := range []Request{{Text: "Hello there", Language: "en", Rate: media.Rate16k}, {Text: "Hello there", Language: "en", Voice: "other"}} {
		if _, err := c.Prompt(t.Context(), other); err != nil {
			t.Error(err)
		}
	}
	if n := e.made.Load(); n != 3 {
		t.Errorf("rate and voice are not part of the key: made %d times", n)
	}
}

func TestFirstCallerHangingUpDoesNotCostTheOthers(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	e := &voice{name: "slow", speak: func(ctx context.Context, _ string) ([]int16, error) {
		close(begun)
		select {
		case <-release:
			return tone(800), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}}
	c := newCache(t, e, CacheConfig{})
	ctx, hangup := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := c.Prompt(ctx, Request{Text: "Hello", Language: "en"})
		first <- err
	}()
	<-begun
	hangup()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who left got %v", err)
	}
	second := make(chan error, 1)
	go func() {
		_, err := c.Prompt(t.Context(), Request{Text: "Hello", Language: "en"})
		second <- err
	}()
	close(release)
	if err := <-second; err != nil {
		t.Error(err)
	}
}

func TestCacheIsBoundedByLeastRecentUse(t *testing.T) {
	dir := t.TempDir()
	e := &voice{name: "e"}
	c := newCache(t, e, CacheConfig{Dir: dir, MaxBytes: 3 * (44 + 1600), MaxMemory: 1})
	say := func(text string) {
		t.Helper()
		if _, err := c.Prompt(t.Context(), Request{Text: text, Language: "en"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, text := range []string{"a", "b", "c", "a", "d"} { // b is the oldest in use
		say(text)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.wav"))
	if err != nil || len(files) != 3 {
		t.Errorf("%d files, %v", len(files), err)
	}
	before := e.made.Load()
	say("a")
	say("c")
	say("d")
	if e.made.Load() != before {
		t.Error("a prompt in use was thrown away")
	}
	say("b")
	if e.made.Load() != before+1 {
		t.Error("the least recently used one was kept")
	}
}

func TestDamagedAndUnfinishedFiles(t *testing.T) {
	dir := t.TempDir()
	e := &voice{name: "e"}
	c := newCache(t, e, CacheConfig{Dir: dir})
	req := Request{Text: "Hello", Language: "en"}
	if _, err := c.Prompt(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*.wav"))
	if len(files) != 1 {
		t.Fatalf("files: %v", files)
	}
	left := filepath.Join(filepath.Dir(files[0]), tempPrefix+"1")
	for path, text := range map[string]string{files[0]: "RIFF", left: "half", filepath.Join(dir, "notes.txt"): "mine"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c = newCache(t, e, CacheConfig{Dir: dir})
	if clip, err := c.Prompt(t.Context(), req); err != nil || len(clip.Samples) == 0 || e.made.Load() != 2 {
		t.Errorf("%d samples, %v, made %d times", len(clip.Samples), err, e.made.Load())
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an unfinished file stays: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "notes.txt")); err != nil {
		t.Errorf("a file that is not ours was removed: %v", err)
	}
}

func TestPromptThatCannotBeKeptIsHeard(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "prompts")
	c := newCache(t, &voice{name: "e"}, CacheConfig{Dir: dir})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // no folder any more
		t.Fatal(err)
	}
	if clip, err := c.Prompt(t.Context(), Request{Text: "Hello", Language: "en"}); err != nil || len(clip.Samples) == 0 {
		t.Errorf("%d samples, %v", len(clip.Samples), err)
	}
}

func TestFailuresCostOnePrompt(t *testing.T) {
	fail := true
	e := &voice{name: "e"}
	e.speak = func(_ context.Context, s string) ([]int16, error) {
		switch {
		case fail:
			return nil, ErrEngine
		case s == "long":
			return make([]int16, 8000*200), nil
		}
		return tone(800), nil
	}
	c := newCache(t, e, CacheConfig{})
	if _, err := c.Prompt(t.Context(), Request{Text: "x", Language: "en"}); !errors.Is(err, ErrEngine) {
		t.Errorf("got %v", err)
	}
	fail = false
	if _, err := c.Prompt(t.Context(), Request{Text: "x", Language: "en"}); err != nil {
		t.Errorf("a failure was kept: %v", err)
	}
	if _, err := c.Prompt(t.Context(), Request{Text: "long", Language: "en"}); !errors.Is(err, ErrTooLong) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Prompt(t.Context(), Request{Text: "...", Language: "en"}); !errors.Is(err, ErrEngine) {
		t.Errorf("no sound: %v", err)
	}
}

func TestSetNamesWhatToInstall(t *testing.T) {
	set := Set{&voice{name: "a"}, &voice{name: "b"}}
	var missing *VoiceError
	if _, err := set.Choose("ja"); !errors.As(err, &missing) || !strings.Contains(missing.Install, "htsvoice") || !errors.Is(err, ErrUnsupported) {
		t.Errorf("got %v", err)
	}
	if e, err := set.Choose("en"); err != nil || e.Name() != "a" {
		t.Errorf("got %v, %v", e, err)
	}
	if err := (Set{}).Check("en"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"您好！请按 1。谢谢":               {"您好！", "请按 1。", "谢谢"},
		"Hello there. Press 1.":    {"Hello there.", "Press 1."},
		"It costs 3.50 at U.S. Co": {"It costs 3.50 at U.S. Co"},
		"  a\n\tb\x00c ":           {"a b c"},
		"「はい。」と言う。":                {"「はい。」と言う。"},
		"...!?":                    nil,
		"":                         nil,
	} {
		if got := Split(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for _, s := range Split(strings.Repeat("很长的句子，", 200)) {
		if n := len([]rune(s)); n > 2*maxSentence+1 {
			t.Errorf("a sentence of %d characters", n)
		}
	}
}

func TestLevelAndTrim(t *testing.T) {
	quiet := slices.Concat(make([]int16, 4000), tone(8000), make([]int16, 4000))
	for i := range quiet {
		quiet[i] /= 20
	}
	Level(quiet)
	rms, _ := activeLevel(quiet)
	if got := 20 * math.Log10(rms/32768); math.Abs(got-SpeechLevel) > 0.5 {
		t.Errorf("level %.1f dBFS", got)
	}
	if n := len(Trim(quiet, 100)); n < 8000 || n > 8300 {
		t.Errorf("%d samples after trimming", n)
	}
	Level(make([]int16, 100)) // silence stays
	if n := len(Trim(make([]int16, 100), 10)); n > 20 {
		t.Errorf("%d samples of silence", n)
	}
}

// The engines' programs are stood in for by the shell, to see them misbehave.
func TestProgram(t *testing.T) {
	run := func(script string, timeout time.Duration) error {
		p := NewProgram("/bin/sh", 1, timeout)
		p.MaxAudio = time.Second
		_, err := p.Run(t.Context(), "text", media.Rate8k, "-c", script)
		return err
	}
	for name, c := range map[string]struct {
		script  string
		timeout time.Duration
		want    error
	}{
		"crash":      {"kill -SEGV $$", 0, ErrEngine},
		"failure":    {"echo no >&2; exit 3", 0, ErrEngine},
		"no sound":   {"true", 0, ErrEngine},
		"no WAV":     {"echo hello; cat", 0, ErrEngine},
		"hang":       {"sleep 60", 100 * time.Millisecond, ErrEngine},
		"grandchild": {"sleep 60 & sleep 60", 100 * time.Millisecond, ErrEngine},
		"flood":      {"exec cat /dev/zero", 0, ErrTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			if err := run(c.script, c.timeout); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	if _, err := NewProgram("/no/such/program", 1, 0).Run(t.Context(), "x", media.Rate8k); err == nil {
		t.Error("a missing program is no error")
	}
}

func TestProgramsAreBounded(t *testing.T) {
	p := NewProgram("/bin/sh", 1, time.Minute)
	p.slots <- struct{}{} // the only slot is in use
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := p.Run(ctx, "x", media.Rate8k, "-c", "true"); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
}

func TestClosedAudioEnds(t *testing.T) {
	a := NewSentences(t.Context(), "First. Second.", func(context.Context, string) ([]int16, error) { return tone(10), nil })
	buf := make([]int16, 100)
	if n, err := a.Read(buf); n != 10 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Read(buf); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}
