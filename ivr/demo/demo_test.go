package demo

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/openhotline/hotline/ivr"
	"github.com/openhotline/hotline/ivr/flowtest"
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

func TestDialogues(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, script := range scripts {
		report, err := flowtest.RunFile(t.Context(), script, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range report.Tests {
			if !o.OK {
				t.Errorf("%s: %s: %s\n%s", script, o.Name, o.Problem, strings.Join(o.Transcript, "\n"))
			}
		}
	}
}
