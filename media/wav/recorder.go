package wav

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// RecorderConfig sets up a Recorder. The zero value works.
type RecorderConfig struct {
	// OnError is told once, from another goroutine, when the file can no longer
	// be written (disk full). The call goes on; what was written stays valid.
	OnError func(error)
}

// file is what a Recorder needs of an *os.File.
type file interface {
	io.WriterAt
	io.Closer
	Truncate(size int64) error
}

// Recorder writes a stereo µ-law WAV file at 8 kHz: caller left, agent right.
// The header is valid after every flush, eight times a second, so that a killed
// process leaves a file that plays. It implements media.Recorder: the room's
// shard hands over bytes and a goroutine shared by all recorders writes them.
//
// Sides are aligned by ticks. A side that got nothing in a tick is silent for
// 20 ms; one that got several frames at once, when a relay begins or ends,
// spends them in the following ticks.
type Recorder struct {
	onError func(error)

	mu     sync.Mutex
	sides  [2]queue
	buf    []byte // interleaved, not written yet
	spare  []byte
	missed int // frames not kept because the disk was too slow
	closed bool

	out    sync.Mutex // the file; held while it is written
	file   file
	length int64 // bytes of audio in the file
	err    error
}

// frame is 20 ms of one side in bytes.
const frame = 160

// Bounds: what a side may be ahead, and what may wait for the disk.
const (
	maxAhead = 25 * frame      // 500 ms
	maxWait  = 100 * 2 * frame // 2 s
)

// Create makes the file, or repairs and continues a recording that is there
// already. A file that cannot take a header is not left behind.
func Create(path string, cfg RecorderConfig) (_ *Recorder, err error) {
	_, before := os.Stat(path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	defer func() {
		if err != nil && errors.Is(before, fs.ErrNotExist) {
			_ = os.Remove(path)
		}
	}()
	if err != nil {
		return nil, fmt.Errorf("wav: create recording: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("wav: create recording: %w", err)
	}
	var length int64
	if st.Size() > 0 {
		if length, err = repair(f, st.Size()); err != nil {
			_ = f.Close()
			return nil, err
		}
	}
	return newRecorder(f, length, cfg)
}

func newRecorder(f file, length int64, cfg RecorderConfig) (*Recorder, error) {
	r := &Recorder{
		onError: cfg.OnError, file: f, length: length,
		buf: make([]byte, 0, maxWait), spare: make([]byte, 0, maxWait),
	}
	if err := r.writeHeader(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("wav: create recording: %w", err)
	}
	shared.add(r)
	return r, nil
}

// Payload implements media.Recorder: G.711 bytes are taken as they are.
func (r *Recorder) Payload(side media.Side, f media.Format, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := &r.sides[side&1]
	switch f {
	case media.FormatPCMU:
		copy(q.push(len(b)), b)
	case media.FormatPCMA:
		codec.AlawToUlaw(q.push(len(b)), b[:min(len(b), maxAhead)])
	}
}

// PCM implements media.Recorder.
func (r *Recorder) PCM(side media.Side, samples []int16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	samples = samples[:min(len(samples), maxAhead)]
	codec.EncodePCMU(r.sides[side&1].push(len(samples)), samples)
}

// Tick implements media.Recorder.
func (r *Recorder) Tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(r.buf)+2*frame > cap(r.buf) {
		r.missed++
		r.sides[media.Left].drop()
		r.sides[media.Right].drop()
		return
	}
	at := len(r.buf)
	r.buf = r.buf[:at+2*frame]
	r.sides[media.Left].pop(r.buf[at:])
	r.sides[media.Right].pop(r.buf[at+1:])
}

// flush writes what has gathered, then the header that counts it: in this
// order the file is valid whenever the process dies.
func (r *Recorder) flush() {
	if err := r.write(); err != nil && r.onError != nil {
		r.onError(err) // may ask for the Duration, or close
	}
}

// write is flush but for telling that the file can no longer be written, which
// it returns once.
func (r *Recorder) write() (failed error) {
	r.out.Lock()
	defer r.out.Unlock()
	r.mu.Lock()
	data, missed := r.buf, r.missed
	if len(data) == 0 && missed == 0 || r.err != nil {
		r.buf, r.missed = r.buf[:0], 0
		r.mu.Unlock()
		return nil
	}
	r.buf, r.spare, r.missed = r.spare[:0], nil, 0
	r.mu.Unlock()
	counted := r.length
	err := r.append(data)
	if err == nil && missed > 0 {
		err = r.appendSilence(missed)
	}
	if err == nil {
		err = r.writeHeader()
	}
	if err != nil {
		r.length = counted // what the last good header counts is what is kept
		r.err = fmt.Errorf("wav: recording stopped: %w", err)
		failed = r.err
	}
	r.mu.Lock()
	r.spare = data[:0]
	r.mu.Unlock()
	return failed
}

func (r *Recorder) append(b []byte) error {
	if r.length+int64(len(b)) > maxData {
		return ErrTooLong
	}
	if _, err := r.file.WriteAt(b, headerSize+r.length); err != nil {
		return err
	}
	r.length += int64(len(b))
	return nil
}

// appendSilence stands in for frames the disk was too slow to take, so that
// what follows keeps its place in time.
func (r *Recorder) appendSilence(frames int) error {
	var quiet [2 * frame]byte
	for i := range quiet {
		quiet[i] = codec.SilencePCMU
	}
	for range frames {
		if err := r.append(quiet[:]); err != nil {
			return err
		}
	}
	return nil
}

func (r *Recorder) writeHeader() error {
	h := header(r.length)
	_, err := r.file.WriteAt(h[:], 0)
	return err
}

// Summary says what a recording became.
type Summary struct {
	Bytes    int64 // of the file
	Duration time.Duration
}

// Close writes the rest and closes the file. The error is the first one met; a
// file that could not be written any more then ends with what it keeps.
// Take the recorder out of its room first; a second Close does nothing.
func (r *Recorder) Close() (Summary, error) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		r.out.Lock()
		defer r.out.Unlock()
		return r.summary(), r.err
	}
	r.closed = true
	r.mu.Unlock()
	shared.remove(r)
	r.flush()
	r.out.Lock()
	defer r.out.Unlock()
	if r.err != nil {
		_ = r.file.Truncate(headerSize + r.length) // a piece of the failed write; harmless where it cannot go
	}
	err := r.file.Close()
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("wav: close recording: %w", err)
	}
	return r.summary(), r.err
}

func (r *Recorder) summary() Summary {
	return Summary{Bytes: headerSize + r.length, Duration: media.Rate8k.Duration(int(r.length / 2))}
}

// Duration returns how much is in the file now.
func (r *Recorder) Duration() time.Duration {
	r.out.Lock()
	defer r.out.Unlock()
	return r.summary().Duration
}

// ErrTooLong means that the file would pass the 4 GiB that a WAV header counts.
var ErrTooLong = errors.New("wav: file would pass 4 GiB")

// queue holds the bytes of one side that were not spent yet.
type queue struct {
	b [maxAhead]byte
	n int
}

// push makes room for n bytes and returns it; the oldest ones give way.
func (q *queue) push(n int) []byte {
	n = min(n, len(q.b))
	if over := q.n + n - len(q.b); over > 0 {
		copy(q.b[:], q.b[over:q.n])
		q.n -= over
	}
	q.n += n
	return q.b[q.n-n : q.n]
}

// pop spends a frame, filled up with silence, on every other byte of dst.
func (q *queue) pop(dst []byte) {
	k := min(q.n, frame)
	for i, b := range q.b[:k] {
		dst[2*i] = b
	}
	for i := k; i < frame; i++ {
		dst[2*i] = codec.SilencePCMU
	}
	q.drop()
}

// drop removes a frame.
func (q *queue) drop() {
	k := min(q.n, frame)
	if k < q.n {
		copy(q.b[:], q.b[k:q.n])
	}
	q.n -= k
}

// flusher writes for all recorders in one goroutine, which lives while there
// are any. Every recorder has its turn eight times a second.
type flusher struct {
	mu    sync.Mutex
	slots [flushSlots][]*Recorder
	count int
	next  int // slot for the next recorder
	stop  chan struct{}
}

var shared flusher

// A flush every 120 ms, spread over slots that fall on the beat of the frames.
const (
	flushSlots = 6
	slotTime   = media.FrameTime
)

func (f *flusher) add(r *Recorder) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.slots[f.next] = append(f.slots[f.next], r)
	f.next = (f.next + 1) % flushSlots
	if f.count++; f.count == 1 {
		f.stop = make(chan struct{})
		go f.run(f.stop)
	}
}

// remove takes a recorder out; with the last one the goroutine ends.
func (f *flusher) remove(r *Recorder) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, slot := range f.slots {
		for k, other := range slot {
			if other != r {
				continue
			}
			last := len(slot) - 1
			slot[k], slot[last] = slot[last], nil
			f.slots[i] = slot[:last]
			if f.count--; f.count == 0 {
				close(f.stop)
			}
			return
		}
	}
}

func (f *flusher) run(stop chan struct{}) {
	t := time.NewTimer(media.UntilBeat(time.Now(), slotTime))
	defer t.Stop()
	var turn []*Recorder
	for slot := 0; ; slot = (slot + 1) % flushSlots {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		f.mu.Lock()
		turn = append(turn[:0], f.slots[slot]...)
		f.mu.Unlock()
		for i, r := range turn {
			r.flush()
			turn[i] = nil
		}
		t.Reset(media.UntilBeat(time.Now(), slotTime))
	}
}
