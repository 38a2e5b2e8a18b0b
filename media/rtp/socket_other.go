//go:build !linux

package rtp

// burst is one: each socket has its own goroutine here.
const burst = 1
