package bot

import (
	"context"
	"fmt"

	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/bot/pack"
)

// Reading is what a text alone means, without a conversation around it.
type Reading struct {
	// Intent is the best one, also where it is not sure; out_of_scope for a text
	// that would be rejected.
	Intent string
	P      float64
	// Article is the one that is nearest, or "", and whether it is near enough to
	// be the answer.
	Article string
	Answers bool
}

// read classifies a text.
func (b *brain) read(text string) Reading {
	text = clean(text)
	res := b.model.Classify(text)
	r := Reading{Intent: res.Label, P: res.P}
	taught, _ := b.memory.recall(text, b.pack.Language)
	switch {
	case taught.Intent != "":
		return Reading{Intent: taught.Intent, P: 1}
	case taught.Article != "":
		return Reading{Intent: res.Label, P: res.P, Article: taught.Article, Answers: true}
	case b.mood.WantsHuman(text):
		r.Intent, r.P = "human_agent", 1
	case res.Decision == nlu.Reject:
		r.Intent, r.P = pack.OutOfScope, 1-res.Scope
	}
	if b.faq == nil {
		return r
	}
	_, upper := b.faq.Thresholds()
	for _, h := range b.faq.Search(text, 1) {
		r.Article, r.Answers = h.Article.ID, h.P >= upper
	}
	return r
}

// Read tells what a text means to the bot as it is.
func (e *Engine) Read(ctx context.Context, language, text string) (Reading, error) {
	b, err := e.claim(language).wait(ctx)
	if err != nil {
		return Reading{}, err
	}
	return b.read(text), nil
}

// Candidate is a language made of other pack files than those in use.
type Candidate struct {
	engine *Engine
	brain  *brain
}

// Prepare makes a candidate of a pack, which it takes over; turns go on
// meanwhile. training is how the classifier is made, usually the pack's own with
// few workers and a progress.
func (e *Engine) Prepare(ctx context.Context, p *pack.Pack, training nlu.Config) (*Candidate, error) {
	if p.Name != e.cfg.Pack {
		return nil, fmt.Errorf("%w: %q is not the engine's %q", ErrUnknownPack, p.Name, e.cfg.Pack)
	}
	b, err := e.think(ctx, p, training)
	if err != nil {
		return nil, err
	}
	return &Candidate{e, b}, nil
}

// Read tells what a text means to the candidate.
func (c *Candidate) Read(text string) Reading { return c.brain.read(text) }

// Adopt makes the candidate, from now on the given version, what its engine
// understands the language by. Turns under way end with what they began with.
func (c *Candidate) Adopt(version int) {
	c.brain.pack.Version = version
	l := &loading{done: make(chan struct{}), brain: c.brain}
	close(l.done)
	e := c.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	e.brains[c.brain.pack.Language] = l
}

// Version is the version of the corrections by which the engine understands a
// language; ok is false while that is not loaded.
func (e *Engine) Version(language string) (version int, ok bool) {
	e.mu.Lock()
	l := e.brains[language]
	e.mu.Unlock()
	if l == nil {
		return 0, false
	}
	select {
	case <-l.done:
		if l.err == nil {
			return l.brain.pack.Version, true
		}
	default:
	}
	return 0, false
}
