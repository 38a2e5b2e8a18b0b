package nlu

// The three loops in which training and classifying spend their time. Each
// product is rounded before it is added (the conversions forbid to fuse the
// two), and dot adds in eight lanes: so the instructions for eight numbers at
// once of lanes_amd64.s give the same bits as the loops below.
//
// The race detector leaves out the loops marked go:norace: each works on what
// one goroutine owns and on vectors that nobody writes any more, and with it
// the tests would train ten times longer.

// lanes is how many numbers are worked on at once.
const lanes = 8

// axpy adds v·src to dst.
//
//go:norace
func axpy(dst, src []float32, v float32) {
	src = src[:len(dst)]
	n := len(dst) &^ (lanes - 1)
	if n > 0 {
		axpyLanes(dst[:n], src[:n], v)
	}
	for i := n; i < len(dst); i++ {
		dst[i] += float32(v * src[i])
	}
}

// axpySmall adds v·src to dst, where src holds weights in 8 bits, as quantise
// makes them.
//
//go:norace
func axpySmall(dst []float32, src []byte, v float32) {
	src = src[:len(dst)]
	n := len(dst) &^ (lanes - 1)
	if n > 0 {
		axpySmallLanes(dst[:n], src[:n], v)
	}
	for i := n; i < len(dst); i++ {
		dst[i] += float32(v * float32(int8(src[i])))
	}
}

// dot is the product of two vectors of one length.
//
//go:norace
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	n := len(a) &^ (lanes - 1)
	var sum float32
	if n > 0 {
		sum = dotLanes(a[:n], b[:n])
	}
	for i := n; i < len(a); i++ {
		sum += float32(a[i] * b[i])
	}
	return sum
}

//go:norace
func axpyLoop(dst, src []float32, v float32) {
	for len(dst) >= lanes && len(src) >= lanes {
		d, s := (*[lanes]float32)(dst), (*[lanes]float32)(src)
		d[0] += float32(v * s[0])
		d[1] += float32(v * s[1])
		d[2] += float32(v * s[2])
		d[3] += float32(v * s[3])
		d[4] += float32(v * s[4])
		d[5] += float32(v * s[5])
		d[6] += float32(v * s[6])
		d[7] += float32(v * s[7])
		dst, src = dst[lanes:], src[lanes:]
	}
}

//go:norace
func axpySmallLoop(dst []float32, src []byte, v float32) {
	for i, w := range src {
		dst[i] += float32(v * float32(int8(w)))
	}
}

//go:norace
func dotLoop(a, b []float32) float32 {
	var s [lanes]float32
	for len(a) >= lanes && len(b) >= lanes {
		x, y := (*[lanes]float32)(a), (*[lanes]float32)(b)
		for l := range s {
			s[l] += float32(x[l] * y[l])
		}
		a, b = a[lanes:], b[lanes:]
	}
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}
