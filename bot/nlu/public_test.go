package nlu

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
)

// publicData is the folder of the public data sets, beside the project unless
// HOTLINE_NLU_DATA says otherwise.
func publicData() string {
	if dir := os.Getenv("HOTLINE_NLU_DATA"); dir != "" {
		return dir + "/"
	}
	return "../../../shared/data/nlu/"
}

func load(t testing.TB, name string) []Example {
	t.Helper()
	f, err := os.Open(publicData() + name)
	if err != nil {
		t.Skip("public data is not here: ", err)
	}
	defer f.Close()
	var out []Example
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		var r struct{ Text, Intent string }
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, Example{Text: r.Text, Label: r.Intent})
	}
	return out
}

func TestPublic(t *testing.T) {
	for _, set := range []string{"hwu64", "snips", "clinc150"} {
		m, err := Train(t.Context(), load(t, set+".train.jsonl"), Config{OutOfScope: "oos"})
		if err != nil {
			t.Fatal(err)
		}
		var n, right, oos, caught, kept int
		for _, e := range load(t, set+".dev.jsonl") {
			r := m.Classify(e.Text)
			if e.Label == "oos" {
				oos++
				if r.Decision == Reject {
					caught++
				}
				continue
			}
			n++
			if r.Label == e.Label {
				right++
				if r.Decision != Reject {
					kept++
				}
			}
		}
		t.Logf("%s %d/%d %.4f kept %.4f oos %d/%d  T %.3f thr %.3f %.3f dims %d", set, right, n, float64(right)/float64(n), float64(kept)/float64(n), caught, oos, m.temperature, m.lower, m.upper, m.dims())
	}
}
