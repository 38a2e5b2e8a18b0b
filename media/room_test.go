package media_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/mediatest"
)

// singer sends its own tone and keeps what it hears.
type singer struct {
	id    string
	rate  media.Rate
	tone  *mediatest.Source
	heard []int16
	keep  bool
}

func newSinger(id string, hz float64, rate media.Rate) *singer {
	return &singer{id: id, rate: rate, tone: mediatest.NewSource(hz, -20, rate), keep: true}
}

func (s *singer) ID() string       { return s.id }
func (s *singer) Rate() media.Rate { return s.rate }
func (s *singer) ReadFrame(dst []int16) bool {
	s.tone.Fill(dst)
	return true
}

func (s *singer) WriteFrame(src []int16) {
	if s.keep {
		s.heard = append(s.heard, src...)
	}
}

func newRoom(t testing.TB) (*media.Engine, *media.Room) {
	e := media.NewEngine(media.EngineConfig{Shards: 1})
	r := e.NewRoom("test")
	t.Cleanup(r.Close)
	return e, r
}

func join(t testing.TB, r *media.Room, parties ...media.Party) {
	t.Helper()
	for _, p := range parties {
		if err := r.Join(p); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEachHearsExactlyWhomTheMatrixSays(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 40 {
		e, r := newRoom(t)
		n := 2 + rng.IntN(5)
		rates := []media.Rate{media.Rate8k}
		if round%2 == 1 {
			rates = []media.Rate{media.Rate8k, media.Rate16k, media.Rate48k}
		}
		singers := make([]*singer, n)
		for i := range singers {
			singers[i] = newSinger(fmt.Sprint("p", i), 400+300*float64(i), rates[rng.IntN(len(rates))])
			join(t, r, singers[i])
		}
		// Change the matrix a few times; the last one counts.
		want := map[[2]int]bool{}
		for range 3 {
			var changes []media.GainChange
			for i := range n {
				for j := range n {
					g := media.Gain(rng.IntN(2))
					want[[2]int{i, j}] = g == 1 && i != j
					changes = append(changes, media.GainChange{From: singers[i].id, To: singers[j].id, Gain: g})
				}
			}
			if err := r.SetGains(changes...); err != nil {
				t.Fatal(err)
			}
			e.Tick()
		}
		e.Tick()
		for _, s := range singers {
			s.heard = s.heard[:0]
		}
		for range 10 {
			e.Tick()
		}
		for j, s := range singers {
			if len(s.heard) != 10*s.rate.Frame() {
				t.Fatalf("round %d: %s heard %d samples, want ten frames", round, s.id, len(s.heard))
			}
			for i := range singers {
				hz := 400 + 300*float64(i)
				if want[[2]int{i, j}] {
					mediatest.RequireTone(t, s.heard, s.rate, hz)
				} else {
					mediatest.RequireNoTone(t, s.heard, s.rate, hz)
				}
			}
		}
	}
}

func TestGainBetweenZeroAndOne(t *testing.T) {
	t.Parallel()
	e, r := newRoom(t)
	a, b := newSinger("a", 500, media.Rate8k), newSinger("b", 900, media.Rate8k)
	join(t, r, a, b)
	if err := r.SetGain("a", "b", 0.5); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		e.Tick()
	}
	if l := mediatest.Level(b.heard, media.Rate8k, 500); l < -26.5 || l > -25.5 {
		t.Fatalf("a tone of -20 dBFS at gain 0.5 has %.1f dBFS, want -26", l)
	}
	mediatest.RequireSilence(t, a.heard)
}

func TestLoudPartiesSaturate(t *testing.T) {
	t.Parallel()
	e, r := newRoom(t)
	square := make([]int16, 160)
	for i := range square {
		square[i] = 30000
		if i%2 == 1 {
			square[i] = -30000
		}
	}
	for i := range 4 {
		join(t, r, media.NewPlayer(fmt.Sprint("p", i), square, media.Rate8k, true))
	}
	ear := newSinger("ear", 500, media.Rate8k)
	join(t, r, ear)
	for i := range 4 {
		if err := r.SetGain(fmt.Sprint("p", i), "ear", media.Unity); err != nil {
			t.Fatal(err)
		}
	}
	e.Tick()
	for i, s := range ear.heard {
		if want := []int16{32767, -32768}[i%2]; s != want {
			t.Fatalf("sample %d is %d, want %d", i, s, want)
		}
	}
}

func TestRoomErrors(t *testing.T) {
	t.Parallel()
	_, r := newRoom(t)
	a := newSinger("a", 500, media.Rate8k)
	join(t, r, a)
	if err := r.Join(newSinger("a", 600, media.Rate8k)); !errors.Is(err, media.ErrDuplicate) {
		t.Errorf("second party of the same id: %v", err)
	}
	if err := r.SetGain("a", "b", 1); !errors.Is(err, media.ErrUnknownParty) {
		t.Errorf("gain to nobody: %v", err)
	}
	for _, g := range []media.Gain{-0.1, 1.1, media.Gain(nan())} {
		if err := r.SetGain("a", "a", g); !errors.Is(err, media.ErrGain) {
			t.Errorf("gain %v: %v", g, err)
		}
	}
	for i := range media.MaxParties - 1 {
		join(t, r, media.NewSilence(fmt.Sprint(i)))
	}
	if err := r.Join(media.NewSilence("more")); !errors.Is(err, media.ErrFull) {
		t.Errorf("room beyond its bound: %v", err)
	}
	r.Leave("nobody")
	r.Close()
	if err := r.Join(newSinger("c", 500, media.Rate8k)); !errors.Is(err, media.ErrClosed) {
		t.Errorf("closed room: %v", err)
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

func TestLeaveKeepsTheOthersGains(t *testing.T) {
	t.Parallel()
	e, r := newRoom(t)
	a, b, c := newSinger("a", 500, media.Rate8k), newSinger("b", 900, media.Rate8k), newSinger("c", 1300, media.Rate8k)
	join(t, r, a, b, c)
	if err := r.SetGains(media.GainChange{From: "a", To: "c", Gain: 1}, media.GainChange{From: "b", To: "c", Gain: 1}); err != nil {
		t.Fatal(err)
	}
	r.Leave("a")
	for range 10 {
		e.Tick()
	}
	mediatest.RequireTone(t, c.heard, media.Rate8k, 900)
	mediatest.RequireNoTone(t, c.heard, media.Rate8k, 500)
	if g := r.Gain("b", "c"); g != media.Unity {
		t.Fatalf("gain of b to c is %v after a left", g)
	}
}

func TestWidebandRoomKeepsHighTones(t *testing.T) {
	t.Parallel()
	e, r := newRoom(t)
	a, b, narrow := newSinger("a", 5000, media.Rate16k), newSinger("b", 900, media.Rate16k), newSinger("n", 600, media.Rate8k)
	join(t, r, a, b, narrow)
	for _, g := range []media.GainChange{{From: "a", To: "b", Gain: 1}, {From: "n", To: "b", Gain: 1}, {From: "a", To: "n", Gain: 1}} {
		if err := r.SetGains(g); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		e.Tick()
	}
	mediatest.RequireTone(t, b.heard, media.Rate16k, 5000)
	mediatest.RequireTone(t, b.heard, media.Rate16k, 600)
	// 5 kHz does not fit 8 kHz: it must vanish, not come back as 3 kHz.
	mediatest.RequireNoTone(t, narrow.heard[160:], media.Rate8k, 3000)
}

func TestPlayerPlaysOnceAndTellsItsEnd(t *testing.T) {
	t.Parallel()
	e, r := newRoom(t)
	ear := newSinger("ear", 500, media.Rate8k)
	p := media.NewPlaylist("p", []media.Clip{
		{Samples: mediatest.Tone(700, -20, media.Rate8k, 1000), Rate: media.Rate8k},
		{Samples: mediatest.Tone(1100, -20, media.Rate16k, 2000), Rate: media.Rate16k},
	}, false)
	join(t, r, ear, p)
	if err := r.SetGain("p", "ear", 1); err != nil {
		t.Fatal(err)
	}
	for range 12 { // 1920 of 2000 samples
		e.Tick()
	}
	select {
	case <-p.Done():
		t.Fatal("done before the last sample")
	default:
	}
	mediatest.RequireTone(t, ear.heard[:1000], media.Rate8k, 700)
	mediatest.RequireTone(t, ear.heard[1000:], media.Rate8k, 1100)
	e.Tick()
	e.Tick()
	<-p.Done()
	ear.heard = nil
	e.Tick()
	mediatest.RequireSilence(t, ear.heard)
}

func TestPlayerLoopsUntilStopped(t *testing.T) {
	t.Parallel()
	p := media.NewPlayer("p", []int16{1, 2, 3}, media.Rate8k, true)
	frame := make([]int16, 160)
	for range 5 {
		if !p.ReadFrame(frame) {
			t.Fatal("a loop has ended")
		}
	}
	if frame[0] != 3 || frame[1] != 1 { // 640 samples before: 640 mod 3 = 1... the seam goes on
		if frame[1] != frame[0]%3+1 {
			t.Fatalf("loop is broken at the seam: %v", frame[:4])
		}
	}
	p.Stop()
	p.Stop()
	<-p.Done()
	if p.ReadFrame(frame) {
		t.Fatal("plays after Stop")
	}
	<-media.NewPlayer("empty", nil, media.Rate8k, true).Done()
}

func TestToneLevelAndFrequency(t *testing.T) {
	t.Parallel()
	tone := media.NewTone("t", 1004, -10, media.Rate8k)
	var all []int16
	frame := make([]int16, 160)
	for range 500 {
		tone.ReadFrame(frame)
		all = append(all, frame...)
	}
	if l := mediatest.Level(all[len(all)-1600:], media.Rate8k, 1004); l < -10.2 || l > -9.8 {
		t.Fatalf("after ten seconds the tone is at %.2f dBFS, want -10", l)
	}
}

func TestEchoReturnsWhatItHears(t *testing.T) {
	t.Parallel()
	e, r := newRoom(t)
	a := newSinger("a", 800, media.Rate8k)
	join(t, r, a, media.NewEcho("echo", media.Rate8k))
	if err := r.SetGains(media.GainChange{From: "a", To: "echo", Gain: 1}, media.GainChange{From: "echo", To: "a", Gain: 1}); err != nil {
		t.Fatal(err)
	}
	for range 11 {
		e.Tick()
	}
	mediatest.RequireTone(t, a.heard[160:], media.Rate8k, 800)
}

func TestListenerTapsOneParty(t *testing.T) {
	t.Parallel()
	e, r := newRoom(t)
	var tapped []int16
	a, b := newSinger("a", 800, media.Rate8k), newSinger("b", 1200, media.Rate8k)
	join(t, r, a, b, media.NewListener("tap", media.Rate16k, func(f []int16) { tapped = append(tapped, f...) }))
	if err := r.SetGain("a", "tap", 1); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		e.Tick()
	}
	mediatest.RequireTone(t, tapped, media.Rate16k, 800)
	mediatest.RequireNoTone(t, tapped, media.Rate16k, 1200)
}

// tape is a Recorder in memory.
type tape struct {
	pcm      [2][]int16
	payloads [2]int
	ticks    int
}

func (r *tape) Payload(side media.Side, _ media.Format, b []byte) { r.payloads[side] += len(b) }
func (r *tape) PCM(side media.Side, s []int16)                    { r.pcm[side] = append(r.pcm[side], s...) }
func (r *tape) Tick()                                             { r.ticks++ }

func TestRecordingTakesEachSide(t *testing.T) {
	t.Parallel()
	for _, rate := range []media.Rate{media.Rate8k, media.Rate16k} {
		e, r := newRoom(t)
		rec := &tape{}
		r.Record(rec, []string{"caller"}, []string{"agent", "supervisor"})
		caller, agent := newSinger("caller", 500, media.Rate8k), newSinger("agent", 900, rate)
		join(t, r, caller, agent, newSinger("supervisor", 1300, media.Rate8k), newSinger("coach", 1700, media.Rate8k))
		for range 10 {
			e.Tick()
		}
		r.StopRecording()
		e.Tick()
		if rec.ticks != 10 || len(rec.pcm[0]) != 1600 || len(rec.pcm[1]) != 1600 {
			t.Fatalf("recorded %d ticks, %d and %d samples", rec.ticks, len(rec.pcm[0]), len(rec.pcm[1]))
		}
		left, right := rec.pcm[media.Left], rec.pcm[media.Right]
		mediatest.RequireTone(t, left, media.Rate8k, 500)
		mediatest.RequireNoTone(t, left, media.Rate8k, 900)
		mediatest.RequireTone(t, right, media.Rate8k, 900)
		mediatest.RequireTone(t, right, media.Rate8k, 1300)
		mediatest.RequireNoTone(t, right, media.Rate8k, 500)
		mediatest.RequireNoTone(t, right, media.Rate8k, 1700)
	}
}

func TestTickDoesNotAllocate(t *testing.T) {
	e, r := newRoom(t)
	r.Record(nopRecorder{}, []string{"p0"}, []string{"p1", "p2"})
	for i := range 4 {
		s := newSinger(fmt.Sprint("p", i), 500, []media.Rate{media.Rate8k, media.Rate16k, media.Rate48k, media.Rate8k}[i])
		s.keep = false
		join(t, r, s)
	}
	for i := range 4 {
		for j := range 4 {
			if err := r.SetGain(fmt.Sprint("p", i), fmt.Sprint("p", j), media.Unity/media.Gain(1+(i+j)%2)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := testing.AllocsPerRun(100, e.Tick); n != 0 {
		t.Fatalf("a tick allocates %v times, want 0", n)
	}
}

type nopRecorder struct{}

func (nopRecorder) Payload(media.Side, media.Format, []byte) {}
func (nopRecorder) PCM(media.Side, []int16)                  {}
func (nopRecorder) Tick()                                    {}

// TestMatrixChangesWhileTicking runs changes against ticks for the race
// detector.
func TestMatrixChangesWhileTicking(t *testing.T) {
	t.Parallel()
	e, r := newRoom(t)
	a := newSinger("a", 500, media.Rate8k)
	a.keep = false
	join(t, r, a)
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 300 {
			e.Tick()
		}
	})
	for i := range 100 {
		id := fmt.Sprint("x", i)
		join(t, r, media.NewTone(id, 800, -20, media.Rate8k))
		if err := r.SetGain(id, "a", media.Unity); err != nil {
			t.Error(err)
		}
		r.Leave(id)
	}
	wg.Wait()
}

func BenchmarkTickThreeParties(b *testing.B) {
	e, r := newRoom(b)
	for i := range 3 {
		s := newSinger(fmt.Sprint("p", i), 500, media.Rate8k)
		s.keep = false
		join(b, r, media.NewPlayer(s.id+"x", mediatest.Tone(500, -20, media.Rate8k, 8000), media.Rate8k, true), media.NewListener(s.id, media.Rate8k, func([]int16) {}))
	}
	for i := range 3 {
		for j := range 3 {
			_ = r.SetGain(fmt.Sprintf("p%dx", i), fmt.Sprint("p", j), media.Unity)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		e.Tick()
	}
}
