package call

import (
	"context"
	"slices"

	"github.com/openhotline/hotline/media"
)

// playback is one Play. The owner goroutine starts it; who plays it waits.
type playback struct {
	player *media.Player
	begun  chan struct{} // closed when it is its turn
	err    error         // why it could not begin; written before begun is closed
}

func (p *playback) stop() { p.player.Stop() }

// Play plays prompts to the customer one after the other without a gap and
// returns when the last frame went out. Music, echo and tone are silent
// meanwhile. When ctx ends (barge-in) the sound stops with the next frame and
// ctx's cause is returned; when the customer leaves, ErrEnded. Plays that come
// while one is running wait for their turn.
func (c *Call) Play(ctx context.Context, prompts ...Prompt) error {
	clips, err := c.ctl.prompts.clips(prompts, c.rate())
	if err != nil {
		return err
	}
	var p *playback
	err = c.do(func() error {
		if !c.present {
			return ErrEnded
		}
		p = &playback{player: media.NewPlaylist(c.fresh("play"), clips, false), begun: make(chan struct{})}
		c.queue = append(c.queue, p)
		if len(c.queue) == 1 {
			c.begin()
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = c.wait(ctx, p)
	_ = c.do(func() error { c.played(p); return nil })
	return err
}

// wait returns when p was played, or must not be played any longer.
func (c *Call) wait(ctx context.Context, p *playback) error {
	for _, step := range []<-chan struct{}{p.begun, p.player.Done()} {
		select {
		case <-step:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.customer.Done():
			return ErrEnded
		case <-c.closing:
			return ErrEnded
		}
	}
	return p.err
}

// begin makes the first of the queue audible. One that cannot begin stays in
// the queue until its Play takes it off.
func (c *Call) begin() {
	p := c.queue[0]
	if p.err = c.room.Join(p.player); p.err != nil {
		p.stop()
	}
	c.apply()
	close(p.begun)
}

// played takes p off the queue, wherever it is, and begins the next.
func (c *Call) played(p *playback) {
	p.stop()
	i := slices.Index(c.queue, p)
	if i < 0 {
		return
	}
	c.queue = slices.Delete(c.queue, i, i+1)
	if i > 0 {
		return
	}
	c.drop(p.player.ID())
	if len(c.queue) > 0 {
		c.begin()
		return
	}
	c.apply()
}

// Music plays prompts in a loop in the background until StopMusic, Echo, Tone
// or Bridge. It replaces music that is playing.
func (c *Call) Music(prompts ...Prompt) error {
	p, err := c.loop("music", prompts)
	if err != nil {
		return err
	}
	return c.sound(p)
}

// StopMusic ends music, echo and tone.
func (c *Call) StopMusic() { _ = c.sound(nil) }

// Echo returns the customer's audio until StopMusic.
func (c *Call) Echo() error {
	return c.do(func() error {
		return c.replace(media.NewEcho(c.fresh("echo"), c.rate()))
	})
}

// Tone plays a sine of hz until StopMusic.
func (c *Call) Tone(hz float64) error {
	return c.do(func() error {
		return c.replace(media.NewTone(c.fresh("tone"), hz, c.ctl.cfg.ToneLevel, c.rate()))
	})
}

func (c *Call) sound(p media.Party) error {
	return c.do(func() error { return c.replace(p) })
}

// replace changes the background, unless hold or comfort has it.
func (c *Call) replace(p media.Party) error {
	if c.held || c.comfort {
		return ErrState
	}
	c.background(p)
	c.apply()
	return nil
}
