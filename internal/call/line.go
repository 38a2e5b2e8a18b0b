package call

import "github.com/openhotline/hotline/media/codec"

// LineSound is what is special about the sound of a line.
type LineSound struct {
	// Codecs of its legs, best first. Defaults to those of the Control.
	Codecs []codec.Kind
	// InbandDigits is Config.InbandDigits for its legs alone.
	InbandDigits bool
}

// SetLineSounds replaces what is special about lines, by the line's id. Legs that
// stand stay as they are.
func (c *Control) SetLineSounds(sounds map[string]LineSound) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sounds = sounds
}

// soundOf is the sound of a line's legs; without a line, of every other one.
func (c *Control) soundOf(lineID string) LineSound {
	c.mu.Lock()
	s := c.sounds[lineID]
	c.mu.Unlock()
	if len(s.Codecs) == 0 {
		s.Codecs = c.cfg.Codecs
	}
	s.InbandDigits = s.InbandDigits || c.cfg.InbandDigits
	return s
}
