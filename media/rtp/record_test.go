package rtp

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/mediatest"
	"github.com/openhotline/hotline/media/wav"
)

// TestRecordingGoesOnOverRelayAndMix records a call that switches between relay
// and mix: each side is an unbroken sine of the call's length.
func TestRecordingGoesOnOverRelayAndMix(t *testing.T) {
	t.Parallel()
	for _, kind := range []codec.Kind{codec.PCMU, codec.PCMA} {
		br := newBridge(t, kind, kind)
		path := filepath.Join(t.TempDir(), "call.wav")
		rec, err := wav.Create(path, wav.RecorderConfig{})
		if err != nil {
			t.Fatal(err)
		}
		br.room.Record(rec, []string{"a"}, []string{"b"})
		br.run(50)
		if !br.room.Relaying() {
			t.Fatal("a recorded call of G.711 is not relayed")
		}
		for i := range time.Duration(3) {
			if err := br.room.Join(media.NewListener("ear", media.Rate8k, func([]int16) {})); err != nil {
				t.Fatal(err)
			}
			if err := br.room.SetGain("a", "ear", 1); err != nil {
				t.Fatal(err)
			}
			br.run(30)
			settle(t, rec, (i*60+80)*media.FrameTime)
			br.room.Leave("ear")
			br.run(30)
			settle(t, rec, (i*60+110)*media.FrameTime)
		}
		br.room.StopRecording()
		sum, err := rec.Close()
		if err != nil || sum.Duration != 230*media.FrameTime {
			t.Fatalf("230 frames became %v, %v", sum.Duration, err)
		}
		left, right, err := wav.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		requireSmooth(t, left[5*160:], 500)
		requireSmooth(t, right[5*160:], 900)
		mediatest.RequireNoTone(t, left, media.Rate8k, 900)
	}
}

// settle waits until the recording is written: the test's time runs faster than
// the disk's, and what waits for it is bounded.
func settle(t *testing.T, rec *wav.Recorder, d time.Duration) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for rec.Duration() < d {
		if time.Now().After(deadline) {
			t.Fatalf("%v are written, want %v", rec.Duration(), d)
		}
		<-time.After(5 * time.Millisecond)
	}
}

func TestLossBecomesSilenceInTheRecordingOfARelay(t *testing.T) {
	t.Parallel()
	br := newBridge(t, codec.PCMU, codec.PCMU)
	path := filepath.Join(t.TempDir(), "call.wav")
	rec, err := wav.Create(path, wav.RecorderConfig{})
	if err != nil {
		t.Fatal(err)
	}
	br.room.Record(rec, []string{"a"}, []string{"b"})
	br.run(20)
	for range 30 { // a is silent for 600 ms
		br.a.ts += frameBytes
		br.b.talk()
		br.engine.Tick()
		br.a.hangOn()
		br.b.hangOn()
	}
	br.run(20)
	br.room.StopRecording()
	if _, err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	left, right, err := wav.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 70*160 {
		t.Fatalf("%d samples of 70 frames", len(left))
	}
	mediatest.RequireSilence(t, left[25*160:49*160])
	mediatest.RequireTone(t, left[56*160:], media.Rate8k, 500)
	requireSmooth(t, right[5*160:], 900)
}

// TestEngineCarriesACall runs a call on real clocks and sockets: engine, reader
// and recorder together.
func TestEngineCarriesACall(t *testing.T) {
	t.Parallel()
	pool := newPool(t, PoolConfig{})
	e := media.NewEngine(media.EngineConfig{Shards: 1})
	room := e.NewRoom("r")
	legs := map[string]*Leg{}
	for _, id := range []string{"a", "b"} {
		l := openLeg(t, LegConfig{ID: id, Pool: pool})
		if err := room.Join(l); err != nil {
			t.Fatal(err)
		}
		legs[id] = l
	}
	// A player sends to leg b's address from another leg, as a phone would.
	far := openLeg(t, LegConfig{ID: "far", Pool: pool})
	near := openLeg(t, LegConfig{ID: "near", Pool: pool})
	link := func(l, to *Leg, k codec.Kind) {
		number, _ := k.PayloadType()
		err := l.Configure(Params{Remote: to.LocalAddr(), Send: PayloadType{number, k}, Sending: true, Receiving: true})
		if err != nil {
			t.Fatal(err)
		}
	}
	link(far, legs["a"], codec.PCMU)
	link(legs["a"], far, codec.PCMU)
	link(near, legs["b"], codec.PCMU)
	link(legs["b"], near, codec.PCMU)
	err := room.SetGains(media.GainChange{From: "a", To: "b", Gain: 1}, media.GainChange{From: "b", To: "a", Gain: 1})
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan []int16, 1000)
	phones := e.NewRoom("far side")
	for _, p := range []media.Party{far, media.NewTone("tone", 700, -20, media.Rate8k)} {
		if err := phones.Join(p); err != nil {
			t.Fatal(err)
		}
	}
	listen := e.NewRoom("near side")
	for _, p := range []media.Party{near, media.NewListener("ear", media.Rate8k, func(f []int16) {
		select {
		case heard <- append([]int16(nil), f...):
		default:
		}
	})} {
		if err := listen.Join(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := phones.SetGain("tone", "far", 1); err != nil {
		t.Fatal(err)
	}
	if err := listen.SetGain("near", "ear", 1); err != nil {
		t.Fatal(err)
	}
	stop := run(t, e)
	var all []int16
	deadline := time.After(20 * time.Second)
	for len(all) < 50*160 {
		select {
		case f := <-heard:
			if len(all) > 0 || mediatest.DBFS(f) > -40 {
				all = append(all, f...)
			}
		case <-deadline:
			t.Fatalf("heard %d frames", len(all)/160)
		}
	}
	stop()
	mediatest.RequireTone(t, all, media.Rate8k, 700)
	for _, r := range []*media.Room{room, phones, listen} {
		r.Close()
	}
}

func run(t *testing.T, e *media.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = e.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}
