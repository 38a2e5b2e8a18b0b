package media

// Clip is a piece of audio to play. Samples are not copied and not changed.
type Clip struct {
	Samples []int16
	Rate    Rate
}

// Player is a Party that plays clips one after the other and hears nothing.
type Player struct{}

// NewPlayer plays samples once or, with loop, until stopped.
func NewPlayer(id string, samples []int16, rate Rate, loop bool) *Player { return nil }

// NewPlaylist plays clips in order. All of them are played at the first one's
// rate, so load them at the same one.
func NewPlaylist(id string, clips []Clip, loop bool) *Player { return nil }

// Done is closed when the last sample was played, or Stop was called.
func (p *Player) Done() <-chan struct{} { return nil }

// Stop ends the playing at the next frame. It may be called more than once.
func (p *Player) Stop() {}

// Listener is a Party that only hears: a transcriber's tap, a level meter.
type Listener struct{}

// NewListener calls hear once per tick with a frame at rate. hear must not
// block; the slice is valid during the call only.
func NewListener(id string, rate Rate, hear func(frame []int16)) *Listener { return nil }

// Tone is a Party that plays a sine.
type Tone struct{}

// NewTone plays hz at level dBFS (0 is full scale, -10 a usual test level).
func NewTone(id string, hz, level float64, rate Rate) *Tone { return nil }

// Echo is a Party that says what it hears, one frame later.
type Echo struct{}

// NewEcho makes an echo party at rate.
func NewEcho(id string, rate Rate) *Echo { return nil }
