//go:build !race

package webrtc

const poolsForget = false
