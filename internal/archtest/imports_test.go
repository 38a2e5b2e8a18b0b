// Package archtest holds the import table of docs/architecture to the code.
package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/openhotline/hotline/"

// leaves are the packages of level 0: everybody may import them.
var leaves = []string{"internal/id", "internal/calendar", "internal/phone", "internal/money", "internal/i18n", "internal/redact"}

// domain are the packages of level 3; they never import one another.
var domain = []string{"internal/call", "ivr", "bot", "agent", "omni", "ticket"}

// below lists what a tree may import beside itself, its parents and the leaves.
// A tree's children inherit its row unless they have one of their own.
var below = map[string][]string{
	"sip":   {},
	"media": {},

	"media/webrtc": {"media"},
	"asr":          {"media"},
	"asr/mrcp":     {"media", "sip"},
	"tts":          {"media"},

	"internal/call": {"sip", "media", "media/webrtc", "asr", "tts"},
	"ivr":           {"media", "asr", "tts"},
	"bot":           {},
	"agent":         {},
	"omni":          {},
	"ticket":        {},

	"internal/journey": append([]string{"sip", "media", "media/webrtc", "asr", "tts"}, domain...),
	"insight":          domain,

	"internal/store":    append([]string{"sip", "media", "internal/journey", "insight", "tts"}, domain...),
	"internal/bus":      domain,
	"internal/httpapi":  append([]string{"sip", "media", "internal/journey", "insight", "tts", "asr", "web", "internal/config"}, domain...),
	"internal/simulate": append([]string{"sip", "media", "media/webrtc", "tts", "insight", "internal/config"}, domain...),
	"internal/config":   append([]string{"sip", "media", "tts"}, domain...),
	"web":               {},

	"internal/app": {"*"},
	"cmd":          {"internal/app"},

	"internal/archtest": {},
	"internal/e2e":      {"*"},
	"internal/bench":    {"*"},
}

// rowOf returns the longest tree of the table that holds the package.
func rowOf(pkg string) (tree string, ok bool) {
	for t := range below {
		if within(pkg, t) && len(t) > len(tree) {
			tree, ok = t, true
		}
	}
	return tree, ok
}

func within(pkg, tree string) bool { return pkg == tree || strings.HasPrefix(pkg, tree+"/") }

// allowed reports whether pkg may import dep, both relative to the module.
func allowed(pkg, dep string) error {
	if slices.ContainsFunc(leaves, func(l string) bool { return within(pkg, l) }) {
		if slices.ContainsFunc(leaves, func(l string) bool { return within(dep, l) && within(pkg, l) }) {
			return nil
		}
		return fmt.Errorf("a leaf imports nothing of ours")
	}
	if slices.ContainsFunc(leaves, func(l string) bool { return within(dep, l) }) {
		return nil
	}
	tree, ok := rowOf(pkg)
	if !ok {
		return fmt.Errorf("%s has no row in the import table", pkg)
	}
	depTree, ok := rowOf(dep)
	if !ok {
		return fmt.Errorf("%s has no row in the import table", dep)
	}
	if tree == depTree {
		return nil // within one tree the compiler forbids cycles
	}
	for _, may := range below[tree] {
		if may == "*" || may == depTree || within(depTree, may) && below[depTree] == nil {
			return nil
		}
	}
	return fmt.Errorf("%s (of %s) may not import %s", pkg, tree, dep)
}

func TestImportsFollowTheTable(t *testing.T) {
	root := "../.."
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "node_modules" || name == "testdata" || strings.HasPrefix(name, ".") && path != root {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		files++
		checkFile(t, root, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Fatalf("only %d Go files were found: the walk is broken", files)
	}
}

func checkFile(t *testing.T, root, path string) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	rel, err := filepath.Rel(root, filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	pkg := filepath.ToSlash(rel)
	for _, spec := range f.Imports {
		imported := strings.Trim(spec.Path.Value, `"`)
		dep, ours := strings.CutPrefix(imported, module)
		if pkg == "media" && !strings.HasSuffix(path, "_test.go") && strings.Contains(imported, ".") && !ours {
			t.Errorf("%s: the root of media imports the standard library only, not %s", path, imported)
		}
		if strings.HasPrefix(imported, "github.com/pion/webrtc/") && !within(pkg, "internal/simulate") && !strings.HasSuffix(path, "_test.go") {
			t.Errorf("%s: only tests and the simulator's browsers use pion/webrtc", path)
		}
		for _, part := range []string{"ice", "dtls", "srtp"} {
			if strings.HasPrefix(imported, "github.com/pion/"+part+"/") && !within(pkg, "media/webrtc") {
				t.Errorf("%s: only media/webrtc uses pion's %s", path, part)
			}
		}
		if !ours {
			continue
		}
		if strings.HasSuffix(path, "_test.go") && within(dep, "media/mediatest") {
			continue
		}
		if err := allowed(pkg, dep); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestTableRefusesWhatItShould(t *testing.T) {
	refused := [][2]string{
		{"agent", "sip"}, {"sip", "media"}, {"media", "sip"}, {"ivr", "internal/call"}, {"omni", "agent"},
		{"internal/store", "internal/httpapi"}, {"internal/httpapi", "internal/store"}, {"internal/journey", "internal/store"},
		{"cmd/hotline", "sip"}, {"insight", "internal/journey"}, {"internal/id", "omni"}, {"tts", "asr"},
	}
	for _, c := range refused {
		if allowed(c[0], c[1]) == nil {
			t.Errorf("%s may import %s: the table has a hole", c[0], c[1])
		}
	}
	granted := [][2]string{
		{"internal/call", "media/rtp"}, {"media/rtp", "media"}, {"internal/journey", "agent"}, {"ivr", "internal/id"},
		{"internal/store", "agent/account"}, {"cmd/hotline", "internal/app"}, {"internal/app", "internal/store"},
	}
	for _, c := range granted {
		if err := allowed(c[0], c[1]); err != nil {
			t.Error(err)
		}
	}
}
