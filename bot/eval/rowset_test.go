package eval

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openhotline/hotline/bot/nlu"
)

func TestClustersOfNearIdenticalWordings(t *testing.T) {
	t.Parallel()
	texts := []string{
		"Where is my parcel?", "give me my money back", "where is my  parcel!!", "where is my order", "where is parcel 4711 now please",
		"where is parcel 23 now please", "我的快递到哪里了", "我的快递到哪里了呢", "我要退款", "😀", "", "refund", "😀",
	}
	got := clusters(texts)
	want := []int{0, 1, 0, 2, 3, 3, 4, 4, 5, 6, 7, 8, 6}
	if !slices.Equal(got, want) {
		t.Errorf("clusters are %v, want %v", got, want)
	}
}

// Every pair that is alike is found, as when all are compared.
func TestClustersMissNoPair(t *testing.T) {
	t.Parallel()
	var texts []string
	words := []string{"where", "when", "is", "my", "the", "parcel", "order", "refund", "now", "please"}
	for i := range 300 {
		var t []string
		for n := i; n > 0; n /= 3 {
			t = append(t, words[n%len(words)])
		}
		texts = append(texts, strings.Join(t, " "))
	}
	got, sets := clusters(texts), gramSets(texts)
	pairs := 0
	for i := range texts {
		for j := range i {
			if jaccard(sets[i], sets[j]) >= alike {
				if pairs++; got[i] != got[j] {
					t.Errorf("%q and %q are apart", texts[i], texts[j])
				}
			}
		}
	}
	if pairs < 50 {
		t.Fatalf("only %d pairs are alike: the test says little", pairs)
	}
}

func TestFoldsKeepClustersTogether(t *testing.T) {
	t.Parallel()
	var examples []nlu.Example
	for i := range 60 {
		label := []string{"tracking", "refund", "human"}[i%3]
		text := strings.Repeat(string(rune('a'+i%26)), 3+i%5) + fmt.Sprintf(" %s %c", label, rune('α'+i/2))
		examples = append(examples, nlu.Example{Text: text, Label: label}, nlu.Example{Text: text + "!", Label: label})
	}
	const k = 4
	fold := foldsOf(examples, k)
	count := map[string][]int{}
	for i, e := range examples {
		if i%2 == 1 && fold[i] != fold[i-1] {
			t.Errorf("%q is not where its copy is", e.Text)
		}
		if count[e.Label] == nil {
			count[e.Label] = make([]int, k)
		}
		count[e.Label][fold[i]]++
	}
	for label, n := range count {
		if slices.Min(n) < 5 {
			t.Errorf("%s is spread as %v", label, n)
		}
	}
}

// shop is rows whose nouns alone tell the labels apart.
func shop() []Row {
	var rows []Row
	for _, form := range []string{"%s", "%s please", "my %s now", "hello %s", "about the %s"} {
		for _, noun := range []string{"parcel", "delivery", "package", "shipment", "courier", "carton"} {
			rows = append(rows, Row{Text: fmt.Sprintf(form, noun), Intent: "tracking"})
		}
		for _, noun := range []string{"refund", "repayment", "cashback", "reimbursement", "deposit", "money back"} {
			rows = append(rows, Row{Text: fmt.Sprintf(form, noun), Intent: "refund"})
		}
	}
	return rows
}

func TestNoiseFindsWrongLabels(t *testing.T) {
	t.Parallel()
	rows := append(shop(), Row{Text: "refund my deposit as cashback", Intent: "tracking"},
		Row{Text: "My parcel now??", Intent: "refund"}, Row{Text: "shipment package delivery", Intent: "oos"})
	n, err := OfRows(rows).Noise(t.Context(), 4, func(float64) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Suspects) == 0 || n.Suspects[0].Label == n.Suspects[0].Taken || n.Accuracy < 0.9 {
		t.Fatalf("%+v", n)
	}
	found := map[string]string{}
	for _, s := range n.Suspects {
		found[s.Text] = s.Taken + " " + s.At
	}
	if found[rows[60].Text] != "refund row 61" || found[rows[61].Text] != "tracking row 62" || found[rows[62].Text] != "tracking row 63" || len(found) > 5 {
		t.Errorf("suspects are %v", found)
	}
	if len(n.Conflicts) != 1 || len(n.Conflicts[0].Rows) != 2 || n.Conflicts[0].Rows[1].At != "row 62" {
		t.Errorf("conflicts are %+v", n.Conflicts)
	}
	var out strings.Builder
	n.Print(&out, 10)
	if !strings.Contains(out.String(), rows[60].Text) {
		t.Errorf("report is %s", out.String())
	}
}

func TestCurveRises(t *testing.T) {
	t.Parallel()
	var last float64
	c, err := OfRows(shop()).Curve(t.Context(), nil, func(done float64) {
		if done < last || done > 1 {
			t.Errorf("progress went from %v to %v", last, done)
		}
		last = done
	})
	if err != nil {
		t.Fatal(err)
	}
	first, full := c.Points[0], c.Points[len(c.Points)-1]
	if full.Accuracy.Share < 0.9 || full.PerIntent != 22.5 || first.PerIntent >= full.PerIntent/3 || full.Accuracy.Of != 60 || last != 1 {
		t.Errorf("curve is %+v, progress ended at %v", c, last)
	}
	own, err := OfRows(shop()).Curve(t.Context(), shop()[:6], func(float64) {})
	if err != nil {
		t.Fatal(err)
	}
	if got := own.Points[len(own.Points)-1]; got.Accuracy.Share != 1 || got.Rows != 60 {
		t.Errorf("on rows of its own it is %+v", got)
	}
}

func TestCrossValidate(t *testing.T) {
	t.Parallel()
	c, err := OfRows(shop()).CrossValidate(t.Context(), 3, func(float64) {})
	if err != nil {
		t.Fatal(err)
	}
	if c.Rows != 60 || c.Accuracy < 0.9 || c.Accuracy == 1 && len(c.Mistakes) > 0 {
		t.Errorf("%+v", c)
	}
}
