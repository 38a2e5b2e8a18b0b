// Package codec turns 20 ms frames into payload bytes and back: G.711 (own
// tables after ITU-T G.191), G.722, Opus (decoding only), and conceals lost
// frames.
package codec

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gotranspile/g722"
	"github.com/pion/opus"

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

// Errors of the package.
var (
	ErrUnsupported = errors.New("codec: not supported")
	ErrPayload     = errors.New("codec: payload does not fit the codec")
)

// kinds holds what each codec is (RFC 3551 §6, RFC 7587 §4).
var kinds = [...]struct {
	name   string
	clock  uint32
	rate   media.Rate
	format media.Format
	static uint8 // static payload type; 255 has none
}{
	None: {"none", 0, media.Rate8k, media.FormatNone, 255},
	PCMU: {"PCMU", 8000, media.Rate8k, media.FormatPCMU, 0},
	PCMA: {"PCMA", 8000, media.Rate8k, media.FormatPCMA, 8},
	G722: {"G722", 8000, media.Rate16k, media.FormatG722, 9},
	Opus: {"opus", 48000, media.Rate16k, media.FormatOpus, 255},
}

// String returns the encoding name of RFC 3551 §6 and RFC 7587.
func (k Kind) String() string {
	if int(k) >= len(kinds) {
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
	return kinds[k].name
}

// Parse finds a codec by its encoding name, ignoring case.
func Parse(name string) (Kind, bool) {
	for k := PCMU; int(k) < len(kinds); k++ {
		if strings.EqualFold(kinds[k].name, name) {
			return k, true
		}
	}
	return None, false
}

// Static finds a codec by its static payload type.
func Static(payloadType uint8) (Kind, bool) {
	for k := PCMU; int(k) < len(kinds); k++ {
		if kinds[k].static == payloadType && payloadType != 255 {
			return k, true
		}
	}
	return None, false
}

// PayloadType returns the static payload type, if the codec has one.
func (k Kind) PayloadType() (uint8, bool) {
	return kinds[k].static, kinds[k].static != 255
}

// Clock is the RTP clock rate in Hz: 8000 for G.722 too (RFC 3551 §4.5.2).
func (k Kind) Clock() uint32 { return kinds[k].clock }

// Rate is the rate of the samples our decoder gives and our encoder takes.
func (k Kind) Rate() media.Rate { return kinds[k].rate }

// Format is the relay format of the codec.
func (k Kind) Format() media.Format { return kinds[k].format }

// Decoder turns payload bytes into samples. It is not safe for concurrent use.
type Decoder interface {
	// Decode returns the number of samples written to dst.
	Decode(dst []int16, payload []byte) (int, error)
}

// Encoder turns samples into payload bytes. It is not safe for concurrent use.
type Encoder interface {
	// Encode returns the number of bytes written to dst.
	Encode(dst []byte, samples []int16) (int, error)
}

// NewDecoder makes a decoder; Opus comes out at 16 kHz mono.
func NewDecoder(k Kind) (Decoder, error) {
	switch k {
	case PCMU:
		return g711{decode: &ulawToLinear}, nil
	case PCMA:
		return g711{decode: &alawToLinear}, nil
	case G722:
		return g722Decoder{g722.NewDecoder(g722.Rate64000, 0)}, nil
	case Opus:
		d, err := opus.NewDecoderWithOutput(int(media.Rate16k), 1)
		if err != nil {
			return nil, fmt.Errorf("codec: opus decoder: %w", err)
		}
		return &opusDecoder{d: d}, nil
	}
	return nil, fmt.Errorf("%w: %v", ErrUnsupported, k)
}

// NewEncoder makes an encoder. Opus has none: encoding costs as much as
// several G.711 calls, so what goes to a browser is G.711.
func NewEncoder(k Kind) (Encoder, error) {
	switch k {
	case PCMU:
		return g711{law: PCMU}, nil
	case PCMA:
		return g711{law: PCMA}, nil
	case G722:
		return g722Encoder{g722.NewEncoder(g722.Rate64000, 0)}, nil
	}
	return nil, fmt.Errorf("%w: encoding %v", ErrUnsupported, k)
}

type g722Decoder struct{ d *g722.Decoder }

func (c g722Decoder) Decode(dst []int16, payload []byte) (int, error) {
	if len(dst) < 2*len(payload) {
		return 0, ErrPayload
	}
	return c.d.Decode(dst, payload), nil
}

type g722Encoder struct{ e *g722.Encoder }

func (c g722Encoder) Encode(dst []byte, samples []int16) (int, error) {
	if 2*len(dst) < len(samples) {
		return 0, ErrPayload
	}
	return c.e.Encode(dst, samples), nil
}

type opusDecoder struct{ d opus.Decoder }

func (c *opusDecoder) Decode(dst []int16, payload []byte) (n int, err error) {
	// Opus packets come from outside and the decoder is young: what makes it
	// stumble costs this packet, not the process.
	defer func() {
		if p := recover(); p != nil {
			n, err = 0, fmt.Errorf("%w: opus: %v", ErrPayload, p)
		}
	}()
	n, err = c.d.DecodeToInt16(payload, dst)
	if err != nil {
		return 0, fmt.Errorf("%w: opus: %w", ErrPayload, err)
	}
	return n, nil
}
