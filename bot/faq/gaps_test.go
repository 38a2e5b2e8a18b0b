package faq

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var unanswered = []string{
	"do you sell gift wrapping paper", "can I bring my dog into the shop", "are dogs allowed in the shop", "is my dog allowed in your shop",
	"you take bitcoin?", "can I pay with bitcoin", "do you accept bitcoin as payment", "is the shop open at christmas", "can I pay with bitcoin",
	"可以带狗进店吗", "店里能带狗吗", "你们收比特币吗", "能用比特币付款吗", "比特币可以付款吗",
	"犬を連れて入れますか", "お店に犬を連れて行ってもいいですか", "ビットコインで払えますか", "ビットコイン払いはできますか",
}

func TestGaps(t *testing.T) {
	t.Parallel()
	got, err := Gaps(t.Context(), unanswered, GapsConfig{})
	if err != nil {
		t.Fatal(err)
	}
	groupOf := func(q string) Gap {
		for _, g := range got {
			if slices.Contains(g.Questions, q) {
				return g
			}
		}
		t.Fatalf("%q is in no group", q)
		return Gap{}
	}
	for _, same := range [][]string{
		{"can I bring my dog into the shop", "are dogs allowed in the shop", "is my dog allowed in your shop"},
		{"can I pay with bitcoin", "do you accept bitcoin as payment"},
		{"能用比特币付款吗", "比特币可以付款吗"}, {"ビットコインで払えますか", "ビットコイン払いはできますか"}, {"可以带狗进店吗", "店里能带狗吗"},
	} {
		for _, q := range same[1:] {
			if groupOf(q).Label != groupOf(same[0]).Label {
				t.Errorf("%q and %q are apart: %+v", same[0], q, got)
			}
		}
	}
	if groupOf("can I pay with bitcoin").Label == groupOf("is my dog allowed in your shop").Label {
		t.Error("dogs and bitcoin are one")
	}
	if g := groupOf("can I pay with bitcoin"); g.Label != "can I pay with bitcoin" || g.Count < 3 {
		t.Errorf("label and count are %+v", g)
	}
	for i := range got[1:] {
		if got[i].Count < got[i+1].Count {
			t.Error("not the largest first")
		}
	}
}

func TestGapsEdges(t *testing.T) {
	t.Parallel()
	if got, err := Gaps(t.Context(), nil, GapsConfig{}); err != nil || got != nil {
		t.Error(got, err)
	}
	if got, err := Gaps(t.Context(), []string{"", "???", "???"}, GapsConfig{}); err != nil || len(got) != 1 || got[0].Count != 2 {
		t.Error(got, err)
	}
	if got, err := Gaps(t.Context(), unanswered, GapsConfig{Smallest: 100}); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Gaps(ctx, unanswered, GapsConfig{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Ten thousand questions of a few hundred kinds: bounded, the same each time,
// and each question in exactly one group.
func TestGapsAtTheirBound(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	things := make([]string, 100)
	for i := range things {
		things[i] = fmt.Sprintf("%c%c%c thing%d", 'a'+r.IntN(26), 'a'+r.IntN(26), 'a'+r.IntN(26), i)
	}
	var questions []string
	for range 1500 {
		questions = append(questions, strings.Join([]string{[]string{"please", "hi", "so"}[r.IntN(3)], []string{"how much is", "where is", "can you mend"}[r.IntN(3)], things[r.IntN(100)]}, " "))
	}
	one, err := Gaps(t.Context(), questions, GapsConfig{})
	if err != nil {
		t.Fatal(err)
	}
	two, err := Gaps(t.Context(), questions, GapsConfig{})
	if err != nil || !reflect.DeepEqual(one, two) {
		t.Error("not the same twice", err)
	}
	seen, count := map[string]bool{}, 0
	for _, g := range one {
		count += g.Count
		for _, q := range g.Questions {
			if seen[q] {
				t.Errorf("%q is in two groups", q)
			}
			seen[q] = true
		}
	}
	if count != len(questions) {
		t.Errorf("%d of %d questions are in groups", count, len(questions))
	}
	many := make([]string, MostGaps+5)
	for i := range many {
		many[i] = "the same"
	}
	if got, err := Gaps(t.Context(), many, GapsConfig{}); err != nil || got[0].Count != MostGaps {
		t.Error(got, err)
	}
}
