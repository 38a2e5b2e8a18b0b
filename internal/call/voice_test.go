package call_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// A caller speaks for a while and then says nothing: the watch tells, and no
// sooner; what was said is in the recording.
func TestVoiceWatchEndsWithTheMessage(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: 440})
	path := filepath.Join(t.TempDir(), "voicemail.wav")
	watch := call.NewVoiceWatch(800 * time.Millisecond)
	if err := c.RecordWatched(path, nil, watch); err != nil {
		t.Fatal(err)
	}
	select {
	case <-watch.Quiet():
		t.Fatal("told while the caller speaks")
	case <-time.After(1500 * time.Millisecond):
	}
	if !watch.Spoke() {
		t.Error("the caller was not heard")
	}
	began := time.Now()
	caller.speak(false)
	await(t, "the watch tells that the caller is silent", watch.Quiet())
	if d := time.Since(began); d < 600*time.Millisecond {
		t.Errorf("told after %s of silence, want 800 ms", d)
	}
	if _, err := c.StopRecording(); err != nil {
		t.Fatal(err)
	}
	left, _ := channels(t, path)
	if !contains(left, 440) {
		t.Errorf("the recording has %v", runs(left))
	}
}

// A caller who says nothing at all is known for it, by whichever codec, and
// following the voice costs no memory per frame.
func TestVoiceWatchOfSilence(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{})
	caller.speak(false)
	var watch *call.VoiceWatch
	for try := 1; ; try++ {
		watch = call.NewVoiceWatch(400 * time.Millisecond)
		if err := c.RecordWatched(filepath.Join(t.TempDir(), "empty.wav"), nil, watch); err != nil {
			t.Fatal(err)
		}
		await(t, "the watch tells of the silence", watch.Quiet())
		if _, err := c.StopRecording(); err != nil { // the watch is ours again
			t.Fatal(err)
		}
		if !watch.Spoke() {
			break
		}
		if try == 3 { // at first the end of the tone may have been on its way
			t.Fatal("silence counts as a message")
		}
	}
	for name, b := range map[media.Format]byte{media.FormatPCMU: codec.SilencePCMU, media.FormatPCMA: codec.SilencePCMA} {
		frame := make([]byte, 160)
		for i := range frame {
			frame[i] = b
		}
		if n := testing.AllocsPerRun(1000, func() { watch.Payload(media.Left, name, frame) }); n != 0 {
			t.Errorf("a frame of %v allocates %v times, want 0", name, n)
		}
	}
}
