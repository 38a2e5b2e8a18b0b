package faq

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// outsiders are texts that none of the articles below answers.
func outsiders(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("how do I return parcel %d for money", i)
	}
	return texts
}

// With one wording per article nothing can be left out: the limits must not be
// drawn from texts outside alone, which would answer next to nothing.
func TestLimitsWithOneWordingEach(t *testing.T) {
	ix, err := New(context.Background(), []Article{
		{ID: "returns", Question: "How do I return a parcel?"},
		{ID: "hours", Question: "When are you open?"},
	}, Config{Outside: outsiders(200)})
	if err != nil {
		t.Fatal(err)
	}
	if lower, upper := ix.Thresholds(); lower != defaultLower || upper != defaultUpper {
		t.Errorf("limits %.2f and %.2f, want %.2f and %.2f", lower, upper, defaultLower, defaultUpper)
	}
	if hits := ix.Search("when do you open", 1); hits[0].Article.ID != "hours" {
		t.Errorf("found %q, want hours", hits[0].Article.ID)
	}
}

func TestLimitsKeepThePrecision(t *testing.T) {
	var seen []judged
	for i := range 100 {
		p := 1 - float64(i)/100
		seen = append(seen, judged{p: p, right: i < 60})
	}
	lower, upper := limits(seen, 0.93)
	if upper < 0.36 || upper > 0.41 {
		t.Errorf("upper %.2f: 60 right and 4 wrong are 0.9375, so about 0.37 is wanted", upper)
	}
	if lower > upper {
		t.Errorf("lower %.2f above upper %.2f", lower, upper)
	}
}

func TestNoArticles(t *testing.T) {
	if _, err := New(context.Background(), nil, Config{}); !errors.Is(err, ErrNoArticles) {
		t.Errorf("got %v, want ErrNoArticles", err)
	}
}
