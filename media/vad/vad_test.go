package vad

import (
	"testing"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/mediatest"
)

func TestSpeechBeginsAndEnds(t *testing.T) {
	d := New(Config{})
	noise := mediatest.Tone(120, -60, media.Rate8k, 160)
	loud := mediatest.Tone(300, -20, media.Rate8k, 160)
	for i := range 100 {
		if d.Feed(noise) {
			t.Fatalf("noise is speech at frame %d", i)
		}
	}
	started := 0
	for i := range 20 {
		if d.Feed(loud) && started == 0 {
			started = i + 1
		}
	}
	if started != 3 {
		t.Errorf("speech began after %d frames, want 3", started)
	}
	for i := range 30 {
		if d.Feed(noise) != (i < 14) {
			t.Errorf("frame %d after speech: speaking %v", i, d.Speaking())
		}
	}
	click := mediatest.Tone(300, -5, media.Rate8k, 160)
	if d.Feed(click) || d.Feed(noise) {
		t.Error("a click is speech")
	}
	if n := testing.AllocsPerRun(100, func() { d.Feed(loud) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLevel(t *testing.T) {
	t.Parallel()
	if l := Level(mediatest.Tone(1000, 0, media.Rate8k, 160)); l < -3.1 || l > -2.9 {
		t.Errorf("a full-scale sine has %.2f dBFS, want -3", l)
	}
	if l := Level(nil); l != -96 {
		t.Errorf("nothing has %.1f dBFS", l)
	}
}
