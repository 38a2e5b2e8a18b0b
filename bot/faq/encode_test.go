package faq

import (
	"log/slog"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/openhotline/hotline/bot/cache"
)

// shop are two articles with wordings enough for a classifier.
func shop() []Article {
	return []Article{
		{ID: "returns", Question: "How do I return a parcel?", Variants: []string{
			"return my order", "send the parcel back", "I want to return this", "how can I give goods back", "return label please"}},
		{ID: "hours", Question: "When are you open?", Variants: []string{
			"opening hours", "are you open on Sunday", "when do you close", "what time do you open", "opening times today"}},
	}
}

// halves is a meaning of two parts.
func halves(text string, dst []float64) []float64 {
	n := float64(len(text)%7) / 7
	return append(dst, n, 1-n)
}

// indexOf makes an index without a cache.
func indexOf(t testing.TB, articles []Article, cfg Config) *Index {
	t.Helper()
	cfg.Cache = nil
	ix, err := New(t.Context(), articles, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

// bare is an index before it is filled.
func bare(ix *Index) *Index {
	b := &Index{id: ix.id, articles: ix.articles, meaning: ix.meaning}
	for _, w := range ix.wordings {
		b.wordings = append(b.wordings, wording{text: w.text, article: w.article})
	}
	return b
}

// What lies in the cache under the right key, but does not fit the articles, is
// not used: the index is made anew, and takes its place.
func TestIndexOfTheWrongShapeIsMadeAnew(t *testing.T) {
	cfg := Config{Meaning: halves, MeaningID: cache.Key{1}}
	fresh := indexOf(t, shop(), cfg)
	others := shop()
	others[0].ID = "parcels"
	foreign := indexOf(t, others, cfg).classifier
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, spoil := range map[string]func(*Index){
		"no meanings":                 func(ix *Index) { each(ix, func(w *wording) { w.meaning = nil }) },
		"meanings of another model":   func(ix *Index) { each(ix, func(w *wording) { w.meaning = append(w.meaning, 0) }) },
		"a meaning that is no number": func(ix *Index) { ix.wordings[3].meaning[0] = nan },
		"no classifier":               func(ix *Index) { ix.classifier = nil },
		"a negative count":            func(ix *Index) { ix.fields[0].counts[1] = -1 },
		"a count that is no number":   func(ix *Index) { ix.fields[0].counts[1] = nan },
		"an infinite length":          func(ix *Index) { ix.fields[0].lengths[0] = inf },
		"a weight that is no number":  func(ix *Index) { ix.fields[0].idf[0] = nan },
		"no mean":                     func(ix *Index) { ix.fields[0].mean = math.NaN() },
		"a wording that is not there": func(ix *Index) { ix.fields[0].wordings[0] = uint32(len(ix.wordings)) },
		"postings beyond the end":     func(ix *Index) { ix.fields[0].from[len(ix.fields[0].from)-1]++ },
		"postings backwards":          func(ix *Index) { ix.fields[0].from[1], ix.fields[0].from[2] = 9, 1 },
		"terms in disorder":           func(ix *Index) { slices.Reverse(ix.fields[0].terms) },
		"fewer counts than postings":  func(ix *Index) { ix.fields[0].counts = ix.fields[0].counts[1:] },
		"fewer lengths than wordings": func(ix *Index) { ix.fields[0].lengths = ix.fields[0].lengths[1:] },
		"limits upside down":          func(ix *Index) { ix.lower, ix.upper = 0.9, 0.1 },
		"a limit that is no number":   func(ix *Index) { ix.lower = math.NaN() },
		"a classifier of others":      func(ix *Index) { ix.classifier = foreign },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := bare(fresh)
			if err := bad.decode(fresh.encode(), Config{}, true); err != nil {
				t.Fatal(err)
			}
			spoil(bad)
			folder, err := cache.Open(t.TempDir(), 1<<20, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			folder.Save(kind, fresh.id, bad.encode())
			with := cfg
			with.Cache = folder
			for range 2 { // made anew, then read
				ix, err := New(t.Context(), shop(), with)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := ix.Search("can I give the parcel back", 2), fresh.Search("can I give the parcel back", 2); !reflect.DeepEqual(got, want) {
					t.Errorf("found %+v, want %+v", got, want)
				}
			}
			if content, ok := folder.Load(kind, fresh.id); !ok || !slices.Equal(content, fresh.encode()) {
				t.Error("the cache has the old one still")
			}
		})
	}
}

func each(ix *Index, f func(*wording)) {
	for i := range ix.wordings {
		f(&ix.wordings[i])
	}
}

// FuzzDecode: whatever the bytes are, an index is refused or answers.
func FuzzDecode(f *testing.F) {
	withMeaning := Config{Meaning: halves, MeaningID: cache.Key{1}}
	few := shop()
	few[0].Variants, few[1].Variants = nil, nil // no classifier
	withSynonyms := Config{Synonyms: synonyms}
	all := []struct {
		*Index
		cfg Config
	}{
		{indexOf(f, few, Config{}), Config{}}, {indexOf(f, few, withMeaning), withMeaning},
		{indexOf(f, few, withSynonyms), withSynonyms}, {indexOf(f, shop(), withMeaning), withMeaning},
	}
	for _, ix := range all {
		content := ix.encode()
		f.Add(content)
		f.Add(content[:len(content)/2])
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, made := range all {
			ix := bare(made.Index)
			if ix.decode(slices.Clone(content), made.cfg, made.classifier != nil) != nil {
				if ix.fields != nil || ix.classifier != nil || ix.wordings[0].meaning != nil {
					t.Fatal("refused, and changed all the same")
				}
				continue
			}
			hits := ix.Search("return my order today", 2)
			if len(hits) != 2 {
				t.Fatalf("%d hits of two articles", len(hits))
			}
		}
	})
}
