package wav

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/go-audio/audio"
	"github.com/go-audio/wav"

	"github.com/openhotline/hotline/media"
	"github.com/openhotline/hotline/media/codec"
)

// maxPrompt bounds a prompt's file: over an hour of 16 kHz speech.
const maxPrompt = 128 << 20

// LoadPrompt reads a PCM (8 to 32 bits) or G.711 WAV file and returns it as
// mono at rate; several channels are averaged.
func LoadPrompt(path string, rate media.Rate) (media.Clip, error) {
	st, err := os.Stat(path)
	if err != nil {
		return media.Clip{}, fmt.Errorf("wav: prompt: %w", err)
	}
	if st.Size() > maxPrompt {
		return media.Clip{}, fmt.Errorf("%w: %s is larger than %d MB", ErrFormat, path, maxPrompt>>20)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return media.Clip{}, fmt.Errorf("wav: prompt: %w", err)
	}
	clip, err := DecodePrompt(b, rate)
	if err != nil {
		return media.Clip{}, fmt.Errorf("%s: %w", path, err)
	}
	return clip, nil
}

// DecodePrompt is LoadPrompt for a file in memory.
func DecodePrompt(b []byte, rate media.Rate) (clip media.Clip, err error) {
	// The decoder trusts sizes inside the file; a broken file must not end the
	// process.
	defer func() {
		if p := recover(); p != nil {
			clip, err = media.Clip{}, fmt.Errorf("%w: damaged file: %v", ErrFormat, p)
		}
	}()
	d := wav.NewDecoder(bytes.NewReader(b))
	if !d.IsValidFile() {
		return media.Clip{}, fmt.Errorf("%w: no WAV header, or an empty one", ErrFormat)
	}
	if d.NumChans < 1 || d.NumChans > 8 || d.SampleRate < 4000 || d.SampleRate > 192_000 {
		return media.Clip{}, fmt.Errorf("%w: %d channels at %d Hz", ErrFormat, d.NumChans, d.SampleRate)
	}
	var samples []int16
	switch d.WavAudioFormat {
	case tagPCM, tagExtensible:
		samples, err = readPCM(d)
	case tagALaw, tagULaw:
		samples, err = readG711(d)
	default:
		err = fmt.Errorf("%w: coding %d", ErrFormat, d.WavAudioFormat)
	}
	if err != nil {
		return media.Clip{}, err
	}
	samples = mono(samples, int(d.NumChans))
	return media.Clip{Samples: media.Resample(samples, media.Rate(d.SampleRate), rate), Rate: rate}, nil
}

func readPCM(d *wav.Decoder) ([]int16, error) {
	switch d.BitDepth {
	case 8, 16, 24, 32:
	default:
		return nil, fmt.Errorf("%w: %d bits", ErrFormat, d.BitDepth)
	}
	buf, err := d.FullPCMBuffer()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return toInt16(buf, int(d.BitDepth)), nil
}

func toInt16(buf *audio.IntBuffer, bits int) []int16 {
	out := make([]int16, len(buf.Data))
	for i, s := range buf.Data {
		switch bits {
		case 8:
			out[i] = int16(s-128) << 8 // 8 bits are unsigned in a WAV
		case 16:
			out[i] = int16(s)
		default:
			out[i] = int16(s >> (bits - 16))
		}
	}
	return out
}

func readG711(d *wav.Decoder) ([]int16, error) {
	if err := d.FwdToPCM(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	b, err := io.ReadAll(io.LimitReader(d.PCMChunk.R, int64(d.PCMSize)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	out := make([]int16, len(b))
	if d.WavAudioFormat == tagALaw {
		codec.DecodePCMA(out, b)
	} else {
		codec.DecodePCMU(out, b)
	}
	return out, nil
}

func mono(samples []int16, channels int) []int16 {
	if channels == 1 {
		return samples
	}
	out := samples[:len(samples)/channels]
	for i := range out {
		sum := 0
		for c := range channels {
			sum += int(samples[i*channels+c])
		}
		out[i] = int16(sum / channels)
	}
	return out
}
