// Package wav reads prompts and writes call recordings.
package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// ErrFormat is returned for a file that is not a WAV we can read.
var ErrFormat = errors.New("wav: format not supported")

// The header of a recording: RIFF, fmt with 18 bytes, fact, data.
const (
	headerSize = 58
	maxData    = math.MaxUint32 - headerSize
)

// Format tags of WAVE files.
const (
	tagPCM        = 1
	tagALaw       = 6
	tagULaw       = 7
	tagExtensible = 0xFFFE
)

// header is that of a stereo µ-law file with so many bytes of audio.
func header(length int64) [headerSize]byte {
	var h [headerSize]byte
	le := binary.LittleEndian
	copy(h[0:], "RIFF")
	le.PutUint32(h[4:], uint32(headerSize-8+length))
	copy(h[8:], "WAVEfmt ")
	le.PutUint32(h[16:], 18)
	le.PutUint16(h[20:], tagULaw)
	le.PutUint16(h[22:], 2)
	le.PutUint32(h[24:], 8000)
	le.PutUint32(h[28:], 16000)
	le.PutUint16(h[32:], 2)
	le.PutUint16(h[34:], 8)
	copy(h[38:], "fact")
	le.PutUint32(h[42:], 4)
	le.PutUint32(h[46:], uint32(length/2))
	copy(h[50:], "data")
	le.PutUint32(h[54:], uint32(length))
	return h
}

// Info describes a recording file.
type Info struct {
	Channels int
	Rate     media.Rate
	Duration time.Duration // by the header
	Bytes    int64         // size of the file
}

// Check reads the header of a recording and compares it with the file. Audio
// behind what the header counts is allowed: a flush that was cut short.
func Check(path string) (Info, error) {
	f, err := os.Open(path)
	if err != nil {
		return Info{}, fmt.Errorf("wav: check: %w", err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return Info{}, fmt.Errorf("wav: check: %w", err)
	}
	return ReadInfo(f, st.Size())
}

// ReadInfo is Check for a file of which r holds at least the beginning.
func ReadInfo(r io.ReaderAt, size int64) (Info, error) {
	length, err := readHeader(r)
	if err != nil {
		return Info{}, err
	}
	if headerSize+length > size {
		return Info{}, fmt.Errorf("%w: header counts %d bytes of audio, the file has %d", ErrFormat, length, size-headerSize)
	}
	return info(length, size), nil
}

func info(length, size int64) Info {
	return Info{Channels: 2, Rate: media.Rate8k, Duration: media.Rate8k.Duration(int(length / 2)), Bytes: size}
}

// readHeader checks that the file is one of our recordings and returns the
// bytes of audio its header counts.
func readHeader(f io.ReaderAt) (int64, error) {
	var h [headerSize]byte
	if _, err := f.ReadAt(h[:], 0); err != nil {
		return 0, fmt.Errorf("%w: no header: %w", ErrFormat, err)
	}
	length := int64(binary.LittleEndian.Uint32(h[54:]))
	if h != header(length) || length%2 != 0 {
		return 0, fmt.Errorf("%w: not a recording of ours", ErrFormat)
	}
	return length, nil
}

// Repair sets the header's sizes to what the file holds; half a sample at the
// end is cut.
func Repair(path string) (Info, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return Info{}, fmt.Errorf("wav: repair: %w", err)
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil {
		return Info{}, fmt.Errorf("wav: repair: %w", err)
	}
	length, err := repair(f, st.Size())
	if err != nil {
		return Info{}, err
	}
	return info(length, headerSize+length), nil
}

// repair accepts a file whose header is ours but for its sizes, and one too
// short to have a header.
func repair(f *os.File, size int64) (int64, error) {
	var h [headerSize]byte
	n, err := f.ReadAt(h[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("wav: repair: %w", err)
	}
	want := header(0)
	for _, at := range [3]int{4, 46, 54} { // the sizes
		copy(h[at:], want[at:at+4])
	}
	if string(h[:min(n, headerSize)]) != string(want[:min(n, headerSize)]) {
		return 0, fmt.Errorf("%w: not a recording of ours", ErrFormat)
	}
	length := min(max(size-headerSize, 0), maxData) &^ 1
	want = header(length)
	if _, err := f.WriteAt(want[:], 0); err != nil {
		return 0, fmt.Errorf("wav: repair: %w", err)
	}
	if err := f.Truncate(headerSize + length); err != nil {
		return 0, fmt.Errorf("wav: repair: %w", err)
	}
	return length, nil
}

// Read returns both sides of a recording as samples at 8 kHz.
func Read(path string) (left, right []int16, err error) {
	b, err := audioOf(path)
	if err != nil {
		return nil, nil, err
	}
	left, right = make([]int16, len(b)/2), make([]int16, len(b)/2)
	var pair [2]int16
	for i := range left {
		codec.DecodePCMU(pair[:], b[2*i:2*i+2])
		left[i], right[i] = pair[0], pair[1]
	}
	return left, right, nil
}

func audioOf(path string) ([]byte, error) {
	if _, err := Check(path); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("wav: read: %w", err)
	}
	length := int(binary.LittleEndian.Uint32(b[54:]))
	return b[headerSize:min(headerSize+length, len(b))], nil
}

// Peaks returns n pairs of highest levels (0..1) of left and right, evenly
// spread over the recording: what a waveform is drawn from. A short recording
// has fewer.
func Peaks(path string, n int) ([][2]float32, error) {
	b, err := audioOf(path)
	if err != nil {
		return nil, err
	}
	samples := len(b) / 2
	n = max(min(n, samples), 0)
	peaks := make([][2]float32, n)
	var table [256]float32
	var all [256]byte
	var lin [256]int16
	for i := range all {
		all[i] = byte(i)
	}
	codec.DecodePCMU(lin[:], all[:])
	for i, s := range lin {
		table[i] = float32(math.Abs(float64(s)) / 32768)
	}
	for i := range peaks {
		for k := i * samples / n; k < (i+1)*samples/n; k++ {
			peaks[i][0] = max(peaks[i][0], table[b[2*k]])
			peaks[i][1] = max(peaks[i][1], table[b[2*k+1]])
		}
	}
	return peaks, nil
}

var _ media.Recorder = (*Recorder)(nil)
