package journey

import (
	"context"
	"fmt"

	"github.com/openhotline/hotline/agent/account/setup"
	"github.com/openhotline/hotline/internal/calendar"
	"github.com/openhotline/hotline/internal/call"
	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/media"
)

type numberRef = setup.Number

// speak makes prompts audible. What cannot be made is left out and logged.
func (c *Center) speak(ctx context.Context, prompts ...ivr.Prompt) []call.Prompt {
	clips, err := c.speaker.Render(ctx, prompts, media.Rate8k)
	if err != nil && ctx.Err() == nil {
		c.log.Warn("prompt left out", "err", err)
	}
	out := make([]call.Prompt, 0, len(clips))
	for _, clip := range clips {
		if len(clip.Samples) > 0 {
			out = append(out, call.Prompt{Samples: clip.Samples, Rate: clip.Rate})
		}
	}
	return out
}

// music is what those who wait hear; without the sound, silence.
func (c *Center) music(name string) []call.Prompt {
	if name == "" || name == "default" {
		name = "music"
	}
	clip, err := c.speaker.Sound(name, "", media.Rate8k)
	if err != nil || len(clip.Samples) == 0 {
		c.log.Warn("music not found", "name", name, "err", err)
		return nil
	}
	return []call.Prompt{{Samples: clip.Samples, Rate: clip.Rate}}
}

// musicOf is the music of a queue.
func (v *conversation) musicOf(queueID string) string {
	return v.center.setup().queues[queueID].Announce.Music
}

// comfort is what a customer hears while the agent's audio is lost.
func (c *Center) comfort(ctx context.Context, language string) []call.Prompt {
	return append(c.speak(ctx, ivr.System(language, "hold_agent", nil)), c.music("")...)
}

// calendar finds business hours for flows.
func (c *Center) calendar(_ context.Context, name string) (*calendar.Calendar, error) {
	rec, ok := c.setup().calendar(name)
	if !ok {
		return nil, fmt.Errorf("%w: calendar %q", ivr.ErrNotFound, name)
	}
	cal := rec.Calendar()
	if err := cal.Prepare(); err != nil {
		return nil, err
	}
	return cal, nil
}

// flow finds a published flow for transfers within flows.
func (c *Center) flow(_ context.Context, ref string) (*ivr.Flow, error) {
	if _, f, ok := c.setup().flowRef(ref); ok {
		return f, nil
	}
	return nil, fmt.Errorf("%w: flow %q", ivr.ErrNotFound, ref)
}
