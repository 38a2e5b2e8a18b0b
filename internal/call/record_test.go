package call_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/wav"
)

// channels reads both sides of a recording.
func channels(t *testing.T, path string) (left, right []int16) {
	t.Helper()
	if _, err := wav.Check(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 12; at+8 <= len(b); {
		size := int(binary.LittleEndian.Uint32(b[at+4:]))
		if string(b[at:at+4]) == "data" {
			data := b[at+8 : at+8+size]
			all := make([]int16, len(data))
			codec.DecodePCMU(all, data)
			for i := 0; i+1 < len(all); i += 2 {
				left, right = append(left, all[i]), append(right, all[i+1])
			}
			return left, right
		}
		at += 8 + size + size%2
	}
	t.Fatalf("%s has no data", path)
	return nil, nil
}

func TestRecordingKeepsSidesApart(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: 440})
	agent, leg := agentOn(t, h, p, "lg_agent", talkOptions{tone: 950})
	path := filepath.Join(t.TempDir(), "call.wav")
	if err := c.Record(path, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Record(path+"2", nil); !errors.Is(err, call.ErrRecording) {
		t.Errorf("second recording: %v", err)
	}
	if err := c.Play(t.Context(), prompt(1300, 400*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := c.Bridge(leg); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller", 950)
	agent.ear.hears(t, "agent", 440)
	eventually(t, "packets are relayed while recording", c.Relaying)
	if err := c.Mute("lg_agent", true); err != nil { // leaves the relay …
		t.Fatal(err)
	}
	caller.ear.forget()
	caller.ear.hears(t, "caller of a muted agent")
	if err := c.Mute("lg_agent", false); err != nil { // … and takes it up again
		t.Fatal(err)
	}
	caller.ear.forget()
	caller.ear.hears(t, "caller", 950)
	agent.ear.forget()
	agent.ear.hears(t, "agent", 440)
	rec, err := c.StopRecording()
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.Stat(path)
	if err != nil || rec.Bytes != stat.Size() || rec.Path != path || rec.Duration < time.Second {
		t.Errorf("recording %+v, file %v %v", rec, stat, err)
	}
	left, right := channels(t, path)
	if !contains(left, 440) || !contains(right, 950) {
		t.Errorf("left side has %v, right side %v", runs(left), runs(right))
	}
	if got := voices(right); len(got) != 2 || got[0].hz != 1300 || got[0].length != 400*time.Millisecond || got[1].hz != 950 {
		t.Errorf("right side has %v, want the prompt, then the agent", runs(right))
	}
	if got := voices(left); len(got) != 1 || got[0].hz != 440 {
		t.Errorf("left side has %v, want the caller alone", runs(left))
	}
	if again, err := c.StopRecording(); err != nil || again != (call.Recording{}) {
		t.Errorf("stopping twice: %+v, %v", again, err)
	}
}

// lagging holds the engine's only shard up until it is let go.
type lagging struct {
	held, begun atomic.Bool
	let         chan struct{}
}

func (l *lagging) hear([]int16) {
	if l.held.Load() && !l.begun.Swap(true) {
		<-l.let
	}
}

// TestLastFramesOfALaggingEngine: frames that were due when a call ended are in
// its recording, though the engine ran them later. (The recorder keeps time by
// frames: those that were never run are missing at the end.)
func TestLastFramesOfALaggingEngine(t *testing.T) {
	for try := 1; ; try++ {
		got, due, skipped := recordedAtTheEnd(t)
		switch {
		case skipped == 0:
			if got < due-40*time.Millisecond {
				t.Errorf("%s recorded of a call that ended after %s", got, due)
			}
			return
		case try == 10:
			t.Fatalf("the machine is too busy: the engine gave up %d frames", skipped)
		}
		t.Logf("the machine stood still: the engine gave up %d frames", skipped)
	}
}

// recordedAtTheEnd ends a call while the engine lags; it returns how much is
// recorded, how much was due, and how many frames were given up because the
// engine lagged more than it should have.
func recordedAtTheEnd(t *testing.T) (got, due time.Duration, skipped uint64) {
	t.Helper()
	const lag = 120 * time.Millisecond
	h, p := newPair(t, hubOptions{})
	_, leg, c := connect(t, h, p, talkOptions{tone: 440})
	slow := &lagging{let: make(chan struct{})}
	room := h.engine.NewRoom("slow")
	defer room.Close()
	if err := room.Join(media.NewListener("slow", media.Rate8k, slow.hear)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "call.wav")
	if err := c.Record(path, nil); err != nil {
		t.Fatal(err)
	}
	from := time.Now()
	time.Sleep(300 * time.Millisecond) // of the recording
	slow.held.Store(true)
	eventually(t, "the engine lags", slow.begun.Load)
	time.Sleep(lag)
	due = time.Since(from)
	closed := make(chan struct{})
	go func() { defer close(closed); c.Close() }()
	select {
	case <-closed:
		t.Error("closed while frames were due")
	case <-time.After(40 * time.Millisecond):
	}
	close(slow.let)
	await(t, "call closes", closed)
	await(t, "leg ends", leg.Done())
	left, _ := channels(t, path)
	return time.Duration(len(left)) * time.Second / 8000, due, h.engine.Stats().Skipped
}

func TestRecordingEndsWithTheCall(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, leg, c := connect(t, h, p, talkOptions{tone: 440})
	path := filepath.Join(t.TempDir(), "call.wav")
	if err := c.Record(path, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Echo(); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller", 440)
	c.Close()
	await(t, "leg ends", leg.Done())
	left, _ := channels(t, path)
	if !contains(left, 440) {
		t.Errorf("recording of %d samples has %v", len(left), runs(left))
	}
	if err := c.Record(path, nil); !errors.Is(err, call.ErrEnded) {
		t.Errorf("recording a closed call: %v", err)
	}
	if err := c.Record(filepath.Join(path, "no", "folder"), nil); err == nil {
		t.Error("recording into no folder was accepted")
	}
}

// A pause is silence of its own length on both sides, also where the recording
// begins in it; caller and agent go on hearing each other.
func TestRecordingPaused(t *testing.T) {
	h, p := newPair(t, hubOptions{})
	caller, _, c := connect(t, h, p, talkOptions{tone: 440})
	_, leg := agentOn(t, h, p, "lg_agent", talkOptions{tone: 950})
	if err := c.PauseRecording(true); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "call.wav")
	if err := c.Record(path, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Bridge(leg); err != nil {
		t.Fatal(err)
	}
	caller.ear.hears(t, "caller", 950)
	from := time.Now()
	if err := c.PauseRecording(false); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if err := c.PauseRecording(true); err != nil {
		t.Fatal(err)
	}
	open := time.Since(from)
	caller.ear.forget()
	caller.ear.hears(t, "caller in the pause", 950)
	rec, err := c.StopRecording()
	if err != nil {
		t.Fatal(err)
	}
	left, right := channels(t, path)
	if int64(len(left)) != rec.Duration.Milliseconds()*8 || len(left) != len(right) {
		t.Errorf("%d and %d samples of %s", len(left), len(right), rec.Duration)
	}
	for name, side := range map[string][]int16{"left": left, "right": right} {
		heard := voices(side)
		if len(heard) != 1 || heard[0].length < 500*time.Millisecond || heard[0].length > open+100*time.Millisecond {
			t.Errorf("%s side has %v, want about %s of one tone", name, runs(side), open)
		}
	}
}
