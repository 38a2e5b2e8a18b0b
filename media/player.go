package media

import (
	"math"
	"sync"
	"time"
)

// source marks parties that only speak: they do not make a room wideband, and
// nothing is mixed for them.
type source interface{ sourceOnly() }

// Clip is a piece of audio to play. Samples are not copied and not changed.
type Clip struct {
	Samples []int16
	Rate    Rate
}

// Duration returns how long the clip lasts.
func (c Clip) Duration() time.Duration { return c.Rate.Duration(len(c.Samples)) }

// Player is a Party that plays clips one after the other and hears nothing.
type Player struct {
	id    string
	rate  Rate
	clips []Clip
	loop  bool

	mu       sync.Mutex
	clip     int // index of the clip being played
	pos      int // next sample of it
	finished bool
	done     chan struct{}
}

// NewPlayer plays samples once or, with loop, until stopped.
func NewPlayer(id string, samples []int16, rate Rate, loop bool) *Player {
	return NewPlaylist(id, []Clip{{Samples: samples, Rate: rate}}, loop)
}

// NewPlaylist plays clips in order. It runs at the first clip's rate; clips of
// another rate are converted here, once, so load prompts at one rate.
func NewPlaylist(id string, clips []Clip, loop bool) *Player {
	p := &Player{id: id, rate: Rate8k, loop: loop, done: make(chan struct{})}
	for _, c := range clips {
		if len(c.Samples) == 0 || c.Rate == 0 {
			continue
		}
		if len(p.clips) == 0 {
			p.rate = c.Rate
		}
		if c.Rate != p.rate {
			c = Clip{Samples: Resample(c.Samples, c.Rate, p.rate), Rate: p.rate}
		}
		p.clips = append(p.clips, c)
	}
	if len(p.clips) == 0 {
		p.finish()
	}
	return p
}

// ID implements Party.
func (p *Player) ID() string { return p.id }

// Rate implements Party.
func (p *Player) Rate() Rate { return p.rate }

// WriteFrame implements Party; a player hears nothing.
func (p *Player) WriteFrame([]int16) {}

func (p *Player) sourceOnly() {}

// ReadFrame implements Party.
func (p *Player) ReadFrame(dst []int16) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.finished {
		return false
	}
	n := 0
	for n < len(dst) {
		if p.clip == len(p.clips) {
			if !p.loop {
				p.finish()
				clear(dst[n:])
				return n > 0
			}
			p.clip = 0
		}
		c := p.clips[p.clip].Samples
		k := copy(dst[n:], c[p.pos:])
		n += k
		if p.pos += k; p.pos == len(c) {
			p.clip, p.pos = p.clip+1, 0
		}
	}
	return true
}

// Done is closed after the frame that follows the last sample, or by Stop.
func (p *Player) Done() <-chan struct{} { return p.done }

// Stop ends the playing. It may be called more than once.
func (p *Player) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
}

func (p *Player) finish() {
	if !p.finished {
		p.finished = true
		close(p.done)
	}
}

// Listener is a Party that only hears: a transcriber's tap, a level meter.
type Listener struct {
	id   string
	rate Rate
	hear func([]int16)
}

// NewListener calls hear once per tick with a frame at rate. hear must not
// block; the slice is valid during the call only. A listener somebody is
// audible to keeps the room from relaying: its audio must be decoded.
func NewListener(id string, rate Rate, hear func(frame []int16)) *Listener {
	return &Listener{id: id, rate: rate, hear: hear}
}

// ID implements Party.
func (l *Listener) ID() string { return l.id }

// Rate implements Party.
func (l *Listener) Rate() Rate { return l.rate }

// ReadFrame implements Party; a listener says nothing.
func (l *Listener) ReadFrame([]int16) bool { return false }

// WriteFrame implements Party.
func (l *Listener) WriteFrame(src []int16) { l.hear(src) }

// Tone is a Party that plays a sine and hears nothing.
type Tone struct {
	id          string
	rate        Rate
	cos, s1, s2 float64 // y[n] = 2·cos·y[n-1] − y[n-2]
}

// NewTone plays hz at level dBFS: 0 is a full-scale sine, −10 a usual level.
func NewTone(id string, hz, level float64, rate Rate) *Tone {
	w := 2 * math.Pi * hz / float64(rate)
	amp := 32767 * math.Pow(10, math.Min(level, 0)/20)
	return &Tone{id: id, rate: rate, cos: 2 * math.Cos(w), s1: amp * math.Sin(-w), s2: amp * math.Sin(-2*w)}
}

// ID implements Party.
func (t *Tone) ID() string { return t.id }

// Rate implements Party.
func (t *Tone) Rate() Rate { return t.rate }

// WriteFrame implements Party; a tone hears nothing.
func (t *Tone) WriteFrame([]int16) {}

func (t *Tone) sourceOnly() {}

// ReadFrame implements Party.
func (t *Tone) ReadFrame(dst []int16) bool {
	for i := range dst {
		y := t.cos*t.s1 - t.s2
		t.s2, t.s1 = t.s1, y
		dst[i] = int16(y)
	}
	return true
}

// Silence is a Party that neither speaks nor hears; it keeps a place.
type Silence struct{ id string }

// NewSilence makes a silent party.
func NewSilence(id string) *Silence { return &Silence{id: id} }

// ID implements Party.
func (s *Silence) ID() string { return s.id }

// Rate implements Party.
func (s *Silence) Rate() Rate { return Rate8k }

// ReadFrame implements Party.
func (s *Silence) ReadFrame([]int16) bool { return false }

// WriteFrame implements Party.
func (s *Silence) WriteFrame([]int16) {}

func (s *Silence) sourceOnly() {}

// Echo is a Party that says what it hears, one frame later. Join it and set
// the gains between it and the caller to unity both ways.
type Echo struct {
	id    string
	rate  Rate
	frame []int16
	full  bool
}

// NewEcho makes an echo party at rate.
func NewEcho(id string, rate Rate) *Echo {
	return &Echo{id: id, rate: rate, frame: make([]int16, rate.Frame())}
}

// ID implements Party.
func (e *Echo) ID() string { return e.id }

// Rate implements Party.
func (e *Echo) Rate() Rate { return e.rate }

// ReadFrame implements Party.
func (e *Echo) ReadFrame(dst []int16) bool {
	if !e.full {
		return false
	}
	e.full = false
	copy(dst, e.frame)
	return true
}

// WriteFrame implements Party.
func (e *Echo) WriteFrame(src []int16) {
	copy(e.frame, src)
	e.full = true
}
