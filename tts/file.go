package tts

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/openhotline/hotline/media"
)

// tempPrefix names files that are being written.
const tempPrefix = ".writing-"

// WriteFile writes a mono 16-bit WAV file, whole or not at all.
func WriteFile(path string, clip media.Clip) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("write prompt: %w", err)
	}
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return fmt.Errorf("write prompt: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // what is left of it
		}
	}()
	_, err = f.Write(Encode(clip))
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write prompt: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write prompt: %w", err)
	}
	return nil
}

// Encode makes a mono 16-bit WAV file of a clip.
func Encode(clip media.Clip) []byte {
	size := uint32(2 * len(clip.Samples)) //nolint:gosec // prompts are minutes long
	rate := uint32(clip.Rate)
	le := binary.LittleEndian
	b := make([]byte, 0, 44+len(clip.Samples)*2)
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, 36+size)
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, 1) // PCM
	b = le.AppendUint16(b, 1) // channels
	b = le.AppendUint32(b, rate)
	b = le.AppendUint32(b, 2*rate) // bytes per second
	b = le.AppendUint16(b, 2)      // bytes per frame
	b = le.AppendUint16(b, 16)     // bits
	b = append(b, "data"...)
	b = le.AppendUint32(b, size)
	for _, s := range clip.Samples {
		b = le.AppendUint16(b, uint16(s)) //nolint:gosec // two's complement
	}
	return b
}

// SpeechLevel is the level of active speech that Level aims at, in dBFS (RMS).
const SpeechLevel = -20.0

// Level brings speech to SpeechLevel, in place, so that all engines and
// recordings are equally loud. Peaks stay 1 dB below full scale.
func Level(samples []int16) {
	rms, peak := activeLevel(samples)
	if rms == 0 {
		return
	}
	gain := math.Pow(10, SpeechLevel/20) * 32768 / rms
	gain = min(gain, 0.891*32767/peak)
	for i, s := range samples {
		samples[i] = int16(math.Round(float64(s) * gain))
	}
}

// activeLevel is the RMS of the stretches of 20 ms that are not pauses, and the peak.
func activeLevel(samples []int16) (rms, peak float64) {
	const block = 160
	var powers []float64
	loudest := 0.0
	for i := 0; i < len(samples); i += block {
		part := samples[i:min(i+block, len(samples))]
		sum := 0.0
		for _, s := range part {
			v := float64(s)
			sum += v * v
			peak = max(peak, math.Abs(v))
		}
		p := sum / float64(len(part))
		powers = append(powers, p)
		loudest = max(loudest, p)
	}
	total, n := 0.0, 0
	for _, p := range powers {
		if p > loudest/1000 { // within 30 dB of the loudest
			total += p
			n++
		}
	}
	if n == 0 {
		return 0, peak
	}
	return math.Sqrt(total / float64(n)), peak
}

// Trim cuts silence at both ends but for a margin, in samples.
func Trim(samples []int16, margin int) []int16 {
	const quiet = 200 // about -44 dBFS
	loud := func(s int16) bool { return s > quiet || s < -quiet }
	from, to := 0, len(samples)
	for from < to && !loud(samples[from]) {
		from++
	}
	for to > from && !loud(samples[to-1]) {
		to--
	}
	return samples[max(from-margin, 0):min(to+margin, len(samples))]
}

// ended tells an end from an error of Audio.Read.
func ended(err error) (done bool, real error) {
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	return err != nil, err
}
