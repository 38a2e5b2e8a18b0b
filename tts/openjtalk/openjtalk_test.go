package openjtalk

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/tts"
)

// voiceFile finds the voice of the test data; without it tests are skipped.
func voiceFile(t *testing.T) string {
	t.Helper()
	data := os.Getenv("HOTLINE_TESTDATA")
	if data == "" {
		data = "../../../shared/data"
	}
	found, _ := filepath.Glob(filepath.Join(data, "..", "models", "*", "*.htsvoice"))
	if _, err := exec.LookPath("open_jtalk"); err != nil || len(found) == 0 {
		t.Skip("no open_jtalk, or no voice beside the test data")
	}
	return found[0]
}

func TestSpeaksKanji(t *testing.T) {
	e := New(Config{Voice: voiceFile(t)})
	if err := e.Check("ja-JP"); err != nil {
		t.Skip(err)
	}
	a, err := e.Synthesize(t.Context(), tts.Request{Text: "待ち時間はおよそ3分です。少々お待ちください。", Language: "ja", Rate: media.Rate8k})
	if err != nil {
		t.Fatal(err)
	}
	samples, err := tts.Collect(a)
	if d := media.Rate8k.Duration(len(samples)); err != nil || d.Seconds() < 2 || d.Seconds() > 12 {
		t.Errorf("%v of speech, %v", d, err)
	}
	if e.Voice("ja") == "" || e.Voice("en") != "" {
		t.Errorf("voices %q and %q", e.Voice("ja"), e.Voice("en"))
	}
}

func TestSaysWhatIsMissing(t *testing.T) {
	for name, cfg := range map[string]Config{
		"program":    {Program: "no-such-open-jtalk"},
		"voice":      {Voice: "/no/such.htsvoice", Program: "/bin/sh"},
		"dictionary": {Dictionary: "/no/such", Program: "/bin/sh"},
	} {
		err := New(cfg).Check("ja")
		var missing *tts.VoiceError
		if !errors.Is(err, tts.ErrUnsupported) || !errors.As(err, &missing) || missing.Install == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := New(Config{}).Check("en"); !errors.Is(err, tts.ErrUnsupported) {
		t.Errorf("English: %v", err)
	}
}
