package nlu

import "golang.org/x/sys/cpu"

// hasLanes tells that the processor works on eight numbers at once (AVX2, 2013
// and later).
var hasLanes = cpu.X86.HasAVX2

//go:noescape
func axpyAVX2(dst, src *float32, n int, v float32)

//go:noescape
func axpySmallAVX2(dst *float32, src *byte, n int, v float32)

//go:noescape
func dotAVX2(a, b *float32, n int) float32

// The three below take slices of one length that is a multiple of lanes and
// not 0.

//go:norace
func axpyLanes(dst, src []float32, v float32) {
	if hasLanes {
		axpyAVX2(&dst[0], &src[0], len(dst), v)
		return
	}
	axpyLoop(dst, src, v)
}

//go:norace
func axpySmallLanes(dst []float32, src []byte, v float32) {
	if hasLanes {
		axpySmallAVX2(&dst[0], &src[0], len(dst), v)
		return
	}
	axpySmallLoop(dst, src, v)
}

//go:norace
func dotLanes(a, b []float32) float32 {
	if hasLanes {
		return dotAVX2(&a[0], &b[0], len(a))
	}
	return dotLoop(a, b)
}
