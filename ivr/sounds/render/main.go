// Command render makes the sounds that ship with Hotline (package ivr/sounds):
//
//	JAPANESE_VOICE=…/tohoku-f01-neutral.htsvoice go run ./ivr/sounds/render
//
// It needs open_jtalk with its dictionary and an HTS voice. With -music it makes the
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
	return recordings(ctx, japanese, filepath.Join(dir, "ja"), texts)
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
