package demo

import (
	"testing"

	"github.com/openhotline/hotline/ivr"
)

func TestDemoFlowsHaveNoProblems(t *testing.T) {
	entries, err := Entries()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		f, problems := ivr.ParseFile(e.FlowID, []byte(e.Text))
		for _, p := range problems {
			t.Error(p)
		}
		if f == nil || f.ID != e.FlowID {
			t.Errorf("%s: no flow", e.Number)
		}
	}
}
