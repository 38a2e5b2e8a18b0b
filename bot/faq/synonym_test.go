package faq

import (
	"testing"

	"github.com/openhotline/hotline/bot/nlu"
)

var synonyms = nlu.NewConcepts(map[string][]string{
	"toilet": {"toilet*", "bathroom*", "pee"},
	"pet":    {"pet*", "dog*", "puppy"},
	"park":   {"parking", "leave the car"},
})

// A question that shares no word with the article is found by words that stand
// for one another, and not without them.
func TestSynonymsFindWhatSharesNoWord(t *testing.T) {
	articles := []Article{
		{ID: "toilets", Question: "Is there a toilet in the shop?"},
		{ID: "pets", Question: "Are dogs allowed inside?"},
		{ID: "parking", Question: "Do you have parking?"},
	}
	with := indexOf(t, articles, Config{Synonyms: synonyms})
	without := indexOf(t, articles, Config{})
	for question, want := range map[string]string{
		"my kid must pee":           "toilets",
		"bringing my puppy along":   "pets",
		"where can I leave the car": "parking",
	} {
		if h := with.Search(question, 1)[0]; h.Article.ID != want {
			t.Errorf("%q: found %s (%.2f), want %s", question, h.Article.ID, h.P, want)
		}
		if a, b := with.Search(question, 1)[0].P, without.Search(question, 1)[0].P; a <= b {
			t.Errorf("%q: %.2f with synonyms, %.2f without", question, a, b)
		}
	}
}

func TestStem(t *testing.T) {
	for _, same := range [][]string{
		{"card", "cards"}, {"fee", "fees"}, {"charge", "charges", "charged", "charging"}, {"delivery", "deliveries"},
		{"stop", "stops", "stopped", "stopping"}, {"box", "boxes"}, {"watch", "watches"},
	} {
		for _, w := range same {
			if got, want := string(stem([]rune(w))), string(stem([]rune(same[0]))); got != want {
				t.Errorf("%s becomes %s, %s becomes %s", w, got, same[0], want)
			}
		}
	}
	for _, w := range []string{"", "s", "is", "bus", "ing", "名", "été"} {
		if got := string(stem([]rune(w))); got != w {
			t.Errorf("%q becomes %q", w, got)
		}
	}
	// The last two bytes of 丸 are alike, and é is one letter of two bytes.
	for w, want := range map[string]string{"mug丸": "mug丸", "cafés": "café", "sués": "sué", "aés": "aés", "abéé": "abé"} {
		if got := string(stem([]rune(w))); got != want {
			t.Errorf("%q becomes %q, want %q", w, got, want)
		}
	}
	if a, b := string(stem([]rune("plan"))), string(stem([]rune("plane"))); a != "plan" || b == "" {
		t.Errorf("plan becomes %q, plane %q", a, b)
	}
}
