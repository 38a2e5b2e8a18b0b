package media

import "context"

// EngineConfig sets up an Engine. The zero value works.
type EngineConfig struct {
	// Shards is the number of goroutines that tick rooms. Defaults to GOMAXPROCS.
	Shards int
}

// Engine ticks rooms every 20 ms on absolute deadlines.
type Engine struct{}

// NewEngine makes an engine; Run starts it.
func NewEngine(cfg EngineConfig) *Engine { return &Engine{} }

// Run ticks all rooms until ctx ends. It returns context.Cause(ctx).
func (e *Engine) Run(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }

// NewRoom makes an empty room on the least loaded shard. Close it when done.
func (e *Engine) NewRoom(id string) *Room { return &Room{} }

// Tick runs one frame of every room in the caller's goroutine: for tests and
// offline rendering, never together with Run.
func (e *Engine) Tick() {}

// Room mixes its parties by a gain matrix.
type Room struct{}

// GainChange sets what to hears of from.
type GainChange struct {
	From, To string
	Gain     Gain
}

// ID returns the id given to NewRoom.
func (r *Room) ID() string { return "" }

// Join adds a party. It hears nobody and nobody hears it until SetGain.
func (r *Room) Join(p Party) error { return nil }

// Leave removes a party; an unknown id is not an error.
func (r *Room) Leave(id string) {}

// SetGain sets what to hears of from, at the next frame boundary.
func (r *Room) SetGain(from, to string, g Gain) error { return nil }

// SetGains sets several gains at the same frame boundary, or none of them.
func (r *Room) SetGains(changes ...GainChange) error { return nil }

// Record writes what the named parties say to rec from the next frame on. Ids
// need not be in the room yet. A second call replaces recorder and names.
func (r *Room) Record(rec Recorder, left, right []string) {}

// StopRecording takes the recorder off; the caller closes it.
func (r *Room) StopRecording() {}

// Relaying reports whether packets pass without decoding now.
func (r *Room) Relaying() bool { return false }

// Close removes everybody; the parties are not closed.
func (r *Room) Close() {}
