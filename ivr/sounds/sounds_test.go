package sounds

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/wav"
)

func TestEverySoundIsReadableAndTheyStaySmall(t *testing.T) {
	total := 0
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".wav") {
			return err
		}
		b, err := files.ReadFile(path)
		if err != nil {
			return err
		}
		total += len(b)
		if clip, err := wav.DecodePrompt(b, media.Rate8k); err != nil || len(clip.Samples) == 0 {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
	if err != nil || total > 6<<20 {
		t.Errorf("%d bytes of sounds, %v", total, err)
	}
}

func TestIndexNamesFiles(t *testing.T) {
	for language, index := range recordings {
		for text := range index {
			if _, ok := Recording(text, language+"-XX"); !ok {
				t.Errorf("%s: no file for %q", language, text)
			}
		}
	}
	if !Recorded("ja") || Recorded("fr") || !strings.Contains(Notice(), "CC BY 4.0") {
		t.Error("Japanese recordings or their attribution are missing")
	}
	for _, name := range []string{"../sounds", "ja/index", "index.json", ""} {
		if _, ok := Named(name, ""); ok {
			t.Errorf("%q is a sound", name)
		}
	}
}
