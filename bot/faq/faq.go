// Package faq finds the article that answers a question: by the words of the
// question and its known wordings (BM25), by a classifier where articles have
// enough wordings, and by what both texts mean to models that the caller has
// (their intents). How sure it is comes as a probability with two thresholds:
// answer, offer up to three choices, or say nothing.
//
// It knows questions and articles. It does not know dialogues.
package faq

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/openhotline/hotline/bot/cache"
	"github.com/openhotline/hotline/bot/nlu"
)

// ErrNoArticles is returned by New without any article.
var ErrNoArticles = errors.New("faq: no articles")

// Article is a question that is answered.
type Article struct {
	ID       string
	Intent   string // the intent it belongs to, or empty
	Question string
	Variants []string // other wordings of the question
	Answer   string
}

// Config is how an index is made. The zero value works.
type Config struct {
	// Meaning, if set, appends to dst what a text means to other models: a
	// probability per intent. It is asked for each wording once.
	Meaning func(text string, dst []float64) []float64
	// MeaningID is the hash of what Meaning depends on. Without it an index with
	// a Meaning is not cached.
	MeaningID cache.Key
	// Concepts are words that mean about the same; nil for none.
	Concepts *nlu.Concepts
	// Cache is where indexes are kept; nil for nowhere.
	Cache *cache.Folder
	// Outside are texts that no article answers; they teach where to stop.
	Outside []string
	// Background are other texts of the same customers, by which is known which
	// words say little.
	Background []string
	// Workers is how many goroutines train. Defaults to the number of CPUs; the
	// index does not depend on it.
	Workers int
	// Precision is the share of right answers wanted among those given without
	// asking back. Defaults to 0.93.
	Precision float64
}

// classifierWordings is how many wordings the median article must have before
// the classifier has a say.
const classifierWordings = 5

// Hit is an article with its probability to be the one that was asked for.
type Hit struct {
	Article *Article
	P       float64
	// Wording is the wording that was nearest.
	Wording string
}

// Index finds articles. It does not change once made: any number of goroutines
// may search it.
type Index struct {
	id           cache.Key
	articles     []Article
	wordings     []wording
	words        *lexical
	classifier   *nlu.Model
	classes      []int // the classifier's labels as article numbers
	meaning      func(string, []float64) []float64
	mix          mix
	lower, upper float64
}

type wording struct {
	text    string
	article int
	meaning []float32 // of length 1
}

// mix says how the three opinions are weighed; docs/nlu.md has the figures by
// which the weights were chosen.
type mix struct{ words, meaning, classes float64 }

// outside is the classifier's label for texts that no article answers.
const outside = "out_of_scope"

// New makes an index, or takes it from the cache. Making takes some seconds for
// a hundred articles with ten wordings each.
func New(ctx context.Context, articles []Article, cfg Config) (*Index, error) {
	if len(articles) == 0 {
		return nil, ErrNoArticles
	}
	cfg.Precision = cmp.Or(cfg.Precision, 0.93)
	ix := &Index{id: cfg.key(articles), articles: slices.Clone(articles), meaning: cfg.Meaning, mix: mix{words: 1}}
	if cfg.Meaning != nil {
		ix.mix.meaning = 1.2
	}
	counts := make([]int, len(articles))
	for i, a := range articles {
		for _, t := range append([]string{a.Question}, a.Variants...) {
			if t != "" {
				ix.wordings = append(ix.wordings, wording{text: t, article: i})
				counts[i]++
			}
		}
		if counts[i] == 0 {
			return nil, fmt.Errorf("faq: article %q has no question", a.ID)
		}
	}
	slices.Sort(counts)
	classify := counts[len(counts)/2] >= classifierWordings && len(articles) > 1
	if ix.load(cfg, classify) {
		return ix, nil
	}
	if err := ix.build(ctx, cfg, classify); err != nil {
		return nil, err
	}
	ix.save(cfg)
	return ix, nil
}

// build makes what the cache does not have.
func (ix *Index) build(ctx context.Context, cfg Config, classify bool) error {
	texts := make([]string, len(ix.wordings))
	for i := range ix.wordings {
		w := &ix.wordings[i]
		texts[i], w.meaning = w.text, ix.meaningOf(w.text)
	}
	ix.words = newLexical(texts, cfg.Background)
	var held []nlu.Held
	if classify {
		m, seen, err := nlu.TrainHeld(ctx, ix.examples(cfg), nlu.Config{OutOfScope: outside, Concepts: cfg.Concepts, Networks: 1, Workers: cfg.Workers})
		if err != nil {
			return fmt.Errorf("faq: classifier: %w", err)
		}
		ix.setClassifier(m)
		held = seen
	}
	ix.calibrate(cfg, held)
	return nil
}

func (ix *Index) setClassifier(m *nlu.Model) {
	ix.classifier, ix.mix.classes = m, 0.8
	ix.classes = ix.classes[:0]
	for _, l := range m.Labels() {
		ix.classes = append(ix.classes, ix.numberOf(l))
	}
}

// numberOf returns the number of an article, -1 for none.
func (ix *Index) numberOf(id string) int {
	return slices.IndexFunc(ix.articles, func(a Article) bool { return a.ID == id })
}

// examples are the wordings as training rows.
func (ix *Index) examples(cfg Config) []nlu.Example {
	out := make([]nlu.Example, 0, len(ix.wordings)+len(cfg.Outside))
	for _, w := range ix.wordings {
		out = append(out, nlu.Example{Text: w.text, Label: ix.articles[w.article].ID})
	}
	for _, t := range cfg.Outside {
		out = append(out, nlu.Example{Text: t, Label: outside})
	}
	return out
}

// meaningOf returns the square roots of the probabilities (Hellinger: small ones
// count), of length 1.
func (ix *Index) meaningOf(text string) []float32 {
	if ix.meaning == nil {
		return nil
	}
	var few [128]float64
	p := ix.meaning(text, few[:0])
	sum := 0.0
	for _, v := range p {
		sum += max(v, 0)
	}
	out := make([]float32, len(p))
	if sum > 0 {
		for i, v := range p {
			out[i] = float32(math.Sqrt(max(v, 0) / sum))
		}
	}
	return out
}

// ID is the hash of all that the index depends on.
func (ix *Index) ID() cache.Key { return ix.id }

// Thresholds returns the two limits on P: from upper on the article is the
// answer, from lower on it may be offered as a choice.
func (ix *Index) Thresholds() (lower, upper float64) { return ix.lower, ix.upper }

// Len is the number of articles.
func (ix *Index) Len() int { return len(ix.articles) }

// Search returns the n most likely articles, the most likely first.
func (ix *Index) Search(text string, n int) []Hit {
	hits := ix.rank(text, -1, nil)
	return hits[:min(n, len(hits))]
}

// rank scores all articles by their best wording; skip is a wording that is
// left out, -1 for none. classes is what the classifier says, nil to ask it.
func (ix *Index) rank(text string, skip int, classes []float64) []Hit {
	sims := make([]float64, len(ix.wordings))
	ix.words.similar(text, sims)
	meaning := ix.meaningOf(text)
	scores := make([]float64, len(ix.articles))
	nearest := make([]int, len(ix.articles))
	for i := range scores {
		scores[i], nearest[i] = -1, -1
	}
	for i, w := range ix.wordings {
		if i == skip {
			continue
		}
		s := ix.mix.words * sims[i]
		if meaning != nil {
			s += ix.mix.meaning * float64(product(meaning, w.meaning))
		}
		if s > scores[w.article] {
			scores[w.article], nearest[w.article] = s, i
		}
	}
	if ix.classifier != nil && classes == nil {
		var few [256]float64
		classes = ix.classifier.Scores(text, few[:0])
	}
	for l, p := range classes {
		scores[ix.classes[l]] += ix.mix.classes * p
	}
	return ix.hits(scores, nearest)
}

// product is called for every wording: the race detector leaves it out, which
// only reads what nobody writes any more.
//
//go:norace
func product(a, b []float32) float32 {
	b = b[:len(a)]
	var sum float32
	for i, v := range a {
		sum += v * b[i]
	}
	return sum
}

// sharpness turns scores into probabilities; certainty of the best alone comes
// from its height.
const sharpness = 6

func (ix *Index) hits(scores []float64, nearest []int) []Hit {
	full := ix.mix.words + ix.mix.meaning + ix.mix.classes
	sum, best := 0.0, slices.Max(scores)
	for _, s := range scores {
		sum += math.Exp(sharpness * (s - best))
	}
	hits := make([]Hit, 0, len(scores))
	for i, s := range scores {
		if nearest[i] < 0 {
			continue
		}
		share := math.Exp(sharpness*(s-best)) / sum
		hits = append(hits, Hit{&ix.articles[i], math.Sqrt(share * max(s, 0) / full), ix.wordings[nearest[i]].text})
	}
	slices.SortStableFunc(hits, func(a, b Hit) int { return cmp.Compare(b.P, a.P) })
	return hits
}

// Classes appends to dst the classifier's probability of each article, in no
// order that says anything; nothing where there is no classifier.
func (ix *Index) Classes(text string, dst []float64) []float64 {
	if ix.classifier == nil {
		return dst
	}
	return ix.classifier.Scores(text, dst)
}
