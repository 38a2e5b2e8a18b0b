//go:build !amd64

package nlu

func axpyLanes(dst, src []float32, v float32)             { axpyLoop(dst, src, v) }
func axpySmallLanes(dst []float32, src []byte, v float32) { axpySmallLoop(dst, src, v) }
func dotLanes(a, b []float32) float32                     { return dotLoop(a, b) }
