package media_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/mediatest"
)

// TestPitfall19NoPerPacketTickers: one timer per shard drives all rooms on
// absolute deadlines, so frames neither drift nor need a ticker per leg.
func TestPitfall19NoPerPacketTickers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := media.NewEngine(media.EngineConfig{Shards: 2})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		var frames atomic.Int64
		for range 10 {
			r := e.NewRoom("r")
			if err := r.Join(media.NewListener("l", media.Rate8k, func([]int16) { frames.Add(1) })); err != nil {
				t.Fatal(err)
			}
		}
		go func() { done <- e.Run(ctx) }()
		// The first frame of the first shard is on the process's beat, that of
		// the second half a frame later; five rooms are in each.
		const ran = time.Minute + media.FrameTime/4
		first := media.UntilBeat(time.Now(), media.FrameTime)
		want := int64(0)
		for _, d := range []time.Duration{first, first + media.FrameTime/2} {
			want += 5 * (int64((ran-d)/media.FrameTime) + 1)
		}
		time.Sleep(ran)
		synctest.Wait()
		if n := frames.Load(); n != want {
			t.Errorf("%d frames in a minute of ten rooms, want %d", n, want)
		}
		st := e.Stats()
		if st.Rooms != 10 || st.Skipped != 0 || st.LateMax != 0 || st.LateP99 > 10*time.Microsecond {
			t.Errorf("statistics %+v, want ten rooms and no lateness in fake time", st)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
}

// TestStallIsCaughtUpOrSkipped: a short stall costs no frame, a long one skips.
func TestStallIsCaughtUpOrSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := media.NewEngine(media.EngineConfig{Shards: 1})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		frames := 0
		stall := map[int]time.Duration{10: 100 * time.Millisecond, 100: time.Second}
		r := e.NewRoom("r")
		if err := r.Join(media.NewListener("l", media.Rate8k, func([]int16) {
			frames++
			time.Sleep(stall[frames])
		})); err != nil {
			t.Fatal(err)
		}
		go func() {
			defer close(done)
			_ = e.Run(ctx)
		}()
		time.Sleep(10*time.Second + media.FrameTime/2)
		synctest.Wait()
		cancel()
		<-done
		st := e.Stats()
		if st.Skipped == 0 || st.Skipped > 50 {
			t.Errorf("%d frames skipped in a stall of 1 s, want some and not more than 50", st.Skipped)
		}
		if got := frames + int(st.Skipped); got < 500 || got > 502 {
			t.Errorf("%d frames and %d skipped, want 501 together", frames, st.Skipped)
		}
		if st.LateMax < 900*time.Millisecond {
			t.Errorf("largest lateness %v, want nearly a second", st.LateMax)
		}
	})
}

func TestResampleKeepsToneLevelAndLength(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to media.Rate }{
		{8000, 16000}, {16000, 8000}, {48000, 16000}, {16000, 48000}, {48000, 8000}, {22050, 8000}, {44100, 16000}, {24000, 16000},
	} {
		in := mediatest.Tone(1000, -20, c.from, int(c.from))
		out := media.Resample(in, c.from, c.to)
		if d := len(out) - int(c.to); d < -2 || d > 2 {
			t.Errorf("%d to %d: a second has %d samples", c.from, c.to, len(out))
		}
		if l := mediatest.Level(out[100:len(out)-100], c.to, 1000); l < -20.3 || l > -19.7 {
			t.Errorf("%d to %d: tone of -20 dBFS has %.2f", c.from, c.to, l)
		}
		// Nothing else may appear: the difference from the ideal tone is 30 dB down.
		want := mediatest.Tone(1000, -20, c.to, len(out))
		diff := make([]int16, 0, len(out))
		for i := 200; i < len(out)-200; i++ {
			diff = append(diff, out[i]-want[i])
		}
		if l := mediatest.DBFS(diff); l > -50 {
			t.Errorf("%d to %d: differs from the ideal tone by %.1f dBFS", c.from, c.to, l)
		}
	}
}

func TestRateArithmetic(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		rate media.Rate
		d    time.Duration
		want int
	}{
		{"one Opus frame", media.Rate48k, media.FrameTime, 960},
		{"one G.711 frame", media.Rate8k, media.FrameTime, 160},
		{"long call does not overflow", media.Rate48k, 24 * time.Hour, 4_147_200_000},
	}
	for _, c := range tests {
		if got := c.rate.Samples(c.d); got != c.want {
			t.Errorf("%s: %d samples, want %d", c.name, got, c.want)
		}
		if got := c.rate.Duration(c.want); got != c.d {
			t.Errorf("%s: %v, want %v", c.name, got, c.d)
		}
	}
}
