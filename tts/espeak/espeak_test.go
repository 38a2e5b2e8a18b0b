package espeak

import (
	"context"
	"errors"
	"os/exec"
	"testing"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/tts"
)

func speak(t *testing.T, e *Engine, language, text string) ([]int16, error) {
	t.Helper()
	a, err := e.Synthesize(t.Context(), tts.Request{Text: text, Language: language, Rate: media.Rate8k})
	if err != nil {
		return nil, err
	}
	return tts.Collect(a)
}

func needEspeak(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Skip("espeak-ng is not installed")
	}
}

func TestSpeaksChineseAndEnglish(t *testing.T) {
	needEspeak(t)
	e := New(Config{})
	for _, c := range []struct{ language, text string }{
		{"zh-CN", "您当前排在第12位，预计等待2分钟。VIP 客户请按 1。"},
		{"en", "You are number 12 in the queue. Please hold on."},
	} {
		samples, err := speak(t, e, c.language, c.text)
		if err != nil {
			t.Fatalf("%s: %v", c.language, err)
		}
		if d := media.Rate8k.Duration(len(samples)); d.Seconds() < 2 || d.Seconds() > 15 {
			t.Errorf("%s: %v of speech", c.language, d)
		}
	}
}

func TestRefusesWhatItCannotRead(t *testing.T) {
	e := New(Config{})
	for _, c := range []struct{ language, text string }{
		{"ja", "こんにちは"}, {"en", "漢字"}, {"zh-CN", "こんにちは"},
	} {
		_, err := speak(t, e, c.language, c.text)
		var missing *tts.VoiceError
		if !errors.Is(err, tts.ErrUnsupported) || !errors.As(err, &missing) || missing.Install == "" {
			if _, lookErr := exec.LookPath("espeak-ng"); lookErr == nil || c.language == "ja" {
				t.Errorf("%s %q: %v", c.language, c.text, err)
			}
		}
	}
}

func TestStartOptionsAreNotReadFromTheText(t *testing.T) {
	needEspeak(t)
	if _, err := speak(t, New(Config{}), "en", "--version"); err != nil {
		t.Error(err)
	}
}

func TestCanceledTextIsNotMade(t *testing.T) {
	needEspeak(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	a, err := New(Config{}).Synthesize(ctx, tts.Request{Text: "Hello.", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tts.Collect(a); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
}
