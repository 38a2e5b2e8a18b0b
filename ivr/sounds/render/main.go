// Command render makes the sounds that ship with Hotline (package ivr/sounds):
//
//	JAPANESE_VOICE=…/tohoku-f01-neutral.htsvoice go run ./ivr/sounds/render
//
// It needs open_jtalk with its dictionary, an HTS voice for the Japanese
// recordings, and espeak-ng for the spoken sample. With -music it makes the
// music and the beep only. Run it from the root of the repository and name the
// voice in NOTICE.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/openhotline/hotline/internal/i18n"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/ivr/demo"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/tts"
	"github.com/openhotline/hotline/tts/espeak"
	"github.com/openhotline/hotline/tts/openjtalk"
)

func main() {
	dir := flag.String("dir", "ivr/sounds", "folder of package sounds")
	musicOnly := flag.Bool("music", false, "make the music and the beep only")
	flag.Parse()
	if err := render(context.Background(), *dir, *musicOnly); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(ctx context.Context, dir string, musicOnly bool) error {
	for name, clip := range map[string]media.Clip{"music": music(), "beep": beep()} {
		if err := tts.WriteFile(filepath.Join(dir, name+".wav"), clip); err != nil {
			return err
		}
	}
	if musicOnly {
		return nil
	}
	japanese := openjtalk.New(openjtalk.Config{Voice: os.Getenv("JAPANESE_VOICE")})
	texts, err := japaneseTexts()
	if err != nil {
		return err
	}
	if err := recordings(ctx, japanese, filepath.Join(dir, "ja"), texts); err != nil {
		return err
	}
	return samples(ctx, tts.Set{espeak.New(espeak.Config{}), japanese}, filepath.Join(dir, "sample"))
}

// japaneseTexts are all texts to be recorded, with names for their files.
func japaneseTexts() (map[string]string, error) {
	texts := make(map[string]string) // by text
	for _, key := range i18n.Keys() {
		name, ok := strings.CutPrefix(key, "spoken.")
		text := i18n.T("ja", key, nil)
		if ok && !strings.Contains(text, "{") {
			texts[text] = strings.ReplaceAll(name, "_", "-")
		}
	}
	entries, err := demo.Entries()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		f, _ := ivr.Parse([]byte(e.Text))
		for name, t := range f.Texts {
			if _, ok := texts[t["ja"]]; t["ja"] != "" && !ok {
				texts[t["ja"]] = "demo-" + strings.ReplaceAll(name, "_", "-")
			}
		}
	}
	for i, text := range ivr.JapaneseParts() {
		if _, ok := texts[text]; !ok {
			texts[text] = fmt.Sprintf("part-%02d", i)
		}
	}
	return texts, nil
}

// recordings speaks texts and writes their index.
func recordings(ctx context.Context, e tts.Engine, dir string, texts map[string]string) error {
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("render: %w", err)
	}
	index := make(map[string]string, len(texts))
	for text, name := range texts {
		clip, err := speak(ctx, e, text, "ja", media.Rate8k)
		if err != nil {
			return err
		}
		index[text] = name + ".wav"
		if err := tts.WriteFile(filepath.Join(dir, name+".wav"), clip); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(index, "", " ")
	if err != nil {
		return fmt.Errorf("render: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, "index.json"), append(b, '\n'), 0o644) //nolint:gosec // a public file
}

func speak(ctx context.Context, e tts.Engine, text, language string, rate media.Rate) (media.Clip, error) {
	audio, err := e.Synthesize(ctx, tts.Request{Text: text, Language: language, Rate: rate})
	if err != nil {
		return media.Clip{}, fmt.Errorf("render %q: %w", text, err)
	}
	samples, err := tts.Collect(audio)
	if err != nil {
		return media.Clip{}, fmt.Errorf("render %q: %w", text, err)
	}
	tts.Level(samples)
	return media.Clip{Samples: tts.Trim(samples, int(rate)/25), Rate: rate}, nil
}

// samples makes what the test phone says.
func samples(ctx context.Context, e tts.Engine, dir string) error {
	for _, s := range []struct{ language, text string }{
		{"zh-CN", "您好，我想咨询一下我的订单，请问什么时候可以发货？"},
		{"en", "Hello, I would like to ask about my order. When will it be shipped?"},
		{"ja", "もしもし、注文についてお聞きしたいのですが、いつ発送されますか。"},
	} {
		clip, err := speak(ctx, e, s.text, s.language, media.Rate16k)
		if err != nil {
			return err
		}
		// A pause follows, so that a loop of it leaves room for the other side.
		clip.Samples = append(clip.Samples, make([]int16, int(clip.Rate)*3/2)...)
		if err := tts.WriteFile(filepath.Join(dir, s.language+".wav"), clip); err != nil {
			return err
		}
	}
	return nil
}
