package call

import (
	"context"
	"time"
)

// Call is one room: the customer, what is played to them, the people bridged to
// them, and the recording. One goroutine owns its state; all methods may be
// called from any goroutine and take effect on a frame boundary. A leg that
// ends leaves the call by itself.
type Call struct{}

// ID names the call.
func (c *Call) ID() string { return "" }

// CustomerLeg is the leg the call was made with.
func (c *Call) CustomerLeg() *Leg { return nil }

// Play plays prompts to the customer one after the other without a gap and
// returns when the last frame went out. Music, echo and tone are silent
// meanwhile. When ctx ends (barge-in) the sound stops with the next frame and
// ctx's cause is returned; when the customer leaves, ErrEnded. Plays that come
// while one is running wait for their turn.
func (c *Call) Play(ctx context.Context, prompts ...Prompt) error { return nil }

// Music plays prompts in a loop in the background until StopMusic, Echo, Tone
// or Bridge. It replaces music that is playing.
func (c *Call) Music(prompts ...Prompt) error { return nil }

// StopMusic ends music, echo and tone.
func (c *Call) StopMusic() {}

// Echo returns the customer's audio until StopMusic.
func (c *Call) Echo() error { return nil }

// Tone plays a sine of hz until StopMusic.
func (c *Call) Tone(hz float64) error { return nil }

// Bridge lets the leg and the customer (and everybody bridged before) talk to
// one another; music ends.
func (c *Call) Bridge(leg *Leg) error { return nil }

// Unbridge takes a leg out of the call without ending it.
func (c *Call) Unbridge(legID string) {}

// ReplaceAgent puts a new leg in the place of an old one, ended or not, keeping
// its mute and the recording without a gap, and ends Comfort. The old leg, if
// alive, is hung up with reason agent_lost.
func (c *Call) ReplaceAgent(oldID string, leg *Leg) error { return nil }

// Hold parts the customer from everybody else and plays music to them in a
// loop; without prompts they hear silence. Recording goes on.
func (c *Call) Hold(music ...Prompt) error { return nil }

// Resume ends Hold and Comfort.
func (c *Call) Resume() error { return nil }

// Held tells whether the customer is on hold.
func (c *Call) Held() bool { return false }

// Comfort plays prompts to the customer in a loop while the agent's media is
// lost; bridged legs stay in the room. Resume and ReplaceAgent end it.
func (c *Call) Comfort(prompts ...Prompt) error { return nil }

// Mute keeps what a leg says from everybody else, or no longer. The recording
// does not hear it either.
func (c *Call) Mute(legID string, muted bool) error { return nil }

// Supervision is how a supervisor takes part.
type Supervision string

// The kinds of supervision.
const (
	Monitor Supervision = "monitor" // hears all, heard by none
	Whisper Supervision = "whisper" // hears all, heard by agents alone
	Barge   Supervision = "barge"   // talks with all
)

// Supervise adds a supervisor's leg, or changes how it takes part.
func (c *Call) Supervise(leg *Leg, how Supervision) error { return nil }

// Record begins to record to a stereo file: the customer left, everybody else
// and prompts right. An existing file is continued. failed, which may be nil,
// is told once when the file can no longer be written; the call goes on.
func (c *Call) Record(path string, failed func(error)) error { return nil }

// Recording is what became of a recording.
type Recording struct {
	Path     string
	Bytes    int64
	Duration time.Duration
}

// StopRecording ends the recording; the file is complete when it returns. A
// call that is not being recorded gives a zero Recording.
func (c *Call) StopRecording() (Recording, error) { return Recording{}, nil }

// Relaying tells whether packets pass without decoding now.
func (c *Call) Relaying() bool { return false }

// Close ends the recording, hangs up the legs that are still in the call with
// reason flow_disconnect, and closes the room. Closing twice is fine.
func (c *Call) Close() {}
