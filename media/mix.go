package media

// unityGain is 1.0 in the fixed-point gains of the mixer (Q15).
const unityGain = 1 << 15

func (g Gain) fixed() int32 { return int32(g*unityGain + 0.5) }

// accumulate adds src to sum.
func accumulate(sum []int32, src []int16) {
	src = src[:len(sum)]
	for i, s := range src {
		sum[i] += int32(s)
	}
}

// accumulateGain adds src scaled by a Q15 gain to sum.
func accumulateGain(sum []int32, src []int16, gain int32) {
	src = src[:len(sum)]
	for i, s := range src {
		sum[i] += int32(s) * gain >> 15
	}
}

// saturate writes sum to dst, clipped to 16 bits.
func saturate(dst []int16, sum []int32) {
	sum = sum[:len(dst)]
	for i, s := range sum {
		if s != int32(int16(s)) {
			s = 32767 ^ (s >> 31)
		}
		dst[i] = int16(s)
	}
}

// subtract writes total less own to dst, clipped to 16 bits.
func subtract(dst []int16, total []int32, own []int16) {
	total, own = total[:len(dst)], own[:len(dst)]
	for i, t := range total {
		s := t - int32(own[i])
		if s != int32(int16(s)) {
			s = 32767 ^ (s >> 31)
		}
		dst[i] = int16(s)
	}
}

// scale writes src times a Q15 gain of at most unity to dst.
func scale(dst, src []int16, gain int32) {
	src = src[:len(dst)]
	for i, s := range src {
		dst[i] = int16(int32(s) * gain >> 15)
	}
}
