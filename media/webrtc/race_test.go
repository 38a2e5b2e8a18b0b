//go:build race

package webrtc

// poolsForget tells that sync.Pool drops at random what it is given, as it does
// under the race detector: pion's AES-CM allocates then.
const poolsForget = true
