package httpapi

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// errSound means that a file is not a WAV file that can be drawn.
var errSound = errors.New("httpapi: not a WAV file of µ-law, A-law or 16 bit samples")

// wavShape is what the header of a WAV file says.
type wavShape struct {
	format   uint16 // 1 PCM, 6 A-law, 7 µ-law (RFC 2361)
	channels int
	rate     int
	bits     int
	data     int64 // where the samples begin
	bytes    int64 // how many bytes of them there are
}

// readShape walks over the chunks of a RIFF file up to its samples.
func readShape(r io.ReadSeeker, size int64) (wavShape, error) {
	var sh wavShape
	var head [12]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return sh, errSound
	}
	at := int64(12)
	for {
		var c [8]byte
		if _, err := io.ReadFull(r, c[:]); err != nil {
			return sh, errSound
		}
		n := int64(binary.LittleEndian.Uint32(c[4:]))
		at += 8
		if string(c[:4]) == "data" {
			sh.data, sh.bytes = at, max(min(n, size-at), 0)
			if sh.channels < 1 || sh.channels > 2 || sh.rate == 0 {
				return sh, errSound
			}
			return sh, nil
		}
		if string(c[:4]) == "fmt " && n >= 16 {
			var f [16]byte
			if _, err := io.ReadFull(r, f[:]); err != nil {
				return sh, errSound
			}
			sh.format = binary.LittleEndian.Uint16(f[0:])
			sh.channels = int(binary.LittleEndian.Uint16(f[2:]))
			sh.rate = int(binary.LittleEndian.Uint32(f[4:]))
			sh.bits = int(binary.LittleEndian.Uint16(f[14:]))
		}
		at += n + n%2
		if _, err := r.Seek(at, io.SeekStart); err != nil || at > size {
			return sh, errSound
		}
	}
}

// sample reads the level of one sample, 0 to 1.
func (sh wavShape) sample(b []byte) float64 {
	switch {
	case sh.format == 7 && sh.bits == 8:
		return ulawLevel[b[0]]
	case sh.format == 6 && sh.bits == 8:
		return alawLevel[b[0]]
	default:
		return math.Abs(float64(int16(binary.LittleEndian.Uint16(b)))) / 32768
	}
}

// The level of each code of G.711 (ITU-T G.711 tables 1 and 2), 0 to 1.
var ulawLevel, alawLevel = func() (u, a [256]float64) {
	for i := range 256 {
		c := ^byte(i)
		u[i] = float64((int(c&0x0f)<<3+0x84)<<(c>>4&7)-0x84) / 32768
		d := byte(i) ^ 0x55
		v, e := int(d&0x0f)<<4+8, d>>4&7
		if e > 0 {
			v = (v + 0x100) << (e - 1)
		}
		a[i] = float64(v) / 32768
	}
	return u, a
}()

// readPeaks draws a sound in steps of the same length.
func readPeaks(ctx context.Context, f *soundFile, steps int) (Peaks, error) {
	sh, err := readShape(f, f.size)
	if err != nil {
		return Peaks{}, err
	}
	width := sh.bits / 8
	if (sh.format != 1 || sh.bits != 16) && (sh.format != 6 && sh.format != 7 || sh.bits != 8) {
		return Peaks{}, errSound
	}
	frame := width * sh.channels
	frames := sh.bytes / int64(frame)
	p := Peaks{DurationMS: frames * 1000 / int64(sh.rate)}
	steps = int(min(int64(steps), frames))
	if steps == 0 {
		return p, nil
	}
	p.Left = make([]float64, steps)
	p.Right = make([]float64, steps)
	if _, err := f.Seek(sh.data, io.SeekStart); err != nil {
		return Peaks{}, fmt.Errorf("read sound: %w", err)
	}
	buf := make([]byte, frame*8192)
	for done := int64(0); done < frames; {
		if err := ctx.Err(); err != nil {
			return Peaks{}, err
		}
		n := min(int64(8192), frames-done)
		if _, err := io.ReadFull(f, buf[:n*int64(frame)]); err != nil {
			return Peaks{}, fmt.Errorf("read sound: %w", err)
		}
		for i := range n {
			step := int((done + i) * int64(steps) / frames)
			at := int(i) * frame
			p.Left[step] = max(p.Left[step], sh.sample(buf[at:]))
			right := at + frame - width // the only channel, when there is one
			p.Right[step] = max(p.Right[step], sh.sample(buf[right:]))
		}
		done += n
	}
	for i := range p.Left {
		p.Left[i], p.Right[i] = round3(p.Left[i]), round3(p.Right[i])
	}
	return p, nil
}

func round3(v float64) float64 { return math.Round(v*1000) / 1000 }
