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
	// Synonyms are finer groups of words, for articles with few wordings; nil for
	// none.
	Synonyms *nlu.Concepts
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
	fields       []field
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

// mix says how much the opinions that are not of words count beside them; docs/nlu.md has the figures by
// which the weights were chosen.
type mix struct{ meaning, classes float64 }

// synonymsWeight is that of groups of words beside the words themselves.
const synonymsWeight = 1

// field is one way to look at the words of a question, with its weight.
type field struct {
	*lexical
	weight float64
	open   bool // counts as much as the meanings leave open
}

// outside is the classifier's label for texts that no article answers.
const outside = "out_of_scope"

// New makes an index, or takes it from the cache. Making takes some seconds for
// a hundred articles with ten wordings each.
func New(ctx context.Context, articles []Article, cfg Config) (*Index, error) {
	if len(articles) == 0 {
		return nil, ErrNoArticles
	}
	cfg.Precision = cmp.Or(cfg.Precision, 0.93)
	ix := &Index{articles: slices.Clone(articles), meaning: cfg.Meaning}
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
	if classify {
		cfg.Synonyms = nil
	}
	ix.id = cfg.key(articles)
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
	for _, f := range cfg.fields(classify) {
		f.lexical = newLexical(f.split, texts, cfg.Background)
		ix.fields = append(ix.fields, f)
	}
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

// fields are the ways to look at words, without their indexes. The classifier
// knows what words mean from the wordings that it was trained with; where there
// is none, synonyms and stems stand in for them (docs/nlu.md).
func (cfg Config) fields(classify bool) []field {
	if classify {
		return []field{{lexical: &lexical{split: appendTerms}, weight: 1}}
	}
	out := []field{{lexical: &lexical{split: appendStems}, weight: 1}}
	if cfg.Synonyms != nil {
		out = append(out, field{&lexical{split: groupsIn(cfg.Synonyms)}, synonymsWeight, true})
	}
	return out
}

// groupsIn splits a text into the groups that its words belong to.
func groupsIn(synonyms *nlu.Concepts) splitter {
	return func(dst []term, text string) []term {
		var few [64]uint64
		for _, group := range synonyms.In(text, few[:0]) {
			dst = append(dst, term(group))
		}
		return dst
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
	meaning := ix.meaningOf(text)
	sims, full := ix.alike(text, meaning)
	scores := make([]float64, len(ix.articles))
	nearest := make([]int, len(ix.articles))
	for i := range scores {
		scores[i], nearest[i] = -1, -1
	}
	for i, w := range ix.wordings {
		if i == skip {
			continue
		}
		if s := sims[i]; s > scores[w.article] {
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
	return ix.hits(scores, nearest, full+ix.mix.classes)
}

// alike is how much each wording is like the text, and the most that can be.
// Synonyms count as much as the meanings leave open: where a wording means the
// same to models that know the subject, they have nothing to add.
func (ix *Index) alike(text string, meaning []float32) (sims []float64, full float64) {
	sims, full = make([]float64, len(ix.wordings)), ix.mix.meaning
	closest := 0.0
	if meaning != nil {
		for i, w := range ix.wordings {
			p := float64(product(meaning, w.meaning))
			sims[i], closest = ix.mix.meaning*p, max(closest, p)
		}
	}
	by := make([]float64, len(sims))
	for _, f := range ix.fields {
		weight := f.weight
		if f.open {
			weight *= 1 - closest*closest*closest
		}
		f.similar(text, by)
		for i, s := range by {
			sims[i] += weight * s
		}
		full += weight
	}
	return sims, full
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

// hits turns scores, of which full is the highest possible, into probabilities.
func (ix *Index) hits(scores []float64, nearest []int, full float64) []Hit {
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
