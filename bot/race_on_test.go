//go:build race

package bot

// raced tells that the race detector is on, which makes training slow.
const raced = true
