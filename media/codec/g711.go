package codec

// Tables of ITU-T G.711, filled after the reference code of ITU-T G.191
// (ulaw_compress, alaw_compress and their inverses).
var (
	ulawToLinear [256]int16
	alawToLinear [256]int16
	linearToUlaw [1 << 14]byte // indexed by the upper 14 bits
	linearToAlaw [1 << 12]byte // indexed by the upper 12 bits
	alawToUlaw   [256]byte
	ulawToAlaw   [256]byte
)

// Silence bytes of the two laws.
const (
	SilencePCMU byte = 0xFF
	SilencePCMA byte = 0xD5
)

func init() {
	for i := range 256 {
		ulawToLinear[i] = expandUlaw(byte(i))
		alawToLinear[i] = expandAlaw(byte(i))
	}
	for i := range linearToUlaw {
		linearToUlaw[i] = compressUlaw(int16(i << 2))
	}
	for i := range linearToAlaw {
		linearToAlaw[i] = compressAlaw(int16(i << 4))
	}
	for i := range 256 {
		alawToUlaw[i] = linearToUlaw[uint16(alawToLinear[i])>>2]
		ulawToAlaw[i] = linearToAlaw[uint16(ulawToLinear[i])>>4]
	}
}

// compressUlaw codes a sample; only its upper 14 bits count.
func compressUlaw(s int16) byte {
	mag := int(s)
	if s < 0 {
		mag = int(^s)
	}
	mag = min(mag>>2+33, 0x1FFF)
	seg := 1
	for i := mag >> 6; i != 0; i >>= 1 {
		seg++
	}
	b := byte((8-seg)<<4 | (0xF - mag>>seg&0xF))
	if s >= 0 {
		b |= 0x80
	}
	return b
}

func expandUlaw(b byte) int16 {
	sign := int16(1)
	if b < 0x80 {
		sign = -1
	}
	m := ^b
	exponent, mantissa := int16(m>>4&7), int16(m&0xF)
	step := int16(4) << (exponent + 1)
	return sign * (0x80<<exponent + step*mantissa + step/2 - 4*33)
}

// compressAlaw codes a sample; only its upper 12 bits count.
func compressAlaw(s int16) byte {
	mag := int(s) >> 4
	if s < 0 {
		mag = int(^s) >> 4
	}
	if mag > 15 {
		exp := 1
		for mag > 16+15 {
			mag >>= 1
			exp++
		}
		mag -= 16
		mag += exp << 4
	}
	if s >= 0 {
		mag |= 0x80
	}
	return byte(mag) ^ 0x55
}

func expandAlaw(b byte) int16 {
	b ^= 0x55
	exp, mant := int16(b&0x7F)>>4, int16(b&0xF)
	if exp > 0 {
		mant += 16
	}
	mant = mant<<4 + 8
	if exp > 1 {
		mant <<= exp - 1
	}
	if b < 0x80 {
		return -mant
	}
	return mant
}

// DecodePCMU expands µ-law; dst must be as long as src.
func DecodePCMU(dst []int16, src []byte) {
	dst = dst[:len(src)]
	for i, b := range src {
		dst[i] = ulawToLinear[b]
	}
}

// DecodePCMA expands A-law; dst must be as long as src.
func DecodePCMA(dst []int16, src []byte) {
	dst = dst[:len(src)]
	for i, b := range src {
		dst[i] = alawToLinear[b]
	}
}

// EncodePCMU compresses to µ-law; dst must be as long as src.
func EncodePCMU(dst []byte, src []int16) {
	dst = dst[:len(src)]
	for i, s := range src {
		dst[i] = linearToUlaw[uint16(s)>>2]
	}
}

// EncodePCMA compresses to A-law; dst must be as long as src.
func EncodePCMA(dst []byte, src []int16) {
	dst = dst[:len(src)]
	for i, s := range src {
		dst[i] = linearToAlaw[uint16(s)>>4]
	}
}

// AlawToUlaw converts payload bytes; dst must be as long as src, and may be it.
func AlawToUlaw(dst, src []byte) {
	dst = dst[:len(src)]
	for i, b := range src {
		dst[i] = alawToUlaw[b]
	}
}

// UlawToAlaw converts payload bytes; dst must be as long as src, and may be it.
func UlawToAlaw(dst, src []byte) {
	dst = dst[:len(src)]
	for i, b := range src {
		dst[i] = ulawToAlaw[b]
	}
}

// g711 is decoder or encoder of one law; it has no state.
type g711 struct {
	decode *[256]int16
	law    Kind
}

// Decode implements Decoder.
func (g g711) Decode(dst []int16, payload []byte) (int, error) {
	if len(dst) < len(payload) {
		return 0, ErrPayload
	}
	dst = dst[:len(payload)]
	for i, b := range payload {
		dst[i] = g.decode[b]
	}
	return len(payload), nil
}

// Encode implements Encoder.
func (g g711) Encode(dst []byte, samples []int16) (int, error) {
	if len(dst) < len(samples) {
		return 0, ErrPayload
	}
	if g.law == PCMU {
		EncodePCMU(dst, samples)
	} else {
		EncodePCMA(dst, samples)
	}
	return len(samples), nil
}
