package tts

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/wav"
)

// Program runs an engine's program once per sentence, in a child process of its
// own: text on its standard input, a WAV file on its standard output. The zero
// bounds work.
type Program struct {
	// Path is the program.
	Path string
	// Timeout bounds one sentence. Defaults to 10 s.
	Timeout time.Duration
	// MaxAudio bounds the sound of one sentence. Defaults to 60 s.
	MaxAudio time.Duration
	// slots bounds the processes that run at once.
	slots chan struct{}
}

// NewProgram returns a program of which at most parallel run at once; 0: two
// for each processor.
func NewProgram(path string, parallel int, timeout time.Duration) *Program {
	return &Program{
		Path: path, Timeout: cmp.Or(timeout, 10*time.Second), MaxAudio: time.Minute,
		slots: make(chan struct{}, cmp.Or(parallel, 2*runtime.GOMAXPROCS(0))),
	}
}

// Run speaks one sentence. A process that crashes, hangs or says nothing is
// ErrEngine; too much sound is ErrTooLong; no free slot before ctx ends is
// ErrBusy.
func (p *Program) Run(ctx context.Context, text string, rate media.Rate, args ...string) ([]int16, error) {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.Timeout, fmt.Errorf("%w: no answer within %v", ErrEngine, p.Timeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, p.Path, args...)
	cmd.Stdin = bytes.NewReader([]byte(text))
	cmd.WaitDelay = time.Second
	isolate(cmd)
	out := &bounded{max: 44 + 2*48_000*int(p.MaxAudio/time.Second), over: cancel}
	complaint := &bounded{max: 1000}
	cmd.Stdout, cmd.Stderr = out, complaint
	err := cmd.Run()
	switch {
	case out.full:
		return nil, fmt.Errorf("%w: more than %v of sound in a sentence", ErrTooLong, p.MaxAudio)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrEngine, err)
	}
	clip, err := wav.DecodePrompt(honest(out.buf.Bytes()), rate)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEngine, err)
	}
	return clip.Samples, nil
}

// bounded is a buffer that stops growing; over is told when it is full.
type bounded struct {
	buf  bytes.Buffer // not embedded: its ReadFrom knows no bound
	max  int
	full bool
	over func()
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.max - b.buf.Len(); len(p) > room {
		b.full = true
		if b.over != nil {
			b.over()
			return 0, ErrTooLong
		}
		b.buf.Write(p[:room])
		return len(p), nil // the rest of a complaint is not needed
	}
	return b.buf.Write(p)
}

// honest corrects the sizes of a WAV file that was written to a pipe, where the
// writer cannot come back to the header.
func honest(b []byte) []byte {
	i := bytes.Index(b[:min(len(b), 512)], []byte("data"))
	if i < 0 || len(b) < i+8 {
		return b
	}
	if have := uint32(len(b) - i - 8); binary.LittleEndian.Uint32(b[i+4:]) > have { //nolint:gosec // bounded above
		binary.LittleEndian.PutUint32(b[i+4:], have&^1)
		binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8)) //nolint:gosec // bounded above
	}
	return b
}

// Sentences is the Audio of an engine that speaks sentence by sentence: the
// first is heard while the others are still to be made.
type Sentences struct {
	ctx    context.Context //nolint:containedctx // the life of the audio
	cancel context.CancelFunc
	rest   []string
	speak  func(ctx context.Context, sentence string) ([]int16, error)
	ready  []int16
}

// NewSentences splits a text and calls speak for each sentence when Read needs it.
func NewSentences(ctx context.Context, text string, speak func(context.Context, string) ([]int16, error)) *Sentences {
	ctx, cancel := context.WithCancel(ctx)
	return &Sentences{ctx: ctx, cancel: cancel, rest: Split(text), speak: speak}
}

// Read returns the next samples, io.EOF after the last.
func (s *Sentences) Read(dst []int16) (int, error) {
	for len(s.ready) == 0 {
		if len(s.rest) == 0 {
			return 0, io.EOF
		}
		if err := s.ctx.Err(); err != nil {
			return 0, context.Cause(s.ctx)
		}
		samples, err := s.speak(s.ctx, s.rest[0])
		if err != nil {
			return 0, err
		}
		s.ready, s.rest = samples, s.rest[1:]
	}
	n := copy(dst, s.ready)
	s.ready = s.ready[n:]
	return n, nil
}

// Close stops what is being made. Read returns an error from then on.
func (s *Sentences) Close() error {
	s.cancel()
	return nil
}
