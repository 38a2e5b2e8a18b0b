package speak

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/i18n"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/ivr/demo"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/tts"
	"github.com/openhotline/hotline/tts/espeak"
	"github.com/openhotline/hotline/tts/openjtalk"
)

func dbfs(samples []int16) float64 {
	sum := 0.0
	for _, s := range samples {
		sum += float64(s) * float64(s)
	}
	return 20 * math.Log10(math.Sqrt(sum/float64(len(samples)))/32768)
}

func TestMusicIsModerateAndSeamless(t *testing.T) {
	clip, err := New(Config{}).Sound("music", "", media.Rate8k)
	if err != nil {
		t.Fatal(err)
	}
	if l := dbfs(clip.Samples); l < -22 || l > -18 {
		t.Errorf("music at %.1f dBFS, want about -20", l)
	}
	if d := media.Rate8k.Duration(len(clip.Samples)); d < 20*time.Second {
		t.Errorf("a loop of %v is tiring", d)
	}
	jump, seam := 0.0, math.Abs(float64(clip.Samples[0])-float64(clip.Samples[len(clip.Samples)-1]))
	for i := 1; i < len(clip.Samples); i++ {
		jump = max(jump, math.Abs(float64(clip.Samples[i])-float64(clip.Samples[i-1])))
	}
	if seam > jump {
		t.Errorf("the seam jumps by %.0f, the music by at most %.0f", seam, jump)
	}
}

// Without any engine, Japanese callers still hear everything.
func TestJapaneseNeedsNoEngine(t *testing.T) {
	s := New(Config{})
	var prompts []ivr.Prompt
	for _, key := range i18n.Keys() {
		name, ok := cutSpoken(key)
		if ok {
			prompts = append(prompts, ivr.System("ja", name, nil))
		}
	}
	entries, err := demo.Entries()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		f, _ := ivr.Parse([]byte(e.Text))
		for _, text := range f.Texts {
			prompts = append(prompts, ivr.Prompt{Text: text["ja"], Language: "ja"})
		}
	}
	for n := range 120 {
		prompts = append(prompts, ivr.Announcement("ja", n, time.Duration(n)*40*time.Second)...)
	}
	for _, p := range prompts {
		clips, err := s.Render(t.Context(), []ivr.Prompt{p}, media.Rate8k)
		if err != nil || len(clips) == 0 {
			t.Errorf("%q: %v", p.Text, err)
			continue
		}
		for _, c := range clips {
			if l := dbfs(c.Samples); l < -32 || l > -14 {
				t.Errorf("%q: %.1f dBFS", p.Text, l)
			}
		}
	}
}

// cutSpoken returns the name of a spoken text without placeholders.
func cutSpoken(key string) (string, bool) {
	const prefix = "spoken."
	if len(key) <= len(prefix) || key[:len(prefix)] != prefix {
		return "", false
	}
	for _, r := range i18n.T("ja", key, nil) {
		if r == '{' {
			return "", false
		}
	}
	return key[len(prefix):], true
}

func TestUnspeakablePromptIsLeftOut(t *testing.T) {
	clips, err := New(Config{}).Render(t.Context(), []ivr.Prompt{{Sound: "beep"}, {Text: "未録音の文", Language: "ja"}, {Sound: "nothing"}}, media.Rate8k)
	if len(clips) != 1 || !errors.Is(err, tts.ErrUnsupported) || !errors.Is(err, ErrNoSound) {
		t.Errorf("%d clips, %v", len(clips), err)
	}
}

func TestOwnSoundsWinAndMayChange(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, n int, at time.Time) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := tts.WriteFile(path, media.Clip{Samples: make([]int16, n), Rate: media.Rate8k}); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	s := New(Config{Dir: dir})
	length := func(language string) int {
		t.Helper()
		c, err := s.Sound("music", language, media.Rate8k)
		if err != nil {
			t.Fatal(err)
		}
		return len(c.Samples)
	}
	now := time.Now()
	write("music.wav", 800, now)
	write("zh/music.wav", 1600, now)
	if a, b := length("en"), length("zh-CN"); a != 800 || b != 1600 {
		t.Errorf("got %d and %d samples", a, b)
	}
	write("music.wav", 2400, now.Add(time.Second))
	if a := length("en"); a != 2400 {
		t.Errorf("a changed file still has %d samples", a)
	}
	for _, name := range []string{"../music", "a/b", "", ".hidden"} {
		if _, err := s.Sound(name, "en", media.Rate8k); !errors.Is(err, ErrNoSound) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// With the engines of `make run` every prompt of the demo is heard in every
// language; Japanese without a voice comes from the recordings.
func TestDemoIsHeardInEveryLanguage(t *testing.T) {
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Skip("espeak-ng is not installed")
	}
	cache, err := tts.NewCache(tts.Set{espeak.New(espeak.Config{}), openjtalk.New(openjtalk.Config{Voice: "/no/voice.htsvoice"})}, tts.CacheConfig{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{TTS: cache, Timeout: time.Minute})
	entries, err := demo.Entries()
	if err != nil {
		t.Fatal(err)
	}
	var prompts []ivr.Prompt
	for _, e := range entries {
		f, _ := ivr.Parse([]byte(e.Text))
		prompts = append(prompts, f.Prompts()...)
	}
	if len(prompts) < 30 {
		t.Errorf("only %d prompts", len(prompts))
	}
	if failed := s.Prepare(t.Context(), prompts, media.Rate8k); failed > 0 {
		t.Errorf("%d of %d prompts cannot be made", failed, len(prompts))
	}
	missing := s.Check("zh-CN", "en", "ja")
	if missing["zh-CN"] != nil || missing["en"] != nil || !errors.Is(missing["ja"], tts.ErrUnsupported) {
		t.Errorf("got %v", missing)
	}
	for _, language := range []string{"zh-CN", "en", "ja"} {
		if failed := s.Prepare(t.Context(), ivr.SystemPrompts(language)[:5], media.Rate8k); failed > 0 {
			t.Errorf("%s: %d system prompts cannot be made", language, failed)
		}
	}
}
