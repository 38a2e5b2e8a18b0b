package bot

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/openhotline/hotline/bot/entity"
	"github.com/openhotline/hotline/bot/faq"
	"github.com/openhotline/hotline/bot/mood"
	"github.com/openhotline/hotline/bot/nlu"
	"github.com/openhotline/hotline/bot/pack"
)

// Config is what an Engine is made of. Only Pack is needed.
type Config struct {
	Pack string
	// Language is where a conversation begins that has no words yet. Defaults
	// to zh.
	Language string
	// Overlays are the customer's own pack files.
	Overlays []fs.FS
	// Train makes a classifier, or takes it from a cache. Defaults to training.
	Train func(ctx context.Context, examples []nlu.Example, cfg nlu.Config) (*nlu.Model, error)
	// Lookup performs the pack's actions. Without one their fallback is said.
	Lookup Lookup
	// Assistant, if set, is asked for what the bot itself does not know.
	Assistant Assistant
	Checks    Checks
	// Products are the customer's product names.
	Products []string
}

// Engine takes the turns of any number of conversations in one pack. Languages
// are loaded when first spoken.
type Engine struct {
	cfg    Config
	mu     sync.Mutex
	brains map[string]*loading
}

// loading is a language being made ready, or ready.
type loading struct {
	done  chan struct{}
	brain *brain
	err   error
}

// brain is what the engine knows in one language.
type brain struct {
	pack   *pack.Pack
	model  *nlu.Model
	faq    *faq.Index
	mood   *mood.Judge
	labels map[string]pack.Intent
}

// New makes an engine. Nothing is loaded yet.
func New(cfg Config) (*Engine, error) {
	if !slices.Contains(pack.Names(cfg.Overlays...), cfg.Pack) {
		return nil, fmt.Errorf("%w: %q", ErrUnknownPack, cfg.Pack)
	}
	if cfg.Language == "" {
		cfg.Language = "zh"
	}
	if cfg.Train == nil {
		cfg.Train = nlu.Train
	}
	return &Engine{cfg: cfg, brains: map[string]*loading{}}, nil
}

// Warm makes languages ready before the first customer speaks them.
func (e *Engine) Warm(ctx context.Context, languages ...string) error {
	for _, l := range languages {
		if _, err := e.brain(ctx, l); err != nil {
			return err
		}
	}
	return nil
}

// brain returns a language, making it ready once however many ask. One that
// failed is tried again by the next who asks.
func (e *Engine) brain(ctx context.Context, language string) (*brain, error) {
	e.mu.Lock()
	l, ok := e.brains[language]
	if !ok {
		l = &loading{done: make(chan struct{})}
		e.brains[language] = l
	}
	e.mu.Unlock()
	if ok {
		select {
		case <-l.done:
			return l.brain, l.err
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	l.brain, l.err = e.load(ctx, language)
	if l.err != nil {
		e.mu.Lock()
		delete(e.brains, language)
		e.mu.Unlock()
	}
	close(l.done)
	return l.brain, l.err
}

func (e *Engine) load(ctx context.Context, language string) (*brain, error) {
	p, err := pack.Load(e.cfg.Pack, language, e.cfg.Overlays...)
	if err != nil {
		return nil, fmt.Errorf("bot: %w", err)
	}
	b := &brain{pack: p, labels: map[string]pack.Intent{}}
	for _, in := range p.Intents {
		b.labels[in.ID] = in
	}
	if b.model, err = e.cfg.Train(ctx, p.Examples(), p.Training()); err != nil {
		return nil, fmt.Errorf("bot: model of %s in %s: %w", p.Name, language, err)
	}
	if b.mood, err = mood.New(ctx, language, everyday(p), e.plain); err != nil {
		return nil, fmt.Errorf("bot: %w", err)
	}
	if len(p.Articles) > 0 {
		if b.faq, err = faq.New(ctx, articles(p), faq.Config{Meaning: b.model.Scores, Outside: outside(p), Background: background(p), Train: e.plain}); err != nil {
			return nil, fmt.Errorf("bot: %w", err)
		}
	}
	return b, nil
}

// Articles makes an index over other articles than the pack's, with what the
// pack knows of the language's meanings. With own, articles that the pack has
// under the same id bring their known wordings.
func (e *Engine) Articles(ctx context.Context, language string, list []faq.Article, own bool) (*faq.Index, error) {
	b, err := e.brain(ctx, language)
	if err != nil {
		return nil, err
	}
	if own {
		list = slices.Clone(list)
		for i, a := range list {
			for _, p := range b.pack.Articles {
				if p.ID == a.ID {
					list[i].Variants = slices.Concat(a.Variants, []string{p.Question}, p.Variants)
				}
			}
		}
	}
	return faq.New(ctx, list, faq.Config{Meaning: b.meaning, Outside: outside(b.pack), Background: background(b.pack), Train: e.plain})
}

// meaning is what a text means: its intents and the pack's articles that are
// like it.
func (b *brain) meaning(text string, dst []float64) []float64 {
	dst = b.model.Scores(text, dst)
	if b.faq == nil {
		return dst
	}
	return b.faq.Classes(text, dst)
}

func articles(p *pack.Pack) []faq.Article {
	out := make([]faq.Article, 0, len(p.Articles))
	for _, a := range p.Articles {
		out = append(out, faq.Article{ID: a.ID, Intent: a.Intent, Question: a.Question, Variants: a.Variants, Answer: a.Answer})
	}
	return out
}

// plain trains without concepts.
func (e *Engine) plain(ctx context.Context, examples []nlu.Example) (*nlu.Model, error) {
	return e.cfg.Train(ctx, examples, nlu.Config{})
}

// outside are texts that no article answers.
func outside(p *pack.Pack) []string {
	in, ok := p.Intent(pack.OutOfScope)
	if !ok {
		return nil
	}
	out := make([]string, 0, len(in.Utterances))
	for _, u := range in.Utterances {
		out = append(out, u.Text)
	}
	return out
}

// wanted are the slots that an intent can use, required ones first.
func wanted(in pack.Intent) []entity.Kind {
	var out []entity.Kind
	for _, s := range slices.Concat(in.Required, in.Optional) {
		out = append(out, entity.Kind(s))
	}
	return out
}

// everyday are utterances that say nothing of a customer's mood.
func everyday(p *pack.Pack) []string {
	var out []string
	for _, id := range []string{"greeting", "goodbye", "affirm", "deny", "repeat", "bot_identity", "opening_hours"} {
		in, _ := p.Intent(id)
		for _, u := range in.Utterances {
			out = append(out, u.Text)
		}
	}
	return out
}

// background are all utterances of a pack.
func background(p *pack.Pack) []string {
	var out []string
	for _, in := range p.Intents {
		for _, u := range in.Utterances {
			out = append(out, u.Text)
		}
	}
	return out
}
