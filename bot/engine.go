package bot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/openhotline/hotline/bot/cache"
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
	// Models is where classifiers come from: one store for all engines of a
	// process, over a folder that outlives it. Defaults to one of its own that
	// trains.
	Models *nlu.Store
	// Lookup performs the pack's actions. Without one their fallback is said.
	Lookup Lookup
	// Assistant, if set, is asked for what the bot itself does not know.
	Assistant Assistant
	Checks    Checks
	// Products are the customer's product names.
	Products []string
	// Gaps, if set, is told what was not answered.
	Gaps Gaps
	// Log gets the errors of look-ups and of the Assistant. Defaults to none.
	Log *slog.Logger
}

// Engine takes the turns of any number of conversations in one pack. Languages
// are loaded when first spoken.
type Engine struct {
	cfg    Config
	mu     sync.Mutex
	brains map[string]*loading

	life  context.Context // until Close
	end   context.CancelCauseFunc
	loads sync.WaitGroup
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
	words  words
	memory memory
	// checks and products are the configured ones and those of the pack's files.
	checks   Checks
	products *entity.Products
	goods    bool // the pack sells things: it has an intent that is of products first of all
}

// New makes an engine. Nothing is loaded yet. Who is done with it closes it.
func New(cfg Config) (*Engine, error) {
	if !slices.Contains(pack.Names(cfg.Overlays...), cfg.Pack) {
		return nil, fmt.Errorf("%w: %q", ErrUnknownPack, cfg.Pack)
	}
	if cfg.Language == "" {
		cfg.Language = "zh"
	}
	if cfg.Models == nil {
		cfg.Models = nlu.NewStore(nil)
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{cfg: cfg, brains: map[string]*loading{}}
	e.life, e.end = context.WithCancelCause(context.Background())
	return e, nil
}

// Warm makes languages ready before the first customer speaks them, for as long
// as ctx allows.
func (e *Engine) Warm(ctx context.Context, languages ...string) error {
	for _, l := range languages {
		if _, err := e.claim(l).wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// loadLimit bounds how long a turn waits for its language. From the cache it is
// there in a tenth of a second, training from cold takes some seconds, and
// goes on when nobody waits any more.
const loadLimit = 2 * time.Minute

// ErrNotReady is returned when a language could not be made ready in time, or
// the engine was closed before.
var ErrNotReady = errors.New("bot: language is not ready")

// brain returns a language, making it ready once however many ask. One that
// failed is tried again by the next who asks.
func (e *Engine) brain(ctx context.Context, language string) (*brain, error) {
	l := e.claim(language)
	select {
	case <-l.done:
		return l.brain, l.err
	default: // the usual case takes no timer
	}
	ctx, cancel := context.WithTimeoutCause(ctx, loadLimit, ErrNotReady)
	defer cancel()
	return l.wait(ctx)
}

func (l *loading) wait(ctx context.Context) (*brain, error) {
	select {
	case <-l.done:
		return l.brain, l.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// claim returns the language's loading and begins it if nobody did. It belongs
// to the engine, not to who asked first: a customer who hangs up does not keep
// others waiting.
func (e *Engine) claim(language string) *loading {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l, ok := e.brains[language]; ok {
		return l
	}
	l := &loading{done: make(chan struct{})}
	if err := context.Cause(e.life); err != nil {
		l.err = err
		close(l.done)
		return l
	}
	e.brains[language] = l
	e.loads.Go(func() { e.fill(l, language) })
	return l
}

// fill loads a language. A panic in there fails the loading, not the process.
func (e *Engine) fill(l *loading, language string) {
	defer close(l.done)
	defer func() {
		if r := recover(); r != nil {
			l.err = fmt.Errorf("bot: %s in %s: %v", e.cfg.Pack, language, r)
		}
		if l.err == nil {
			return
		}
		if cause := context.Cause(e.life); cause != nil {
			l.err = cause
		}
		e.release(language, l)
	}()
	l.brain, l.err = e.load(e.life, language)
}

// release lets the language be loaded again.
func (e *Engine) release(language string, l *loading) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.brains[language] == l {
		delete(e.brains, language)
	}
}

// Close ends the loading of languages and waits for it. Turns in languages that
// are loaded are taken as before. Closing twice is fine.
func (e *Engine) Close() {
	e.mu.Lock() // no load begins any more
	e.end(ErrNotReady)
	e.mu.Unlock()
	e.loads.Wait()
}

func (e *Engine) load(ctx context.Context, language string) (*brain, error) {
	p, err := pack.Load(e.cfg.Pack, language, e.cfg.Overlays...)
	if err != nil {
		return nil, fmt.Errorf("bot: %w", err)
	}
	return e.think(ctx, p, p.Training())
}

// think makes a brain of a pack, which belongs to the brain from then on.
func (e *Engine) think(ctx context.Context, p *pack.Pack, cfg nlu.Config) (*brain, error) {
	b := &brain{pack: p, labels: map[string]pack.Intent{}, words: newWords(p), memory: newMemory(p), products: entity.NewProducts(slices.Concat(e.cfg.Products, p.Products))}
	b.checks = checks(e.cfg.Checks, p.Codes)
	err := e.declared(p)
	if err != nil {
		return nil, err
	}
	if b.model, err = e.cfg.Models.Train(ctx, p.Examples(), cfg); err != nil {
		return nil, fmt.Errorf("bot: model of %s in %s: %w", p.Name, p.Language, err)
	}
	if b.mood, err = mood.New(ctx, p.Language, everyday(p), e.plain(cfg.Workers)); err != nil {
		return nil, fmt.Errorf("bot: %w", err)
	}
	if len(p.Articles) > 0 {
		of := e.articlesOf(p, cfg)
		of.Meaning, of.MeaningID = b.model.Scores, b.model.ID()
		if b.faq, err = faq.New(ctx, articles(p), of); err != nil {
			return nil, fmt.Errorf("bot: %w", err)
		}
	}
	p.Concepts, p.Synonyms = nil, nil // from here on nobody needs what it was trained with
	for i := range p.Intents {
		in := &p.Intents[i]
		in.Utterances = nil
		b.labels[in.ID] = *in
		b.goods = b.goods || len(in.Optional)+len(in.Required) > 0 && wanted(*in)[0] == entity.Product
	}
	return b, nil
}

// declared wants every action of the pack to be known to a look-up that tells
// what it knows.
func (e *Engine) declared(p *pack.Pack) error {
	known, ok := e.cfg.Lookup.(interface{ Has(action string) bool })
	if !ok {
		return nil
	}
	for _, in := range p.Intents {
		if in.Action != "" && !known.Has(in.Action) {
			return fmt.Errorf("bot: %s: action %q of intent %q is not declared", in.At, in.Action, in.ID)
		}
	}
	return nil
}

// checks are the patterns of the configuration and, before them, of the pack.
func checks(cfg Checks, codes map[string]pack.Code) Checks {
	out := Checks{Patterns: maps.Clone(cfg.Patterns), Examples: maps.Clone(cfg.Examples)}
	if out.Patterns == nil {
		out.Patterns = map[entity.Kind]*regexp.Regexp{}
	}
	if out.Examples == nil {
		out.Examples = map[entity.Kind]string{}
	}
	for slot, c := range codes {
		out.Patterns[entity.Kind(slot)], out.Examples[entity.Kind(slot)] = c.Pattern, c.Example
	}
	return out
}

// Articles makes an index over other articles than the pack's, with what the
// pack knows of the language's meanings. With own, articles that the pack has
// under the same id bring their known wordings.
func (e *Engine) Articles(ctx context.Context, language string, list []faq.Article, own bool) (*faq.Index, error) {
	b, err := e.claim(language).wait(ctx)
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
	p, err := pack.Load(e.cfg.Pack, language, e.cfg.Overlays...)
	if err != nil {
		return nil, fmt.Errorf("bot: %w", err)
	}
	cfg := e.articlesOf(p, p.Training())
	cfg.Meaning, cfg.MeaningID = b.meaning, b.meaningID()
	return faq.New(ctx, list, cfg)
}

// articlesOf is how indexes over articles are made in a pack, but for meanings.
func (e *Engine) articlesOf(p *pack.Pack, cfg nlu.Config) faq.Config {
	return faq.Config{Concepts: cfg.Concepts, Synonyms: nlu.NewConcepts(p.Synonyms), Outside: outside(p), Background: background(p), Cache: e.cfg.Models.Folder(), Workers: cfg.Workers}
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

// meaningID is the hash of what meaning depends on.
func (b *brain) meaningID() cache.Key {
	var sum cache.Sum
	sum.Text(b.model.ID().String())
	if b.faq != nil {
		sum.Text(b.faq.ID().String())
	}
	return sum.Key()
}

func articles(p *pack.Pack) []faq.Article {
	out := make([]faq.Article, 0, len(p.Articles))
	for _, a := range p.Articles {
		out = append(out, faq.Article{ID: a.ID, Intent: a.Intent, Question: a.Question, Variants: a.Variants, Answer: a.Answer})
	}
	return out
}

// plain trains without concepts.
func (e *Engine) plain(workers int) mood.Train {
	return func(ctx context.Context, examples []nlu.Example) (*nlu.Model, error) {
		return e.cfg.Models.Train(ctx, examples, nlu.Config{Workers: workers})
	}
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
