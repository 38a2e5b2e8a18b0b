package pack

import (
	"strings"
	"testing"
)

func TestAppendDraft(t *testing.T) {
	t.Parallel()
	a := Article{ID: "bitcoin", Question: `Do you "take" <bitcoin>: # yes?`, Variants: []string{"- a", "它: 'b'"}}
	text, err := AppendDraft("drafts.yaml", nil, a)
	if err != nil {
		t.Fatal(err)
	}
	text, err = AppendDraft("drafts.yaml", text, Article{ID: "dogs", Intent: "order_status", Question: "Dogs?", Answer: "On a lead."})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Drafts("drafts.yaml", text)
	if err != nil || len(got) != 2 || got[0].Question != a.Question || got[0].Variants[1] != a.Variants[1] || got[0].Answer != "" || got[1].Intent != "order_status" || got[1].Answer != "On a lead." {
		t.Errorf("%+v, %v\n%s", got, err, text)
	}
	for want, c := range map[string]struct {
		text string
		a    Article
	}{
		"already":         {string(text), Article{ID: "dogs", Question: "x"}},
		"no id":           {"", Article{ID: "Dogs!", Question: "x"}},
		"no question":     {"", Article{ID: "x"}},
		"way of its own":  {"articles: [{id: a, question: A?}]\n", Article{ID: "x", Question: "x"}},
		"must be a list":  {"articles: none\n", Article{ID: "x", Question: "x"}},
		"this is not YAM": {"articles: [", Article{ID: "x", Question: "x"}},
	} {
		if _, err := AppendDraft("drafts.yaml", []byte(c.text), c.a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func FuzzAppendDraft(f *testing.F) {
	f.Add("articles:\n  - {id: a, question: A?}\n", "What?", "so\nwhat")
	f.Add("", "", "\x00")
	f.Fuzz(func(t *testing.T, text, question, variant string) {
		out, err := AppendDraft("f", []byte(text), Article{ID: "new", Question: question, Variants: []string{variant}})
		if err != nil {
			return
		}
		before, err := Drafts("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if after, err := Drafts("f", out); err != nil || len(after) != len(before)+1 {
			t.Fatalf("%q and %q give %q: %v", text, question, out, err)
		}
	})
}
