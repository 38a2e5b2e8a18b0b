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
	// Outside are texts that no article answers; they teach where to stop.
	Outside []string
	// Background are other texts of the same customers, by which is known which
	// words say little.
	Background []string
	// Precision is the share of right answers wanted among those given without
	// asking back. Defaults to 0.93.
	Precision float64
	// Train makes a classifier, or takes it from a cache. Defaults to training.
	Train func(ctx context.Context, examples []nlu.Example) (*nlu.Model, error)
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
	meaning []float64 // of length 1
}

// mix says how the three opinions are weighed; docs/nlu.md has the figures by
// which the weights were chosen.
type mix struct{ words, meaning, classes float64 }

// New makes an index. It takes a second or less for a few hundred articles.
func New(ctx context.Context, articles []Article, cfg Config) (*Index, error) {
	if len(articles) == 0 {
		return nil, ErrNoArticles
	}
	cfg.Precision = cmp.Or(cfg.Precision, 0.93)
	if cfg.Train == nil {
		cfg.Train = func(ctx context.Context, examples []nlu.Example) (*nlu.Model, error) {
			return nlu.Train(ctx, examples, nlu.Config{})
		}
	}
	ix := &Index{articles: slices.Clone(articles), meaning: cfg.Meaning, mix: mix{words: 1, meaning: 1.2}}
	var texts []string
	counts := make([]int, len(articles))
	for i, a := range articles {
		for _, t := range append([]string{a.Question}, a.Variants...) {
			if t == "" {
				continue
			}
			ix.wordings = append(ix.wordings, wording{t, i, ix.meaningOf(t)})
			texts = append(texts, t)
			counts[i]++
		}
		if counts[i] == 0 {
			return nil, fmt.Errorf("faq: article %q has no question", a.ID)
		}
	}
	ix.words = newLexical(texts, cfg.Background)
	slices.Sort(counts)
	if counts[len(counts)/2] >= classifierWordings && len(articles) > 1 {
		if err := ix.train(ctx, cfg); err != nil {
			return nil, err
		}
	}
	if err := ix.calibrate(ctx, cfg); err != nil {
		return nil, err
	}
	return ix, nil
}

// train makes the classifier over articles.
func (ix *Index) train(ctx context.Context, cfg Config) error {
	m, err := cfg.Train(ctx, ix.examples(cfg, -1, 1))
	if err != nil {
		return fmt.Errorf("faq: classifier: %w", err)
	}
	ix.setClassifier(m)
	return nil
}

func (ix *Index) setClassifier(m *nlu.Model) {
	ix.classifier, ix.mix.classes = m, 0.8
	ix.classes = ix.classes[:0]
	for _, l := range m.Labels() {
		ix.classes = append(ix.classes, slices.IndexFunc(ix.articles, func(a Article) bool { return a.ID == l }))
	}
}

// examples are the wordings as training rows, without those of one fold.
func (ix *Index) examples(cfg Config, fold, folds int) []nlu.Example {
	var out []nlu.Example
	for i, w := range ix.wordings {
		if fold < 0 || i%folds != fold {
			out = append(out, nlu.Example{Text: w.text, Label: ix.articles[w.article].ID})
		}
	}
	for i, t := range cfg.Outside {
		if fold < 0 || i%folds != fold {
			out = append(out, nlu.Example{Text: t, Label: "out_of_scope"})
		}
	}
	return out
}

func (ix *Index) meaningOf(text string) []float64 {
	if ix.meaning == nil {
		return nil
	}
	v := ix.meaning(text, nil)
	n := 0.0
	for i := range v {
		v[i] = math.Sqrt(max(v[i], 0)) // Hellinger: small probabilities count
		n += v[i] * v[i]
	}
	if n > 0 {
		for i := range v {
			v[i] /= math.Sqrt(n)
		}
	}
	return v
}

// Thresholds returns the two limits on P: from upper on the article is the
// answer, from lower on it may be offered as a choice.
func (ix *Index) Thresholds() (lower, upper float64) { return ix.lower, ix.upper }

// Len is the number of articles.
func (ix *Index) Len() int { return len(ix.articles) }

// Search returns the n most likely articles, the most likely first.
func (ix *Index) Search(text string, n int) []Hit {
	hits := ix.rank(text, -1)
	return hits[:min(n, len(hits))]
}

// rank scores all articles by their best wording; skip is a wording that is
// left out, -1 for none.
func (ix *Index) rank(text string, skip int) []Hit {
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
		for j := range meaning {
			s += ix.mix.meaning * meaning[j] * w.meaning[j]
		}
		if s > scores[w.article] {
			scores[w.article], nearest[w.article] = s, i
		}
	}
	if ix.classifier != nil {
		var buf [256]float64
		for l, p := range ix.classifier.Scores(text, buf[:0]) {
			scores[ix.classes[l]] += ix.mix.classes * p
		}
	}
	return ix.hits(scores, nearest)
}

// sharpness turns scores into probabilities; certainty of the best alone comes
// from its height.
const sharpness = 6

func (ix *Index) hits(scores []float64, nearest []int) []Hit {
	full := ix.mix.words + ix.mix.classes
	if ix.meaning != nil {
		full += ix.mix.meaning
	}
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
