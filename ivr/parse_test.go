package ivr

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/*.golden")

// Every wrong flow of testdata/problems has its problems beside it, as people
// see them.
func TestProblems(t *testing.T) {
	files, err := filepath.Glob("testdata/problems/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no flows: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, problems := ParseFile(name+".yaml", text)
			var b strings.Builder
			for _, p := range problems {
				b.WriteString(p.String() + "\n")
				if p.Code == "" {
					t.Errorf("%s: has no code to translate it by", p)
				}
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("got:\n%swant:\n%s", b.String(), want)
			}
		})
	}
}

func TestFlowIsNilExactlyWhenItFailed(t *testing.T) {
	for _, text := range []string{"", "flow: x", "{", "a: *b", "flow: x\nlanguages: [en]\nstart: a\nnodes: {a: {type: end}}"} {
		f, problems := Parse([]byte(text))
		if (f == nil) != Failed(problems) {
			t.Errorf("%q: flow %v, problems %v", text, f, problems)
		}
	}
}

func TestHugeTextsAreRefusedQuickly(t *testing.T) {
	for name, text := range map[string]string{
		"long":      strings.Repeat("a", maxText+1),
		"brackets":  strings.Repeat("[", 100_000),
		"dashes":    strings.Repeat("- ", 100_000),
		"dashes2":   strings.Repeat("-\t", 100_000),
		"questions": strings.Repeat("? ", 100_000),
		"indent":    strings.Repeat(" ", 5000) + "a: b",
		"stairs":    stairs(2000),
		"keys":      strings.Repeat("a: ", 100_000),
		"siblings":  strings.Repeat("a:\n", 50_000),
		"anchors":   "a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]",
		"quotes":    "a: \"" + strings.Repeat("\\", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			if f, problems := Parse([]byte(text)); f != nil || len(problems) == 0 || problems[0].Line == 0 {
				t.Errorf("flow %v, problems %v", f, problems)
			}
		})
	}
}

// stairs nests maps n deep, one more column each.
func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/problems/*.yaml", "demo/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		flow, problems := Parse(text)
		if (flow == nil) != Failed(problems) {
			t.Fatalf("flow %v with problems %v", flow, problems)
		}
		for _, p := range problems {
			if p.Message == "" || p.Severity == Error && p.Line == 0 {
				t.Fatalf("problem without message or line: %+v", p)
			}
		}
		if flow == nil {
			return
		}
		// What passes can be run: every way leads to a node.
		for _, n := range flow.Nodes {
			for _, next := range []string{n.Next, n.Failed} {
				if next != "" && flow.Nodes[next] == nil {
					t.Fatalf("node %s leads to %q, which is not there", n.Name, next)
				}
			}
		}
		if flow.Nodes[flow.Start] == nil {
			t.Fatal("the flow has no start")
		}
	})
}
