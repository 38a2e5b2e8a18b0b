package wav

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	gowav "github.com/go-audio/wav"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
	"github.com/openhotline/hotline/media/mediatest"
)

func create(t testing.TB, path string) *Recorder {
	t.Helper()
	r, err := Create(path, RecorderConfig{OnError: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// feed records n frames: a tone of 500 Hz left as PCM, 900 Hz right as A-law.
func feed(r *Recorder, left, right *mediatest.Source, n int) {
	pcm, bytes := make([]int16, 160), make([]byte, 160)
	for range n {
		left.Fill(pcm)
		r.PCM(media.Left, pcm)
		right.Fill(pcm)
		codec.EncodePCMA(bytes, pcm)
		r.Payload(media.Right, media.FormatPCMA, bytes)
		r.Tick()
	}
}

func sources() (left, right *mediatest.Source) {
	return mediatest.NewSource(500, -20, media.Rate8k), mediatest.NewSource(900, -20, media.Rate8k)
}

func TestRecordingHoldsBothSides(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "r.wav")
	r := create(t, path)
	left, right := sources()
	feed(r, left, right, 100)
	sum, err := r.Close()
	if err != nil || sum.Duration != 2*time.Second || sum.Bytes != headerSize+32000 {
		t.Fatalf("summary %+v %v", sum, err)
	}
	if _, err := r.Close(); err != nil {
		t.Fatal(err)
	}
	l, rr, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	mediatest.RequireTone(t, l, media.Rate8k, 500)
	mediatest.RequireNoTone(t, l, media.Rate8k, 900)
	mediatest.RequireTone(t, rr, media.Rate8k, 900)
	if len(mediatest.Gaps(l, media.Rate8k)) != 0 {
		t.Error("gaps in the recording")
	}
	// Another reader understands the file, too.
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d := gowav.NewDecoder(bytes.NewReader(b))
	if !d.IsValidFile() || d.NumChans != 2 || d.SampleRate != 8000 || d.WavAudioFormat != tagULaw {
		t.Errorf("go-audio reads %d channels, %d Hz, coding %d", d.NumChans, d.SampleRate, d.WavAudioFormat)
	}
	if dur, err := d.Duration(); err != nil || dur.Round(10*time.Millisecond) != 2*time.Second {
		t.Errorf("go-audio reads a duration of %v, %v", dur, err)
	}
	clip, err := LoadPrompt(path, media.Rate8k)
	if err != nil || clip.Duration() != 2*time.Second {
		t.Errorf("as a prompt: %v %v", clip.Duration(), err)
	}
	peaks, err := Peaks(path, 10)
	if err != nil || len(peaks) != 10 || peaks[5][0] < 0.09 || peaks[5][0] > 0.11 {
		t.Errorf("peaks %v %v", peaks, err)
	}
}

// memory is a file that checks after every write that what is there is valid.
type memory struct {
	mu     sync.Mutex
	b      []byte
	writes int
	full   int // fail when the file would grow beyond this
	check  func(b []byte)
}

func (m *memory) WriteAt(p []byte, at int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if room := m.full - int(at); m.full > 0 && len(p) > room { // what fits is written, as on a disk
		m.b = append(m.b[:min(int(at), len(m.b))], p[:max(room, 0)]...)
		return max(room, 0), syscall.ENOSPC
	}
	end := int(at) + len(p)
	if end > len(m.b) {
		m.b = append(m.b, make([]byte, end-len(m.b))...)
	}
	copy(m.b[at:], p)
	m.writes++
	if m.check != nil {
		m.check(m.b)
	}
	return len(p), nil
}

func (m *memory) Close() error { return nil }

func (m *memory) Truncate(size int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.b = m.b[:min(int(size), len(m.b))]
	return nil
}

// TestHeaderIsValidAtEveryInstant looks at the file after each single write: it
// is a valid recording, and never more than 200 ms behind.
func TestHeaderIsValidAtEveryInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		start := time.Now()
		m.check = func(b []byte) {
			length, err := readHeader(bytes.NewReader(b))
			if err != nil || int64(len(b)) < headerSize+length {
				t.Errorf("after %v the file is broken: %d bytes, header counts %d, %v", time.Since(start), len(b), length, err)
			}
		}
		r, err := newRecorder(m, 0, RecorderConfig{})
		if err != nil {
			t.Fatal(err)
		}
		left, right := sources()
		for range 150 {
			feed(r, left, right, 1)
			time.Sleep(media.FrameTime)
			synctest.Wait()
			m.mu.Lock()
			length, _ := readHeader(bytes.NewReader(m.b))
			m.mu.Unlock()
			if behind := time.Since(start) - media.Rate8k.Duration(int(length/2)); behind > 200*time.Millisecond {
				t.Fatalf("the file is %v behind", behind)
			}
		}
		if _, err := r.Close(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	})
}

// TestKilledProcessLeavesAValidFile kills a recording process with -9.
func TestKilledProcessLeavesAValidFile(t *testing.T) {
	if path := os.Getenv("HOTLINE_TEST_RECORD_TO"); path != "" {
		recordUntilKilled(path)
	}
	t.Parallel()
	path := filepath.Join(t.TempDir(), "killed.wav")
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKilledProcessLeavesAValidFile$")
	cmd.Env = append(os.Environ(), "HOTLINE_TEST_RECORD_TO="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The child writes a byte per recorded frame; after 60 of them it dies.
	one, frames := make([]byte, 1), 0
	for frames < 60 {
		if _, err := out.Read(one); err != nil {
			t.Fatal(err)
		}
		if one[0] == '.' {
			frames++
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	info, err := Check(path)
	if err != nil {
		t.Fatal(err)
	}
	if missing := time.Duration(frames)*media.FrameTime - info.Duration; missing > 200*time.Millisecond {
		t.Errorf("of %d frames %v is missing", frames, missing)
	}
	// The next process continues the file where it is.
	r := create(t, path)
	left, right := sources()
	feed(r, left, right, 50)
	if sum, err := r.Close(); err != nil || sum.Duration < info.Duration+time.Second {
		t.Errorf("continued: %+v, %v", sum, err)
	}
	if _, err := Check(path); err != nil {
		t.Error(err)
	}
}

func recordUntilKilled(path string) {
	r, err := Create(path, RecorderConfig{})
	if err != nil {
		os.Exit(2)
	}
	left, right := sources()
	tick := time.NewTicker(media.FrameTime)
	for range 500 { // ten seconds at most
		<-tick.C
		feed(r, left, right, 1)
		_, _ = os.Stdout.WriteString(".")
	}
	os.Exit(3)
}

func TestTruncatedFilesAreRepaired(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.wav")
	r := create(t, whole)
	left, right := sources()
	feed(r, left, right, 50)
	if _, err := r.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1, 20, headerSize - 1, headerSize, headerSize + 1, headerSize + 3201, len(b) - 1, len(b)} {
		path := filepath.Join(dir, "cut.wav")
		if err := os.WriteFile(path, b[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if n > headerSize && n < len(b) {
			if _, err := Check(path); !errors.Is(err, ErrFormat) {
				t.Errorf("cut to %d bytes: Check says %v", n, err)
			}
		}
		info, err := Repair(path)
		if err != nil {
			t.Errorf("cut to %d bytes: %v", n, err)
			continue
		}
		if want := media.Rate8k.Duration(max(n-headerSize, 0) / 2); info.Duration != want {
			t.Errorf("cut to %d bytes: %v of audio, want %v", n, info.Duration, want)
		}
		if _, err := Check(path); err != nil {
			t.Errorf("cut to %d bytes, repaired: %v", n, err)
		}
	}
	foreign := filepath.Join(dir, "foreign.wav")
	if err := os.WriteFile(foreign, []byte("something else altogether"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Repair(foreign); !errors.Is(err, ErrFormat) {
		t.Errorf("a foreign file: %v", err)
	}
	if _, err := Create(foreign, RecorderConfig{}); !errors.Is(err, ErrFormat) {
		t.Errorf("recording over a foreign file: %v", err)
	}
}

// TestWhoIsToldMayAskBack: the handler of a failure asks for what is there and
// closes; other recordings go on.
func TestWhoIsToldMayAskBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other, err := newRecorder(&memory{full: 1 << 30}, 0, RecorderConfig{})
		if err != nil {
			t.Fatal(err)
		}
		var r *Recorder
		var length time.Duration
		closed := make(chan Summary, 1)
		if r, err = newRecorder(&memory{full: 20_000}, 0, RecorderConfig{OnError: func(error) {
			length = r.Duration()
			sum, _ := r.Close()
			closed <- sum
		}}); err != nil {
			t.Fatal(err)
		}
		left, right := sources()
		for range 200 {
			feed(r, left, right, 1)
			feed(other, left, right, 1)
			time.Sleep(media.FrameTime)
		}
		select {
		case sum := <-closed:
			if sum.Duration != length || length < time.Second {
				t.Errorf("%s and %s", sum.Duration, length)
			}
		default:
			t.Fatal("the handler has not come back")
		}
		if sum, err := other.Close(); err != nil || sum.Duration != 200*media.FrameTime {
			t.Errorf("the other recording has %s, %v", sum.Duration, err)
		}
	})
}

func TestDiskFullIsToldOnceAndTheFileStaysValid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{full: 20_000}
		var told []error
		r, err := newRecorder(m, 0, RecorderConfig{OnError: func(err error) { told = append(told, err) }})
		if err != nil {
			t.Fatal(err)
		}
		left, right := sources()
		for range 200 {
			feed(r, left, right, 1)
			time.Sleep(media.FrameTime)
		}
		synctest.Wait()
		if len(told) != 1 || !errors.Is(told[0], syscall.ENOSPC) {
			t.Errorf("told %v, want one error: no space", told)
		}
		sum, err := r.Close()
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("Close: %v", err)
		}
		length, err := readHeader(bytes.NewReader(m.b))
		if err != nil || length < 16_000 {
			t.Errorf("what fitted is not there: %d bytes, %v", length, err)
		}
		if want := headerSize + length; sum.Bytes != want || int64(len(m.b)) != want {
			t.Errorf("%d bytes are said to be kept, the file has %d, its header counts %d", sum.Bytes, len(m.b), want)
		}
	})
}

func TestSlowDiskKeepsTheTime(t *testing.T) {
	t.Parallel()
	m := &memory{}
	r := &Recorder{file: m, buf: make([]byte, 0, maxWait), spare: make([]byte, 0, maxWait)}
	left, right := sources()
	feed(r, left, right, 150) // three seconds while the disk hangs; two are kept
	r.flush()
	feed(r, left, right, 50)
	r.flush()
	if d := r.Duration(); d != 4*time.Second {
		t.Errorf("four seconds became %v", d)
	}
}

func TestGapsBecomeSilence(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "r.wav")
	r := create(t, path)
	left, right := sources()
	feed(r, left, right, 20)
	for range 30 {
		r.Tick()
	}
	feed(r, left, right, 20)
	if _, err := r.Close(); err != nil {
		t.Fatal(err)
	}
	l, _, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(l) != 70*160 {
		t.Fatalf("%d samples of 70 frames", len(l))
	}
	mediatest.RequireSilence(t, l[20*160:50*160])
	mediatest.RequireTone(t, l[50*160:], media.Rate8k, 500)
}

func TestSeveralFramesAtOnceAreSpreadOverTicks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "r.wav")
	r := create(t, path)
	tone := mediatest.Tone(500, -20, media.Rate8k, 1600)
	r.PCM(media.Left, tone[:480]) // a relay has ended
	r.Tick()
	for i := 3; i < 10; i++ {
		r.PCM(media.Left, tone[i*160:(i+1)*160])
		r.Tick()
	}
	r.Tick()
	r.Tick()
	if _, err := r.Close(); err != nil {
		t.Fatal(err)
	}
	l, _, err := Read(path)
	if err != nil || len(l) != 1600 {
		t.Fatal(len(l), err)
	}
	if gaps := mediatest.Gaps(l, media.Rate8k); len(gaps) != 0 {
		t.Errorf("gaps at %v", gaps)
	}
}

func TestRecordingDoesNotAllocate(t *testing.T) {
	r := &Recorder{file: &memory{}, buf: make([]byte, 0, maxWait), spare: make([]byte, 0, maxWait)}
	pcm, b := make([]int16, 160), make([]byte, 160)
	n := testing.AllocsPerRun(500, func() {
		r.PCM(media.Left, pcm)
		r.Payload(media.Right, media.FormatPCMA, b)
		r.Tick()
	})
	if n != 0 {
		t.Errorf("%v allocations per frame, want 0", n)
	}
}

func TestPromptsOfAllKinds(t *testing.T) {
	t.Parallel()
	for _, bits := range []int{8, 16, 24, 32} {
		for _, rate := range []int{8000, 16000, 22050, 44100} {
			for _, channels := range []int{1, 2} {
				b := pcmFile(bits, rate, channels, mediatest.Tone(440, -12, media.Rate(rate), rate/2))
				clip, err := DecodePrompt(b, media.Rate8k)
				if err != nil {
					t.Fatalf("%d bits %d Hz %d channels: %v", bits, rate, channels, err)
				}
				if d := clip.Duration() - 500*time.Millisecond; d < -time.Millisecond || d > time.Millisecond {
					t.Errorf("%d bits %d Hz %d channels: half a second became %v", bits, rate, channels, clip.Duration())
				}
				if l := mediatest.Level(clip.Samples, media.Rate8k, 440); l < -12.6 || l > -11.4 {
					t.Errorf("%d bits %d Hz %d channels: level %.1f", bits, rate, channels, l)
				}
			}
		}
	}
	for _, b := range [][]byte{nil, []byte("RIFF"), []byte("RIFF\x00\x00\x00\x00WAVE"), pcmFile(12, 8000, 1, nil)} {
		if _, err := DecodePrompt(b, media.Rate8k); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v, want ErrFormat", b, err)
		}
	}
	if _, err := LoadPrompt(filepath.Join(t.TempDir(), "none.wav"), media.Rate8k); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// pcmFile makes a PCM file of the same samples in every channel.
func pcmFile(bits, rate, channels int, samples []int16) []byte {
	var data []byte
	for _, s := range samples {
		for range channels {
			switch bits {
			case 8:
				data = append(data, byte(s>>8)+128)
			default:
				v := int64(s) << (bits - 16) << (32 - bits)
				for k := 32 - bits; k < 32; k += 8 {
					data = append(data, byte(v>>k))
				}
			}
		}
	}
	h := header(int64(len(data)))
	b := append([]byte(nil), h[:36]...)
	le := func(at, n int, v uint32) {
		for i := range n {
			b[at+i] = byte(v >> (8 * i))
		}
	}
	le(4, 4, uint32(36+len(data)))
	le(16, 4, 16)
	le(20, 2, tagPCM)
	le(22, 2, uint32(channels))
	le(24, 4, uint32(rate))
	le(28, 4, uint32(rate*channels*bits/8))
	le(32, 2, uint32(channels*bits/8))
	le(34, 2, uint32(bits))
	b = append(b, "data"...)
	b = append(b, byte(len(data)), byte(len(data)>>8), byte(len(data)>>16), byte(len(data)>>24))
	return append(b, data...)
}

func FuzzPrompt(f *testing.F) {
	f.Add(pcmFile(16, 8000, 1, []int16{1, 2, 3}))
	f.Add(pcmFile(24, 44100, 2, []int16{1, 2, 3}))
	h := header(4)
	f.Add(append(h[:], 1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		if clip, err := DecodePrompt(b, media.Rate8k); err == nil && clip.Rate != media.Rate8k {
			t.Fatalf("rate %d", clip.Rate)
		}
	})
}
