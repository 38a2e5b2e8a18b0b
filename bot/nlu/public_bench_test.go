package nlu

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
	"time"
)

// publicData is the folder of the public data sets, beside the project unless
// HOTLINE_NLU_DATA says otherwise.
func publicData() string {
	if dir := os.Getenv("HOTLINE_NLU_DATA"); dir != "" {
		return dir + "/"
	}
	return "../../../shared/data/nlu/"
}

func publicSet(b *testing.B, name string) []Example {
	b.Helper()
	f, err := os.Open(publicData() + name + ".jsonl")
	if err != nil {
		b.Skip("the public data sets are not here; HOTLINE_NLU_DATA names their folder: ", err)
	}
	defer f.Close()
	var out []Example
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r struct{ Text, Intent string }
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			b.Fatal(err)
		}
		out = append(out, Example{Text: r.Text, Label: r.Intent})
	}
	return out
}

// tenth holds out every tenth example of each label.
func tenth(examples []Example) (train, dev []Example) {
	examples = tidy(examples)
	for i, part := range spread(examples, 10) {
		if part == 0 {
			dev = append(dev, examples[i])
		} else {
			train = append(train, examples[i])
		}
	}
	return train, dev
}

// BenchmarkPublicSets trains on the train parts of public sets and measures on
// their dev parts; BANKING77 has none, so that a tenth of its train part is held
// out. The goals are those of docs/nlu.md.
func BenchmarkPublicSets(b *testing.B) {
	for _, set := range []struct {
		name                string
		accuracy, kept, oos float64 // goals
	}{
		{"banking77", .92, 0, 0}, {"clinc150", .925, .90, .78}, {"hwu64", .88, 0, 0}, {"snips", .975, 0, 0},
	} {
		b.Run(set.name, func(b *testing.B) {
			train := publicSet(b, set.name+".train")
			var dev []Example
			if set.name == "banking77" {
				train, dev = tenth(train)
			} else {
				dev = publicSet(b, set.name+".dev")
			}
			for b.Loop() {
				m, err := Train(b.Context(), train, Config{OutOfScope: "oos"})
				if err != nil {
					b.Fatal(err)
				}
				accuracy, kept, oos, each := score(m, dev)
				b.ReportMetric(100*accuracy, "%right")
				b.ReportMetric(100*kept, "%right-and-kept")
				b.ReportMetric(100*oos, "%oos-rejected")
				b.ReportMetric(float64(each.Microseconds()), "µs/query")
				if accuracy < set.accuracy || kept < set.kept || oos < set.oos {
					b.Errorf("goals are %v, %v, %v", set.accuracy, set.kept, set.oos)
				}
			}
		})
	}
}

// score returns the share of in-scope rows that are right, that are right and
// not rejected, of out-of-scope rows that are rejected, and the time of a query.
func score(m *Model, dev []Example) (accuracy, kept, oos float64, each time.Duration) {
	var in, right, keeps, out, caught float64
	start := time.Now()
	for _, e := range dev {
		switch r := m.Classify(e.Text); {
		case e.Label == m.outOfScope:
			out++
			if r.Decision == Reject {
				caught++
			}
		default:
			in++
			if r.Label == e.Label {
				right++
				if r.Decision != Reject {
					keeps++
				}
			}
		}
	}
	return right / in, keeps / in, caught / max(out, 1), time.Since(start) / time.Duration(len(dev))
}
