package faq

import (
	"math"
	"slices"

	"github.com/openhotline/hotline/bot/cache"
	"github.com/openhotline/hotline/bot/nlu"
)

// version is raised by whoever changes what an index is or how it is made.
const version = 5

// kind is under what a folder has indexes.
const kind = "articles"

// key is the hash of all that an index depends on.
func (cfg Config) key(articles []Article) cache.Key {
	var sum cache.Sum
	list := func(texts []string) {
		sum.Number(float64(len(texts)))
		for _, t := range texts {
			sum.Text(t)
		}
	}
	sum.Number(version)
	sum.Number(nlu.Version)
	sum.Text(cfg.MeaningID.String())
	sum.Text(cfg.Concepts.ID().String())
	sum.Text(cfg.Synonyms.ID().String())
	sum.Number(cfg.Precision)
	list(cfg.Outside)
	list(cfg.Background)
	for _, a := range articles {
		sum.Text(a.ID)
		sum.Text(a.Question)
		list(a.Variants)
	}
	return sum.Key()
}

// folder is where the index may be kept: nowhere, if what it depends on is not
// known.
func (cfg Config) folder() *cache.Folder {
	if cfg.Meaning != nil && cfg.MeaningID == (cache.Key{}) {
		return nil
	}
	return cfg.Cache
}

// load takes the index from the cache and tells whether it was there. What does
// not fit the articles is dropped, so that the index is made anew.
func (ix *Index) load(cfg Config, classify bool) bool {
	content, ok := cfg.folder().Load(kind, ix.id)
	if ok && ix.decode(content, cfg, classify) != nil {
		cfg.folder().Drop(kind, ix.id)
		return false
	}
	return ok
}

func (ix *Index) save(cfg Config) {
	if f := cfg.folder(); f != nil {
		f.Save(kind, ix.id, ix.encode())
	}
}

func (ix *Index) encode() []byte {
	var w cache.Writer
	for _, f := range ix.fields {
		f.encode(&w)
	}
	var meanings []float32
	for _, o := range ix.wordings {
		meanings = append(meanings, o.meaning...)
	}
	w.Floats(meanings)
	w.Float(ix.lower)
	w.Float(ix.upper)
	if ix.classifier != nil {
		w.Raw(nlu.Encode(ix.classifier))
	}
	return w.Bytes
}

// decode fills an index that has its articles and wordings, or leaves it as it
// was and returns an error. cfg is what it was made with, classify is whether it
// must have a classifier.
func (ix *Index) decode(content []byte, cfg Config, classify bool) error {
	r := cache.NewReader(content)
	fields := cfg.fields(classify)
	for i, f := range fields {
		fields[i].lexical = decodeLexical(r, f.split, len(ix.wordings))
	}
	meanings, lower, upper := r.Floats(), r.Float(), r.Float()
	var classifier *nlu.Model
	if r.More() {
		m, err := nlu.Decode(r.Raw(), cfg.Concepts)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(m.Labels(), func(l string) bool { return ix.numberOf(l) < 0 }) {
			r.Fail()
		}
		classifier = m
	}
	each := len(ix.meaningOf(ix.wordings[0].text)) // of every text the same
	if len(meanings) != each*len(ix.wordings) || !usable(meanings) || (classifier != nil) != classify ||
		!(0 <= lower && lower <= upper && upper <= 1) {
		r.Fail()
	}
	if err := r.Err(); err != nil {
		return err
	}
	for i := range ix.wordings {
		if each > 0 {
			ix.wordings[i].meaning = meanings[i*each : (i+1)*each]
		}
	}
	ix.fields, ix.lower, ix.upper = fields, lower, upper
	if classifier != nil {
		ix.setClassifier(classifier)
	}
	return nil
}

// usable tells whether numbers are what counts, lengths and shares can be: none
// is negative, infinite or no number.
func usable[F float32 | float64](numbers []F) bool {
	return !slices.ContainsFunc(numbers, func(v F) bool { return !(v >= 0 && v <= math.MaxFloat32) })
}
